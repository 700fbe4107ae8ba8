"""Obtained beside published or optimal, as text."""

import math

from avb_tf1.evaluation.measurement import LOSSES, METRICS, N_FINAL
from avb_tf1.problems.known_images.four_images import TUTORIAL_ITERATIONS_PER_SECOND
from avb_tf1.problems.registry import problem_of
from avb_tf1.report.comparison import number
from avb_tf1.runs import metrics_file


def summary(metrics, config, timing=None):
    """Return the table that ends a run: as of summary_of_images, or of a data set or a given posterior."""
    if config.is_of_known_images:
        return summary_of_images(metrics, config, timing)
    from avb_tf1.report import dataset_summary, posterior_summary  # which import this module
    if config.is_of_dataset:
        return dataset_summary.summary(metrics, config, timing)
    return posterior_summary.summary(metrics, config, timing)


def summary_of_images(metrics, config, timing=None):
    """Return the table that ends a run: each metric beside its optimum, the speed beside the tutorial's, and any warning.

    Args:
        metrics, timing: as in metrics.json and timing.json; without timing there is no row on speed.
        config: the run's.

    Returns:
        str, lines of plain text; losses and log-likelihoods in nats per example, the reconstruction error per pixel.
    """
    known = problem_of(config).optima_of(config.model)
    window = "   (mean of the last %s)" % count(min(N_FINAL, config.training.n_iterations), "iteration")
    lines = ["%-26s %10s %10s" % ("", "obtained", "optimum")]
    for name in (*LOSSES, *METRICS):
        if name in metrics:
            optimum = number(known[name].value) if name in known else ""
            lines.append("%-26s %10s %10s%s" % (name, number(metrics[name], name), optimum, window if name in LOSSES else ""))
    lines.append("%-26s %10.4f %10.4f   (codes that give their own image the highest p(x|z))" % (
        "classification_accuracy", metrics["classification_accuracy"], 1))
    if timing is not None:
        lines.append("%-26s %10.2f   (the tutorial's: %.2f, on its author's machine)" % (
            "iterations per second", timing["iterations_per_second"], TUTORIAL_ITERATIONS_PER_SECOND.value))
    lines += ["not computed: %s" % reason for reason in not_computed(metrics)]
    astray = warning(metrics, config)
    if astray:
        lines.append("Warning: " + astray)
    return "\n".join(line.rstrip() for line in lines)


def warning(metrics, config):
    """Return a sentence on a model that ended far from sense, or "": its decoder is worse than the best that ignores z."""
    least = problem_of(config).ignoring_z
    log_likelihood = metrics.get("log_likelihood", math.inf)
    if least is None or log_likelihood is not None and log_likelihood >= least.value:
        return ""
    return ("the decoder is worse than one that ignores z, whose log-likelihood can be %.4f: training went astray, or was too "
            "short." % least.value)


def not_computed(metrics):
    """Return a text on each reason for which metrics are missing in a metrics.json: their names, and the reason."""
    reasons = metrics.get(metrics_file.NOT_COMPUTED, {})
    return ["%s: %s" % (", ".join(name for name in reasons if reasons[name] == reason), reason)
            for reason in dict.fromkeys(reasons.values())]


def count(n, noun):
    """Return e.g. "1 run" or "2 runs"."""
    return "%d %s%s" % (n, noun, "" if n == 1 else "s")
