"""Marginals of exact posteriors, from the grids that their references come from: what draws and samples are held against."""

from typing import NamedTuple

import numpy as np

from avb_tf1.estimation.density_grid import TOLERANCE, Grid, posterior_grid
from avb_tf1.tasks.given_posterior.reference import array_log_joint

# An effect's marginal is a mixture of Gaussians, one for each point of a grid.
_COMPONENTS = 5000            # at most about so many
_MARGINAL_POINTS = 2001       # at which its density is computed
_MARGINAL_REACH = 9.0         # standard deviations of each Gaussian


class Marginal(NamedTuple):
    """The distribution of one coordinate: a density that is linear between points at equal distances.

    Attributes:
        points: float64 [m], ascending.
        masses: float64 [m], the density at each point times their distance; their sum is 1, the first and the last are 0.
    """

    points: np.ndarray
    masses: np.ndarray

    @property
    def _cumulative(self):
        return np.cumsum(self.masses) - self.masses / 2

    def cdf(self, values):
        """Return the probability of what is at most each of values [...], float64 [...]."""
        spacing = self.points[1] - self.points[0]
        position = np.clip((np.asarray(values, np.float64) - self.points[0]) / spacing, 0, len(self.points) - 1)
        cell = np.minimum(position.astype(np.int64), len(self.points) - 2)
        share, left, right = position - cell, self.masses[cell], self.masses[cell + 1]
        return np.minimum(self._cumulative[cell] + share * left + share**2 / 2 * (right - left), 1.0)

    def quantile(self, p):
        """Return the value whose cdf is p, for each of p [...] in (0, 1); float64 [...]."""
        p, cumulative = np.asarray(p, np.float64), self._cumulative
        cell = np.clip(np.searchsorted(cumulative, p, side="right") - 1, 0, len(self.points) - 2)
        left, right, rest = self.masses[cell], self.masses[cell + 1], p - cumulative[cell]
        # The root of rest = share left + share**2 (right - left) / 2 that loses no digits.
        root = left + np.sqrt(np.maximum(left**2 + 2 * (right - left) * rest, 0))
        share = np.clip(2 * rest / np.where(root > 0, root, 1), 0, 1)
        return self.points[cell] + share * (self.points[1] - self.points[0])


def thinned(grid, n):
    """Return a Grid of every k-th point along each axis that has about n points with a mass that counts, or more.

    It has the same moments, but for less than TOLERANCE of its mass: a k that leaves too few points is made smaller.
    """
    dim = len(grid.axes)
    for k in range(max(1, int((len(grid.points[0]) / n)**(1 / dim))), 0, -1):
        masses = grid.masses[(slice(None, None, k),) * dim]
        if abs(masses.sum() * k**dim - 1) < TOLERANCE:
            break
    return Grid(tuple(axis[::k] for axis in grid.axes), masses / masses.sum(), grid.log_integral, grid.spacing * k)


def marginal(grid, coordinate):
    """Return the Marginal of a coordinate of a Grid, 0 or 1; as of draws its variance is larger by spacing**2 / 6."""
    axis, spacing = grid.axes[coordinate], grid.spacing[coordinate]
    masses = grid.masses.sum(axis=tuple(other for other in range(len(grid.axes)) if other != coordinate))
    return Marginal(np.concatenate([[axis[0] - spacing], axis, [axis[-1] + spacing]]),
                    np.concatenate([[0], masses / masses.sum(), [0]]))


def marginals_of(problem):
    """Return the Marginal of each coordinate of a GivenPosterior, a list for each of its observations."""
    if problem.effects:
        return [_with_effects(problem, x.astype(np.float64)) for x in problem.observations]
    log_joint = array_log_joint(problem)
    grids = [posterior_grid(lambda z, x=x: log_joint(x, z), problem.dim) for x in problem.observations]
    return [[marginal(grid, coordinate) for coordinate in range(problem.dim)] for grid in grids]


def _with_effects(problem, x):
    effects = problem.effects
    grid = posterior_grid(lambda u: effects.log_joint(x, u.astype(np.float64)), effects.n_outer)
    points, masses = thinned(grid, _COMPONENTS).points
    means, deviations = effects.conditional(x, points)
    return ([marginal(grid, coordinate) for coordinate in range(effects.n_outer)]
            + [_mixture(masses, *components) for components in zip(means.T, deviations.T)])


def _mixture(weights, means, deviations):
    """The Marginal of a mixture of Gaussians, its components [n] each."""
    lower = (means - _MARGINAL_REACH * deviations).min()
    upper = (means + _MARGINAL_REACH * deviations).max()
    points = np.linspace(lower, upper, _MARGINAL_POINTS)
    density = np.array([(weights / deviations * np.exp(-0.5 * ((point - means) / deviations)**2)).sum() for point in points])
    density[[0, -1]] = 0
    return Marginal(points, density / density.sum())
