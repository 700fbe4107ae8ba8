"""k-hat: the shape that is known of weights with a generalised Pareto distribution, and of Gaussians' ratios."""

import numpy as np
import pytest

from avb_tf1.estimation import psis

N = 65536


@pytest.mark.parametrize("shape", [-0.4, 0.1, 0.5, 0.8, 1.2])
def test_of_pareto_weights_it_is_their_shape(shape):
    uniform = np.random.RandomState(1).random_sample((8, N))
    log_weights = np.log(((1 - uniform)**-shape - 1) / shape)
    found = np.array([psis.k_hat(of_one) for of_one in log_weights])
    n_tail = 3 * np.sqrt(N)
    wanted = (n_tail * shape + 10 * 0.5) / (n_tail + 10)  # drawn towards 1/2
    assert abs(found.mean() - wanted) < 4 * (1 + shape) / np.sqrt(8 * n_tail) + 0.02


def test_a_constant_factor_does_not_matter():
    log_weights = np.random.RandomState(2).standard_normal(2000)
    assert psis.k_hat(log_weights) == pytest.approx(psis.k_hat(log_weights + 500), abs=1e-9)


@pytest.mark.parametrize("scale, low, high", [(1.5, -2, 0), (0.9, 0, 0.5), (0.5, 0.6, 1.1)])
def test_of_gaussians_it_is_by_their_widths(scale, low, high):
    """p = N(0, 1), q = N(0, scale**2): the weights have a tail of shape 1 - scale**2, as far as logarithms let it show."""
    z = scale * np.random.RandomState(3).standard_normal(N)
    assert low < psis.k_hat(-z**2 / 2 + (z / scale)**2 / 2) < high


def test_equal_weights_have_no_tail():
    noise = 1e-7 * np.random.RandomState(4).standard_normal(N)
    assert psis.k_hat(np.zeros(N)) == psis.k_hat(3 + noise) == 0


def test_without_a_tail_or_with_nan_it_is_not_known():
    assert np.isnan(psis.k_hat(np.zeros(20))) and np.isnan(psis.k_hat(np.append(np.zeros(N), np.nan)))
    some_impossible = np.append(np.random.RandomState(5).standard_normal(N), [-np.inf] * 10)
    assert np.isfinite(psis.k_hat(some_impossible))


def test_weights_that_are_all_alike_where_the_tail_begins_are_not_part_of_it():
    random_state = np.random.RandomState(6)
    assert -10 < psis.k_hat(np.where(random_state.random_sample(20000) < 0.005, 0.5, 0)) < 0  # bounded
    few_possible = np.full(65536, -np.inf)
    few_possible[:300] = 0.5 * random_state.standard_exponential(300)
    assert psis.k_hat(few_possible) < 0.6


def test_where_the_mean_rests_on_a_few_weights_it_is_infinite():
    random_state = np.random.RandomState(7)
    for impossible in (-np.inf, -1e4):
        few = np.where(np.arange(1024) < 6, random_state.standard_normal(1024), impossible)
        assert psis.k_hat(few) == np.inf
    assert psis.k_hat(np.full(100, -np.inf)) == np.inf
    assert psis.k_hat(np.where(np.arange(20000) < 10, 0.5, 0)) == 0  # these few don't matter
    for deviation in (400, 3000):  # nearly all weights are 0 beside the largest
        assert all(psis.k_hat(deviation * random_state.standard_normal(5000)) > 1 for _ in range(10))


def test_fewer_weights_need_a_shorter_tail():
    """Vehtari, Simpson, Gelman, Yao and Gabry 2024, section 3.2.4."""
    assert [round(psis.trusted(n), 3) for n in (64, 1024, 10**4, 10**6)] == [0.446, 0.668, 0.7, 0.7]
    assert psis.trusted(1) == -np.inf
