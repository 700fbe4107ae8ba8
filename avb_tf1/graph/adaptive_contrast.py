"""Adaptive contrast (paper, section "Adaptive contrast"): the discriminator compares q(z|x) with a Gaussian near it.

r(z|x) = N(mean, diag(variance)) has the moments of q(z|x). The discriminator is to tell normalised codes from N(0, I); at its
optimum T = log q(z|x) - log r(z|x), so that T + log r(z|x) - log p(z) takes the place of AVB's T.
"""

from avb_tf1.quiet_tensorflow import tf


def normalized(z, mean, variance):
    """Return (z - mean) / standard deviation; all float32 [batch, latent_dim]."""
    return (z - mean) / tf.sqrt(variance)


def log_contrast(z, mean, variance):
    """Return log r(z|x) - log p(z), float32 [batch, 1], nats, for z, mean and variance [batch, latent_dim]."""
    terms = tf.square(z) - tf.square(normalized(z, mean, variance)) - tf.log(variance)
    return tf.reduce_sum(terms, axis=1, keepdims=True) / 2
