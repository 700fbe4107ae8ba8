"""Marginal densities of a density on a grid: of its coordinates, of functions of them, and of Gaussians given them."""

import itertools
import math

import numpy as np

from avb_tf1.estimation.density_grid import TOLERANCE

_MAX_COMPONENTS = 20000       # of a mixture of Gaussians, at most about so many
_LEAST_WIDTH = 1e-3           # of a bin: what has but one value is a bar as narrow as that
_LEAST_DEVIATION = 0.7        # of the distance between two components: with it their sum has no more than 1e-4 of ripples


def of_coordinate(grid, coordinate, points):
    """Return the marginal density of a coordinate of a density_grid.Grid, 0 or 1, at points [m]; float64 [m].

    It is linear between the grid's points.
    """
    density = grid.marginal_masses(coordinate) / grid.spacing[coordinate]
    return np.interp(points, grid.axes[coordinate], density, left=0, right=0)


def of_function(grid, function, points):
    """Return the density of a function of a Grid's coordinates, float64 [m], each the mean over the bin about a point.

    Each grid point's mass is shared out among the parts of its cell, one towards each of its neighbours' sides, and each part
    spread over the values that a linear function with the slopes on that side has there. So a function may have a bend.

    Args:
        function: z float64 [n, dim] -> float64 [n].
        points: float64 [m], ascending, at equal distances: the middles of the bins.
    """
    width = points[1] - points[0]
    edges = np.append(points, points[-1] + width) - width / 2
    z, masses = grid.points
    values = np.asarray(function(z), np.float64)
    below = np.zeros(len(edges))
    for steps in itertools.product(*_half_steps(grid, values)):
        low, high = (values + sum(limit(step, 0) for step in steps) for limit in (np.minimum, np.maximum))
        widths = np.maximum(high - low, _LEAST_WIDTH * width)
        for ends, sign in (((low + high - widths) / 2, 1), ((low + high + widths) / 2, -1)):
            bins, heights = np.searchsorted(edges, ends), sign * masses / widths / 2**len(steps)
            slopes, offsets = (np.cumsum(np.bincount(bins, weights, len(edges) + 1))[:-1]
                               for weights in (heights, heights * (ends - edges[0])))
            below += slopes * (edges - edges[0]) - offsets
    return np.maximum(np.diff(below), 0) / width


def of_gaussians(grid, moments, points):
    """Return the density, at points [m], of a quantity that is Gaussian given a Grid's coordinates; float64 [m].

    The sum is taken over some 20,000 of the grid's points, or as many as have the same integral.

    Args:
        moments: z float64 [n, dim] -> the quantity's mean and standard deviation given z, float64 [n] each.
        points: float64 [m], ascending, at equal distances.
    """
    thin = _thinned(grid)
    z, masses = thin.points
    mean, deviation = moments(z)
    deviation = np.maximum(deviation, _LEAST_DEVIATION * _spreads(thin, mean, _LEAST_WIDTH * (points[1] - points[0])))
    weights = masses / deviation / math.sqrt(2 * math.pi)
    return np.array([weights @ np.exp(-0.5 * ((point - mean) / deviation)**2) for point in points])


def _half_steps(grid, values):
    """For each axis by how much a function changes halfway to the next point and to the one before, float64 [n] each.

    0 where that point doesn't count. `values`: the function's at each point that counts, [n].
    """
    on_grid, counting = np.full(grid.masses.shape, np.nan), grid.counting
    on_grid[counting] = values
    for axis in range(on_grid.ndim):
        steps = np.nan_to_num(np.diff(on_grid, axis=axis)) / 2
        after, before = ([(0, 0)] * axis + [ends] + [(0, 0)] * (on_grid.ndim - axis - 1) for ends in ((0, 1), (1, 0)))
        yield np.pad(steps, after)[counting], -np.pad(steps, before)[counting]


def _spreads(grid, values, least):
    """How far a function ranges in the cell about each point that counts, or `least`, float64 [n]; values: its own there, [n].
    """
    on_grid, counting = np.full(grid.masses.shape, np.nan), grid.counting
    on_grid[counting] = values
    slopes = [np.gradient(on_grid, axis=axis)[counting] for axis in range(on_grid.ndim)]
    return np.maximum(np.nansum(np.abs(slopes), axis=0), least)  # beside a point that doesn't count there is no slope


def _thinned(grid):
    """The Grid of every k-th point along each axis: of about _MAX_COMPONENTS, or as few as have the same integral."""
    dim = len(grid.axes)
    for k in range(max(1, int((grid.counting.sum() / _MAX_COMPONENTS)**(1 / dim))), 0, -1):
        masses = grid.masses[(slice(None, None, k),) * dim]
        if abs(masses.sum() * k**dim - 1) < TOLERANCE:
            break
    return grid._replace(axes=tuple(axis[::k] for axis in grid.axes), masses=masses / masses.sum(), spacing=grid.spacing * k)
