"""log p(x) by importance sampling with an encoder's q(z|x) (Burda, Grosse and Salakhutdinov 2016). All values are in nats.

A second opinion beside annealed importance sampling, for a latent space of any dimension, as far as q(z|x) reaches all of the
posterior: its tails may be missing, and the error doesn't tell. A small effective sample size warns of it.
"""

from typing import NamedTuple

import numpy as np

from avb_tf1.estimation.densities import log_mean_exp, log_prior
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.ground import progress


class Weighted(NamedTuple):
    """Of each image.

    Attributes:
        log_likelihood: float64 [n_images], log p(x), nats; biased downwards by about half the square of its error.
        standard_error: float64 [n_images], nats, by the delta method.
        effective_sample_size: float64 [n_images], of the n_samples, 1 to n_samples: (sum of weights)**2 / sum of their squares.
    """

    log_likelihood: np.ndarray
    standard_error: np.ndarray
    effective_sample_size: np.ndarray


def log_likelihood(likelihood, sample, images, random_state, n_samples):
    """Return the Weighted estimates: the log of the mean of p(x, z) / q(z|x) over samples z of q(z|x).

    Args:
        likelihood: likelihoods.Bernoulli or Gaussian.
        sample: (number of an image, n, numpy RandomState) -> z float32 [n, latent_dim], samples of its q(z|x), and log q(z|x)
            there, float64 [n].
        images: [n_images, n_values].
        random_state: numpy RandomState; n_samples: int, of each image.
    """
    found = []
    for number, image in enumerate(progress.through(np.asarray(images, np.float64), "images' log p(x) by importance sampling")):
        z, log_q = sample(number, n_samples, random_state)
        log_conditional = in_chunks(lambda z, x=image[np.newaxis]: likelihood.log_prob(x, z), z)
        log_weights = log_conditional + log_prior(z) - log_q
        weights = np.exp(log_weights - log_weights.max())
        found.append((*log_mean_exp(log_weights), weights.sum()**2 / (weights**2).sum()))
    return Weighted(*np.array(found).T)


def gaussian_samples(mean, log_variance):
    """Return the function `sample` of log_likelihood for Gaussians with the parameters [n_images, latent_dim] each."""
    mean, log_variance = np.asarray(mean, np.float64), np.asarray(log_variance, np.float64)

    def sample(number, n, random_state):
        m, log_v = mean[number], log_variance[number]
        # The samples as the decoder has them, so that q is taken where they are.
        z = (m + np.exp(log_v / 2) * random_state.standard_normal((n, len(m)))).astype(np.float32)
        return z, log_prior((z - m) * np.exp(-log_v / 2)) - log_v.sum() / 2

    return sample
