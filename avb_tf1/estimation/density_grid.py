"""A density of one or two parameters on a grid of points: where it lies, its integral, exact draws.

The integral is the sum over the points times the area of a cell, the trapezoidal rule. Where a smooth density is 0 at the edges
that is exact but for an error that falls exponentially with the number of points: a spacing of one standard deviation of a
Gaussian leaves 5e-9 of it. Draws follow the density that is linear between the points (bilinear in the plane). It has the
grid's own mean, and in each direction a variance that is larger by spacing**2 / 6.
"""

import math
from functools import partial
from typing import NamedTuple, Tuple

import numpy as np
from scipy.ndimage import maximum_filter

from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.ground.errors import OneLineError

TOLERANCE = 1e-6              # nats: by how much the integral over coarser grids, one of them wider, may differ
_DEPTH = 40.0                 # nats below the highest density: what lies lower is left out
_REACH = 1000.0               # how far from 0 a density is first looked for
_FARTHEST = 1e6               # from 0 that a density is followed
_SCAN_POINTS = 201            # along each axis there: .1 apart at 0, and 7 % of the distance from 0 far out
_MAX_PEAKS = 512              # that are climbed
_MAX_STEPS = 400
_POINTS_A_SCALE = 32          # grid points to a standard deviation of the sharpest mode; fewer if that makes too many
_PREFERRED_POINTS = 2**21
_MAX_POINTS = 2**23
_N_PARTS = 64                 # of a cell along each axis, where the border of a part of the space runs through it
_CELLS_AT_ONCE = 2**8


class PosteriorGridError(OneLineError):
    """A density is too sharp, too wide or too rough for a grid."""


class Grid(NamedTuple):
    """A density of one or two parameters on a grid, normalised.

    Attributes:
        axes: for each of the dim coordinates its points, float64 [m_i], ascending, at equal distances.
        masses: float64 [m_1] or [m_1, m_2], the density at each point times the area of a cell; their sum is 1.
        log_integral: float, nats; of a joint density the log evidence. Off by less than TOLERANCE.
        spacing: float64 [dim], the distance between points along each axis.
    """

    axes: Tuple[np.ndarray, ...]
    masses: np.ndarray
    log_integral: float
    spacing: np.ndarray

    @property
    def counting(self):
        """Where the mass counts, bool, of the shape of masses: at each point of more than e^-40 of the largest."""
        return self.masses > math.exp(-_DEPTH) * self.masses.max()

    @property
    def points(self):
        """All points with a mass that counts, float64 [n, dim], and these masses, [n], that sum to 1."""
        index = np.nonzero(self.counting)
        masses = self.masses[index]
        return np.stack([axis[i] for axis, i in zip(self.axes, index)], axis=1), masses / masses.sum()

    def marginal_masses(self, coordinate):
        """Return the masses at the points of a coordinate's axis, float64 [m]; their sum is 1."""
        return self.masses.sum(axis=tuple(other for other in range(len(self.axes)) if other != coordinate))

    def marginal_cdf(self, coordinate):
        """Return a function values [n] -> the probability that a coordinate is at most each of them, float64 [n]."""
        edges = self.axes[coordinate] + self.spacing[coordinate] / 2
        below = np.cumsum(self.marginal_masses(coordinate))
        return lambda values: np.interp(values, edges, below, left=0, right=1)

    def uniforms(self, z):
        """Return the Rosenblatt transform of z [n, 2], float64 [n, 2]: F(z1) and F(z2 | z1), uniform on a square for its draws.

        The cdfs are linear between the points; beyond the grid they are 0 or 1.
        """
        below = np.pad(np.cumsum(self.masses, axis=1), ((0, 0), (1, 0)))  # at the edges of the cells about the points
        shift = np.array([0, 0.5])
        place = (z - np.array([axis[0] for axis in self.axes])) / self.spacing + shift
        place = np.clip(place, 0, np.array(below.shape) - 1)
        row, column = np.minimum(place.astype(int), np.array(below.shape) - 2).T
        to_right, to_top = (place - np.stack([row, column], axis=1)).T

        def of_row(columns):
            return (1 - to_right) * below[row, columns] + to_right * below[row + 1, columns]

        of_both = (1 - to_top) * of_row(column) + to_top * of_row(column + 1)
        total = of_row(-1)
        second = np.divide(of_both, total, out=np.full(len(z), 0.5), where=total > 0)
        return np.stack([self.marginal_cdf(0)(z[:, 0]), second], axis=1)

    def share(self, is_in):
        """Return the probability of a part of the space, a float; is_in: function of z float64 [n, dim] -> bool [n].

        The density is taken to be linear between the points, and a cell between them to be in or out as its corners are; where
        these differ, as _N_PARTS parts of it along each axis are. Of a part with a smooth border it is off by 1e-4 or less.
        """
        inside = is_in(_mesh(self.axes).reshape(-1, len(self.axes))).reshape(self.masses.shape)
        all_sides = list(np.ndindex((2,) * inside.ndim))
        corners = [tuple(slice(1, None) if side else slice(None, -1) for side in sides) for sides in all_sides]
        n_in = sum(inside[corner].astype(int) for corner in corners)
        share = sum(self.masses[corner][n_in == len(corners)].sum() for corner in corners) / len(corners)
        middles = (np.arange(_N_PARTS) + 0.5) / _N_PARTS
        parts = _mesh([middles] * inside.ndim).reshape(-1, inside.ndim)
        weights = [np.prod(np.where(sides, parts, 1 - parts), axis=1) for sides in all_sides]
        border = np.nonzero((n_in > 0) & (n_in < len(corners)))
        lowest = np.stack([axis[number] for axis, number in zip(self.axes, border)], axis=1)
        of_corners = np.stack([self.masses[corner][border] for corner in corners], axis=1)
        for start in range(0, len(lowest), _CELLS_AT_ONCE):
            rows = slice(start, start + _CELLS_AT_ONCE)
            z = lowest[rows, np.newaxis] + parts * self.spacing
            found = is_in(z.reshape(-1, inside.ndim)).reshape(z.shape[:2])
            share += (found * (of_corners[rows] @ weights)).sum() / len(parts)
        return float(share)

    def draws(self, n, random_state):
        """Return n independent draws, float64 [n, dim], with a numpy RandomState.

        The density that is linear between the points is the sum over the points of tents about each, with the points' masses:
        a point is drawn, and then the place in its tent.
        """
        # A point's number in the grid; the sum may be a last digit short of 1.
        number = np.searchsorted(np.cumsum(self.masses), random_state.random_sample(n), side="right")
        index = np.unravel_index(np.minimum(number, self.masses.size - 1), self.masses.shape)
        tents = random_state.random_sample((n, 2, len(self.axes))).sum(axis=1) - 1
        return np.stack([axis[i] for axis, i in zip(self.axes, index)], axis=1) + self.spacing * tents


def posterior_grid(log_density, dim):
    """Return the Grid of a density: where its mass lies is found, and its integral is checked with coarser grids.

    What is found is what shows at a scan of the plane as a peak, or hangs together with one by densities of more than e^-40 of
    the highest. A spike apart from all else must be wider than .1 near 0, or 7 % of its distance from 0, or be the top of
    something as wide. The density must be smooth: an edge, or in the plane a bend, is refused as a rule.

    `log_density` is a function z float32 [n, dim] -> [n], nats, up to a constant, -inf where the density is 0; dim is 1 or 2.
    It is asked for points that are float32 numbers only, so that one that reckons in float64 is not disturbed by rounding.

    Raises PosteriorGridError if the coarser grids differ by TOLERANCE or more, however fine the grid, if the mass does not end,
    or if the log-density is infinite somewhere, or not a number in the box that holds the mass. Farther out that counts as a
    density of 0.
    """
    if dim not in (1, 2):
        raise ValueError("a grid has 1 or 2 dimensions, not %d" % dim)

    def evaluate(z, nan_is_zero=False):
        flat = np.asarray(z, np.float32).reshape(-1, dim)
        values = np.asarray(in_chunks(log_density, flat), np.float64)
        if nan_is_zero:
            values = np.where(np.isnan(values), -np.inf, values)
        if np.isnan(values).any() or np.isposinf(values).any():
            where = flat[np.flatnonzero(np.isnan(values) | np.isposinf(values))[0]]
            raise PosteriorGridError("the log-density is not finite at (%s): it must be a number there, or -inf" % ", ".join(
                "%g" % value for value in where))
        return values.reshape(np.shape(z)[:-1])

    # Far out a density may underflow to 0 / 0; from the box on, which has the mass, it has to be a number.
    peaks, heights = _peaks(partial(evaluate, nan_is_zero=True), dim)
    scales = _scales(partial(evaluate, nan_is_zero=True), peaks, heights)
    highest, main = heights.max(), heights > heights.max() - _DEPTH / 2
    lower, upper = _box(evaluate, peaks, scales, highest)
    # Powers of two, so that the points are float32 numbers.
    scale = scales[main].min(axis=0)
    spacing = 2.0**np.floor(np.log2(scale / _POINTS_A_SCALE))
    spacing = np.maximum(spacing, 2.0**np.ceil(np.log2(np.maximum(np.abs(lower), np.abs(upper)) / 2**21)))
    while np.prod((upper - lower) / spacing) > _PREFERRED_POINTS:
        spacing[np.argmin(spacing / scale)] *= 2
    margin = (upper - lower) / 3
    while np.prod((upper - lower) / spacing) <= _MAX_POINTS:
        grid = _grid(evaluate, lower, upper, spacing, 0.0)
        if _parts_agree(grid):
            check = _grid(evaluate, lower - margin, upper + margin, 2 * spacing, spacing / 2)
            if abs(grid.log_integral - check.log_integral) < TOLERANCE:
                return grid
        spacing = spacing / 2
    raise PosteriorGridError("the density is too sharp, too wide or too rough for a grid of %d points: other parameters, or "
                             "exact_draws, may help" % _MAX_POINTS)


def _parts_agree(grid):
    """Whether every grid of each second, or of each third, of the points along each axis has the same integral."""
    dim = len(grid.axes)
    return all(abs(grid.masses[tuple(slice(start, None, k) for start in starts)].sum() * k**dim - 1) < TOLERANCE
               for k in (2, 3) for starts in np.ndindex((k,) * dim))


def _mesh(axes):
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def _peaks(evaluate, dim):
    """The local maxima of a scan, climbed, float64 [k, dim], and the log-density there, [k]; none that is far below the others.
    """
    growth = 7.3              # with it _SCAN_POINTS are .1 apart at 0
    axis = _REACH * np.sinh(growth * np.linspace(-1, 1, _SCAN_POINTS)) / math.sinh(growth)
    scanned = evaluate(_mesh([axis] * dim))
    index = np.nonzero(np.isfinite(scanned) & (scanned == maximum_filter(scanned, size=3, mode="nearest")))
    if not len(index[0]):
        raise PosteriorGridError("the density is 0 wherever it was looked for, up to %g from 0" % _REACH)
    index = np.array(index)[:, np.argsort(-scanned[index], kind="stable")[:_MAX_PEAKS]]
    peaks, steps = axis[index].T, np.gradient(axis)[index].T
    compass = _mesh([np.array([0, -1, 1])] * dim).reshape(-1, dim)
    for _ in range(_MAX_STEPS):
        values = evaluate(peaks[:, np.newaxis] + steps[:, np.newaxis] * compass)
        best = values.argmax(axis=1)
        if not best.any() and (values[:, 0] - values.min(axis=1) < 0.1).all():
            break
        peaks = peaks + steps * compass[best]
        steps = np.where(best[:, np.newaxis] > 0, 2 * steps, steps / 2)
        if np.abs(peaks).max() > _FARTHEST:
            raise PosteriorGridError("the density still rises %g from 0" % _FARTHEST)
    heights = values.max(axis=1)
    kept = heights > heights.max() - _DEPTH
    return peaks[kept], heights[kept]


def _scales(evaluate, peaks, heights):
    """How far from each peak the density falls by half a nat along each axis, [k, dim]: a Gaussian's standard deviation."""
    steps = 2.0**np.arange(-40, 11)
    scales = np.empty_like(peaks)
    for axis in range(peaks.shape[1]):
        offsets = np.zeros((len(steps), peaks.shape[1]))
        offsets[:, axis] = steps
        sides = [evaluate(peaks[:, np.newaxis] + sign * offsets) for sign in (-1, 1)]
        fall = heights[:, np.newaxis] - (sides[0] + sides[1]) / 2
        within = np.cumprod(fall <= 0.5, axis=1).sum(axis=1)
        scales[:, axis] = steps[np.maximum(within, 1) - 1]
    return scales


def _box(evaluate, peaks, scales, highest):
    """The box, lower and upper [dim], whose sides are lower than the highest density by _DEPTH: grown from the peaks."""
    lower, upper = (peaks - 4 * scales).min(axis=0), (peaks + 4 * scales).max(axis=0)
    dim = len(lower)
    for _ in range(_MAX_STEPS):
        grown = False
        for axis, side in np.ndindex(dim, 2):
            n = np.clip(2 * (upper - lower) / scales.min(axis=0), 16, 4096).astype(int)
            axes = [np.linspace(lower[i], upper[i], n[i]) for i in range(dim)]
            edge = (lower, upper)[side]
            axes[axis] = edge[axis:axis + 1]
            if evaluate(_mesh(axes)).max() > highest - _DEPTH:
                grown = True
                edge[axis] += (-1, 1)[side] * (upper[axis] - lower[axis]) / 4
        if not grown:
            return lower, upper
        if max(-lower.min(), upper.max()) > _FARTHEST:
            break
    raise PosteriorGridError("the density's mass does not end within %g of 0" % _FARTHEST)


def _grid(evaluate, lower, upper, spacing, shift):
    """The Grid of the points that are whole multiples of spacing, plus shift, in the box and one beyond."""
    counts = [np.arange(math.floor(a), math.ceil(b) + 1) for a, b in zip(lower / spacing, upper / spacing)]
    axes = tuple(count * step + offset for count, step, offset in zip(counts, spacing, np.broadcast_to(shift, spacing.shape)))
    values = evaluate(_mesh(axes))
    highest = values.max()
    if not np.isfinite(highest):
        raise PosteriorGridError("the density is too sharp for a grid")
    masses = np.exp(values - highest)
    total = masses.sum()
    return Grid(axes, masses / total, float(highest + math.log(total * np.prod(spacing))), spacing)
