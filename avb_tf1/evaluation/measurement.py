"""The metrics of a trained model, in numpy: it knows arrays and functions of arrays only.

log p(x) is exact. The entropy of an implicit posterior has no closed form; a k-nearest-neighbour estimate with a standard error
stands for it. All values are in nats per example unless a docstring says per pixel.
"""

import math

import numpy as np

from avb_tf1.evaluation import quadrature
from avb_tf1.evaluation.densities import gaussian_kl_from_prior, log_bernoulli, mean_and_error
from avb_tf1.evaluation.entropy import _knn_log_ratio, knn_kl_from_prior
from avb_tf1.evaluation.trained_networks import in_chunks

LOSSES = ("generator_loss", "discriminator_loss")  # what an optimiser minimises; the VAE has no second
N_FINAL = 100                 # iterations whose mean is the final loss
MAX_STANDARD_ERROR = 0.005    # nats, of the sampled KL divergences
_N_SAMPLES = 32768            # a class, at first
_MAX_SAMPLES = 262144
def evaluate(networks, problem, random_state, log_likelihoods=None):
    """Return every metric of a trained model as a dict of floats.

    Args:
        networks: trained_networks.Networks.
        problem: image_problem.ImageProblem.
        random_state: numpy RandomState that the posterior samples' noise is drawn from.
        log_likelihoods: what quadrature.log_likelihood returns for the problem's images, if it is known already.

    Returns:
        dict; where a value is sampled, `<name>_standard_error` stands beside it, 0 if a closed form takes the samples' place;
        an infinite value has none, as it isn't known:
        log_likelihood: mean over x of log p(x), by quadrature.
        elbo: mean of log p(x|z) minus kl_posterior_prior.
        inference_gap: log_likelihood - elbo, the mean KL(q(z|x) || p(z|x)).
        kl_posterior_prior: mean over x of KL(q(z|x) || p(z)).
        kl_marginal_prior: KL(q(z) || p(z)) with q(z) the mean of q(z|x) over x.
        reconstruction_error: minus the mean of log p(x|z) per pixel.
        kl_discriminator: mean log_ratio over posterior samples (AVB only): what the discriminator takes kl_posterior_prior for.
        Where q(z|x) has no density (see entropy.has_density), both KL(q || p) and inference_gap are inf and elbo is -inf.

    Raises:
        quadrature.GridError: see quadrature.log_likelihood.
    """
    if log_likelihoods is None:
        log_likelihoods = quadrature.log_likelihood(networks.decode, networks.latent_dim, problem.images)
    n_samples = _N_SAMPLES
    while True:
        metrics = _sampled_metrics(networks, problem, n_samples, random_state)
        # More samples don't make an infinite value finite.
        error = max(metrics.get(name + "_standard_error", 0.0) for name in ("kl_posterior_prior", "kl_marginal_prior"))
        if error < MAX_STANDARD_ERROR or n_samples >= _MAX_SAMPLES:
            break
        n_samples *= 2
    metrics["n_samples_per_class"] = n_samples
    metrics["log_likelihood"] = problem.mean(log_likelihoods)
    metrics["inference_gap"] = metrics["log_likelihood"] - metrics["elbo"]
    if "elbo_standard_error" in metrics:
        metrics["inference_gap_standard_error"] = metrics["elbo_standard_error"]
    return metrics


def _sampled_metrics(networks, problem, n_samples, random_state):
    z, labels = sample_posterior(networks, problem, n_samples, random_state)
    log_reconstruction = log_bernoulli(in_chunks(networks.decode, z), problem.images)[np.arange(len(z)), labels]
    if networks.posterior_parameters is None:
        log_ratio = _knn_log_ratio(z, labels)
        kl_posterior, elbo = mean_and_error(log_ratio), mean_and_error(log_reconstruction - log_ratio)
    else:
        kl_posterior = problem.mean(gaussian_kl_from_prior(*networks.posterior_parameters(problem.images))), 0.0
        elbo = mean_and_error(log_reconstruction - kl_posterior[0])
    estimates = {
        "elbo": elbo,
        "kl_posterior_prior": kl_posterior,
        # A part of q(z|x) without a density is one of q(z), too.
        "kl_marginal_prior": knn_kl_from_prior(z) if math.isfinite(kl_posterior[0]) else kl_posterior,
        "reconstruction_error": mean_and_error(-log_reconstruction / problem.n_pixels),
    }
    if networks.log_ratio is not None:
        log_ratio = in_chunks(networks.log_ratio, problem.images[labels], z)[:, 0]
        estimates["kl_discriminator"] = mean_and_error(log_ratio.astype(np.float64))
    metrics = {name: value for name, (value, _) in estimates.items()}
    metrics.update({name + "_standard_error": error for name, (value, error) in estimates.items() if math.isfinite(value)})
    return metrics


def sample_posterior(networks, problem, n_samples, random_state):
    """Draw samples of q(z|x) for each of a problem's images.

    Args:
        networks: trained_networks.Networks.
        problem: image_problem.ImageProblem.
        n_samples: int, an image, on average; each has its share.
        random_state: numpy RandomState.

    Returns:
        z float32 [n_images * n_samples, latent_dim] and labels int64 [n_images * n_samples], ordered by class.
    """
    labels = problem.labels(problem.n_images * n_samples)
    eps = random_state.standard_normal((len(labels), networks.noise_dim)).astype(np.float32)
    return in_chunks(networks.encode, problem.images[labels], eps), labels


def classification_accuracy(networks, z, labels):
    """Return the share of latents z [n, latent_dim] whose most probable pixel is their own, labels [n]; a float in [0, 1]."""
    return float(np.mean(np.argmax(in_chunks(networks.decode, z), axis=1) == labels))

