"""Simulation-based calibration (Talts, Betancourt, Simpson, Vehtari and Gelman 2018): is q(z|x) right on average over p(x)?

A z is drawn from the prior and x from p(x|z), so that z is a draw of p(z|x). Among draws of q(z|x) it has a rank in each
coordinate. If q is the exact posterior, all ranks are equally likely: a heap at both ends says that q is too narrow, one in the
middle that it is too wide, a slope that it is shifted. The converse doesn't hold: the prior itself passes.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import kolmogi

N_DRAWS = 99                  # of q(z|x), of each x: ranks from 0 to 99
N_BINS = 20
_LEVEL = 0.01                 # the probability with which an exact q is called miscalibrated, over all coordinates


class Calibration(NamedTuple):
    """Of n simulated pairs of x and z.

    Attributes:
        counts: int [dim, N_BINS], histograms of the ranks of each coordinate.
        band: two ints, between which all counts of exact ranks lie with probability .99.
        distances: float64 [dim], the largest distance between the ranks' cdf and the uniform's, 0 to 1.
        limit: float, what the largest of the distances of exact ranks exceeds with probability .01.
    """

    counts: np.ndarray
    band: tuple
    distances: np.ndarray
    limit: float


def calibration(z, draws, random_state):
    """Return the Calibration of simulated pairs.

    Args:
        z: [n, dim], drawn from the joint density with an x each.
        draws: [n, N_DRAWS, dim], independent samples of q(z|x) at these x.
        random_state: numpy RandomState, which ties are broken with.
    """
    from scipy.stats import binom  # here: it takes a tenth of a second

    n, dim = z.shape
    below = (draws < z[:, np.newaxis]).sum(axis=1)
    n_ties = (draws == z[:, np.newaxis]).sum(axis=1)
    ranks = below + random_state.randint(n_ties + 1)
    counts = np.stack([np.bincount(of_coordinate * N_BINS // (N_DRAWS + 1), minlength=N_BINS) for of_coordinate in ranks.T])
    # Spread evenly over their steps, exact ranks are uniform between 0 and 1.
    uniform = np.sort((ranks + random_state.random_sample(ranks.shape)) / (N_DRAWS + 1), axis=0)
    steps = np.arange(n + 1)[:, np.newaxis] / n
    distances = np.maximum(np.abs(uniform - steps[1:]).max(axis=0), np.abs(uniform - steps[:-1]).max(axis=0))
    tail = _LEVEL / (2 * N_BINS * dim)
    return Calibration(counts, tuple(int(binom.ppf(share, n, 1 / N_BINS)) for share in (tail, 1 - tail)), distances,
                       float(kolmogi(_LEVEL / dim) / np.sqrt(n)))
