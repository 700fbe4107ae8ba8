"""Exact and sampled evaluation of a trained model, in numpy and scipy: it knows arrays and functions of arrays only.

With a latent space of one or two dimensions log p(x) is an integral that a grid gives exactly (to a tolerance checked at run
time). The entropy of an implicit posterior has no closed form; a k-nearest-neighbour estimate with a standard error stands for
it. All values are in nats per example unless a docstring says per pixel.
"""

import math
from dataclasses import dataclass
from typing import Callable, Optional

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import digamma, gammaln

from avb_tf1.data import N_PIXELS, all_binary_images, balanced_batch, one_hot_images
from avb_tf1.errors import OneLineError

TOLERANCE = 1e-4              # nats: how much a finer grid or a wider box may change log p(x)
_N_CELLS = 120                # a side of the first grid
_CELL_TOLERANCE = 1e-7        # share of p(x) by which halving a cell may change its integral before it is split
_BOX = 6.0                    # half the side of the first box, in standard deviations of the prior
_MAX_REFINEMENTS = 2          # each makes the cells half as wide and the box a third wider
_MAX_CELLS = 1000000
LOSSES = ("generator_loss", "discriminator_loss")  # what an optimiser minimises; the VAE has no second
N_FINAL = 100                 # iterations whose mean is the final loss
_CHUNK = 16384                # rows that go through a network at once

N_NEIGHBOURS = 3
MAX_STANDARD_ERROR = 0.005    # nats, of the sampled KL divergences
_N_SAMPLES = 32768            # a class, at first
_MAX_SAMPLES = 262144
# What has_density looks at.
_N_ALIGNED = 8                # neighbours
_ALIGNMENT = 1e-3             # how far they may lie off a line, beside how far along it
_ALIGNED_SHARE = 1e-3         # of the samples, that may be like that


class GridError(OneLineError):
    """A decoder is too sharp, or its mass too far out, for the quadrature."""


@dataclass(frozen=True)
class Networks:
    """The trained networks as functions of float32 arrays, for any number n of rows.

    Attributes:
        latent_dim, noise_dim: int.
        encode: (x [n, 4], eps [n, noise_dim]) -> z [n, latent_dim], samples of q(z|x).
        decode: z [n, latent_dim] -> pixel probabilities of p(x|z), [n, 4].
        log_ratio: (x [n, 4], z [n, latent_dim]) -> the discriminator's estimate of log q(z|x) - log p(z), [n, 1]: T(x, z), with
            adaptive contrast plus log r(z|x) - log p(z); None for the VAE.
        posterior_parameters: x [n, 4] -> mean and log-variance of a Gaussian q(z|x), [n, latent_dim] each; None for AVB.
    """

    latent_dim: int
    noise_dim: int
    encode: Callable
    decode: Callable
    log_ratio: Optional[Callable] = None
    posterior_parameters: Optional[Callable] = None


def evaluate(networks, random_state, log_likelihoods=None):
    """Return every metric of a trained model as a dict of floats.

    Args:
        networks: Networks.
        random_state: numpy RandomState that the posterior samples' noise is drawn from.
        log_likelihoods: what log_likelihood returns for the four images, if it is known already.

    Returns:
        dict; where a value is sampled, `<name>_standard_error` stands beside it, 0 if a closed form takes the samples' place;
        an infinite value has none, as it isn't known:
        log_likelihood: mean over the four images of log p(x), by quadrature.
        elbo: mean of log p(x|z) minus kl_posterior_prior.
        inference_gap: log_likelihood - elbo, the mean KL(q(z|x) || p(z|x)).
        kl_posterior_prior: mean over x of KL(q(z|x) || p(z)).
        kl_marginal_prior: KL(q(z) || p(z)) with q(z) the mean of q(z|x) over x.
        reconstruction_error: minus the mean of log p(x|z) per pixel.
        kl_discriminator: mean log_ratio over posterior samples (AVB only): what the discriminator takes kl_posterior_prior for.
        Where q(z|x) has no density (see has_density), both KL(q || p) and inference_gap are inf and elbo is -inf.

    Raises:
        GridError: see log_likelihood.
    """
    if log_likelihoods is None:
        log_likelihoods = log_likelihood(networks.decode, networks.latent_dim, one_hot_images())
    n_samples = _N_SAMPLES
    while True:
        metrics = _sampled_metrics(networks, n_samples, random_state)
        # More samples don't make an infinite value finite.
        error = max(metrics.get(name + "_standard_error", 0.0) for name in ("kl_posterior_prior", "kl_marginal_prior"))
        if error < MAX_STANDARD_ERROR or n_samples >= _MAX_SAMPLES:
            break
        n_samples *= 2
    metrics["n_samples_per_class"] = n_samples
    metrics["log_likelihood"] = float(np.mean(log_likelihoods))
    metrics["inference_gap"] = metrics["log_likelihood"] - metrics["elbo"]
    if "elbo_standard_error" in metrics:
        metrics["inference_gap_standard_error"] = metrics["elbo_standard_error"]
    return metrics


def log_likelihood(decode, latent_dim, images):
    """Return log p(x) = log of the integral of p(x|z) N(z; 0, I) for each image, by quadrature on a grid over z.

    Simpson's rule, with every cell halved until that hardly changes its integral: decoders are smooth but for the narrow
    borders between the images' regions. The whole grid is made finer and its box wider until that changes no value by
    TOLERANCE.

    Args:
        decode: z float32 [n, latent_dim] -> pixel probabilities [n, 4].
        latent_dim: int, 1 or 2.
        images: [n_images, 4], pixels in {0, 1}.

    Returns:
        float64 [n_images], nats.

    Raises:
        GridError: the limits were reached first, or the probabilities of all 16 binary images don't sum to 1 within TOLERANCE.
    """
    every_image = all_binary_images()
    wanted = [int(np.flatnonzero((every_image == image).all(axis=1))) for image in np.asarray(images)]

    def integrals(box, refinement):
        return _integrals(decode, latent_dim, wanted, box, int(_N_CELLS * 2**refinement * box / _BOX),
                          _CELL_TOLERANCE / 2**refinement)

    box, refinement = _BOX, 0
    current = integrals(box, refinement)
    for _ in range(_MAX_REFINEMENTS):
        box, refinement = box * 4 / 3, refinement + 1
        previous, current = current, integrals(box, refinement)
        change = np.max(np.abs(np.log(current / previous)[wanted]))
        if change < TOLERANCE / 2:  # half of it: the error left is at most about the last change
            break
    else:
        raise GridError("the decoder is too sharp, or its mass too far out: log p(x) still changes by %.1e nats" % change)
    if not abs(current.sum() - 1) < TOLERANCE:
        raise GridError("the probabilities of all 16 binary images sum to %.6f instead of 1" % current.sum())
    return np.log(current[wanted])


def _integrals(decode, latent_dim, wanted, box, n_cells, cell_tolerance):
    """p(x) of all 16 binary images, float64 [16]; cells are split for the sake of the images with the indices `wanted`.

    A cell's points are its corners and what lies midway between them. The corners make sure that a border is seen wherever it
    cuts a cell, also along a side.
    """
    offsets = np.stack(np.meshgrid(*[[0, 1, 2]] * latent_dim), axis=-1).reshape(-1, latent_dim)
    fine_weights = np.prod(np.array([0.25, 0.5, 0.25])[offsets], axis=1)
    coarse_weights = np.prod(np.array([0.5, 0.0, 0.5])[offsets], axis=1)
    halves = offsets[(offsets < 2).all(axis=1)]
    cells = np.stack(np.meshgrid(*[np.arange(n_cells)] * latent_dim), axis=-1).reshape(-1, latent_dim)
    side, totals, scale = 2 * box / n_cells, 0.0, None
    while len(cells):
        if len(cells) > _MAX_CELLS:
            raise GridError("the decoder is too sharp: more than %d cells of the grid would have to be halved" % _MAX_CELLS)
        # Points are whole numbers of half sides, so that neighbours share them and each is evaluated once.
        points = 2 * cells[:, np.newaxis, :] + offsets
        unique, index = np.unique(points @ (2**31)**np.arange(latent_dim), return_inverse=True)
        unique = np.stack([unique >> (31 * axis) & (2**31 - 1) for axis in range(latent_dim)], axis=1)
        density = _joint_density(decode, unique * (side / 2) - box) * side**latent_dim
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


def _joint_density(decode, z):
    """p(x|z) N(z; 0, I) of all 16 binary images, float64 [n, 16], for z float64 [n, latent_dim]."""
    log_conditional = log_bernoulli(in_chunks(decode, z.astype(np.float32)), all_binary_images())
    return np.exp(log_conditional + log_prior(z)[:, np.newaxis])


def grid(axis, latent_dim):
    """Return the points of a grid over the latent space, [m**latent_dim, latent_dim].

    Args:
        axis: [m], the coordinates along each axis.
        latent_dim: int, 1 or 2; with 2, point row * m + column is (z_1, z_2) = (axis[column], axis[row]).
    """
    return np.stack(np.meshgrid(*[axis] * latent_dim), axis=-1).reshape(-1, latent_dim)


def posterior_density(decode, axis, latent_dim, images, log_likelihoods):
    """Return the exact posteriors p(z|x) on a grid.

    Args:
        decode: z float32 [n, latent_dim] -> pixel probabilities [n, 4].
        axis, latent_dim: as of grid.
        images: [n_images, 4], pixels in {0, 1}.
        log_likelihoods: [n_images], what log_likelihood returns for them.

    Returns:
        float64 [n_images, m**latent_dim], the density at each point of grid(axis, latent_dim).
    """
    z = grid(axis, latent_dim)
    log_joint = log_bernoulli(in_chunks(decode, z.astype(np.float32)), images) + log_prior(z)[:, np.newaxis]
    return np.exp(log_joint - log_likelihoods).T


def log_bernoulli(probabilities, images):
    """Return log p(x|z) of each image at each z, summed over pixels.

    Args:
        probabilities: [n, 4], pixel probabilities at n values of z.
        images: [n_images, 4], pixels in {0, 1}.

    Returns:
        float64 [n, n_images], nats.
    """
    probabilities = np.asarray(probabilities, np.float64)
    with np.errstate(divide="ignore"):  # a margin of 0 allows log 0
        # The floor keeps 0 * log 0 at 0 in the products; exp of it is 0.
        log_on = np.maximum(np.log(probabilities), -1e4)
        log_off = np.maximum(np.log1p(-probabilities), -1e4)
    images = np.asarray(images, np.float64)
    return log_on @ images.T + log_off @ (1 - images).T


def log_prior(z):
    """Return log N(z; 0, I), float64 [n], for z [n, latent_dim]."""
    z = np.asarray(z, np.float64)
    return -0.5 * (z**2).sum(axis=1) - 0.5 * z.shape[1] * math.log(2 * math.pi)


def knn_log_density(samples, n_neighbours=N_NEIGHBOURS):
    """Return for each sample the term whose mean is the Kozachenko-Leonenko estimate of E log q, minus the entropy.

    Kozachenko and Leonenko 1987, in the form of Kraskov et al. 2004, eq. 20, with Euclidean balls.

    Args:
        samples: [n, d], independent samples of a q that has a density.
        n_neighbours: int, k; a larger k has less variance and more bias.

    Returns:
        float64 [n], nats.
    """
    # Samples of a sharp density may be the same float32 number: their distance is below its spacing, but not zero.
    rounding = np.spacing(np.abs(samples).max(axis=1).astype(np.float32)).astype(np.float64) / 2
    samples = np.asarray(samples, np.float64)
    n, d = samples.shape
    distance = cKDTree(samples).query(samples, k=n_neighbours + 1)[0][:, -1]  # the nearest is the sample itself
    log_ball = d / 2 * math.log(math.pi) - gammaln(d / 2 + 1)
    return digamma(n_neighbours) - digamma(n) - log_ball - d * np.log(np.maximum(distance, rounding))


def has_density(samples):
    """Return whether samples of q look like those of a density; if not, a part of q lies on points or curves: KL is infinite.

    A sample counts as one of such a part if 8 others coincide with it, or if its 8 nearest neighbours lie on a line with it:
    if, seen from it, they spread across the line 1000 times less than along it. Where a density is even as far as those
    neighbours reach, 1 sample in 1e20 is like that. More than 1 in 1000 must be, and more than 8.

    It can't tell a part of less mass than that, nor one in a cloud whose samples lie nearer to it than its own. It takes a
    strip for a line that is about a million times longer than wide, which is where float32 ends, or of 256 samples instead of
    32,768, 10,000 times; and for a point what is too narrow for float32 to tell its samples apart.

    Args:
        samples: [n, d], independent samples of q, d 1 or 2, n at least 100.
    """
    at_most = max(_N_ALIGNED, _ALIGNED_SHARE * len(samples))
    distinct, counts = np.unique(np.asarray(samples, np.float64), axis=0, return_counts=True)
    if counts[counts > _N_ALIGNED].sum() > at_most:
        return False
    index = cKDTree(distinct).query(distinct, k=_N_ALIGNED + 1)[1]
    offsets = distinct[index] - distinct[:, np.newaxis]
    squares = np.linalg.eigvalsh(np.einsum("nki,nkj->nij", offsets, offsets))  # across the line, along it
    return bool(np.sum(squares[:, 0] <= _ALIGNMENT**2 * squares[:, -1]) <= at_most)


def knn_kl_from_prior(samples):
    """Return an estimate of KL(q || N(0, I)) from samples of q, and its standard error.

    The prior's term is exact at each sample; only the entropy is estimated.

    Args:
        samples: [n, d].

    Returns:
        (float, float), nats.
    """
    return mean_and_error(knn_log_density(samples) - log_prior(samples))


def knn_kl_posterior_prior(z, labels):
    """Return an estimate of the mean over x of KL(q(z|x) || N(0, I)) from samples of q(z|x), and its standard error.

    Args:
        z: [n, d], ordered by class.
        labels: integer [n], 0 to 3.

    Returns:
        (float, float), nats; the first infinite if a q(z|x) has no density (see has_density).
    """
    return mean_and_error(_knn_log_ratio(z, labels))


def _knn_log_ratio(z, labels):
    """log q(z|x) - log p(z) at each of the samples z [n, d] of classes labels [n], in which they are ordered; float64 [n].

    It is inf for a class whose q(z|x) has no density.
    """
    of_classes = [z[labels == label] for label in range(N_PIXELS)]
    return np.concatenate([knn_log_density(own) if has_density(own) else np.full(len(own), np.inf)
                           for own in of_classes]) - log_prior(z)


def gaussian_kl_from_prior(mean, log_variance):
    """Return KL(N(mean, diag(exp(log_variance))) || N(0, I)), float64 [n], for parameters [n, latent_dim]."""
    mean, log_variance = np.asarray(mean, np.float64), np.asarray(log_variance, np.float64)
    return 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(axis=1)


def mean_and_error(values):
    """Return the mean of values [n] and its standard error, taking them as independent; NaN for that of an infinite mean."""
    mean = float(np.mean(values))
    return mean, float(np.std(values) / math.sqrt(len(values))) if math.isfinite(mean) else math.nan


def _sampled_metrics(networks, n_samples, random_state):
    z, labels = sample_posterior(networks, n_samples, random_state)
    x = one_hot_images()[labels]
    log_reconstruction = log_bernoulli(in_chunks(networks.decode, z), one_hot_images())[np.arange(len(z)), labels]
    if networks.posterior_parameters is None:
        log_ratio = _knn_log_ratio(z, labels)
        kl_posterior, elbo = mean_and_error(log_ratio), mean_and_error(log_reconstruction - log_ratio)
    else:
        kl_posterior = float(gaussian_kl_from_prior(*networks.posterior_parameters(one_hot_images())).mean()), 0.0
        elbo = mean_and_error(log_reconstruction - kl_posterior[0])
    estimates = {
        "elbo": elbo,
        "kl_posterior_prior": kl_posterior,
        # A part of q(z|x) without a density is one of q(z), too.
        "kl_marginal_prior": knn_kl_from_prior(z) if math.isfinite(kl_posterior[0]) else kl_posterior,
        "reconstruction_error": mean_and_error(-log_reconstruction / N_PIXELS),
    }
    if networks.log_ratio is not None:
        estimates["kl_discriminator"] = mean_and_error(in_chunks(networks.log_ratio, x, z).astype(np.float64)[:, 0])
    metrics = {name: value for name, (value, _) in estimates.items()}
    metrics.update({name + "_standard_error": error for name, (value, error) in estimates.items() if math.isfinite(value)})
    return metrics


def sample_posterior(networks, n_samples, random_state):
    """Draw samples of q(z|x) for each of the four images.

    Args:
        networks: Networks.
        n_samples: int, a class.
        random_state: numpy RandomState.

    Returns:
        z float32 [4 * n_samples, latent_dim] and labels int64 [4 * n_samples], ordered by class.
    """
    x, labels = balanced_batch(N_PIXELS * n_samples)
    eps = random_state.standard_normal((len(x), networks.noise_dim)).astype(np.float32)
    return in_chunks(networks.encode, x, eps), labels


def classification_accuracy(networks, z, labels):
    """Return the share of latents z [n, latent_dim] whose most probable pixel is their own, labels [n]; a float in [0, 1]."""
    return float(np.mean(np.argmax(in_chunks(networks.decode, z), axis=1) == labels))


def in_chunks(function, *arrays):
    """Return function(*arrays), computed for a bounded number of rows at a time."""
    return np.concatenate([
        function(*[array[start:start + _CHUNK] for array in arrays]) for start in range(0, len(arrays[0]), _CHUNK)])
