"""log p(x) by importance sampling with an encoder's q(z|x) (Burda, Grosse and Salakhutdinov 2016). All values are in nats.

A second opinion beside annealed importance sampling, for a latent space of any dimension, as far as q(z|x) reaches all of the
posterior: its tails may be missing, and the error doesn't tell. So the samples come from q and from wider ones like it, as in
defensive importance sampling (Hesterberg 1995): noise of several scales goes through the encoder. (100 images of MNIST, a
coupling flow of eight dimensions after 60,000 iterations, 5000 samples: the mean is .76 nats below annealing with q alone, .25
with scales up to 2, .04 with NOISE_SCALES, each +- .03.) A small effective sample size warns of what is still missing; of an
exact q it is below the number of samples, too, as three quarters of these come from wider ones.
"""

from typing import NamedTuple

import numpy as np

from avb_tf1.estimation.densities import log_mean_exp, log_prior
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.ground import progress

NOISE_SCALES = (1, 1.5, 2, 3)


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


def log_likelihood(likelihood, sample, images, random_state, n_samples, noise_dim, noise_scales=NOISE_SCALES):
    """Return the Weighted estimates: the log of the mean of p(x, z) / r(z|x) over samples z of r(z|x).

    r is the mixture, in equal parts, of the distributions that the encoder makes of noise N(0, scale**2 I), one for each scale.
    As many samples come from each as far as that goes, so the error, which takes them as independent, is somewhat too large.

    Args:
        likelihood: likelihoods.Bernoulli or Gaussian.
        sample: (number of an image, eps float32 [n, noise_dim]) -> z float32 [n, latent_dim], and log q(z|x) there, float64
            [n], nats: q is what it makes of eps ~ N(0, I).
        images: [n_images, n_values].
        random_state: numpy RandomState; n_samples: int, of each image.
        noise_dim: int.
        noise_scales: tuple of floats. Others than 1 need a z that is a bijection of eps, so that q and r differ by their
            noise's densities alone.
    """
    found = []
    for number, image in enumerate(progress.through(np.asarray(images, np.float64), "images' log p(x) by importance sampling")):
        eps, log_ratio = _noise(n_samples, noise_dim, random_state, np.asarray(noise_scales, np.float64))
        z, log_q = sample(number, eps)
        log_conditional = in_chunks(lambda z, x=image[np.newaxis]: likelihood.log_prob(x, z), z)
        log_weights = log_conditional + log_prior(z) - (log_q + log_ratio)
        weights = np.exp(log_weights - log_weights.max())
        found.append((*log_mean_exp(log_weights), weights.sum()**2 / (weights**2).sum()))
    return Weighted(*np.array(found).T)


def _noise(n, dim, random_state, scales):
    """Noise of the mixture of N(0, scale**2 I), float32 [n, dim], and the log of its density over N(0, I)'s, float64 [n]."""
    which = np.arange(n) % len(scales)
    eps = (scales[which, np.newaxis] * random_state.standard_normal((n, dim))).astype(np.float32)
    log_shares = np.log(np.bincount(which) / n)
    densities = [log_share + log_prior(eps / scale) - dim * np.log(scale) for log_share, scale in zip(log_shares, scales)]
    return eps, np.logaddexp.reduce(densities, axis=0) - log_prior(eps)


def gaussian_samples(mean, log_variance):
    """Return the function `sample` of log_likelihood for Gaussians with the parameters [n_images, latent_dim] each."""
    mean, log_variance = np.asarray(mean, np.float64), np.asarray(log_variance, np.float64)

    def sample(number, eps):
        m, log_v = mean[number], log_variance[number]
        # The samples as the decoder has them, so that q is taken where they are.
        z = (m + np.exp(log_v / 2) * eps).astype(np.float32)
        return z, log_prior((z - m) * np.exp(-log_v / 2)) - log_v.sum() / 2

    return sample
