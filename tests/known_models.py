"""Samples, decoders and encoders whose densities and integrals are known."""

import numpy as np
from scipy.stats import norm

from avb_tf1.problems.known_images.four_images import PROBLEM

IMAGES = PROBLEM.images


def normal(n, dim=2, seed=0):
    return np.random.RandomState(seed).standard_normal((n, dim))


def sector_of(z):
    return (2 * (z[:, 0] > 0) + (z[:, 1] > 0)).astype(int)


def sector_decoder(z):
    """Each quadrant decodes to its own image."""
    return np.where(IMAGES[sector_of(z)] > 0, 1 - 1e-9, 1e-9)


def sector_encoder(x, eps):
    """q(z|x) = 4 p(z) on the image's own quadrant: the optimum."""
    labels = np.argmax(x, axis=1)
    return np.abs(eps) * np.stack([np.where(labels >= 2, 1, -1), np.where(labels % 2 == 1, 1, -1)], axis=1)


def relu_codes(n, n_units):
    """Codes of a ReLU network so narrow that often all of its units but one are off, or all."""
    random_state = np.random.RandomState(1)
    hidden = np.maximum(normal(n, dim=4).astype(np.float32) @ random_state.standard_normal((4, n_units)).astype(np.float32), 0)
    return hidden @ random_state.standard_normal((n_units, 2)).astype(np.float32)


def constant_decoder(z):
    """Each pixel is on with a probability of its own, whatever z."""
    return np.tile(np.float32([0.1, 0.2, 0.3, 0.4]), (len(z), 1))


def decoder(z):
    """Pixel 0 is on with a probability that rises with z_1, the others with one of their own."""
    return np.stack([norm.cdf(z[:, 0]), np.full(len(z), 0.2), np.full(len(z), 0.4), np.full(len(z), 0.6)], axis=1)
