"""The 8x8 digits, VAEs, AVB and AVB with adaptive contrast, over a few seeds: a page of tables, and a picture."""

import os

import numpy as np

from avb_tf1.config.rivals import load_rivals
from avb_tf1.ground import files
from avb_tf1.page.numbers import mean_and_range
from avb_tf1.problems.registry import problem_of
from avb_tf1.report.comparison import markdown_page, markdown_table, paragraph
from avb_tf1.reproduction import figures, rivals_search
from avb_tf1.reproduction.paper import Wanted, ensure_runs, made_by, over_seeds, runs_of
from avb_tf1.reproduction.rivals import TITLES
from avb_tf1.runs import provenance, run_folder
from avb_tf1.tasks.data_set.contents import TEST_IMAGES
from avb_tf1.tasks.data_set.measures import METRICS, paired_difference

SEEDS = tuple(range(5))
# Problems of configs/rivals/rivals.yaml -> those of its methods that are shown; the first is what others are held against.
METHODS = rivals_search.OF_SETTINGS
_DRAWN = ("vae", "coupling", "avb", "avb_ac")  # of two latent dimensions
_SHOWN = (2, 4, 8)            # of the images that are looked at closely, one a class
_N_ERRORS = 3                 # standard errors of a difference that make it one
_COLUMNS = {"test_log_likelihood": "log p(x)", "test_elbo": "ELBO", "test_elbo_discriminator": "ELBO by T, no bound",
            "test_inference_gap": "KL(q || posterior)"}


def make(configs_folder, runs_folder, out, seeds=None):
    """Write digits.md and digits.png into the folder `out`.

    Arguments as of paper.make_table; `seeds`: a sequence of int, SEEDS if it is None. With fewer the page is called a draft.
    """
    seeds = SEEDS if seeds is None else seeds
    wanted = wanted_runs(configs_folder, seeds)
    runs = ensure_runs(configs_folder, runs_folder, wanted)
    of_all = os.path.dirname(os.path.normpath(runs_folder))
    known = rivals_search.RivalsRuns(configs_folder, os.path.join(of_all, "rivals"), of_all, out)
    grid, at_equal_time = _records(known, rivals_search.SETTINGS, ()), _records(known, rivals_search.TIME, seeds)
    known.records.write()
    paths = [os.path.join(out, name) for name in ("digits.md", "digits.png")]
    _draw(paths[1], {TITLES[method]: runs["digits_" + method] for method in _DRAWN})
    files.write_text(paths[0], _page(runs, wanted, grid, at_equal_time, seeds, configs(known, seeds)))
    print("\n".join(_table(runs)))
    print("Written to %s" % " and ".join(paths))


def wanted_runs(configs_folder, seeds):
    """Return the runs of the page, a list of paper.Wanted: those that `make rivals` compares at equal iterations."""
    known = load_rivals(configs_folder)
    found = (known[problem][method] for problem, methods in METHODS.items() for method in methods)
    return [Wanted(rival.name, os.path.relpath(rival.path, configs_folder)[:-len(".yaml")], seeds, rival.overrides)
            for rival in found]


def configs(known, seeds=SEEDS):
    """Return the configs of all runs of the page but those at equal CPU time, a list; `known`: rivals_search.RivalsRuns."""
    of_grid = [config for problem, methods in METHODS.items() for method in methods
               for config in known.configs(known.rivals[problem][method], rivals_search.SETTINGS, ())]
    return of_grid + [config for config, _ in runs_of(known.configs_folder, "", wanted_runs(known.configs_folder, seeds))]


def runs(configs_folder, runs_folder):
    """Return the runs of the page, as of paper.runs_of. Arguments as of make."""
    return runs_of(configs_folder, runs_folder, wanted_runs(configs_folder, SEEDS))


def _draw(path, runs):
    """The figure of figures.compared_on_data_set, of the first ones of Runs, by their titles."""
    models, shown = {}, list(_SHOWN)
    for title, own in runs.items():
        problem, seen = problem_of(own.configs[0]), next(own.arrays(run_folder.SNAPSHOTS))
        models[title] = dict(
            {name: seen[name][-1][shown] for name in ("samples", "density_axes", "density")},
            z=seen["z"][-1], label=seen["label"], manifold=problem.drawn(seen["manifold"][-1] / 255))
    images = problem.drawn(problem.test_images()[seen["image"][shown]])
    figures.compared_on_data_set(path, models, images, problem.class_names)


_CHOSEN = """\
Sizes, updates of T and pairs were found by log p(x) of test images, too, and more was tried for AVB; how many was not counted.
The learning rates are held against others, the same way for each method: %s times the config's own, seed %d, trained with 1197
images; the table has log p(x) of 300 that were set apart, nothing where that was not run. The rows above have times 1
throughout, and are trained with all 1497."""


_AT_EQUAL_TIME = """\
With the rates and the length that `make rivals-search` chose for each on validation images, seed %d, from %d settings a model,
those of eight dimensions with the rates of two; `make rivals` trains them. %s[rivals.md](rivals.md) has the other methods."""


def _records(known, comparison, seeds):
    """Of RivalsRuns the runs of a comparison: (problem, method) -> their Records, None where one isn't made."""
    rivals = {(problem, method): known.rivals[problem][method] for problem, methods in METHODS.items() for method in methods}
    return {key: [known.find(rival, config) for config in known.configs(rival, comparison, seeds)]
            for key, rival in rivals.items()}


def _at_equal_time(records, runs):
    """The section of the page on runs of the same CPU time, as of _records, a list of paragraphs; of none if there is none."""
    n, rows = sum(map(len, records.values())), []
    made = {key: [record for record in own if record is not None and not record.has_diverged] for key, own in records.items()}
    for (problem, method), own in made.items():
        if own:
            means = [[record.values[name] for record in own if name in record.values]
                     for name in ("test_log_likelihood", "test_inference_gap")]
            rows.append([
                TITLES[method], "%d" % runs["%s_%s" % (problem, method)].configs[0].model.latent_dim,
                *(mean_and_range(values, "%.3f") if values else "" for values in means), "%d" % own[0].n_iterations,
                mean_and_range([record.cpu_seconds for record in own], "%.0f"), "%d" % len(own)])
    n_missing = n - sum(map(len, made.values()))
    return [] if not rows else [
        "## At equal CPU time", paragraph(_AT_EQUAL_TIME % (
            rivals_search.SEED, len(rivals_search.RATE_FACTORS),
            "%d of %d runs are missing or diverged. " % (n_missing, n) if n_missing else "")),
        markdown_table(["model", "latent dimensions", "log p(x)", "KL(q || posterior)", "iterations", "CPU seconds", "seeds"],
                       rows)]


def _table_of_grid(grid, runs):
    """The lines of a table of each model's log p(x) of validation images, as far as _grid has it."""
    return markdown_table(
        ["model", "latent dimensions", *("rates times %g" % factor for factor in rivals_search.RATE_FACTORS)],
        [[TITLES[method], "%d" % runs["%s_%s" % (problem, method)].configs[0].model.latent_dim, *(
            "" if record is None else "diverged" if record.has_diverged else "%.3f" % record.values["validation_log_likelihood"]
            for record in records)]
         for (problem, method), records in grid.items()])


def _page(runs, wanted, grid, at_equal_time, seeds, configs):
    exact, annealed = ([name for name, own in runs.items() if (own.configs[0].model.latent_dim > 2) == is_annealed]
                       for is_annealed in (False, True))
    n_test = runs["digits_vae"].metrics[0]["n_test_images"]
    of_grid = [record for records in grid.values() for record in records]
    of_others = of_grid + [record for records in at_equal_time.values() for record in records]
    n_missing, told = of_grid.count(None), ", ".join(map(str, seeds))
    lacks = ["seed%s %s alone" % ("s" * (len(seeds) > 1), told)] * (len(seeds) < len(SEEDS)) + [
        "%d of %d runs of the choice of settings are missing" % (n_missing, len(of_grid))] * bool(n_missing)
    return markdown_page(
        "# The 8x8 digits: real images, log p(x) of images held out",
        ["scikit-learn's `load_digits`: 1497 images to train with, %d to test. A pixel is on with its intensity as" % n_test,
         "probability, drawn afresh in each batch; the test images are drawn once, the same for all models and seeds. Nats an",
         "image, of the test images. %s." % (
             "Seed %s" % told if len(seeds) == 1 else "Mean over seeds %s (smallest to largest)" % told)],
        *["**A draft: %s.**" % "; ".join(lacks)] * bool(lacks),
        provenance.made_by_text(made_by(runs) + [record.made_by for record in of_others if record is not None], configs),
        _table(runs),
        paragraph(_sentence(runs)),
        ["log p(x): by quadrature where the latent space has two dimensions, exact to %.4f nats on average; by annealed" % (
             _largest(runs, exact, "test_log_likelihood_numerical_error")),
         "importance sampling where it has eight, ± %.3f, and too low by some %.3f besides. ELBO: of AVB by nearest" % (
             _largest(runs, annealed, "test_log_likelihood_numerical_error"),
             _largest(runs, annealed, "test_log_likelihood_bias_left")),
         "neighbours, ± %.3f, and off by some %.3f besides. KL(q || posterior): log p(x) less the ELBO. CPU seconds:" % (
             _largest(runs, ["digits_avb", "digits_avb_ac"], "test_elbo_numerical_error"),
             _largest(runs, ["digits_avb", "digits_avb_ac"], "test_elbo_bias_left")),
         "of one training, another run beside it.",
         "VAE, weighted KL: KL(q || p(z)) counts .6 in the loss. Maximum likelihood: the decoder alone, without q."],
        "## Differences",
        ["Of log p(x), image by image. The standard error is that of the mean over the test images as a sample of all digits."
         " A",
         "difference counts where it is more than %d of its standard errors." % _N_ERRORS],
        ["| | latent dimensions | mean over seeds (smallest to largest) | standard error, mean | seeds in which it counts |",
         "|---|---|---|---|---|",
         *(_difference_row("%s_%s" % (problem, method), "%s_%s" % (problem, methods[0]), TITLES[method], runs)
           for problem, methods in METHODS.items() for method in methods[1:])],
        "## How the settings were chosen",
        _CHOSEN % (" or ".join("%g" % factor for factor in rivals_search.RATE_FACTORS), rivals_search.SEED),
        _table_of_grid(grid, runs),
        *_at_equal_time(at_equal_time, runs),
        "![Latent spaces](digits.png)",
        ["Seed 0, two latent dimensions. From the top: codes of the test images by class; the decoder's images at quantiles of",
         "the prior; of three test images samples of q(z|x) under lines about 50 and 95 % of the exact p(z|x)."],
        ["Written by `make digits`, which trains a run on each core, those of the choice of settings first.",
         "The runs, with the same bits, one alone:"],
        [own.command for own in wanted])


def _largest(runs, names, error):
    """The largest of what metrics.json calls `error` in the runs of some names."""
    return max(own.get(error, 0) for name in names for own in runs[name].metrics)


def _table(runs):
    return markdown_table(["model", "latent dimensions", *_COLUMNS.values(), "CPU seconds"], [
        [TITLES[method], "%d" % own.configs[0].model.latent_dim,
         *(over_seeds(own.group, METRICS, column, "%.3f") for column in _COLUMNS), "%.0f" % np.mean(own.cpu_seconds)]
        for problem, methods in METHODS.items() for method in methods for own in (runs["%s_%s" % (problem, method)],)])


def _sentence(runs):
    """What a model costs and how far its q is from the posterior, beside its log p(x), as text; means over seeds."""
    told = []
    for problem, methods in METHODS.items():
        for method in methods:
            own = runs["%s_%s" % (problem, method)]
            values = [[metrics.get(name) for metrics in own.metrics] for name in ("test_log_likelihood", "test_inference_gap")]
            if None not in values[0] + values[1]:
                told.append("%s (%d) %.3f with %.3f in %.0f" % (
                    TITLES[method], own.configs[0].model.latent_dim, *map(np.mean, values), np.mean(own.cpu_seconds)))
    return ("log p(x) with KL(q || posterior) in CPU seconds, where the KL is known, latent dimensions in brackets: %s."
            % "; ".join(told))


def _difference_row(name, other, title, runs):
    pairs = zip(*(runs[own].arrays(TEST_IMAGES) for own in (name, other)))
    differences, errors = np.transpose([paired_difference(*(own["log_likelihood"] for own in pair)) for pair in pairs])
    return "| %s over %s | %d | %s | %.3f | %d of %d |" % (
        title, TITLES[METHODS["digits"][0]], runs[name].configs[0].model.latent_dim, mean_and_range(differences, "%+.3f"),
        errors.mean(), (abs(differences) > _N_ERRORS * errors).sum(), len(errors))
