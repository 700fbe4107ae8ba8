"""log p(x) and the moments of p(z|x) of many images at once, by quadrature over one or two latent dimensions. All in nats.

The midpoint rule on square cells, of which each image needs only those where its posterior is: these are halved until that
changes the image's log p(x) no more. All cells that count for an image are of one size, so that the rule keeps what it has on
a whole grid: for a smooth density its error falls exponentially (a side of two standard deviations of a Gaussian leaves 3 % in
the plane, one of a single deviation 1e-8). The cells are kept in tiles, each with the images that it counts for: a cell goes
through the decoder once for all of them.

quadrature.py has the same integrals for all binary images of a few pixels, whose borders are sharp: there each cell is halved
for itself.
"""

import functools
import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from avb_tf1.estimation.densities import log_prior
from avb_tf1.estimation.quadrature import ANGLE, rotation
from avb_tf1.ground import progress

TOLERANCE = 3e-3              # nats: how much another grid may change an image's log p(x) before it has a third
_BOX = 6.0                    # half the side of the first box, in standard deviations of the prior
_N_CELLS = {1: 1000, 2: 120}  # a side of the first grid, by latent_dim
_N_GRIDS = 3                  # at most; each next has a box a third wider, half as many more cells a side, and is turned
_CELL_TOLERANCE = 1e-3        # nats: by how much halving an image's cells may change its log p(x) before they are halved again
_LEFT_OUT = 1e-6              # share of p(x) that may lie in the cells that are left out
_MAX_HALVINGS = 10
_MAX_CELLS = 2**21            # after a halving
_MAX_CELLS_AN_IMAGE = 2**19   # then, too, for each image that still changes
_TILE = {1: 256, 2: 16}       # cells a side
_N_IMAGES = 128               # that go through the first grid together
_N_HALVED = 1024              # that go through a tile of halved cells together
_N_THREADS = 2


class Integrals(NamedTuple):
    """Of each image.

    Attributes:
        log_likelihood: float64 [n_images], log p(x), nats; -inf if the decoder can't emit the image.
        error: float64 [n_images], nats: by how much the last two grids differ, about what it may be off by at most.
        mean: float64 [n_images, latent_dim], E z under p(z|x).
        covariance: float64 [n_images, latent_dim, latent_dim].
    """

    log_likelihood: np.ndarray
    error: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray


class _Tile(NamedTuple):
    """Cells that lie together, their midpoints [n, d] about a centre [d], and the numbers [k] of the images they count for.

    `hidden`: nats, by how much log p(x, z) of one of the images may be higher inside of a cell than at its midpoint.
    """

    centre: np.ndarray
    cells: np.ndarray
    images: np.ndarray
    hidden: float


def integrals(likelihood, latent_dim, images):
    """Return the Integrals of images: log p(x) = log of the integral of p(x|z) N(z; 0, I), and the moments of p(z|x).

    Each image has at least two grids: the second has a wider box, smaller cells, none of the first one's points, and in the
    plane other directions. An image that changes by TOLERANCE or more has a third. What is still left is told in `error` and
    not raised: one image in thousands that is too sharp should not cost the numbers of all others, and what it may do to their
    mean follows from its error.

    A posterior is not seen if it is many times narrower than the cells are at first, .1 and .09, and apart from another that is
    seen. Under a density, of hundreds of values with small deviations, posteriors are as narrow as a rule: there a cell counts
    also for what may be hidden between midpoints, by the second differences. It takes about 1 MB of memory for each pixel, for
    a Gaussian's real values twice as much, however many the images.

    Args:
        likelihood: likelihoods.Bernoulli or Gaussian.
        latent_dim: int, 1 or 2.
        images: [n_images, n_values].

    Raises quadrature.GridError if the decoder's output is none of that likelihood's, as probabilities outside of [0, 1].
    """
    images, d = likelihood.features(images), latent_dim
    terms = functools.partial(_terms, likelihood)
    n = len(images)
    result = Integrals(np.full(n, np.nan), np.full(n, np.inf), np.empty((n, d)), np.empty((n, d, d)))
    left = np.arange(n)
    for number in range(_N_GRIDS):
        matrix = rotation(ANGLE * number, d)
        found = _integrals(terms, matrix, images[left], _BOX * (4 / 3)**number, int(_N_CELLS[d] * 1.5**number),
                           likelihood.is_density)
        changed = np.abs(found.log_likelihood - result.log_likelihood[left]) if number else np.inf
        result.error[left] = np.maximum(changed, found.error)
        for name in ("log_likelihood", "mean", "covariance"):
            getattr(result, name)[left] = getattr(found, name)
        left = left[~(result.error[left] < TOLERANCE)]
        if not len(left):
            break
    impossible = result.log_likelihood < likelihood.least
    result.log_likelihood[impossible], result.error[impossible] = -np.inf, 0
    return result


def _terms(likelihood, z):
    """What p(x|z) N(z; 0, I) is made of: the likelihood's factors, [n, m], and rest + log N(z; 0, I), [n, 1]."""
    factors, rest = likelihood.terms(z.astype(np.float32))
    return factors, (rest + log_prior(z))[:, np.newaxis]


def _integrals(terms, matrix, images, box, n_cells, is_density):
    """The Integrals by one grid at first, turned by the matrix; error is 0, or what halving the cells still changes."""
    d, n = len(matrix), len(images)
    tiles, side, totals = _first_tiles(terms, matrix, images, box, n_cells, is_density)
    sums, change, n_all = np.empty((n, 1 + d + d * d)), np.full(n, np.inf), n_cells**d
    for _ in range(_MAX_HALVINGS):
        open_ = ~(change < _CELL_TOLERANCE)
        n_cells = sum(len(tile.cells) for tile in tiles) * 2**d
        if not tiles or n_cells > min(_MAX_CELLS, _MAX_CELLS_AN_IMAGE * open_.sum()):
            break
        side, n_all = side / 2, n_all * 2**d
        halved = []
        top = np.full(n, -np.inf)
        sums[open_] = 0
        with ThreadPoolExecutor(_N_THREADS) as pool:
            parts = pool.map(lambda tile: _halved(terms, matrix, images, tile, side, totals, n_all), tiles)  # noqa: B023
            for tile, highest, part, counts in progress.through(parts, "tiles of a grid for log p(x)", len(tiles)):
                own = tile.images
                higher = np.maximum(top[own], highest)
                sums[own] *= np.exp(top[own] - higher)[:, np.newaxis]
                sums[own] += part * np.exp(highest - higher)[:, np.newaxis]
                top[own] = higher
                halved.append((tile, counts))
        new = top[open_] + np.log(sums[open_, 0])
        change[open_], totals[open_] = np.abs(new - totals[open_]), new
        open_ = ~(change < _CELL_TOLERANCE)
        tiles = [quarter for tile, counts in halved for quarter in _quarters(tile, counts, open_)]
    mean = sums[:, 1:1 + d] / sums[:, :1]
    covariance = (sums[:, 1 + d:] / sums[:, :1]).reshape(-1, d, d) - mean[:, :, np.newaxis] * mean[:, np.newaxis]
    return Integrals(totals, np.where(change < _CELL_TOLERANCE, 0, change), mean, covariance)


def _first_tiles(terms, matrix, images, box, n_cells, is_density):
    """The _Tiles of a grid of n_cells a side, the cells' side, and log p(x) of each image by them, [n]."""
    d, side, size = len(matrix), 2 * box / n_cells, _TILE[len(matrix)]
    number = np.stack(np.meshgrid(*[np.arange(n_cells)] * d, indexing="ij"), axis=-1).reshape(-1, d)
    points = (number + 0.5) * side - box
    factors, rest = np.empty((len(points), images.shape[1]), images.dtype), np.empty((len(points), 1))
    for start in range(0, len(points), 4096):
        factors[start:start + 4096], rest[start:start + 4096] = terms(points[start:start + 4096] @ matrix)
    rest += d * math.log(side)
    corners, tile_of = np.unique(number // size, axis=0, return_inverse=True)
    order = np.argsort(tile_of, kind="stable")
    starts = np.searchsorted(tile_of[order], np.arange(len(corners)))
    totals, counts_for, is_kept, hidden_in = [], [], np.zeros(len(points), bool), np.zeros(len(corners))
    for start in range(0, len(images), _N_IMAGES):
        masses = factors @ images[start:start + _N_IMAGES].T + rest
        totals.append(logsumexp(masses, axis=0))
        hidden = _hidden(masses, (n_cells,) * d) if is_density else 0.0
        counts = _counts(masses, (n_cells,) * d, d, totals[-1], n_cells**d, hidden)
        if is_density:
            highest = np.where(counts, hidden, 0).max(axis=1)
            hidden_in = np.maximum(hidden_in, np.maximum.reduceat(highest[order], starts))
        counts_for.append(np.logical_or.reduceat(counts[order], starts, axis=0))
        is_kept |= counts.any(axis=1)
    tiles = [_Tile((corner + 0.5) * size * side - box, points[own[is_kept[own]]], np.flatnonzero(counts), hidden)
             for corner, own, counts, hidden in zip(
                 corners, np.split(order, starts[1:]), np.concatenate(counts_for, axis=1), hidden_in)]
    return [tile for tile in tiles if len(tile.images)], side, np.concatenate(totals)


def _halved(terms, matrix, images, tile, side, totals, n_all):
    """A tile with its cells halved, their side now `side`, and what its images have in it.

    That is the log of the largest mass, [k]; the sums of mass * (1, z, z z^T) over the cells in units of that mass,
    [k, 1 + d + d**2]; whether each cell counts for each image, in bits, uint8 [n / 8, k].
    """
    d = len(matrix)
    tile = tile._replace(hidden=tile.hidden / 4)  # it goes with the square of the side
    halves = np.stack(np.meshgrid(*[[-side / 2, side / 2]] * d, indexing="ij"), axis=-1).reshape(-1, d)
    cells = (tile.cells[:, np.newaxis] + halves).reshape(-1, d)
    z = cells @ matrix
    factors, rest = terms(z)
    rest += d * math.log(side)
    features = np.concatenate([np.ones((len(z), 1)), z, (z[:, :, np.newaxis] * z[:, np.newaxis]).reshape(len(z), -1)], axis=1)
    parts = []
    for start in range(0, len(tile.images), _N_HALVED):
        own = tile.images[start:start + _N_HALVED]
        masses = factors @ images[own].T + rest
        highest = masses.max(axis=0)
        counts = _counts(masses, (len(tile.cells),) + (2,) * d, d, totals[own], n_all, tile.hidden)
        parts.append((highest, (np.exp(masses - highest).T @ features).T, np.packbits(counts, axis=0)))
    highest, sums, counts = (np.concatenate(part, axis=-1) for part in zip(*parts))
    return tile._replace(cells=cells), highest, sums.T, counts


def _hidden(log_masses, shape):
    """By how much the log of the cells' masses, [n, k], may be higher inside of each than at its midpoint, float64 [n, k].

    Of a log-density t -> g t - t H t / 2 in units of the side, whose peak is in the cell, that is at most the trace of H times
    d / 8, and the trace is minus the sum of the second differences along the axes. `shape` is the grid's.
    """
    values, trace = log_masses.reshape(*shape, -1), 0.0
    for axis in range(len(shape)):
        width = [(1, 1) if other == axis else (0, 0) for other in range(values.ndim)]
        trace = trace + np.pad(np.maximum(-np.diff(values, n=2, axis=axis), 0), width, "edge")
    return (len(shape) / 8 * trace).reshape(log_masses.shape)


def _counts(log_masses, shape, d, totals, n_all, hidden):
    """Whether a cell counts for an image, bool [n, k], from the log of the cells' masses, [n, k], and of p(x), [k].

    What a cell has at most is taken from halfway to its highest neighbours among those at hand, and what is `hidden`, nats, a
    float or [n, k]. A cell is left out if n_all
    such cells, as many as fill the box, would have no more than _LEFT_OUT of p(x). The last d axes of `shape` are of
    neighbours.
    """
    values = log_masses.reshape(*shape, -1)
    bound = values.copy()
    for axis in range(values.ndim - 1 - d, values.ndim - 1):
        highest = values.copy()
        for here, there in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            here, there = ((slice(None),) * axis + (part,) for part in (here, there))
            np.maximum(highest[here], values[there], out=highest[here])
        bound += (highest - values) / 2
    return bound.reshape(log_masses.shape) + hidden > totals + math.log(_LEFT_OUT / n_all)


def _quarters(tile, counts, open_):
    """The _Tiles that a tile falls into, of the cells that count, as of _halved, for an image that is open, bool [n_images]."""
    d = len(tile.centre)
    counts = np.unpackbits(counts, axis=0, count=len(tile.cells)).view(bool) & open_[tile.images]
    side_of = tile.cells > tile.centre
    width = np.abs(tile.cells - tile.centre).max()
    for sides in np.ndindex((2,) * d):
        rows = (side_of == sides).all(axis=1)
        own = counts[rows]
        is_kept, is_open = own.any(axis=1), own.any(axis=0)
        if is_open.any():
            yield _Tile(tile.centre + (np.array(sides) - 0.5) * width, tile.cells[rows][is_kept], tile.images[is_open],
                        tile.hidden)
