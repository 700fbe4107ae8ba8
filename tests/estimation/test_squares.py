"""KL(q || p) by the exact cdfs of p: nothing for its own draws, and never above what is true of others."""

import numpy as np
import pytest
from scipy.stats import norm

from avb_tf1.estimation import squares
from avb_tf1.estimation.density_grid import posterior_grid

COVARIANCE = np.array([[1.0, 0.8], [0.8, 2.0]])


@pytest.fixture(scope="module")
def grid():
    precision = np.linalg.inv(COVARIANCE)
    return posterior_grid(lambda z: -0.5 * np.einsum("ni,ij,nj->n", z, precision, z), 2)


def draws(n, scale=1.0, seed=0):
    return scale * np.random.RandomState(seed).standard_normal((n, 2)) @ np.linalg.cholesky(COVARIANCE).T


@pytest.mark.parametrize("n", [1024, 65536])
@pytest.mark.parametrize("n_bins", squares.N_BINS)
def test_uniform_samples_have_none(n, n_bins):
    random_state = np.random.RandomState(1)
    found = [squares.kl_from_uniform(random_state.random_sample((n, 2)), n_bins) for _ in range(10)]
    assert abs(np.mean([own.value for own in found])) < 4 * found[0].standard_error / np.sqrt(10)
    assert np.std([own.value for own in found]) < 2.5 * found[0].standard_error


def test_the_bias_of_many_samples_is_half_a_count_a_square():
    random_state, n = np.random.RandomState(1), 10**6
    u = random_state.random_sample((n, 2))
    counts = np.histogram2d(*u.T, bins=64, range=[[0, 1]] * 2)[0]
    plain = (counts * np.log(counts * 64**2 / n)).sum() / n
    assert plain - squares.kl_from_uniform(u, 64).value == pytest.approx((64**2 - 1) / 2 / n, rel=0.01)


@pytest.mark.parametrize("n_bins", squares.N_BINS)
def test_of_a_known_density_it_is_what_the_squares_have(n_bins):
    u = np.random.RandomState(2).random_sample((262144, 2))
    u[:, 0] **= 2
    shares = np.diff(np.sqrt(np.linspace(0, 1, n_bins + 1)))
    of_squares = (shares * np.log(shares * n_bins)).sum()
    found = squares.kl_from_uniform(u, n_bins)
    assert abs(found.value - of_squares) < 4 * found.standard_error
    assert of_squares < 1 - np.log(2)  # of the density itself


def test_the_transform_is_the_gaussians_own(grid):
    z = draws(20000)
    deviation = np.sqrt(2 - 0.8**2)
    wanted = np.stack([norm.cdf(z[:, 0]), norm.cdf((z[:, 1] - 0.8 * z[:, 0]) / deviation)], axis=1)
    assert np.abs(grid.uniforms(z) - wanted).max() < 5e-4


def test_beyond_the_grid_it_is_at_the_border(grid):
    far = np.array([[-100.0, 0], [100, 0], [0, -100], [0, 100], [np.float64(1e30), -1e30]])
    u = grid.uniforms(far)
    assert np.isfinite(u).all() and u[0, 0] == 0 and u[1, 0] == 1 and u[2, 1] == 0 and u[3, 1] == 1


@pytest.mark.parametrize("scale", [2 / 3, 4 / 3])
def test_of_gaussians_it_comes_near_the_closed_form_from_below(grid, scale):
    true = scale**2 - 1 - 2 * np.log(scale)
    found = squares.kl_from_uniform(grid.uniforms(draws(131072, scale)), 128)
    assert 0.85 * true < found.value < true + 3 * found.standard_error
    exact = squares.kl_from_uniform(grid.uniforms(draws(131072, seed=1)), 128)
    assert abs(exact.value) < 4 * exact.standard_error
