"""The 8x8 digits, VAEs, AVB and AVB with adaptive contrast, over a few seeds: a page of tables, and a picture."""

import os
from typing import Dict, NamedTuple, Tuple

import numpy as np

from avb_tf1.config.loading import load_config
from avb_tf1.ground import files
from avb_tf1.page.numbers import mean_and_range
from avb_tf1.problems.registry import problem_of
from avb_tf1.reproduction import figures
from avb_tf1.reproduction.paper import Wanted, ensure_runs
from avb_tf1.reproduction.recipes import training_cpu_seconds
from avb_tf1.runs import metrics_file, provenance, run_folder
from avb_tf1.tasks.data_set.contents import TEST_IMAGES
from avb_tf1.tasks.data_set.measures import METRICS, paired_difference
from avb_tf1.tasks.data_set.task import N_DENSE_IMAGES
from avb_tf1.tasks.registry import task_of

SEEDS = tuple(range(5))
# Names in configs/images: what a reader calls each, and which other one it is held against.
CONFIGS = {"digits_vae": ("VAE", None), "digits_avb": ("AVB", "digits_vae"), "digits_avb_ac": ("AVB + AC", "digits_vae"),
           "digits_8_vae": ("VAE", None), "digits_8_avb_ac": ("AVB + AC", "digits_8_vae")}
_DRAWN = ("digits_vae", "digits_avb", "digits_avb_ac")
_SHOWN = (2, 4, 8)            # of the images that are looked at closely, one a class
_N_ERRORS = 3                 # standard errors of a difference that make it one
_COLUMNS = {"test_log_likelihood": "log p(x)", "test_elbo": "ELBO", "test_elbo_discriminator": "ELBO by T, no bound",
            "test_inference_gap": "KL(q, posterior)"}


class Runs(NamedTuple):
    """The finished runs of a config, a row for each seed.

    Attributes:
        latent_dim: int.
        metrics: one dict a run, as in metrics.json.
        log_likelihood: float64 [n_seeds, n_test], nats, log p(x) of each test image.
        cpu_seconds: float, of one training, on average.
    """

    latent_dim: int
    metrics: Tuple[Dict, ...]
    log_likelihood: np.ndarray
    cpu_seconds: float


def make(configs_folder, runs_folder, out):
    """Write digits.md and digits.png; what is missing is trained first.

    Args:
        configs_folder: str, where the folder images of configs is.
        runs_folder: str, where the runs are or will be: <config>_seed_<n>.
        out: str, the folder to write into.
    """
    folders, made_by = ensure_runs(configs_folder, runs_folder, [
        Wanted("images/" + name, seed) for name in CONFIGS for seed in SEEDS])
    of_config = {name: folders[number * len(SEEDS):][:len(SEEDS)] for number, name in enumerate(CONFIGS)}
    runs = {name: _read(own) for name, own in of_config.items()}
    paths = [os.path.join(out, name) for name in ("digits.md", "digits.png")]
    _draw(paths[1], {CONFIGS[name][0]: of_config[name][0] for name in _DRAWN})
    files.write_text(paths[0], _page(runs, made_by))
    print("\n".join(_table(runs)))
    print("Written to %s" % " and ".join(paths))


def _read(folders):
    configs = [load_config(run_folder.config_path(folder)) for folder in folders]
    metrics = [metrics_file.read_metrics(folder, config, task_of(config))[0] for folder, config in zip(folders, configs)]
    values = [files.read_arrays(os.path.join(folder, TEST_IMAGES))["log_likelihood"] for folder in folders]
    return Runs(configs[0].model.latent_dim, tuple(metrics), np.array(values),
                float(np.mean([training_cpu_seconds(folder) for folder in folders])))


def _draw(path, folders):
    """The figure of figures.compared_on_data_set, of runs in folders, by their titles."""
    models, shown = {}, list(_SHOWN)
    for title, folder in folders.items():
        problem = problem_of(load_config(run_folder.config_path(folder)))
        seen = files.read_arrays(os.path.join(folder, run_folder.SNAPSHOTS))
        models[title] = dict(
            {name: seen[name][-1][shown] for name in ("samples", "density_axes", "density")},
            z=seen["z"][-1], label=seen["label"], manifold=problem.drawn(seen["manifold"][-1] / 255))
    images = problem.drawn(problem.test_images()[seen["image"][shown]])
    figures.compared_on_data_set(path, models, images, problem.class_names)


def _page(runs, made_by):
    annealed = [name for name in CONFIGS if name not in _DRAWN]
    differences = [_difference_row(name, runs) for name, (_, other) in CONFIGS.items() if other]
    n_test = runs["digits_vae"].metrics[0]["n_test_images"]
    return "\n".join([
        "# The 8x8 digits: real images, log p(x) of images held out",
        "",
        "scikit-learn's `load_digits`: 1497 images to train with, %d to test. A pixel is on with its intensity as" % n_test,
        "probability, drawn afresh in each batch; the test images are drawn once, the same for all models and seeds. Nats an",
        "image, of the test images. Mean over seeds %s (smallest to largest)." % ", ".join(map(str, SEEDS)),
        "",
        provenance.made_by_text(made_by),
        "",
        *_table(runs),
        "",
        "log p(x): by quadrature where the latent space has two dimensions, exact to %.4f nats on average; by annealed" % (
            _largest(runs, _DRAWN, "_numerical_error")),
        "importance sampling where it has eight, ± %.3f, and too low by some %.3f besides. ELBO: of AVB by nearest" % (
            _largest(runs, annealed, "_numerical_error"), _largest(runs, annealed, "_bias_left")),
        "neighbours, from %d of the images, drawn by the seed. KL(q, posterior): log p(x) less the ELBO. CPU seconds:" % (
            N_DENSE_IMAGES),
        "of one training, all its threads, another run beside it.",
        "",
        "## Differences",
        "",
        "Of log p(x), image by image. The standard error is that of the mean over the test images as a sample of all digits. A",
        "difference counts where it is more than %d of its standard errors." % _N_ERRORS,
        "",
        "| | latent dimensions | mean over seeds (smallest to largest) | standard error, mean | seeds in which it counts |",
        "|---|---|---|---|---|",
        *differences,
        "",
        "![Latent spaces](digits.png)",
        "",
        "Seed 0, two latent dimensions. From the top: codes of the test images by class; the decoder's images at quantiles of",
        "the prior; of three test images samples of q(z|x) under lines about 50 and 95 % of the exact p(z|x).",
        "",
        "Written by `make digits`, which trains a run on each core. One of them alone, with the same bits:",
        "`python scripts/train.py --config configs/images/NAME.yaml --set seed=N`.",
        ""])


def _largest(runs, names, suffix):
    """Of log p(x)'s errors by that name, over all runs."""
    return max(own.get("test_log_likelihood" + suffix, 0) for name in names for own in runs[name].metrics)


def _table(runs):
    titles = ["config", "model", "latent dimensions", *_COLUMNS.values(), "CPU seconds"]
    lines = ["| %s |" % " | ".join(titles), "|---" * len(titles) + "|"]
    for name, own in runs.items():
        cells = [_cell(own.metrics, column) for column in _COLUMNS]
        lines.append("| %s | %s | %d | %s | %.0f |" % (
            name, CONFIGS[name][0], own.latent_dim, " | ".join(cells), own.cpu_seconds))
    return lines


def _cell(metrics, name):
    if name not in metrics[0]:
        return ""
    return mean_and_range([METRICS[name].value(of_run[name]) for of_run in metrics], "%.3f")


def _difference_row(name, runs):
    other = CONFIGS[name][1]
    pairs = [paired_difference(*values) for values in zip(runs[name].log_likelihood, runs[other].log_likelihood)]
    differences, errors = np.array(pairs).T
    return "| %s over %s | %d | %s | %.3f | %d of %d |" % (
        CONFIGS[name][0], CONFIGS[other][0], runs[name].latent_dim, mean_and_range(differences, "%+.3f"), errors.mean(),
        (abs(differences) > _N_ERRORS * errors).sum(), len(pairs))
