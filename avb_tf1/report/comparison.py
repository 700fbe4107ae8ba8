"""Finished runs beside the published numbers, as rows and as a Markdown table. Knows no TensorFlow."""

import math
import os
import textwrap
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

import numpy as np

from avb_tf1.config.labels import labels_of
from avb_tf1.config.loading import fingerprint, load_config
from avb_tf1.config.schema import Config
from avb_tf1.evaluation.measurement import METRICS
from avb_tf1.ground.errors import InputError
from avb_tf1.problems.published import Published
from avb_tf1.problems.registry import problem_of
from avb_tf1.runs import run_folder
from avb_tf1.runs.metrics_file import infinity, read_metrics

_STANDINGS = {"worse": "than", "not distinguishable": "from", "better": "than"}
RULE = ("Better or worse than a published number: the mean over the n runs is more than twice its standard error away from all "
        "that rounds to that number. The standard error: the standard deviation over the seeds / sqrt(n), combined with the "
        "estimates' own (root of the sum of squares). Of one run it is the estimate's own alone: the spread between seeds is "
        "not known.")


@dataclass(frozen=True)
class RunGroup:
    """Runs that differ in the seed only.

    Attributes:
        label: what tells them from the other groups, as of labels.labels_of.
        config: that of the first run.
        seeds: one a run.
        metrics: one dict a run, as in metrics.json.
    """

    label: str
    config: Config
    seeds: Tuple[int, ...]
    metrics: Tuple[Dict, ...]


def read_runs(folders):
    """Return the finished runs in `folders` as RunGroups, in the order in which their configs first appear.

    Raises:
        InputError: a folder holds no finished run or one of a given posterior, or two folders hold the same config and seed.
    """
    groups: List[List] = []
    for folder in folders:
        config, metrics = _read(folder)
        key = dict(fingerprint(config), seed=None, name=config.name)
        group = next((group for group in groups if group[0] == key), None)
        if group is None:
            group = [key, []]
            groups.append(group)
        for other_folder, other, _ in group[1]:
            if os.path.realpath(folder) == os.path.realpath(other_folder):
                raise InputError("%s: given twice" % folder)
            if config.seed == other.seed:
                raise InputError("%s: %s holds a run of %s with seed %d too" % (folder, other_folder, config.name, config.seed))
        group[1].append((folder, config, metrics))
    return [RunGroup(label, runs[0][1], tuple(config.seed for _, config, _ in runs), tuple(metrics for _, _, metrics in runs))
            for label, (_, runs) in zip(labels_of([runs[0][1] for _, runs in groups]), groups)]


def _read(folder):
    if not os.path.isdir(folder):
        raise InputError("%s: %s" % (folder, "not a folder" if os.path.lexists(folder) else "no such folder"))
    if os.path.isfile(os.path.join(folder, run_folder.SWEEP_STATE)):
        raise InputError("%s: a sweep's folder; give the folders of its runs" % folder)
    if not run_folder.is_file(os.path.join(folder, run_folder.CONFIG)) or not run_folder.is_complete(folder):
        raise InputError("%s: not a finished run (it needs %s and %s)" % (folder, run_folder.CONFIG, run_folder.METRICS))
    config = load_config(os.path.join(folder, run_folder.CONFIG))
    if config.is_of_dataset:
        raise InputError("%s: a run of %s; only models of the images that the paper has numbers of stand beside them" % (
            folder, config.data.kind))
    if not config.model.is_of_images:
        raise InputError("%s: a run of a given posterior; only models of images stand beside the paper's numbers. Its %s has "
                         "its own" % (folder, run_folder.REPORT))
    return config, read_metrics(folder, config)[0]


@dataclass(frozen=True)
class Row:
    """A metric of a RunGroup beside what it should be.

    Attributes:
        group: RunGroup.
        metric: str, as in metrics.json; title: what it is called in a table.
        published: the paper's number, or None; optimum: the best possible one, or None.
        mean, spread: as of mean_and_spread.
        worst: of several runs the value that is farthest from the optimum; None of one run, or without an optimum.
        standing: "better", "worse" or "not distinguishable", beside the published number and by RULE; None without one.
        verdict: str, a few plain words on how the mean stands to the published number, or else to what it should be.
    """

    group: RunGroup
    metric: str
    title: str
    published: Optional[Published]
    optimum: Optional[float]
    mean: float
    spread: Optional[float]
    worst: Optional[float]
    standing: Optional[str]
    verdict: str


def rows(groups):
    """Return the Rows of some RunGroups: for each, one for every metric that all its runs have."""
    found = []
    for group in groups:
        problem, model = problem_of(group.config), group.config.model
        for name, metric in METRICS.items():
            if all(name in metrics for metrics in group.metrics):
                mean, spread = mean_and_spread(group, name)
                published = problem.published.get(model.paper_row, {}).get(name)
                optimum = problem.optima[name].value if name in problem.optima else None
                standing = None
                if published is not None:
                    standing = _standing(name, published, mean, standard_error(group, name))
                    verdict = _beside_published(standing, mean - published.value)
                elif optimum is not None:
                    verdict = "%s from the optimum" % number(abs(mean - optimum)) if math.isfinite(mean) else number(mean)
                elif name == "kl_discriminator" and "kl_posterior_prior" in group.metrics[0]:  # what it stands for
                    verdict = _beside_true(mean, mean_and_spread(group, "kl_posterior_prior")[0])
                else:
                    verdict = ""
                worst = None if optimum is None else _worst(group, name, optimum)
                found.append(Row(group, name, metric.title, published, optimum, mean, spread, worst, standing, verdict))
    return found


def headline(group):
    """Return how a RunGroup stands to the paper's row, over all of its columns and by RULE: a few words for a headline."""
    published = [row for row in rows([group]) if row.published is not None]
    if not published:
        return "nothing is published to hold it against"
    standings = [row.standing for row in published]
    first, *others = sorted(set(standings), key=lambda standing: (-standings.count(standing), list(_STANDINGS).index(standing)))
    n_columns = len(problem_of(group.config).published[group.config.model.paper_row])
    n_missing = n_columns - len(published)
    where = "%d of %d columns" % (standings.count(first), n_columns) if others or n_missing else "every column"
    parts = ["%s %s the paper's %s in %s" % (first, _STANDINGS[first], group.config.model.paper_row, where)]
    parts += ["%s in %d" % (standing, standings.count(standing)) for standing in others]
    parts += ["%d not computed" % n_missing] if n_missing else []
    parts += ["with %s %s" % (row.title, number(row.mean)) for row in published if not math.isfinite(row.mean)]
    return ", ".join(parts) + ("" if len(group.seeds) > 1 else " (one run: the spread between seeds is not known)")


def markdown(groups):
    """Return one table with a row for each config and metric, the RULE of its verdicts, and a line with each config's own."""
    lines = ["| config | metric | published | optimum | obtained | worst seed | seeds | in words |", "|---" * 8 + "|"]
    for row in rows(groups):
        lines.append("| %s | %s | %s | %s | %s | %s | %d | %s |" % (
            row.group.label, markdown_title(row.metric), published_number(row.published),
            "" if row.optimum is None else number(row.optimum), obtained(row.mean, row.spread),
            "" if row.worst is None else number(row.worst), len(row.group.seeds), row.verdict))
    verdicts = ["- %s: %s." % (group.label, headline(group)) for group in groups]
    return "\n".join([*lines, "", textwrap.fill(RULE, 118), "", *verdicts])


def markdown_title(metric):
    """Return what a metric is called in a Markdown table."""
    return METRICS[metric].title.replace("|", "\\|")


def values_of(group, name):
    """Return a metric's value in each of a RunGroup's runs, a list of floats; None in metrics.json is infinite."""
    return [infinity(name) if metrics[name] is None else metrics[name] for metrics in group.metrics]


def _worst(group, name, optimum):
    return max(values_of(group, name), key=lambda value: abs(value - optimum)) if len(group.metrics) > 1 else None


def mean_and_spread(group, name):
    """Return a metric's mean over a RunGroup's runs and its standard deviation (n - 1); None for one run or no finite mean."""
    values = values_of(group, name)
    mean = float(np.mean(values))
    return mean, float(np.std(values, ddof=1)) if len(values) > 1 and math.isfinite(mean) else None


def standard_error(group, name):
    """Return the standard error of a metric's mean over a RunGroup's runs, as in RULE; None if the mean is infinite.

    The seeds' spread has the estimates' errors in it, too: of several runs it is somewhat too large.
    """
    mean, spread = mean_and_spread(group, name)
    if not math.isfinite(mean):
        return None
    n, own = len(group.metrics), [metrics.get(name + "_standard_error", 0.0) for metrics in group.metrics]
    return math.sqrt((spread or 0.0)**2 / n + sum(error**2 for error in own) / n**2)


def obtained(mean, spread):
    """Return what mean_and_spread gave as text, or a value and its standard error; an infinite one stands alone."""
    return number(mean) if spread is None or not math.isfinite(mean) else "%s ± %s" % (number(mean), number(spread))


def mean_and_range(values, form):
    """Return the mean of values and, if there are several, the smallest and the largest, as text, each by `form`."""
    mean = form % np.mean(values)
    return mean if len(values) == 1 else "%s (%s to %s)" % (mean, form % min(values), form % max(values))


def published_number(published):
    """Return a Published, or None, as text, with how it is known."""
    return "" if published is None else "%s (%s)" % (number(published.value), published.how)


def _standing(name, published, mean, error):
    difference = mean - published.value
    if error is not None and abs(difference) <= published.rounding + 2 * error:
        return "not distinguishable"
    return "better" if (difference > 0) == (infinity(name) < 0) else "worse"


def _beside_published(standing, difference):
    by = "" if standing == "not distinguishable" else _by(difference)
    return "%s %s published%s" % (standing, _STANDINGS[standing], by)


def _beside_true(estimate, true):
    return "%s than the true one%s" % ("higher" if estimate > true else "lower", _by(estimate - true))


def _by(difference):
    return " by %s" % number(abs(difference)) if math.isfinite(difference) else ""


def number(value, name=""):
    """Return a metric's value, nats, as text with four decimals, or with six digits if that is less.

    None, as in metrics.json, is the infinity of metric `name`; without a name it may be NaN, too.
    """
    if value is None:
        if not name:
            return "not finite"
        value = infinity(name)
    if math.isfinite(value):
        return "%.4f" % value if abs(value) < 100 else "%.6g" % value
    return "infinite" if value > 0 else "-infinite"
