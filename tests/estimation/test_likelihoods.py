"""p(x|z) of arrays: against scipy, as a density, and as the parts that the quadrature takes; a linear one in closed form."""

import tracemalloc

import numpy as np
import pytest
from helpers import slow
from scipy.special import expit, logsumexp
from scipy.stats import multivariate_normal, norm

from avb_tf1.estimation import adaptive_quadrature, ais, importance
from avb_tf1.estimation.adaptive_quadrature import TOLERANCE, integrals
from avb_tf1.estimation.densities import log_prior
from avb_tf1.estimation.fitted_density import fitted_densities
from avb_tf1.estimation.likelihoods import Bernoulli, Gaussian
from avb_tf1.estimation.quadrature import GridError, grid
from avb_tf1.ground.tensorflow import tf


def decoder(d, seed=0):
    """A network of 2 latent dimensions: means in [0, 1], and log standard deviations between -4 and -1."""
    random_state = np.random.RandomState(seed)
    w1, w2, w3 = (random_state.standard_normal(shape).astype(np.float32) for shape in ((2, 8), (8, d), (8, d)))

    def mean_and_log_scale(z):
        hidden = np.tanh(z @ w1)
        return expit(hidden @ w2), -2.5 + 1.5 * np.tanh(hidden @ w3)

    return Gaussian(mean_and_log_scale)


def bernoulli(from_logits):
    w = np.random.RandomState(1).standard_normal((2, 5)).astype(np.float32)
    return Bernoulli(lambda z: expit(z @ w), (lambda z: z @ w) if from_logits else None)


def exact(likelihood, x, z):
    """log p(x|z) of pairs by scipy."""
    if likelihood.is_density:
        mean, log_scale = (values.astype(np.float64) for values in likelihood.mean_and_log_scale(z))
        return norm.logpdf(x, mean, np.exp(log_scale)).sum(axis=1)
    p = likelihood.mean(z).astype(np.float64)
    return np.log(np.where(x == 1, p, 1 - p)).sum(axis=1)


@pytest.mark.parametrize("likelihood", [decoder(5), bernoulli(False), bernoulli(True)], ids=["gaussian", "pixels", "logits"])
def test_all_forms_of_log_p_are_scipys(likelihood):
    random_state = np.random.RandomState(2)
    z = random_state.standard_normal((7, 2)).astype(np.float32)
    x = random_state.random_sample((4, 5)).astype(np.float32)
    x = x if likelihood.is_density else x.round()
    expected = np.array([[exact(likelihood, one[np.newaxis], own[np.newaxis])[0] for one in x] for own in z])
    np.testing.assert_allclose(likelihood.log_prob_of_all(x, z), expected, rtol=1e-5)
    np.testing.assert_allclose(likelihood.log_prob(x[:1], z), expected[:, 0], rtol=1e-5)
    np.testing.assert_allclose(likelihood.log_prob(x, z[:4]), np.diag(expected), rtol=1e-5)
    factors, rest = likelihood.terms(z)
    features = likelihood.features(x)
    assert factors.dtype == features.dtype and rest.dtype == np.float64
    np.testing.assert_allclose(factors @ features.T + rest[:, np.newaxis], expected, rtol=1e-5)


def test_from_logits_all_forms_are_exact_however_sure_the_decoder_is():
    logits = np.float32([[17, -17], [40, -300]])
    sure = Bernoulli(lambda z: expit(logits[:len(z)]), lambda z: logits[:len(z)])
    z, x = np.zeros((2, 1), np.float32), np.float32([[0, 0], [1, 0]])
    expected = [[-17, 0], [-40, 0]]
    np.testing.assert_allclose(sure.log_prob_of_all(x, z), expected, atol=1e-6)
    np.testing.assert_allclose(sure.log_prob(x[:1], z), [-17, -40], atol=1e-6)
    assert sure.least == -np.inf and bernoulli(False).least == -5e5


@pytest.mark.parametrize("d", [1, 2])
def test_a_density_of_one_and_of_two_values_integrates_to_1(d):
    axis = np.linspace(-3, 4, 1401)
    x, z = grid(axis, d), np.float32([[0.3, -1.2], [2.0, 0.1]])
    total = np.exp(logsumexp(decoder(d).log_prob_of_all(x, z), axis=1)) * (axis[1] - axis[0])**d
    np.testing.assert_allclose(total, 1, rtol=1e-9)
    if d == 1:  # and so does p(x)
        x = np.linspace(-1, 2, 301)[:, np.newaxis]
        assert np.exp(integrals(decoder(1), 2, x).log_likelihood).sum() * 0.01 == pytest.approx(1, abs=1e-3)


def test_samples_have_the_mean_and_the_standard_deviation():
    own, z = decoder(3), np.tile(np.float32([[0.5, 1.0]]), (200000, 1))
    x = own.sample(z, np.random.RandomState(0))
    mean, log_scale = own.mean_and_log_scale(z[:1])
    assert x.dtype == np.float32
    np.testing.assert_allclose(x.mean(axis=0), mean[0], atol=5 * np.exp(log_scale).max() / np.sqrt(200000))
    np.testing.assert_allclose(x.std(axis=0), np.exp(log_scale[0]), rtol=0.01)


@pytest.mark.parametrize("output", [(np.nan, 0.0), (0.5, np.nan), (0.5, -800.0)])
def test_an_output_that_is_none_is_refused(output):
    astray = Gaussian(lambda z: tuple(np.full((len(z), 3), value, np.float64) for value in output))
    with pytest.raises(GridError, match="means or log standard deviations are not finite"):
        integrals(astray, 2, np.zeros((1, 3)))


class Linear:
    """x = W z + b + noise, so that log p(x) and the posterior are known (Tipping and Bishop 1999, probabilistic PCA)."""

    def __init__(self, latent_dim, d, deviation, n=20, reach=1.0):
        random_state = np.random.RandomState(5)
        self.w, self.b = random_state.standard_normal((latent_dim, d)), random_state.standard_normal(d)
        z = reach * random_state.standard_normal((n, latent_dim))
        self.x = z @ self.w + self.b + deviation * random_state.standard_normal((n, d))
        self.deviation, self.d = deviation, d
        self.log_likelihood = multivariate_normal(self.b, self.w.T @ self.w + deviation**2 * np.eye(d)).logpdf(self.x)
        self.covariance = np.linalg.inv(np.eye(latent_dim) + self.w @ self.w.T / deviation**2)
        self.mean = (self.x - self.b) @ self.w.T @ self.covariance / deviation**2
        self.likelihood = Gaussian(lambda z: (z.astype(np.float64) @ self.w + self.b,
                                              np.full((len(z), d), np.log(deviation))))


@pytest.mark.parametrize("latent_dim, d, deviation", [(1, 3, 0.3), (2, 10, 0.5), (2, 30, 0.03)])
def test_the_quadrature_has_the_closed_form_of_a_linear_decoder(latent_dim, d, deviation):
    """Of the last the posteriors are a twentieth as wide as the first cells, and log p(x) is positive."""
    known = Linear(latent_dim, d, deviation)
    found = integrals(known.likelihood, latent_dim, known.x)
    np.testing.assert_allclose(found.log_likelihood, known.log_likelihood, atol=TOLERANCE)
    assert (np.abs(found.log_likelihood - known.log_likelihood) <= np.maximum(found.error, 2e-4)).all()
    np.testing.assert_allclose(found.mean, known.mean, atol=0.01)
    np.testing.assert_allclose(found.covariance, np.tile(known.covariance, (20, 1, 1)), atol=1e-4, rtol=0.02)
    assert (found.log_likelihood > 0).any() == (deviation < 0.1)


@pytest.mark.parametrize("width, angle", [
    (0.01, 0.7), slow(0.01, 0.1), slow(0.01, 1.2), slow(0.003, 0.1), slow(0.003, 0.7), slow(0.003, 1.2)])
def test_a_narrow_ridge_is_found_at_any_angle(width, angle):
    """A posterior some fifty times as long as wide, which few of the first cells' midpoints come near."""
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    w = np.stack([2 * along, 0.01 / width * across], axis=1)
    likelihood = Gaussian(lambda z: (z.astype(np.float64) @ w, np.tile(np.log([1.0, 0.01]), (len(z), 1))))
    z = np.random.RandomState(1).standard_normal((15, 2))
    x = z @ w + np.random.RandomState(2).standard_normal((15, 2)) * [1.0, 0.01]
    exact = multivariate_normal(np.zeros(2), w.T @ w + np.diag([1.0, 1e-4])).logpdf(x)
    found = integrals(likelihood, 2, x)
    assert (np.abs(found.log_likelihood - exact) < np.maximum(found.error, TOLERANCE)).all()
    assert np.abs(found.log_likelihood - exact).max() < 2 * TOLERANCE


def test_what_is_far_from_all_that_is_decoded_has_its_density():
    """Some of it lies many thousand nats below; of a probability that would stand for an impossible image."""
    known = Linear(2, 10, 0.02)
    away = np.linalg.svd(known.w)[2][-1]  # at right angles to all that the decoder makes
    x = known.x + 40 * away
    exact = multivariate_normal(known.b, known.w.T @ known.w + 0.02**2 * np.eye(10)).logpdf(x)
    assert exact.max() < -1e6
    found = integrals(known.likelihood, 2, x)
    np.testing.assert_allclose(found.log_likelihood, exact, rtol=1e-7)
    np.testing.assert_allclose(found.mean, known.mean, atol=0.01)


def test_importance_sampling_has_the_closed_form():
    known = Linear(3, 10, 0.1)
    variance = 1.3 * np.tile(np.diag(known.covariance), (20, 1))
    found = importance.log_likelihood(known.likelihood, importance.gaussian_samples(known.mean, np.log(variance)), known.x,
                                      np.random.RandomState(0), 5000, 3)
    deviations = (found.log_likelihood - known.log_likelihood) / found.standard_error
    assert abs(deviations.mean()) < 2.5 / np.sqrt(20) * deviations.std() and np.abs(deviations).max() < 4.5
    assert found.standard_error.max() < 0.2


@pytest.mark.slow
def test_annealing_has_the_closed_form_in_three_dimensions():
    known = Linear(3, 10, 0.2)

    def decode(z):
        return tf.matmul(z, tf.constant(known.w, tf.float32)) + known.b, tf.constant([[np.log(known.deviation)]], tf.float32)

    scale = np.tile(np.sqrt(np.diag(known.covariance)), (20, 1))
    found = ais.anneal(ais.gaussian(decode), lambda session, saver: None, known.x, ais.path_from_posterior(known.mean, scale),
                       0, n_chains=64, n_steps=60)
    deviations = (found.log_likelihood - known.log_likelihood) / found.standard_error
    assert abs(deviations.mean()) < 2.5 / np.sqrt(20) * deviations.std() and np.abs(deviations).max() < 4.5
    assert np.median(found.standard_error) < 0.1 and ((found.acceptance > 0.5) & (found.acceptance < 0.8)).all()


@pytest.mark.parametrize("reach", [1.0, 2.5])
def test_the_grid_of_a_picture_finds_a_narrow_posterior(reach):
    """Of standard deviation .004, where the coarse grid's points are .17 apart; the second kind lies beyond its usual reach."""
    known = Linear(2, 40, 0.03, n=6, reach=reach)
    samples = np.random.RandomState(0).multivariate_normal(np.zeros(2), known.covariance, (6, 50)) + known.mean[:, np.newaxis]
    axes, density = fitted_densities(known.likelihood, known.x, samples.astype(np.float32))
    deviations = np.sqrt(np.diag(known.covariance))
    assert deviations.max() < 0.01
    for own_axes, own, mean in zip(axes.astype(np.float64), density, known.mean):
        assert (np.ptp(own_axes, axis=1) < 16 * deviations).all()
        points = np.stack(np.meshgrid(*own_axes), axis=-1).reshape(-1, 2)
        np.testing.assert_allclose(np.average(points, axis=0, weights=own), mean, atol=0.1 * deviations.min())
        expected = multivariate_normal(mean, known.covariance).pdf(points)
        np.testing.assert_allclose(own, expected / expected.max(), atol=0.01)


@pytest.mark.slow
def test_the_quadrature_of_many_values_needs_little_memory(monkeypatch):
    """Besides the first grid's factors what 128 images take, however many there are: of all 600 it would be 150 MB an array."""
    d, n = 96, 600
    w = np.random.RandomState(0).standard_normal((2, d)).astype(np.float32)
    likelihood = Gaussian(lambda z: (expit(z @ w), np.full((len(z), d), -1, np.float32)))
    x = likelihood.sample(np.random.RandomState(1).standard_normal((n, 2)).astype(np.float32), np.random.RandomState(2))
    monkeypatch.setattr(adaptive_quadrature, "_N_GRIDS", 2)
    tracemalloc.start()
    found = integrals(likelihood, 2, x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.isfinite(found.log_likelihood).all() and found.error.max() < TOLERANCE
    assert peak < 0.6e6 * d + 0.25e9


def test_the_prior_is_in_it_once():
    z = np.array([[0.25, -0.5]])
    own, x = decoder(4), np.random.RandomState(0).random_sample((1, 4))
    factors, rest = adaptive_quadrature._terms(own, z)
    assert (factors @ own.features(x).T + rest)[0, 0] == pytest.approx(
        exact(own, x, z.astype(np.float32))[0] + log_prior(z)[0], abs=1e-5)
