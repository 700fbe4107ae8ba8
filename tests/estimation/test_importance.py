import numpy as np
from scipy.special import expit

from avb_tf1.estimation import adaptive_quadrature, importance
from avb_tf1.estimation.densities import log_prior
from avb_tf1.estimation.likelihoods import Bernoulli


def decode(z):
    weights = np.random.RandomState(1).standard_normal((2, 20))
    return expit(np.tanh(z @ weights) @ np.random.RandomState(2).standard_normal((20, 12))).astype(np.float32)


def images_and_posteriors():
    images = (np.random.RandomState(3).random_sample((40, 12)) < 0.5).astype(np.float32)
    return images, adaptive_quadrature.integrals(Bernoulli(decode), 2, images)


def test_agrees_with_the_quadrature():
    images, exact = images_and_posteriors()
    variance = 1.3 * exact.covariance[:, [0, 1], [0, 1]]
    found = importance.log_likelihood(Bernoulli(decode), importance.gaussian_samples(exact.mean, np.log(variance)), images,
                                      np.random.RandomState(0), 4000, 2)
    deviations = (found.log_likelihood - exact.log_likelihood) / found.standard_error
    assert abs(deviations.mean()) < 2.5 * deviations.std() / np.sqrt(40)
    assert deviations.std() < 1.3 and found.standard_error.max() < 0.05
    assert (found.effective_sample_size > 500).all()


def test_a_wrong_q_has_a_small_effective_sample_size_and_a_larger_error():
    images, exact = images_and_posteriors()
    variance = exact.covariance[:, [0, 1], [0, 1]]
    near, far = (importance.log_likelihood(
        Bernoulli(decode), importance.gaussian_samples(exact.mean + shift, np.log(variance)), images,
        np.random.RandomState(0), 1000, 2)
                 for shift in (0, 2))
    assert np.median(far.effective_sample_size) < 0.2 * np.median(near.effective_sample_size)
    assert np.median(far.standard_error) > 2 * np.median(near.standard_error)


def test_the_exact_posterior_has_weights_that_are_all_one():
    """Of a decoder that ignores z the posterior is the prior."""
    found = importance.log_likelihood(Bernoulli(lambda z: np.full((len(z), 3), 0.25, np.float32)),
                                      importance.gaussian_samples(np.zeros((1, 5)), np.zeros((1, 5))),
                                      np.array([[1, 0, 0]]), np.random.RandomState(0), 100, 5, (1,))
    np.testing.assert_allclose(found.log_likelihood, np.log(0.25 * 0.75**2), atol=1e-6)
    np.testing.assert_allclose(found.effective_sample_size, 100)


def test_a_narrow_q_is_widened():
    """Of a Gaussian with .6 of the posterior's deviations: its own samples miss the tails, and their error doesn't tell."""
    images, exact = images_and_posteriors()
    q = importance.gaussian_samples(exact.mean, np.log(0.36 * exact.covariance[:, [0, 1], [0, 1]]))
    narrow, wide = (importance.log_likelihood(Bernoulli(decode), q, images, np.random.RandomState(0), 4000, 2, scales)
                    for scales in ((1,), importance.NOISE_SCALES))
    assert (narrow.log_likelihood - exact.log_likelihood).mean() < -0.03
    differences = wide.log_likelihood - exact.log_likelihood
    assert abs(differences.mean()) < 0.01 and (differences / wide.standard_error).std() < 1.3
    assert np.median(wide.effective_sample_size) > 2 * np.median(narrow.effective_sample_size)


def test_agrees_with_the_quadrature_by_a_bijection_of_noise():
    images, exact = images_and_posteriors()
    scale = 0.8 * np.sqrt(exact.covariance[:, [0, 1], [0, 1]])

    def sample(number, eps):
        eps = eps.astype(np.float64)
        z = exact.mean[number] + scale[number] * (eps + 0.1 * eps**3)
        return z.astype(np.float32), log_prior(eps) - np.log(scale[number] * (1 + 0.3 * eps**2)).sum(axis=1)

    for n in (3000, 3001):  # not as many samples of each scale
        found = importance.log_likelihood(Bernoulli(decode), sample, images, np.random.RandomState(0), n, 2)
        deviations = (found.log_likelihood - exact.log_likelihood) / found.standard_error
        assert abs(deviations.mean()) < 2.5 * deviations.std() / np.sqrt(40)
        assert deviations.std() < 1.3 and found.standard_error.max() < 0.05
