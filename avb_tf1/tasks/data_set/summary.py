"""A model of a data set of real images, as text. Knows no TensorFlow."""

import math

from avb_tf1.page.numbers import count
from avb_tf1.tasks import summary
from avb_tf1.tasks.data_set.measures import METRICS, N_IMPORTANCE_SAMPLES

NAME_WIDTH = 30


def lines(metrics, config):
    """Return lines of text: the losses, of train images, and what was measured on the test images; nats an image.

    Args:
        metrics: as in metrics.json; config: the run's.
    """
    def remark(name):
        if name + "_standard_error" not in metrics:
            return "   (%s)" % found_by(name, metrics)
        return "   (%s, ± %.4f; of a larger set ± %.2f)" % (
            found_by(name, metrics), metrics[name + "_numerical_error"], metrics[name + "_standard_error"])

    def value(name):
        return METRICS[name].value(metrics[name]) if name in METRICS else metrics[name]

    return ["%-*s %10.4f%s" % (NAME_WIDTH, name, value(name), remark) for name, remark in
            summary.names_and_remarks(metrics, METRICS, config, remark, "train images; ")]


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
            count(metrics["n_annealed_images"], "image"), 100 * metrics["test_ais_acceptance"])
    elif method == "importance sampling":
        method += ", %.0f of %d samples count" % (metrics["test_importance_effective_sample_size"], N_IMPORTANCE_SAMPLES)
    return method
