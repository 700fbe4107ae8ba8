"""The paper's figure and table, from finished runs where they exist; what is missing is trained first."""

import contextlib
import itertools
import os
import shlex
import time
from typing import Dict, NamedTuple, Sequence, Tuple

import numpy as np

from avb_tf1.config.experiments import Config
from avb_tf1.config.loading import load_config
from avb_tf1.estimation import quadrature
from avb_tf1.experiment.run import ensure_finished, opened_run
from avb_tf1.ground import files
from avb_tf1.page.numbers import Row, RunGroup, mean_and_range
from avb_tf1.problems.known_images import four_images
from avb_tf1.report import comparison
from avb_tf1.reproduction import figures
from avb_tf1.runs import contents, metrics_file, provenance, run_folder
from avb_tf1.tasks.registry import task_of

TABLE_CONFIGS = ("synthetic", "paper_vae", "paper_avb", "fast_avb", "tuned_avb")
FIGURE_CONFIGS = (("VAE", "paper_vae"), ("AVB", "paper_avb"))
SEEDS = tuple(range(10))
# Of what takes more than three minutes a run, at its published length, and of a config once more at another.
FEWER_SEEDS = dict.fromkeys(("paper_avb", "mescheder_avb", "fangleai_fenchel", "synthetic_10000"), SEEDS[:5])
_FIGURE_AXIS = np.linspace(-3.8, 3.8, 381)


class Wanted(NamedTuple):
    """The runs of a config, one a seed.

    Attributes:
        name: str, what their folders are called, before the seed.
        config: str, the file's name in the configs' folder, without ".yaml".
        seeds: ints.
        overrides: "KEY=VALUE" strings.
    """

    name: str
    config: str
    seeds: Sequence[int]
    overrides: Sequence[str] = ()

    @property
    def command(self):
        """A line of a Markdown list: what makes them."""
        overrides = "".join(" --set " + shlex.quote(override) for override in self.overrides)
        return "- `python scripts/train.py --config configs/%s.yaml --set seed=N%s`, N = %s" % (
            self.config, overrides, ", ".join(map(str, self.seeds)))


class Runs(NamedTuple):
    """Finished runs of a config, one a seed.

    Attributes:
        folders, configs: of each.
        metrics: one dict a run, as in metrics.json; made_by: what made each, as of metrics_file.read_metrics, with the kinds
            of CPU that its checkpoints tell of.
    """

    folders: Tuple[str, ...]
    configs: Tuple[Config, ...]
    metrics: Tuple[Dict, ...]
    made_by: Tuple[Dict, ...]

    @classmethod
    def read(cls, runs):
        """Return the Runs of some configs in folders, given as pairs (config, folder), once all their files are good.

        Raises InputError, naming the file, otherwise.
        """
        found = []
        for config, folder in runs:
            task = task_of(config)
            metrics, made_by = metrics_file.read_metrics(folder, config, task)
            task.read(config.name, folder, config, metrics)
            cpus = provenance.kinds_of_cpu(provenance.legs_in(folder))
            found.append((folder, config, metrics, dict(made_by, cpus=cpus)))
        return cls(*zip(*found))

    @property
    def group(self):
        """Their RunGroup, called as the first's config."""
        return RunGroup(self.configs[0].name, self.configs[0], tuple(config.seed for config in self.configs), self.metrics)

    @property
    def cpu_seconds(self):
        """A list of floats, of each one's whole training, all its threads."""
        return [contents.read_timing(folder)["cpu_seconds"] for folder in self.folders]

    def arrays(self, name):
        """Return an iterator of what an .npz file in each folder holds, dicts of arrays; a file is read when it comes to it."""
        return (contents.read_part(folder, name, ()) for folder in self.folders)


def published(config, overrides=(), name=None):
    """Return what is Wanted of a config for the published tables; it is called as its file, unless `name` is given."""
    name = name or os.path.basename(config)
    return Wanted(name, config, FEWER_SEEDS.get(name, SEEDS), overrides)


def make_table(configs_folder, runs_folder, path):
    """Write Table 1 as Markdown: the tutorial's, the paper's and our own configs, five or ten seeds each.

    Args:
        configs_folder: str, where the configs are.
        runs_folder: str, where the runs are or will be: <config>_seed_<n>. What is missing is trained first.
        path: str, the Markdown file to write.
    """
    wanted = wanted_of_table()
    runs = ensure_runs(configs_folder, runs_folder, wanted)
    table = comparison.markdown(comparison.read_runs([folder for own in runs.values() for folder in own.folders]))
    files.write_text(path, comparison.markdown_page(
        "# Table 1: published and obtained",
        ["Mean ± standard deviation over seeds; nats per example, the reconstruction error per pixel.",
         "Published: Table 1 of Mescheder, Nowozin, Geiger 2017 (arXiv 1701.04722v4); \"recalled\" means quoted from memory of",
         "the paper. For `synthetic`, `fast_avb` and `tuned_avb`, which the paper doesn't have, its AVB stands there. The",
         "optimum is exact; the worst seed is the one farthest from it. Written by `make table`; the runs are made by"],
        [own.command for own in wanted], made_by_text(runs), table))
    print(table)
    print("Written to %s" % path)


def wanted_of_table():
    """Return the runs of Table 1, of which Figure 5 and the VAE's seeds have some, a list of Wanted."""
    return [published(name) for name in TABLE_CONFIGS]


def runs_of(configs_folder, runs_folder, wanted):
    """Return the configs of some Wanted runs, and where they are or will be: a list of (config, folder)."""
    return [(load_config(os.path.join(configs_folder, own.config + ".yaml"), ["seed=%d" % seed, *own.overrides]),
             os.path.join(runs_folder, run_folder.name_with_seed(own.name, seed))) for own in wanted for seed in own.seeds]


def make_figure(configs_folder, runs_folder, path):
    """Write Figure 5: latent codes and exact posteriors of the paper's VAE and AVB, seed 0. Arguments as of make_table."""
    runs = ensure_runs(configs_folder, runs_folder, [Wanted(name, name, (0,)) for _, name in FIGURE_CONFIGS])
    images, models = four_images.PROBLEM.images, []
    for title, name in FIGURE_CONFIGS:
        latents, = runs[name].arrays(run_folder.LATENTS)
        with opened_run(runs[name].folders[0]) as (_, _, networks):
            densities = quadrature.posterior_density(networks.decode, _FIGURE_AXIS, 2, images,
                                                     quadrature.log_likelihood(networks.decode, 2, images))
            densities = densities.reshape(len(images), len(_FIGURE_AXIS), len(_FIGURE_AXIS))
            models.append((title, latents["z"], latents["label"], densities))
    figures.figure_5(path, models, _FIGURE_AXIS, four_images.PROBLEM.drawn(images))
    print("Written to %s" % path)


def make_vae_seeds(configs_folder, runs_folder, path):
    """Draw the latent spaces of the paper's VAE, a panel for each seed, by KL(q(z) || p(z)). Arguments as of make_table."""
    runs = ensure_runs(configs_folder, runs_folder, [published("paper_vae")])["paper_vae"]
    in_order = sorted(zip(runs.arrays(run_folder.LATENTS), runs.group.seeds, runs.metrics),
                      key=lambda run: run[2]["kl_marginal_prior"])
    panels = [("seed %d: KL(q(z) || p(z)) %.3f\nELBO %.4f" % (seed, metrics["kl_marginal_prior"], metrics["elbo"]),
               latents["z"], latents["label"]) for latents, seed, metrics in in_order]
    figures.latent_spaces(path, panels, four_images.PROBLEM.drawn(four_images.PROBLEM.images))
    print("Written to %s" % path)


def ensure_runs(configs_folder, runs_folder, wanted):
    """Return the Runs of each Wanted by name; those that aren't finished are trained, telling which, and how long it takes.

    Finished runs are kept, whatever code trained them, and evaluated again if other code than this did that. Other training
    code than this is told on standard output. Raises InputError if a folder holds a run of another config.
    """
    runs = {own.name: runs_of(configs_folder, runs_folder, [own]) for own in wanted}
    in_turn = list(itertools.chain.from_iterable(runs.values()))
    missing = [(config, out) for config, out in in_turn if not run_folder.is_finished(out, config)]
    seconds_of_work = _measured_pace([run for run in in_turn if run not in missing])
    for number, (config, out) in enumerate(missing, 1):
        left = sum(_work(config) for config, _ in missing[number - 1:])
        print("Run %d of %d%s" % (number, len(missing), "" if seconds_of_work is None else
                                  ", about %.0f minutes left" % (left * seconds_of_work / 60)), flush=True)
        start = time.perf_counter()
        ensure_finished(config, out)
        seconds_of_work = (time.perf_counter() - start) / _work(config)
    for config, out in in_turn:
        ensure_finished(config, out)
    runs = {name: Runs.read(own) for name, own in runs.items()}
    for sentence in provenance.other_code(made_by(runs)):
        print(sentence)
    return runs


def made_by(runs):
    """Return what made each of the Runs in a dict, in its order."""
    return [made_by for own in runs.values() for made_by in own.made_by]


def made_by_text(runs):
    """Return what provenance.made_by_text says of a page of the Runs in a dict."""
    return provenance.made_by_text(made_by(runs), [config for own in runs.values() for config in own.configs])


def over_seeds(group, definitions, name, form):
    """Return a metric's mean and range in a RunGroup as text, each number by `form`; nothing where a run hasn't got it.

    `definitions` are the Metrics of a task by their names.
    """
    if any(name not in metrics for metrics in group.metrics):
        return ""
    return mean_and_range(Row(group, name, definitions[name]).values, form)


def _work(config):
    """Multiplications of a whole training, roughly, as if all layers were square: enough to compare configs by."""
    model, training = config.model, config.training
    networks = [network for scope, network in model.network_sections.items() if scope in ("encoder", "decoder")]
    per_row = sum(network.n_layers * network.n_units**2 for network in networks)
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
