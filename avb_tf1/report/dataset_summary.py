"""A model of a data set of real images, as text. Knows no TensorFlow."""

import math

from avb_tf1.evaluation.held_out import METRICS, N_IMPORTANCE_SAMPLES
from avb_tf1.evaluation.measurement import LOSSES, N_FINAL
from avb_tf1.report import run_summary
from avb_tf1.runs import metrics_file

_ERROR = "_standard_error"


def summary(metrics, config, timing=None):
    """Return the table that ends a run of a data set: its losses, what else was measured, and a warning if T falls behind.

    Args:
        metrics, timing: as in metrics.json and timing.json; without timing there is no row on speed.
        config: the run's.

    Returns:
        str, lines of plain text; nats an image.
    """
    window = "   (train images; mean of the last %s)" % run_summary.count(
        min(N_FINAL, config.training.n_iterations), "iteration")
    lines = []
    for name in (*LOSSES, *METRICS):
        if name not in metrics:
            continue
        value = metrics_file.infinity(name) if metrics[name] is None else metrics[name]
        told = window if name in LOSSES else "   (%s)" % found_by(name, metrics)
        if name + _ERROR in metrics:
            told = "   (%s, ± %.4f; of a larger set ± %.2f)" % (
                found_by(name, metrics), metrics[name + "_numerical_error"], metrics[name + _ERROR])
        lines.append("%-30s %10.4f%s" % (name, value, told))
    if timing is not None:
        lines.append("%-30s %10.2f" % ("iterations per second", timing["iterations_per_second"]))
    lines += ["not computed: %s" % reason for reason in run_summary.not_computed(metrics)]
    found = warning(metrics)
    return "\n".join(lines + (["Warning: " + found] if found else []))


def warning(metrics):
    """Return a sentence if the discriminator's ELBO is above log p(x) of the same images by over twice their errors, or ""."""
    likelihood, elbo = metrics.get("test_log_likelihood"), metrics.get("test_elbo_discriminator")
    if likelihood is None or elbo is None:
        return ""
    errors = [metrics.get(name + suffix, 0.0) for name in ("test_log_likelihood", "test_elbo_discriminator")
              for suffix in ("_numerical_error", "_bias_left")]
    excess = elbo - likelihood
    if excess <= 2 * math.hypot(math.hypot(*errors[:2]), math.hypot(*errors[2:])):
        return ""
    return ("the discriminator takes the test ELBO for %.4f nats above the test log-likelihood, which no ELBO can be: T has "
            "fallen behind the encoder, and what it says of q(z|x) can't be trusted." % excess)


def found_by(name, metrics):
    """Return how a metric was found, with what tells whether to trust it."""
    method = metrics["methods"][name]
    if method == "ais":
        method = "AIS of %s, %.0f %% of steps accepted" % (
            run_summary.count(metrics["n_annealed_images"], "image"), 100 * metrics["test_ais_acceptance"])
    elif method == "importance sampling":
        method += ", %.0f of %d samples count" % (metrics["test_importance_effective_sample_size"], N_IMPORTANCE_SAMPLES)
    return method
