"""The metrics of a trained model on images that it was not trained on. In nats an image, summed over pixels.

They are those of the test images, or of the validation images, which settings are to be chosen on: then names begin with
"validation", not with "test". Every metric is a mean over these images, and may be off in three ways, which are told apart:
`_standard_error` is that of the images as a sample of all images, NaN of a single one; `_numerical_error` says how far the mean
over just these images may be off, by samples, by the quadrature, or by their choice where not all were taken; `_bias_left` is
about what is left of a bias. Two models on the same images have most of the first in common: their difference is told by
paired_difference, from the values of each image.
"""

import math
from types import MappingProxyType
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional

import numpy as np

from avb_tf1.estimation import adaptive_quadrature, importance, psis
from avb_tf1.estimation.densities import (
    gaussian_kl_from_prior,
    log_mean_exp,
    log_prior,
    mean_and_error,
)
from avb_tf1.estimation.entropy import kl_from
from avb_tf1.estimation.metric import DENSITY, DISCRIMINATOR, ENCODER, GRID, Metric, computable
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.ground import progress
from avb_tf1.ground.threads import timed_part
from avb_tf1.problems.data_set.problem import TEST
from avb_tf1.tasks import diagnostics
from avb_tf1.tasks.trained import require_finite
from avb_tf1.tasks.views import encoded
from avb_tf1.training.trainer import DivergenceError

N_IMPORTANCE_SAMPLES = 5000   # of each image: as many as Burda et al. take
_ROWS = 4096                  # pairs of an image and a code at a time: of 784 values some 25 MB an array

def metrics_of(part):
    """Return the metrics of a part of a data set, "test" or "validation", by name, in the order of a table."""
    bits = part + "_bits_per_dimension"  # a density, unlike a probability, may be above 1
    return {
        # log p(x).
        part + "_log_likelihood": Metric(part + " log-likelihood", is_higher_better=True, most=0, most_without=bits),
        # Minus the same, of real values only, in bits, for each of their numbers: see bits_per_dimension.
        bits: Metric("bits a dimension of %s images" % part),
        # log p(x) once more, where q(z|x) has a density.
        part + "_log_likelihood_importance": Metric(
            part + " log-likelihood by importance sampling", is_higher_better=True, most=0, most_without=bits),
        # The mean of log p(x|z) minus KL(q(z|x) || p(z)): by its closed form, by samples or by nearest neighbours.
        part + "_elbo": Metric(part + " ELBO", (ENCODER, DENSITY), is_higher_better=True, most=1, most_without=bits),
        # The same with the discriminator's log q(z|x) - log p(z): no bound.
        part + "_elbo_discriminator": Metric(part + " ELBO by the discriminator", (DISCRIMINATOR,), True, " (no bound)"),
        # The log-likelihood less the ELBO, KL(q(z|x) || p(z|x)).
        part + "_inference_gap": Metric("KL(q(z|x) || p(z|x)) on %s images" % part, (ENCODER, DENSITY)),
    }


def diagnostics_of(part):
    """Return the diagnostics of a part of a data set, name -> Metric, as far as they are no metrics_of(part)."""
    known = {part + "_" + name: metric for name, metric in diagnostics.of_weights("log_likelihood_importance").items()}
    del known[part + "_log_likelihood_importance"]
    return dict(known, **diagnostics.CALIBRATED)


METRICS, DIAGNOSTICS = metrics_of(TEST), diagnostics_of(TEST)  # of metrics.json


class Settings(NamedTuple):
    """How a model is measured.

    Attributes:
        n_samples: int, samples of q(z|x) of each image, for means and moments.
        n_dense_images, n_dense_samples: int; where q(z|x) is implicit and latent_dim 1 or 2, of how many images drawn at random
            nearest neighbours estimate its density, and from how many samples each, 256 at least.
        anneal: function of images float32 [n, n_values] and of mean and standard deviation of their q(z|x), [n, latent_dim]
            each -> ais.Annealed; needed if latent_dim is above 2.
        annealed: int [n], the rows of those images that `anneal` is called with, and importance sampling takes; None: all.
        n_levels: int, of real values, as of ImageDataset, for bits a dimension.
    """

    n_samples: int
    n_dense_images: int
    n_dense_samples: int
    anneal: Optional[Callable] = None
    annealed: Optional[np.ndarray] = None
    n_levels: int = 1


class HeldOut(NamedTuple):
    """What was measured on a part's images; of the test images, whose names stand here.

    Attributes:
        metrics: name in metrics_of(part) or diagnostics_of(part) -> float, with `<name>_standard_error`,
            `<name>_numerical_error` and, where there is one, `<name>_bias_left`, what it may be off by besides, in size; an
            infinite value has none of them. Further n_test_images; "test_log_likelihood_method": "quadrature" or "ais"; with
            the latter n_annealed_images and means over these: test_ais_acceptance, the probability that a step of its chains
            was accepted with, which goes well near ais.ACCEPTANCE; and where there is importance sampling,
            test_importance_effective_sample_size, of N_IMPORTANCE_SAMPLES. "methods": name -> how it was found;
            "not_computed": name -> why, if any can't be had.
        per_image: "log_likelihood", "log_likelihood_importance", "elbo", "elbo_discriminator" and
            "log_likelihood_importance_discriminator", as far as they were found, each with "_error", and "k_hat",
            "k_hat_discriminator", "ais_acceptance" and "importance_effective_sample_size" -> float64 [n_images], NaN where an
            image was not taken.
    """

    metrics: Dict
    per_image: Dict[str, np.ndarray]


class PerImage(NamedTuple):
    """A quantity of each test image; NaN where it was not taken.

    Attributes:
        values, errors: float64 [n_images], nats: the quantity, and how far it may be off, independently of the other images.
        method: str.
        bias_left: float64 [n_images], in size, or None where there is no bias.
        trust: name -> float64 [n_images], what tells whether the method can be trusted.
        shared: float64 [n_images], how far it may be off besides, of all images with one sign, as by the quadrature; or 0.
    """

    values: np.ndarray
    errors: np.ndarray
    method: str
    bias_left: Optional[np.ndarray] = None
    trust: Mapping[str, np.ndarray] = MappingProxyType({})
    shared: Any = 0.0


def evaluate(networks, images, random_state, settings, part=TEST):
    """Return the HeldOut of a trained model on images of a part.

    Args:
        networks: trained_networks.Networks of images.
        images: float32 [n_images, n_values].
        random_state: numpy RandomState.
        settings: Settings.
        part: "test" or "validation", which names begin with.

    Raises:
        quadrature.GridError: the decoder's output is not finite, or its probabilities are not in [0, 1].
        trainer.DivergenceError: what is made of an image is not a number.
    """
    images, known, prefix = np.asarray(images, np.float32), metrics_of(part), part + "_"
    _, not_computed = computable(networks, known)
    known = dict(known, **diagnostics_of(part))
    found = _per_image(networks, images, random_state, settings)
    # What is known of all images helps what is known of some.
    control = next((quantity for quantity in found.values() if np.isfinite(quantity.values).all()), None)
    means = {prefix + name: _mean(quantity, control) for name, quantity in found.items()}
    methods = {prefix + name: quantity.method for name, quantity in found.items()}
    if networks.likelihood.is_density:
        means[prefix + "bits_per_dimension"] = bits_per_dimension(
            means[prefix + "log_likelihood"], images.shape[1], settings.n_levels)
        methods[prefix + "bits_per_dimension"] = methods[prefix + "log_likelihood"]
    if "elbo" in found:
        gap = _difference(found["log_likelihood"], found["elbo"])
        means[prefix + "inference_gap"], methods[prefix + "inference_gap"] = _mean(gap), gap.method
    metrics = {"n_%s_images" % part: len(images), prefix + "log_likelihood_method": methods[prefix + "log_likelihood"]}
    for name in known:
        metrics.update({name + suffix: value for suffix, value in means.get(name, {}).items()})
    if not GRID.is_met(networks):
        metrics["n_annealed_images"] = int((~np.isnan(found["log_likelihood"].values)).sum())
    arrays = {}
    for name, quantity in found.items():
        errors = np.hypot(quantity.errors, quantity.shared)
        arrays.update({name: quantity.values, name + "_error": errors}, **quantity.trust)
        for what, values in quantity.trust.items():
            metrics.update(_of_k_hats(prefix + what, values, settings.n_samples) if what.startswith("k_hat") else {
                prefix + what: float(np.nanmean(values))})
    return HeldOut(dict(metrics, methods=methods, **{"not_computed": not_computed} if not_computed else {}), arrays)


def bits_per_dimension(log_likelihood, n_values, n_levels):
    """Return what codes one value of an image of n_values, in bits, and its errors, by suffix, from those of log p(x).

    That is -log p(x) / (n_values log 2), with the density taken in units of which [0, 1] has n_levels: with the 256 of uint8
    uniform noise has 8 bits, and a code for the uint8 values themselves needs no more on average (Theis et al. 2016, A note on
    the evaluation of generative models, section 3.1). With one unit, as of floats, it may be negative.
    """
    of_unit = n_values * math.log(2)
    return {suffix: math.log2(n_levels) - value / of_unit if suffix == "" else value / of_unit
            for suffix, value in log_likelihood.items()}


def _of_k_hats(name, values, n):
    """What metrics.json has of the k-hats [n_images] of n importance weights: their median and the share that isn't trusted."""
    known = values[~np.isnan(values)]
    return {name: float(np.median(known)), name + "_share": float(np.mean(known > psis.trusted(n)))} if len(known) else {}


def _per_image(networks, images, random_state, settings):
    """The PerImage quantities that can be had of a model, by name."""
    def add_sample_means(name, values, method="samples", by_t=""):
        """Add the mean over samples of q(z|x) of what values(x, eps) has first, and log p(x) by its second, log-weights."""
        mean, deviation, k_hat, evidence, error = _over_samples(
            networks, images, random_state, settings.n_samples, values, _mean_and_weighed)
        _require_numbers(mean)
        found[name] = PerImage(mean, deviation / math.sqrt(settings.n_samples), method, trust={"k_hat" + by_t: k_hat})
        if by_t or GRID.is_met(networks):
            # Of weights without a variance the bias isn't half the square of the error, nor known.
            found["log_likelihood_importance" + by_t] = PerImage(
                evidence, error, method if by_t else "samples", error**2 / 2 if (k_hat < 0.5).all() else None)

    def by_importance(x):
        if networks.gaussian is not None:
            sample = importance.gaussian_samples(*networks.gaussian(x))
        else:
            def sample(number, eps):
                z, log_density = encoded(networks, np.repeat(x[[number]], len(eps), axis=0), eps)
                return z, log_density.astype(np.float64)

        def log_density(number, z):
            return in_chunks(networks.log_posterior, np.repeat(x[[number]], len(z), axis=0), z).astype(np.float64)

        return importance.log_likelihood(
            networks.likelihood, sample, x, random_state, N_IMPORTANCE_SAMPLES, networks.noise_dim, log_density,
            None if networks.log_posterior is None else states)

    def log_conditional(x, eps):
        z = in_chunks(networks.encode, x, eps)
        log_conditional = _log_conditional(networks, x, z)
        log_density = in_chunks(networks.log_posterior, x, z).astype(np.float64)
        return log_conditional, log_conditional + log_prior(z) - log_density

    def log_joint_over_density(x, eps):
        z, log_density = encoded(networks, x, eps)
        log_weights = _log_conditional(networks, x, z) + log_prior(z) - log_density.astype(np.float64)
        return log_weights, log_weights

    def by_discriminator(x, eps):
        z = in_chunks(networks.encode, x, eps)
        log_weights = _log_conditional(networks, x, z) - in_chunks(networks.log_ratio, x, z)[:, 0]
        return log_weights, log_weights

    evidence, states = _evidence(networks, images, random_state, settings)
    found = {"log_likelihood": evidence}
    if networks.has_density and not GRID.is_met(networks):
        found["log_likelihood_importance"] = _by_weights(
            "importance sampling", "importance_effective_sample_size", len(images), settings.annealed,
            by_importance(images if settings.annealed is None else images[settings.annealed]))
    if networks.gaussian is not None:
        add_sample_means("elbo", log_conditional)
        kl = gaussian_kl_from_prior(*networks.gaussian(images))
        found["elbo"] = found["elbo"]._replace(values=found["elbo"].values - kl)
    elif networks.encode_with_density is not None:
        add_sample_means("elbo", log_joint_over_density, networks.density_method)
    elif networks.encode is not None and GRID.is_met(networks):
        found["elbo"] = _elbo_by_neighbours(networks, images, random_state, settings.n_dense_images, settings.n_dense_samples)
    if networks.log_ratio is not None:
        add_sample_means("elbo_discriminator", by_discriminator, "discriminator", diagnostics.BY_T)
    return found


def paired_difference(first, second):
    """Return the mean of first - second, values of the same images under two models [n_images], and its standard error.

    Images that either lacks (NaN) are left out.
    """
    differences = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    return mean_and_error(differences[~np.isnan(differences)])


def posterior_moments(networks, images, random_state, n_samples):
    """Return mean and standard deviation of q(z|x), float64 [n_images, latent_dim] each: in closed form, or of samples.

    Without q(z|x) they are the prior's.
    """
    if networks.encode is None:
        return np.zeros((len(images), networks.latent_dim)), np.ones((len(images), networks.latent_dim))
    if networks.gaussian is not None:
        mean, log_variance = networks.gaussian(images)
        return mean.astype(np.float64), np.exp(log_variance.astype(np.float64) / 2)
    moments = _moments(networks, images, random_state, n_samples, lambda x, eps: in_chunks(networks.encode, x, eps))
    return tuple(own.astype(np.float64) for own in moments)


def _moments(networks, images, random_state, n_samples, values):
    """Mean and standard deviation of what values(x, eps) has at each sample of q(z|x), [n, ...], of each image."""
    return _over_samples(networks, images, random_state, n_samples, lambda x, eps: (values(x, eps),), _mean_and_deviation)


def _mean_and_deviation(values):
    return values.mean(axis=1), values.std(axis=1, ddof=1)


def _mean_and_weighed(values, log_weights):
    """Of values and log-weights [n_images, n_samples]: mean and deviation, k-hat, log p(x) by the weights and its error."""
    k_hats = np.array([psis.k_hat(of_image) for of_image in log_weights])
    return (*_mean_and_deviation(values), k_hats, *log_mean_exp(log_weights.T))


@timed_part("samples of q(z|x)")
def _over_samples(networks, images, random_state, n_samples, values, reduce):
    """What `reduce` makes of the arrays values(x, eps), at n_samples of q(z|x) of each image; arrays [n_images, ...].

    values(x, eps) returns a tuple of arrays [n, ...]; `reduce` takes them as [some images, n_samples, ...] each.
    """
    found, size = [], max(1, _ROWS // n_samples)
    for start in progress.through(range(0, len(images), size), "samples of q(z|x)"):
        x = np.repeat(images[start:start + size], n_samples, axis=0)
        own = values(x, random_state.standard_normal((len(x), networks.noise_dim)).astype(np.float32))
        found.append(reduce(*(array.reshape(-1, n_samples, *array.shape[1:]) for array in own)))
    return tuple(map(np.concatenate, zip(*found)))


def log_likelihood(networks, images, random_state, settings):
    """Return log p(x) of images as a PerImage: by quadrature if latent_dim is 1 or 2, else by annealed importance sampling.

    The arguments and what it raises are those of evaluate.
    """
    return _evidence(networks, images, random_state, settings)[0]


@timed_part("log p(x)")
def _evidence(networks, images, random_state, settings):
    """What log_likelihood returns, and where the chains of the annealed images ended, [n_chains, n, latent_dim], or None."""
    if GRID.is_met(networks):
        found = adaptive_quadrature.integrals(networks.likelihood, networks.latent_dim, images)
        return PerImage(found.log_likelihood, np.zeros(len(images)), "quadrature", shared=found.error), None
    taken = images if settings.annealed is None else images[settings.annealed]
    found = settings.anneal(taken, *posterior_moments(networks, taken, random_state, settings.n_samples))
    return _by_weights("ais", "ais_acceptance", len(images), settings.annealed, found[:3]), found.states


def _by_weights(method, trust, n_images, rows, estimates):
    """The PerImage of a mean of weights, of the images of some rows, or of all n_images if these are None.

    `estimates` are the values, their errors and what is called `trust`, float64 [n] each.
    """
    rows = slice(None) if rows is None else rows
    of_all = np.full((3, n_images), np.nan)
    of_all[:, rows] = estimates
    values, errors, trusted = of_all
    _require_numbers(values[rows])
    return PerImage(values, errors, method, errors**2 / 2, {trust: trusted})


def _require_numbers(values):
    """Raise DivergenceError if one of some images' values, which were taken, is NaN: that would pass for not taken."""
    n_unknown = int(np.isnan(values).sum())
    if n_unknown:
        raise DivergenceError("what the encoder makes of %d of %d images is not finite, or what the decoder makes of that" % (
            n_unknown, len(values)))


def _log_conditional(networks, x, z):
    """log p(x|z) of pairs, float64 [n], for x [n, n_values] and z [n, latent_dim]."""
    return in_chunks(networks.likelihood.log_prob, x, z)


@timed_part("neighbours")
def _elbo_by_neighbours(networks, images, random_state, n_images, n_samples):
    """Of some of the images; -inf of those whose q(z|x) has no density."""
    chosen = np.sort(random_state.permutation(len(images))[:n_images])
    values, errors, biases = np.full((3, len(images)), np.nan)
    for number in progress.through(chosen, "images' ELBO by nearest neighbours"):
        x = np.repeat(images[[number]], n_samples, axis=0)
        eps = random_state.standard_normal((n_samples, networks.noise_dim)).astype(np.float32)
        z = require_finite(in_chunks(networks.encode, x, eps))
        kl = kl_from(z, _log_conditional(networks, x, z) + log_prior(z), random_state)
        values[number], errors[number], biases[number] = -kl.value, kl.standard_error, kl.bias_left
    _require_numbers(values[chosen])
    return PerImage(values, errors, "nearest neighbours", biases)


def _difference(first, second):
    """first - second, by the less exact of their methods."""
    biases = [own.bias_left for own in (first, second) if own.bias_left is not None]
    method = first.method if first.method == "ais" else second.method
    return PerImage(first.values - second.values, np.hypot(first.errors, second.errors), method,
                    sum(biases) if biases else None, shared=np.hypot(first.shared, second.shared))


def _mean(quantity, control=None):
    """The mean, by suffix of its name: "", "_standard_error" and so on.

    It is over the images that were taken; of all images with a `control`, a PerImage that is known of all of them: its mean and
    the mean difference from it, which varies less.
    """
    taken = ~np.isnan(quantity.values)
    errors, n, n_taken = quantity.errors[taken], len(taken), taken.sum()
    value, standard_error = mean_and_error(quantity.values[taken])
    bias = None if quantity.bias_left is None else quantity.bias_left[taken].mean()
    shared = float(np.broadcast_to(quantity.shared, taken.shape)[taken].mean())
    numerical = math.hypot(math.sqrt((errors**2).sum()) / n_taken, shared)
    if n_taken < n and math.isfinite(value):
        standard_error *= math.sqrt(n_taken / n)
        known, error_of_known = quantity, 0.0
        if control is not None:
            known, of_all = _difference(quantity, control), _mean(control)
            value, error_of_known = of_all[""] + known.values[taken].mean(), of_all.get("_numerical_error", 0.0)
        # What the choice of the images leaves; the part of the variance that their own errors make doesn't shrink with it.
        variance = known.values[taken].var(ddof=1) * (1 - n_taken / n) / n_taken + (known.errors[taken]**2).mean() / n
        numerical = math.sqrt(variance + error_of_known**2 + shared**2)
    if not math.isfinite(value):
        return {"": value}
    own = {"": value, "_standard_error": standard_error, "_numerical_error": float(numerical)}
    return own if bias is None else dict(own, _bias_left=float(bias))
