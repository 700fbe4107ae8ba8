"""Simulation-based calibration of explaining away: of exact draws, of the best Gaussian, and of a model that sees x itself."""

import os

import numpy as np
import pytest
from config_cases import EACH_KIND, FLOWS, refusal
from helpers import ROOT, long, slow
from scipy.stats import kstest, norm

from avb_tf1.config.loading import load_config
from avb_tf1.estimation.trained_networks import Networks
from avb_tf1.experiment.run import Experiment, opened_model, run_experiment
from avb_tf1.problems.registry import problem_of
from avb_tf1.tasks import diagnostics
from avb_tf1.tasks.given_posterior.reference import joint_draws
from avb_tf1.training import trainer

AMORTISED = os.path.join(ROOT, "configs", "posteriors", "explaining_away_amortised.yaml")
N_POOL = 20000
SMALL = ["model.encoder.n_units=16", "model.discriminator.n_units=16", "evaluation.n_samples=1024",
         "training.checkpoint_every=5", "training.snapshot_every=5", "training.n_iterations=10", "training.linear_decay=null"]
GAUSSIAN = [
    "problem={kind: explaining_away, batch_size: 50, x: joint}", "training.n_iterations=10", "training.checkpoint_every=5",
    "training.snapshot_every=5", "evaluation.n_samples=1024",
    "model={kind: gaussian, latent_dim: 2, covariance: diagonal, encoder: {n_hidden_layers: 1, n_units: 16, activation: relu, "
    "center_input: false, spread_output: log_variance}}"]
BANANA_GAUSSIAN = os.path.join(ROOT, "configs", "posteriors", "banana_gaussian.yaml")


@pytest.fixture(scope="module")
def problem():
    return problem_of(load_config(AMORTISED))


def causes(z):
    """The mean of x given z, by numpy."""
    return 3 + (np.maximum(z, 0)**3).sum(axis=1)


@pytest.fixture(scope="module")
def pool():
    """Draws of the prior, N(0, 2 I), and the mean of x at each."""
    z = np.sqrt(2) * np.random.RandomState(0).standard_normal((N_POOL, 2))
    return z, causes(z)


def by_weights(pool, draw):
    """An encoder: draw(z of the pool, their weights p(z|x), eps [n, 2]) for each x."""
    z, mean = pool

    def encode(x, eps):
        found = np.empty((len(x), 2), np.float32)
        for value in np.unique(x):
            rows, weights = x[:, 0] == value, np.exp(-value / mean) / mean
            found[rows] = draw(z, weights / weights.sum(), eps[rows])
        return found

    return encode


def exact(z, weights, eps):
    index = np.searchsorted(np.cumsum(weights), norm.cdf(eps[:, 0]))
    return z[np.minimum(index, N_POOL - 1)]


def gaussian(z, weights, eps):
    """With the posterior's own means and variances."""
    mean = weights @ z
    return mean + np.sqrt(weights @ (z - mean)**2) * eps


def calibrated(problem, encode):
    z, x = joint_draws(problem, diagnostics.N_SIMULATED, 1)
    return diagnostics.calibrated(Networks(2, 2, encode), x, z, problem.coordinates, np.random.RandomState(2))


def test_x_is_drawn_from_the_joint_density(problem):
    z, x = joint_draws(problem, 20000, 5)
    assert z.dtype == x.dtype == np.float32 and x.shape == (20000, 1)
    assert kstest(z[:, 0] / np.sqrt(2), "norm")[1] > 1e-3
    assert kstest(x[:, 0] / causes(z.astype(float)), "expon")[1] > 1e-3
    again = joint_draws(problem, 20000, 5)
    assert (again[0] == z).all() and (again[1] == x).all()


def test_exact_draws_have_uniform_ranks(problem, pool):
    found = calibrated(problem, by_weights(pool, exact))
    assert found["calibration_distance"] < found["calibration"]["limit"]
    low, high = found["calibration"]["band"]
    counts = found["calibration"]["counts"]
    assert list(counts) == ["z1", "z2"] and all(low <= count <= high for own in counts.values() for count in own)


def test_a_gaussian_has_not(problem, pool):
    """That with the exact moments; the posteriors of large x have two arms, along the axes."""
    found = calibrated(problem, by_weights(pool, gaussian))
    assert found["calibration_distance"] > found["calibration"]["limit"]
    low, high = found["calibration"]["band"]
    assert any(not low <= count <= high for own in found["calibration"]["counts"].values() for count in own)


def test_the_graph_sees_x_itself(problem):
    config = load_config(AMORTISED, SMALL)
    experiment = Experiment.of(config)
    with opened_model(experiment) as (session, model):
        session.run(model.initialize)
        x, again = session.run(model.parts.batch.x), session.run(model.parts.batch.x)
        networks = trainer.array_functions(session, model)
        z = np.random.RandomState(0).standard_normal((500, 2)).astype(np.float32)
        log_joint = networks.log_joint(x, z)
    assert x.shape == (500, 1) and (x >= 0).all() and not (x == again).any()
    mean = causes(z.astype(float))
    expected = -np.log(mean) - x[:, 0] / mean + norm.logpdf(z, 0, np.sqrt(2)).sum(axis=1)
    np.testing.assert_allclose(log_joint, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(problem.inputs, problem.observations)


@pytest.mark.parametrize("path, overrides", [
    slow(AMORTISED, SMALL, id="AVB"), long(BANANA_GAUSSIAN, GAUSSIAN, id="Gaussian"),
    long(BANANA_GAUSSIAN, [*GAUSSIAN, "model.flow=" + FLOWS["coupling"], "model.encoder.n_context=4",
                           "training.n_importance_samples=3"], id="flow")])
def test_a_run_is_calibrated_and_has_the_same_bits_in_pieces(tmp_path, path, overrides):
    config, folder = load_config(path, overrides), tmp_path / "run"
    metrics, _ = run_experiment(config, str(folder))
    assert set(metrics["calibration"]["counts"]) == {"z1", "z2"} and "calibration_distance" in metrics["good_values"]
    assert [own["x"] for own in metrics["per_x"]] == list(problem_of(config).observation_names)
    last = list((folder / "checkpoint").glob("model-10*"))
    assert last
    for path in [*last, *(folder / name for name in ("metrics.json", "losses.csv", "timing.json", "report.html"))]:
        path.unlink()
    resumed, timing = run_experiment(config, str(folder))
    assert resumed == metrics and timing["n_trained"] == 10


@pytest.mark.parametrize("path, override, words", [
    (AMORTISED, "problem.x=jointly", "problem.x must be one of observed, joint"),
    (BANANA_GAUSSIAN, "problem.x=joint", "problem.x can be joint for explaining_away only"),
    (AMORTISED, "problem.x=observed", None),
    (AMORTISED, "model.kind=sivi", "model.kind must be avb or gaussian if problem.x is joint"),
])
def test_what_x_can_be(path, override, words):
    if words is None:
        assert load_config(path, [override]).batch_kind == "each_x"
    else:
        assert words in refusal(EACH_KIND["given_posterior", "sivi"][1] if "sivi" in override else [override], path)


def test_a_gaussian_has_an_encoder_where_it_sees_x_itself():
    assert "model.encoder must be null if problem.x is observed, a section if it is joint" in refusal(
        ["problem={kind: explaining_away, batch_size: 50, x: joint}"], BANANA_GAUSSIAN)
    assert "model.encoder must be null if problem.x is observed" in refusal([*GAUSSIAN, "problem.x=observed"], BANANA_GAUSSIAN)
    assert "model.encoder must be null if covariance is full" in refusal([*GAUSSIAN, "model.covariance=full"], BANANA_GAUSSIAN)
    assert "model.encoder.convolution must be null, not a mapping" in refusal(
        [*GAUSSIAN, "model.encoder.convolution={n_channels: [4], kernel_size: 3, stride: 2}"], BANANA_GAUSSIAN)
    plain = load_config(BANANA_GAUSSIAN, [*GAUSSIAN, "model.encoder.convolution=null"])  # as runs' own configs have it
    assert plain == load_config(BANANA_GAUSSIAN, GAUSSIAN) and "convolution" not in plain.tree()["model"]["encoder"]
    assert "model.encoder.n_context must be an integer with a flow" in refusal(
        [*GAUSSIAN, "model.flow=" + FLOWS["coupling"]], BANANA_GAUSSIAN)
    config = load_config(BANANA_GAUSSIAN, [*GAUSSIAN, "model.flow=" + FLOWS["coupling"], "model.encoder.n_context=4"])
    assert (config.model.posterior, config.model.divergence) == ("flow", "sampled")
