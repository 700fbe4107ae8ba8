"""Numbers of runs that differ in the seed only: means, spreads, errors, and how they stand as text. Knows no TensorFlow."""

import math
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

import numpy as np
from scipy.special import stdtrit  # scipy.stats would take a tenth of a second more

from avb_tf1.estimation.metric import Metric
from avb_tf1.problems.published import Published

# Of Row.standing.
RULE = (
    "Each column is judged on its own. A published number is of one run, and rounded. Better or worse is a mean over n runs "
    "that is farther from it than that rounding, plus b, plus t sqrt(s^2 (1 + 1/n) + e^2). Here s is the standard deviation "
    "over the seeds, taken for the published run's, too; e the standard error that the estimates bring into the mean; b "
    "their remaining bias; t is Student's for n - 1 degrees of freedom at 95 %, so that chance alone gives a verdict in one "
    "column of twenty. A single run has no s: it is told on which side it lies, which is no verdict.")


@dataclass(frozen=True)
class RunGroup:
    """Runs that differ in the seed only.

    Attributes:
        label: what tells them from the other groups, as of config.setting_names.
        config: that of the first run.
        seeds: one a run.
        metrics: one dict a run, as in metrics.json.
    """

    label: str
    config: Any
    seeds: Tuple[int, ...]
    metrics: Tuple[Dict, ...]

    @classmethod
    def of(cls, label, runs):
        """Return the RunGroup of some tasks.task.Runs."""
        return cls(label, runs[0].config, tuple(run.config.seed for run in runs), tuple(run.metrics for run in runs))


@dataclass(frozen=True)
class Row:
    """A metric of a RunGroup beside what it should be.

    Attributes:
        group: RunGroup.
        metric: str, as in metrics.json; definition: its estimation.metric.Metric.
        published: the published number, or None; optimum: the best possible one, or None.
        standing: "better", "worse" or "not distinguishable", beside the published number, or "on the better side" or "on the
            worse side" of one run; None without one.
        verdict: str, a few plain words on how the mean stands to the published number, or else to what it should be.
    """

    group: RunGroup
    metric: str
    definition: Metric
    published: Optional[Published] = None
    optimum: Optional[float] = None
    standing: Optional[str] = None
    verdict: str = ""

    @property
    def title(self):
        return self.definition.title

    @property
    def values(self):
        """The metric in each run, a list of floats; None in metrics.json is infinite."""
        return [self.definition.value(metrics[self.metric]) for metrics in self.group.metrics]

    @property
    def mean(self):
        """The mean over the runs, a float."""
        return float(np.mean(self.values))

    @property
    def spread(self):
        """The standard deviation over the runs (n - 1); None for one run or where the mean is infinite."""
        values = self.values
        return float(np.std(values, ddof=1)) if len(values) > 1 and math.isfinite(self.mean) else None

    @property
    def worst(self):
        """Of several runs the value that is farthest from the optimum; None of one run, or without an optimum."""
        if self.optimum is None or len(self.group.metrics) < 2:
            return None
        return max(self.values, key=lambda value: abs(value - self.optimum))

    @property
    def standard_error(self):
        """The mean's: the spread over the seeds / sqrt(n), and the estimates' own errors, as a root of the sum of squares.

        The seeds' spread has the estimates' errors in it, too: of several runs it is somewhat too large. None if the mean is
        infinite.
        """
        if not math.isfinite(self.mean):
            return None
        return math.hypot((self.spread or 0.0) / math.sqrt(len(self.group.metrics)), self._error_of_estimates)

    @property
    def least_difference(self):
        """How far the mean has to be from what rounds to a published number for a verdict, by RULE; None if it is infinite.

        Of one run: twice the error of the estimate, and its remaining bias.
        """
        if not math.isfinite(self.mean):
            return None
        n = len(self.group.metrics)
        factor = 2.0 if n == 1 else float(stdtrit(n - 1, 0.975))
        error = math.hypot((self.spread or 0.0) * math.sqrt(1 + 1 / n), self._error_of_estimates)
        return factor * error + float(np.mean(self._errors("_bias_left")))

    @property
    def _error_of_estimates(self):
        errors = self._errors("_standard_error")
        return math.sqrt(sum(error**2 for error in errors)) / len(errors)

    def _errors(self, suffix):
        return [metrics.get(self.metric + suffix) or 0.0 for metrics in self.group.metrics]


def obtained(mean, spread):
    """Return a mean and its spread as text, or a value and its standard error; an infinite one stands alone."""
    return number(mean) if spread is None or not math.isfinite(mean) else "%s ± %s" % (number(mean), number(spread))


def with_error(metrics, name, metric):
    """Return a metric of a metrics.json as text, with its standard error if it has one."""
    return obtained(metric.value(metrics[name]), metrics.get(name + "_standard_error"))


def median_and_range(values, form):
    """Return "median (smallest to largest)" of some values, each as the %-format `form` has it."""
    return ("%s (%s to %s)" % (form, form, form)) % (np.median(values), min(values), max(values))


def mean_and_range(values, form):
    """Return the mean of values and, if there are several, the smallest and the largest, as text, each by `form`."""
    mean = form % np.mean(values)
    return mean if len(values) == 1 else "%s (%s to %s)" % (mean, form % min(values), form % max(values))


def published_number(published):
    """Return a Published, or None, as text, with how it is known."""
    return "" if published is None else "%s (%s)" % (published.text, published.how)


def number(value, metric=None):
    """Return a metric's value, nats, as text with four decimals, or with six digits if that is less.

    None, as in metrics.json, is the infinity of `metric`, a Metric; without one it may be NaN, too.
    """
    if value is None:
        if metric is None:
            return "not finite"
        value = metric.worst
    if math.isfinite(value):
        return "%.4f" % value if abs(value) < 100 else "%.6g" % value
    return "infinite" if value > 0 else "-infinite"


def rate(value):
    """Return how many there are in a second, as text: whole ones or, of fewer than ten, two digits."""
    return "%.0f" % value if value >= 10 else "%.2g" % value


def signed(value):
    """Return a difference as text with its sign; nothing if it is infinite, as the value itself says so."""
    return "%+.4f" % value if math.isfinite(value) else ""


def count(n, noun):
    """Return e.g. "1 run" or "2 runs"."""
    return "%d %s%s" % (n, noun, "" if n == 1 else "s")
