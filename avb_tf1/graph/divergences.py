"""What stands for KL(q(z|x) || p(z)) in the loss, a function for each kind: by the discriminator, or by q's own density.

The discriminator's own loss, T's, is here as well, by training.discriminator_loss: a classifier's cross-entropy (paper, section
3.1), or minus the Fenchel dual of the KL divergence, KL(q || p) = sup over T of E_q[T] - E_p[exp(T)] + 1 (Fang et al. 2019,
Implicit Deep Latent Variable Models for Text Generation, arXiv 1908.11527, whose nu is T). Both have the same best T.

Adaptive contrast (paper, section of that name): r(z|x) = N(mean, diag(variance)) has the moments of q(z|x). The discriminator
is to tell normalised codes from N(0, I); at its optimum T = log q(z|x) - log r(z|x), so that T + log r(z|x) - log p(z) takes
the place of AVB's T.
"""

import math
from typing import Callable, NamedTuple, Optional

from avb_tf1.graph import likelihoods, networks
from avb_tf1.graph.weight_sharing import on_other_input
from avb_tf1.ground.tensorflow import tf


class Divergence(NamedTuple):
    """An estimate of KL(q(z|x) || p(z)), and the discriminator that makes it, if one does. All tensors are float32.

    Attributes:
        kl: scalar, nats, batch mean.
        monitor: str, what kl is called: "kl_posterior_prior" or, by the discriminator, "kl_discriminator".
        z_prior: [batch, latent_dim], a sample of the prior; with adaptive contrast of N(0, I), where the prior is another, too.
        logits_prior: [batch, 1], T(x, z_prior).
        logits_posterior: [batch, 1], T(x, z) at the posterior's sample z; with adaptive contrast, T of the normalised z.
        loss: scalar, the discriminator's, nats: batch mean of the sum of the two binary cross-entropies; or, by the Fenchel
            dual, of exp(T) - 1 at z_prior less T at z, minus a lower bound on the KL divergence that T tells, and so of any
            sign. With discriminator.all_pairs the prior's part is a mean over all pairs of an x and a z_prior: the same on
            average, but it varies less.
        log_ratio: function (x [n, d], z [n, latent_dim], the moments of an ApproximatePosterior of x) -> the discriminator's
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


def prior_sample(q, noise, config, problem):
    """Return what the discriminator is to tell q's samples from, float32 [batch, latent_dim]; None without a discriminator.

    It is a sample of the prior p(z); with adaptive contrast, which normalises codes, of N(0, I). `q` is the batch's
    ApproximatePosterior, `noise` its Noise; `config` and `problem` are an experiment's, by load_config and problem_of.
    """
    if not config.model.has_discriminator:
        return None
    prior = likelihoods.prior(config, problem)
    if prior.is_standard or q.moments is not None:
        return noise.for_batch("z_prior", config.model.latent_dim)
    return noise.drawn_by("z_prior", config.batch_size, prior.sample)


def divergence(x, q, z_prior, config, problem):
    """Return the Divergence of the kind config.model.divergence; None if that is None.

    Args:
        x: float32 [batch, d], what the networks see of x, as in a Batch: images, or which observation each row stands for.
        q: ApproximatePosterior of x.
        z_prior: float32 [batch, latent_dim], by prior_sample; None without a discriminator.
        config, problem: an experiment's, by load_config and problem_of.
    """
    kind = config.model.divergence
    return None if kind is None else _DIVERGENCES[kind](x, q, z_prior, config, problem)


def _adversarial(x, q, z_prior, config, problem):
    """The tutorial's, sections "Discriminator" and "Loss" (paper, Algorithm 1); adaptive contrast if the moments are known."""
    prior = likelihoods.prior(config, problem)
    log_prior = None if prior.is_standard else prior.log_prob

    def discriminator(x, z, moments):
        """T(x, z), [batch, 1], of normalised z where there are moments.

        With model.known_density the network is only what T has beside log p(x|z) or, with moments, log p(x, z) - log r(z|x):
        it learns log q(z|x) - log p(z|x) up to a constant, which is nothing where q is the posterior. Not in the paper.
        """
        logits = networks.discriminator(x, z, config.model, getattr(problem, "image_shape", None))
        if not getattr(config.model, "known_density", False):  # a switch of given posteriors
            return logits
        if moments is not None:
            mean, variance, *_ = moments
            z = mean + tf.sqrt(variance) * z
        logits += likelihoods.likelihood(x, z, config, problem).log_prob[:, tf.newaxis]
        return logits if moments is None else logits - log_contrast(z, moments, log_prior)

    def contrasted(logits, z, moments):
        """What estimates log q(z|x) - log p(z), [batch, 1], from T of the normalised z."""
        return logits if moments is None else logits + log_contrast(z, moments, log_prior)

    logits_prior = discriminator(x, z_prior, q.moments)
    # The same operations on the same weights, with the encoder's sample in the prior sample's place.
    logits_posterior = on_other_input(logits_prior, z_prior, normalized(q.z, q.moments))
    loss_of_posterior, loss_of_prior = _LOSSES[config.training.discriminator_loss]
    of_posterior = loss_of_posterior(logits_posterior)
    all_pairs = getattr(config.model.discriminator, "all_pairs", False)  # only one kind can
    logits = networks.discriminator_of_all_pairs(x, z_prior, config.model) if all_pairs else logits_prior
    of_prior = loss_of_prior(logits)
    if all_pairs:
        of_prior = tf.reduce_mean(of_prior, axis=1, keepdims=True)
    return Divergence(
        tf.reduce_mean(contrasted(logits_posterior, q.z, q.moments)), "kl_discriminator", z_prior, logits_prior,
        logits_posterior, loss=tf.reduce_mean(of_posterior + of_prior),
        log_ratio=lambda x, z, moments: contrasted(discriminator(x, normalized(z, moments), moments), z, moments))


# What T's loss is made of, by training.discriminator_loss: functions of T at samples of q and of T at those of the prior.
_LOSSES = {
    "cross_entropy": (
        lambda logits: tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=tf.ones_like(logits)),
        lambda logits: tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=tf.zeros_like(logits))),
    "fenchel_dual": (tf.negative, tf.math.expm1),
}


def _gaussian(_, q, __, config, ___):
    """In closed form; or with -z**2 / 2, log p(z) at the sample without its constant, instead of -(mean**2 + variance) / 2."""
    mean, log_variance = q.gaussian
    second_moment = tf.square(q.z) if config.training.kl == "sampled" else tf.exp(log_variance) + tf.square(mean)
    return Divergence(tf.reduce_mean(tf.reduce_sum(second_moment - 1 - log_variance, axis=1) / 2), "kl_posterior_prior")


def _entropy(_, q, __, config, problem):
    """With a Gaussian's entropy in closed form, and log p(z) at its sample."""
    log_scales = tf.log(tf.linalg.diag_part(q.gaussian[1]))
    entropy = tf.reduce_sum(log_scales + (1 + math.log(2 * math.pi)) / 2, axis=1)
    log_prior = likelihoods.prior(config, problem).log_prob(q.z)
    return Divergence(tf.reduce_mean(-entropy - log_prior), "kl_posterior_prior")


def _sampled(_, q, __, config, problem):
    """With log q(z|x) at its own sample."""
    log_prior = likelihoods.prior(config, problem).log_prob(q.z)
    return Divergence(tf.reduce_mean(q.log_prob - log_prior), "kl_posterior_prior")


_DIVERGENCES = {"adversarial": _adversarial, "gaussian": _gaussian, "entropy": _entropy, "sampled": _sampled}


def normalized(z, moments):
    """Return (z - mean) / standard deviation, or without moments z; all float32 [batch, latent_dim]."""
    if moments is None:
        return z
    mean, variance, *_ = moments
    return (z - mean) / tf.sqrt(variance)


def log_contrast(z, moments, log_prior=None):
    """Return log r(z|x) - log p(z), float32 [batch, 1], nats, for z and the moments of an ApproximatePosterior.

    The log of a third of them, where there is one, is in the place of the variance's, by which codes are normalised.
    `log_prior`: function z -> log p(z), [batch]; None: that of N(0, I), whose constants cancel.
    """
    squares = tf.square(z) if log_prior is None else tf.zeros_like(z)
    terms = squares - tf.square(normalized(z, moments)) - tf.log(moments[-1])
    contrast = tf.reduce_sum(terms, axis=1, keepdims=True) / 2
    if log_prior is None:
        return contrast
    return contrast - z.shape[1].value * math.log(2 * math.pi) / 2 - log_prior(z)[:, tf.newaxis]
