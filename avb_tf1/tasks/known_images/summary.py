"""A model of known images beside its optimum, as text. Knows no TensorFlow."""

import math

from avb_tf1.page.numbers import number
from avb_tf1.problems.registry import problem_of
from avb_tf1.tasks import summary
from avb_tf1.tasks.known_images.measures import METRICS

_ACCURACY = "classification_accuracy"


def lines(metrics, config):
    """Return lines of text: each metric of a run beside its optimum; nats per example, the reconstruction error per pixel."""
    optima = problem_of(config).optima_of(config)
    found = ["%-26s %10s %10s" % ("", "obtained", "optimum")]
    for name, value, remark in summary.values_and_remarks(metrics, METRICS, config):
        optimum = number(optima[name].value) if name in optima else ""
        found.append("%-26s %10s %10s%s" % (name, number(value), optimum, remark))
    if _ACCURACY in metrics:
        found.append("%-26s %10.4f %10.4f   (codes that give their own image the highest p(x|z))" % (
            _ACCURACY, metrics[_ACCURACY], 1))
    return found


def warning(metrics, config):
    """Return a sentence on a model that ended far from sense, or "": its decoder is worse than the best that ignores z."""
    least = problem_of(config).ignoring_z
    log_likelihood = metrics.get("log_likelihood", math.inf)
    if least is None or log_likelihood is not None and log_likelihood >= least.value:
        return ""
    return ("the decoder is worse than one that ignores z, whose log-likelihood can be %.4f: training went astray, or was too "
            "short." % least.value)
