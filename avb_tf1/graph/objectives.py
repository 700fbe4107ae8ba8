"""What encoder and decoder minimise: a function for each kind of objective, from a model's parts. All tensors are float32.

The discriminator's loss is in divergences.py.
"""

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
    """

    loss: tf.Tensor
    monitors: Dict[str, tf.Tensor]


def objective(parts):
    """Return the Objective of the kind model.objective, of Parts."""
    return _OBJECTIVES[parts.config.model.objective](parts)


def _elbo(parts):
    """The evidence's lower bound (tutorial, "Loss"; paper, section 2), with what stands for KL(q(z|x) || p(z))."""
    kl, reconstruction = parts.divergence, tf.reduce_mean(parts.likelihood.log_prob)
    return Objective(kl.kl - reconstruction, {"reconstruction_log_likelihood": reconstruction, kl.monitor: kl.kl})


_OBJECTIVES = {"elbo": _elbo}
