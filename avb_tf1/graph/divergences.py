"""What stands for KL(q(z|x) || p(z)) in the loss, a function for each kind: the discriminator's estimate, or a Gaussian's own.

Adaptive contrast (paper, section of that name): r(z|x) = N(mean, diag(variance)) has the moments of q(z|x). The discriminator
is to tell normalised codes from N(0, I); at its optimum T = log q(z|x) - log r(z|x), so that T + log r(z|x) - log p(z) takes
the place of AVB's T.
"""

import math
from typing import Callable, NamedTuple, Optional

from avb_tf1.graph import given, networks
from avb_tf1.graph.weight_sharing import carried
from avb_tf1.ground.tensorflow import tf


class Divergence(NamedTuple):
    """An estimate of KL(q(z|x) || p(z)), and the discriminator that makes it, if one does. All tensors are float32.

    Attributes:
        kl: scalar, nats, batch mean.
        monitor: str, what kl is called: "kl_posterior_prior" or, by the discriminator, "kl_discriminator".
        z_prior: [batch, latent_dim], a sample of the prior; with adaptive contrast of N(0, I), where the prior is another, too.
        logits_prior: [batch, 1], T(x, z_prior).
        logits_posterior: [batch, 1], T(x, z) at the posterior's sample z; with adaptive contrast, T of the normalised z.
        loss: scalar, the discriminator's, batch mean of the two binary cross-entropies, nats; with discriminator.all_pairs the
            prior's is a mean over all pairs of an x and a z_prior: the same on average, but it varies less.
        log_ratio: function (x [n, n_pixels], z [n, latent_dim], the moments of a Posterior for x) -> the discriminator's
            estimate of log q(z|x) - log p(z), [n, 1].
        All that is the discriminator's is None without one.
    """

    kl: tf.Tensor
    monitor: str
    z_prior: Optional[tf.Tensor] = None
    logits_prior: Optional[tf.Tensor] = None
    logits_posterior: Optional[tf.Tensor] = None
    loss: Optional[tf.Tensor] = None
    log_ratio: Optional[Callable] = None


def divergence(x, posterior, noise, config, prior):
    """Return the Divergence of the kind config.model.divergence.

    Args:
        x: float32 [batch, d], what the networks see of x: images, pixels in {0, 1}, or as of GivenPosterior.inputs.
        posterior: posteriors.Posterior.
        noise: function (name, dim) that gives samples of N(0, I) for the batch, float32 [batch, dim]; its method `of` (name,
            function) those of another distribution, by a function as GivenPosterior.sample_prior.
        config: as of builder.build_graph.
        prior: the GivenPosterior that has it, or None for N(0, I).
    """
    return _DIVERGENCES[config.model.divergence](x, posterior, noise, config, prior)


def _adversarial(x, posterior, noise, config, prior):
    """The tutorial's, sections "Discriminator" and "Loss" (paper, Algorithm 1); adaptive contrast if the moments are known."""
    if prior is None or posterior.moments is not None:
        z_prior = noise("z_prior", config.model.latent_dim)
    else:
        z_prior = noise.of("z_prior", prior.sample_prior)
    logits_prior = _discriminator(x, z_prior, posterior.moments, config.model, prior)
    # The same operations on the same weights, with the encoder's sample in the prior sample's place.
    logits_posterior = carried(logits_prior, z_prior, normalized(posterior.z, posterior.moments))
    of_posterior = tf.nn.sigmoid_cross_entropy_with_logits(logits=logits_posterior, labels=tf.ones_like(logits_posterior))
    network = config.model.discriminator
    if network.kind == "offset_inner_product" and network.all_pairs:
        logits = networks.discriminator_of_all_pairs(x, z_prior, config.model)
        of_pairs = tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=tf.zeros_like(logits))
        of_prior = tf.reduce_mean(of_pairs, axis=1, keepdims=True)
    else:
        of_prior = tf.nn.sigmoid_cross_entropy_with_logits(logits=logits_prior, labels=tf.zeros_like(logits_prior))
    loss = tf.reduce_mean(of_posterior + of_prior)

    def log_ratio(x, z, moments):
        logits = _discriminator(x, normalized(z, moments), moments, config.model, prior)
        return _contrasted(logits, z, moments, prior)

    kl = tf.reduce_mean(_contrasted(logits_posterior, posterior.z, posterior.moments, prior))
    return Divergence(kl, "kl_discriminator", z_prior, logits_prior, logits_posterior, loss, log_ratio)


def _discriminator(x, z, moments, model, prior):
    """T(x, z), [batch, 1], of normalised z where there are moments.

    With model.known_density the network is only what T has beside log p(x|z) or, with moments, log p(x, z) - log r(z|x): it
    learns log q(z|x) - log p(z|x) up to a constant, which is nothing where q is the posterior. Not in the paper.
    """
    logits = networks.discriminator(x, z, model)
    if prior is None or not model.known_density:
        return logits
    if moments is None:
        return logits + given.log_likelihood(x, z, prior)[:, tf.newaxis]
    mean, variance = moments
    z = mean + tf.sqrt(variance) * z
    return logits + given.log_likelihood(x, z, prior)[:, tf.newaxis] - log_contrast(z, moments, prior)


def _gaussian(_, posterior, __, config, ___):
    """In closed form; or with -z**2 / 2, log p(z) at the sample without its constant, instead of -(mean**2 + variance) / 2."""
    mean, log_variance = posterior.parameters
    sampled = config.training.kl == "sampled"
    second_moment = tf.square(posterior.z) if sampled else tf.exp(log_variance) + tf.square(mean)
    return Divergence(tf.reduce_mean(tf.reduce_sum(second_moment - 1 - log_variance, axis=1) / 2), "kl_posterior_prior")


def _entropy(_, posterior, __, ___, prior):
    """With a Gaussian's entropy in closed form, and log p(z) at its sample."""
    log_scales = tf.log(tf.linalg.diag_part(posterior.parameters[1]))
    entropy = tf.reduce_sum(log_scales + (1 + math.log(2 * math.pi)) / 2, axis=1)
    return Divergence(tf.reduce_mean(-entropy - prior.log_prior(posterior.z)), "kl_posterior_prior")


_DIVERGENCES = {"adversarial": _adversarial, "gaussian": _gaussian, "entropy": _entropy}


def normalized(z, moments):
    """Return (z - mean) / standard deviation, or without moments z; all float32 [batch, latent_dim]."""
    if moments is None:
        return z
    mean, variance = moments
    return (z - mean) / tf.sqrt(variance)


def log_contrast(z, moments, prior=None):
    """Return log r(z|x) - log p(z), float32 [batch, 1], nats, for z and moments mean and variance, [batch, latent_dim] each.

    With `prior`, a GivenPosterior, p(z) is its own, else N(0, I).
    """
    own = tf.square(z) if prior is None else tf.zeros_like(z)
    terms = own - tf.square(normalized(z, moments)) - tf.log(moments[1])
    contrast = tf.reduce_sum(terms, axis=1, keepdims=True) / 2
    if prior is None:
        return contrast
    return contrast - z.shape[1].value * math.log(2 * math.pi) / 2 - prior.log_prior(z)[:, tf.newaxis]


def _contrasted(logits, z, moments, prior):
    """What estimates log q(z|x) - log p(z), [batch, 1], from T of the normalised z."""
    return logits if moments is None else logits + log_contrast(z, moments, prior)
