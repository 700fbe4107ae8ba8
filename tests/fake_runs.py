"""Finished runs of models that are but functions of arrays: nothing is trained, and all that comes after training is real."""

import os
from types import SimpleNamespace

import numpy as np

from avb_tf1.config.loading import to_yaml
from avb_tf1.experiment.run import write_arrays
from avb_tf1.ground import files, seeds
from avb_tf1.page.numbers import RunGroup
from avb_tf1.problems.registry import problem_of
from avb_tf1.runs import contents, metrics_file, provenance, run_folder
from avb_tf1.tasks.registry import TASKS, task_of
from avb_tf1.tasks.trained import Trained
from avb_tf1.training.snapshots import Snapshots

TIMING = dict(avb_tf1="1", tensorflow="2", tensorflow_probability="3", numpy="4", python="5", cpu_model="a CPU",
              instruction_set="avx2", n_cpus=2, n_trained=4, iterations_per_second=100.0, cpu_seconds=0.1)


def trained_of(config, networks):
    """The Trained of some Networks as a config's model, its losses 1, 2, 3, ... and 2, 3, 4, ..., and its task's view of it."""
    problem, n = problem_of(config), config.training.n_iterations
    names = ("generator_loss", "discriminator_loss")[:1 + (networks.log_ratio is not None)]
    monitors = {name: np.arange(n, dtype=np.float32) + number for number, name in enumerate(names, 1)}
    record = Snapshots(task_of(config).view(networks, problem, seeds.stream(config.seed, "snapshots")), config.training)
    for iteration in range(1, n + 1):
        record(iteration)
    return Trained(config, problem, networks, monitors, record.arrays())


def finished(folder, trained):
    """The folder, pathlib.Path, with all of a Trained's run but checkpoints and a page: its names, and what was measured."""
    config, task = trained.config, task_of(trained.config)
    folder.mkdir(parents=True)
    files.write_text(str(folder / run_folder.CONFIG), to_yaml(config))
    contents.write_losses(str(folder / run_folder.LOSSES), trained.monitors)
    measured = task.measure(trained)
    write_arrays(str(folder), measured.arrays)
    task.write(str(folder), trained)
    files.write_json(str(folder / run_folder.TIMING), TIMING)
    legs = [provenance.leg()]
    files.write_json(str(folder / run_folder.METRICS), metrics_file.with_made_by(measured.metrics, config, legs))
    return SimpleNamespace(folder=folder, measured=measured, names=sorted(os.listdir(str(folder))))


def read(folder, config, label="a run"):
    """The Run in a folder of `finished`."""
    return TASKS[config.task].read(label, str(folder), config)


def group_of(config, *metrics):
    """The RunGroup of runs with some metrics, one dict a run, their seeds 0, 1, ..."""
    return RunGroup("a setting", config, tuple(range(len(metrics))), metrics)
