"""The metrics of a trained model, in numpy: it knows arrays and functions of arrays only.

log p(x) is exact. The entropy of an implicit posterior has no closed form; a k-nearest-neighbour estimate with a standard error
stands for it. All values are in nats per example unless a docstring says per pixel.
"""

import math
from dataclasses import dataclass
from typing import Callable, NamedTuple, Optional, Tuple

import numpy as np

from avb_tf1.evaluation import quadrature
from avb_tf1.evaluation.densities import gaussian_kl_from_prior, log_bernoulli, mean_and_error
from avb_tf1.evaluation.entropy import knn_kl_from_prior, knn_log_ratio
from avb_tf1.evaluation.trained_networks import Networks, in_chunks
from avb_tf1.problems.image_problem import ImageProblem

LOSSES = ("generator_loss", "discriminator_loss")  # what an optimiser minimises; the VAE has no second
N_FINAL = 100                 # iterations whose mean is the final loss
MAX_STANDARD_ERROR = 0.005    # nats, of the sampled KL divergences
_N_SAMPLES = 32768            # a class, at first
_MAX_SAMPLES = 262144


class Need(NamedTuple):
    """What a metric or a figure can't do without.

    Attributes:
        is_met: function of Networks -> bool.
        otherwise: str, why it isn't computed where the need isn't met; "" if there is no such quantity then.
    """

    is_met: Callable
    otherwise: str = ""


GRID = Need(lambda networks: quadrature.has_grid(networks.latent_dim), "needs a grid: latent_dim 1 or 2")
KNOWN_DENSITY = Need(
    lambda networks: networks.posterior_parameters is not None or quadrature.has_grid(networks.latent_dim),
    "q(z|x) is implicit, and nearest neighbours estimate its density with a bias that is known for latent_dim 1 or 2 only")
NEAR_NEIGHBOURS = Need(
    GRID.is_met, "nearest neighbours estimate the density of q(z) with a bias that is known for latent_dim 1 or 2 only")
DISCRIMINATOR = Need(lambda networks: networks.log_ratio is not None)


@dataclass(frozen=True)
class Sample:
    """Samples of q(z|x), ordered by class, and what the metrics have in common.

    Attributes:
        networks: trained_networks.Networks; problem: image_problem.ImageProblem.
        z: float32 [n, latent_dim]; labels: int64 [n].
        log_reconstruction: float64 [n], log p(x|z).
        log_likelihoods: float64 [n_images], log p(x); None without a grid.
        log_ratio: float64 [n], an estimate of log q(z|x) - log p(z) of an implicit q(z|x), or None.
    """

    networks: Networks
    problem: ImageProblem
    z: np.ndarray
    labels: np.ndarray
    log_reconstruction: np.ndarray
    log_likelihoods: Optional[np.ndarray]
    log_ratio: Optional[np.ndarray]


@dataclass(frozen=True)
class Metric:
    """A metric of METRICS.

    Attributes:
        title: str, what it is called in a table.
        measure: function of a Sample -> the value and its standard error, 0 in the place of samples that a closed form takes,
            None for what isn't sampled.
        needs: the Needs without which it isn't computed.
        is_higher_better: bool.
    """

    title: str
    measure: Callable
    needs: Tuple[Need, ...] = ()
    is_higher_better: bool = False


def _log_likelihood(sample):
    return sample.problem.mean(sample.log_likelihoods), None


def _reconstruction_error(sample):
    return mean_and_error(-sample.log_reconstruction / sample.problem.n_pixels)


def _kl_posterior_prior(sample):
    if sample.log_ratio is not None:
        return mean_and_error(sample.log_ratio)
    parameters = sample.networks.posterior_parameters(sample.problem.images)
    return sample.problem.mean(gaussian_kl_from_prior(*parameters)), 0.0


def _elbo(sample):
    log_ratio = _kl_posterior_prior(sample)[0] if sample.log_ratio is None else sample.log_ratio
    return mean_and_error(sample.log_reconstruction - log_ratio)


def _inference_gap(sample):
    elbo, error = _elbo(sample)
    return _log_likelihood(sample)[0] - elbo, error


def _kl_marginal_prior(sample):
    kl_posterior_prior = _kl_posterior_prior(sample)
    # A part of q(z|x) without a density is one of q(z), too.
    return knn_kl_from_prior(sample.z) if math.isfinite(kl_posterior_prior[0]) else kl_posterior_prior


def _kl_discriminator(sample):
    log_ratio = in_chunks(sample.networks.log_ratio, sample.problem.images[sample.labels], sample.z)[:, 0]
    return mean_and_error(log_ratio.astype(np.float64))


# By their names in metrics.json, in the order of a table. Where q(z|x) has no density (see entropy.has_density), the KL(q || p)
# and the inference gap are inf and the ELBO is -inf.
METRICS = {
    # The mean over x of log p(x), by quadrature.
    "log_likelihood": Metric("log-likelihood", _log_likelihood, (GRID,), is_higher_better=True),
    # Minus the mean of log p(x|z) per pixel.
    "reconstruction_error": Metric("reconstruction error (nats per pixel)", _reconstruction_error),
    # The mean of log p(x|z) minus kl_posterior_prior.
    "elbo": Metric("ELBO", _elbo, (KNOWN_DENSITY,), is_higher_better=True),
    # With q(z) the mean of q(z|x) over x.
    "kl_marginal_prior": Metric("KL(q(z), p(z))", _kl_marginal_prior, (NEAR_NEIGHBOURS,)),
    # The mean over x.
    "kl_posterior_prior": Metric("mean KL(q(z|x), p(z))", _kl_posterior_prior, (KNOWN_DENSITY,)),
    # The mean log_ratio over posterior samples: what the discriminator takes kl_posterior_prior for.
    "kl_discriminator": Metric("mean KL(q(z|x), p(z)) by the discriminator", _kl_discriminator, (DISCRIMINATOR,)),
    # log_likelihood - elbo, the mean KL(q(z|x) || p(z|x)).
    "inference_gap": Metric("inference gap", _inference_gap, (GRID, KNOWN_DENSITY)),
}


def why_not(networks, needs):
    """Return why what has some Needs can't be had of a model: "" if it has no such quantity; None if it can be had."""
    unmet = [need.otherwise for need in needs if not need.is_met(networks)]
    return unmet[0] if unmet else None


def evaluate(networks, problem, random_state, log_likelihoods=None):
    """Return every metric that can be had of a trained model.

    Args:
        networks: trained_networks.Networks.
        problem: image_problem.ImageProblem.
        random_state: numpy RandomState that the posterior samples' noise is drawn from.
        log_likelihoods: what quadrature.log_likelihood returns for the problem's images, if it is known already.

    Returns:
        dict: name in METRICS -> float; where a value is sampled, `<name>_standard_error` stands beside it, 0 if a closed form
        takes the samples' place; an infinite value has none, as it isn't known. Further n_samples_per_class, and where metrics
        can't be had, "not_computed": name -> why.

    Raises:
        quadrature.GridError: see quadrature.log_likelihood.
    """
    whys = {name: why_not(networks, metric.needs) for name, metric in METRICS.items()}
    not_computed = {name: why for name, why in whys.items() if why}
    if log_likelihoods is None and GRID.is_met(networks):
        log_likelihoods = quadrature.log_likelihood(networks.decode, networks.latent_dim, problem.images)
    n_samples = _N_SAMPLES
    while True:
        sample = _sample(networks, problem, n_samples, random_state, log_likelihoods)
        estimates = {name: METRICS[name].measure(sample) for name, why in whys.items() if why is None}
        errors = {name: error for name, (value, error) in estimates.items() if error is not None and math.isfinite(value)}
        # More samples don't make an infinite value finite.
        error = max(errors.get(name, 0.0) for name in ("kl_posterior_prior", "kl_marginal_prior"))
        if error < MAX_STANDARD_ERROR or n_samples >= _MAX_SAMPLES:
            break
        n_samples *= 2
    return dict({name: value for name, (value, _) in estimates.items()},
                **{name + "_standard_error": error for name, error in errors.items()}, n_samples_per_class=n_samples,
                **{"not_computed": not_computed} if not_computed else {})


def _sample(networks, problem, n_samples, random_state, log_likelihoods):
    z, labels = sample_posterior(networks, problem, n_samples, random_state)
    is_implicit = networks.posterior_parameters is None and KNOWN_DENSITY.is_met(networks)
    return Sample(
        networks, problem, z, labels, _log_reconstructions(networks, problem, z)[np.arange(len(z)), labels], log_likelihoods,
        knn_log_ratio(z, labels) if is_implicit else None)


def _log_reconstructions(networks, problem, z):
    return log_bernoulli(in_chunks(networks.decode, z), problem.images)


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


def classification_accuracy(networks, problem, z, labels):
    """Return the share of latents z [n, latent_dim] whose own image, labels [n], has the largest p(x|z); a float in [0, 1]."""
    return float(np.mean(np.argmax(_log_reconstructions(networks, problem, z), axis=1) == labels))
