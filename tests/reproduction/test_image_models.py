"""The pages of image models, of tiny models of images that look like them, and the shipped recipes."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import ROOT, call_script
from image_data import small_images, small_patches

from avb_tf1.config.fingerprint import digest_of_configs, digest_of_fingerprint
from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.experiment.run import run_experiment
from avb_tf1.ground.errors import InputError
from avb_tf1.reproduction.image_models import (
    MNIST,
    MODELS,
    PATCHES,
    Group,
    ImagePage,
    ImageRuns,
    Wanted,
    differences,
    make,
    write_configs,
)
from avb_tf1.reproduction.records import Record

CONFIGS = os.path.join(ROOT, "configs")
N_LONGER = 1200  # iterations of a run that is killed: some seconds
PAGE = ImagePage("tiny", "# Tiny", "A legend.", ("latent dimensions",), (
    Group(("2",), "tiny_2_%s", "small_%s", (0,), overrides=("model.latent_dim=2",)),
    Group(("8",), "tiny_8_%s", "small_%s", (0, 1), {"vae": (0.5, 2)}, ("model.latent_dim=8",))), "x.yaml",
    {(1, "avb_ac"): "-89.6"})


@pytest.fixture
def few(tmp_path, monkeypatch):
    """Folders of configs and runs of a VAE and AVB + AC in two and eight dimensions, two seeds of these; all of them made."""
    for model in ("flow", "avb"):
        monkeypatch.delitem(MODELS, model)
    configs, runs = tmp_path / "configs", tmp_path / "runs"
    (configs / "images").mkdir(parents=True)
    for model in MODELS:
        config = small_images("mnist_8_" + model, "data={kind: digits, binarisation: dynamic, n_validation: 0, batch_size: 64}",
                              "evaluation.ais={n_images: 5, n_chains: 2, n_steps: 5}")
        (configs / "images" / ("small_%s.yaml" % model)).write_text(to_yaml(config))
    found = ImageRuns(PAGE, str(configs), str(runs), str(tmp_path))
    for seed in (0, 1):
        out = runs / "configs" / ("seed_%d" % seed)
        write_configs(found, seed, str(out))
        assert os.listdir(str(out)) == [str(seed)]
        for path in sorted(out.glob("*/*.yaml")):
            config = load_config(str(path), ["seed=%d" % seed])
            run_experiment(config, str(runs / ("%s_seed_%d" % (config.name, seed))))
    return configs, runs


@pytest.mark.slow
def test_the_page_has_the_numbers_of_the_runs(few, tmp_path):
    configs, runs = map(str, few)
    found = ImageRuns(PAGE, configs, runs, str(tmp_path))
    make(found, str(tmp_path))
    page = (tmp_path / "tiny.md").read_text()
    assert "All of its 8 runs are made." in page and ", configs %s on " % digest_of_configs(found.configs()) in page
    records = {own: found.find(own)[1] for own in found.wanted()}
    assert {own.length for own in records} == {1, 0.5, 2} and None not in records.values()
    assert {own.group for own in records if own.length != 1} == {1}
    of_vae, of_ac = ([records[Wanted(1, model, seed)] for seed in (0, 1)] for model in ("vae", "avb_ac"))
    values = [record.values["test_log_likelihood"] for record in of_vae]
    assert "| 8 | VAE | %.2f (%.2f to %.2f) |" % (np.mean(values), min(values), max(values)) in page
    long = records[Wanted(1, "vae", 0, 2)]
    assert long.n_iterations == 2 * of_vae[0].n_iterations
    assert "| 8 | VAE, 2 times as long | %.2f |" % long.values["test_log_likelihood"] in page
    of_each = [np.array([record.values["log_likelihood_of_each"] for record in own]) for own in (of_ac, of_vae)]
    assert of_each[0].shape == (2, 5)
    assert "| 2 | %+.2f |" % (of_each[0] - of_each[1]).mean() in page
    pair = [records[Wanted(1, *own)] for own in (("avb_ac", 0), ("vae", 0, 2))]
    of_one = np.subtract(*(record.values["log_likelihood_of_each"] for record in pair))
    assert "| 8 | AVB + AC | VAE, 2 times as long | %.2f | 1 | %+.2f | %.2f |  | " % (
        pair[0].cpu_seconds / pair[1].cpu_seconds, of_one.mean(), of_one.std(ddof=1) / np.sqrt(5)) in page
    assert "VAE, 0.5 times as long |" in page and "| AVB + AC | VAE, 0.5" not in page
    assert len(records[Wanted(0, "vae", 0)].values["log_likelihood_of_each"]) == 150  # of 300, every other one
    arrays = np.load(os.path.join(runs, "tiny_8_vae_seed_1", "test_images.npz"))
    taken = ~np.isnan(arrays["log_likelihood"])
    annealed, weighed = (arrays[name][taken] for name in ("log_likelihood", "log_likelihood_importance"))
    errors = np.hypot(*(arrays[name][taken] for name in ("log_likelihood_error", "log_likelihood_importance_error")))
    assert taken.sum() == 5
    error = np.sqrt((errors**2).sum()) / 5
    assert "| 8 | VAE | 1 | %.2f ± " % annealed.mean() in page
    assert "| %+.2f ± %.3f | " % ((weighed - annealed).mean(), error) in page
    assert " | -89.6 |" in page and "| 2 | VAE | " in page and "bits a dimension" not in page
    for name in ("tiny_2_vae_manifold.png", "tiny_8_avb_ac_reconstructions.png"):
        assert "(tiny/%s)" % name in page and (tmp_path / "tiny" / name).stat().st_size > 1000
    for folder in os.listdir(runs):
        os.rename(os.path.join(runs, folder), os.path.join(runs, "gone_" + folder))
    make(ImageRuns(PAGE, configs, runs, str(tmp_path)), str(tmp_path))
    assert (tmp_path / "tiny.md").read_text() == page
    write_configs(ImageRuns(PAGE, configs, runs, str(tmp_path)), 1, str(tmp_path / "left"))
    assert not os.listdir(str(tmp_path / "left"))


def test_differences_are_paired():
    base = np.random.RandomState(0).standard_normal((3, 400)) * 10
    second = base + np.array([[0.1], [0.2], [0.3]])
    mean, over_images, over_seeds = differences(second, base)
    assert mean == pytest.approx(0.2) and over_images == pytest.approx(0, abs=1e-12)
    assert over_seeds == pytest.approx(0.1 / np.sqrt(3))
    assert np.isnan(differences(second[:1], base[:1])[2])


def made_up(monkeypatch, values):
    """ImageRuns of PAGE with Records of those Wanted runs that `values` has numbers of; a text is why a run diverged."""
    config = load_config(os.path.join(CONFIGS, "images", "mnist_8_vae.yaml"))

    def find(runs, own):
        if own not in values:
            return config, None
        own_values = {"diverged": values[own]} if isinstance(values[own], str) else dict(
            {"n_test_images": 10, "test_log_likelihood": -100.0}, **values[own])
        return config, Record(own.model, own.seed, "0" * 12, "1" * 12, "2" * 12, 1000, 10.0 * own.length, own_values)

    monkeypatch.setattr(ImageRuns, "config", lambda runs, own: config)
    monkeypatch.setattr(ImageRuns, "find", find)
    return lambda out: ImageRuns(PAGE, CONFIGS, "nowhere", out)


def test_verdicts_need_errors_and_bias(monkeypatch, tmp_path):
    each = np.array([-100.0, -102.0, -98.0, -101.0])
    values = {Wanted(1, "vae", 0): {"log_likelihood_of_each": tuple(each)},
              Wanted(1, "vae", 0, 2): {"log_likelihood_of_each": tuple(each + 0.5), "test_log_likelihood_bias_left": 0.9},
              Wanted(1, "avb_ac", 0): {"log_likelihood_of_each": tuple(each + [0.9, 1.1, 0.9, 1.1]),
                                       "test_elbo": -np.inf, "test_elbo_discriminator": -103.0},
              Wanted(1, "avb_ac", 1): "loss is nan after iteration 7"}
    make(made_up(monkeypatch, values)(str(tmp_path)), str(tmp_path))
    page = (tmp_path / "tiny.md").read_text()
    assert "**A draft: 10 of 14 runs are missing.**" in page
    assert "Diverged, and so in no table: mnist_8_vae, seed 1 (loss is nan after iteration 7)." in page
    assert "| 8 | AVB + AC | VAE | 1.00 | 1 | +1.00 | 0.06 |  |  | yes |" in page
    assert "| 8 | AVB + AC | VAE, 2 times as long | 0.50 | 1 | +0.50 | 0.06 |  | 0.900 | no |" in page
    assert "| 8 | AVB + AC | -100.00 |  | -inf |" in page  # no column without a number


@pytest.mark.parametrize(("difference", "error", "bias", "verdict"), [
    (-0.1, 0.03, 0.01, "yes"), (-0.2, 0.03, 0.01, "no"), (-0.2, 0.03, 0.051, "too uncertain"),
    (-0.01, 0.051, 0.01, "too uncertain")])
def test_two_estimates_agree_within_their_errors_if_these_are_small(monkeypatch, tmp_path, difference, error, bias, verdict):
    values = {"log_likelihood_of_each": (-90.0, -91.0), "test_importance_effective_sample_size": 700}
    for way, mean in (("log_likelihood", -90.5), ("log_likelihood_importance", -90.5 + difference)):
        values.update({way + "_of_annealed": mean, way + "_of_annealed_error": error, "test_%s_bias_left" % way: bias})
    make(made_up(monkeypatch, {Wanted(1, "flow", 0): values})(str(tmp_path)), str(tmp_path))
    assert "| 8 | coupling flow | 0 | -90.50 ± %.3f | %.2f ± %.3f | %+.2f ± %.3f | %.3f | %.3f | %s | 700 |" % (
        error, -90.5 + difference, error, difference, error * 2**0.5, bias, bias, verdict) in (tmp_path / "tiny.md").read_text()


def test_if_all_runs_diverged_it_says_so(monkeypatch, tmp_path):
    runs = made_up(monkeypatch, {Wanted(0, "vae", 0): "loss is nan"})(str(tmp_path))
    with pytest.raises(InputError, match=r"came to its end; make tiny makes what is missing; diverged: mnist_8_vae, seed 0"):
        make(runs, str(tmp_path))


@pytest.mark.parametrize(("column", "text"), [
    ("test_log_likelihood", ""), ("log_likelihood_of_each", "-100"), ("n_test_images", "")])
def test_a_line_that_lacks_a_number_is_named(tmp_path, column, text):
    config = ImageRuns(PATCHES, CONFIGS, "nowhere", str(tmp_path)).config(Wanted(0, "vae", 0))
    cells = dict(run=config.name, config=digest_of_fingerprint(config), training_code="1" * 12, evaluation_code="2" * 12,
                 seed=0, n_iterations=3000, cpu_seconds=3, cpus="", n_test_images=1000, test_log_likelihood=-100,
                 log_likelihood_of_each="-100 -101")
    for changed in ({}, {column: text}):
        lines = zip(*dict(cells, **changed).items())
        (tmp_path / "patches.csv").write_text("\n".join(",".join(map(str, line)) for line in lines))
        runs = ImageRuns(PATCHES, CONFIGS, str(tmp_path), str(tmp_path))
        if not changed:
            assert runs.find(Wanted(0, "vae", 0))[1].values["test_log_likelihood"] == -100
    with pytest.raises(InputError, match=r"patches\.csv: the line of patches_grey_2_vae, seed 0, lacks numbers"):
        runs.find(Wanted(0, "vae", 0))


def configs_of(page):
    runs = ImageRuns(page, CONFIGS, "nowhere", "nowhere")
    return [runs.config(own) for own in runs.wanted()]


def test_all_recipes_of_mnist_have_one_decoder_and_the_papers_binarisation():
    configs = configs_of(MNIST)
    assert len(configs) == 28 and len({config.name + str(config.seed) for config in configs}) == 28
    for config in configs:
        assert config.data.binarisation == "dynamic" and config.data.n_validation == 0 and config.evaluation.ais.n_images == 250
        decoder = config.model.decoder.dict()
        decoder.pop("built_on", None)
        assert decoder == {"n_hidden_layers": 2, "n_units": 512, "activation": "relu", "convolution": None,
                           "probability_margin": 0, "likelihood_from": "logits"}


def test_patches_are_of_grey_and_of_colour_in_two_and_eight_dimensions():
    configs = configs_of(PATCHES)
    assert len({config.name for config in configs}) == len(configs) == 32
    assert {(config.data.color, config.model.latent_dim) for config in configs} == {
        (color, dim) for color in (False, True) for dim in (2, 8)}
    for config in configs:
        assert ("_colour_" in config.name) == config.data.color and "_%d_" % config.model.latent_dim in config.name
        assert config.training.n_iterations == 3000 or config.name.endswith("_%d" % config.training.n_iterations)
        assert config.model.latent_dim == 2 or config.evaluation.ais.n_images == 250


def own_tree(folder):
    """A copy of the project whose page of patches has three small models."""
    for name in ("avb_tf1", "scripts"):
        shutil.copytree(os.path.join(ROOT, name), str(folder / name))
    shutil.copy(os.path.join(ROOT, "Makefile"), str(folder))
    os.symlink(os.path.dirname(os.path.dirname(sys.executable)), str(folder / ".venv"))
    (folder / "configs" / "images").mkdir(parents=True)
    (folder / "docs").mkdir()
    for model in MODELS:
        config = small_patches("patches_" + model, "training.n_iterations=%d" % N_LONGER, "training.checkpoint_every=50")
        (folder / "configs" / "images" / ("patches_%s.yaml" % model)).write_text(to_yaml(config))
    with open(str(folder / "avb_tf1" / "reproduction" / "image_models.py"), "a") as file:
        file.write("\ndel MODELS['flow']\n"
                   "PAGES['patches'] = PATCHES._replace(groups=(PATCHES.groups[0]._replace(lengths={}),))\n")


def kill_session(leader):
    """Kill a process and all others of its session, as a machine does that goes out."""
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


@pytest.mark.long
def test_a_make_that_was_killed_goes_on(tmp_path):
    own_tree(tmp_path)
    command, runs = ["make", "-o", "setup-sweep", "patches"], tmp_path / "runs" / "patches"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def done():
        return {path.parent.name: path.stat().st_mtime_ns for path in runs.glob("*/metrics.json")}

    def begun():
        """Runs that are being trained."""
        return {path.parent.parent.name for path in runs.glob("*/checkpoint/model-*.json")} - {
            path.parent.parent.name for path in runs.glob("*/checkpoint/model-%d.json" % N_LONGER)}

    process = subprocess.Popen(command, cwd=str(tmp_path), env=environment, start_new_session=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.time() + 300
    while not (done() and begun()):
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.05)
    kill_session(process.pid)
    process.wait()
    before, interrupted = done(), begun()
    result = subprocess.run(command, cwd=str(tmp_path), env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "All of its 3 runs are made." in (tmp_path / "docs" / "patches.md").read_text()
    after = done()
    assert len(after) == 3 and {name: after[name] for name in before} == before
    for name in interrupted:
        with open(str(runs / name / "timing.json")) as file:
            legs = json.load(file)["legs"]
        assert len(legs) == 2 and [legs[0]["first"], legs[-1]["last"]] == [1, N_LONGER]
        assert legs[1]["first"] == legs[0]["last"] + 1


def test_without_a_run_there_is_no_page(tmp_path):
    with pytest.raises(InputError, match=r"no run for mnist\.md came to its end; make mnist makes what is missing$"):
        make(ImageRuns(MNIST, CONFIGS, str(tmp_path), str(tmp_path)), str(tmp_path))
    result = call_script("image_models.py", "patches", "page", "--out", tmp_path / "none")
    assert result.returncode == 2 and "none: not a folder" in result.stderr
