"""Whole runs of data sets: what they leave, how they go on, what they refuse; and the largest data set in little memory."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT, assert_one_clear_line, call_script, run_script, set_options
from image_data import FEW, SMALL, enlarged_digits, image_config_path, npz_data, save_mnist, small_images
from pictures import pixels
from shared_runs import stopped_and_gone_on_with, without_figures

import avb_tf1
from avb_tf1.experiment.reevaluation import evaluate_run
from avb_tf1.ground.errors import InputError
from avb_tf1.problems.registry import problem_of
from avb_tf1.report import comparison
from avb_tf1.tasks.registry import task_of

FILES = {"config.yaml", "losses.csv", "latents.npz", "snapshots.npz", "metrics.json", "timing.json", "training_curve.png",
         "checkpoint", "tensorboard", "test_images.npz", "reconstructions.png", "latent_space.gif", "report.html"}
FIGURES_OF_PLANE = {"latent_space.png", "manifold.png", "posteriors.png"}


def files_of(config):
    return FILES | (FIGURES_OF_PLANE if config.model.latent_dim == 2 else {"pairs.png"})


@pytest.fixture(scope="module", params=["digits_vae", "digits_8_avb_ac"])
def run(request, tmp_path_factory):
    out, config = tmp_path_factory.mktemp("runs") / request.param, small_images(request.param)
    metrics, _ = avb_tf1.run_experiment(config, str(out))
    return out, config, metrics


@pytest.mark.slow
def test_what_a_run_leaves(run):
    out, config, metrics = run
    assert set(os.listdir(out)) == files_of(config)
    for name in files_of(config) & set(task_of(config).figures):
        picture = pixels(out / name)
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20 and 0.01 < (picture < 250).any(axis=2).mean() < 0.99, name
    problem, adversarial = problem_of(config), config.model.has_discriminator
    latents, seen = (dict(np.load(str(out / name))) for name in ("latents.npz", "snapshots.npz"))
    assert latents["z"].shape == (300, config.model.latent_dim) and latents["z"].dtype == np.float32
    np.testing.assert_array_equal(latents["label"], problem.test.labels)
    with_grid = {"manifold", "samples", "density_axes", "density"} if config.model.latent_dim == 2 else set()
    assert set(seen) == {"iteration", "label", "z", "image", "reconstruction", "prior"} | with_grid | (
        {"log_ratio"} if adversarial else set())
    assert [list(problem.test.labels).index(label) for label in range(10)] == seen["image"].tolist()
    np.testing.assert_array_equal(seen["iteration"], [0, 5, 10, 15, 20])
    assert seen["z"].shape == (5, 300, config.model.latent_dim) and (seen["z"][0] != seen["z"][-1]).any()
    np.testing.assert_array_equal(seen["label"], problem.test.labels)
    losses_of_run = {"generator_loss"} | ({"discriminator_loss"} if adversarial else set())
    assert losses_of_run < set(metrics)
    with np.load(str(out / "test_images.npz")) as per_image:
        if config.model.latent_dim == 2:
            assert metrics["test_log_likelihood"] == pytest.approx(per_image["log_likelihood"].mean())
            assert metrics["test_log_likelihood_method"] == "quadrature"
            assert metrics["test_elbo"] < metrics["test_log_likelihood"]
        else:
            assert set(metrics["not_computed"]) == {"test_elbo", "test_inference_gap"}
            assert metrics["test_elbo_discriminator"] == pytest.approx(per_image["elbo_discriminator"].mean())
            assert metrics["test_log_likelihood_method"] == "ais"
            taken = ~np.isnan(per_image["log_likelihood"])
            assert taken.sum() == metrics["n_annealed_images"] == 5
            np.testing.assert_array_equal(np.flatnonzero(taken), problem.some_rows("test", 5))
            assert metrics["test_ais_acceptance"] == pytest.approx(per_image["ais_acceptance"][taken].mean())
    losses = np.loadtxt(str(out / "losses.csv"), delimiter=",", skiprows=1)
    assert losses.shape == (20, 3 if adversarial else 2)
    assert metrics["generator_loss"] == pytest.approx(losses[:, 1].mean(), rel=1e-6)


@pytest.mark.slow
def test_a_run_is_evaluated_again_and_opened(run, capsys):
    out, config, metrics = run
    evaluate_run(str(out), with_ais=False, write=False)
    assert "has the same numbers" in capsys.readouterr().out
    (out / "report.html").unlink()
    evaluate_run(str(out), with_ais=False, write=True)
    assert (out / "report.html").exists()
    with avb_tf1.open_run(str(out)) as opened:
        assert opened.metrics == metrics
        problem = problem_of(config)
        rows = problem.some_rows("test", 5)
        x = problem.test_images()[rows]
        assert opened.sample_posterior(x, n=3, seed=0).shape == (5, 3, config.model.latent_dim)
        assert opened.decode(np.zeros((2, config.model.latent_dim))).shape == (2, 64)
        found = opened.log_likelihood(x)
        np.testing.assert_array_equal(found, opened.log_likelihood(x))
        with np.load(str(out / "test_images.npz")) as per_image:
            of_run, error = per_image["log_likelihood"][rows], per_image["log_likelihood_error"][rows]
        assert np.abs(found - of_run).max() < (1e-4 if config.model.latent_dim == 2 else 5 * error.max())


@pytest.mark.slow
def test_what_such_a_run_has_not_is_told(run):
    out, config, _ = run
    with pytest.raises(InputError, match="a run of a data set; --ais"):
        evaluate_run(str(out), with_ais=True, write=False)
    assert set(os.listdir(out)) == files_of(config)


@pytest.mark.slow
def test_such_runs_are_compared(run):
    out, config, metrics = run
    table = comparison.markdown(comparison.read_runs([str(out)]))
    assert "| %s | test log-likelihood | %.4f | 1 |" % (config.name, metrics["test_log_likelihood"]) in table.splitlines()


@pytest.mark.slow
def test_an_interrupted_run_goes_on_with_the_same_bits(run, tmp_path):
    out, config, _ = run
    stopped_and_gone_on_with(tmp_path / "run", config)
    for name in ("losses.csv", "metrics.json", "config.yaml"):
        assert (tmp_path / "run" / name).read_bytes() == (out / name).read_bytes()
    for name in ("latents.npz", "snapshots.npz"):
        whole, pieces = (dict(np.load(str(folder / name))) for folder in (out, tmp_path / "run"))
        assert whole.keys() == pieces.keys()
        for key in whole:
            np.testing.assert_array_equal(whole[key], pieces[key])


@pytest.mark.slow
def test_a_run_from_the_command_line(tmp_path):
    np.savez(str(tmp_path / "a.npz"), train=np.random.RandomState(0).rand(80, 9), test=np.zeros((10, 9)))
    overrides = set_options([*SMALL, npz_data("a.npz")])
    result = run_script("train.py", "--config", image_config_path("digits_vae"), "--out", "run", *overrides, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert re.search(r"iteration 20/20  epoch 20\.0  generator [0-9.]+", result.stdout)
    assert "generator_loss" in result.stdout and "training_curve.png" in result.stdout and "report.html" in result.stdout
    config = avb_tf1.load_config(str(tmp_path / "run" / "config.yaml"))
    assert config.data.path == str(tmp_path / "a.npz")
    again = run_script("train.py", "--resume", tmp_path / "run")
    assert again.returncode == 0 and "It is trained already" in again.stdout
    np.savez(str(tmp_path / "a.npz"), train=np.random.RandomState(1).rand(80, 9), test=np.zeros((10, 9)))
    for script in (["train.py", "--resume"], ["evaluate.py"]):
        assert_one_clear_line(run_script(*script, tmp_path / "run"), tmp_path / "a.npz", "its images have changed")


@pytest.mark.slow
def test_settings_can_be_chosen_without_a_look_at_the_test_images(run, tmp_path):
    config = small_images("digits_vae", "data.n_validation=100")
    with without_figures():
        metrics, _ = avb_tf1.run_experiment(config, str(tmp_path / "run"))
    told = call_script("evaluate.py", tmp_path / "run", "--part", "validation", "--write")
    assert told.returncode == 0 and "\nvalidation_elbo " in told.stdout and "test_" not in told.stdout.split("Written")[0]
    written = json.loads((tmp_path / "run" / "validation.json").read_text())
    with avb_tf1.open_run(str(tmp_path / "run")) as opened:
        measured = opened.measure("validation")
        exact = opened.log_likelihood(problem_of(config).fixed_images("validation"))
        with pytest.raises(ValueError, match="part must be validation, not 'test'"):
            opened.measure("test")
    assert written.pop("made_by")["evaluation_code"] and written == measured and opened.metrics == metrics
    assert measured["n_validation_images"] == 100 and measured["validation_elbo"] < measured["validation_log_likelihood"]
    assert measured["validation_log_likelihood"] == pytest.approx(exact.mean(), abs=1e-6)
    assert abs(measured["validation_log_likelihood"] - metrics["test_log_likelihood"]) > 1e-4
    out, _, _ = run
    assert_one_clear_line(call_script("evaluate.py", out, "--part", "validation"),
                          out, "there are no validation images: data.n_validation of the run is 0")
    assert_one_clear_line(call_script("evaluate.py", out, "--part", "train"), "--part", "validation")
    assert_one_clear_line(call_script("evaluate.py", out, "--part", "validation", "--ais"), "--ais")


def test_a_bad_file_ends_in_one_line_and_leaves_no_folder(tmp_path):
    np.savez(str(tmp_path / "a.npz"), train=np.full((80, 9), 2.0), test=np.zeros((10, 9)))
    result = run_script("train.py", "--config", image_config_path("digits_vae"), "--set", npz_data(tmp_path / "a.npz"),
                        cwd=tmp_path)
    assert_one_clear_line(result, tmp_path / "a.npz", "train: images must be uint8")
    assert os.listdir(tmp_path) == ["a.npz"]


@pytest.mark.slow
def test_the_four_images_need_nothing_of_it():
    code = ("import sys, avb_tf1; avb_tf1.build_graph(avb_tf1.load_config(%r)); "
            "assert 'sklearn' not in sys.modules" % os.path.join(ROOT, "configs", "synthetic.yaml"))
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.slow
@pytest.mark.parametrize("latent_dim, figures", [(1, {"latent_space.png", "manifold.png"}), (3, {"pairs.png"})])
def test_figures_of_images_without_shape_and_labels(latent_dim, figures, tmp_path):
    np.savez(str(tmp_path / "a.npz"), train=np.random.RandomState(0).rand(80, 11), test=np.zeros((3, 11)))
    config = small_images("digits_vae", npz_data(tmp_path / "a.npz"), "model.latent_dim=%d" % latent_dim)
    avb_tf1.run_experiment(config, str(tmp_path / "run"))
    assert set(os.listdir(str(tmp_path / "run"))) == FILES | figures
    seen = dict(np.load(str(tmp_path / "run" / "snapshots.npz")))
    assert seen["image"].tolist() == [0, 1, 2] and seen["reconstruction"].shape == (5, 3, 11)
    if latent_dim == 1:
        assert seen["manifold"].shape == (5, 25, 11) and seen["density"].shape == (5, 3, 161)


@pytest.mark.slow
def test_mnist_from_its_file(tmp_path):
    save_mnist(tmp_path / "mnist.npz", 200, 50)
    config = small_images("mnist_2_avb", "data.path=%s" % (tmp_path / "mnist.npz"), "training.n_iterations=4")
    metrics, _ = avb_tf1.run_experiment(config, str(tmp_path / "run"))
    assert 400 < metrics["generator_loss"] < 700
    with open(str(tmp_path / "run" / "metrics.json"), encoding="utf-8") as file:
        data = json.load(file)["made_by"]["fingerprint"]["data"]
    assert data["sha256"] == config.data.sha256 and "path" not in data


@pytest.mark.long
@pytest.mark.parametrize("name", ["mnist_2_vae", "mnist_8_avb", "mnist_32_avb_ac"])  # the last: a graph of 17,500 ops
def test_70000_images_need_little_memory(name, tmp_path):
    n_test = 10000 if name == "mnist_2_vae" else 200
    images, labels = enlarged_digits(60000 + n_test)
    np.savez_compressed(str(tmp_path / "a.npz"), train=images[:60000], test=images[60000:], train_labels=labels[:60000],
                        test_labels=labels[60000:])
    code = """if True:
        import sys
        import avb_tf1
        from avb_tf1.reproduction import benchmark
        avb_tf1.run_experiment(avb_tf1.load_config(sys.argv[1], sys.argv[2:]), "run", show_progress=True)
        print("at most", int(benchmark.peak_mb()), "MiB")
    """
    result = subprocess.run(
        [sys.executable, "-c", code, image_config_path(name), npz_data("a.npz").replace("64", "128"),
         "training.n_iterations=40", *FEW], stdout=subprocess.PIPE, text=True, check=True, cwd=str(tmp_path),
        env=dict(os.environ, PYTHONPATH=ROOT))
    assert int(re.search("at most ([0-9]+) MiB", result.stdout).group(1)) < 2048
    assert re.search(r"iteration 40/40  epoch 0\.1  generator", result.stdout)
    assert all(os.path.getsize(str(tmp_path / "run" / "tensorboard" / own)) < 20e6
               for own in os.listdir(str(tmp_path / "run" / "tensorboard")))
