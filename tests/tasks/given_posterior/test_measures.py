"""The metrics of models of given posteriors, against closed forms."""

import dataclasses
import math

import numpy as np
import pytest
from conjugate_problem import conjugate
from scipy import stats

from avb_tf1.estimation.entropy import Estimate
from avb_tf1.estimation.trained_networks import Networks
from avb_tf1.tasks.given_posterior import measures, reference, summary


def networks_of(problem, mean, covariance, **others):
    """Networks whose q is a Gaussian that they know only as samples, unless `others` say more."""
    scale, log_joint = np.linalg.cholesky(covariance), reference.array_log_joint(problem)
    return Networks(
        latent_dim=2, noise_dim=2, encode=lambda x, eps: (mean + eps @ scale.T).astype(np.float32),
        log_joint=lambda x, z: log_joint(problem.observations[0], z), log_prior=lambda z: stats.norm.logpdf(z).sum(axis=1),
        **others)


def test_metrics_of_the_exact_posterior_are_exact():
    problem, mean, covariance, evidence = conjugate()
    references = reference.exact_references(problem)
    metrics = measures.evaluate(
        networks_of(problem, mean, covariance), problem, references, np.random.RandomState(0), 50000)
    assert metrics["log_evidence"] == pytest.approx(evidence, abs=2e-6)
    assert abs(metrics["inference_gap"]) < 4 * metrics["inference_gap_standard_error"] + metrics["inference_gap_bias_left"]
    assert metrics["elbo"] == pytest.approx(evidence - metrics["inference_gap"], abs=2e-6)
    assert set(metrics["methods"].values()) == {"quadrature", "nearest neighbours", "samples", "64² squares", "128² squares"}
    for name in ("kl_64_squares", "kl_128_squares"):
        assert abs(metrics[name]) < 4 * metrics[name + "_standard_error"]
    assert metrics["wasserstein"] < 2 * metrics["wasserstein_noise_floor"] < 0.04
    assert list(metrics["marginals"]) == ["a", "b", "a + b"]
    for name, direction in (("a", [1, 0]), ("b", [0, 1]), ("a + b", [1, 1])):
        own, deviation = metrics["marginals"][name], math.sqrt(np.dot(direction, covariance @ direction))
        assert own["exact_mean"] == pytest.approx(np.dot(direction, mean), abs=1e-5)
        assert own["exact_standard_deviation"] == pytest.approx(deviation, rel=1e-4)
        assert own["mean"] == pytest.approx(own["exact_mean"], abs=5 * deviation / math.sqrt(20000))
        assert own["standard_deviation"] == pytest.approx(deviation, rel=0.03)
    share = stats.norm.sf(0, mean[0], math.sqrt(covariance[0, 0]))
    assert metrics["modes"]["a > 0"]["share"] == pytest.approx(share, abs=0.01)
    assert metrics["modes"]["a > 0"]["exact_share"] == pytest.approx(share, abs=1e-4)
    assert "exact_share_standard_error" not in metrics["modes"]["a > 0"]
    draws = reference.exact_references(problem)[0].draws
    by_draws = dataclasses.replace(references[0], share=None, draws=draws)
    found = measures._modes(problem, by_draws, np.zeros((10, 2)), np.random.RandomState(0))["a > 0"]
    error = found["exact_share_standard_error"]
    assert abs(found["exact_share"] - share) < 4 * error and error == pytest.approx(
        math.sqrt(share * (1 - share) / (10 * measures.N_COMPARED)), rel=0.01)
    lines = summary._marginals({"marginals": metrics["marginals"], "modes": {"a > 0": found}})
    assert lines[-1] == "P(a > 0) = 0.000, of exact draws %.3f ± %.3f" % (found["exact_share"], error)
    assert "per_x" not in metrics and "not_computed" not in metrics


def test_metrics_of_another_gaussian():
    """Shifted by one standard deviation: KL 1/2 times a squared distance, and that distance in the marginal."""
    problem, mean, covariance, evidence = conjugate()
    shift = np.array([0.3, 0.0])
    gap = 0.5 * shift @ np.linalg.inv(covariance) @ shift
    scale = np.linalg.cholesky(covariance).astype(np.float32)
    references = reference.exact_references(problem)
    for others, method in (({}, "nearest neighbours"),
                           ({"gaussian": lambda x: (np.float32([mean + shift]), scale[np.newaxis])}, "samples")):
        metrics = measures.evaluate(
            networks_of(problem, mean + shift, covariance, **others), problem, references, np.random.RandomState(1), 50000)
        assert metrics["methods"]["elbo"] == method
        assert metrics["inference_gap"] == pytest.approx(gap, abs=5 * metrics["inference_gap_standard_error"])
        assert metrics["marginals"]["a"]["wasserstein"] == pytest.approx(0.3 / math.sqrt(covariance[0, 0]), abs=0.05)
        assert 0.8 * gap < metrics["kl_128_squares"] < gap + 3 * metrics["kl_128_squares_standard_error"]


def test_the_mean_over_x_has_the_independent_sum_of_their_errors():
    found = measures._mean([Estimate(value, "samples", error, bias) for value, error, bias in (
        (1.0, 0.1, 0.01), (2.0, 0.2, 0.02), (6.0, 0.3, 0.06))])
    assert found == Estimate(3.0, "samples", pytest.approx(math.sqrt(0.14) / 3), pytest.approx(0.03))
    assert measures._mean([Estimate(1.0, "quadrature"), Estimate(2.0, "quadrature")]) == Estimate(1.5, "quadrature")


@pytest.mark.parametrize("errors, warns", [(1.9, False), (2.1, True)])
def test_two_errors_above_the_evidence_are_the_limit_of_what_is_believed(errors, warns):
    metrics = {"log_evidence": -1.0, "elbo_discriminator": -1.0 + errors * 0.01, "elbo_discriminator_standard_error": 0.01}
    assert bool(summary.warning(metrics, None)) is warns


def test_the_discriminators_elbo_above_the_evidence_is_warned_of():
    problem, mean, covariance, evidence = conjugate()
    references = reference.exact_references(problem)
    density = stats.multivariate_normal(mean, covariance)
    for too_low, warns in ((0.2, True), (-0.2, False)):
        networks = networks_of(problem, mean, covariance, log_ratio=lambda x, z, too_low=too_low: (
            density.logpdf(z) - stats.norm.logpdf(z).sum(axis=1) - too_low)[:, np.newaxis])
        metrics = measures.evaluate(networks, problem, references, np.random.RandomState(0), 2048)
        assert metrics["methods"]["elbo_discriminator"] == "discriminator"
        assert metrics["elbo_discriminator"] == pytest.approx(evidence + too_low, abs=1e-4)
        assert bool(summary.warning(metrics, None)) is warns
    assert "0.2000 nats above" in summary.warning(dict(metrics, elbo_discriminator=evidence + 0.2), None)


def test_without_a_reference_it_is_said_what_is_missing():
    problem, mean, covariance, _ = conjugate()
    metrics = measures.evaluate(
        networks_of(problem, mean, covariance), problem, None, np.random.RandomState(0), 2048)
    assert set(metrics["not_computed"]) == {"log_evidence", "inference_gap", "wasserstein", "wasserstein_noise_floor"}
    assert set(metrics["marginals"]["a"]) == {"mean", "standard_deviation"} and "elbo" in metrics
