"""The settings of a sweep beside each other: a row each, a column a metric, the best marked. Knows no TensorFlow."""

import math
from dataclasses import dataclass
from typing import Dict, List, Tuple

from avb_tf1.page import numbers


@dataclass(frozen=True)
class SettingsTable:
    """What stands in the table, as text.

    Attributes:
        columns: metric -> title.
        settings: (label, cells), the rows; a cell is (mean and spread, mark), the mark "best", "tied for best" or "".
        references: (title, cells), the rows of what the settings are held against.
    """

    columns: Dict[str, str]
    settings: List[Tuple[str, List[Tuple[str, str]]]]
    references: List[Tuple[str, List[str]]]

    @property
    def has_best(self):
        """Whether a mean is marked."""
        return any(mark for _, cells in self.settings for _, mark in cells)


def settings_table(labels, tables, metrics, starred):
    """Return the SettingsTable of a sweep.

    Args:
        labels: its settings, those without a finished run too.
        tables: label -> the numbers.Rows of the setting's finished runs; at least one.
        metrics: name -> estimation.metric.Metric, in the columns' order.
        starred: the metrics of which the best mean is marked.
    """
    rows = {(label, row.metric): row for label, found in tables.items() for row in found}
    known = {row.metric for row in rows.values()}
    columns = {name: metric.title + metric.note for name, metric in metrics.items() if name in known}
    means = {metric: {label: rows[label, metric].mean for label in tables if (label, metric) in rows} for metric in starred}
    best = {name: _best(values, metrics[name]) for name, values in means.items() if len(values) > 1}

    def cell(label, metric):
        row = rows.get((label, metric))
        if row is None:
            return "", ""
        is_best, n_best = label in best.get(metric, ()), len(best.get(metric, ()))
        return numbers.obtained(row.mean, row.spread), ("best" if n_best == 1 else "tied for best") if is_best else ""

    references = {"best possible": {
        row.metric: numbers.number(row.optimum) for row in rows.values() if row.optimum is not None}}
    for row in rows.values():
        if row.published is not None:
            title = "the paper's %s, %s" % (row.group.config.model.paper_row, row.published.how)
            references.setdefault(title, {})[row.metric] = row.published.text
    return SettingsTable(
        columns, [(label, [cell(label, metric) for metric in columns]) for label in labels],
        [(title, [values.get(metric, "") for metric in columns])
         for title, values in references.items() if values])


def _best(means, metric):
    """The labels of the best of means, label -> mean; several where they look the same, none where all are infinite."""
    best = (max if metric.is_higher_better else min)(means.values())
    return [label for label, mean in means.items()
            if math.isfinite(best) and numbers.number(mean) == numbers.number(best)]
