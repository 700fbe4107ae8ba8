"""What encoder and decoder minimise: a function for each kind of objective, from a model's parts. All tensors are float32.

The discriminator's loss is in divergences.py.
"""

import math
from typing import Any, Dict, NamedTuple, Optional

from avb_tf1.graph import likelihoods, posteriors
from avb_tf1.graph.batches import Batch
from avb_tf1.graph.divergences import Divergence
from avb_tf1.graph.noise import Noise
from avb_tf1.ground.tensorflow import tf


class Parts(NamedTuple):
    """What the training graph of an experiment, a config and its problem, is put together from.

    Attributes:
        batch: Batch; noise: its Noise, from which an objective draws what it needs besides.
        posterior: ApproximatePosterior of batch.x, one sample of each row; None for a model without q.
        likelihood: Likelihood of batch.x at posterior.z; None without q.
        divergence: Divergence of q from the prior; None if model.divergence is.
    """

    config: Any
    problem: Any
    batch: Batch
    noise: Noise
    posterior: Optional[posteriors.ApproximatePosterior]
    likelihood: Optional[likelihoods.Likelihood]
    divergence: Optional[Divergence]

    def sample_posterior(self, x, eps):
        """Return the ApproximatePosterior of any x [n, d] and eps [n, noise_dim], samples of N(0, I); on the same weights.

        Of a Gaussian or a flow eps may have k n rows: k samples of each x, in k rounds.

        With moments of the batch (implicit_with_batch_moments) x must have of each as many, one x after the other.
        """
        return posteriors.approximate_posterior(x, eps, self.noise.drawn_anew, self.config, self.problem)

    def log_likelihood(self, x, z):
        """Return log p(x|z) of each pair of rows of x [n, d] and z [n, latent_dim], [n], nats; on the same weights."""
        return likelihoods.likelihood(x, z, self.config, self.problem).log_prob

    def prior(self):
        """Return the likelihoods.Prior of z."""
        return likelihoods.prior(self.config, self.problem)


class Objective(NamedTuple):
    """What is minimised and recorded; what it draws updates.step finds in the graph.

    Attributes:
        loss: scalar, nats, batch mean: minus a bound or an estimate of log p(x).
        monitors: name -> scalar, nats, batch mean: what is recorded beside the loss, before each update.
        kl_factor: scalar placeholder to feed in each step, what the KL divergence is taken times while training.kl_warm_up
            lasts; None without it.
    """

    loss: tf.Tensor
    monitors: Dict[str, tf.Tensor]
    kl_factor: Optional[tf.Tensor] = None


def objective(parts):
    """Return the Objective of the kind config.objective, of Parts."""
    return _OBJECTIVES[parts.config.objective](parts)


def _elbo(parts):
    """The evidence's lower bound (tutorial, "Loss"; paper, section 2), with what stands for KL(q(z|x) || p(z)).

    That may count more or less, by training.kl_weight and training.kl_warm_up; then it is no bound.
    """
    kl, reconstruction = parts.divergence, tf.reduce_mean(parts.likelihood.log_prob)
    weight, factor = parts.config.kl_weight, None
    weighted = kl.kl if weight == 1 else weight * kl.kl
    if parts.config.kl_warm_up is not None:
        factor = tf.placeholder(tf.float32, [], "kl_factor")
        weighted *= factor
    return Objective(weighted - reconstruction, {"reconstruction_log_likelihood": reconstruction, kl.monitor: kl.kl}, factor)


def _importance_weighted(parts):
    """The lower bound by the mean of training.n_importance_samples weights p(x, z) / q(z|x) (Burda et al. 2016, equation 8)."""
    n, n_x = parts.config.training.n_importance_samples, parts.config.batch_size
    x = parts.batch.x
    q = parts.sample_posterior(x, parts.noise.drawn_anew("eps_of_weights", n * n_x, parts.config.model.noise_dim))
    reconstruction = parts.log_likelihood(tf.tile(x, [n, 1]), q.z)
    log_ratio = q.log_prob - parts.prior().log_prob(q.z)
    log_weights = tf.reshape(reconstruction - log_ratio, [n, n_x])
    bound = tf.reduce_mean(tf.reduce_logsumexp(log_weights, axis=0) - math.log(n))
    return Objective(-bound, {
        "reconstruction_log_likelihood": tf.reduce_mean(reconstruction), "kl_posterior_prior": tf.reduce_mean(log_ratio)})


def _marginal_likelihood(parts):
    """log p(x) by the mean of p(x|z) over model.n_prior_samples of z, the same for all x: a lower bound on average."""
    n = parts.config.model.n_prior_samples
    z = parts.noise.drawn_by("z_of_likelihood", n, parts.prior().sample)
    of_pairs = likelihoods.log_prob_of_all_pairs(parts.batch.x, z, parts.config, parts.problem)
    return Objective(math.log(n) - tf.reduce_mean(tf.reduce_logsumexp(of_pairs, axis=1)), {})


_OBJECTIVES = {"elbo": _elbo, "importance_weighted": _importance_weighted, "marginal_likelihood": _marginal_likelihood}
