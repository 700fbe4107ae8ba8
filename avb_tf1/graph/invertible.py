"""Invertible functions of z, one for each row of x, and the density of what they make of noise. All tensors are float32."""

import math
from typing import Callable, NamedTuple, Optional

from avb_tf1.ground.tensorflow import tf


class Layer(NamedTuple):
    """An invertible function of z [n, dim], one for each of n rows of x.

    Attributes:
        forward: function z -> its image [n, dim], and log |det of the derivative| at z, [n], nats.
        inverse: function of the image -> z, and log |det of the derivative| at that z; None if it isn't known.
    """

    forward: Callable
    inverse: Optional[Callable] = None


def diagonal(mean, log_scale):
    """Return the Layer mean + exp(log_scale) * z, of mean and log_scale [n, dim]."""
    log_det = tf.reduce_sum(log_scale, axis=1)
    return Layer(lambda z: (mean + tf.exp(log_scale) * z, log_det), lambda z: ((z - mean) * tf.exp(-log_scale), log_det))


def triangular(mean, scale):
    """Return the Layer mean + scale z, of mean [n, dim] and scale [n, dim, dim], lower triangular, its diagonal positive."""
    log_det = tf.reduce_sum(tf.log(tf.linalg.diag_part(scale)), axis=1)
    return Layer(lambda z: (mean + tf.linalg.matvec(scale, z), log_det),
                 lambda z: (tf.linalg.triangular_solve(scale, (z - mean)[..., tf.newaxis])[..., 0], log_det))


def sample(eps, its_layers):
    """Return z [n, dim] and log q(z|x), [n], of eps [n, dim], samples of N(0, I), through a list of Layers."""
    z, log_prob = eps, _log_normal(eps)
    for layer in its_layers:
        z, log_det = layer.forward(z)
        log_prob -= log_det
    return z, log_prob


def log_prob_at(its_layers):
    """Return the function from any z [n, dim] to log q(z|x), [n]; None if a Layer lacks its inverse."""
    return None if any(layer.inverse is None for layer in its_layers) else lambda z: _log_prob(z, its_layers)


def _log_prob(z, its_layers):
    log_dets = 0.0
    for layer in reversed(its_layers):
        z, log_det = layer.inverse(z)
        log_dets += log_det
    return _log_normal(z) - log_dets


def _log_normal(z):
    return -tf.reduce_sum(tf.square(z) + math.log(2 * math.pi), axis=1) / 2
