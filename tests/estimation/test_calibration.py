"""Simulation-based calibration of a Gaussian's exact posterior, and of what is not the posterior."""

import numpy as np
import pytest

from avb_tf1.estimation import calibration
from avb_tf1.estimation.calibration import N_BINS, N_DRAWS

N = 2000


def simulated(seed, scale=1.0, shift=0.0, n=N):
    """z ~ N(0, I) in the plane, x ~ N(z, I); draws of N(x / 2, 1 / 2), the posterior, with another scale and a shift."""
    random_state = np.random.RandomState(seed)
    z = random_state.standard_normal((n, 2))
    x = z + random_state.standard_normal((n, 2))
    deviation = np.sqrt(0.5)
    draws = x[:, np.newaxis] / 2 + deviation * (scale * random_state.standard_normal((n, N_DRAWS, 2)) + shift)
    return calibration.calibration(z, draws, random_state)


def test_exact_draws_pass_as_often_as_they_should():
    found = [simulated(seed, n=400) for seed in range(100)]
    assert sum(own.distances.max() > own.limit for own in found) <= 5
    outside = [(own.counts < own.band[0]).any() or (own.counts > own.band[1]).any() for own in found]
    assert sum(outside) <= 5
    assert all(own.counts.shape == (2, N_BINS) and (own.counts.sum(axis=1) == 400).all() for own in found)


def test_ranks_are_uniform_by_numpy():
    own = simulated(3)
    assert np.allclose(own.counts.mean(axis=1), N / N_BINS)
    chi_square = ((own.counts - N / N_BINS)**2 / (N / N_BINS)).sum(axis=1)
    assert (chi_square < 45).all()  # 19 degrees of freedom: of .999 below 43.8


@pytest.mark.parametrize("scale, shift, heaps", [
    (2 / 3, 0, "ends"), (4 / 3, 0, "middle"), (1, 0.5, "left"), (1, -0.5, "right")])
def test_what_is_wrong_shows_in_the_histogram(scale, shift, heaps):
    own = simulated(1, scale, shift)
    assert (own.distances > own.limit).all()
    ends, middle = own.counts[:, [0, -1]].sum(axis=1), own.counts[:, N_BINS // 2 - 1:N_BINS // 2 + 1].sum(axis=1)
    left, right = own.counts[:, 0], own.counts[:, -1]
    assert {"ends": (ends > 2 * middle).all(), "middle": (middle > 2 * ends).all(), "left": (left > 2 * right).all(),
            "right": (right > 2 * left).all()}[heaps]
    assert ((own.counts < own.band[0]) | (own.counts > own.band[1])).any(axis=1).all()


def test_the_prior_passes():
    random_state = np.random.RandomState(0)
    z, draws = random_state.standard_normal((N, 1)), random_state.standard_normal((N, N_DRAWS, 1))
    own = calibration.calibration(z, draws, random_state)
    assert own.distances.max() < own.limit


def test_draws_that_are_all_alike_are_ties():
    random_state = np.random.RandomState(0)
    own = calibration.calibration(np.zeros((N, 1)), np.zeros((N, N_DRAWS, 1)), random_state)
    assert own.distances.max() < own.limit
