import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from avb_tf1.estimation import adaptive_quadrature, quadrature
from avb_tf1.estimation.adaptive_quadrature import TOLERANCE
from avb_tf1.estimation.densities import log_bernoulli, log_prior
from avb_tf1.estimation.likelihoods import Bernoulli
from avb_tf1.estimation.quadrature import all_binary_images


def integrals(decode, latent_dim, images):
    return adaptive_quadrature.integrals(Bernoulli(decode), latent_dim, images)


def network(latent_dim, n_pixels, sharpness, activation=np.tanh):
    """A decoder with one hidden layer of random weights."""
    random_state = np.random.RandomState(3)
    w1, b1, w2, b2 = (random_state.standard_normal(shape).astype(np.float32)
                      for shape in ((latent_dim, 30), 30, (30, n_pixels), n_pixels))
    return lambda z: expit(sharpness * activation(z @ w1 + b1) @ w2 + b2)


def emitted(decode, latent_dim, n):
    """Images drawn from the model."""
    random_state = np.random.RandomState(4)
    p = decode(random_state.standard_normal((n, latent_dim)).astype(np.float32))
    return (random_state.random_sample(p.shape) < p).astype(np.float32)


@pytest.mark.slow
def test_agrees_with_an_integral_of_one_dimension():
    slope, offset = np.array([3, -2, 1, 0.5, -4]), np.array([0, 1, -1, 0.5, 1])
    images = all_binary_images(5)
    found = integrals(lambda z: expit(z.astype(np.float64) * slope + offset).astype(np.float32), 1, images)

    def joint(z, image, power=0):
        p = expit(z * slope + offset)
        return np.prod(np.where(image, p, 1 - p)) * norm.pdf(z) * z**power

    exact, first, second = ([quad(joint, -12, 12, (image, power), epsabs=1e-13, epsrel=1e-10, limit=200)[0] for image in images]
                            for power in (0, 1, 2))
    assert np.abs(found.log_likelihood - np.log(exact)).max() < 1e-6
    assert found.error.max() < 1e-6
    mean = np.array(first) / exact
    np.testing.assert_allclose(found.mean[:, 0], mean, atol=1e-5)
    np.testing.assert_allclose(found.covariance[:, 0, 0], np.array(second) / exact - mean**2, atol=1e-5)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_a_step_is_found_within_the_error_that_is_told(latent_dim):
    on, off = np.float32(0.9), np.float32(0.2)
    found = integrals(lambda z: np.repeat(np.where(z[:, :1] > 0.5, on, off), 4, axis=1), latent_dim, all_binary_images(4))
    n_on = all_binary_images(4).sum(axis=1)
    exact = np.log(norm.sf(0.5) * 0.9**n_on * 0.1**(4 - n_on) + norm.cdf(0.5) * 0.2**n_on * 0.8**(4 - n_on))
    assert (np.abs(found.log_likelihood - exact) < np.maximum(found.error, TOLERANCE)).all()


def test_a_decoder_that_ignores_z_leaves_the_prior():
    found = integrals(lambda z: np.full((len(z), 64), 0.5, np.float32), 2, np.zeros((1, 64)))
    assert found.log_likelihood[0] == pytest.approx(-64 * np.log(2), abs=1e-6)
    np.testing.assert_allclose(found.mean, 0, atol=1e-6)
    np.testing.assert_allclose(found.covariance[0], np.eye(2), atol=1e-4)


@pytest.mark.parametrize("latent_dim, activation", [(1, np.tanh), (2, lambda h: np.maximum(h, 0))], ids=["1", "2"])
def test_the_probabilities_of_all_images_of_3x3_sum_to_1(latent_dim, activation):
    found = integrals(network(latent_dim, 9, 2, activation), latent_dim, all_binary_images(9))
    probabilities = np.exp(found.log_likelihood)
    assert abs(probabilities.sum() - 1) < 1e-4
    assert probabilities @ found.error < TOLERANCE / 10


def test_agrees_with_the_other_quadrature():
    decode = network(2, 4, 1)
    found = integrals(decode, 2, all_binary_images(4))
    assert np.abs(found.log_likelihood - quadrature.log_likelihood(decode, 2, all_binary_images(4))).max() < TOLERANCE


@pytest.mark.slow
def test_agrees_with_monte_carlo_and_a_whole_grid():
    """Of images of 144 pixels, whose posteriors are a tenth as wide as the prior."""
    decode = network(2, 144, 1)
    images = emitted(decode, 2, 20)
    found = integrals(decode, 2, images)
    axis = np.linspace(-6, 6, 601)
    density = quadrature.posterior_density(decode, axis, 2, images, found.log_likelihood) * (axis[1] - axis[0])**2
    np.testing.assert_allclose(density.sum(axis=1), 1, atol=TOLERANCE)
    np.testing.assert_allclose(density @ quadrature.grid(axis, 2), found.mean, atol=1e-3)
    z = np.random.RandomState(0).standard_normal((200000, 2)).astype(np.float32)
    weights = np.exp(log_bernoulli(decode(z), images) - found.log_likelihood)
    errors = weights.std(axis=0) / np.sqrt(len(z))
    assert (np.abs(weights.mean(axis=0) - 1) < 4 * errors).all()
    assert np.abs(weights.mean() - 1) < 0.02
    assert np.sqrt(np.linalg.eigvalsh(found.covariance)).mean() < 0.3


def test_one_image_has_the_same_value_among_many():
    decode = network(2, 64, 1)
    images = emitted(decode, 2, 300)
    among = integrals(decode, 2, images)
    alone = integrals(decode, 2, images[[7]])
    assert among.log_likelihood[7] == pytest.approx(alone.log_likelihood[0], abs=1e-5)


def test_what_the_decoder_cannot_emit_has_minus_infinity():
    def decode(z):
        p = np.full((len(z), 3), 0.5, np.float32)
        p[:, 0], p[:, 1] = 1, 0
        return p

    found = integrals(decode, 2, [[1, 0, 0], [1, 1, 0], [0, 1, 1]])
    np.testing.assert_allclose(found.log_likelihood, [np.log(0.5), -np.inf, -np.inf], atol=1e-6)
    np.testing.assert_array_equal(found.error[1:], 0)


def test_what_two_grids_do_not_settle_has_a_third(monkeypatch):
    grids = iter([[-5.0, -7.0, -9.0], [-5.0001, -7.1, -9.2], [-7.101, -9.3]])
    seen = []

    def of_grid(terms, matrix, images, box, n_cells, is_density):
        found = np.array(next(grids))
        seen.append(images[:, 0].tolist())
        return adaptive_quadrature.Integrals(
            found, np.zeros(len(found)), np.tile(found[:, np.newaxis], 2), np.zeros((len(found), 2, 2)))

    monkeypatch.setattr(adaptive_quadrature, "_integrals", of_grid)
    found = integrals(lambda z: z, 2, np.array([[0], [1], [2]]))
    assert seen == [[0, 1, 2], [0, 1, 2], [1, 2]]
    np.testing.assert_allclose(found.log_likelihood, [-5.0001, -7.101, -9.3])
    np.testing.assert_allclose(found.error, [1e-4, 1e-3, 0.1])
    np.testing.assert_allclose(found.mean[:, 1], found.log_likelihood)


def test_a_tolerance_that_is_not_reached_is_told(monkeypatch):
    monkeypatch.setattr(adaptive_quadrature, "_MAX_HALVINGS", 1)
    decode = network(2, 400, 6)
    found = integrals(decode, 2, emitted(decode, 2, 10))
    assert (found.error > TOLERANCE).any() and np.isfinite(found.log_likelihood).all()


def test_probabilities_that_are_none_are_refused():
    with pytest.raises(quadrature.GridError, match="not in"):
        integrals(lambda z: np.full((len(z), 3), np.nan, np.float32), 2, np.zeros((1, 3)))


def test_the_prior_is_in_it_once():
    """By hand, at one point: log p(x|z) + log N(z; 0, I)."""
    decode = network(2, 5, 1)
    z = np.array([[0.25, -0.5]])
    log_odds, rest = adaptive_quadrature._terms(Bernoulli(decode), z)
    image = np.array([1, 0, 1, 1, 0])
    p = decode(z.astype(np.float32))[0]
    assert (log_odds @ image + rest[:, 0])[0] == pytest.approx(
        np.log(np.where(image, p, 1 - p)).sum() + log_prior(z)[0], abs=1e-6)
