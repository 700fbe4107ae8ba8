"""Wasserstein-1 distances that are known in closed form."""

import math

import numpy as np
import pytest
from marginals import marginal
from scipy import stats
from scipy.integrate import quad

from avb_tf1.estimation import wasserstein
from avb_tf1.estimation.density_grid import posterior_grid
from avb_tf1.tasks.given_posterior.reference import reference_from_density

DEVIATIONS = np.array([2.0, 0.1])
DENSITY = stats.multivariate_normal([5, -3], np.diag(DEVIATIONS**2))
N_QUANTILES = 100000          # that stand for an exact marginal


@pytest.fixture(scope="module")
def reference():
    """Of N((5, -3), diag(2, 0.1)**2)."""
    return reference_from_density(DENSITY.logpdf, 2)


@pytest.fixture(scope="module")
def quantiles():
    """Equally likely values of each of its coordinates, [N_QUANTILES, 2]."""
    grid, p = posterior_grid(DENSITY.logpdf, 2), (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
    return np.stack([marginal(grid, coordinate).quantile(p) for coordinate in range(2)], axis=1)


def distances_from_exact(z, quantiles):
    """Each coordinate's distance from its exact marginal."""
    return wasserstein.distances(z, quantiles, DEVIATIONS)


def noise_floor_of_exact(reference, quantiles, n, random_state, n_samples):
    """The mean of distances_from_exact of n exact draws: what sampling alone makes."""
    return np.mean([distances_from_exact(reference.draws(n, random_state), quantiles) for _ in range(n_samples)], axis=0)


def normal_floor(n):
    """The expected distance of n draws of N(0, 1) from it: cdfs apart by a Gaussian process, of variance F (1 - F) / n."""
    return math.sqrt(2 / math.pi / n) * quad(lambda z: math.sqrt(stats.norm.cdf(z) * stats.norm.sf(z)), -8, 8)[0]


def test_a_shift_is_its_own_distance(reference, quantiles):
    z = reference.draws(100000, np.random.RandomState(0))
    shifted = z + [0.6, -0.05]
    np.testing.assert_allclose(distances_from_exact(shifted, quantiles), [0.3, 0.5], atol=0.01)
    np.testing.assert_allclose(wasserstein.distances(shifted, z, DEVIATIONS), [0.3, 0.5], rtol=1e-9)


def test_a_normal_of_twice_the_width_is_off_by_the_mean_of_its_size(reference, quantiles):
    z = reference.mean + 2 * (reference.draws(100000, np.random.RandomState(0)) - reference.mean)
    np.testing.assert_allclose(distances_from_exact(z, quantiles), math.sqrt(2 / math.pi), atol=0.01)


def test_one_point_is_off_by_the_mean_distance_from_it(reference, quantiles):
    z = np.tile(reference.mean, (10, 1))
    np.testing.assert_allclose(distances_from_exact(z, quantiles), math.sqrt(2 / math.pi), rtol=2e-4)


def test_samples_of_different_sizes_are_compared():
    np.testing.assert_allclose(wasserstein.distances([[0.0], [1.0]], [[0.0], [1.0], [5.0], [5.0]], [2.0]), [(0.5 + 4.0) / 4],
                               rtol=1e-12)


def test_the_noise_floor_is_that_of_a_normal(reference, quantiles):
    floor = noise_floor_of_exact(reference, quantiles, 1000, np.random.RandomState(0), n_samples=50)
    np.testing.assert_allclose(floor, normal_floor(1000), rtol=0.15)
    # Of two samples: the variances add up.
    floor = wasserstein.noise_floor(reference.draws, 1000, 3000, DEVIATIONS, np.random.RandomState(0), n_pairs=50)
    np.testing.assert_allclose(floor, normal_floor(1 / (1 / 1000 + 1 / 3000)), rtol=0.15)


def test_the_noise_floor_follows_from_its_random_state(reference):
    floors = [wasserstein.noise_floor(reference.draws, 100, 100, DEVIATIONS, np.random.RandomState(seed), n_pairs=2)
              for seed in (0, 0, 1)]
    np.testing.assert_array_equal(floors[0], floors[1])
    assert (floors[0] != floors[2]).all()
