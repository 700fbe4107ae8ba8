"""p(x, z): what the decoder's outputs mean, or a given density, a function for each kind; and the prior that goes with it.

All tensors are float32, densities in nats. `config` and `problem` are an experiment's, by load_config and problem_of.
"""

import math
from typing import Any, Callable, Dict, NamedTuple

from avb_tf1.graph import networks
from avb_tf1.graph.batches import rows_of
from avb_tf1.graph.weight_sharing import on_other_input
from avb_tf1.ground.tensorflow import tf, tfd
from avb_tf1.problems.given_posterior.problem import gaussian_prior

_HALF_LOG_2_PI = math.log(2 * math.pi) / 2


class Likelihood(NamedTuple):
    """p(x|z) of n pairs of rows.

    Attributes:
        log_prob: [n], log p(x|z), of an image summed over its values.
        parameters: what a decoder makes of z, by the name of the function of z that estimation.likelihoods' class has for it:
            of pixels `probabilities`, [n, n_pixels], that one is on, and, where log_prob is computed from them, their `logits`;
            of real values `mean_and_log_scale`, [n, n_values] each. Empty where the likelihood is given.
    """

    log_prob: tf.Tensor
    parameters: Dict[str, Any] = {}


class Prior(NamedTuple):
    """p(z).

    Attributes:
        sample: function (n, seed, name) -> samples, [n, latent_dim]; seed: int, the op seed.
        log_prob: function z [n, latent_dim] -> log p(z), [n].
        is_standard: whether it is N(0, I), whose constants a closed form may leave out.
    """

    sample: Callable
    log_prob: Callable
    is_standard: bool


def likelihood(x, z, config, problem, z_prior=None):
    """Return the Likelihood of the kind model.likelihood.kind; each call uses the same weights.

    Args:
        x: [n, d], what the networks see of x, as in a Batch: images, or which observation each row stands for.
        z: [n, latent_dim].
        z_prior: [n, latent_dim], what a decoder with built_on: prior_sample is built on before graph_replace puts z into its
            place; None: it is built on z, as others are.
    """
    return _LIKELIHOODS[config.model.likelihood.kind](x, z, config.model, problem, z_prior)


def _decoded(network, x, z, model, problem, z_prior):
    """What a function of graph.networks makes of z; see `likelihood`."""
    own_z = z if z_prior is None or model.decoder.built_on == "posterior_sample" else z_prior
    output = network(own_z, x.shape[1].value, model, getattr(problem, "image_shape", None))
    return output if own_z is z else on_other_input(output, z_prior, z)


def _bernoulli(x, z, model, problem, z_prior):
    """Of independent pixels (tutorial, "Decoder"); from logits, log p(x|z) is exact however sure the decoder is."""
    if model.decoder.likelihood_from == "probabilities":
        probabilities = _decoded(networks.decoder, x, z, model, problem, z_prior)
        parameters, pixels = {"probabilities": probabilities}, tfd.Bernoulli(probs=probabilities)
    else:
        logits = _decoded(networks.decoder_logits, x, z, model, problem, z_prior)
        parameters, pixels = {"probabilities": tf.nn.sigmoid(logits), "logits": logits}, tfd.Bernoulli(logits=logits)
    return Likelihood(tf.reduce_sum(pixels.log_prob(x), axis=1), parameters)


def _gaussian(x, z, model, problem, z_prior):
    """Of independent real values, whose standard deviation is learned or not (likelihood.log_scale)."""
    mean, log_scale = _decoded(networks.gaussian_decoder, x, z, model, problem, z_prior)
    log_scale = tf.broadcast_to(log_scale, tf.shape(mean))
    squares = tf.square((x - mean) * tf.exp(-log_scale))
    log_prob = -tf.reduce_sum(squares / 2 + log_scale + _HALF_LOG_2_PI, axis=1)
    return Likelihood(log_prob, {"mean_and_log_scale": (mean, log_scale)})


def sample(z, draws, model, image_shape):
    """Return x [n, n_values] that a decoder draws at z [n, latent_dim], from samples of N(0, I), draws [n, n_values].

    A gradient passes through real values, by mean and standard deviation, not through pixels that are on or off. `model` is a
    config's model section, `image_shape` a problem's.
    """
    if model.likelihood.kind == "gaussian":
        mean, log_scale = networks.gaussian_decoder(z, draws.shape[1].value, model, image_shape)
        return mean + tf.exp(log_scale) * draws
    uniform = tf.math.erfc(-draws / math.sqrt(2)) / 2
    return tf.cast(uniform < networks.decoder(z, draws.shape[1].value, model, image_shape), tf.float32)


def log_prob_of_all_pairs(x, z, config, problem):
    """Return log p(x|z) of each x [n_x, n_values] with each z [n_z, latent_dim], [n_x, n_z], by a decoder.

    Each z is decoded once, and matrix products join them.
    """
    if config.model.likelihood.kind == "gaussian":
        return _gaussian_of_all_pairs(x, *networks.gaussian_decoder(z, x.shape[1].value, config.model, problem.image_shape))
    decoder = networks.decoder if config.model.decoder.likelihood_from == "probabilities" else networks.decoder_logits
    output = decoder(z, x.shape[1].value, config.model, getattr(problem, "image_shape", None))
    if decoder is networks.decoder:
        log_on, log_off = tf.log(output), tf.log1p(-output)
    else:
        log_on, log_off = -tf.nn.softplus(-output), -tf.nn.softplus(output)
    return tf.matmul(x, log_on - log_off, transpose_b=True) + tf.reduce_sum(log_off, axis=1)


def _gaussian_of_all_pairs(x, mean, log_scale):
    """By the squares written out, of which large parts cancel: in float64, as float32 would leave whole nats of error."""
    x, mean, log_scale = (tf.cast(values, tf.float64) for values in (x, mean, log_scale))
    log_scale = tf.broadcast_to(log_scale, tf.shape(mean))
    precision = tf.exp(-2 * log_scale)
    squares = (tf.matmul(tf.square(x), precision, transpose_b=True) - 2 * tf.matmul(x, precision * mean, transpose_b=True)
               + tf.reduce_sum(precision * tf.square(mean), axis=1))
    return tf.cast(-squares / 2 - tf.reduce_sum(log_scale + _HALF_LOG_2_PI, axis=1), tf.float32)


def _given(x, z, _, problem, __):
    own = x if problem.is_amortised else rows_of(x, tf.constant(problem.observations))
    return Likelihood(problem.log_likelihood(own, z))


def prior(config, problem):
    """Return the Prior: N(0, I), or with a given likelihood the problem's own."""
    if config.model.likelihood.kind == "given":
        return Prior(problem.sample_prior, problem.log_prior, is_standard=False)
    return Prior(*gaussian_prior(config.model.latent_dim, 1.0), is_standard=True)


_LIKELIHOODS = {"bernoulli": _bernoulli, "gaussian": _gaussian, "given": _given}
