"""A model of a data set of real images, as text. Knows no TensorFlow."""

import math

from avb_tf1.page.numbers import count, number
from avb_tf1.problems.data_set.problem import TEST, VALIDATION
from avb_tf1.tasks import summary
from avb_tf1.tasks.data_set import measures
from avb_tf1.tasks.data_set.measures import METRICS

NAME_WIDTH = 30
_LIKELIHOOD, _BITS, _BY_IMPORTANCE, _ELBO, _BY_DISCRIMINATOR, _GAP = METRICS
NO_BOUND = "no bound: T may be wrong"
_PLAIN_WORDS = {
    _LIKELIHOOD: "log p(x): how well the decoder and the prior explain images that they were not trained on; higher is better",
    _BITS: "minus log2 p(x) for each of an image's values: what it takes to write one down; lower is better",
    _BY_IMPORTANCE: "log p(x) once more, from samples of q(z|x): too low where q misses some of the posterior",
    _ELBO: "a lower bound on log p(x), by the true density of q(z|x); higher is better",
    _BY_DISCRIMINATOR: "the same with the discriminator's T for log q(z|x) − log p(z): " + NO_BOUND,
    _GAP: "test log-likelihood − test ELBO: 0 where q(z|x) is the exact posterior; lower is better",
}
_ASIDES = {_BITS: "minus log2 p(x) for each of an image's values", _BY_IMPORTANCE: "a second opinion",
           _ELBO: "a lower bound on the log-likelihood", _BY_DISCRIMINATOR: NO_BOUND, _GAP: "best possible: 0"}


def lines(metrics, config):
    """Return lines of text: a run's losses, of train images, and what was measured on images held out; nats an image."""
    known = measures.metrics_of(VALIDATION) if "n_validation_images" in metrics else METRICS

    def remark(name):
        if name + "_standard_error" not in metrics:
            return "   (%s)" % found_by(name, metrics)
        error = metrics[name + "_standard_error"]  # None of a single image
        return "   (%s, ± %.4f%s)" % (found_by(name, metrics), metrics[name + "_numerical_error"],
                                      "" if error is None else "; sampling of images ± %.2f" % error)

    return ["%-*s %10.4f%s" % (NAME_WIDTH, *row)
            for row in summary.values_and_remarks(metrics, known, config, remark, "train images; ")]


def warning(metrics, config):
    """Return a sentence if the discriminator's ELBO is above log p(x) of the same images by over twice their errors, or ""."""
    part = VALIDATION if "n_validation_images" in metrics else TEST
    names = [part + name for name in ("_log_likelihood", "_elbo_discriminator")]
    likelihood, elbo = map(metrics.get, names)
    if likelihood is None or elbo is None:
        return ""
    errors = [metrics.get(name + suffix, 0.0) for name in names for suffix in ("_numerical_error", "_bias_left")]
    excess = elbo - likelihood
    if excess <= 2 * math.hypot(math.hypot(*errors[:2]), math.hypot(*errors[2:])):
        return ""
    return ("the discriminator puts the %s ELBO %.4f nats above the %s log-likelihood, where no ELBO can be: T has fallen "
            "behind the encoder, and what it says of q(z|x) can't be trusted." % (part, excess, part))


def found_by(name, metrics):
    """Return how a metric was found, with what tells whether to trust it."""
    method, part = metrics["methods"][name], name.split("_")[0]
    if method == "ais":
        method = "AIS of %s, %.0f %% of steps accepted" % (
            count(metrics["n_annealed_images"], "image"), 100 * metrics[part + "_ais_acceptance"])
    elif method == "importance sampling":
        method += ", %.0f of %d samples count" % (
            metrics[part + "_importance_effective_sample_size"], measures.N_IMPORTANCE_SAMPLES)
    return method


def metric_rows(metrics):
    """Return the rows of tasks.summary.metric_rows, with numerical error, that of the sample of images and remaining bias."""
    return summary.metric_rows(metrics, METRICS, ("_numerical_error", "_standard_error", "_bias_left"),
                               lambda name: found_by(name, metrics), _PLAIN_WORDS)


def key_numbers(metrics):
    """Return the few numbers at the top: [(value, what it is, what is told beside it)], text."""
    numbers = []
    for name, metric in METRICS.items():
        if name in metrics:
            found = "by %s%s" % (found_by(name, metrics), "" if name + "_numerical_error" not in metrics else (
                ", ± %s" % number(metrics[name + "_numerical_error"])))
            aside = found if name == _LIKELIHOOD else _ASIDES[name] if name == _BY_DISCRIMINATOR else (
                "%s; %s" % (_ASIDES[name], found))
            numbers.append((number(metrics[name], METRICS[name]), metric.title, aside))
    return numbers


def headline(metrics):
    """Return what the model makes of a test image, in a few words."""
    words = "log p(x) of a test image is %s nats on average" % number(metrics[_LIKELIHOOD], METRICS[_LIKELIHOOD])
    if _GAP in metrics:
        gap = metrics[_GAP]
        if gap is not None and gap < 0:
            words += "; the ELBO is higher by %s nats, which is an error of one of the two" % number(-gap)
        else:
            words += "; the ELBO is lower by KL(q(z|x) || p(z|x)), %s nats" % number(gap, METRICS[_GAP])
    return words
