"""The paper's figure and table, from finished runs where they exist; what is missing is trained first."""

import contextlib
import os
import time
from typing import NamedTuple, Sequence

import numpy as np

from avb_tf1.config.loading import load_config
from avb_tf1.estimation import quadrature
from avb_tf1.experiment.run import ensure_finished, opened_run
from avb_tf1.ground import files
from avb_tf1.problems.known_images import four_images
from avb_tf1.report import comparison
from avb_tf1.reproduction import figures
from avb_tf1.runs import metrics_file, provenance, run_folder
from avb_tf1.tasks.registry import task_of

TABLE_CONFIGS = ("synthetic", "paper_vae", "paper_avb", "fast_avb", "tuned_avb")
FIGURE_CONFIGS = (("VAE", "paper_vae"), ("AVB", "paper_avb"))
SEEDS = tuple(range(10))
# Of what takes more than three minutes a run, at its published length, and of a config once more at another.
FEWER_SEEDS = dict.fromkeys(("paper_avb", "mescheder_avb", "synthetic_10000"), SEEDS[:5])
_FIGURE_AXIS = np.linspace(-3.8, 3.8, 381)


class Wanted(NamedTuple):
    """A run: `config` is the file's name in the configs' folder, without ".yaml"; `overrides` are "KEY=VALUE" strings.

    `name` is what its folder is called, before the seed, if not as the file.
    """

    config: str
    seed: int
    overrides: Sequence[str] = ()
    name: str = ""


def seeds(name):
    """Return the seeds of what is called so in Wanted, a config or a name, for the published tables."""
    return FEWER_SEEDS.get(os.path.basename(name), SEEDS)


def command(config, overrides=(), name=""):
    """Return a line of a Markdown list: what makes the runs of a config. Arguments as of Wanted."""
    return "- `python scripts/train.py --config configs/%s.yaml --set seed=N%s`, N = %s" % (
        config, "".join(" --set " + override for override in overrides), ", ".join(map(str, seeds(name or config))))


def make_table(configs_folder, runs_folder, path):
    """Write Table 1 as Markdown: the tutorial's, the paper's and our own configs, five or ten seeds each.

    Args:
        configs_folder: str, where the configs are.
        runs_folder: str, where the runs are or will be: <config>_seed_<n>.
        path: str, the Markdown file to write.
    """
    folders, made_by = ensure_runs(configs_folder, runs_folder,
                                   [Wanted(name, seed) for name in TABLE_CONFIGS for seed in seeds(name)])
    table = comparison.markdown(comparison.read_runs(folders))
    files.write_text(path, "\n".join([
        "# Table 1: published and obtained",
        "",
        "Mean ± standard deviation over seeds; nats per example, the reconstruction error per pixel.",
        "Published: Table 1 of Mescheder, Nowozin, Geiger 2017 (arXiv 1701.04722v4); \"recalled\" means quoted from memory of",
        "the paper. For `synthetic`, `fast_avb` and `tuned_avb`, which the paper doesn't have, its AVB stands there. The",
        "optimum is exact; the worst seed is the one farthest from it. Written by `make table`; the runs are made by",
        ""] + [command(name) for name in TABLE_CONFIGS] + ["", provenance.made_by_text(made_by), "", table, ""]))
    print(table)
    print("Written to %s" % path)


def make_figure(configs_folder, runs_folder, path):
    """Write Figure 5: latent codes and exact posteriors of the paper's VAE and AVB, seed 0. Arguments as of make_table."""
    folders, _ = ensure_runs(configs_folder, runs_folder, [Wanted(name, 0) for _, name in FIGURE_CONFIGS])
    images, models = four_images.PROBLEM.images, []
    for (title, _), folder in zip(FIGURE_CONFIGS, folders):
        latents = files.read_arrays(os.path.join(folder, run_folder.LATENTS))
        with opened_run(folder) as (_, _, networks):
            densities = quadrature.posterior_density(networks.decode, _FIGURE_AXIS, 2, images,
                                                     quadrature.log_likelihood(networks.decode, 2, images))
            densities = densities.reshape(len(images), len(_FIGURE_AXIS), len(_FIGURE_AXIS))
            models.append((title, latents["z"], latents["label"], densities))
    figures.figure_5(path, models, _FIGURE_AXIS, four_images.PROBLEM.drawn(images))
    print("Written to %s" % path)


def make_vae_seeds(configs_folder, runs_folder, path):
    """Draw the latent spaces of the paper's VAE, a panel for each seed, by KL(q(z), p(z)). Arguments as of make_table."""
    folders, _ = ensure_runs(configs_folder, runs_folder, [Wanted("paper_vae", seed) for seed in seeds("paper_vae")])
    group = comparison.read_runs(folders)[0]
    panels = []
    for folder, seed, metrics in sorted(zip(folders, group.seeds, group.metrics), key=lambda run: run[2]["kl_marginal_prior"]):
        latents = files.read_arrays(os.path.join(folder, run_folder.LATENTS))
        panels.append(("seed %d: KL(q(z), p(z)) %.3f\nELBO %.4f" % (seed, metrics["kl_marginal_prior"], metrics["elbo"]),
                       latents["z"], latents["label"]))
    figures.latent_spaces(path, panels, four_images.PROBLEM.drawn(four_images.PROBLEM.images))
    print("Written to %s" % path)


def ensure_runs(configs_folder, runs_folder, wanted):
    """Train those of the wanted runs that aren't finished, telling which and how long the rest will take.

    Finished runs are kept, whatever code trained them, and evaluated again if other code than this did that.

    Args:
        configs_folder, runs_folder: str.
        wanted: sequence of Wanted.

    Returns:
        The run folders, in the order of `wanted`, and of each what made it (metrics_file.read_metrics). Other training code
        than this is told on standard output.

    Raises:
        InputError: a folder holds a run of another config.
    """
    runs = [(load_config(os.path.join(configs_folder, run.config + ".yaml"), ["seed=%d" % run.seed, *run.overrides]),
             os.path.join(runs_folder, "%s_seed_%d" % (run.name or os.path.basename(run.config), run.seed))) for run in wanted]
    missing = [(config, out) for config, out in runs if not run_folder.is_finished(out, config)]
    seconds_of_work = _measured_pace([run for run in runs if run not in missing])
    for number, (config, out) in enumerate(missing, 1):
        left = sum(_work(config) for config, _ in missing[number - 1:])
        print("Run %d of %d%s" % (number, len(missing), "" if seconds_of_work is None else
                                  ", about %.0f minutes left" % (left * seconds_of_work / 60)), flush=True)
        start = time.perf_counter()
        ensure_finished(config, out)
        seconds_of_work = (time.perf_counter() - start) / _work(config)
    for config, out in runs:
        ensure_finished(config, out)
    made_by = [metrics_file.read_metrics(out, config, task_of(config))[1] for config, out in runs]
    for sentence in provenance.other_code(made_by):
        print(sentence)
    return [out for _, out in runs], made_by


def _work(config):
    """Multiplications of a whole training, roughly, as if all layers were square: enough to compare configs by."""
    model, training = config.model, config.training
    per_row = sum(network.n_layers * network.n_units**2 for network in (model.encoder, model.decoder))
    if model.has_discriminator:
        per_row += (1 + training.n_discriminator_updates) * model.discriminator.n_layers * model.discriminator.n_units**2
    return training.n_iterations * config.batch_size * per_row


def _measured_pace(finished):
    """Seconds for a unit of work, from the finished runs' own timing; None if there are none."""
    seconds = work = 0.0
    for config, out in finished:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            timing = files.read_json(os.path.join(out, run_folder.TIMING))
            if timing["n_trained"] == config.training.n_iterations:
                seconds += timing["seconds"]
                work += _work(config)
    return seconds / work if work else None
