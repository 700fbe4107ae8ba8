"""KL divergences of implicit distributions from the prior, by nearest neighbours. All values are in nats.

At neighbour k the Kozachenko-Leonenko estimate of log q at a sample is off by an amount that depends on the mass P of the ball
to that neighbour, P ~ Beta(k, n - k): where q jumps at a border in proportion to E P^(1/d), in the interior to E P^(2/d), and
these are in the ratio of Gamma(k + i/d) / Gamma(k) for i = 1, 2. So a sum over k whose weights are orthogonal to the first of
these has no bias by borders. Such sums: Sricharan, Wei and Hero 2013 (ensemble estimators, with k^(i/d) for the ratios, i from
1 for borders); Berrett, Samworth and Yuan 2019 (the ratios, even i only: no borders).
"""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Optional

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import digamma, gammaln, polygamma

from avb_tf1.estimation.densities import log_prior

N_NEIGHBOURS = 24
_N_NEAR = 4                   # of them, for a second opinion where q is as thin as all of them reach
_K = np.arange(1, N_NEIGHBOURS + 1)  # the neighbours, by their distance
_COVARIANCE = polygamma(1, np.maximum(_K, _K[:, np.newaxis]))  # of the neighbours' terms at one sample
_MIN_CENTRES = 32768          # samples at which the density is estimated, from all; a quarter of them, if that is more
_N_THREADS = 2
# n times the variance of the mean over n samples of the noise that the neighbours make, beside its variance at one sample:
# neighbouring samples share neighbours. On a torus 1.6 to 1.75, for d 1 and 2 and 8 to 64 neighbours.
_NEIGHBOUR_CORRELATION = 1.7
# Its variance between the samples of a block of 2 to 8 that lie together, beside that at one sample, by d: .31 to .41, .69 to
# .76.
_WITHIN_BLOCK = {1: 0.4, 2: 0.75}
# What has_density looks at.
_N_LOOKED_AT = 32768          # samples
_N_ALIGNED = 8                # neighbours
_N_BESIDE = 16                # distinct samples beside one that several coincide with
_ROUNDED = 1000               # spacings of float32 within which they lie if rounding alone makes them coincide
_ALIGNMENT = 1e-3             # how far they may lie off a line, beside how far along it
_ALIGNED_SHARE = 1e-3         # of the samples, that may be like that


class Estimate(NamedTuple):
    """A value, how it was found, and how far it may be off.

    Attributes:
        value: float.
        method: str.
        standard_error: float, or None for what isn't sampled.
        bias_left: float, about what it may be off by besides, in size; None where there is no bias.
    """

    value: float
    method: str
    standard_error: Optional[float] = None
    bias_left: Optional[float] = None


def kl_from_prior(samples, random_state, labels=None):
    """Return an Estimate of KL(q || N(0, I)) from samples of q.

    The prior's term is the mean over all samples. The bias that is left is taken from a sum of weights that are orthogonal to
    the next order, too: the larger of the difference and its standard error. It isn't taken off, which would double the error.
    Both assume that the neighbours lie inside of q. Where q is so thin that they reach across it, the first _N_NEAR of them
    say otherwise: that difference, less two of its standard errors, counts if it is larger.

    Args:
        samples: [n, d], d 1 or 2, n more than N_NEIGHBOURS: independent samples of q; of each part, if labels is given.
        random_state: numpy RandomState, for the centres and for what makes equal float32 samples distinct.
        labels: None, or integer [n], the part of q that each sample was drawn from; parts have their shares of them exactly.
    """
    return _estimate(*_from_prior(samples, _drawn(samples, random_state), labels))


def kl_from(samples, log_target, random_state):
    """Return an Estimate of KL(q || p), as kl_from_prior, from samples of q [n, d] and log p at each of them, [n].

    It is inf if q has no density (see has_density).
    """
    if not has_density(samples[:_N_LOOKED_AT]):
        return _estimate(math.inf, math.nan)
    return _estimate(*_from_prior(
        samples, _drawn(samples, random_state), log_target=np.asarray(log_target, np.float64)))


def kl_posterior_prior(z, labels, random_state):
    """Return an Estimate of the mean over x of KL(q(z|x) || N(0, I)), inf if a q(z|x) has no density (see has_density).

    `z` [n, d] are samples of q(z|x), ordered by class; `labels`, integer [n], are the classes, of each its share. A numpy
    RandomState is needed for what kl_from_prior draws.
    """
    return _of_classes(z, labels, random_state, is_marginal_wanted=False)[0]


def kl_posterior_and_marginal_prior(z, labels, random_state):
    """Return what kl_posterior_prior and then kl_from_prior return of the same arguments, worked out at once.

    Both are inf if a q(z|x) has no density: then a part of q(z), their mean, has none.
    """
    return _of_classes(z, labels, random_state, is_marginal_wanted=True)


def _of_classes(z, labels, random_state, is_marginal_wanted):
    of_classes = [z[labels == label] for label in np.unique(labels)]
    with ThreadPoolExecutor(_N_THREADS) as pool:
        if not all(pool.map(lambda own: has_density(own[:_N_LOOKED_AT]), of_classes)):
            return [_estimate(math.inf, math.nan)] * 2
        each = [(own, _drawn(own, random_state), None) for own in of_classes]
        if is_marginal_wanted:  # the first that is begun, as it takes longest
            each.insert(0, (z, _drawn(z, random_state), labels))
        found = list(pool.map(lambda arguments: _from_prior(*arguments), each))
    marginal = [_estimate(*found.pop(0))] if is_marginal_wanted else []
    shares = np.array([len(own) for own in of_classes]) / len(z)
    values, errors, biases, errors_of_biases, of_near, errors_of_near = zip(*found)
    error, error_of_bias, error_of_near = (
        math.sqrt(np.sum((shares * own)**2)) for own in (errors, errors_of_biases, errors_of_near))
    value, bias, near = (float(np.sum(shares * own)) for own in (values, biases, of_near))
    return [_estimate(value, error, bias, error_of_bias, near, error_of_near), *marginal]


def _estimate(value, standard_error, bias=math.nan, error_of_bias=math.nan, of_near=0.0, error_of_near=0.0):
    bias_left = max(abs(bias), error_of_bias, abs(of_near) - 2 * error_of_near)
    return Estimate(value, "nearest neighbours", standard_error, bias_left)


def _drawn(samples, random_state):
    """What _from_prior needs of uniform numbers in [0, 1) for samples [n, d]: [n, d], and one for each of the centres."""
    return random_state.random_sample(samples.shape), random_state.random_sample(_n_centres(len(samples)))


def _n_centres(n):
    return max(n // 4, min(n, _MIN_CENTRES))


def _from_prior(samples, drawn, labels=None, log_target=None):
    """The value of kl_from_prior and its standard error, two estimates of its bias, each with its standard error.

    `drawn` is what _drawn returns. `log_target`, if given, stands for log N(samples; 0, I).
    """
    # float32 samples of a sharp density may coincide: each is spread over the numbers that it was rounded from.
    spacing = np.spacing(np.abs(samples).max(axis=1).astype(np.float32)).astype(np.float64)
    z = samples + spacing[:, np.newaxis] * (drawn[0] - 0.5)
    n, d = z.shape
    # One centre of each block of samples that lie together: their mean is nearly that over all samples. The order is fast, too.
    tree = cKDTree(z)
    n_centres = _n_centres(n)
    starts = np.linspace(0, n, n_centres + 1).astype(np.int64)
    centres = tree.indices[starts[:-1] + (drawn[1] * np.diff(starts)).astype(np.int64)]
    distances = tree.query(z[centres], k=N_NEIGHBOURS + 1, workers=_N_THREADS)[0][:, 1:]  # the nearest is the sample itself
    log_distance = np.log(distances)
    log_ball = d / 2 * math.log(math.pi) - gammaln(d / 2 + 1)

    def log_density(weights):  # up to what sums to 0 if they do
        # einsum, not @: what BLAS adds up in which order depends on its threads.
        return (np.einsum("k,k", weights, digamma(_K)) - weights.sum() * (digamma(n) + log_ball)
                - d * np.einsum("nk,k->n", log_distance, weights))

    weights, beyond, near = _weights(d, 1), _weights(d, 2), _weights(d, 1, _N_NEAR)
    terms, log_priors = log_density(weights), log_prior(z) if log_target is None else log_target
    log_ratio = terms - log_priors[centres]
    variance = log_ratio.var() if labels is None else np.mean((log_ratio - _means(log_ratio, labels[centres]))**2)

    def error(variance, noise, within_block):  # `noise` is the part of the variance at one sample that its neighbours make
        of_all = (max(variance - noise, 0) + _NEIGHBOUR_CORRELATION * noise) / n
        return math.sqrt(of_all + within_block * noise * (1 / n_centres - 1 / n))

    def bias(other):
        noise = _noise(weights - other)
        return float(log_density(weights - other).mean()), error(noise, noise, 1)

    return (float(terms.mean() - log_priors.mean()), error(variance, _noise(weights), _WITHIN_BLOCK[d]), *bias(beyond),
            *bias(near))


def _noise(weights):
    return np.einsum("i,ij,j", weights, _COVARIANCE, weights)


def _weights(d, n_orders, n=N_NEIGHBOURS):
    """Of all weights of the first n neighbours that sum to 1 and cancel the first n_orders orders of bias, those that make the
    least noise; 0 for the others."""
    k = _K[:n]
    orders = np.exp([gammaln(k + i / d) - gammaln(k) - gammaln(n + i / d) + gammaln(n) for i in range(n_orders + 1)]).T
    solved = np.linalg.solve(_COVARIANCE[:n, :n], orders)
    # Rounded, as the last digits depend on the number of threads that solve it.
    weights = np.round(solved @ np.linalg.inv(orders.T @ solved)[:, 0], 10)
    return np.concatenate([weights, np.zeros(N_NEIGHBOURS - n)])


def _means(values, labels):
    """At each of the values the mean of its class."""
    counts = np.bincount(labels)
    return (np.bincount(labels, values) / np.maximum(counts, 1))[labels]


def has_density(samples):
    """Return whether samples of q look like those of a density; if not, a part of q lies on points or curves: KL is infinite.

    A sample counts as one of such a part if 8 others coincide with it, or if its 8 nearest neighbours lie on a line with it:
    if, seen from it, they spread across the line 1000 times less than along it. Where a density is even as far as those
    neighbours reach, 1 sample in 1e20 is like that. More than 1 in 1000 must be, and more than 8. Samples that rounding to
    float32 alone makes coincide don't count: beside them other numbers, _ROUNDED spacings away at most, have about as many.

    It can't tell a part of less mass than that, nor one in a cloud whose samples lie nearer to it than its own. It takes a
    strip for a line that is about a million times longer than wide, which is where float32 ends, or of 256 samples instead of
    32,768, 10,000 times; and for a point what is too narrow for float32 to tell its samples apart.

    `samples` [n, d] are independent, d 1 or 2, n at least 100.
    """
    at_most = max(_N_ALIGNED, _ALIGNED_SHARE * len(samples))
    distinct, counts = np.unique(np.asarray(samples, np.float64), axis=0, return_counts=True)
    if _coinciding(distinct, counts) > at_most:
        return False
    index = cKDTree(distinct).query(distinct, k=_N_ALIGNED + 1)[1]
    offsets = distinct[index] - distinct[:, np.newaxis]
    squares = np.linalg.eigvalsh(np.einsum("nki,nkj->nij", offsets, offsets))  # across the line, along it
    return bool(np.sum(squares[:, 0] <= _ALIGNMENT**2 * squares[:, -1]) <= at_most)


def _coinciding(distinct, counts):
    """How many samples coincide with more than _N_ALIGNED others, but by rounding; `counts` are those of the distinct ones."""
    several = counts > _N_ALIGNED
    if not several.any() or len(distinct) <= _N_BESIDE:
        return counts[several].sum()
    distances, index = cKDTree(distinct).query(distinct[several], k=_N_BESIDE + 1)
    spacing = np.spacing(np.abs(distinct[several]).max(axis=1).astype(np.float32)).astype(np.float64)
    is_rounded = (distances[:, -1] < _ROUNDED * spacing) & (counts[several] <= 8 * np.median(counts[index[:, 1:]], axis=1))
    return counts[several][~is_rounded].sum()
