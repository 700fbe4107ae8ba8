"""The given posteriors' densities and priors, beside what scipy's distributions make of their definitions."""

import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT
from scipy import stats
from scipy.special import expit

from avb_tf1.ground.tensorflow import open_session, tf
from avb_tf1.problems.given_posterior.problem import GivenPosterior
from avb_tf1.problems.registry import GIVEN_POSTERIORS

STAN_SIGMA = [0.8, 0.5, 0.8, 0.6, 0.5, 0.6, 0.5, 0.4]
SIGMA = [15, 10, 16, 11, 9, 11, 10, 18]
STAN_Y = [2.8, 0.8, -0.3, 0.7, -0.1, 0.1, 1.8, 1.2]
CLASSIFIED = np.array([[1.5, 1], [-1.5, 1], [0.5, -1]])


def log_normal(z, deviation):
    return stats.norm(0, deviation).logpdf(z).sum(axis=1)


def log_prior_eight_schools(z):
    of_tau = stats.halfcauchy(0, 5).logpdf(np.exp(z[:, 1])) + z[:, 1]
    return stats.norm(0, 5).logpdf(z[:, 0]) + of_tau + log_normal(z[:, 2:], 1)


def log_likelihood_banana(_, z):
    return -(z[:, 0] - 1)**2 - (z[:, 1]**2 - z[:, 0])**2 - log_normal(z, 1)


def log_likelihood_donut(_, z):
    return -((z**2).sum(axis=1) - 2)**2 - log_normal(z, 1)


# Log-prior and log-likelihood in float64.
DENSITIES = {
    "stan_eight_schools": (
        lambda z: log_normal(z, 1),
        lambda x, z: stats.norm(z[:, :1] + z[:, 1:2] * z[:, 2:], STAN_SIGMA).logpdf(x).sum(axis=1)),
    "eight_schools": (
        log_prior_eight_schools,
        lambda x, z: stats.norm(z[:, :1] + np.exp(z[:, 1:2]) * z[:, 2:], SIGMA).logpdf(x).sum(axis=1)),
    "explaining_away": (
        lambda z: log_normal(z, 2**0.5),
        lambda x, z: stats.expon(scale=3 + (np.maximum(z, 0)**3).sum(axis=1)).logpdf(x[:, 0])),
    "logistic_regression": (
        lambda z: log_normal(z, 2**0.5),
        lambda x, z: stats.bernoulli(expit(z @ CLASSIFIED.T)).logpmf(x.astype(int)).sum(axis=1)),
    "stan_gauss": (
        lambda z: log_normal(z, 100),
        lambda x, z: stats.norm(z[:, :1], np.exp(z[:, 1:])).logpdf(x).sum(axis=1)),
    "banana": (lambda z: log_normal(z, 1), log_likelihood_banana),
    "donut": (lambda z: log_normal(z, 1), log_likelihood_donut),
}

# The cdf of each coordinate of the prior.
PRIOR_CDFS = {
    "stan_eight_schools": [stats.norm.cdf] * 10,
    "eight_schools": [stats.norm(0, 5).cdf, lambda log_tau: stats.halfcauchy(0, 5).cdf(np.exp(log_tau))] + [stats.norm.cdf] * 8,
    "explaining_away": [stats.norm(0, 2**0.5).cdf] * 2,
    "logistic_regression": [stats.norm(0, 2**0.5).cdf] * 2,
    "stan_gauss": [stats.norm(0, 100).cdf] * 2,
    "banana": [stats.norm.cdf] * 2,
    "donut": [stats.norm.cdf] * 2,
}

EVERY = pytest.mark.parametrize("name", sorted(GIVEN_POSTERIORS))


def computed(build):
    """The arrays of what build returns, in a graph of its own."""
    with tf.Graph().as_default() as graph:
        tensors = build()
        with open_session(graph, 1, 1) as session:
            return session.run(tensors)


def prior_samples(problem, n, seed=1, ops_before=0):
    def build():
        tf.set_random_seed(0)
        for _ in range(ops_before):
            tf.random.normal([])
        return problem.sample_prior(n, seed, "prior")
    return computed(build)


def test_each_has_a_reference_density_here():
    assert set(DENSITIES) == set(PRIOR_CDFS) == set(GIVEN_POSTERIORS)


@EVERY
def test_densities_are_those_of_scipy(name):
    problem = GIVEN_POSTERIORS[name]
    z = np.float32(np.random.RandomState(0).standard_normal((600, problem.dim)) * 1.5)
    x = problem.observations[np.arange(600) % len(problem.observations)]
    log_prior, log_likelihood, log_joint = computed(
        lambda: (problem.log_prior(tf.constant(z)), problem.log_likelihood(tf.constant(x), tf.constant(z)),
                 problem.log_joint(tf.constant(x), tf.constant(z))))
    exact_prior, exact_likelihood = (function(*[array.astype(np.float64) for array in arrays]) for function, arrays in zip(
        DENSITIES[name], ((z,), (x, z))))
    assert log_prior.shape == log_likelihood.shape == (600,) and log_prior.dtype == log_likelihood.dtype == np.float32
    np.testing.assert_allclose(log_prior, exact_prior, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(log_likelihood, exact_likelihood, rtol=2e-6, atol=2e-5)
    np.testing.assert_allclose(log_joint, exact_prior + exact_likelihood, rtol=2e-6, atol=2e-5)


@EVERY
def test_densities_and_their_gradients_are_finite_far_out(name):
    problem = GIVEN_POSTERIORS[name]
    random_state = np.random.RandomState(0)
    z = random_state.choice([-20, -5, -1, 0, 1, 5, 20], (4000, problem.dim))
    if problem.dim == 2:
        z = z * random_state.choice([1, 5], (4000, 1))
    x = problem.observations[np.arange(4000) % len(problem.observations)]

    def build():
        placed = tf.constant(np.float32(z))
        densities = [problem.log_prior(placed), problem.log_likelihood(tf.constant(x), placed)]
        return densities + [tf.gradients(density, placed)[0] for density in densities]

    for values in computed(build):
        assert len(values) == 4000 and np.isfinite(values).all()


@EVERY
def test_prior_samples_follow_the_prior(name):
    problem = GIVEN_POSTERIORS[name]
    z = prior_samples(problem, 200000)
    assert z.dtype == np.float32 and z.shape == (200000, problem.dim) and np.isfinite(z).all()
    for values, cdf in zip(z.T, PRIOR_CDFS[name]):
        assert stats.kstest(values, cdf).pvalue > 1e-3
    np.testing.assert_allclose(np.corrcoef(z.T), np.eye(problem.dim), atol=0.015)


@EVERY
def test_a_seed_fixes_the_prior_samples_whatever_else_is_in_the_graph(name):
    problem = GIVEN_POSTERIORS[name]
    z = prior_samples(problem, 50)
    np.testing.assert_array_equal(prior_samples(problem, 50, ops_before=3), z)
    assert not (prior_samples(problem, 50, seed=2) == z).any()


@EVERY
def test_derived_quantities_are_what_they_are_called(name):
    problem = GIVEN_POSTERIORS[name]
    z = np.random.RandomState(0).standard_normal((20, problem.dim))
    values = {quantity: function(z) for quantity, function in problem.derived.items()}
    if problem.dim == 2:
        assert not values
        return
    tau = np.exp(z[:, 1]) if name == "eight_schools" else z[:, 1]
    expected = {"theta %d" % (j + 1): z[:, 0] + tau * z[:, 2 + j] for j in range(8)}
    expected["tau" if name == "eight_schools" else "|tau|"] = np.abs(tau)
    assert set(values) == set(expected)
    for quantity in values:
        np.testing.assert_allclose(values[quantity], expected[quantity])


def test_reading_them_takes_no_tensorflow():
    code = "import sys; from avb_tf1.problems import registry; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("observations, names, message", [
    (np.zeros((1, 2)), ("x",), "float32"), (np.zeros(2, np.float32), ("x",), "float32"),
    (np.zeros((2, 1), np.float32), ("x",), "2 observations and 1 names")])
def test_a_malformed_problem_is_refused(observations, names, message):
    with pytest.raises(ValueError, match=message):
        GivenPosterior("a problem", "", ("a",), observations, names, None, None, None, "")


@pytest.mark.parametrize("name, y", [
    ("eight_schools", [28, 8, -3, 7, -1, 1, 18, 12]),  # Rubin 1981
    ("stan_eight_schools", STAN_Y), ("stan_gauss", STAN_Y)])
def test_the_schools_data(name, y):
    np.testing.assert_array_equal(GIVEN_POSTERIORS[name].observations, np.float32([y]))
