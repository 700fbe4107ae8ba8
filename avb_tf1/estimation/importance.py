"""log p(x) by importance sampling with an encoder's q(z|x) (Burda, Grosse and Salakhutdinov 2016). All values are in nats.

A second opinion beside annealed importance sampling, for a latent space of any dimension, as far as q(z|x) reaches all of the
posterior: its tails may be missing, or a second mode, and the error doesn't tell. So, where q's density is known at any z, most
samples come from other distributions, as in defensive importance sampling (Hesterberg 1995): wide ones about where annealing's
chains ended. (Annealing's estimate takes no part in this one; a mode that both miss is missing from both.) A small effective
sample size warns of what is still missing; of an exact q it is below the number of samples, too.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import multivariate_t

from avb_tf1.estimation.densities import log_mean_exp, log_prior
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.ground import progress

SHARE_OF_Q = 0.25             # of the samples, where some come from elsewhere
_DEGREES_OF_FREEDOM = 5
_LEAST_SCALE = 0.05           # of a sample from elsewhere, in units of the prior's: a q that hardly varies tells no scale


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


def log_likelihood(likelihood, sample, images, random_state, n_samples, noise_dim, log_density=None, states=None):
    """Return the Weighted estimates: the log of the mean of p(x, z) / r(z|x) over samples z of r(z|x).

    r is q, or with `states` a mixture: SHARE_OF_Q of q and, in equal parts, multivariate t distributions, 5 degrees of freedom,
    about each state and about q's mean, all with q's covariance as their scale. As many samples come from each as that says,
    so the error, which takes them as independent, is somewhat too large.

    Args:
        likelihood: likelihoods.Bernoulli or Gaussian.
        sample: (number of an image, eps float32 [n, noise_dim]) -> z float32 [n, latent_dim], and log q(z|x) there, float64
            [n], nats: q is what it makes of eps ~ N(0, I).
        images: [n_images, n_values].
        random_state: numpy RandomState; n_samples: int, of each image.
        noise_dim: int.
        log_density: (number of an image, z) -> log q(z|x), float64 [n], nats, at any z; needed with states. NaN, as where it
            is too small to be computed, counts as none.
        states: [n_states, n_images, latent_dim], where p(z|x) may be large: ais.Annealed's. They may be any numbers that don't
            depend on what is drawn here.

    Returns:
        Weighted; NaN for an image of which q's samples are not finite.
    """
    found = []
    for number, image in enumerate(progress.through(np.asarray(images, np.float64), "images' log p(x) by importance sampling")):
        n_own = n_samples if states is None else max(2, round(SHARE_OF_Q * n_samples))
        z, log_r = sample(number, random_state.standard_normal((n_own, noise_dim)).astype(np.float32))
        if not np.isfinite(z).all():
            found.append((np.nan,) * len(Weighted._fields))
            continue
        if states is not None:
            z, log_r = _with_others(z, log_r, states[:, number], random_state, n_samples,
                                    lambda z, number=number: log_density(number, z))
        log_conditional = in_chunks(lambda z, x=image[np.newaxis]: likelihood.log_prob(x, z), z)
        log_weights = log_conditional + log_prior(z) - log_r
        weights = np.exp(log_weights - log_weights.max())
        found.append((*log_mean_exp(log_weights), weights.sum()**2 / (weights**2).sum()))
    return Weighted(*np.array(found).T)


def _with_others(own, log_q, states, random_state, n_samples, log_density):
    """n_samples z of log_likelihood's mixture, float32, and its log-density there, of an image; `own` of them are q's."""
    centres = np.concatenate([states, own.mean(axis=0, keepdims=True)]).astype(np.float64)
    scale = np.cov(own.T.astype(np.float64)) + _LEAST_SCALE**2 * np.eye(own.shape[1])
    of_centre = np.arange(n_samples - len(own)) % len(centres)
    noise = multivariate_t.rvs(None, scale, _DEGREES_OF_FREEDOM, len(of_centre), random_state).reshape(-1, own.shape[1])
    others = (centres[of_centre] + noise).astype(np.float32)
    z, log_q_of_others = np.concatenate([own, others]), log_density(others)
    log_q = np.concatenate([log_q, np.where(np.isnan(log_q_of_others), -np.inf, log_q_of_others)])
    log_shares = np.log(np.array([len(own), *np.bincount(of_centre, minlength=len(centres))]) / n_samples)
    of_each = [log_q, *(multivariate_t.logpdf(z, centre, scale, _DEGREES_OF_FREEDOM) for centre in centres)]
    return z, np.logaddexp.reduce(log_shares[:, np.newaxis] + of_each, axis=0)


def gaussian_samples(mean, log_variance):
    """Return the function `sample` of log_likelihood for Gaussians with the parameters [n_images, latent_dim] each."""
    mean, log_variance = np.asarray(mean, np.float64), np.asarray(log_variance, np.float64)

    def sample(number, eps):
        m, log_v = mean[number], log_variance[number]
        # The samples as the decoder has them, so that q is taken where they are.
        z = (m + np.exp(log_v / 2) * eps).astype(np.float32)
        return z, log_prior((z - m) * np.exp(-log_v / 2)) - log_v.sum() / 2

    return sample
