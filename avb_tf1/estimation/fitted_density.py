"""Exact posteriors p(z|x) of a decoder on grids that are fitted to where they lie, for pictures: no integral is promised."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from avb_tf1.estimation.densities import log_prior
from avb_tf1.estimation.quadrature import grid

_REACH = 5.0                  # of the coarse grid from 0, in standard deviations of the prior
_N_COARSE = {1: 401, 2: 61}   # points along an axis, by latent_dim
_N_FINE = {1: 161, 2: 41}
_MAX_CLOSER = 8               # grids, each over a part of the one before
_SMALLER = 0.5                # that part's share of a side at most
_SHARE = 0.999                # of the mass on the coarse grid that the fine one holds
_N_THREADS = 2


def fitted_densities(likelihood, images, samples):
    """Return p(z|x) of images over its largest value, each on a grid of its own.

    The grid's box holds 99.9 % of what a coarse grid, from -5 to 5 along each axis, has of p(z|x), a spacing more to each side,
    and the samples. Under a density, whose posteriors may be far narrower than that spacing, the coarse grid reaches a fifth
    farther than the samples, if that is farther than 5, and another one is laid over its box, and so on, until the box gets no
    smaller. Where the decoder's output is not a number the density is 0.

    Args:
        likelihood: likelihoods.Bernoulli or Gaussian.
        images: [k, n_values].
        samples: [k, n, d], d being 1 or 2: what else the grids are to show, such as samples of q(z|x).

    Returns axes, float32 [k, d, m], ascending, m being 161 if d is 1, else 41; and the density, float64 [k, m**d], 1 at its
    largest: with d = 2, point row * m + column is at (axes[:, 0, column], axes[:, 1, row]), as in quadrature.grid.
    """
    d, reach = samples.shape[2], _REACH
    if likelihood.is_density:
        reach = max(reach, 1.2 * np.abs(samples[np.isfinite(samples)]).max(initial=0))
    axis = np.linspace(-reach, reach, _N_COARSE[d])
    points = grid(axis, d)
    coarse = likelihood.log_prob_of_all(images, points.astype(np.float32)) + log_prior(points)[:, np.newaxis]
    found = [(points[_holding(masses, _SHARE)], axis[1] - axis[0]) for masses in _over_largest(coarse).T]

    def density(own_axes, image):
        z = np.stack(np.meshgrid(*own_axes), axis=-1).reshape(-1, d)
        return _over_largest(likelihood.log_prob_of_all(image[np.newaxis], z)[:, 0] + log_prior(z))

    if likelihood.is_density:
        found = [_closer(density, image, *own) for image, own in zip(images, found)]
    axes = [_axes(held, own, spacing, _N_FINE[d]) for (held, spacing), own in zip(found, samples)]

    with ThreadPoolExecutor(_N_THREADS) as pool:
        return np.array(axes), np.array(list(pool.map(density, axes, images)))


def _closer(density, image, points, spacing):
    """Points that hold _SHARE of an image's density, and their spacing, by ever closer grids about those that seem to."""
    d = points.shape[1]
    for _ in range(_MAX_CLOSER):
        axes = _axes(points, points[:0], spacing, _N_COARSE[d])
        z = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, d)
        held = z[_holding(density(axes, image), _SHARE)]
        new_spacing = (axes[:, 1] - axes[:, 0])
        is_smaller = (np.ptp(held, axis=0) + 2 * new_spacing < _SMALLER * (axes[:, -1] - axes[:, 0])).any()
        points, spacing = held, new_spacing
        if not is_smaller:
            break
    return points, spacing


def _over_largest(log_density):
    """exp of a log-density [n, ...] less its largest value over n; 0 for what is not a number."""
    return np.nan_to_num(np.exp(log_density - np.fmax.reduce(log_density)))


def _holding(masses, share):
    """The numbers of the fewest of masses [n] that have a share of their sum."""
    order = np.argsort(-masses, kind="stable")
    sums = np.cumsum(masses[order])
    return order[:1 + np.searchsorted(sums, share * sums[-1])]


def _axes(points, samples, spacing, n):
    """The axes, float32 [d, n], of the box that holds points [., d], a spacing about them, and samples [., d]."""
    shown = np.concatenate([points - spacing, points + spacing, samples[np.isfinite(samples).all(axis=1)]])
    return np.linspace(shown.min(axis=0), shown.max(axis=0), n, axis=1).astype(np.float32)
