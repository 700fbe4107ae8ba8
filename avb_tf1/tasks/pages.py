"""What the pages of several tasks tell and draw alike. Knows no TensorFlow."""

import functools

import numpy as np

from avb_tf1.page import arrays
from avb_tf1.page.numbers import number
from avb_tf1.runs import metrics_file
from avb_tf1.tasks.views import spread_out


def metric_rows(metrics, known, suffixes, method_of, words):
    """Return a row for each metric: [(title, value, an error for each suffix, method, in plain words)], text.

    Of a metric that was not computed the value says so, and the last column why.

    Args:
        metrics: as in metrics.json; known: the task's, by name.
        suffixes: sequence of str: what follows a metric's name in those of its errors.
        method_of: function of a metric's name -> str, how it was found.
        words: name -> str.
    """
    rows, reasons = [], metrics.get(metrics_file.NOT_COMPUTED, {})
    for name, metric in known.items():
        if name in metrics:
            errors = [metrics.get(name + suffix) for suffix in suffixes]
            rows.append((metric.title, number(metrics[name], metric),
                         *("" if error is None else number(error) for error in errors), method_of(name), words[name]))
        elif name in reasons:
            rows.append((metric.title, "not computed", *[""] * (len(suffixes) + 1), reasons[name]))
    return rows


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
