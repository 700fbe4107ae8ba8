"""A model that has a decoder and no approximate posterior q(z|x): what can't be had is left out, with a reason."""

import math
from typing import ClassVar, Optional

import fake_runs
import numpy as np
import pytest
from helpers import small, vae_config
from image_data import small_images
from typing_extensions import Literal

from avb_tf1.config import networks as network_sections
from avb_tf1.config.models import ImageModelConfig
from avb_tf1.estimation.likelihoods import Bernoulli
from avb_tf1.estimation.trained_networks import Networks
from avb_tf1.ground import files
from avb_tf1.problems.registry import problem_of
from avb_tf1.report import run_page
from avb_tf1.runs import metrics_file
from avb_tf1.tasks.registry import TASKS
from avb_tf1.tasks.summary import summary

REASON = "the model has no approximate posterior q(z|x)"
FOUR = ["training.n_iterations=4", "training.snapshot_every=2"]


class DecoderConfig(ImageModelConfig):
    method: ClassVar[str] = "A decoder alone"
    paper_row: ClassVar[str] = "none"
    posterior: ClassVar[Optional[str]] = None
    divergence: ClassVar[Optional[str]] = None
    kind: Literal["decoder"]
    decoder: network_sections.VAEDecoderConfig


def decoder_alone(config):
    """A config whose model has its decoder alone."""
    model = DecoderConfig(kind="decoder", latent_dim=config.model.latent_dim, decoder=config.model.decoder)
    return config.copy(update={"model": model})


CONFIGS = {
    "known_images": lambda: decoder_alone(vae_config(*FOUR)),
    "known_images of three dimensions": lambda: decoder_alone(vae_config(*FOUR, "model.latent_dim=3")),
    "data_set": lambda: decoder_alone(small_images("digits_vae", *FOUR, "training.checkpoint_every=4")),
}


@pytest.fixture(scope="module", params=list(CONFIGS))
def run(request, tmp_path_factory):
    """The folder, the config and the probabilities of a decoder that ignores z."""
    config = CONFIGS[request.param]()
    p = np.linspace(0.1, 0.6, np.prod(problem_of(config).image_shape))
    networks = Networks(config.model.latent_dim, None, None, Bernoulli(lambda z: np.tile(np.float32(p), (len(z), 1))))
    trained = fake_runs.trained_of(config, networks)
    made = fake_runs.finished(tmp_path_factory.mktemp("without q") / "run", trained)
    made.config, made.networks, made.trained = config, networks, trained
    made.has_grid, made.task = config.model.latent_dim <= 2, TASKS[config.task]
    x = made.trained.problem.test_images() if config.task == "data_set" else np.eye(4)
    made.log_likelihood = np.log(np.where(x == 1, p, 1 - p)).sum(axis=1)
    return made


def test_it_is_looked_at_without_codes(run):
    record = run.task.view(run.networks, run.trained.problem, np.random.RandomState(0)).look()
    wanted = {"prior", "manifold"} if run.task.name == "data_set" else {"probabilities"} if run.has_grid else set()
    assert set(record) == wanted
    snapshots = files.read_arrays(str(run.folder / "snapshots.npz"))
    others = {"label", "image"} if run.task.name == "data_set" else {"label"}
    assert set(snapshots) == wanted | others | {"iteration"} and snapshots["iteration"].tolist() == [0, 2, 4]


def test_its_metrics_are_those_of_the_decoder(run):
    metrics = run.measured.metrics
    name = "test_log_likelihood" if run.task.name == "data_set" else "log_likelihood"
    q_metrics = {"test_elbo", "test_inference_gap"} if run.task.name == "data_set" else {
        "reconstruction_error", "elbo", "kl_marginal_prior", "kl_posterior_prior", "inference_gap"}
    if run.has_grid:
        assert metrics[name] == pytest.approx(run.log_likelihood.mean(), abs=1e-4)
        assert metrics["not_computed"] == dict.fromkeys(q_metrics, REASON)
    else:
        no_grid = dict.fromkeys(("log_likelihood", "inference_gap"), "needs a grid: latent_dim 1 or 2")
        assert metrics["not_computed"] == dict(dict.fromkeys(q_metrics, REASON), **no_grid) and name not in metrics
    assert set(run.task.metrics) & set(metrics) == ({name} if run.has_grid else set())
    assert "classification_accuracy" not in metrics and metrics["generator_loss"] == 2.5


def test_its_folder_has_what_can_be_drawn(run):
    drawn = {"training_curve.png"} | ({"manifold.png"} if run.task.name == "data_set" else set())
    assert set(run.task.figures) & set(run.names) == drawn and "latents.npz" not in run.names
    assert ("latent_plane.npz" in run.names) == (run.task.name == "known_images" and run.has_grid)


def test_log_likelihood_of_ones_own_images_takes_no_q(run):
    n_pixels = np.prod(run.trained.problem.image_shape)
    x, p = np.eye(n_pixels)[:2], np.linspace(0.1, 0.6, n_pixels)
    if run.has_grid:
        expected = [np.log1p(-p).sum() + math.log(own / (1 - own)) for own in p[:2]]
        found = run.task.log_likelihood(run.networks, run.trained.problem, x, run.config)
        np.testing.assert_allclose(found, expected, atol=1e-4)
    else:
        with pytest.raises(ValueError, match="needs a grid"):
            run.task.log_likelihood(run.networks, run.trained.problem, x, run.config)


def test_its_run_is_read_told_and_has_a_page(run):
    found = fake_runs.read(run.folder, run.config)
    assert found.metrics == run.measured.metrics and list(found.losses) == ["generator_loss"]
    assert set(found.curves) == {"iteration"}
    text = summary(run.task, found.metrics, run.config)
    reasons = metrics_file.not_computed(found.metrics)
    assert [line for line in text.splitlines() if "not computed" in line] == ["not computed: " + reason for reason in reasons]
    assert "elbo" not in text.partition("not computed")[0]
    for is_sweep in (False, True):
        data, _ = run.task.page([("a setting", [found])], [found], is_sweep)
        drawn, = data["runs"]
        assert drawn["n"] == 0 and list(data["losses"]) == ["generator_loss"]
    assert ("map" in drawn) == (run.task.name == "known_images" and run.has_grid)
    page = run_page.rendered(run.task, found)
    assert REASON in page and "A decoder alone on" in page
    assert "Here there is no encoder: the decoder is trained by log p(x) itself" in page
    assert "The model has no encoder, and so no codes." in page and "sample of q(z|x)" not in page
    assert "Diamonds: the final evaluation" not in page


def test_a_row_of_a_table_has_the_metrics_that_there_are():
    group = fake_runs.group_of(small(), {"log_likelihood": -1.5, "not_computed": {"elbo": REASON}})
    assert [row.metric for row in TASKS["known_images"].rows([group])] == ["log_likelihood"]
