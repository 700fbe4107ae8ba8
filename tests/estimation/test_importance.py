import numpy as np
from scipy.special import expit
from scipy.stats import multivariate_normal, norm

from avb_tf1.estimation import adaptive_quadrature, importance
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
                                      np.array([[1, 0, 0]]), np.random.RandomState(0), 100, 5)
    np.testing.assert_allclose(found.log_likelihood, np.log(0.25 * 0.75**2), atol=1e-6)
    np.testing.assert_allclose(found.effective_sample_size, 100)


def gaussian(mean, variance):
    """The functions `sample` and `log_density` of Gaussians."""
    return (importance.gaussian_samples(mean, np.log(variance)),
            lambda number, z: multivariate_normal.logpdf(z, mean[number], np.diag(variance[number])))


def assert_agrees(found, exact):
    """That means differ by their errors, and each image by its own one."""
    differences = found.log_likelihood - exact
    assert abs((differences / found.standard_error).mean()) < 3 / np.sqrt(len(differences))
    assert (differences / found.standard_error).std() < 1.3 and found.standard_error.max() < 0.05


def test_of_a_narrow_q_samples_from_elsewhere_have_the_tails():
    """Of a Gaussian with .6 of the posterior's deviations: its own samples miss the tails, and their error doesn't tell."""
    images, exact = images_and_posteriors()
    sample, log_density = gaussian(exact.mean, 0.36 * exact.covariance[:, [0, 1], [0, 1]])
    narrow, wide = (importance.log_likelihood(Bernoulli(decode), sample, images, np.random.RandomState(0), 4000, 2,
                                              log_density, states) for states in (None, exact.mean[np.newaxis] + 0.3))
    assert (narrow.log_likelihood - exact.log_likelihood).mean() < -0.03
    assert_agrees(wide, exact.log_likelihood)
    assert abs((wide.log_likelihood - exact.log_likelihood).mean()) < 0.01
    assert np.median(wide.effective_sample_size) > 2 * np.median(narrow.effective_sample_size)


def test_a_mode_that_q_misses_is_found_by_a_state_there():
    """A pixel that is on at z = 2 and at z = -2: the posterior is symmetric, and q has the one side."""
    def two_modes(z):
        return expit(8 * np.abs(z[:, :1]) - 12).astype(np.float32)

    image, z = np.ones((1, 1), np.float32), np.linspace(-9, 9, 20001)
    exact = np.log(np.trapz(two_modes(z[:, np.newaxis])[:, 0] * norm.pdf(z), z))
    sample, log_density = gaussian(np.full((1, 1), 2.0), np.full((1, 1), 0.16))
    one, both = (importance.log_likelihood(Bernoulli(two_modes), sample, image, np.random.RandomState(0), 5000, 1, log_density,
                                           states) for states in (None, np.array([[[-2.0]], [[2.1]]])))
    assert abs(one.log_likelihood[0] - (exact - np.log(2))) < 0.1
    assert abs(both.log_likelihood[0] - exact) < 4 * both.standard_error[0] < 0.06


def test_states_that_tell_nothing_cost_samples_alone():
    images, exact = images_and_posteriors()
    sample, log_density = gaussian(exact.mean, 1.3 * exact.covariance[:, [0, 1], [0, 1]])
    for n in (3000, 3001):  # not as many samples of each part
        assert_agrees(importance.log_likelihood(Bernoulli(decode), sample, images, np.random.RandomState(0), n, 2, log_density,
                                                np.full((3, 40, 2), 5.0)), exact.log_likelihood)


def test_where_a_density_is_no_number_it_is_none():
    """As of a flow whose inverse overflows far from its samples."""
    images, exact = images_and_posteriors()
    sample, log_density = gaussian(exact.mean, exact.covariance[:, [0, 1], [0, 1]])
    states = np.full((3, 40, 2), 30.0)

    def overflowing(number, z):
        return np.where((z > 15).all(axis=1), np.nan, log_density(number, z))

    known, unknown = (importance.log_likelihood(Bernoulli(decode), sample, images, np.random.RandomState(0), 400, 2, own,
                                                states) for own in (log_density, overflowing))
    np.testing.assert_array_equal(known.log_likelihood, unknown.log_likelihood)


def test_samples_of_a_q_that_are_not_finite_are_told():
    images, exact = images_and_posteriors()
    exact.mean[3] = np.inf
    sample, log_density = gaussian(exact.mean, exact.covariance[:, [0, 1], [0, 1]])
    found = importance.log_likelihood(Bernoulli(decode), sample, images, np.random.RandomState(0), 400, 2, log_density,
                                      np.zeros((2, 40, 2)))
    assert np.flatnonzero(np.isnan(found.log_likelihood)).tolist() == [3]
