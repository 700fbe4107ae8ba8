"""Known answers: closed forms, exact sums, and what a perfect model would score."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT
from scipy.special import expit, gammaln
from scipy.stats import multivariate_normal, norm

from avb_tf1.estimation import densities, entropy, quadrature, trained_networks
from avb_tf1.estimation.quadrature import all_binary_images
from avb_tf1.problems.known_images.four_images import OPTIMUM, PROBLEM
from avb_tf1.tasks.known_images import measures

IMAGES = PROBLEM.images


def normal(n, dim=2, seed=0):
    return np.random.RandomState(seed).standard_normal((n, dim))


def constant_decoder(z):
    return np.tile(np.float32([0.1, 0.2, 0.3, 0.4]), (len(z), 1))


def half_plane_decoder(z):
    """Pixel 0 is on with probability 0.9 where z_1 > 0.5 and 0.2 elsewhere, the others with probability 0.5: a sharp edge."""
    p = np.full((len(z), 4), 0.5)
    p[:, 0] = np.where(z[:, 0] > 0.5, 0.9, 0.2)
    return p


def sector_of(z):
    return (2 * (z[:, 0] > 0) + (z[:, 1] > 0)).astype(int)


def sector_decoder(z):
    """Each quadrant decodes to its own image."""
    return np.where(IMAGES[sector_of(z)] > 0, 1 - 1e-9, 1e-9)


def sector_encoder(x, eps):
    """q(z|x) = 4 p(z) on the image's own quadrant: the optimum."""
    labels = np.argmax(x, axis=1)
    return np.abs(eps) * np.stack([np.where(labels >= 2, 1, -1), np.where(labels % 2 == 1, 1, -1)], axis=1)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_constant_decoder_needs_no_integral(latent_dim):
    every = all_binary_images(4)
    values = quadrature.log_likelihood(constant_decoder, latent_dim, every)
    p = np.float32([0.1, 0.2, 0.3, 0.4]).astype(np.float64)
    expected = (every * np.log(p) + (1 - every) * np.log(1 - p)).sum(axis=1)
    np.testing.assert_allclose(values, expected, atol=1e-5)
    assert np.exp(values).sum() == pytest.approx(1, abs=1e-4)


def test_sharp_edge_has_a_known_integral():
    share = 1 - multivariate_normal(0, 1).cdf(0.5)
    expected = np.log((share * np.array([0.9, 0.1]) + (1 - share) * np.array([0.2, 0.8])) / 8)
    values = quadrature.log_likelihood(half_plane_decoder, 2, IMAGES[:2])  # pixel 0 on, pixel 0 off
    np.testing.assert_allclose(values, expected, atol=1e-4)


def test_smooth_decoder_agrees_with_an_expansion():
    # E[sigmoid(a z)] = 1/2 for every a by symmetry, and two pixels that share z are correlated.
    def decode(z):
        p = np.full((len(z), 4), 0.5)
        p[:, 0] = p[:, 1] = expit(3 * z[:, 0])
        return p

    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    p = expit(3 * nodes)
    weights = weights / weights.sum()
    expected = np.log(np.array([weights @ (p * (1 - p)), weights @ (1 - p)**2]) / 4)
    np.testing.assert_allclose(quadrature.log_likelihood(decode, 2, IMAGES[1:3]), expected, atol=1e-4)


@pytest.mark.parametrize("angle, shift", [(0, 0), (0, 0.05), (0, 0.025), (quadrature.ANGLE, 0), (2 * quadrature.ANGLE, 0),
                                          (math.pi / 4, 0), (1, 0.3)])
def test_sectors_whose_borders_run_as_a_grid_does_are_exact(angle, shift):
    """Four hard sectors about a point off the middle, turned; the mass of each is known where they aren't."""
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])

    def decode(z):
        return np.where(IMAGES[sector_of(z.astype(np.float64) @ turn - [shift, 0])] > 0, 1 - 1e-6, 1e-6)

    below = norm.cdf(shift)  # the prior looks the same however it is turned
    shares = np.array([below / 2, below / 2, (1 - below) / 2, (1 - below) / 2])
    on, off = (1 - 1e-6)**4, 1e-6**2 * (1 - 1e-6)**2
    values = quadrature.log_likelihood(decode, 2, IMAGES)
    np.testing.assert_allclose(values, np.log(shares * on + (1 - shares) * off), atol=2e-6)


def test_a_narrow_stripe_is_found_by_refining():
    def decode(z):
        return 0.5 + 0.49 * expit((0.02 - np.abs(z[:, :1] - 0.3)) / 0.002) * np.ones(4)

    z = np.linspace(-8, 8, 1600001)[:, np.newaxis]
    p = decode(z)[:, 0]
    expected = np.log(np.sum(p * (1 - p)**3 * multivariate_normal(0, 1).pdf(z[:, 0])) * 1e-5)
    np.testing.assert_allclose(quadrature.log_likelihood(decode, 2, IMAGES), expected, atol=1e-4)


@pytest.mark.slow
def test_a_decoder_that_is_noise_is_refused():
    def decode(z):
        return np.stack([expit(40 * np.sin(1e4 * (k + 1) * z[:, 0] + 1e5 * z[:, 1])) for k in range(4)], axis=1)

    with pytest.raises(quadrature.GridError, match="too sharp"):
        quadrature.log_likelihood(decode, 2, IMAGES)


def test_mass_far_out_is_found_by_widening():
    # The images live beyond 6 sigma only: log p(x) is dominated by what lies outside the first box.
    def decode(z):
        return np.where(z[:, :1] > 6, 1 - 1e-9, 1e-15) * np.array([1, 1e-9, 1e-9, 1e-9])

    value = quadrature.log_likelihood(decode, 1, IMAGES[:1])[0]
    assert value == pytest.approx(math.log(0.5 * math.erfc(6 / math.sqrt(2))), abs=1e-3)


def test_exact_posterior_integrates_to_one():
    axis = (np.arange(600) + 0.5) / 600 * 12 - 6
    log_likelihoods = quadrature.log_likelihood(half_plane_decoder, 2, IMAGES)
    density = quadrature.posterior_density(half_plane_decoder, axis, 2, IMAGES, log_likelihoods)
    assert density.shape == (4, 600 * 600)
    density = density.reshape(4, 600, 600)
    np.testing.assert_allclose(density.sum(axis=(1, 2)) * 0.02**2, 1, atol=1e-3)
    # Rows are z_2, columns z_1: p(z|x) = p(x|z) p(z) / p(x) on either side of the edge at z_1 = 0.5.
    share = 1 - multivariate_normal(0, 1).cdf(0.5)
    for column, on in ((310, 0.2), (340, 0.9)):
        expected = on * multivariate_normal([0, 0]).pdf([axis[column], axis[290]]) / (0.9 * share + 0.2 * (1 - share))
        assert density[0, 290, column] == pytest.approx(expected, rel=1e-3)


def test_exact_posterior_of_one_dimension():
    axis = (np.arange(600) + 0.5) / 600 * 12 - 6
    log_likelihoods = quadrature.log_likelihood(half_plane_decoder, 1, IMAGES)
    density = quadrature.posterior_density(half_plane_decoder, axis, 1, IMAGES, log_likelihoods)
    assert density.shape == (4, 600)
    np.testing.assert_allclose(density.sum(axis=1) * 0.02, 1, atol=1e-3)


def estimated(samples, labels=None):
    return entropy.kl_from_prior(samples, np.random.RandomState(0), labels)


@pytest.mark.parametrize("mean, std", [
    ([0, 0], [1, 1]), ([0, 0], [0.5, 0.5]), ([0, 0], [2, 0.3]), ([1.5, -1], [1, 1]), ([1, 0.5], [0.2, 0.7])])
def test_kl_of_gaussians(mean, std):
    mean, std = np.array(mean, float), np.array(std, float)
    exact = densities.gaussian_kl_from_prior(mean[np.newaxis], 2 * np.log(std[np.newaxis]))[0]
    assert exact == pytest.approx(0.5 * np.sum(std**2 + mean**2 - 1) - np.log(std).sum(), abs=1e-12)
    estimate = estimated(mean + std * normal(40000))
    assert estimate.standard_error < 0.02
    assert estimate.value == pytest.approx(exact, abs=4 * estimate.standard_error + 0.002)


def test_kl_in_one_dimension():
    estimate = estimated(0.5 * normal(20000, dim=1))
    assert estimate.value == pytest.approx(0.5 * (0.25 - 1) + math.log(2), abs=4 * estimate.standard_error + 0.002)


@pytest.mark.parametrize("dim", [1, 2])
def test_standard_error_is_the_spread_between_samples(dim):
    runs = [estimated(0.3 + 0.7 * normal(2000, dim, seed)) for seed in range(60)]
    assert 0.75 < np.std([run.value for run in runs]) / np.mean([run.standard_error for run in runs]) < 1.25


def box(n, dim, seed):
    """Samples of the unit cube, and the exact KL of its uniform density: 1 / 6 + log(2 pi) / 2 a dimension."""
    return np.random.RandomState(seed).random_sample((n, dim)), dim * (1 / 6 + math.log(2 * math.pi) / 2)


@pytest.mark.parametrize("dim, n, at_most", [(1, 256, 0.02), (1, 2000, 0.004), (2, 256, 0.03), (2, 2000, 0.006)])
def test_sharp_borders_make_no_bias(dim, n, at_most):
    """The balls of a border's samples stick out of it: three neighbours alone would be off by .05 and .02 in the plane."""
    exact = box(n, dim, 0)[1]
    runs = [estimated(box(n, dim, seed)[0]) for seed in range(100)]
    bias = np.mean([run.value for run in runs]) - exact
    assert abs(bias) < at_most
    assert abs(bias) < np.mean([run.bias_left for run in runs])


def test_weights_cancel_the_orders_of_bias():
    k = np.arange(1, entropy.N_NEIGHBOURS + 1)
    for dim in (1, 2):
        for n_orders in (1, 2):
            weights = entropy._weights(dim, n_orders)
            assert weights.sum() == pytest.approx(1)
            for order in range(1, n_orders + 1):
                ratios = np.exp(gammaln(k + order / dim) - gammaln(k))
                assert weights @ ratios == pytest.approx(0, abs=1e-8 * ratios.max())


def test_the_number_of_threads_changes_no_bit():
    code = ("import numpy as np; from avb_tf1.estimation import entropy; "
            "z = np.random.RandomState(0).standard_normal((40000, 2)); "
            "print(repr(tuple(entropy.kl_from_prior(z, np.random.RandomState(1)))))")
    texts = {subprocess.run([sys.executable, "-c", code], env=dict(os.environ, PYTHONPATH=ROOT, OPENBLAS_NUM_THREADS=n),
                            stdout=subprocess.PIPE, check=True).stdout for n in ("1", "2")}
    assert len(texts) == 1


def sectors(n, seed, softness=0.0):
    """Samples of four exact sectors, n of each, and their classes; `softness` is the deviation of noise upon them."""
    random_state, labels = np.random.RandomState(seed), np.repeat(np.arange(4), n)
    z = sector_encoder(IMAGES[labels], random_state.standard_normal((4 * n, 2)))
    return np.float32(z + softness * random_state.standard_normal(z.shape)), labels


def test_classes_have_the_weight_of_their_shares():
    z, labels = sectors(3000, 0)
    z, labels = z[:9000], labels[:9000].clip(max=1)  # the last two make one
    estimate = entropy.kl_posterior_prior(z, labels, np.random.RandomState(0))
    assert estimate.value == pytest.approx(math.log(4) / 3 + math.log(2) * 2 / 3, abs=0.03)


@pytest.mark.slow
def test_the_kl_of_sectors_is_known_to_a_thousandth():
    runs = []
    for seed in range(6):
        z, labels = sectors(524288, seed)
        random_state = np.random.RandomState(seed)
        runs.append((entropy.kl_posterior_prior(z, labels, random_state), entropy.kl_from_prior(z, random_state, labels)))
    for estimates, exact in zip(zip(*runs), (math.log(4), 0)):
        errors = np.array([estimate.value - exact for estimate in estimates])
        assert all(estimate.standard_error < 1e-3 for estimate in estimates)
        assert abs(errors.mean()) < 5e-4 + 2 * 1e-3 / math.sqrt(len(runs)) and np.abs(errors).max() < 4e-3


def relu_codes(n, n_units):
    """Codes of a ReLU network so narrow that often all of its units but one are off, or all."""
    random_state = np.random.RandomState(1)
    hidden = np.maximum(normal(n, dim=4).astype(np.float32) @ random_state.standard_normal((4, n_units)).astype(np.float32), 0)
    return hidden @ random_state.standard_normal((n_units, 2)).astype(np.float32)


def in_part(share, part, rest):
    return np.where(np.random.RandomState(2).random_sample((len(part), 1)) < share, part, rest).astype(np.float32)


N = 32768
ANGLE = normal(N, dim=1)
WITHOUT_DENSITY = {
    "a point": np.tile([[1.0, 0.5]], (N, 1)),
    "a point of mass .01": in_part(0.01, np.full((N, 2), 0.3), normal(N)),
    "a line": [2, 0.5] + ANGLE * [0.8, 0.6],
    "a short line": [2, 0.5] + 0.1 * ANGLE * [0.8, 0.6],
    "a part of mass .01 on a line beside the rest": in_part(0.01, [0, 5] + ANGLE * [1, 0.3], normal(N)),
    "a part of mass .1 on a line through the rest": in_part(0.1, ANGLE * [1, 0.3], normal(N)),
    "a circle": np.concatenate([np.cos(ANGLE), np.sin(ANGLE)], axis=1),
    "a curve": np.concatenate([np.tanh(2 * ANGLE), np.tanh(ANGLE + 0.5)], axis=1),
    "three ReLU units": relu_codes(N, 3),
    "one dimension, a point of mass .01": in_part(0.01, np.full((N, 1), 0.3), normal(N, dim=1)),
}
ROTATED = np.array([[0.8, 0.6], [-0.6, 0.8]])
WITH_DENSITY = {
    "a Gaussian": normal(N),
    "a sector": np.abs(normal(N)),
    "a correlation of .9999": normal(N) @ [[1, 0.9999], [0, math.sqrt(1 - 0.9999**2)]],
    "a strip 1000 times as long as wide": [1, 0.5] + (np.random.RandomState(0).random_sample((N, 2)) * [1, 1e-3]) @ ROTATED,
    "a strip 100,000 times as long as wide": [1, 0.5] + (np.random.RandomState(0).random_sample((N, 2)) * [1, 1e-5]) @ ROTATED,
    "a speck": [1, 0.5] + 1e-4 * normal(N),
    "two tanh units": np.tanh(2 * normal(N)) @ [[1, 0.9], [0.9, 1]],
    "one dimension": normal(N, dim=1),
    "one dimension, 0.002 wide": 1 + 0.002 * normal(N, dim=1),
    "few samples, a correlation of .9999": normal(256) @ [[1, 0.9999], [0, math.sqrt(1 - 0.9999**2)]],
    "few samples of a strip": (np.random.RandomState(0).random_sample((256, 2)) * [1, 1e-3]) @ ROTATED,
}


@pytest.mark.parametrize("name", [*WITHOUT_DENSITY, *WITH_DENSITY])
def test_a_part_on_points_or_lines_is_told_from_a_density(name):
    assert entropy.has_density(np.float32({**WITHOUT_DENSITY, **WITH_DENSITY}[name])) == (name in WITH_DENSITY)


def test_equal_float32_numbers_of_a_sharp_density_are_not_taken_for_a_point():
    samples = np.float32(1 + 0.002 * normal(N, dim=1))
    assert np.sum(np.diff(np.sort(samples[:, 0]), n=3) == 0) > 0  # four in a row
    assert estimated(samples).value == pytest.approx(0.002**2 / 2 - math.log(0.002), abs=0.02)


def test_metrics_of_an_encoder_that_has_no_density_for_one_image():
    def encode(x, eps):
        return np.where(x[:, 2:3] == 1, relu_codes(len(x), 3), eps[:, :2])

    networks = trained_networks.Networks(2, 4, encode, sector_decoder, log_ratio=lambda x, z: np.zeros((len(x), 1)))
    metrics = measures.evaluate(networks, PROBLEM, np.random.RandomState(0), N, np.full(4, -math.log(4)))
    infinite = {"kl_posterior_prior": math.inf, "kl_marginal_prior": math.inf, "elbo": -math.inf, "inference_gap": math.inf}
    assert {name: metrics[name] for name in infinite} == infinite
    assert not any(name + suffix in metrics for name in infinite for suffix in ("_standard_error", "_bias_left"))
    assert "kl_discriminator_standard_error" in metrics and "reconstruction_error_standard_error" in metrics


def test_the_optimum_scores_as_derived():
    networks = trained_networks.Networks(
        latent_dim=2, noise_dim=2, encode=sector_encoder, decode=sector_decoder,
        log_ratio=lambda x, z: np.full((len(x), 1), math.log(4)))
    metrics = measures.evaluate(networks, PROBLEM, np.random.RandomState(0), 65536)
    for name in ("log_likelihood", "elbo", "kl_posterior_prior", "kl_marginal_prior", "inference_gap", "reconstruction_error"):
        assert metrics[name] == pytest.approx(OPTIMUM[name].value, abs=0.008), name
    assert metrics["log_likelihood"] == pytest.approx(-math.log(4), abs=1e-4)
    assert metrics["kl_discriminator"] == pytest.approx(math.log(4))
    assert 0 < metrics["kl_posterior_prior_standard_error"] < 0.003
    assert metrics["n_samples_per_class"] == 65536
    assert metrics["methods"] == {
        "log_likelihood": "quadrature", "kl_discriminator": "samples", "reconstruction_error": "samples", **{
            name: "nearest neighbours" for name in ("elbo", "kl_posterior_prior", "kl_marginal_prior", "inference_gap")}}
    assert OPTIMUM["discriminator_loss"].value == pytest.approx(0.625503, abs=1e-6)
    assert OPTIMUM["generator_loss"].value == pytest.approx(1.386294, abs=1e-6)


def test_gaussian_posterior_has_a_closed_form():
    mean, log_variance = np.float32([[1, 0], [-1, 0], [0, 1], [0, -1]]), np.full((4, 2), -1, np.float32)

    def encode(x, eps):
        return (x @ mean + np.exp(-0.5) * eps).astype(np.float32)

    networks = trained_networks.Networks(2, 2, encode, constant_decoder, gaussian=lambda x: (mean, log_variance))
    metrics = measures.evaluate(networks, PROBLEM, np.random.RandomState(0), 4096)
    assert metrics["methods"]["kl_posterior_prior"] == "closed form" and metrics["methods"]["elbo"] == "samples"
    assert metrics["kl_posterior_prior"] == pytest.approx(0.5 * (2 * math.exp(-1) + 1 - 2 + 2), abs=1e-6)
    assert metrics["kl_posterior_prior_standard_error"] == 0
    assert "kl_discriminator" not in metrics
    # The decoder ignores z: the gap is all of KL(q(z|x) || p(z)).
    assert metrics["inference_gap"] == pytest.approx(metrics["kl_posterior_prior"], abs=1e-3)


def test_log_bernoulli():
    p = np.array([[0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0]])
    values = densities.log_bernoulli(p, IMAGES[:2])
    assert values[0, 0] == pytest.approx(math.log(0.1 * 0.8 * 0.7 * 0.6))
    assert values[1, 0] == 0 and math.exp(values[1, 1]) == 0


def test_classification_accuracy():
    networks = trained_networks.Networks(2, 2, sector_encoder, sector_decoder)
    z = normal(100)
    labels = sector_of(z)
    assert measures.classification_accuracy(networks, PROBLEM, z, labels) == 1
    assert measures.classification_accuracy(networks, PROBLEM, z, (labels + 1) % 4) == 0
