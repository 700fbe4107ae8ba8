"""What a built graph offers to the trainer and to the evaluation: its tensors and ops, by name."""

from dataclasses import dataclass
from typing import Callable, Dict, Optional, Tuple

from avb_tf1.graph.divergences import Divergence
from avb_tf1.graph.posteriors import Posterior
from avb_tf1.graph.updates import UpdateStep
from avb_tf1.ground.tensorflow import tf


@dataclass(frozen=True)
class Endpoints:
    """The trained networks on any number n of inputs, for evaluation; they share the training graph's weights.

    Attributes:
        x: placeholder [n, d], what the networks see of x, as of batches.Batch; z: placeholder [n, latent_dim]; eps: placeholder
            [n, noise_dim].
        z_posterior: [n, latent_dim], a sample of q(z|x) made from x and eps.
        probabilities: [n, n_pixels], pixel probabilities of p(x|z), from z; None where the likelihood is given.
        logits: [n, n_pixels], theirs, where log p(x|z) is computed from them; else None.
        log_joint: [n], log p(x, z) from x and z, nats, where it is given; else None. log_prior: [n], log p(z) from z, as well.
        log_ratio: [n, 1], from x and z, as of divergences.Divergence; None without a discriminator.
        posterior_parameters: as Posterior.parameters, from x; None if q(z|x) is implicit.
    """

    x: tf.Tensor
    z: tf.Tensor
    eps: tf.Tensor
    z_posterior: tf.Tensor
    probabilities: Optional[tf.Tensor]
    logits: Optional[tf.Tensor]
    log_joint: Optional[tf.Tensor]
    log_prior: Optional[tf.Tensor]
    log_ratio: Optional[tf.Tensor]
    posterior_parameters: Optional[Tuple[tf.Tensor, tf.Tensor]]


@dataclass(frozen=True)
class ModelGraph:
    """What the trainer and the evaluation need of a finalized graph, whichever the model. All tensors are float32.

    Attributes:
        graph: the tf.Graph.
        x: [batch, n_pixels] or [batch, d], constant, drawn or to be fed, as of batches.Batch.
        x_of_iteration: function from the number of the iteration, from 1, to the array that x is to be fed with in all of its
            steps; None if x is not fed.
        iteration: int64 scalar placeholder, the number of the iteration, from 1, to feed in each step; None if x doesn't need
            it.
        posterior: Posterior of x; its noise is drawn anew in each session.run or, by the data section, once.
        divergence: Divergence of that posterior from the prior.
        probabilities: [batch, n_pixels], pixel probabilities of p(x|z) at the posterior's sample; None where p(x|z) is given.
        logits: [batch, n_pixels], theirs, where log p(x|z) is computed from them; else None.
        reconstruction_log_likelihood: scalar, batch mean of log p(x|z), nats per example (summed over pixels).
        generator_loss: scalar, minus the ELBO, nats per example; what encoder and decoder minimise.
        variables: scope ("encoder", "decoder", "discriminator", as far as the model has them) -> its trainable variables.
        steps: the UpdateSteps of one iteration.
        gradient_slots: variable name -> a slot of its optimiser's that is not finite once a gradient was not.
        learning_rate_factor: scalar placeholder to feed in each step, or None if the rates are constant.
        endpoints: Endpoints.
        initialize: op that draws all initial weights.
        saver: tf.train.Saver of all variables.
    """

    graph: tf.Graph
    x: tf.Tensor
    x_of_iteration: Optional[Callable]
    iteration: Optional[tf.Tensor]
    posterior: Posterior
    divergence: Divergence
    probabilities: Optional[tf.Tensor]
    logits: Optional[tf.Tensor]
    reconstruction_log_likelihood: tf.Tensor
    generator_loss: tf.Tensor
    variables: Dict[str, Tuple[tf.Variable, ...]]
    steps: Tuple[UpdateStep, ...]
    gradient_slots: Dict[str, tf.Variable]
    learning_rate_factor: Optional[tf.Tensor]
    endpoints: Endpoints
    initialize: tf.Operation
    saver: tf.train.Saver
