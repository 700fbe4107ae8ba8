"""Did it work? What tells how good q(z|x) is where no exact posterior is known, as far as a model has it. Knows no TensorFlow.

Each number stands in metrics.json with a sentence on what a good value is.
"""

import math

import numpy as np

from avb_tf1.estimation import calibration, psis, two_sample
from avb_tf1.estimation.densities import log_mean_exp
from avb_tf1.estimation.entropy import Estimate
from avb_tf1.estimation.metric import CALIBRATION, GOOD, Metric
from avb_tf1.estimation.squares import N_BINS
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.ground.threads import timed_part

_N_COMPARED, _N_OF_ALL = 5000, 20000  # samples of q that a classifier has, of an x and of all, and as many of what is exact
N_SIMULATED = 2000            # pairs of x and z
_N_AT_ONCE = 80               # of them: with noise of 2048 dimensions 130 MB, and two parts of rows, one a core
BY_T = "_discriminator"       # behind the name of what is by T in the place of log q(z|x) - log p(z)


def of_weights(evidence):
    """Return the Metrics of importance weights, by name; `evidence` is the name of log p(x) by them."""
    title = "log p(x) by importance weights"
    return {
        "k_hat": Metric("k-hat", good="below %g, of n samples below 1 - 1 / log10 n if that is less: q's tails reach as far as "
                        "the posterior's; above 1 they are missing" % psis.TRUSTED),
        evidence: Metric(title, is_higher_better=True, good="log p(x), where k-hat is good, and to its error where k-hat is "
                         "below 0.5; less where q misses a part of the posterior"),
        "k_hat" + BY_T: Metric("k-hat by T", good="below %g, as far as T can be relied on" % psis.TRUSTED),
        evidence + BY_T: Metric(title + " with T", (), True, " (no bound)", good="log p(x), if T is right; no bound")}


CALIBRATED = {"calibration_distance": Metric(
    "distance of the ranks from uniform ones", least=0, most=1,
    good="below %(limit).3f: the z that made x lies anywhere among samples of q(z|x) equally often")}
TWO_SAMPLES = {"two_sample_accuracy": Metric(
    "accuracy of a classifier", least=0, most=1,
    good="0.5: samples of q(z|x) can't be told from %(exact)s; 1: they always can")}
SQUARES = {"kl_%d_squares" % n_bins: Metric(
    "KL(q(z|x) || p(z|x)) on %d × %d squares" % (n_bins, n_bins), least=-1,
    good="0; it is a lower bound on that KL, whatever q is") for n_bins in N_BINS}


def weighed(log_weights, name):
    """Return the Estimates of importance weights log p(x, z) - log q(z|x) [n], by the names of of_weights(name) without T."""
    value, error = log_mean_exp(np.asarray(log_weights, np.float64))
    return {"k_hat": Estimate(psis.k_hat(log_weights), "samples"), name: Estimate(float(value), "samples", float(error))}


def by_t(estimates):
    """Return Estimates of weighed under the names that say that T made them."""
    return {name + BY_T: own._replace(method="discriminator") for name, own in estimates.items()}


def largest(estimates):
    """Return the one of some Estimates with the largest value; one that isn't known, NaN, is larger than all that are."""
    return max(estimates, key=lambda own: (math.isnan(own.value), own.value))


def n_compared(n_x):
    """Return how many samples of each of n_x values of x a classifier has, an int."""
    return max(1, min(_N_COMPARED, _N_OF_ALL // n_x))


def told_apart(q, exact, random_state):
    """Return the metrics on whether samples of q can be told from exact ones, [n, k] each."""
    with timed_part("two-sample test"):
        accuracy, error = two_sample.classifier_accuracy(q, exact, random_state)
    return {"two_sample_accuracy": accuracy, "two_sample_accuracy_standard_error": error}


def calibrated(networks, x, z, names, random_state):
    """Return the metrics of a simulation-based calibration.

    Args:
        networks: trained_networks.Networks.
        x: float32 [n, d], as the networks see it; z: [n, latent_dim]: draws of the joint density.
        names: the coordinates' names.
        random_state: numpy RandomState.

    Returns:
        dict: calibration_distance, that of the coordinate with the largest; "calibration": n_simulated, "band", two counts, and
        "counts", name of a coordinate -> the histogram of its ranks.
    """
    with timed_part("calibration"):
        draws = []
        for start in range(0, len(x), _N_AT_ONCE):
            rows = np.repeat(x[start:start + _N_AT_ONCE], calibration.N_DRAWS, axis=0)
            eps = random_state.standard_normal((len(rows), networks.noise_dim)).astype(np.float32)
            draws.append(in_chunks(networks.encode, rows, eps).reshape(-1, calibration.N_DRAWS, networks.latent_dim))
        found = calibration.calibration(z, np.concatenate(draws), random_state)
    return {"calibration_distance": float(found.distances.max()),
            CALIBRATION: {"n_simulated": len(x), "limit": found.limit, "band": list(found.band),
                          "counts": dict(zip(names, found.counts.tolist()))}}


def calibrated_on_images(networks, random_state, n=N_SIMULATED):
    """Return the metrics of `calibrated` for n images that the decoder makes of draws of the prior; {} without q(z|x)."""
    if networks.encode is None:
        return {}
    z = random_state.standard_normal((n, networks.latent_dim)).astype(np.float32)
    x = networks.likelihood.sample(z, random_state)
    return calibrated(networks, x, z, ["z%d" % (k + 1) for k in range(networks.latent_dim)], random_state)


def good_values(metrics, known, exact="exact ones"):
    """Return the part of metrics.json on what good values are: {"good_values": name -> a sentence}; {} if there are none.

    Args:
        metrics: as in metrics.json.
        known: the task's diagnostics, name -> Metric.
        exact: what a classifier was to tell samples of q(z|x) from.
    """
    beside = {"exact": exact, "limit": metrics.get(CALIBRATION, {}).get("limit")}
    words = {name: metric.good % beside for name, metric in known.items() if name in metrics}
    return {GOOD: words} if words else {}
