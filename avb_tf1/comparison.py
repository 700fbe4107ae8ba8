"""Finished runs beside the published numbers, as rows and as a Markdown table. Knows no TensorFlow."""

import math
import os
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

import numpy as np

from avb_tf1 import files, run_folder
from avb_tf1.config import fingerprint, load_config
from avb_tf1.errors import InputError
from avb_tf1.labels import labels_of
from avb_tf1.published import OPTIMUM, TABLE_1, Published
from avb_tf1.schema import Config

COLUMNS = ("log_likelihood", "reconstruction_error", "elbo", "kl_marginal_prior")  # Table 1's
_TITLES = {
    "log_likelihood": "log-likelihood",
    "reconstruction_error": "reconstruction error (nats per pixel)",
    "elbo": "ELBO",
    "kl_marginal_prior": "KL(q(z), p(z))",
    "kl_posterior_prior": "mean KL(q(z|x), p(z))",
    "kl_discriminator": "the same, by the discriminator",
    "inference_gap": "inference gap",
}
_HIGHER_IS_BETTER = ("log_likelihood", "elbo")


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
        InputError: a folder holds no finished run, or two folders hold the same config and seed.
    """
    groups: List[List] = []
    for folder in folders:
        config, metrics = _read(folder)
        key = dict(fingerprint(config), seed=None, name=config.name)
        group = next((group for group in groups if group[0] == key), None)
        if group is None:
            group = [key, []]
            groups.append(group)
        if any(config.seed == other.seed for other, _ in group[1]):
            raise InputError("%s: another folder holds a run of %s with seed %d too" % (folder, config.name, config.seed))
        group[1].append((config, metrics))
    return [RunGroup(label, runs[0][0], tuple(config.seed for config, _ in runs), tuple(metrics for _, metrics in runs))
            for label, (_, runs) in zip(labels_of([runs[0][0] for _, runs in groups]), groups)]


def _read(folder):
    if not os.path.isfile(os.path.join(folder, run_folder.CONFIG)) or not run_folder.is_complete(folder):
        raise InputError("%s: not a finished run (it needs %s and %s)" % (folder, run_folder.CONFIG, run_folder.METRICS))
    config = load_config(os.path.join(folder, run_folder.CONFIG))
    path = os.path.join(folder, run_folder.METRICS)
    try:
        metrics = files.read_json(path)
        values = [metrics[name] for name in _TITLES if name in COLUMNS or name in metrics]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError("%s: can't read the metrics: %s" % (path, error))
    if not all(value is None or isinstance(value, float) for value in values):
        raise InputError("%s: can't read the metrics: not all of them are numbers" % path)
    return config, metrics


@dataclass(frozen=True)
class Row:
    """A metric of a RunGroup beside what it should be.

    Attributes:
        group: RunGroup.
        metric: str, as in metrics.json; title: what it is called in a table.
        published: the paper's number, or None; optimum: the best possible one, or None.
        mean, spread: as of mean_and_spread.
        verdict: str, a few plain words on how the mean stands to the published number, or else to what it should be.
    """

    group: RunGroup
    metric: str
    title: str
    published: Optional[Published]
    optimum: Optional[float]
    mean: float
    spread: Optional[float]
    verdict: str


def rows(groups):
    """Return the Rows of some RunGroups: for each, one for every metric that all its runs have."""
    found = []
    for group in groups:
        for name, title in _TITLES.items():
            if all(name in metrics for metrics in group.metrics):
                mean, spread = mean_and_spread(group, name)
                published = TABLE_1["vae" if group.config.model.kind == "vae" else "avb"].get(name)
                optimum = OPTIMUM[name].value if name in OPTIMUM else None
                if published is not None:
                    verdict = _beside_published(name, published.value, mean, spread)
                elif optimum is not None:
                    verdict = "%s from the optimum" % number(abs(mean - optimum)) if math.isfinite(mean) else "infinite"
                else:  # kl_discriminator stands for kl_posterior_prior
                    verdict = _beside_true(mean, mean_and_spread(group, "kl_posterior_prior")[0])
                found.append(Row(group, name, title, published, optimum, mean, spread, verdict))
    return found


def markdown(groups):
    """Return one table with a row for each config and metric, and a sentence for each departure from a published number."""
    lines = ["| config | metric | published | optimum | obtained | seeds |", "|---|---|---|---|---|---|"]
    sentences = []
    for row in rows(groups):
        name = row.group.label
        lines.append("| %s | %s | %s | %s | %s | %d |" % (
            name, row.title.replace("|", "\\|"), published_number(row.published),
            "" if row.optimum is None else number(row.optimum), obtained(row.mean, row.spread), len(row.group.seeds)))
        if row.published is not None:
            sentences.append("- %s: %s is %s, %s." % (
                name, row.title.replace("|", "\\|"), obtained(row.mean, row.spread), row.verdict))
    return "\n".join(lines + [""] + sentences)


def mean_and_spread(group, name):
    """Return a metric's mean over a RunGroup's runs and its standard deviation (n - 1); None for one run or no finite mean."""
    values = [infinity(name) if metrics[name] is None else metrics[name] for metrics in group.metrics]
    mean = float(np.mean(values))
    return mean, float(np.std(values, ddof=1)) if len(values) > 1 and math.isfinite(mean) else None


def infinity(name):
    """Return the infinity that None stands for in a metric: the one at its bad end."""
    return -math.inf if name in _HIGHER_IS_BETTER else math.inf


def obtained(mean, spread):
    """Return what mean_and_spread gave as text."""
    return number(mean) if spread is None else "%s ± %s" % (number(mean), number(spread))


def published_number(published):
    """Return a Published, or None, as text, with how it is known."""
    return "" if published is None else "%s (%s)" % (number(published.value), published.how)


def _beside_published(name, published, mean, spread):
    difference = mean - published
    better = (difference > 0) == (name in _HIGHER_IS_BETTER)
    if spread is not None and abs(difference) <= 2 * spread:
        return "the paper's %s within twice the spread" % number(published)
    return "%s than the paper's %s%s" % ("better" if better else "worse", number(published), _by(difference))


def _beside_true(estimate, true):
    return "%s than the true one%s" % ("higher" if estimate > true else "lower", _by(estimate - true))


def _by(difference):
    return " by %s" % number(abs(difference)) if math.isfinite(difference) else ""


def number(value):
    """Return a metric's value, nats, as text with four decimals; None, as in metrics.json, stands for an infinite one."""
    if value is None or not math.isfinite(value):
        return "infinite"
    return "%.4f" % value
