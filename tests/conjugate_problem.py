"""A given posterior that is known in closed form."""

import math

import numpy as np
from scipy import stats

from avb_tf1.problems.given_posterior.problem import GivenPosterior, gaussian_prior, log_gaussian


def conjugate():
    """x = A z + noise of variance 1/2, z ~ N(0, I): the posterior is a correlated Gaussian. Its mean, covariance, evidence."""
    a, x = np.array([[1.0, 0.5], [0.0, 1.0], [1.0, -1.0]]), np.array([1.0, -0.5, 2.0])
    sample_prior, log_prior = gaussian_prior(2, 1.0)
    problem = GivenPosterior(
        title="a linear model", introduction="", coordinates=("a", "b"), observations=np.float32([x]),
        observation_names=("x",), sample_prior=sample_prior, log_prior=log_prior, sources="",
        log_likelihood=lambda x, z: log_gaussian(x - z @ np.float32(a.T), 0.0, np.full(3, math.sqrt(0.5))),
        derived={"a + b": lambda z: z[:, 0] + z[:, 1]}, modes={"a > 0": lambda z: z[:, 0] > 0})
    covariance = np.linalg.inv(np.eye(2) + 2 * a.T @ a)
    evidence = stats.multivariate_normal(np.zeros(3), a @ a.T + np.eye(3) / 2).logpdf(x)
    return problem, 2 * covariance @ a.T @ x, covariance, evidence
