"""AVB beside methods whose q(z|x) has a density, on every problem: at equal iterations and at equal CPU time."""

import contextlib
import os
from typing import NamedTuple

import numpy as np

from avb_tf1.config import rivals as settings
from avb_tf1.config.baselines import load_baselines
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.page.numbers import Row, RunGroup, mean_and_range
from avb_tf1.problems.registry import problem_of
from avb_tf1.report.comparison import markdown_page, markdown_table
from avb_tf1.reproduction import figures, posterior_comparison
from avb_tf1.reproduction.paper import Runs, over_seeds
from avb_tf1.reproduction.rivals_search import ITERATIONS, RATE_FACTORS, SEARCHED, SEED, TIME, at_equal_time, folder_of
from avb_tf1.runs import provenance, run_folder
from avb_tf1.tasks.given_posterior.reference import references_if_known
from avb_tf1.tasks.registry import task_of

SEEDS = tuple(range(5))       # of a page that is no draft
TITLES = {"vae": "VAE", "vae_weighted": "VAE, weighted KL", "full_rank": "full-rank Gaussian", "iaf": "IAF",
          "coupling": "coupling flow", "spline": "spline flow", "iwae": "IWAE", "avb": "AVB", "avb_ac": "AVB + AC",
          "maximum_likelihood": "maximum likelihood", "hmc": "HMC"}
_HEADINGS = {ITERATIONS: "At equal iterations", TIME: "At equal CPU time"}
_KL = "KL(q \\|\\| p(z\\|x))"
_LEGEND = """\
Mean over seeds (smallest to largest), nats. log p(x): of test images, of all four images, or the evidence of a given posterior.
ELBO: by the density, or for AVB by nearest neighbours; "by T" where only the discriminator tells it, no bound. KL: of q(z|x)
from the exact posterior. W1: Wasserstein-1 of the coordinates' marginals in exact standard deviations, their mean and the
largest (of derived quantities, too). CPU seconds: of one training, or sampling, on one thread. IWAE: trained by the bound of
16 samples; its ELBO here is that of one. Maximum likelihood: the decoder alone, by 2048 samples of the prior."""
# Of each task, in a table's order: metric -> its title and the form of its numbers.
_COLUMNS = {
    "known_images": {"log_likelihood": ("log p(x)", "%.4f"), "elbo": ("ELBO", "%.4f"), "inference_gap": (_KL, "%.4f")},
    "given_posterior": {"log_evidence": ("log p(x)", "%.4f"), "elbo": ("ELBO", "%.4f"), "inference_gap": (_KL, "%.4f"),
                        "wasserstein": ("mean W1", "%.3f")},
    "data_set": {"test_log_likelihood": ("log p(x)", "%.3f"), "test_elbo": ("ELBO", "%.3f"),
                 "test_inference_gap": (_KL, "%.3f")}}
_BY_T = {"test_elbo": "test_elbo_discriminator"}  # what stands for the first, named so, where there is none
_QUALITY = {"known_images": "log_likelihood", "given_posterior": "wasserstein", "data_set": "test_log_likelihood"}


class _Result(NamedTuple):
    """What a method made of a problem: its RunGroup, CPU seconds of each run, iterations, None of a sampler, and origins."""

    method: str
    group: RunGroup
    cpu_seconds: list
    n_iterations: int
    made_by: tuple


def make(configs_folder, runs_folder, others_folder, run_seeds, out):
    """Write rivals.md and rivals.png into the folder `out`, from finished runs; a comparison that lacks some says so.

    Args:
        configs_folder: str, where the configs are.
        runs_folder: str, where scripts/sweep.py left the runs of rivals_search.write_configs.
        others_folder: str, where `make posteriors` and `make digits` leave theirs, which stand for runs of the same configs; a
            sampler's draws are kept there as well.
        run_seeds: sequence of int, the seeds of each run; with fewer than SEEDS the page is called a draft.
        out: str.
    """
    known, has_chosen = settings.load_rivals(configs_folder), os.path.isfile(
        os.path.join(configs_folder, "rivals", settings.CHOSEN))
    chosen = settings.load_chosen(configs_folder) if has_chosen else {}
    hmc = load_baselines(os.path.join(configs_folder, "posteriors", "baselines.yaml")).hmc
    sections, panels, origins, missing = [], [], [], []
    for problem, of_problem in known.items():
        first = next(iter(of_problem.values())).config()
        sampled = [_sampled(problem, first, hmc, run_seeds, others_folder)] if first.task == "given_posterior" else []
        title = "%s, %d dimensions" % (problem_of(first).title, first.model.latent_dim)
        sections.append("## %s" % (title[0].upper() + title[1:]))
        points = {}
        for comparison, heading in _HEADINGS.items():
            results = []
            for rival in of_problem.values():
                found = _found(rival, comparison, chosen, runs_folder, others_folder, run_seeds)
                if found is None:
                    missing.append("%s, %s" % (rival.name, heading.lower()))
                else:
                    results.append(found)
                    origins += found.made_by
            if results:
                sections += ["### %s" % heading, _table(task_of(first), results + sampled)]
            for result in results + sampled:
                points.setdefault(TITLES[result.method], []).append(_point(task_of(first), result))
        panels.append((title, task_of(first).metrics[_QUALITY[first.task]], points))
    paths = [os.path.join(out, name) for name in ("rivals.md", "rivals.png")]
    figures.quality_against_time(paths[1], panels)
    files.write_text(paths[0], _page(sections, origins, missing, run_seeds))
    print("Written to %s" % " and ".join(paths))


def _found(rival, comparison, chosen, runs_folder, others_folder, run_seeds):
    """The _Result of a Rival whose runs are finished, wherever they are; else None."""
    runs = []
    for seed in run_seeds:
        override = "seed=%d" % seed
        try:
            config = rival.config("", override) if comparison == ITERATIONS else at_equal_time(rival, chosen, override)
        except InputError:
            return None
        # As make posteriors and make digits call it.
        own_name = "%s_seed_%d" % (os.path.splitext(os.path.basename(rival.path))[0], seed)
        folders = [folder_of(runs_folder, config), os.path.join(others_folder, "digits", own_name),
                   os.path.join(others_folder, "posteriors", rival.problem, own_name)]
        folder = next((folder for folder in folders if _is_finished(folder, config)), None)
        if folder is None:
            return None
        runs.append((config, folder))
    found = Runs.read(runs)
    return _Result(rival.method, found.group, found.cpu_seconds, runs[0][0].training.n_iterations, found.made_by)


def _is_finished(folder, config):
    with contextlib.suppress(InputError):  # of another config
        return run_folder.is_finished(folder, config)
    return False


def _sampled(problem, config, hmc, run_seeds, others_folder):
    """The _Result of Hamiltonian Monte Carlo on a config's problem; its draws are kept where make posteriors keeps them."""
    folder = os.path.join(others_folder, "posteriors", problem)
    os.makedirs(folder, exist_ok=True)
    own = problem_of(config)
    method = posterior_comparison.sampled(
        own, posterior_comparison.identity(config), references_if_known(own)[0], hmc, run_seeds, folder)
    return _Result("hmc", method.group, [metrics["cpu_seconds"] for metrics in method.group.metrics], None, ())


def _table(task, results):
    columns, rows = _COLUMNS[task.name], []
    with_worst = task.name == "given_posterior"
    for result in results:
        cells = []
        for name, (_, form) in columns.items():
            by_t = result.group.metrics[0].get("methods", {}).get(name) == "discriminator"
            text = over_seeds(result.group, task.metrics, name, form)
            if not text and name in _BY_T:
                by_t, text = True, over_seeds(result.group, task.metrics, _BY_T[name], form)
            cells.append("by T: " + text if by_t and text else text)
        rows.append([TITLES[result.method], *cells, *([posterior_comparison.largest(result.group)] if with_worst else []),
                     "" if result.n_iterations is None else "%d" % result.n_iterations,
                     mean_and_range(result.cpu_seconds, "%.0f")])
    titles = [title for title, _ in columns.values()] + ["largest W1"] * with_worst
    return markdown_table(["method", *titles, "iterations", "CPU seconds"], rows)


def _point(task, result):
    """CPU seconds, and the quality's mean, least and largest."""
    name = _QUALITY[task.name]
    values = Row(result.group, name, task.metrics[name]).values
    return float(np.mean(result.cpu_seconds)), float(np.mean(values)), min(values), max(values)


def _page(sections, origins, missing, run_seeds):
    is_draft = missing or len(run_seeds) < len(SEEDS)
    seeds_text = ", ".join(map(str, run_seeds))
    return markdown_page(
        "# AVB beside its rivals",
        ["**A draft: %s%s.**" % (
            "seed %s alone" % seeds_text if len(run_seeds) == 1 else "seeds %s" % seeds_text,
            "; %d of the runs below are missing" % (len(missing) * len(run_seeds)) if missing else "")] if is_draft else
        ["Seeds %s." % seeds_text],
        _LEGEND,
        ["At equal iterations each method has the rates of its config. At equal CPU time it has these times the best of",
         "%s, and as many iterations as the seconds allow" % ", ".join("%g" % factor for factor in RATE_FACTORS),
         "(`cpu_seconds` in `configs/rivals/rivals.yaml`): chosen on seed %d, of the digits on validation images, for" % SEED,
         "%s. The other problems have the factors of the nearest of these." % ", ".join(SEARCHED)],
        provenance.made_by_text(origins),
        "![Quality against CPU seconds](rivals.png)",
        "A line joins a method's runs at equal iterations and at equal CPU time; bars reach from the smallest to the largest.",
        *sections,
        ["Written by `make rivals`; `make rivals-search` chooses the settings. A run alone: the config of",
         "`configs/rivals/rivals.yaml`, with its changes as `--set KEY=VALUE`."])
