import json
import os
import re

from helpers import ROOT, synthetic

from avb_tf1.page import numbers
from avb_tf1.page.settings_table import settings_table
from avb_tf1.plotting.style import CLASS_COLORS
from avb_tf1.problems.known_images.four_images import TABLE_1_METRICS
from avb_tf1.tasks.known_images import measures, published_rows

METRICS = {"log_likelihood": -1.5, "reconstruction_error": 0.02, "elbo": -1.6, "kl_marginal_prior": 0.1}


def table(**metrics_of):
    """The table of settings a, b, ..., and of one that has no finished run."""
    groups = [numbers.RunGroup(label, synthetic(), tuple(range(len(runs))), tuple(dict(METRICS, **run) for run in runs))
              for label, runs in metrics_of.items()]
    tables = {group.label: published_rows.rows([group]) for group in groups}
    return settings_table([*metrics_of, "none"], tables, measures.METRICS, TABLE_1_METRICS)


def marks(found, metric):
    column = list(found.columns).index(metric)
    return {label: cells[column][1] for label, cells in found.settings}


def test_classes_have_the_same_colours_on_the_page_as_in_the_figures():
    with open(os.path.join(ROOT, "avb_tf1", "page", "shared.js"), encoding="utf-8") as file:
        more, = re.findall(r"const MORE_COLORS = (\[[^\]]*\]);", file.read())
    more = json.loads(more)
    assert [more[k % len(more)] for k in range(4, 12)] == [color.lower() for color in CLASS_COLORS[4:12]]


def test_mean_and_spread_and_what_they_are_held_against():
    found = table(a=[{"elbo": -1.5}, {"elbo": -1.7}], b=[{}])
    assert list(found.columns) == list(TABLE_1_METRICS)
    texts = {label: [text for text, _ in cells] for label, cells in found.settings}
    assert texts == {"a": ["-1.5000 ± 0.0000", "0.0200 ± 0.0000", "-1.6000 ± 0.1414", "0.1000 ± 0.0000"],
                     "b": ["-1.5000", "0.0200", "-1.6000", "0.1000"], "none": [""] * 4}
    assert found.references == [("best possible", ["-1.3863", "0.0000", "-1.3863", "0.0000"]),
                                ("the paper's AVB, recalled", ["-1.403", "0.00577", "-1.421", "0.026"])]


def test_the_best_is_marked_at_the_right_end():
    found = table(a=[{"log_likelihood": -1.4, "elbo": None, "reconstruction_error": 0.03}],
                  b=[{"elbo": -9.0, "kl_marginal_prior": None, "kl_posterior_prior": 1.0}], c=[{"kl_marginal_prior": 0.2}])
    assert marks(found, "log_likelihood") == {"a": "best", "b": "", "c": "", "none": ""}
    assert marks(found, "elbo") == {"a": "", "b": "", "c": "best", "none": ""}
    assert marks(found, "kl_marginal_prior") == {"a": "best", "b": "", "c": "", "none": ""}
    assert marks(found, "reconstruction_error") == {"a": "", "b": "tied for best", "c": "tied for best", "none": ""}
    assert set(marks(found, "kl_posterior_prior").values()) == {""}  # has no better end


def test_what_looks_the_same_is_tied_and_one_setting_or_infinity_is_no_best():
    assert set(marks(table(a=[{"elbo": -1.50001}], b=[{"elbo": -1.50002}]), "elbo").values()) == {"tied for best", ""}
    assert set(marks(table(a=[{}]), "elbo").values()) == {""}
    assert set(marks(table(a=[{"elbo": None}], b=[{"elbo": None}]), "elbo").values()) == {""}
