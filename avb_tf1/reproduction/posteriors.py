"""All given posteriors with all methods: a page of tables, and pictures."""

import os

from avb_tf1.config.baselines import load_baselines
from avb_tf1.ground import files
from avb_tf1.report.comparison import markdown_page
from avb_tf1.reproduction import posterior_comparison
from avb_tf1.runs import provenance

# The configs of each problem, by their names in configs/posteriors; the last one is called as the problem.
CONFIGS = (("explaining_away",), ("logistic_regression",), ("stan_gauss",), ("banana",), ("donut",),
           ("tuned_stan_eight_schools", "stan_eight_schools"), ("eight_schools",))
SEEDS = tuple(range(5))
FEWER_SEEDS = {"stan_eight_schools": (0,)}  # as published it takes ten minutes
_WITH_MARGINALS = ("stan_eight_schools", "eight_schools")  # problems whose marginals are drawn, too: ten dimensions


def make(configs_folder, runs_folder, out):
    """Write posteriors.md, posteriors.png and posteriors_marginals_<problem>.png into the folder `out`.

    Arguments as of paper.make_table, but in `runs_folder` a folder for each problem's comparison.
    """
    comparisons = {}
    for names in CONFIGS:
        comparisons[names[-1]] = posterior_comparison.compare(
            _paths(configs_folder, names), *_paths(configs_folder, ["baselines"]), SEEDS, os.path.join(runs_folder, names[-1]),
            FEWER_SEEDS)
    paths = [os.path.join(out, name) for name in ("posteriors.md", "posteriors.png", *map(_marginals_of, _WITH_MARGINALS))]
    posterior_comparison.draw_pairs(paths[1], comparisons.values())
    for path, name in zip(paths[2:], _WITH_MARGINALS):
        posterior_comparison.draw_marginals(path, comparisons[name])
    files.write_text(paths[0], _page(comparisons, [config for config, _ in runs(configs_folder, runs_folder)]))
    print("Written to %s" % ", ".join(paths))


def runs(configs_folder, runs_folder):
    """Return the page's runs, as of paper.runs_of; arguments as of make."""
    settings = load_baselines(*_paths(configs_folder, ["baselines"]))
    return [run for names in CONFIGS for own in posterior_comparison.runs_of_methods(
        _paths(configs_folder, names), settings, SEEDS, os.path.join(runs_folder, names[-1]), FEWER_SEEDS) for run in own]


def _paths(configs_folder, names):
    return [os.path.join(configs_folder, "posteriors", name + ".yaml") for name in names]


def _marginals_of(name):
    return "posteriors_marginals_%s.png" % name


def _page(comparisons, configs):
    sections = []
    for name, own in comparisons.items():
        sections += ["## %s" % own.problem.title, own.problem.introduction, posterior_comparison.table(own)]
        if name in _WITH_MARGINALS:
            sections.append("![Marginals](%s)" % _marginals_of(name))
    return markdown_page(
        "# Given posteriors: methods compared",
        posterior_comparison.LEGEND,
        provenance.made_by_text([made_by for own in comparisons.values() for made_by in own.made_by], configs),
        "![Samples](posteriors.png)",
        ["Samples of each method, its first seed, in the plane of the first two coordinates; dark, what is exact: lines that",
         "enclose 50 and 95 % of the posterior or, in ten dimensions, draws of it. Rows in the order of the tables."],
        *sections,
        ["Written by `make posteriors`. The configs are `configs/posteriors/NAME.yaml` and, for Gaussians and samplers,",
         "`configs/posteriors/baselines.yaml`; `scripts/compare_posteriors.py` does the same for any of them."])
