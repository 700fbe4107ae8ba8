"""Models of known images beside the published numbers and the optimum, and in words. Knows no TensorFlow."""

import math
from dataclasses import replace

from avb_tf1.page.numbers import Row, number
from avb_tf1.problems.registry import problem_of
from avb_tf1.tasks.known_images.measures import METRICS

_STANDINGS = {"worse": "than", "on the worse side": "of", "not distinguishable": "from", "on the better side": "of",
              "better": "than"}


def rows(groups):
    """Return the numbers.Rows of some numbers.RunGroups: for each, one for every metric that all its runs have."""
    return [_row(group, problem_of(group.config), name) for group in groups for name in METRICS
            if all(name in metrics for metrics in group.metrics)]


def _row(group, problem, name):
    published = problem.published.get(group.config.model.paper_row, {}).get(name)
    optimum = problem.optima[name].value if name in problem.optima else None
    row = Row(group, name, METRICS[name], published, optimum)
    standing, verdict = None, ""
    if published is not None:
        standing = _standing(row)
        by = "" if standing == "not distinguishable" else _by(row.mean - published.value)
        verdict = "%s %s published%s" % (standing, _STANDINGS[standing], by)
    elif optimum is not None:
        verdict = "%s from the optimum" % number(abs(row.mean - optimum)) if math.isfinite(row.mean) else number(row.mean)
    elif name == "kl_discriminator" and "kl_posterior_prior" in group.metrics[0]:  # what it stands for
        true = Row(group, "kl_posterior_prior", METRICS["kl_posterior_prior"]).mean
        verdict = "%s than nearest neighbours have it%s" % ("higher" if row.mean > true else "lower", _by(row.mean - true))
    return replace(row, standing=standing, verdict=verdict)


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
    return ", ".join(parts) + ("" if len(group.seeds) > 1 else " (one run, without a spread: no verdict)")


def _standing(row):
    difference, least = row.mean - row.published.value, row.least_difference
    if least is not None and abs(difference) <= row.published.rounding + least:
        return "not distinguishable"
    standing = "better" if (difference > 0) == row.definition.is_higher_better else "worse"
    return standing if len(row.group.seeds) > 1 else "on the %s side" % standing


def _by(difference):
    return " by %s" % number(abs(difference)) if math.isfinite(difference) else ""
