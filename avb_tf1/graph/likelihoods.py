"""p(x, z): what the decoder's outputs mean, or a given density, a function for each kind; and the prior that goes with it.

All tensors are float32, densities in nats. `config` and `problem` are an experiment's, by load_config and problem_of.
"""

from typing import Callable, NamedTuple, Optional

from avb_tf1.graph import networks
from avb_tf1.graph.batches import rows_of
from avb_tf1.graph.weight_sharing import on_other_input
from avb_tf1.ground.tensorflow import tf, tfd
from avb_tf1.problems.given_posterior.problem import gaussian_prior


class Likelihood(NamedTuple):
    """p(x|z) of n pairs of rows.

    Attributes:
        log_prob: [n], log p(x|z), of an image summed over its pixels.
        probabilities: [n, n_pixels], that a pixel is on, from z; None where the likelihood is given.
        logits: [n, n_pixels], theirs, where log_prob is computed from them; else None.
    """

    log_prob: tf.Tensor
    probabilities: Optional[tf.Tensor] = None
    logits: Optional[tf.Tensor] = None


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
    """Return the Likelihood of the kind model.likelihood; each call uses the same weights.

    Args:
        x: [n, d], what the networks see of x, as in a Batch: images, or which observation each row stands for.
        z: [n, latent_dim].
        z_prior: [n, latent_dim], what a decoder with built_on: prior_sample is built on before graph_replace puts z into its
            place; None: it is built on z, as others are.
    """
    return _LIKELIHOODS[config.model.likelihood](x, z, config.model, problem, z_prior)


def _bernoulli(x, z, model, problem, z_prior):
    """Of independent pixels (tutorial, "Decoder"); from logits, log p(x|z) is exact however sure the decoder is."""
    def decoded(network):
        own_z = z if z_prior is None or model.decoder.built_on == "posterior_sample" else z_prior
        output = network(own_z, x.shape[1].value, model, getattr(problem, "image_shape", None))
        return output if own_z is z else on_other_input(output, z_prior, z)

    if model.decoder.likelihood_from == "probabilities":
        probabilities, logits = decoded(networks.decoder), None
        pixels = tfd.Bernoulli(probs=probabilities)
    else:
        logits = decoded(networks.decoder_logits)
        probabilities, pixels = tf.nn.sigmoid(logits), tfd.Bernoulli(logits=logits)
    return Likelihood(tf.reduce_sum(pixels.log_prob(x), axis=1), probabilities, logits)


def log_prob_of_all_pairs(x, z, config, problem):
    """Return log p(x|z) of each x [n_x, n_pixels] with each z [n_z, latent_dim], [n_x, n_z], by a decoder of pixels.

    Each z is decoded once, and one matrix product joins them.
    """
    decoder = networks.decoder if config.model.decoder.likelihood_from == "probabilities" else networks.decoder_logits
    output = decoder(z, x.shape[1].value, config.model, getattr(problem, "image_shape", None))
    if decoder is networks.decoder:
        log_on, log_off = tf.log(output), tf.log1p(-output)
    else:
        log_on, log_off = -tf.nn.softplus(-output), -tf.nn.softplus(output)
    return tf.matmul(x, log_on - log_off, transpose_b=True) + tf.reduce_sum(log_off, axis=1)


def _given(x, z, _, problem, __):
    own = x if problem.is_amortised else rows_of(x, tf.constant(problem.observations))
    return Likelihood(problem.log_likelihood(own, z))


def prior(config, problem):
    """Return the Prior: N(0, I), or with a given likelihood the problem's own."""
    if config.model.likelihood == "given":
        return Prior(problem.sample_prior, problem.log_prior, is_standard=False)
    return Prior(*gaussian_prior(config.model.latent_dim, 1.0), is_standard=True)


_LIKELIHOODS = {"bernoulli": _bernoulli, "given": _given}
