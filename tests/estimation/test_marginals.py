"""Marginal densities from a grid, beside closed forms."""

import numpy as np
import pytest
from scipy import stats

from avb_tf1.estimation import marginals
from avb_tf1.estimation.density_grid import posterior_grid

MEAN, DEVIATION, CORRELATION = np.array([0.5, -1.0]), np.array([2.0, 0.3]), 0.6
COVARIANCE = np.outer(DEVIATION, DEVIATION) * [[1, CORRELATION], [CORRELATION, 1]]
PEAK = 2e-3                   # of the highest density: how far off a line may be


@pytest.fixture(scope="module")
def plane():
    return posterior_grid(stats.multivariate_normal(MEAN, COVARIANCE).logpdf, 2)


@pytest.fixture(scope="module")
def line():
    return posterior_grid(lambda z: stats.norm(0.5, 2).logpdf(z[:, 0].astype(np.float64)), 1)


def close(found, expected):
    np.testing.assert_allclose(found, expected, atol=PEAK * expected.max())


def test_a_coordinate_has_its_own_density(plane, line):
    for k in range(2):
        points = MEAN[k] + DEVIATION[k] * np.linspace(-5, 5, 151)
        close(marginals.of_coordinate(plane, k, points), stats.norm(MEAN[k], DEVIATION[k]).pdf(points))
    points = np.linspace(-8, 9, 99)
    close(marginals.of_coordinate(line, 0, points), stats.norm(0.5, 2).pdf(points))
    assert (marginals.of_coordinate(line, 0, np.array([-1e3, 1e3])) == 0).all()


def test_a_linear_function_of_both_is_gaussian_and_exp_of_one_is_lognormal(plane, line):
    weights = np.array([0.5, -2.0])
    of_sum = stats.norm(weights @ MEAN, np.sqrt(weights @ COVARIANCE @ weights))
    points = of_sum.ppf(0.5) + of_sum.std() * np.linspace(-4, 4, 121)
    close(marginals.of_function(plane, lambda z: z @ weights, points), of_sum.pdf(points))
    of_exp, width = stats.lognorm(2, scale=np.exp(0.5)), 0.25
    points = width * (np.arange(80) + 0.5)
    close(marginals.of_function(line, lambda z: np.exp(z[:, 0]), points),
          np.diff(of_exp.cdf(np.append(points - width / 2, points[-1] + width / 2))) / width)


def test_what_has_a_bend_or_but_one_value_keeps_its_mass(line):
    points = np.linspace(0.05, 9.95, 100)
    folded = stats.norm(0.5, 2).pdf(points) + stats.norm(0.5, 2).pdf(-points)
    np.testing.assert_allclose(marginals.of_function(line, lambda z: np.abs(z[:, 0]), points), folded,
                               atol=PEAK * folded.max())
    of_z = stats.norm(0.5, 2)
    for shift in np.arange(10) / 100:  # a bin that has the bend, or a part of it
        ends = np.append(points, points[-1] + 0.1) - 0.05 + shift
        exact = np.diff(of_z.cdf(np.maximum(ends, 0)) - of_z.cdf(-np.maximum(ends, 0))) / 0.1
        found = marginals.of_function(line, lambda z: np.abs(z[:, 0]), points + shift)
        np.testing.assert_allclose(found, exact, atol=PEAK * exact.max())
    of_one = marginals.of_function(line, lambda z: np.full(len(z), 5.05), points)
    assert of_one[50] == pytest.approx(1 / 0.1) and np.delete(of_one, 50).max() < 1e-6


def test_a_gaussian_given_the_coordinates_is_mixed_over_them(plane):
    """y | z ~ N(z_0 + z_1, .5^2): y is Gaussian; and without a deviation it is the sum itself."""
    weights = np.ones(2)
    for deviation in (0.5, 0.0):
        variance = weights @ COVARIANCE @ weights + deviation**2
        points = MEAN.sum() + np.sqrt(variance) * np.linspace(-4, 4, 81)
        found = marginals.of_gaussians(plane, lambda z, own=deviation: (z.sum(axis=1), np.full(len(z), own)), points)
        expected = stats.norm(MEAN.sum(), np.sqrt(variance)).pdf(points)
        np.testing.assert_allclose(found, expected, atol=0.01 * expected.max())


def test_a_function_is_asked_only_where_there_is_mass(line):
    def only_near(z):
        assert np.abs(z).max() < 25  # e^-40 of the highest density is 18 from the mean
        return z[:, 0]

    marginals.of_function(line, only_near, np.linspace(-8, 9, 50))
