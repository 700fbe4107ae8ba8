"""What a built graph offers to the trainer and to the evaluation: its tensors and ops, by name."""

from dataclasses import dataclass
from typing import Callable, Dict, Optional, Tuple

from avb_tf1.graph.divergences import Divergence
from avb_tf1.graph.posteriors import ApproximatePosterior
from avb_tf1.graph.updates import UpdateStep
from avb_tf1.ground.tensorflow import tf


@dataclass(frozen=True)
class Endpoints:
    """The trained networks on any number n of inputs, for evaluation; they share the training graph's weights.

    All tensors are float32, densities in nats. What a model hasn't is None.

    Attributes:
        x: placeholder [n, d], what the networks see of x: images, pixels in {0, 1}, or which observation of a given posterior
            each row stands for, one-hot, d = 0 if there is but one.
        z: placeholder [n, latent_dim].
        eps: placeholder [n, noise_dim], samples of N(0, I); None, as all that is q's, without an approximate posterior.
        z_posterior: [n, latent_dim], a sample of q(z|x), the approximate posterior, made from x and eps.
        log_prob: [n], log q(z_posterior|x), where it is known.
        log_posterior: [n], log q(z|x) from x and z, where it is known at any z.
        gaussian: from x, of a Gaussian q(z|x) its mean, [n, latent_dim], and log-variance, [n, latent_dim], or
            triangular scale, [n, latent_dim, latent_dim].
        log_ratio: [n, 1], from x and z, the discriminator's estimate of log q(z|x) - log p(z).
        probabilities: [n, n_pixels], that a pixel is on, of p(x|z), from z.
        logits: [n, n_pixels], theirs, where log p(x|z) is computed from them.
        log_joint: [n], log p(x, z) from x and z, where it is given: there is no decoder then.
        log_prior: [n], log p(z) from z, where log_joint is given.
    """

    x: tf.Tensor
    z: tf.Tensor
    eps: Optional[tf.Tensor]
    z_posterior: Optional[tf.Tensor]
    log_prob: Optional[tf.Tensor]
    log_posterior: Optional[tf.Tensor]
    gaussian: Optional[Tuple[tf.Tensor, tf.Tensor]]
    log_ratio: Optional[tf.Tensor]
    probabilities: Optional[tf.Tensor]
    logits: Optional[tf.Tensor]
    log_joint: Optional[tf.Tensor]
    log_prior: Optional[tf.Tensor]


@dataclass(frozen=True)
class ModelGraph:
    """What the trainer and the evaluation need of a finalized graph, whichever the model. All tensors are float32.

    Attributes:
        graph: the tf.Graph.
        x: [batch, d], images or, of a given posterior, which observation each row stands for; constant, drawn or to be fed.
        x_of_iteration: function from the number of the iteration, from 1, to the array that x is to be fed with in all of its
            steps; None if x is not fed.
        iteration: int64 scalar placeholder, the number of the iteration, from 1, to feed in each step; None if x doesn't need
            it.
        posterior: ApproximatePosterior of x, None without one; its noise is drawn anew in each session.run or, by the data
            section, once.
        divergence: Divergence of that posterior from the prior; None where the objective has no such part.
        probabilities: [batch, n_pixels], of p(x|z) at the posterior's sample; None where there is none, or p(x|z) is given.
        logits: [batch, n_pixels], theirs, where log p(x|z) is computed from them; else None.
        reconstruction_log_likelihood: scalar, batch mean of log p(x|z), nats per example (summed over pixels); None where it
            is no part of the objective.
        generator_loss: scalar, nats, batch mean: minus the ELBO or another bound; what encoder and decoder minimise.
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
    posterior: Optional[ApproximatePosterior]
    divergence: Optional[Divergence]
    probabilities: Optional[tf.Tensor]
    logits: Optional[tf.Tensor]
    reconstruction_log_likelihood: Optional[tf.Tensor]
    generator_loss: tf.Tensor
    variables: Dict[str, Tuple[tf.Variable, ...]]
    steps: Tuple[UpdateStep, ...]
    gradient_slots: Dict[str, tf.Variable]
    learning_rate_factor: Optional[tf.Tensor]
    endpoints: Endpoints
    initialize: tf.Operation
    saver: tf.train.Saver
