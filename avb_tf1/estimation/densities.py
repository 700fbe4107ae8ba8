"""Log-densities in closed form, and the mean of a sample of them. All values are in nats."""

import math

import numpy as np

IMPOSSIBLE = -1e6             # nats, in place of log 0; of a pixel that is just possible float32 leaves -104


def log_bernoulli(probabilities, images):
    """Return log p(x|z) of each image at each z, summed over pixels, float64 [n, n_images].

    `probabilities` [n, n_pixels] are the pixels' at n values of z; `images` [n_images, n_pixels] have pixels in {0, 1}.
    """
    probabilities = np.asarray(probabilities, np.float64)
    with np.errstate(divide="ignore"):  # a margin of 0 allows log 0
        # The floor keeps 0 * log 0 at 0 in the products; exp of it is 0.
        log_on = np.maximum(np.log(probabilities), -1e4)
        log_off = np.maximum(np.log1p(-probabilities), -1e4)
    images = np.asarray(images, np.float64)
    return log_on @ images.T + log_off @ (1 - images).T


def log_bernoulli_of_pairs(decoded, images, are_logits=False):
    """Return log p(x|z) of pairs of an x and a z, float64 [n].

    `decoded` [n, n_pixels] are pixel probabilities or, with are_logits, logits: it is exact then however sure the decoder is.
    `images` are [n, n_pixels] or [1, n_pixels], pixels in {0, 1}.
    """
    if are_logits:
        return -_softplus(np.where(np.asarray(images) > 0.5, -decoded, decoded)).sum(axis=1, dtype=np.float64)
    probabilities = np.asarray(decoded, np.float64)
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(np.where(np.asarray(images) > 0.5, probabilities, 1 - probabilities)), -1e4).sum(axis=1)


def bernoulli_terms(probabilities):
    """Return what log p(x|z) is made of, for products with many images: log p(x|z) = log_odds @ x + log_off.

    log_odds: float64 [n, n_pixels]; log_off: float64 [n], log p of the image without a pixel that is on. Of the pixels'
    probabilities [n, n_pixels], at n values of z, 0 and 1 are allowed: each pixel that can't be as an image has it takes
    IMPOSSIBLE from log p(x|z). With log 0 itself, what cancels would not be a number.
    """
    on = np.asarray(probabilities, np.float64)
    off = 1 - on  # exact enough, on being float32; log1p takes ten times as long
    with np.errstate(divide="ignore"):
        log_on, log_off = np.maximum(np.log(on), IMPOSSIBLE), np.maximum(np.log(off), IMPOSSIBLE)
    log_on -= log_off
    return log_on, log_off.sum(axis=1)


def bernoulli_terms_of_logits(logits):
    """Return what log p(x|z) is made of, as bernoulli_terms, from the pixels' logits: log_odds are these, of their type."""
    return logits, -_softplus(logits).sum(axis=1, dtype=np.float64)


def _softplus(values):
    """log(1 + exp(values)), of their type."""
    return np.maximum(values, 0) + np.log1p(np.exp(-np.abs(values)))


def log_prior(z):
    """Return log N(z; 0, I), float64 [n], for z [n, latent_dim]."""
    z = np.asarray(z, np.float64)
    return -0.5 * (z**2).sum(axis=1) - 0.5 * z.shape[1] * math.log(2 * math.pi)


def gaussian_kl_from_prior(mean, log_variance):
    """Return KL(N(mean, diag(exp(log_variance))) || N(0, I)), float64 [n], for parameters [n, latent_dim]."""
    mean, log_variance = np.asarray(mean, np.float64), np.asarray(log_variance, np.float64)
    return 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(axis=1)


def mean_and_error(values):
    """Return the mean of values [n] and its standard error, taking them as independent.

    That is the standard deviation (n - 1) / sqrt(n); NaN of one value, and of an infinite mean.
    """
    mean = float(np.mean(values))
    is_known = len(values) > 1 and math.isfinite(mean)
    return mean, float(np.std(values, ddof=1) / math.sqrt(len(values))) if is_known else math.nan


def log_mean_exp(log_weights):
    """Return the log of the mean of exp(log_weights [n, ...]) over n, [...], and its standard error by the delta method."""
    highest = log_weights.max(axis=0)
    weights = np.exp(log_weights - highest)
    mean = weights.mean(axis=0)
    return highest + np.log(mean), weights.std(axis=0, ddof=1) / mean / math.sqrt(len(weights))
