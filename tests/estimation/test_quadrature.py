"""Integrals over the latent space that are known otherwise."""

import math

import numpy as np
import pytest
from helpers import slow
from known_models import IMAGES, constant_decoder, sector_of
from scipy.special import expit
from scipy.stats import multivariate_normal, norm

from avb_tf1.estimation import quadrature
from avb_tf1.estimation.quadrature import all_binary_images


def half_plane_decoder(z):
    """Pixel 0 is on with probability 0.9 where z_1 > 0.5 and 0.2 elsewhere, the others with probability 0.5: a sharp edge."""
    p = np.full((len(z), 4), 0.5)
    p[:, 0] = np.where(z[:, 0] > 0.5, 0.9, 0.2)
    return p


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


@pytest.mark.parametrize("angle, shift", [
    (0, 0), slow(0, 0.05), slow(0, 0.025), (quadrature.ANGLE, 0), slow(2 * quadrature.ANGLE, 0), slow(math.pi / 4, 0),
    slow(1, 0.3)])
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


def test_a_change_above_the_tolerance_is_refused():
    """Waves far shorter than a cell: what they integrate to differs by some hundredths from grid to grid."""
    def decode(z):
        return np.repeat(0.5 + 0.49 * np.sin(1000 * z.astype(np.float64) + 1), 4, axis=1)

    with pytest.raises(quadrature.GridError, match="log p.x. still changes by 1.7e-02 nats"):
        quadrature.log_likelihood(decode, 1, IMAGES)


def test_images_that_nothing_was_asked_of_must_have_the_rest_of_the_mass(monkeypatch):
    """Pixels are on near the middle only: what is asked for doesn't change with a box that cuts off a part of the prior."""
    def decode(z):
        return np.where(np.abs(z) < 1, 0.5, 0) * np.ones(4)

    share = 2 * norm.cdf(1) - 1
    np.testing.assert_allclose(quadrature.log_likelihood(decode, 1, IMAGES), np.log(share / 16), atol=1e-4)
    monkeypatch.setattr(quadrature, "_BOX", 1.2)
    with pytest.raises(quadrature.GridError, match="the probabilities of all 16 binary images sum to 0.890401 instead of 1"):
        quadrature.log_likelihood(decode, 1, IMAGES)


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
