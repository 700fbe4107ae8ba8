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
from avb_tf1.reproduction.paper import ensure_runs, made_by_text, published
from avb_tf1.runs import run_folder
from avb_tf1.tasks.known_images.measures import METRICS

CONFIGS = (
    "recipes/poole_gist", "recipes/mescheder_vae", "recipes/mescheder_avb", "recipes/gdikov_vae", "recipes/gdikov_avb",
    "recipes/gdikov_avb_ac", "recipes/kumada_avb", "recipes/fangleai_fenchel", "synthetic", "paper_vae", "paper_avb",
    "fast_avb", "tuned_avb")
# Where the published length takes hours on 2 cores: the iterations that are run instead.
SHORTENED = {"recipes/mescheder_avb": 1500}

_COLUMNS = ("log_likelihood", "elbo", "inference_gap", "kl_marginal_prior", "reconstruction_error", "kl_posterior_prior",
            "kl_discriminator")


def make_comparison(configs_folder, runs_folder, out):
    """Write recipes.md and recipes.png into the folder `out`. Arguments as of paper.make_table."""
    wanted = wanted_runs()
    runs = ensure_runs(configs_folder, runs_folder, wanted)
    published_lengths = [published_length(configs_folder, name) for name in CONFIGS]
    table = _table(runs, published_lengths)
    text_path, picture_path = (os.path.join(out, name) for name in ("recipes.md", "recipes.png"))
    files.write_text(text_path, _page(table, [own.command for own in wanted], made_by_text(runs)))
    figures.latent_spaces(picture_path, [_panel(own, length) for own, length in zip(runs.values(), published_lengths)],
                          four_images.PROBLEM.drawn(four_images.PROBLEM.images), n_columns=5)
    print("\n".join(table))
    print("Written to %s and %s" % (text_path, picture_path))


def wanted_runs():
    """Return the runs of the page, a list of paper.Wanted."""
    return [published(name, overrides(name)) for name in CONFIGS]


def published_length(configs_folder, name):
    """Return how many iterations a config of CONFIGS has."""
    return load_config(os.path.join(configs_folder, name + ".yaml")).training.n_iterations


def overrides(name):
    """Return what a config of CONFIGS is run with, beside its file, as "KEY=VALUE" strings."""
    return ["training.n_iterations=%d" % SHORTENED[name]] if name in SHORTENED else []


def _table(runs, published_lengths):
    """The lines of a Markdown table: the published numbers, the optimum, and a row for each recipe."""
    rows = []
    for title, of_title in (("paper's VAE", TABLE_1["VAE"]), ("paper's AVB", TABLE_1["AVB"]), ("optimum", OPTIMUM)):
        cells = [number(of_title[name].value) if name in of_title else "" for name in _COLUMNS]
        rows.append(["*%s*" % title, *cells, "", "", ""])
    for own, published_length in zip(runs.values(), published_lengths):
        cells = [Row(own.group, name, METRICS[name]) if name in own.metrics[0] else None for name in _COLUMNS]
        length = own.configs[0].training.n_iterations
        rows.append([
            own.configs[0].name, *("" if row is None else obtained(row.mean, row.spread) for row in cells),
            "%d" % len(own.folders), "%d" % length if length == published_length else "%d of %d" % (length, published_length),
            "%.2f" % (np.mean(own.cpu_seconds) / 60)])
    titles = [METRICS[name].title for name in _COLUMNS]
    return comparison.markdown_table(["recipe", *titles, "seeds", "iterations", "CPU minutes"], rows)


def _page(table, commands, origin):
    return comparison.markdown_page(
        "# The published recipes of this experiment, side by side",
        ["Mean ± standard deviation over seeds. Nats per example, the reconstruction error per pixel;",
         "log-likelihoods by quadrature, KL divergences of implicit posteriors by k nearest neighbours. Published: Table 1",
         "of Mescheder, Nowozin, Geiger 2017 (arXiv 1701.04722v4), recalled from memory of it. Iterations \"A of B\": the run",
         "has A, the published recipe B, which takes too long on 2 cores. CPU minutes: of one run's training, all its threads.",
         "Each config names its sources and its departures from them."],
        origin,
        table,
        "![Latent spaces](recipes.png)",
        "Samples of q(z|x), seed 0, one colour an image; circles at 1, 2 and 3 standard deviations of the prior.",
        "Written by `make recipes`. The runs are made by",
        commands)


def _panel(runs, length):
    elbo, n_iterations = number(runs.metrics[0]["elbo"], METRICS["elbo"]), runs.configs[0].training.n_iterations
    latents = next(runs.arrays(run_folder.LATENTS))
    cut = "" if n_iterations == length else "\n%d of %d iterations" % (n_iterations, length)
    return "%s\nELBO %s%s" % (runs.configs[0].name, elbo, cut), latents["z"], latents["label"]
