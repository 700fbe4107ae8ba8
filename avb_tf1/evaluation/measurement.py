"""The metrics of a trained model, in numpy: it knows arrays and functions of arrays only.

log p(x) is exact. The entropy of an implicit posterior has no closed form; an estimate by nearest neighbours, with a standard
error, stands for it. All values are in nats per example unless a docstring says per pixel.
"""

import math
from dataclasses import dataclass
from typing import Callable, NamedTuple, Optional, Tuple

import numpy as np

from avb_tf1.estimation import quadrature
from avb_tf1.estimation.densities import gaussian_kl_from_prior, log_bernoulli, mean_and_error
from avb_tf1.estimation.entropy import Estimate, kl_from_prior, kl_posterior_prior
from avb_tf1.estimation.trained_networks import Networks, in_chunks
from avb_tf1.problems.known_images.problem import ImageProblem

LOSSES = ("generator_loss", "discriminator_loss")  # what an optimiser minimises; the VAE has no second
N_FINAL = 100                 # iterations whose mean is the final loss
STRIDE = 4                    # of the samples that a density takes, every how many go through the other networks


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
    """Samples of q(z|x), and what the metrics have in common.

    Attributes:
        networks: trained_networks.Networks; problem: image_problem.ImageProblem.
        z: float32 [n, latent_dim]; labels: int64 [n]; ordered by class.
        log_reconstruction: float64 [n / STRIDE], log p(x|z) at every STRIDE-th sample.
        log_likelihoods: float64 [n_images], log p(x); None without a grid.
        kl_posterior_prior: Estimate of the mean over x of KL(q(z|x) || p(z)), or None.
        random_state: numpy RandomState.
    """

    networks: Networks
    problem: ImageProblem
    z: np.ndarray
    labels: np.ndarray
    log_reconstruction: np.ndarray
    log_likelihoods: Optional[np.ndarray]
    kl_posterior_prior: Optional[Estimate]
    random_state: np.random.RandomState


@dataclass(frozen=True)
class Metric:
    """A metric of METRICS.

    Attributes:
        title: str, what it is called in a table.
        measure: function of a Sample -> Estimate; None where all are measured together.
        needs: the Needs without which it isn't computed.
        is_higher_better: bool.
    """

    title: str
    measure: Optional[Callable]
    needs: Tuple[Need, ...] = ()
    is_higher_better: bool = False


def sample_mean(values):
    """Return an Estimate that is the mean of values [n] at independent samples."""
    mean, error = mean_and_error(values)
    return Estimate(mean, "samples", error)


def _log_likelihood(sample):
    return Estimate(sample.problem.mean(sample.log_likelihoods), "quadrature")


def _reconstruction_error(sample):
    return sample_mean(-sample.log_reconstruction / sample.problem.n_pixels)


def _elbo(sample):
    reconstruction, kl = sample_mean(sample.log_reconstruction), sample.kl_posterior_prior
    method = reconstruction.method if kl.method == "closed form" else kl.method  # the less exact of the two
    return Estimate(reconstruction.value - kl.value, method, math.hypot(reconstruction.standard_error, kl.standard_error),
                    kl.bias_left)


def _inference_gap(sample):
    elbo = _elbo(sample)
    return elbo._replace(value=_log_likelihood(sample).value - elbo.value)


def _kl_marginal_prior(sample):
    # A part of q(z|x) without a density is one of q(z), too.
    if sample.kl_posterior_prior is not None and not math.isfinite(sample.kl_posterior_prior.value):
        return sample.kl_posterior_prior
    return kl_from_prior(sample.z, sample.random_state, sample.labels)


def _kl_discriminator(sample):
    z, labels = sample.z[::STRIDE], sample.labels[::STRIDE]
    return sample_mean(in_chunks(sample.networks.log_ratio, sample.problem.images[labels], z)[:, 0].astype(np.float64))


# By their names in metrics.json, in the order of a table. Where q(z|x) has no density (see entropy.has_density), the KL(q || p)
# and the inference gap are inf and the ELBO is -inf.
METRICS = {
    # The mean over x of log p(x).
    "log_likelihood": Metric("log-likelihood", _log_likelihood, (GRID,), is_higher_better=True),
    # Minus the mean of log p(x|z) per pixel.
    "reconstruction_error": Metric("reconstruction error (nats per pixel)", _reconstruction_error),
    # The mean of log p(x|z) minus kl_posterior_prior.
    "elbo": Metric("ELBO", _elbo, (KNOWN_DENSITY,), is_higher_better=True),
    # With q(z) the mean of q(z|x) over x.
    "kl_marginal_prior": Metric("KL(q(z), p(z))", _kl_marginal_prior, (NEAR_NEIGHBOURS,)),
    # The mean over x.
    "kl_posterior_prior": Metric("mean KL(q(z|x), p(z))", lambda sample: sample.kl_posterior_prior, (KNOWN_DENSITY,)),
    # The mean log_ratio over posterior samples: what the discriminator takes kl_posterior_prior for.
    "kl_discriminator": Metric("mean KL(q(z|x), p(z)) by the discriminator", _kl_discriminator, (DISCRIMINATOR,)),
    # log_likelihood - elbo, the mean KL(q(z|x) || p(z|x)).
    "inference_gap": Metric("inference gap", _inference_gap, (GRID, KNOWN_DENSITY)),
}


def why_not(networks, needs):
    """Return why what has some Needs can't be had of a model: "" if it has no such quantity; None if it can be had."""
    unmet = [need.otherwise for need in needs if not need.is_met(networks)]
    return unmet[0] if unmet else None


def evaluate(networks, problem, random_state, n_samples, log_likelihoods=None):
    """Return every metric that can be had of a trained model.

    Args:
        networks: trained_networks.Networks.
        problem: image_problem.ImageProblem.
        random_state: numpy RandomState that the posterior samples' noise is drawn from.
        n_samples: int, samples of q(z|x) an image, on average.
        log_likelihoods: what quadrature.log_likelihood returns for the problem's images, if it is known already.

    Returns:
        dict: name in METRICS -> float. Beside it `<name>_standard_error` where the value is sampled, 0 if a closed form takes
        the samples' place, and `<name>_bias_left` where it is biased; an infinite value has neither, as they aren't known.
        Further n_samples_per_class; "methods": name -> how it was found; and where metrics can't be had, "not_computed":
        name -> why.

    Raises:
        quadrature.GridError: see quadrature.log_likelihood.
    """
    whys = {name: why_not(networks, metric.needs) for name, metric in METRICS.items()}
    not_computed = {name: why for name, why in whys.items() if why}
    if log_likelihoods is None and GRID.is_met(networks):
        log_likelihoods = quadrature.log_likelihood(networks.decode, networks.latent_dim, problem.images)
    sample = _sample(networks, problem, n_samples, random_state, log_likelihoods)
    metrics, methods = {"n_samples_per_class": n_samples}, {}
    for name, why in whys.items():
        if why is None:
            metrics[name], methods[name], *errors = METRICS[name].measure(sample)
            if math.isfinite(metrics[name]):
                metrics.update({name + suffix: error for suffix, error in zip(("_standard_error", "_bias_left"), errors)
                                if error is not None})
    return dict(metrics, methods=methods, **{"not_computed": not_computed} if not_computed else {})


def _sample(networks, problem, n_samples, random_state, log_likelihoods):
    z, labels = sample_posterior(networks, problem, n_samples, random_state)
    kl = None
    if networks.posterior_parameters is not None:
        kl = Estimate(problem.mean(gaussian_kl_from_prior(*networks.posterior_parameters(problem.images))), "closed form", 0.0)
    elif KNOWN_DENSITY.is_met(networks):
        kl = kl_posterior_prior(z, labels, random_state)
    log_reconstruction = _log_reconstructions(networks, problem, z[::STRIDE])
    return Sample(
        networks, problem, z, labels, log_reconstruction[np.arange(len(log_reconstruction)), labels[::STRIDE]],
        log_likelihoods, kl, random_state)


def _log_reconstructions(networks, problem, z):
    return log_bernoulli(in_chunks(networks.decode, z), problem.images)


def sample_posterior(networks, problem, n_samples, random_state):
    """Draw samples of q(z|x) for each of a problem's x.

    Args:
        networks: trained_networks.Networks.
        problem: image_problem.ImageProblem.
        n_samples: int, of each x, on average; each has its share.
        random_state: numpy RandomState.

    Returns:
        z float32 [n_x * n_samples, latent_dim] and labels int64 [n_x * n_samples], ordered by class.
    """
    labels = problem.labels(problem.n_x * n_samples)
    eps = random_state.standard_normal((len(labels), networks.noise_dim)).astype(np.float32)
    return in_chunks(networks.encode, problem.inputs[labels], eps), labels


def classification_accuracy(networks, problem, z, labels):
    """Return the share of latents z [n, latent_dim] whose own image, labels [n], has the largest p(x|z); a float in [0, 1]."""
    return float(np.mean(np.argmax(_log_reconstructions(networks, problem, z), axis=1) == labels))
