"""How near to the optimum each config comes, and what its training takes; with every published run in one file."""

import csv
import io
import os

import numpy as np

from avb_tf1.ground import files
from avb_tf1.page.numbers import Row
from avb_tf1.problems.known_images.four_images import OPTIMUM, TABLE_1
from avb_tf1.report import comparison
from avb_tf1.reproduction import figures, recipes
from avb_tf1.reproduction.paper import Wanted, command, ensure_runs, seeds
from avb_tf1.runs import provenance
from avb_tf1.tasks.known_images.measures import METRICS

# Beside the configs at their own lengths: name -> config, overrides.
_LONGER = {"synthetic_10000": ("synthetic", ("training.n_iterations=10000",))}
_DISTANCES = ("elbo", "log_likelihood")  # whose distances from their optima are drawn
_ERRORS = ("", "_standard_error", "_bias_left")


def make(configs_folder, runs_folder, out):
    """Write time_to_quality.md and .png, and runs.csv, from finished runs where they exist; what is missing is trained first.

    Args:
        configs_folder: str, where the configs are.
        runs_folder: str, where the runs are or will be: <config>_seed_<n>.
        out: str, the folder to write into.
    """
    settings = [(os.path.basename(config), config, recipes.overrides(config)) for config in recipes.CONFIGS]
    settings += [(name, config, overrides) for name, (config, overrides) in _LONGER.items()]
    folders, made_by = ensure_runs(configs_folder, runs_folder, [
        Wanted(config, seed, overrides, name) for name, config, overrides in settings for seed in seeds(name)])
    rest = iter(folders)
    runs = {name: [next(rest) for _ in seeds(name)] for name, _, _ in settings}
    groups = {name: comparison.read_runs(own)[0] for name, own in runs.items()}
    cpu_seconds = {name: [recipes.training_cpu_seconds(folder) for folder in own] for name, own in runs.items()}
    in_order = sorted(groups, key=lambda name: np.mean(cpu_seconds[name]))
    table = _table(in_order, groups, cpu_seconds)
    paths = [os.path.join(out, name) for name in ("time_to_quality.md", "time_to_quality.png", "runs.csv")]
    commands = [command(config, overrides, name) for name, config, overrides in settings]
    files.write_text(paths[0], _page(table, commands, made_by))
    paper = {name: OPTIMUM[name].value - TABLE_1["AVB"][name].value for name in _DISTANCES}
    figures.time_to_quality(
        paths[1], {name: np.mean(cpu_seconds[name]) for name in in_order},
        [("optimum − %s" % METRICS[metric].title, {name: _distances(groups[name], metric) for name in in_order}, paper[metric])
         for metric in _DISTANCES],
        [name for name, config, _ in settings if os.path.dirname(config)])
    files.write_text(paths[2], _every_run(groups, cpu_seconds))
    print("\n".join(table))
    print("Written to %s" % ", ".join(paths))


def _distances(group, metric):
    return OPTIMUM[metric].value - np.array(Row(group, metric, METRICS[metric]).values)


def _table(names, groups, cpu_seconds):
    titles = ["optimum - %s" % METRICS[metric].title for metric in _DISTANCES]
    lines = ["| run | iterations | seeds | CPU seconds | %s |" % " | ".join(titles), "|---" * (4 + len(titles)) + "|"]
    for name in names:
        cells = [_mean_and_range(_distances(groups[name], metric), "%.4f") for metric in _DISTANCES]
        lines.append("| %s | %d | %d | %s | %s |" % (
            name, groups[name].config.training.n_iterations, len(cpu_seconds[name]),
            _mean_and_range(cpu_seconds[name], "%.3g"), " | ".join(cells)))
    return lines


def _mean_and_range(values, form):
    return "%s (%s to %s)" % tuple(form % value for value in (np.mean(values), np.min(values), np.max(values)))


def _page(table, commands, made_by):
    return "\n".join([
        "# Quality against training time",
        "",
        "How many nats each config's ELBO and log-likelihood lie below the optimum, -log 4, mean (smallest to largest) over",
        "seeds, beside the CPU seconds of one training, all its threads; its evaluation, figures and page come on top.",
        "",
        "![Quality against training time](time_to_quality.png)",
        "",
        provenance.made_by_text(made_by),
        ""] + table + [
        "",
        "Every run, with its metrics and errors, is in [runs.csv](runs.csv). Written by `make time`; the runs are made by",
        ""] + commands + [""])


def _every_run(groups, cpu_seconds):
    """The text of a CSV file with a line for each run; what a model doesn't have is empty."""
    text = io.StringIO()
    columns = [metric + suffix for metric in METRICS for suffix in _ERRORS]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", "seed", "n_iterations", "training_cpu_seconds", *columns])
    for name, group in groups.items():
        for seed, metrics, seconds in zip(group.seeds, group.metrics, cpu_seconds[name]):
            values = [metrics.get(column) for column in columns]
            writer.writerow([name, seed, group.config.training.n_iterations, "%.1f" % seconds]
                            + ["" if value is None else "%.7f" % value for value in values])
    return text.getvalue()
