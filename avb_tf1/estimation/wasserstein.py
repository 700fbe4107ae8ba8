"""Wasserstein-1 distances between samples of an approximate posterior and the exact one, a quantity at a time.

The distance is the area between two cdfs, here in units of the exact posterior's standard deviation: a Gaussian that is off by
.1 standard deviations has the distance .1. Two samples of one distribution have a positive distance, too: the noise floor.
"""

import numpy as np
from scipy.stats import wasserstein_distance

_N_QUANTILES = 100000         # that stand for an exact marginal


def distances(samples, exact, standard_deviations):
    """Return the Wasserstein-1 distance of each column of two samples, float64 [k], in standard deviations.

    Args:
        samples: [n, k], of coordinates or other quantities under the approximate posterior.
        exact: [m, k], the same under the exact one.
        standard_deviations: [k], of the exact posterior.
    """
    return np.array([wasserstein_distance(own, other) for own, other in zip(
        np.transpose(samples), np.transpose(exact))]) / standard_deviations


def distances_from_reference(z, reference):
    """Return each coordinate's Wasserstein-1 distance from its exact marginal, float64 [dim], in exact standard deviations.

    Args:
        z: [n, dim], samples of the approximate posterior; n at most _N_QUANTILES or so, which stand for the marginal.
        reference: posterior_reference.PosteriorReference.
    """
    return distances(z, _quantiles(reference), reference.standard_deviation)


def _quantiles(reference):
    """Equally likely values of each coordinate, float64 [_N_QUANTILES, dim]."""
    p = (np.arange(_N_QUANTILES) + 0.5) / _N_QUANTILES
    return np.stack([reference.quantile(coordinate, p) for coordinate in range(len(reference.mean))], axis=1)


def noise_floor(draw, n, m, standard_deviations, random_state, n_pairs=10):
    """Return the mean of `distances` between two independent exact samples, float64 [k]: what sampling alone makes.

    Args:
        draw: (n, numpy RandomState) -> independent exact draws [n, k], of the quantities that are compared.
        n, m: the sizes of the samples.
        standard_deviations: [k], of the exact posterior.
        random_state: numpy RandomState.
        n_pairs: int, pairs of samples that the mean is over.
    """
    return np.mean([distances(draw(n, random_state), draw(m, random_state), standard_deviations)
                    for _ in range(n_pairs)], axis=0)


def noise_floor_of_reference(reference, n, random_state, n_samples=10):
    """Return the mean of distances_from_reference of n exact draws, float64 [dim]: what sampling alone makes.

    Args:
        reference: posterior_reference.PosteriorReference.
        n: int, the sample's size.
        random_state: numpy RandomState.
        n_samples: int, samples that the mean is over.
    """
    quantiles = _quantiles(reference)
    return np.mean([distances(reference.draws(n, random_state), quantiles, reference.standard_deviation)
                    for _ in range(n_samples)], axis=0)
