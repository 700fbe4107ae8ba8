"""log p(x) and p(z|x) of a few small images by quadrature, exact to a tolerance that is checked at run time. All in nats.

With a latent space of one or two dimensions log p(x) is an integral that a grid gives.
"""

import numpy as np

from avb_tf1.estimation.densities import log_bernoulli, log_prior
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.ground.errors import OneLineError

TOLERANCE = 1e-4              # nats: how much a finer grid or a wider box may change log p(x)
_N_CELLS = 120                # a side of the first grid
_CELL_TOLERANCE = 1e-7        # share of p(x) by which halving a cell may change its integral before it is split
_BOX = 6.0                    # half the side of the first box, in standard deviations of the prior
_MAX_REFINEMENTS = 2          # each makes the cells half as wide and the box a third wider, and turns it
ANGLE = 0.7                   # by which it is turned, radians
_MAX_CELLS = 1000000


def has_grid(latent_dim):
    """Return whether a grid can fill a latent space of so many dimensions."""
    return latent_dim <= 2


def all_binary_images(n_pixels):
    """Return all that a decoder of independent pixels can emit, float32 [2**n_pixels, n_pixels]."""
    return ((np.arange(2**n_pixels)[:, np.newaxis] >> np.arange(n_pixels)) & 1).astype(np.float32)


class GridError(OneLineError):
    """A decoder is too sharp, or its mass too far out, for the quadrature."""


def log_likelihood(decode, latent_dim, images):
    """Return log p(x) = log of the integral of p(x|z) N(z; 0, I), by quadrature on a grid over z: float64 [n_images], nats.

    Simpson's rule, with every cell halved until that hardly changes its integral: decoders are smooth but for the narrow
    borders between the images' regions. The whole grid is made finer, its box wider, and with two dimensions turned, until that
    changes no value by TOLERANCE. Turned, because along a border that runs as the cells do their errors have one sign: no cell
    sees it, and nor would a finer grid of the same direction.

    Args:
        decode: z float32 [n, latent_dim] -> pixel probabilities [n, n_pixels].
        latent_dim: int, 1 or 2.
        images: [n_images, n_pixels], pixels in {0, 1}.

    Raises GridError if the limits are reached first, or the probabilities of all binary images don't sum to 1 within TOLERANCE.
    """
    images = np.asarray(images)
    every_image = all_binary_images(images.shape[1])
    wanted = [int(np.flatnonzero((every_image == image).all(axis=1))) for image in images]

    def integrals(box, refinement):
        matrix = rotation(ANGLE * (refinement + 1), latent_dim).astype(np.float32)
        return _integrals(lambda z: decode(z @ matrix), latent_dim, every_image, wanted, box,
                          int(_N_CELLS * 2**refinement * box / _BOX), _CELL_TOLERANCE / 2**refinement)

    box, current = _BOX, integrals(_BOX, 0)
    for refinement in range(1, _MAX_REFINEMENTS + 1):
        box = box * 4 / 3
        previous, current = current, integrals(box, refinement)
        change = np.max(np.abs(np.log(current / previous)[wanted]))
        if change < TOLERANCE / 2:  # half of it: the error left is at most about the last change
            break
    else:
        raise GridError("the decoder is too sharp, or its mass too far out: log p(x) still changes by %.1e nats" % change)
    if not abs(current.sum() - 1) < TOLERANCE:
        raise GridError("the probabilities of all %d binary images sum to %.6f instead of 1" % (
            len(every_image), current.sum()))
    return np.log(current[wanted])


def rotation(angle, latent_dim):
    """Return the matrix that turns rows, z [n, latent_dim] @ matrix, by an angle in radians; [[1]] if latent_dim is 1, else
    float64 [2, 2]. The prior is the same from all sides.
    """
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) if latent_dim == 2 else np.eye(1)


def _integrals(decode, latent_dim, images, wanted, box, n_cells, cell_tolerance):
    """p(x) of some images, float64 [n_images]; cells are split for the sake of those with the indices `wanted`.

    A cell's points are its corners and what lies midway between them. The corners make sure that a border is seen wherever it
    cuts a cell, also along a side.
    """
    offsets = grid([0, 1, 2], latent_dim)
    fine_weights = np.prod(np.array([0.25, 0.5, 0.25])[offsets], axis=1)
    coarse_weights = np.prod(np.array([0.5, 0.0, 0.5])[offsets], axis=1)
    halves = offsets[(offsets < 2).all(axis=1)]
    cells = grid(np.arange(n_cells), latent_dim)
    side, totals, scale = 2 * box / n_cells, 0.0, None
    while len(cells):
        if len(cells) > _MAX_CELLS:
            raise GridError("the decoder is too sharp: more than %d cells of the grid would have to be halved" % _MAX_CELLS)
        # Points are whole numbers of half sides, so that neighbours share them and each is evaluated once.
        points = 2 * cells[:, np.newaxis, :] + offsets
        unique, index = np.unique(points @ (2**31)**np.arange(latent_dim), return_inverse=True)
        unique = np.stack([unique >> (31 * axis) & (2**31 - 1) for axis in range(latent_dim)], axis=1)
        z = unique * (side / 2) - box
        log_conditional = log_bernoulli(in_chunks(decode, z.astype(np.float32)), images)
        density = np.exp(log_conditional + log_prior(z)[:, np.newaxis]) * side**latent_dim
        index = index.reshape(len(cells), -1)
        fine = sum(weight * density[index[:, k]] for k, weight in enumerate(fine_weights))
        coarse = sum(weight * density[index[:, k]] for k, weight in enumerate(coarse_weights) if weight)
        if scale is None:
            scale = fine[:, wanted].sum(axis=0)
        split = (np.abs(fine - coarse)[:, wanted] > cell_tolerance * scale).any(axis=1)
        totals = totals + (fine + (fine - coarse) / 3)[~split].sum(axis=0)  # Simpson's rule
        cells = (2 * cells[split][:, np.newaxis, :] + halves).reshape(-1, latent_dim)
        side /= 2
    return totals


def grid(axis, latent_dim):
    """Return the points of a grid over a latent space, [m**latent_dim, latent_dim], from the coordinates [m] along each axis.

    latent_dim is 1 or 2; with 2, point row * m + column is (z_1, z_2) = (axis[column], axis[row]).
    """
    return np.stack(np.meshgrid(*[axis] * latent_dim), axis=-1).reshape(-1, latent_dim)


def posterior_density(decode, axis, latent_dim, images, log_likelihoods):
    """Return the exact posteriors p(z|x) at the points of grid(axis, latent_dim), float64 [n_images, m**latent_dim].

    Args:
        decode: z float32 [n, latent_dim] -> pixel probabilities [n, n_pixels].
        images: [n_images, n_pixels], pixels in {0, 1}; log_likelihoods: [n_images], what log_likelihood returns for them.
    """
    z = grid(axis, latent_dim)
    log_conditional = in_chunks(lambda part: log_bernoulli(decode(part), images), z.astype(np.float32))
    return np.exp(log_conditional + log_prior(z)[:, np.newaxis] - log_likelihoods).T
