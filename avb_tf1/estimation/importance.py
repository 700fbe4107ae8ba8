"""log p(x) by importance sampling with a Gaussian encoder (Burda, Grosse and Salakhutdinov 2016). All values are in nats.

A second opinion beside annealed importance sampling, for a latent space of any dimension, as far as q(z|x) reaches all of the
posterior: its tails may be missing, and the error doesn't tell. A small effective sample size warns of it.
"""

from typing import NamedTuple

import numpy as np

from avb_tf1.estimation.densities import log_bernoulli_of_pairs, log_mean_exp, log_prior
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


def log_likelihood(decode, mean, log_variance, images, random_state, n_samples, are_logits=False):
    """Return the Weighted estimates: the log of the mean of p(x, z) / q(z|x) over samples z of q(z|x).

    Args:
        decode: z float32 [n, latent_dim] -> pixel probabilities [n, n_pixels], or logits.
        mean, log_variance: [n_images, latent_dim] each, the parameters of q(z|x).
        images: [n_images, n_pixels], pixels in {0, 1}.
        random_state: numpy RandomState; n_samples: int, of each image.
        are_logits: bool, whether `decode` gives logits.
    """
    found = []
    arrays = (np.asarray(array, np.float64) for array in (mean, log_variance, images))
    for m, log_v, image in progress.through(list(zip(*arrays)), "images' log p(x) by importance sampling"):
        eps = random_state.standard_normal((n_samples, len(m)))
        # The samples as the decoder has them, so that q is taken where they are.
        z = (m + np.exp(log_v / 2) * eps).astype(np.float32)
        log_q = log_prior((z - m) * np.exp(-log_v / 2)) - log_v.sum() / 2
        log_conditional = in_chunks(lambda z, x=image[np.newaxis]: log_bernoulli_of_pairs(decode(z), x, are_logits), z)
        log_weights = log_conditional + log_prior(z) - log_q
        weights = np.exp(log_weights - log_weights.max())
        found.append((*log_mean_exp(log_weights), weights.sum()**2 / (weights**2).sum()))
    return Weighted(*np.array(found).T)
