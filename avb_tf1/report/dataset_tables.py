"""The tables of the page of models of a data set, as rows of text. Knows no TensorFlow."""

import dataclasses

from avb_tf1.evaluation.held_out import METRICS
from avb_tf1.report import comparison, settings_table
from avb_tf1.report.comparison import number
from avb_tf1.report.dataset_summary import found_by
from avb_tf1.runs import metrics_file

_LIKELIHOOD, _BY_IMPORTANCE, _ELBO, _BY_DISCRIMINATOR, _GAP = METRICS
NO_BOUND = "no bound: T may be wrong"
_PLAIN_WORDS = {
    _LIKELIHOOD: "log p(x): how well the decoder and the prior explain images that they were not trained on; higher is better",
    _BY_IMPORTANCE: "log p(x) once more, from samples of q(z|x): too low where q misses some of the posterior",
    _ELBO: "a lower bound on log p(x), by the true density of q(z|x); higher is better",
    _BY_DISCRIMINATOR: "the same with the discriminator's T for log q(z|x) − log p(z): " + NO_BOUND,
    _GAP: "test log-likelihood − test ELBO: 0 where q(z|x) is the exact posterior; lower is better",
}
_ASIDES = {_BY_IMPORTANCE: "a second opinion", _ELBO: "a lower bound on the log-likelihood", _BY_DISCRIMINATOR: NO_BOUND,
           _GAP: "best possible: 0"}
_SUFFIXES = ("_numerical_error", "_standard_error", "_bias_left")
_STARRED = (_LIKELIHOOD, _ELBO)  # what settings can be told apart by


def metric_rows(metrics):
    """Return a row for each metric: [(title, value, numerical error, error of a larger set, bias left, method, words)].

    All are text; of a metric that was not computed the value says so, and the last column why.
    """
    rows, reasons = [], metrics.get(metrics_file.NOT_COMPUTED, {})
    for name, metric in METRICS.items():
        if name in metrics:
            errors = [metrics.get(name + suffix) for suffix in _SUFFIXES]
            rows.append((metric.title, number(metrics[name], name), *["" if own is None else number(own) for own in errors],
                         found_by(name, metrics), _PLAIN_WORDS[name]))
        elif name in reasons:
            rows.append((metric.title, "not computed", "", "", "", "", reasons[name]))
    return rows


def key_numbers(metrics):
    """Return the few numbers at the top: [(value, what it is, what is told beside it)], text."""
    numbers = []
    for name, metric in METRICS.items():
        if name in metrics:
            found = "by %s%s" % (found_by(name, metrics), "" if name + "_numerical_error" not in metrics else (
                ", ± %s" % number(metrics[name + "_numerical_error"])))
            aside = found if name == _LIKELIHOOD else _ASIDES[name] if name == _BY_DISCRIMINATOR else (
                "%s; %s" % (_ASIDES[name], found))
            numbers.append((number(metrics[name], name), metric.title, aside))
    return numbers


def headline(metrics):
    """Return what the model makes of a test image, in a few words."""
    words = "log p(x) of a test image is %s nats on average" % number(metrics[_LIKELIHOOD], _LIKELIHOOD)
    if _GAP in metrics:
        words += "; the ELBO is %s below it, as q(z|x) is not quite the posterior" % number(metrics[_GAP], _GAP)
    return words


def settings_of(labels, groups, of_one_kind):
    """Return the settings_table.SettingsTable of a sweep.

    Args:
        labels: its settings, those without a finished run too; groups: comparison.RunGroups.
        of_one_kind: bool, whether all are measured on the same images: else none is the best.
    """
    table = settings_table.settings_table(labels, {group.label: _rows(group) for group in groups},
                                          _STARRED if of_one_kind else ())
    return dataclasses.replace(table, columns={
        name: title + " (no bound)" * (name == _BY_DISCRIMINATOR) for name, title in table.columns.items()})


def _rows(group):
    return [comparison.Row(group, name, metric.title, None, None, *comparison.mean_and_spread(group, name), None, None, "")
            for name, metric in METRICS.items() if all(name in metrics for metrics in group.metrics)]
