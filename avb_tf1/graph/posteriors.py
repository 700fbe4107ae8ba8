"""q(z|x): a function for each kind of posterior, from images and noise to samples. All tensors are float32."""

from typing import NamedTuple, Optional, Tuple

from avb_tf1.graph import networks
from avb_tf1.quiet_tensorflow import tf


class Posterior(NamedTuple):
    """Samples of q(z|x), one for each x, and what else is known of it.

    Attributes:
        z: [batch, latent_dim].
        eps: [batch, noise_dim], the noise that z is made from.
        moments: mean and variance, [batch, latent_dim] each, as far as draws tell; None without adaptive contrast.
        parameters: mean and log-variance of a Gaussian, [batch, latent_dim] each; None for an implicit posterior.
    """

    z: tf.Tensor
    eps: tf.Tensor
    moments: Optional[Tuple[tf.Tensor, tf.Tensor]] = None
    parameters: Optional[Tuple[tf.Tensor, tf.Tensor]] = None


def posterior(x, eps, draw, model):
    """Return the Posterior of the kind model.posterior.

    Args:
        x: [batch, n_pixels], pixels in {0, 1}.
        eps: [batch, model.noise_dim], samples of N(0, I).
        draw: function (name, n, dim) that gives further samples of N(0, I), about n of them, [m, dim].
        model: the config's model section.
    """
    return _POSTERIORS[model.posterior](x, eps, draw, model)


def _implicit(x, eps, _, model):
    return Posterior(networks.encoder(x, eps, model), eps)


def _implicit_with_moments(x, eps, draw, model):
    z, *moments = networks.moment_encoder(x, eps, draw("moment_eps", model.encoder.n_moment_samples, model.noise_dim), model)
    return Posterior(z, eps, moments=tuple(moments))


def _gaussian(x, eps, _, model):
    """Diagonal, with a reparameterised sample."""
    mean, log_variance = networks.gaussian_encoder(x, model)
    return Posterior(mean + tf.exp(log_variance / 2) * eps, eps, parameters=(mean, log_variance))


_POSTERIORS = {"implicit": _implicit, "implicit_with_moments": _implicit_with_moments, "gaussian": _gaussian}
