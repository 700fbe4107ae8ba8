"""KL(q || p) in the plane by the exact cdfs of p: they turn p into the uniform distribution on a square, where bins count.

The Rosenblatt transform (1952) takes z to F(z1) and F(z2 | z1). It has an inverse, so that KL(q || p) is that of what q becomes
from the uniform distribution. That of its bins is at most as large: a lower bound, whatever q is.
"""

import math

import numpy as np

from avb_tf1.estimation.entropy import Estimate

N_BINS = (64, 128)            # along each side


def kl_from_uniform(u, n_bins):
    """Return an Estimate of KL(q || uniform) from samples u [n, 2] of q on the unit square: a lower bound, nats.

    It is that of a histogram with n_bins by n_bins squares, less the bias that uniform samples have there: about
    (n_bins**2 - 1) / 2n, here exactly, as a mean over the binomial number in a square. That of other distributions is about as
    large or smaller.
    """
    from scipy.stats import binom  # here: it takes a tenth of a second

    n, n_squares = len(u), n_bins**2
    index = np.minimum((np.clip(u, 0, 1) * n_bins).astype(int), n_bins - 1)
    counts = np.bincount(index[:, 0] * n_bins + index[:, 1], minlength=n_squares)
    occupied = counts[counts > 0]
    log_ratios = np.log(occupied * n_squares / n)
    mean = (occupied * log_ratios).sum() / n
    variance = (occupied * (log_ratios - mean)**2).sum() / n
    in_square = np.arange(1, int(binom.isf(1e-12, n, 1 / n_squares)) + 2)
    terms = in_square * np.log(in_square * n_squares / n) * binom.pmf(in_square, n, 1 / n_squares)
    bias = n_squares * terms.sum() / n
    # The second part is what the counts of uniform samples vary by.
    return Estimate(float(mean - bias), "%d² squares" % n_bins, math.sqrt(variance / n + n_squares / 2 / n**2))
