"""The metrics of a model of known images, from arrays and functions of arrays. In nats per example unless told per pixel.

log p(x) is exact. The entropy of an implicit q(z|x) has no closed form; an estimate by nearest neighbours, with a standard
error, stands for it.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Optional

import numpy as np

from avb_tf1.estimation import quadrature
from avb_tf1.estimation.densities import gaussian_kl_from_prior, log_prior, mean_and_error
from avb_tf1.estimation.entropy import (
    Estimate,
    kl_from_prior,
    kl_posterior_and_marginal_prior,
    kl_posterior_prior,
)
from avb_tf1.estimation.metric import DENSITY, DISCRIMINATOR, ENCODER, GRID, Metric, Need, computable, flat, sample_mean
from avb_tf1.estimation.trained_networks import Networks, in_chunks
from avb_tf1.ground import progress
from avb_tf1.ground.threads import at_once, timed_part
from avb_tf1.problems.known_images.problem import ImageProblem
from avb_tf1.tasks import diagnostics
from avb_tf1.tasks.trained import by_neighbours, draw_codes
from avb_tf1.tasks.views import labels_of_codes, sample_posterior

N_LATENTS = 5120              # the tutorial's 10 batches of 512
_EVIDENCE = "log_likelihood_importance"
DIAGNOSTICS = dict(diagnostics.of_weights(_EVIDENCE), **diagnostics.CALIBRATED)
STRIDE = 4                    # of the samples that a density takes, every how many go through the other networks

NEAR_NEIGHBOURS = Need(
    GRID.is_met, "nearest neighbours estimate the density of q(z) with a bias that is known for latent_dim 1 or 2 only")


@dataclass(frozen=True)
class Sample:
    """Samples of q(z|x), and what the metrics have in common.

    Attributes:
        networks: trained_networks.Networks; problem: ImageProblem.
        z: float32 [n, latent_dim]; labels: int64 [n]; ordered by class. These two and log_reconstruction are None for a model
            without q(z|x).
        log_reconstruction: float64 [n / STRIDE], log p(x|z) at every STRIDE-th sample.
        log_ratio: float64 [n / STRIDE], the discriminator's log q(z|x) - log p(z) there, or None.
        log_density: float64 [n / STRIDE], log q(z|x) there, or None.
        log_likelihoods: float64 [n_images], log p(x); None without a grid.
        kl_posterior_prior: Estimate of the mean over x of KL(q(z|x) || p(z)), or None.
        kl_marginal_prior: Estimate of KL(q(z) || p(z)), or None.
    """

    networks: Networks
    problem: ImageProblem
    z: Optional[np.ndarray]
    labels: Optional[np.ndarray]
    log_reconstruction: Optional[np.ndarray]
    log_ratio: Optional[np.ndarray]
    log_density: Optional[np.ndarray]
    log_likelihoods: Optional[np.ndarray]
    kl_posterior_prior: Optional[Estimate]
    kl_marginal_prior: Optional[Estimate]


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


def _kl_discriminator(sample):
    return sample_mean(sample.log_ratio)


# By their names in metrics.json, in the order of a table. Where q(z|x) has no density (see entropy.has_density), the KL(q || p)
# and the inference gap are inf and the ELBO is -inf.
METRICS = {
    # The mean over x of log p(x).
    "log_likelihood": Metric("log-likelihood", (GRID,), is_higher_better=True, measure=_log_likelihood, most=0),
    # Minus the mean of log p(x|z) per pixel.
    "reconstruction_error": Metric("reconstruction error (nats per pixel)", (ENCODER,), measure=_reconstruction_error, least=0),
    # The mean of log p(x|z) minus kl_posterior_prior.
    "elbo": Metric("ELBO", (ENCODER, DENSITY), is_higher_better=True, measure=_elbo, most=1),
    # With q(z) the mean of q(z|x) over x.
    "kl_marginal_prior": Metric(
        "KL(q(z) || p(z))", (ENCODER, NEAR_NEIGHBOURS), measure=lambda sample: sample.kl_marginal_prior, least=-1),
    # The mean over x.
    "kl_posterior_prior": Metric(
        "mean KL(q(z|x) || p(z))", (ENCODER, DENSITY), measure=lambda sample: sample.kl_posterior_prior, least=-1),
    # The mean log_ratio over posterior samples: what the discriminator takes kl_posterior_prior for.
    "kl_discriminator": Metric("mean KL(q(z|x) || p(z)) by the discriminator", (DISCRIMINATOR,), measure=_kl_discriminator),
    # log_likelihood - elbo, the mean KL(q(z|x) || p(z|x)).
    "inference_gap": Metric("inference gap", (GRID, ENCODER, DENSITY), measure=_inference_gap, least=-1),
}


def evaluate(networks, problem, random_state, n_samples, log_likelihoods):
    """Return every metric that can be had of a trained model.

    Args:
        networks: trained_networks.Networks.
        problem: ImageProblem.
        random_state: numpy RandomState that the posterior samples' noise is drawn from.
        n_samples: int, samples of q(z|x) an image, on average.
        log_likelihoods: function -> what quadrature.log_likelihood returns for the problem's images, or None without a grid;
            called in another thread, while samples are drawn.

    Returns:
        dict: name in METRICS or of a diagnostic of importance weights -> float. Beside it `<name>_standard_error` where the
        value is sampled, 0 if a closed form takes the samples' place, and `<name>_bias_left` where it is biased; an infinite
        value has neither, as they aren't known.
        Further n_samples_per_class; "methods": name -> how it was found; and where metrics can't be had, "not_computed":
        name -> why.
    """
    def timed_log_likelihoods():
        with timed_part("quadrature"):
            return log_likelihoods()

    sample, of_images = at_once(lambda: _sample(networks, problem, n_samples, random_state), timed_log_likelihoods)
    sample = dataclasses.replace(sample, log_likelihoods=of_images)
    names, not_computed = computable(networks, METRICS)
    with timed_part("metrics"):
        estimates = {name: METRICS[name].measure(sample) for name in names}
        metrics = flat(estimates if sample.z is None else dict(estimates, **_of_weights(sample)))
    return dict(metrics, n_samples_per_class=n_samples, **{"not_computed": not_computed} if not_computed else {})


def _sample(networks, problem, n_samples, random_state):
    """The Sample, its log_likelihoods None."""
    if networks.encode is None:
        return Sample(networks, problem, None, None, None, None, None, None, None, None)
    with timed_part("samples of q(z|x)"):
        z, labels, log_density = sample_posterior(networks, problem, n_samples, random_state)
    with timed_part("neighbours"):
        kl, kl_marginal = _kl_from_prior(networks, problem, z, labels, log_density, random_state)
    with timed_part("the decoder at the samples"):
        log_reconstruction = _log_reconstructions(networks, problem, z[::STRIDE])
    own = log_reconstruction[np.arange(len(log_reconstruction)), labels[::STRIDE]]
    pairs, log_ratio = (problem.images[labels[::STRIDE]], z[::STRIDE]), None
    if networks.log_ratio is not None:
        log_ratio = in_chunks(networks.log_ratio, *pairs)[:, 0].astype(np.float64)
    if log_density is not None:
        log_density = log_density[::STRIDE]
    elif networks.log_posterior is not None:
        log_density = in_chunks(networks.log_posterior, *pairs)
    return Sample(networks, problem, z, labels, own, log_ratio, log_density, None, kl, kl_marginal)


def _of_weights(sample):
    """The Estimates of diagnostics.of_weights, as far as a model has them: k-hat the largest over x, log p(x) the mean."""
    problem, labels = sample.problem, sample.labels[::STRIDE]

    def of_all_x(log_weights):
        of_x = [diagnostics.weighed(log_weights[labels == k], _EVIDENCE) for k in range(problem.n_x)]
        evidence = [own[_EVIDENCE] for own in of_x]
        return {"k_hat": diagnostics.largest(own["k_hat"] for own in of_x),
                _EVIDENCE: Estimate(problem.mean([own.value for own in evidence]), "samples",
                                    problem.error_of_mean([own.standard_error for own in evidence]))}

    found = {}
    if sample.log_density is not None:
        found.update(of_all_x(sample.log_reconstruction + log_prior(sample.z[::STRIDE]) - sample.log_density))
    if sample.log_ratio is not None:
        found.update(diagnostics.by_t(of_all_x(sample.log_reconstruction - sample.log_ratio)))
    return found


def _kl_from_prior(networks, problem, z, labels, log_density, random_state):
    """The Estimates kl_posterior_prior and kl_marginal_prior of a Sample."""
    if networks.gaussian is not None:
        kl = Estimate(problem.mean(gaussian_kl_from_prior(*networks.gaussian(problem.images))), "closed form", 0.0)
    elif log_density is not None:
        kl = sample_mean(log_density.astype(np.float64) - log_prior(z))._replace(method=networks.density_method)
    elif DENSITY.is_met(networks):
        return kl_posterior_and_marginal_prior(z, labels, random_state)
    else:
        return None, None
    if not NEAR_NEIGHBOURS.is_met(networks):
        return kl, None
    # A part of q(z|x) without a density is one of q(z), too.
    return kl, kl_from_prior(z, random_state, labels) if math.isfinite(kl.value) else kl


def _log_reconstructions(networks, problem, z):
    return networks.likelihood.log_prob_of_all(problem.images, z)


def latents(trained):
    """Return the codes of latents.npz: z float32 [5120, latent_dim] and labels int64 [5120].

    Raises:
        trainer.DivergenceError: a code is not finite.
    """
    return draw_codes(trained, N_LATENTS)


def classification_accuracy(networks, problem, z, labels):
    """Return the share of codes z [n, latent_dim] whose own image, labels [n], has the largest p(x|z); a float in [0, 1]."""
    return float(np.mean(np.argmax(_log_reconstructions(networks, problem, z), axis=1) == labels))


def kl_over_training(snapshots, problem):
    """Return the KL divergences at each of s snapshots, as far as the model tells them; nats, means over x.

    Args:
        snapshots: name -> [s, ...], what known_images.view.View and training.snapshots have.
        problem: ImageProblem.

    Returns:
        dict: kl_posterior_prior [s], the mean over x of KL(q(z|x) || p(z)), in closed form of a Gaussian, by samples of another
        q(z|x) with a density, else by nearest neighbours if there is a grid; and kl_posterior_prior_standard_error [s]. With a
        discriminator kl_discriminator [s] and kl_discriminator_standard_error [s], its own estimate. Infinite or NaN where
        training went astray.
    """
    found = {}
    if "log_ratio" in snapshots:
        found["kl_discriminator"] = [mean_and_error(values.astype(np.float64)) for values in snapshots["log_ratio"]]
    if "mean" in snapshots:
        found["kl_posterior_prior"] = [(problem.mean(gaussian_kl_from_prior(*parameters)), 0.0)
                                       for parameters in zip(snapshots["mean"], snapshots["log_variance"])]
    elif "log_density" in snapshots:
        found["kl_posterior_prior"] = [mean_and_error(values.astype(np.float64) - log_prior(z))
                                       for values, z in zip(snapshots["log_density"], snapshots["z"])]
    elif "z" in snapshots and quadrature.has_grid(snapshots["z"].shape[2]):
        labels = labels_of_codes(problem)
        found["kl_posterior_prior"] = [by_neighbours(kl_posterior_prior, z, labels)
                                       for z in progress.through(snapshots["z"], "snapshots' KL")]
    columns = {}
    for name, pairs in found.items():
        columns[name], columns[name + "_standard_error"] = np.array(pairs, np.float64).T
    return columns
