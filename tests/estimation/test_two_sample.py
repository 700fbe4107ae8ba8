"""A classifier between two samples: chance where they are alike, and less than the best there is where they are not."""

import numpy as np
import pytest
from scipy.stats import norm

from avb_tf1.estimation.two_sample import classifier_accuracy

N = 2000


def sample(seed, dim=3, n=N):
    return np.random.RandomState(seed).standard_normal((n, dim))


def test_like_samples_are_told_apart_by_chance():
    found = [classifier_accuracy(sample(2 * seed), sample(2 * seed + 1), np.random.RandomState(seed)) for seed in range(6)]
    assert all(abs(accuracy - 0.5) < 3.5 * error for accuracy, error in found)
    assert all(error == pytest.approx(0.5 / np.sqrt(2 * N), rel=0.01) for _, error in found)


@pytest.mark.parametrize("shift", [0.5, 1.5])
def test_of_shifted_gaussians_it_comes_near_the_best_there_is(shift):
    accuracy, error = classifier_accuracy(sample(1), sample(2) + [shift, 0, 0], np.random.RandomState(0))
    best = norm.cdf(shift / 2)
    assert best - 0.04 < accuracy < best + 3 * error


def test_what_never_overlaps_is_always_told_apart():
    assert classifier_accuracy(sample(1), sample(2) + 20, np.random.RandomState(0)) == (1.0, 0.0)


def test_it_sees_width_and_dependence():
    random_state = np.random.RandomState(0)
    narrow, error = classifier_accuracy(sample(1), sample(2) * 2 / 3, random_state)
    assert narrow > 0.5 + 5 * error
    bound = sample(3)
    bound[:, 1] = 0.8 * bound[:, 0] + 0.6 * bound[:, 1]  # the marginals are the same
    dependent, error = classifier_accuracy(sample(4), bound, random_state)
    assert dependent > 0.5 + 5 * error


def test_it_has_the_same_bits_each_time():
    pairs = [classifier_accuracy(sample(1), sample(2) + 0.1, np.random.RandomState(7)) for _ in range(2)]
    assert pairs[0] == pairs[1]
