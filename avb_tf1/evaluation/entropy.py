"""Entropies and KL divergences of implicit distributions, by k nearest neighbours. All values are in nats."""

import math

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import digamma, gammaln

from avb_tf1.evaluation.densities import log_prior, mean_and_error

N_NEIGHBOURS = 3
# What has_density looks at.
_N_ALIGNED = 8                # neighbours
_ALIGNMENT = 1e-3             # how far they may lie off a line, beside how far along it
_ALIGNED_SHARE = 1e-3         # of the samples, that may be like that


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
        labels: integer [n].

    Returns:
        (float, float), nats; the first infinite if a q(z|x) has no density (see has_density).
    """
    return mean_and_error(knn_log_ratio(z, labels))


def knn_log_ratio(z, labels):
    """Return log q(z|x) - log p(z) at each of the samples z [n, d] of classes labels [n], by which they are ordered.

    Returns:
        float64 [n], nats; inf for a class whose q(z|x) has no density.
    """
    of_classes = [z[labels == label] for label in np.unique(labels)]
    return np.concatenate([knn_log_density(own) if has_density(own) else np.full(len(own), np.inf)
                           for own in of_classes]) - log_prior(z)
