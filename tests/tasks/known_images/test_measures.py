"""The metrics of models of the four images, of which a perfect one's are known."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import small
from known_models import constant_decoder, decoder, normal, relu_codes, sector_decoder, sector_encoder, sector_of
from scipy.special import expit
from scipy.stats import norm

from avb_tf1.estimation import quadrature, trained_networks
from avb_tf1.estimation.entropy import Estimate
from avb_tf1.estimation.likelihoods import Bernoulli
from avb_tf1.problems.known_images.four_images import OPTIMUM, PROBLEM
from avb_tf1.tasks.known_images import measures
from avb_tf1.tasks.known_images.measures import kl_over_training
from avb_tf1.tasks.known_images.view import View
from avb_tf1.tasks.views import N_SAMPLES
from avb_tf1.training.snapshots import Snapshots


def test_metrics_of_an_encoder_that_has_no_density_for_one_image():
    def encode(x, eps):
        return np.where(x[:, 2:3] == 1, relu_codes(len(x), 3), eps[:, :2])

    networks = trained_networks.Networks(2, 4, encode, Bernoulli(sector_decoder), log_ratio=lambda x, z: np.zeros((len(x), 1)))
    metrics = measures.evaluate(networks, PROBLEM, np.random.RandomState(0), 32768, lambda: np.full(4, -math.log(4)))
    infinite = {"kl_posterior_prior": math.inf, "kl_marginal_prior": math.inf, "elbo": -math.inf, "inference_gap": math.inf}
    assert {name: metrics[name] for name in infinite} == infinite
    assert not any(name + suffix in metrics for name in infinite for suffix in ("_standard_error", "_bias_left"))
    assert "kl_discriminator_standard_error" in metrics and "reconstruction_error_standard_error" in metrics


def evaluated(networks, n_samples):
    log_likelihoods = quadrature.log_likelihood(networks.decode, networks.latent_dim, PROBLEM.images)
    return measures.evaluate(networks, PROBLEM, np.random.RandomState(0), n_samples, lambda: log_likelihoods)


def test_the_optimum_scores_as_derived():
    networks = trained_networks.Networks(
        latent_dim=2, noise_dim=2, encode=sector_encoder, likelihood=Bernoulli(sector_decoder),
        log_ratio=lambda x, z: np.full((len(x), 1), math.log(4)))
    metrics = evaluated(networks, 65536)
    for name in ("log_likelihood", "elbo", "kl_posterior_prior", "kl_marginal_prior", "inference_gap", "reconstruction_error"):
        assert metrics[name] == pytest.approx(OPTIMUM[name].value, abs=0.008), name
    assert metrics["log_likelihood"] == pytest.approx(-math.log(4), abs=1e-4)
    assert metrics["kl_discriminator"] == pytest.approx(math.log(4))
    assert 0 < metrics["kl_posterior_prior_standard_error"] < 0.003
    assert metrics["n_samples_per_class"] == 65536
    assert metrics["methods"] == {
        "log_likelihood": "quadrature", "kl_discriminator": "samples", "reconstruction_error": "samples", **{
            name: "nearest neighbours" for name in ("elbo", "kl_posterior_prior", "kl_marginal_prior", "inference_gap")},
        "k_hat_discriminator": "discriminator", "log_likelihood_importance_discriminator": "discriminator"}
    # T is right, so that all weights are p(x).
    assert metrics["log_likelihood_importance_discriminator"] == pytest.approx(-math.log(4), abs=1e-6)
    assert metrics["k_hat_discriminator"] == 0
    assert OPTIMUM["discriminator_loss"].value == pytest.approx(0.625503, abs=1e-6)
    assert OPTIMUM["generator_loss"].value == pytest.approx(1.386294, abs=1e-6)


def test_a_wrong_pixel_of_a_decoder_of_logits_takes_what_its_logit_says():
    """From probabilities in float32, where 17 is 1, it would take 1e4."""
    def logits(z):
        return np.where(sector_decoder(z) > 0.5, np.float32(17), np.float32(-17))

    networks = trained_networks.Networks(  # codes of any x are in all sectors: three of four have two wrong pixels
        latent_dim=2, noise_dim=2, encode=lambda x, eps: eps[:, :2],
        likelihood=Bernoulli(lambda z: expit(logits(z)).astype(np.float32), logits))
    metrics = measures.evaluate(networks, PROBLEM, np.random.RandomState(0), 16384, lambda: np.zeros(4))
    assert metrics["reconstruction_error"] == pytest.approx(0.75 * 2 * 17 / 4, rel=0.02)


def test_gaussian_posterior_has_a_closed_form():
    mean, log_variance = np.float32([[1, 0], [-1, 0], [0, 1], [0, -1]]), np.full((4, 2), -1, np.float32)

    def encode(x, eps):
        return (x @ mean + np.exp(-0.5) * eps).astype(np.float32)

    networks = trained_networks.Networks(2, 2, encode, Bernoulli(constant_decoder), gaussian=lambda x: (mean, log_variance))
    metrics = evaluated(networks, 4096)
    assert metrics["methods"]["kl_posterior_prior"] == "closed form" and metrics["methods"]["elbo"] == "samples"
    assert metrics["kl_posterior_prior"] == pytest.approx(0.5 * (2 * math.exp(-1) + 1 - 2 + 2), abs=1e-6)
    assert metrics["kl_posterior_prior_standard_error"] == 0
    assert "kl_discriminator" not in metrics
    # The decoder ignores z: the gap is all of KL(q(z|x) || p(z)).
    assert metrics["inference_gap"] == pytest.approx(metrics["kl_posterior_prior"], abs=1e-3)


def test_an_elbo_has_the_errors_and_the_method_of_both_its_parts():
    reconstruction = np.float64([-1, -3])  # mean -2, standard error 1
    sample = SimpleNamespace(
        log_reconstruction=reconstruction, kl_posterior_prior=Estimate(0.5, "nearest neighbours", 0.75, 0.125))
    assert measures._elbo(sample) == Estimate(-2.5, "nearest neighbours", pytest.approx(1.25), 0.125)
    exact = SimpleNamespace(log_reconstruction=reconstruction, kl_posterior_prior=Estimate(0.5, "closed form", 0.0, None))
    assert measures._elbo(exact) == Estimate(-2.5, "samples", pytest.approx(1.0), None)


def test_classification_accuracy():
    networks = trained_networks.Networks(2, 2, sector_encoder, Bernoulli(sector_decoder))
    z = normal(100)
    labels = sector_of(z)
    assert measures.classification_accuracy(networks, PROBLEM, z, labels) == 1
    assert measures.classification_accuracy(networks, PROBLEM, z, (labels + 1) % 4) == 0


def test_a_model_with_neither_parameters_nor_discriminator_has_no_kl_over_training():
    """As one without q, or with an implicit one of more dimensions than neighbours can fill."""
    for snapshots in ({"probabilities": np.zeros((2, 1681, 4), np.uint8)}, {"z": np.zeros((2, 1024, 3), np.float32)}):
        assert measures.kl_over_training(dict(snapshots, iteration=np.array([0, 2])), PROBLEM) == {}


def test_codes_that_are_not_finite_have_no_kl():
    z = np.full([1, 4 * N_SAMPLES, 2], np.nan, np.float32)
    kl = kl_over_training({"z": z, "log_ratio": z[:, :, 0]}, PROBLEM)
    assert np.isnan(kl["kl_posterior_prior"]).all() and np.isnan(kl["kl_discriminator"]).all()


def test_kl_of_known_posteriors():
    # Each image's codes are N(m, 0.3^2) about a mean of its own: KL(q(z|x) || p(z)) has a closed form.
    means, std = np.float32([[1, 0], [0, 1], [-1, 0], [0, -1]]), 0.3
    exact = 0.5 * (2 * std**2 + 1 - 2 - 2 * np.log(std**2))
    training = small("training.n_iterations=1").training

    def encode(x, eps):
        return (x @ means + std * eps).astype(np.float32)

    def log_ratio(x, z):  # that of a discriminator at its optimum
        return (norm.logpdf(z, x @ means, std) - norm.logpdf(z)).sum(axis=1, keepdims=True)

    networks = trained_networks.Networks(2, 2, encode, Bernoulli(decoder), log_ratio=log_ratio)
    seen = Snapshots(View(networks, PROBLEM, np.random.RandomState(1)), training)
    seen(1)
    kl = kl_over_training(seen.arrays(), PROBLEM)
    for name in ("kl_posterior_prior", "kl_discriminator"):
        assert kl[name].shape == (2,)
        error = kl[name + "_standard_error"]
        assert (error < 0.05).all() and (np.abs(kl[name] - exact) < 4 * error).all()

    parameters = means, np.full_like(means, np.log(std**2))
    networks = trained_networks.Networks(2, 2, encode, Bernoulli(decoder), gaussian=lambda x: parameters)
    seen = Snapshots(View(networks, PROBLEM, np.random.RandomState(1)), training)
    kl = kl_over_training(seen.arrays(), PROBLEM)
    assert sorted(kl) == ["kl_posterior_prior", "kl_posterior_prior_standard_error"]
    np.testing.assert_allclose(kl["kl_posterior_prior"], exact, rtol=1e-6)
