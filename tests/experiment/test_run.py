"""A run from Python: whatever the folder is, and going on with it."""

import collections
import json
import os
import shutil
import signal
import threading

import pytest
from helpers import ROOT, SMALL, SYNTHETIC, run_script, set_options, small
from image_data import small_images

from avb_tf1.config.loading import load_config
from avb_tf1.estimation import adaptive_quadrature, quadrature
from avb_tf1.experiment import run as experiment
from avb_tf1.experiment.run import opened_run, run_experiment
from avb_tf1.ground import command_line, stopping
from avb_tf1.ground.errors import InputError
from avb_tf1.runs import run_folder
from avb_tf1.tasks.data_set import task as data_set_task
from avb_tf1.tasks.given_posterior import measures as given_posterior_measures
from avb_tf1.tasks.given_posterior import reference as given_reference
from avb_tf1.tasks.known_images import measures as known_images_measures
from avb_tf1.tasks.registry import TASKS

RESULTS = ("losses.csv", "latents.npz", "snapshots.npz", "metrics.json", "latent_space.png", "config.yaml")


def results(folder):
    return {name: (folder / name).read_bytes() for name in RESULTS}


@pytest.fixture(scope="module")
def thirty(tmp_path_factory):
    """The folder of a finished run of 30 iterations, made by a call."""
    out = tmp_path_factory.mktemp("runs") / "deep" / "thirty"
    result = run_experiment(small("training.n_iterations=30", "training.snapshot_every=8"), str(out))
    metrics, timing = result
    assert (metrics, timing) == (result.metrics, result.timing)
    assert repr(result) == "<RunResult of 30 iterations in %.1f s: metrics, timing>" % timing["seconds"]
    assert json.loads((out / "metrics.json").read_text())["elbo"] == metrics["elbo"]
    assert json.loads((out / "timing.json").read_text()) == timing
    return out


@pytest.mark.slow
def test_a_call_makes_the_folder_that_train_py_makes(thirty, tmp_path):
    result = run_script("train.py", "--config", SYNTHETIC, "--out", tmp_path / "run", "--no-progress", *set_options(
        SMALL + ["training.n_iterations=30", "training.snapshot_every=8"]))
    assert result.returncode == 0, result.stderr
    assert results(tmp_path / "run") == results(thirty)


def test_a_folder_that_can_not_be_used_is_refused_before_anything_is_trained(thirty, tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "opened_model", lambda experiment: pytest.fail("trained"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for out, words in ((tmp_path / "mine", "holds no run"), (tmp_path / "file", "a file stands in its place"),
                       (thirty, "training.n_iterations is 30 there and 20 here")):
        with pytest.raises(InputError, match=words):
            run_experiment(small(), str(out))
    assert sorted(os.listdir(str(tmp_path))) == ["file", "mine"]


@pytest.mark.slow
def test_a_run_that_is_cut_short_where_it_stands_is_the_shorter_run(thirty, tmp_path):
    longer = small("training.n_iterations=40", "training.snapshot_every=8")

    def stop(iteration, _):
        if iteration == 30:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(stopping.Stopped):
        run_experiment(longer, str(tmp_path / "run"), observers=[stop])
    experiment.extend(str(tmp_path / "run"), ["training.n_iterations=30"])
    run_experiment(load_config(str(tmp_path / "run" / "config.yaml")), str(tmp_path / "run"))
    assert results(tmp_path / "run") == results(thirty)


@pytest.mark.slow
def test_a_finished_run_of_constant_rates_can_be_made_longer(thirty, tmp_path):
    out = tmp_path / "run"
    run_experiment(small("training.n_iterations=20", "training.snapshot_every=8"), str(out))
    before = results(out)
    for override, words in (("seed=3", "--set seed=3: .* only training.n_iterations can be set"),
                            ("training.n_iterations=19", "must be at least 20"), ("training.n_iteration=30", "did you mean")):
        with pytest.raises(InputError, match=words):
            experiment.extend(str(out), [override])
    assert results(out) == before
    result = run_script("train.py", "--resume", out, "--set", "training.n_iterations=30", "--no-progress")
    assert result.returncode == 0 and "Going on from iteration 20 of 30" in result.stdout, result.stderr
    assert results(out) == results(thirty)
    legs = json.loads((out / "timing.json").read_text())["legs"]
    assert [(leg["first"], leg["last"]) for leg in legs] == [(1, 20), (21, 30)]
    timing = json.loads((out / "timing.json").read_text())
    assert timing["n_trained"] == 30 and timing["seconds"] == sum(leg["seconds"] for leg in legs)


def test_a_run_whose_rates_depend_on_its_length_can_not(tmp_path):
    config = small("training.linear_decay={begin: 0.5, end_factor: 0.1}")
    out = str(tmp_path / "run")
    with run_folder.begun_or_gone_on_with(out, config), pytest.raises(run_folder.FolderInUse):
        experiment.extend(out, ["training.n_iterations=30"])
    with pytest.raises(InputError, match="training.linear_decay spreads the learning rates over the whole run"):
        experiment.extend(out, ["training.n_iterations=30"])
    experiment.extend(out, ["training.n_iterations=20"])
    assert load_config(run_folder.config_path(out)) == config


@pytest.mark.slow
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(thirty, tmp_path):
    out = tmp_path / "run"
    run_experiment(
        small("training.n_iterations=30", "training.snapshot_every=8", "training.checkpoint_every=10"), str(out))
    (out / "checkpoint" / "model-30.index").write_bytes(b"damaged")
    with pytest.raises(InputError, match="model-30.index is damaged.*--resume"), opened_run(str(out)):
        pass
    (out / "metrics.json").unlink()
    result = run_script("train.py", "--resume", out, "--no-progress")
    assert result.returncode == 0
    line, = result.stderr.splitlines()
    assert line.startswith("warning: ") and "model-30.index is damaged" in line and "the one before" in line
    assert "Going on from iteration 20 of 30" in result.stdout
    assert json.loads((out / "metrics.json").read_text()) == json.loads((thirty / "metrics.json").read_text())
    shutil.rmtree(str(out / "tensorboard"))
    for path in out.glob("checkpoint/*.index"):
        path.write_bytes(b"damaged")
    with pytest.raises(InputError, match="no good one is left.*--overwrite"):
        run_experiment(load_config(str(out / "config.yaml")), str(out))
    # Results without a checkpoint: not trained anew in silence.
    shutil.rmtree(str(out / "checkpoint"))
    before = results(out)
    with pytest.raises(InputError, match="its checkpoints are gone; .*--overwrite"):
        run_experiment(load_config(str(out / "config.yaml")), str(out))
    assert results(out) == before


@pytest.mark.slow
def test_a_thread_of_its_own_can_run_one(tmp_path):
    found = []
    thread = threading.Thread(target=lambda: found.append(run_experiment(small(), str(tmp_path / "run"))))
    thread.start()
    thread.join()
    assert found[0][1]["n_trained"] == 20


TINY = ["training.n_iterations=2", "training.snapshot_every=2"]
BANANA = os.path.join(ROOT, "configs", "posteriors", "banana.yaml")
EACH_TASK = {
    "known_images": lambda: small(*TINY, "evaluation.n_samples=1024"),
    "given_posterior": lambda: load_config(BANANA, [
        *TINY, "training.linear_decay=null", "problem.batch_size=20", "model.encoder.n_units=8",
        "model.discriminator.n_units=8", "evaluation.n_samples=1024"]),
    "data_set": lambda: small_images("digits_avb", *TINY, "training.checkpoint_every=2"),
}


@pytest.mark.slow
@pytest.mark.parametrize("task", ["known_images", "data_set"])
def test_when_the_quadrature_refuses_no_figure_was_drawn(tmp_path, monkeypatch, task):
    def refuse(*_):
        raise quadrature.GridError("the decoder is too sharp")

    monkeypatch.setattr(quadrature, "log_likelihood", refuse)
    monkeypatch.setattr(adaptive_quadrature, "integrals", refuse)
    with pytest.raises(quadrature.GridError, match="too sharp"):
        run_experiment(EACH_TASK[task](), str(tmp_path / "run"))
    names = set(os.listdir(str(tmp_path / "run")))
    assert "losses.csv" in names and "model-2.json" in os.listdir(str(tmp_path / "run" / "checkpoint"))
    assert names & {*TASKS[task].files, "latents.npz", "snapshots.npz", "metrics.json", "timing.json", "report.html"} == set()


@pytest.mark.slow
def test_codes_and_log_likelihoods_are_computed_once_a_run(tmp_path, monkeypatch):
    counts = collections.Counter()

    def counted(module, name, key):
        function = getattr(module, name)

        def call(*arguments, **options):
            counts[key] += 1
            return function(*arguments, **options)

        monkeypatch.setattr(module, name, call)

    counted(quadrature, "log_likelihood", "log p(x)")
    counted(adaptive_quadrature, "integrals", "log p(x)")
    counted(given_reference, "exact_references", "log p(x)")
    for module in (known_images_measures, given_posterior_measures):
        counted(module, "draw_codes", "codes")
    counted(data_set_task, "require_finite", "codes")
    monkeypatch.setattr(data_set_task, "N_DENSE_IMAGES", 2)
    monkeypatch.setattr(data_set_task, "N_DENSE_SAMPLES", 256)
    for name, config in EACH_TASK.items():
        counts.clear()
        run_experiment(config(), str(tmp_path / name))
        assert counts == {"codes": 1, "log p(x)": 1}, name
        assert (tmp_path / name / "latents.npz").exists()


def test_the_command_that_goes_on_can_be_typed_whatever_the_folders_name():
    assert command_line.resuming("runs/a b").endswith("train.py --resume 'runs/a b'")
    assert command_line.resuming("-y").endswith("train.py --resume=-y")
