"""What the texts that end runs, and the pages, of several tasks tell and draw alike. Knows no TensorFlow."""

import functools
import math

import numpy as np

from avb_tf1.estimation.metric import GOOD, LOSS_CHANGE, LOSSES, LOWEST_LOSS, N_FINAL
from avb_tf1.estimation.trained_networks import BY_BOUND
from avb_tf1.page import arrays
from avb_tf1.page.numbers import count, number, rate, with_error
from avb_tf1.runs import metrics_file
from avb_tf1.tasks.views import spread_out

_FAR = 5.0                    # nats: T lags behind at first, and the loss is too low then
_TELLS_APART = 0.02           # nats, a discriminator's cross-entropy: of 1.39 if it knows nothing
_MOVES = 0.01                 # nats, of a loss, over a quarter of training: less is no matter
_DISAGREE = 0.05              # nats
_N_ERRORS = 3                 # what is less than so many standard errors is not told
_ERRORS = ("_standard_error", "_numerical_error", "_bias_left")


def summary(task, metrics, config, timing=None):
    """Return what ends a run: what was measured, the speed, what could not be computed and why, and any warning or note.

    Args:
        task: the tasks.task.Task of the config.
        metrics, timing: as in metrics.json and timing.json; without timing there is no row on speed.
        config: the run's.

    Returns:
        str, lines of plain text; in nats unless told.
    """
    lines = list(task.summary(metrics, config))
    found = [row for row in diagnostic_rows(metrics, task.diagnostics) if row[1] != "not computed"]
    if found:
        lines.append("Did it work?")
        lines += ["  %s: %s   (good: %s)" % row for row in found]
    if timing is not None:
        lines.append("%-*s %10s" % (task.name_width, "iterations per second", rate(timing["iterations_per_second"])))
    lines += ["not computed: %s" % reason for reason in metrics_file.not_computed(metrics)]
    told = warning(task, metrics, config)
    if told:
        lines.append("Warning: " + told)
    lines += ["Note: " + note for note in notes(task, metrics, config)]
    return "\n".join(line.rstrip() for line in lines)


def warning(task, metrics, config):
    """Return sentences on a model that went astray, or "": its task's own, and what any model may show.

    That is a generator loss that more than doubled, by _FAR or more, a discriminator that knows nearly every sample of q, and a
    log-likelihood or an ELBO with an error of more than a tenth of it.
    """
    told = [task.warning(metrics, config)]
    final, lowest = metrics.get("generator_loss"), metrics.get(LOWEST_LOSS)
    if None not in (final, lowest) and final - lowest > max(_FAR, abs(lowest)):
        told.append("the generator loss ended at %s, and had been %s before: training went astray, lower learning rates may "
                    "help." % (number(final), number(lowest)))
    if not config.has_dual and metrics.get("discriminator_loss", 1.0) < _TELLS_APART:
        told.append("the discriminator tells samples of q from those that it is given beside them almost without fail (its "
                    "loss is %s): T is no estimate of a log ratio any more." % number(metrics["discriminator_loss"]))
    for name, metric in task.metrics.items():
        value, error = metrics.get(name), max(metrics.get(name + suffix) or 0.0 for suffix in _ERRORS)
        if metric.is_higher_better and value is not None and error > max(1.0, 0.1 * abs(value)):
            told.append("the %s of %s is known to ± %s only." % (metric.title, number(value), number(error)))
    return " ".join(filter(None, told))


def notes(task, metrics, config):
    """Return sentences on what to know of a run: its losses still move, T and q disagree, or q's density is a bound.

    Args:
        task: the tasks.task.Task of the config.
        metrics: as in metrics.json; config: the run's.

    Returns:
        list of str.
    """
    told = []
    change, error = metrics.get(LOSS_CHANGE, 0.0), metrics.get(LOSS_CHANGE + "_standard_error", 0.0)
    if abs(change) > max(_MOVES, _N_ERRORS * error):
        told.append("the generator loss still moves: in the last quarter of training it is %s than in the quarter before, by "
                    "%s ± %s nats. It has not come to its end yet." % (
                        "lower" if change < 0 else "higher", number(abs(change)), number(error)))
    if BY_BOUND in metrics.get("methods", {}).values():
        told.append("of the density of q(z|x) a bound is known: the ELBO is at least what is told here, and "
                    "KL(q(z|x) || p(z|x)) and KL(q(z|x) || p(z)) are at most that.")
    name, by_t = task.by_discriminator
    if metrics.get(name) is None or metrics.get(by_t) is None or task.warning(metrics, config) or (
            metrics.get("methods", {}).get(name) == "discriminator"):
        return told
    errors = metrics_file.errors_beside_each_other(metrics, name, by_t)
    if abs(metrics[name] - metrics[by_t]) > max(_DISAGREE, _N_ERRORS * math.sqrt(sum(error**2 for error in errors))):
        values = [number(metrics[own], task.metrics[own]) for own in (name, by_t)]
        told.append("T and q(z|x) disagree: the %s is %s, but %s by the discriminator, which the encoder is trained by." % (
            task.metrics[name].title, *values))
    return told


def values_and_remarks(metrics, known, config, remark_of=lambda name: "", of_what=""):
    """Return the rows of a summary: of the losses, and of those of the task's metrics that there are.

    Args:
        metrics: as in metrics.json; known: the task's, by name.
        config: the run's.
        remark_of: function of a metric's name -> str.
        of_what: str, what is told first of the losses.

    Returns:
        list of (name, value, a float, infinite where metrics.json has None, and what stands behind it, a text).
    """
    window = "   (%smean of the last %s)" % (of_what, count(min(N_FINAL, config.training.n_iterations), "iteration"))
    losses = [(name, metrics[name], window) for name in LOSSES if name in metrics]
    return losses + [(name, metric.value(metrics[name]), remark_of(name)) for name, metric in known.items() if name in metrics]


def metric_rows(metrics, known, suffixes, method_of, words):
    """Return a row for each metric: [(title, value, an error for each suffix, method, in plain words)], text.

    Of a metric that was not computed the value says so, and the last column why.

    Args:
        metrics: as in metrics.json; known: the task's, by name.
        suffixes: sequence of str: what follows a metric's name in those of its errors.
        method_of: function of a metric's name -> str, how it was found.
        words: name -> str.
    """
    rows, reasons, told = [], metrics.get(metrics_file.NOT_COMPUTED, {}), None
    for name, metric in known.items():
        if name in metrics:
            errors = [metrics.get(name + suffix) for suffix in suffixes]
            rows.append((metric.title, number(metrics[name], metric),
                         *("" if error is None else number(error) for error in errors), method_of(name), words[name]))
        elif name in reasons:
            why, told = "as above" if reasons[name] == told else reasons[name], reasons[name]
            rows.append((metric.title, "not computed", *[""] * (len(suffixes) + 1), why))
    return rows


def diagnostic_rows(metrics, known):
    """Return the diagnostics that there are, [(title, value with its error, what a good value is)], text.

    Of one that was not computed the value says so, and the last column why. `metrics` is as in metrics.json, `known` the
    task's, name -> Metric.
    """
    words, reasons = metrics.get(GOOD, {}), metrics.get(metrics_file.NOT_COMPUTED, {})
    return [(metric.title, with_error(metrics, name, metric), words.get(name, "")) if name in metrics else
            (metric.title, "not computed", reasons[name])
            for name, metric in known.items() if name in metrics or name in reasons]


def losses_drawn(runs, optima):
    """Return which losses shared.js draws of tasks.task.Runs, by name, each with its optimum of `optima`, or None."""
    return {name: {"optimum": optima.get(name)} for name in LOSSES if any(name in run.losses for run in runs)}


def of_models(configs):
    """Return what the texts of a page say of its runs' models, from their configs, a dict.

    loss: what encoder and decoder minimise, in words; about: what q(z|x) is, in words, if all have the same, else "";
    has_q: whether any has one; has_dual: whether any has a discriminator that is trained by the Fenchel dual.
    """
    losses = {config.loss for config in configs}
    about = {config.model.about for config in configs}
    return {"loss": losses.pop() if len(losses) == 1 else "minus what a setting maximises, the ELBO or another bound",
            "about": about.pop() if len(about) == 1 else "", "has_q": any(config.model.has_encoder for config in configs),
            "has_dual": any(config.has_dual for config in configs)}


def divergence_curves(runs, names, n_bins, with_band_of_one):
    """Return what shared.js draws of divergences over iterations, of a run or of runs that differ in the seed only.

    Args:
        runs: sequence of tasks.task.Run.
        names: key of what is returned -> name of one of the Runs' curves, which has a standard error beside it; those that the
            runs lack are left out.
        n_bins: int, points of a curve at the most.
        with_band_of_one: bool; whether a single run has a band, of two standard errors to either side.

    Returns:
        dict: iteration, those that all runs were looked at, and n_moments, how many there are; for each key as of arrays.band,
        and `final`, the metric's mean, None where a run's is infinite.
    """
    moments = [run.curves["iteration"] for run in runs]
    common = functools.reduce(np.intersect1d, moments)
    n_moments, common = len(common), common[spread_out(len(common), n_bins)]
    at_common = [np.isin(of_run, common) for of_run in moments]
    divergence = {"iteration": [int(iteration) for iteration in common], "n_moments": n_moments}
    for key, name in names.items():
        if all(name in run.curves for run in runs):
            values, errors = ([run.curves[name + suffix][chosen] for run, chosen in zip(runs, at_common)]
                              for suffix in ("", "_standard_error"))
            bounds = [values[0] - 2 * errors[0], values[0] + 2 * errors[0]]
            final = [run.metrics.get(name) for run in runs]
            divergence[key] = dict(arrays.band(values, bounds if with_band_of_one else None),
                                   final=None if None in final else float(np.mean(final)))
    return divergence
