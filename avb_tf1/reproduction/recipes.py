"""The published recipes of this experiment side by side: trained over a few seeds and evaluated exactly."""

import os

import numpy as np

from avb_tf1.config.loading import load_config
from avb_tf1.ground import files
from avb_tf1.page.numbers import Row, number, obtained
from avb_tf1.problems.known_images import four_images
from avb_tf1.problems.known_images.four_images import OPTIMUM, TABLE_1
from avb_tf1.report import comparison
from avb_tf1.reproduction import figures
from avb_tf1.reproduction.paper import Wanted, command, ensure_runs, seeds
from avb_tf1.runs import provenance, run_folder
from avb_tf1.tasks.known_images.measures import METRICS

CONFIGS = (
    "recipes/poole_gist", "recipes/mescheder_vae", "recipes/mescheder_avb", "recipes/gdikov_vae", "recipes/gdikov_avb",
    "recipes/gdikov_avb_ac", "recipes/kumada_avb", "synthetic", "paper_vae", "paper_avb", "fast_avb",
    "tuned_avb")
# Where the published length takes hours on 2 cores: the iterations that are run instead.
SHORTENED = {"recipes/mescheder_avb": 1500}

_COLUMNS = ("log_likelihood", "elbo", "inference_gap", "kl_marginal_prior", "reconstruction_error", "kl_posterior_prior",
            "kl_discriminator")


def make_comparison(configs_folder, runs_folder, out):
    """Write recipes.md and recipes.png, from finished runs where they exist; what is missing is trained first.

    Args:
        configs_folder: str, where the configs are.
        runs_folder: str, where the runs are or will be: <config>_seed_<n>.
        out: str, the folder to write into.
    """
    folders, made_by = ensure_runs(configs_folder, runs_folder, [
        Wanted(name, seed, overrides(name)) for name in CONFIGS for seed in seeds(name)])
    rest = iter(folders)
    rows = [[next(rest) for _ in seeds(name)] for name in CONFIGS]
    groups = [comparison.read_runs(row)[0] for row in rows]
    lengths = {name: load_config(os.path.join(configs_folder, name + ".yaml")).training.n_iterations for name in CONFIGS}
    table = _table(groups, rows, lengths)
    text_path, picture_path = (os.path.join(out, name) for name in ("recipes.md", "recipes.png"))
    files.write_text(text_path, _page(table, made_by))
    panels = [_panel(group, row[0]) for group, row in zip(groups, rows)]
    figures.latent_spaces(picture_path, panels, four_images.PROBLEM.drawn(four_images.PROBLEM.images), n_columns=5)
    print("\n".join(table))
    print("Written to %s and %s" % (text_path, picture_path))


def overrides(name):
    """Return what a config of CONFIGS is run with, beside its file, as "KEY=VALUE" strings."""
    return ["training.n_iterations=%d" % SHORTENED[name]] if name in SHORTENED else []


def _table(groups, rows, lengths):
    """The lines of a Markdown table: the published numbers, the optimum, and a row for each recipe."""
    titles = [comparison.markdown_title(METRICS[name]) for name in _COLUMNS]
    lines = ["| recipe | %s | seeds | iterations | CPU minutes |" % " | ".join(titles),
             "|---" * (len(_COLUMNS) + 4) + "|"]
    for title, published in (("paper's VAE", TABLE_1["VAE"]), ("paper's AVB", TABLE_1["AVB"]), ("optimum", OPTIMUM)):
        cells = [number(published[name].value) if name in published else "" for name in _COLUMNS]
        lines.append("| *%s* | %s | | | |" % (title, " | ".join(cells)))
    for name, group, row in zip(CONFIGS, groups, rows):
        cells = [_obtained(Row(group, column, METRICS[column])) if column in group.metrics[0] else "" for column in _COLUMNS]
        n_iterations = group.config.training.n_iterations
        length = "%d" % n_iterations if n_iterations == lengths[name] else "%d of %d" % (n_iterations, lengths[name])
        lines.append("| %s | %s | %d | %s | %.2f |" % (
            group.config.name, " | ".join(cells), len(row), length, _cpu_minutes(row)))
    return lines


def _obtained(row):
    return obtained(row.mean, row.spread)


def _cpu_minutes(folders):
    """CPU minutes of a whole training, on average."""
    return float(np.mean([training_cpu_seconds(folder) for folder in folders])) / 60


def training_cpu_seconds(folder):
    """Return the CPU seconds of the whole training of the run in a folder, of all its threads."""
    return files.read_json(os.path.join(folder, run_folder.TIMING))["cpu_seconds"]


def _page(table, made_by):
    return "\n".join([
        "# The published recipes of this experiment, side by side",
        "",
        "Mean ± standard deviation over seeds. Nats per example, the reconstruction error per pixel;",
        "log-likelihoods by quadrature, KL divergences of implicit posteriors by k nearest neighbours. Published: Table 1",
        "of Mescheder, Nowozin, Geiger 2017 (arXiv 1701.04722v4), recalled from memory of it. Iterations \"A of B\": the run",
        "has A, the published recipe B, which takes too long on 2 cores. CPU minutes: of one run's training, all its threads.",
        "Each config names its sources and its departures from them.",
        "",
        provenance.made_by_text(made_by),
        ""] + table + [
        "",
        "![Latent spaces](recipes.png)",
        "",
        "Samples of q(z|x), seed 0, one colour an image; circles at 1, 2 and 3 standard deviations of the prior.",
        "",
        "Written by `make recipes`. The runs are made by",
        ""] + [command(name, overrides(name)) for name in CONFIGS] + [""])


def _panel(group, folder):
    latents = files.read_arrays(os.path.join(folder, run_folder.LATENTS))
    elbo = number(group.metrics[0]["elbo"], METRICS["elbo"])
    return "%s\nELBO %s" % (group.config.name, elbo), latents["z"], latents["label"]
