"""Whole runs of images with real values: a tiny data set of colour, and a linear model, whose optimum is known."""

import base64
import io

import numpy as np
import pytest
from image_data import GAUSSIAN, image_config, npz_data, small_images, small_patches
from image_pages import write_sweep
from pages import data_of, page_of, table_of, text_of
from pictures import pixels
from PIL import Image
from scipy.linalg import subspace_angles
from scipy.stats import multivariate_normal
from shared_runs import finished, stopped_and_gone_on_with, without_figures

import avb_tf1
from avb_tf1.estimation.adaptive_quadrature import integrals
from avb_tf1.estimation.likelihoods import Gaussian
from avb_tf1.estimation.trained_networks import Networks
from avb_tf1.experiment import run as experiment
from avb_tf1.experiment.reevaluation import evaluate_run
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.problems.registry import problem_of
from avb_tf1.report import comparison, sweep_page
from avb_tf1.runs import metrics_file
from avb_tf1.tasks.data_set import measures
from avb_tf1.tasks.data_set.annealing import annealing
from avb_tf1.tasks.registry import TASKS


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Red images and green ones, of 4 x 5 pixels."""
    random_state, path = np.random.RandomState(0), tmp_path_factory.mktemp("images") / "colour.npz"
    arrays = {}
    for name, n in (("train", 80), ("test", 12)):
        labels = np.arange(n) % 2
        values = random_state.randint(0, 40, (n, 4, 5, 3))
        values[np.arange(n), :, :, labels] += 180
        arrays.update({name: values.astype(np.uint8), name + "_labels": labels})
    np.savez(str(path), **arrays)
    return path


def of_colour(path, *overrides):
    data = npz_data(path).replace("dynamic", "none")
    return small_images("patches_vae", data, "training.generator.learning_rate=1e-2", *overrides)


@pytest.fixture(scope="module")
def run(images, tmp_path_factory):
    out, config = tmp_path_factory.mktemp("runs") / "colour", of_colour(images)
    return finished(out, config, with_figures=True), config


def picture_of(address):
    return np.array(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("RGB"))


@pytest.mark.slow
def test_what_a_run_of_colour_leaves(run):
    out, config = run
    metrics, problem = files.read_json(str(out / "metrics.json")), problem_of(config)
    n_bits = 60 * np.log(2)
    assert metrics["test_bits_per_dimension"] == pytest.approx(8 - metrics["test_log_likelihood"] / n_bits)
    for suffix in ("_standard_error", "_numerical_error"):
        assert metrics["test_bits_per_dimension" + suffix] == metrics["test_log_likelihood" + suffix] / n_bits
    assert metrics["methods"]["test_bits_per_dimension"] == "quadrature"
    assert metrics["test_elbo"] < metrics["test_log_likelihood"]
    seen = files.read_arrays(str(out / "snapshots.npz"))
    assert seen["prior"].shape[1:] == (16, 60) and seen["manifold"].shape[1:] == (225, 60)
    assert seen["reconstruction"].shape[1:] == (2, 60) and seen["image"].tolist() == [0, 1]
    for name in ("reconstructions.png", "posteriors.png"):  # have the test images, red and green, as they are
        red, green, _ = np.moveaxis(pixels(out / name).astype(int), -1, 0)
        assert (red - green > 100).mean() > 0.002 and (green - red > 100).mean() > 0.002, name
    with Image.open(str(out / "latent_space.gif")) as movie:
        assert movie.n_frames > 1
    assert np.ptp(pixels(out / "manifold.png").astype(int), axis=-1).max() > 20  # of colour
    np.testing.assert_array_equal(problem.test.labels, files.read_arrays(str(out / "latents.npz"))["label"])


@pytest.mark.slow
def test_the_page_of_a_run_of_colour(run):
    out, _ = run
    data, text = data_of(out)["runs"][0], text_of(out)
    assert data["isReal"] and "images of 60 real values from 0 to 1" in text and "a Gaussian for each value" in text
    assert "a probability for each pixel" not in text and "The mean of p(x|z), at points z" in text
    assert "of which 0 to 1 has 256: uniform noise has 8" in text and ".real .picture" in page_of(out)
    close = picture_of(data["close"]["picture"])
    assert close.shape == (4, 10, 3)
    assert (close[:, :5, 0] > close[:, :5, 1] + 100).all() and (close[:, 5:, 1] > close[:, 5:, 0] + 100).all()
    assert picture_of(data["moments"][-1]["prior"]).shape == (4 * 4 + 3, 4 * 5 + 3, 3)
    rows = [row[0] for row in table_of(out, "Table of metrics")]
    assert rows[1:3] == ["test log-likelihood", "bits a dimension of test images"]


@pytest.mark.slow
def test_a_run_of_colour_is_opened_and_measured_again(run, capsys):
    out, config = run
    evaluate_run(str(out), with_ais=False, write=False)
    assert "has the same numbers" in capsys.readouterr().out
    x = problem_of(config).test_images()
    with avb_tf1.open_run(str(out)) as opened:
        found = opened.log_likelihood(x)
        np.testing.assert_allclose(found, files.read_arrays(str(out / "test_images.npz"))["log_likelihood"], atol=1e-4)
        assert opened.sample_posterior(x[:3], n=2, seed=0).shape == (3, 2, 2)
        means = opened.decode(np.zeros((2, 2)))
        assert means.shape == (2, 60) and (means > 0).all() and (means < 1).all()
        assert opened.log_posterior(x[:2], np.zeros((2, 2))).shape == (2,)
        for wrong in (1.5 - x, x - 0.5, np.where(x > 0.5, np.nan, x)):
            with pytest.raises(ValueError, match="the values of x must be numbers from 0 to 1"):
                opened.log_likelihood(wrong)
        with pytest.raises(ValueError, match=r"x must be \[n, 60\]"):
            opened.log_likelihood(x.reshape(-1, 4, 5, 3))


@pytest.mark.slow
def test_an_interrupted_run_of_colour_goes_on_with_the_same_bits(run, tmp_path):
    out, config = run
    stopped_and_gone_on_with(tmp_path / "run", config)
    for name in ("losses.csv", "metrics.json", "config.yaml"):
        assert (tmp_path / "run" / name).read_bytes() == (out / name).read_bytes()
    for name in ("latents.npz", "snapshots.npz", "test_images.npz"):
        whole, pieces = (files.read_arrays(str(folder / name)) for folder in (out, tmp_path / "run"))
        for key in whole:
            np.testing.assert_array_equal(whole[key], pieces[key])


@pytest.mark.slow
def test_annealing_agrees_with_the_quadrature(run):
    """Of the run's own decoder, whose learned log scale is one of its weights."""
    out, config = run
    config = config.copy(update={"evaluation": config.evaluation.copy(
        update={"ais": config.evaluation.ais.copy(update={"n_chains": 64, "n_steps": 40})})})
    with experiment.opened_run(str(out)) as ((_, problem, _), _, networks):
        assert "decoder/log_scale" in networks.decoder_weights()
        x = problem.test_images()
        exact = integrals(networks.likelihood, 2, x)
        scale = np.sqrt(exact.covariance[:, [0, 1], [0, 1]])
        found = annealing(networks, problem, config)(x, exact.mean, scale)
    assert found.standard_error.max() < 0.3
    assert (np.abs(found.log_likelihood - exact.log_likelihood) < 4.5 * found.standard_error + 1e-3).all()


@pytest.mark.slow
def test_runs_of_colour_are_swept_and_compared(run, images, tmp_path):
    _, config = run
    finished(tmp_path / "line_seed_0", config)
    finished(tmp_path / "line_seed_1", of_colour(images, "seed=1"))
    write_sweep(tmp_path, [("line_seed_0", "done", ""), ("line_seed_1", "done", "")])
    sweep_page.write_sweep_page(str(tmp_path))
    head, row = table_of(tmp_path, "Table of settings")[:2]
    assert row[:2] == ["line", "2 of 2"], table_of(tmp_path, "Table of runs")
    bits = [files.read_json(str(tmp_path / ("line_seed_%d" % seed) / "metrics.json"))["test_bits_per_dimension"]
            for seed in (0, 1)]
    assert row[head.index("bits a dimension of test images")].startswith(
        "%.4f ± %.4f" % (np.mean(bits), np.std(bits, ddof=1)))
    table = comparison.markdown(comparison.read_runs([str(tmp_path / ("line_seed_%d" % seed)) for seed in (0, 1)]))
    assert "| bits a dimension of test images | %.4f" % np.mean(bits) in table


def test_a_log_likelihood_above_0_is_no_fault_beside_bits(run):
    metrics = {"test_log_likelihood": 5.0, "test_elbo": 4.0}
    with pytest.raises(InputError, match="test_log_likelihood can't be 5.0: it is at most 0"):
        metrics_file.require_numbers(metrics, "a path", TASKS["data_set"])
    metrics_file.require_numbers(dict(metrics, test_bits_per_dimension=7.9), "a path", TASKS["data_set"])


def test_uniform_noise_has_8_bits():
    assert measures.bits_per_dimension({"": 0.0, "_standard_error": 0.0}, 192, 256) == {"": 8.0, "_standard_error": 0.0}
    # Of p(x) = N(1/2, 1/12), which uniform noise has the moments of: its entropy is log2(2 pi e / 12) / 2 above the uniform's.
    noise = np.random.RandomState(0).randint(0, 256, (1000, 64)).astype(np.uint8)
    problem = problem_of(small_patches("patches_vae"))
    part = problem.test._replace(intensities=noise, labels=np.zeros(1000, np.int64))
    x = problem.__class__(**dict(vars(problem), test=part)).test_images()
    log_scale = np.log(1 / 12) / 2
    own = Gaussian(lambda z: (np.full((len(z), 64), 0.5), np.full((len(z), 64), log_scale)))
    found = measures.evaluate(Networks(1, None, likelihood=own), x, np.random.RandomState(0),
                              measures.Settings(2, 1, 1, n_levels=256)).metrics
    expected = 8 + np.log2(2 * np.pi * np.e / 12) / 2
    assert found["test_bits_per_dimension"] == pytest.approx(expected, abs=4 * found["test_bits_per_dimension_standard_error"])
    assert found["test_bits_per_dimension_standard_error"] < 0.01


@pytest.mark.slow
def test_a_linear_models_optimum_is_the_principal_subspace(tmp_path):
    """Tipping and Bishop 1999: W spans the covariance's first eigenvectors, sigma^2 is the mean of the other eigenvalues."""
    random_state = np.random.RandomState(3)
    w = random_state.standard_normal((2, 8)) * [[0.08], [0.05]]
    x = np.clip(0.5 + random_state.standard_normal((4000, 2)) @ w + 0.03 * random_state.standard_normal((4000, 8)), 0, 1)
    np.savez(str(tmp_path / "a.npz"), train=x[:3800], test=x[3800:])
    data = npz_data(tmp_path / "a.npz").replace("dynamic", "none").replace("64", "475")
    config = image_config(
        "patches_vae", data, "model.likelihood=" + GAUSSIAN % ("linear", "{kind: learned, minimum: -8, initial: -1}"),
        "model.encoder.n_hidden_layers=0", "model.decoder.n_hidden_layers=0", "training.n_iterations=6000",
        "training.generator.learning_rate=1e-2", "training.decoder_learning_rate=1e-2", "training.snapshot_every=6000",
        "evaluation.n_samples=256")
    with without_figures():
        metrics, _ = avb_tf1.run_experiment(config, str(tmp_path / "run"))
    values, vectors = np.linalg.eigh(np.cov(x[:3800].T))
    with avb_tf1.open_run(str(tmp_path / "run")) as opened:
        offset, *rows = opened.decode(np.array([[0, 0], [1, 0], [0, 1]])).astype(np.float64)
        weights, test = np.array(rows) - offset, np.float32(x[3800:])
        deviation = np.exp(opened._networks.likelihood.mean_and_log_scale(np.zeros((1, 2), np.float32))[1][0, 0].astype(float))
        found = opened.log_likelihood(test)
    assert subspace_angles(weights.T, vectors[:, -2:]).max() < 0.05
    assert deviation**2 == pytest.approx(values[:-2].mean(), rel=0.05)
    np.testing.assert_allclose(np.linalg.svd(weights)[1]**2, values[:-3:-1] - deviation**2, rtol=0.1)
    exact = multivariate_normal(offset, weights.T @ weights + deviation**2 * np.eye(8)).logpdf(test.astype(np.float64))
    np.testing.assert_allclose(found, exact, atol=3e-3)
    assert metrics["test_log_likelihood"] > 0 and metrics["test_inference_gap"] < 0.05  # the exact posterior is a Gaussian
    assert metrics["test_bits_per_dimension"] == pytest.approx(-exact.mean() / 8 / np.log(2), abs=1e-3)
