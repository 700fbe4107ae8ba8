"""How near to the optimum each config comes, and what its training takes; with every published run in one file."""

import csv
import io
import os

import numpy as np

from avb_tf1.ground import files
from avb_tf1.page.numbers import Row, mean_and_range
from avb_tf1.problems.known_images.four_images import OPTIMUM, TABLE_1
from avb_tf1.report import comparison
from avb_tf1.reproduction import figures, recipes
from avb_tf1.reproduction.paper import ensure_runs, made_by_text, published
from avb_tf1.tasks.known_images.measures import METRICS

# Beside the configs at their own lengths: name -> config, overrides.
_LONGER = {"synthetic_10000": ("synthetic", ("training.n_iterations=10000",))}
_DISTANCES = ("elbo", "log_likelihood")  # whose distances from their optima are drawn
_ERRORS = ("", "_standard_error", "_bias_left")


def make(configs_folder, runs_folder, out):
    """Write time_to_quality.md and .png, and runs.csv, into the folder `out`. Arguments as of paper.make_table."""
    wanted = wanted_runs()
    runs = ensure_runs(configs_folder, runs_folder, wanted)
    runs = {name: runs[name] for name in sorted(runs, key=lambda name: np.mean(runs[name].cpu_seconds))}
    table = _table(runs)
    paths = [os.path.join(out, name) for name in ("time_to_quality.md", "time_to_quality.png", "runs.csv")]
    shortened = [(os.path.basename(name), n, recipes.published_length(configs_folder, name))
                 for name, n in recipes.SHORTENED.items() if name in recipes.CONFIGS]
    files.write_text(paths[0], _page(table, [own.command for own in wanted], made_by_text(runs), shortened))
    paper = {name: OPTIMUM[name].value - TABLE_1["AVB"][name].value for name in _DISTANCES}
    figures.time_to_quality(
        paths[1], {name: np.mean(own.cpu_seconds) for name, own in runs.items()},
        [("optimum − %s" % METRICS[metric].title, {name: _distances(own, metric) for name, own in runs.items()}, paper[metric])
         for metric in _DISTANCES],
        [own.name for own in wanted if os.path.dirname(own.config)])
    files.write_text(paths[2], _every_run({own.name: runs[own.name] for own in wanted}))
    print("\n".join(table))
    print("Written to %s" % ", ".join(paths))


def wanted_runs():
    """Return the runs of the page, a list of paper.Wanted."""
    return [published(config, recipes.overrides(config)) for config in recipes.CONFIGS] + [
        published(config, overrides, name) for name, (config, overrides) in _LONGER.items()]


def _distances(runs, metric):
    return OPTIMUM[metric].value - np.array(Row(runs.group, metric, METRICS[metric]).values)


def _table(runs):
    titles = ["run", "iterations", "seeds", "CPU seconds", *("optimum - %s" % METRICS[metric].title for metric in _DISTANCES)]
    return comparison.markdown_table(titles, [
        [name, "%d" % own.configs[0].training.n_iterations, "%d" % len(own.folders), mean_and_range(own.cpu_seconds, "%.3g"),
         *(mean_and_range(_distances(own, metric), "%.4f") for metric in _DISTANCES)] for name, own in runs.items()])


def _page(table, commands, origin, shortened):
    """`shortened`: (name, iterations that are run, those of the recipe) of each run that is cut short."""
    return comparison.markdown_page(
        "# Quality against training time",
        ["How many nats each config's ELBO and log-likelihood lie below the optimum, -log 4, mean (smallest to largest) over",
         "seeds, beside the CPU seconds of one training, all its threads; its evaluation, figures and page come on top."],
        "![Quality against training time](time_to_quality.png)",
        ["Orange: the published recipes, blue: the others; dots are means, bars reach from the smallest to the largest.",
         *("%s has %d of its %d iterations." % own for own in shortened)],
        origin,
        table,
        "Every run, with its metrics and errors, is in [runs.csv](runs.csv). Written by `make time`; the runs are made by",
        commands)


def _every_run(runs):
    """The text of a CSV file with a line for each run; what a model doesn't have is empty."""
    text = io.StringIO()
    columns = [metric + suffix for metric in METRICS for suffix in _ERRORS]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", "seed", "n_iterations", "training_cpu_seconds", *columns])
    for name, own in runs.items():
        for config, metrics, seconds in zip(own.configs, own.metrics, own.cpu_seconds):
            values = [metrics.get(column) for column in columns]
            writer.writerow([name, config.seed, config.training.n_iterations, "%.4g" % seconds]
                            + ["" if value is None else "%.7f" % value for value in values])
    return text.getvalue()
