"""Another distribution of images than the four of 2x2 pixels: three pixels, all eight images, unequal probabilities."""

import json
import re

import numpy as np
import pytest
from helpers import small
from pictures import pixels
from scipy.stats import norm

import avb_tf1
from avb_tf1.estimation import quadrature
from avb_tf1.estimation.quadrature import all_binary_images
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.errors import InputError
from avb_tf1.ground.tensorflow import open_session
from avb_tf1.problems.known_images.problem import ImageProblem
from avb_tf1.problems.registry import IMAGE_PROBLEMS
from avb_tf1.tasks.known_images import measures
from avb_tf1.tasks.known_images.measures import kl_over_training
from avb_tf1.tasks.known_images.view import View
from avb_tf1.tasks.registry import TASKS
from avb_tf1.training import trainer
from avb_tf1.training.snapshots import Snapshots

WEIGHTS = (1, 2, 3, 4, 1, 2, 2, 1)
THREE_PIXELS = ImageProblem(
    images=all_binary_images(3), weights=WEIGHTS, title="eight images of three pixels", image_shape=(1, 3),
    image_names=("none", "1", "2", "1 and 2", "3", "1 and 3", "2 and 3", "all"), pixel_names=("1", "2", "3"),
    image_phrase="pixels that are on: %s")


def test_samples_have_their_shares():
    assert np.bincount(THREE_PIXELS.labels(48)).tolist() == [3 * weight for weight in WEIGHTS]
    assert THREE_PIXELS.entropy == pytest.approx(-np.dot(WEIGHTS, np.log(np.array(WEIGHTS) / 16)) / 16)
    assert THREE_PIXELS.mean(np.arange(8)) == pytest.approx(np.dot(np.arange(8), WEIGHTS) / 16)
    assert all_binary_images(2).tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]
    assert len(THREE_PIXELS.labels(47)) == 32
    assert THREE_PIXELS.error_of_mean(np.full(8, 0.3)) == pytest.approx(0.3 * np.sqrt(np.sum(np.square(WEIGHTS))) / 16)


@pytest.mark.parametrize("weights", [(97, 1, 1, 1), (1000, 1000, 1000, 1000), (0, 1, 1, 1)])
def test_weights_that_leave_an_image_too_few_codes_are_refused(weights):
    with pytest.raises(ValueError, match="less than 0.4 of their mean"):
        ImageProblem(np.eye(4), weights, "", (2, 2), (), (), "%s")


@pytest.mark.parametrize("data", [
    "data={kind: constant, batch_size: 64}", "data={kind: uniform_labels, batch_size: 4096}",
    "data={kind: shuffled_sample, n_samples: 8192, batch_size: 4096, has_each_image: true, noise: fresh}"])
def test_batches_follow_the_probabilities(monkeypatch, data):
    monkeypatch.setitem(IMAGE_PROBLEMS, "four_images", THREE_PIXELS)
    model = build_graph(small(data))
    with open_session(model.graph, 1, 1) as session:
        x = session.run(model.parts.batch.x)
    shares = np.bincount((x @ [1, 2, 4]).astype(int), minlength=8) / len(x)
    np.testing.assert_allclose(shares, np.array(WEIGHTS) / 16, atol=0 if "constant" in data else 0.03)


def test_a_batch_that_can_not_be_shared_out_is_refused(monkeypatch):
    monkeypatch.setitem(IMAGE_PROBLEMS, "four_images", THREE_PIXELS)
    with pytest.raises(InputError, match="data.batch_size must be a multiple of 16, not 24"):
        small("data.batch_size=24")


def test_a_model_of_it_is_trained_and_evaluated_exactly(monkeypatch):
    monkeypatch.setitem(IMAGE_PROBLEMS, "four_images", THREE_PIXELS)
    config = small("model.latent_dim=1", "data.batch_size=64", "training.n_iterations=200", "training.snapshot_every=100",
                   "model.encoder.n_units=32", "model.decoder.n_units=32", "model.discriminator.n_units=32",
                   "training.generator.learning_rate=3e-3", "training.discriminator.learning_rate=3e-3")
    model = build_graph(config)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        networks = trainer.array_functions(session, model)
        snapshots = Snapshots(View(networks, THREE_PIXELS, np.random.RandomState(0)), config.training)
        trainer.train(session, model, config.training, [snapshots])
        z = np.linspace(-8, 8, 20001)
        p = networks.decode(z[:, np.newaxis].astype(np.float32)).astype(np.float64)
        log_likelihoods = quadrature.log_likelihood(networks.decode, 1, THREE_PIXELS.images)
        metrics = measures.evaluate(networks, THREE_PIXELS, np.random.RandomState(0), 16384, lambda: log_likelihoods)
    assert p.shape == (20001, 3) and metrics["reconstruction_error"] < np.log(2) - 0.05  # nats a pixel; log 2 at first
    enumerated = [np.log(np.trapz(np.prod(np.where(image == 1, p, 1 - p), axis=1) * norm.pdf(z), z))
                  for image in THREE_PIXELS.images]
    np.testing.assert_allclose(log_likelihoods, enumerated, atol=1e-4)
    assert np.exp(log_likelihoods).sum() == pytest.approx(1, abs=1e-4)
    assert metrics["log_likelihood"] == pytest.approx(np.dot(enumerated, WEIGHTS) / 16, abs=1e-4)
    entropy = -np.dot(WEIGHTS, np.log(np.array(WEIGHTS) / 16)) / 16
    assert metrics["elbo"] <= metrics["log_likelihood"] + 0.02 <= -entropy + 0.02
    kl = kl_over_training(snapshots.arrays(), THREE_PIXELS)["kl_posterior_prior"]
    assert kl.shape == (3,) and kl[-1] == pytest.approx(metrics["kl_posterior_prior"], abs=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("latent_dim", [1, 2])
def test_a_run_of_it_is_drawn(monkeypatch, tmp_path, latent_dim):
    monkeypatch.setitem(IMAGE_PROBLEMS, "four_images", THREE_PIXELS)
    config = small("model.latent_dim=%d" % latent_dim, "data.batch_size=64", "training.n_iterations=200",
                   "training.snapshot_every=50", "training.generator.learning_rate=3e-3",
                   "training.discriminator.learning_rate=3e-3")
    metrics, _ = avb_tf1.run_experiment(config, str(tmp_path))
    with avb_tf1.open_run(str(tmp_path)) as run:
        probabilities = np.exp(run.log_likelihood(THREE_PIXELS.images))
    assert probabilities.sum() == pytest.approx(1, abs=1e-4)
    assert metrics["log_likelihood"] == pytest.approx(np.dot(WEIGHTS, np.log(probabilities)) / 16)
    for name in TASKS["known_images"].figures:
        assert pixels(tmp_path / name).std() > 1
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "on eight images of three pixels" in page and "nothing is published to hold it against" in page
    data = json.loads(re.search(r'(?s)<script type="application/json" id="data">(.*?)</script>', page).group(1))
    assert data["runs"][0]["counts"] == [128 * weight for weight in WEIGHTS]
    assert data["problem"]["images"] == THREE_PIXELS.images.tolist() and data["kl_optimum"] is None


@pytest.mark.slow
@pytest.mark.parametrize("latent_dim", [1, 2])
def test_its_page_opens(monkeypatch, tmp_path, latent_dim):
    browser = pytest.importorskip("browser", reason="needs Selenium")
    if not all(browser.programs()):
        pytest.skip("needs Chromium and ChromeDriver")
    monkeypatch.setitem(IMAGE_PROBLEMS, "four_images", THREE_PIXELS)
    avb_tf1.run_experiment(small("model.latent_dim=%d" % latent_dim, "data.batch_size=64"), str(tmp_path))
    with browser.opened() as driver:
        driver.get((tmp_path / "report.html").as_uri())
        legend = driver.find_elements("css selector", "#decoder .classes > span")
        assert [entry.text for entry in legend] == list(THREE_PIXELS.image_names)
        assert "Probability that a pixel is on: 1 0." in driver.find_element("id", "probe-text").text
        assert [entry["message"] for entry in driver.get_log("browser")] == []
