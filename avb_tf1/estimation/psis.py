"""How far importance weights can be trusted: k-hat, the shape of their tail (Vehtari, Simpson, Gelman, Yao and Gabry 2024).

The largest weights are taken for a sample of a generalised Pareto distribution, whose shape k says how many moments they have:
below 1/2 their variance is finite, from 1 on not even their mean. It is fitted as by Zhang and Stephens 2009, and k is drawn
towards 1/2 as if by ten further observations.
"""

import math

import numpy as np

TRUSTED = 0.7                 # below it weights can be relied on, by the authors' rule, if there are enough of them
_SHARE, _FACTOR = 0.2, 3.0    # the tail: at most that share of n weights, and that times sqrt(n)
_LEAST = 5                    # weights of a tail
_PRIOR_SHAPE, _PRIOR_WEIGHT = 0.5, 10
_N_GRID = 30
_FEW = 25                     # weights above the one that the tail begins at: fewer tell no shape
_MATTERING = 0.05             # of the sum of all weights, what these few have then, if their mean rests on them


def trusted(n):
    """Return the k-hat below which n weights can be relied on, a float: min(TRUSTED, 1 - 1 / log10 n), the authors' rule.

    It is about their smoothed mean. The standard error of the plain mean holds below 1/2 only, where the weights' variance is
    finite.
    """
    return min(TRUSTED, 1 - 1 / math.log10(n)) if n > 1 else -math.inf


def k_hat(log_weights):
    """Return k-hat of importance weights, a float; NaN if a log-weight is NaN, or of fewer than 25 weights.

    It is infinite where the mean rests on so few weights that they tell no shape, beside which all others are nothing.

    Below `trusted` a mean with such weights can be relied on, here log p(x) from samples of q: q's tails reach as far as those
    of p(z|x). Weights that are all alike, but for rounding, have 0.

    Args:
        log_weights: [n], log p(x, z) - log q(z|x) at independent samples of q(z|x), nats; a constant may be left out.
    """
    log_weights = np.sort(np.asarray(log_weights, np.float64))
    n_tail = min(int(_SHARE * len(log_weights)), math.ceil(_FACTOR * math.sqrt(len(log_weights))))
    if n_tail < _LEAST or np.isnan(log_weights).any():
        return math.nan
    if log_weights[-1] == -math.inf:
        return math.inf
    weights = np.exp(log_weights[-n_tail - 1:] - log_weights[-1])
    exceedances = weights[1:] - weights[0]
    if exceedances[-1] < 1e-5:  # as much as float32 makes of equal weights
        return 0.0
    exceedances = exceedances[exceedances > np.finfo(np.float64).tiny]
    if len(exceedances) < min(n_tail, _FEW):
        return math.inf if exceedances.sum() > _MATTERING * np.exp(log_weights - log_weights[-1]).sum() else 0.0
    return pareto_shape(exceedances)


def pareto_shape(exceedances):
    """Return the shape k of a generalised Pareto distribution, a float, fitted to values above 0, float64 [n], ascending."""
    n = len(exceedances)
    n_grid = _N_GRID + int(math.sqrt(n))
    quartile = exceedances[int(n / 4 + 0.5) - 1]
    grid = (1 - np.sqrt(n_grid / (np.arange(n_grid) + 0.5))) / (3 * quartile) + 1 / exceedances[-1]
    shapes = np.log1p(-grid[:, np.newaxis] * exceedances).mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        log_profile = n * (np.log(-grid / shapes) - shapes - 1)
    log_profile = np.where(np.isnan(log_profile), -np.inf, log_profile)
    posterior = np.exp(log_profile - log_profile.max())
    rate = (grid * posterior).sum() / posterior.sum()
    shape = float(np.log1p(-rate * exceedances).mean())
    return (n * shape + _PRIOR_WEIGHT * _PRIOR_SHAPE) / (n + _PRIOR_WEIGHT)
