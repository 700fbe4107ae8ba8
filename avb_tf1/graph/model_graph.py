"""What a built graph offers to the trainer and to the evaluation: its tensors and ops, by name."""

from dataclasses import dataclass
from typing import Dict, Optional, Tuple

from avb_tf1.graph.updates import UpdateStep
from avb_tf1.quiet_tensorflow import tf


@dataclass(frozen=True)
class Endpoints:
    """The trained networks on any number n of inputs, for evaluation; they share the training graph's weights.

    Attributes:
        x: placeholder [n, n_pixels]; z: placeholder [n, latent_dim]; eps: placeholder [n, noise dimension].
        z_posterior: [n, latent_dim], a sample of q(z|x) made from x and eps.
        probabilities: [n, n_pixels], pixel probabilities of p(x|z), from z.
        log_ratio: [n, 1], the discriminator's estimate of log q(z|x) - log p(z), from x and z: T(x, z), with adaptive contrast
            T of the normalised z, plus log r(z|x) - log p(z); None for the VAE.
        posterior_parameters: mean and log-variance of a Gaussian q(z|x), [n, latent_dim] each, from x; None for AVB.
    """

    x: tf.Tensor
    z: tf.Tensor
    eps: tf.Tensor
    z_posterior: tf.Tensor
    probabilities: tf.Tensor
    log_ratio: Optional[tf.Tensor] = None
    posterior_parameters: Optional[Tuple[tf.Tensor, tf.Tensor]] = None


@dataclass(frozen=True)
class ModelGraph:
    """What the trainer and the evaluation need of a finalized graph, whichever the model. All tensors are float32.

    Attributes:
        graph: the tf.Graph.
        x: [batch, n_pixels], constant or drawn, by the config's data section.
        iteration: int64 scalar placeholder, the number of the iteration, from 1, to feed in each step; None if x doesn't need
            it.
        eps: [batch, noise dimension], the encoder's noise, drawn anew in each session.run or, by the data section, once.
        z_posterior: [batch, latent_dim], a sample of q(z|x).
        probabilities: [batch, n_pixels], pixel probabilities of p(x|z_posterior).
        reconstruction_log_likelihood: scalar, batch mean of log p(x|z_posterior), nats per example (summed over pixels).
        generator_loss: scalar, minus the ELBO, nats per example; what encoder and decoder minimise.
        variables: scope ("encoder", "decoder", "discriminator") -> its trainable variables.
        steps: the UpdateSteps of one iteration.
        gradient_slots: variable name -> a slot of its optimiser's that is not finite once a gradient was not.
        learning_rate_factor: scalar placeholder to feed in each step, or None if the rates are constant.
        endpoints: Endpoints.
        initialize: op that draws all initial weights.
        saver: tf.train.Saver of all variables.
    """

    graph: tf.Graph
    x: tf.Tensor
    iteration: Optional[tf.Tensor]
    eps: tf.Tensor
    z_posterior: tf.Tensor
    probabilities: tf.Tensor
    reconstruction_log_likelihood: tf.Tensor
    generator_loss: tf.Tensor
    variables: Dict[str, Tuple[tf.Variable, ...]]
    steps: Tuple[UpdateStep, ...]
    gradient_slots: Dict[str, tf.Variable]
    learning_rate_factor: Optional[tf.Tensor]
    endpoints: Endpoints
    initialize: tf.Operation
    saver: tf.train.Saver


@dataclass(frozen=True)
class AVBGraph(ModelGraph):
    """A ModelGraph with an implicit posterior and a discriminator.

    Attributes:
        z_prior: [batch, latent_dim], a sample of N(0, I).
        discriminator_logits_prior: [batch, 1], T(x, z_prior).
        discriminator_logits_posterior: [batch, 1], T(x, z_posterior); with adaptive contrast, T of the normalised z_posterior.
        kl_discriminator: scalar, nats, the discriminator's estimate of KL(q(z|x) || p(z)): mean T(x, z_posterior); with
            adaptive contrast, mean of T + log r(z|x) - log p(z).
        discriminator_loss: scalar, batch mean of the two binary cross-entropies, nats.
    """

    z_prior: tf.Tensor
    discriminator_logits_prior: tf.Tensor
    discriminator_logits_posterior: tf.Tensor
    kl_discriminator: tf.Tensor
    discriminator_loss: tf.Tensor


@dataclass(frozen=True)
class VAEGraph(ModelGraph):
    """A ModelGraph with a Gaussian posterior.

    Attributes:
        kl_posterior_prior: scalar, nats, batch mean of KL(q(z|x) || p(z)) as the loss has it: closed form, or with
            log p(z) at the sample.
    """

    kl_posterior_prior: tf.Tensor
