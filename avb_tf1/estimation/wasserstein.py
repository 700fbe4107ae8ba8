"""Wasserstein-1 distances between samples of an approximate posterior and the exact one, a quantity at a time.

The distance is the area between two cdfs, here in units of the exact posterior's standard deviation: a Gaussian that is off by
.1 standard deviations has the distance .1. Two samples of one distribution have a positive distance, too: the noise floor.
"""

import numpy as np
from scipy.stats import wasserstein_distance


def distances(samples, exact, standard_deviations):
    """Return the Wasserstein-1 distance of each column of two samples, float64 [k], in standard deviations.

    `samples` [n, k] are of coordinates or other quantities under the approximate posterior, `exact` [m, k] of the same under
    the exact one, whose standard deviations are [k].
    """
    return np.array(list(map(wasserstein_distance, np.transpose(samples), np.transpose(exact)))) / standard_deviations


def noise_floor(draw, n, m, standard_deviations, random_state, n_pairs=10):
    """Return the mean of `distances` between two independent exact samples, float64 [k]: what sampling alone makes.

    `draw` is a function (n, numpy RandomState) -> independent exact draws [n, k] of the quantities that are compared. The mean
    is over n_pairs pairs of samples, of n and of m draws, in units of the exact posterior's standard deviations [k].
    """
    return np.mean([distances(draw(n, random_state), draw(m, random_state), standard_deviations)
                    for _ in range(n_pairs)], axis=0)
