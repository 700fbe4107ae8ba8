"""q(z|x): a function for each kind of posterior, from images and noise to samples. All tensors are float32."""

from typing import NamedTuple, Optional, Tuple

from avb_tf1.graph import networks
from avb_tf1.graph.given import rows_of
from avb_tf1.ground.tensorflow import tf

_N_MOMENT_DRAWS = 4096        # of each x, where the batch's own don't stand for it


class Posterior(NamedTuple):
    """Samples of q(z|x), one for each x, and what else is known of it.

    Attributes:
        z: [batch, latent_dim].
        eps: [batch, noise_dim], the noise that z is made from.
        moments: mean and variance, [batch, latent_dim] each, as far as draws tell; None without adaptive contrast.
        parameters: mean [batch, latent_dim] of a Gaussian, and its log-variance [batch, latent_dim], or of a given posterior
            the triangular scale [batch, latent_dim, latent_dim]; None for an implicit posterior.
    """

    z: tf.Tensor
    eps: tf.Tensor
    moments: Optional[Tuple[tf.Tensor, tf.Tensor]] = None
    parameters: Optional[Tuple[tf.Tensor, tf.Tensor]] = None


def posterior(x, eps, draw, model, image_shape=None):
    """Return the Posterior of the kind model.posterior.

    Args:
        x: [batch, n_pixels], pixels in {0, 1}.
        eps: [batch, model.noise_dim], samples of N(0, I).
        draw: function (name, n, dim) that gives further samples of N(0, I), about n of them, [m, dim].
        model: the config's model section.
        image_shape: (rows, columns) of images; None where x is something else.
    """
    return _POSTERIORS[model.posterior](x, eps, draw, model, image_shape)


def _implicit(x, eps, _, model, image_shape):
    return Posterior(networks.encoder(x, eps, model, image_shape), eps)


def _implicit_with_moments(x, eps, draw, model, image_shape):
    moment_eps = draw("moment_eps", model.encoder.n_moment_samples, model.noise_dim)
    z, *moments = networks.moment_encoder(x, eps, moment_eps, model, image_shape)
    return Posterior(z, eps, moments=tuple(moments))


def _implicit_with_batch_moments(x, eps, draw, model, _):
    """Moments of each x from its samples in the batch, which has of each as many, one x after the other; without gradient.

    Where x has any number of rows, they are those of further draws.
    """
    z = networks.encoder(x, eps, model)
    each_x = tf.eye(x.shape[1].value) if x.shape[1].value else tf.zeros([1, 0])
    n_x = each_x.shape[0].value
    samples = z
    if x.shape[0].value is None:
        draws = draw("moment_eps", _N_MOMENT_DRAWS, model.noise_dim)
        n_draws = draws.shape[0].value
        samples = networks.encoder(tf.reshape(tf.tile(each_x[:, tf.newaxis], [1, n_draws, 1]), [n_x * n_draws, -1]),
                                   tf.tile(draws, [n_x, 1]), model)
    mean, variance = tf.nn.moments(tf.reshape(samples, [n_x, -1, model.latent_dim]), axes=[1])
    variance = tf.square(tf.sqrt(variance) + model.encoder.added_standard_deviation)
    moments = (tf.stop_gradient(rows_of(x, own)) for own in (mean, variance))
    return Posterior(z, eps, moments=tuple(moments))


def _gaussian(x, eps, _, model, image_shape):
    """Diagonal, with a reparameterised sample."""
    mean, log_variance = networks.gaussian_encoder(x, model, image_shape)
    return Posterior(mean + tf.exp(log_variance / 2) * eps, eps, parameters=(mean, log_variance))


def _free_gaussian(x, eps, _, model, __):
    """A mean and a triangular scale for each x, with a reparameterised sample."""
    means, scales = networks.free_gaussian(max(1, x.shape[1].value), model)
    mean, scale = rows_of(x, means), rows_of(x, scales)
    return Posterior(mean + tf.linalg.matvec(scale, eps), eps, parameters=(mean, scale))


_POSTERIORS = {
    "implicit": _implicit, "implicit_with_moments": _implicit_with_moments,
    "implicit_with_batch_moments": _implicit_with_batch_moments, "gaussian": _gaussian, "free_gaussian": _free_gaussian}
