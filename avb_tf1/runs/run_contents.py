"""What the files in a finished run's folder hold, read and checked. Knows no TensorFlow."""

import io
import os
import shlex
from dataclasses import dataclass
from typing import Any, Dict, Optional

import numpy as np

from avb_tf1.config.schema import Config
from avb_tf1.estimation import quadrature
from avb_tf1.evaluation import measurement
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError, what_is_wrong
from avb_tf1.problems.registry import problem_of
from avb_tf1.runs import metrics_file, run_folder
from avb_tf1.training.snapshots import labels_of_codes

VERSIONS = ("avb_tf1", "tensorflow", "tensorflow_probability", "numpy", "python")
_METRICS = {"kl_posterior_prior", "classification_accuracy", "generator_loss"}  # besides Table 1's
_KEYS = {
    run_folder.TIMING: VERSIONS + ("cpu_model", "instruction_set", "n_cpus", "n_trained", "iterations_per_second"),
    run_folder.LOSSES: ("generator_loss",),
    run_folder.SNAPSHOTS: ("iteration", "label", "z"),
    run_folder.LATENT_PLANE: ("axis", "probabilities", "posterior_density"),
    run_folder.LATENTS: ("z", "label"),
    run_folder.EXACT: ("draws",),
}


@dataclass(frozen=True)
class Run:
    """What a page tells of each finished run.

    Attributes:
        label: str, what the page calls it.
        folder: str.
        config: its config.
        metrics, timing: as in metrics.json and timing.json.
        losses: name -> [n_iterations], of losses.csv.
        snapshots: name -> [s], what snapshots.npz has one number a snapshot of.
    """

    label: str
    folder: str
    config: Config
    metrics: Dict[str, Any]
    timing: Dict[str, Any]
    losses: Dict[str, np.ndarray]
    snapshots: Dict[str, np.ndarray]


@dataclass(frozen=True)
class Explored:
    """The latent space of a run: its label and all arrays of snapshots.npz and latent_plane.npz; no `plane` without a grid."""

    label: str
    snapshots: Dict[str, np.ndarray]
    plane: Optional[Dict[str, np.ndarray]]


def read_run(label, folder, config, metrics=None):
    """Return the Run in a folder.

    Args:
        label, folder, config: as in Run.
        metrics: as in Run, or None to read them from metrics.json.

    Raises:
        InputError: a file of it can't be read or lacks what a page needs; names it.
    """
    dim, has_discriminator = config.model.latent_dim, config.model.has_discriminator
    problem = problem_of(config)
    if quadrature.has_grid(dim):
        plane = read_part(folder, run_folder.LATENT_PLANE, files.read_arrays)  # to know that it is good; few runs' are kept
        n_points = plane["axis"].size**dim
        require_fit(plane["probabilities"].shape == (n_points, problem.n_pixels)
                    and plane["posterior_density"].shape == (problem.n_images, n_points), folder, run_folder.LATENT_PLANE)
    snapshots = read_part(folder, run_folder.SNAPSHOTS, files.read_arrays)
    require_fit(snapshots["z"].shape == (snapshots["iteration"].size, labels_of_codes(problem).size, dim)
                and ("probabilities" in snapshots) == quadrature.has_grid(dim)
                and ("kl_posterior_prior" in snapshots) == (quadrature.has_grid(dim) or not has_discriminator)
                and ("kl_discriminator" in snapshots) == has_discriminator, folder, run_folder.SNAPSHOTS)
    losses = read_losses(folder, config)
    if metrics is None:
        metrics, _ = metrics_file.read_metrics(folder, config)
        known = set(metrics) | set(metrics.get(metrics_file.NOT_COMPUTED, {}))
        require_fit(known >= _METRICS and ("kl_discriminator" in metrics) == has_discriminator, folder, run_folder.METRICS)
    timing = read_timing(folder)
    return Run(label, folder, config, metrics, timing, losses,
               {name: values for name, values in snapshots.items() if values.shape == snapshots["iteration"].shape})


def explored(run):
    """Return what Explored has of a Run; raises InputError as read_run."""
    has_plane = quadrature.has_grid(run.config.model.latent_dim)
    return Explored(run.label, read_part(run.folder, run_folder.SNAPSHOTS, files.read_arrays),
                    read_part(run.folder, run_folder.LATENT_PLANE, files.read_arrays) if has_plane else None)


def read_losses(folder, config):
    """Return the losses of the run in a folder, name -> [n_iterations]; raises InputError as read_part and require_fit."""
    losses = read_part(folder, run_folder.LOSSES, _read_losses)
    require_fit(all(len(values) == config.training.n_iterations for values in losses.values())
                and ("discriminator_loss" in losses) == config.model.has_discriminator, folder, run_folder.LOSSES)
    return losses


def read_timing(folder):
    """Return the timing.json of the run in a folder; raises InputError as read_part and require_fit."""
    timing = read_part(folder, run_folder.TIMING, files.read_json)
    require_fit(all(isinstance(timing[name], (int, float)) for name in ("n_cpus", "n_trained", "iterations_per_second"))
                and all(isinstance(timing[name], str) for name in VERSIONS + ("cpu_model", "instruction_set")),
                folder, run_folder.TIMING)
    return timing


def read_part(folder, name, reader, more_keys=()):
    """Return what a file of a run folder holds: a mapping with all that a page needs, among it more_keys.

    Raises:
        InputError: it can't be read, or lacks something; names the file.
    """
    path, again = os.path.join(folder, name), "; scripts/train.py --resume %s makes it again" % shlex.quote(folder)
    try:
        content = reader(path)
        missing = {*_KEYS[name], *more_keys} - set(content)
    except (OSError, ValueError, TypeError) as error:
        raise InputError("%s: can't be read: %s%s" % (path, what_is_wrong(error), again))
    if missing:
        raise InputError("%s: can't be read: it has no %s%s" % (path, ", ".join(sorted(missing)), again))
    return content


def require_fit(condition, folder, name):
    """Raise InputError, naming a file of a run folder, unless the condition is true: that it is of the folder's run."""
    if not condition:
        raise InputError("%s: doesn't fit the run's %s" % (os.path.join(folder, name), run_folder.CONFIG))


def _read_losses(path):
    with files.opened(path) as file:
        header, *rows = file.read().decode("utf-8").splitlines() or [""]
    if not rows:
        raise ValueError("it has no rows")
    return dict(list(zip(header.split(","), np.loadtxt(rows, delimiter=",", ndmin=2).T))[1:])


def losses_of(monitors):
    """Return those of the monitors that an optimiser minimises, in the order of losses.csv."""
    return {name: monitors[name] for name in measurement.LOSSES if name in monitors}


def write_losses(path, monitors):
    """Write losses.csv: a row an iteration, from 1, with the 9 significant digits that a float32 needs."""
    losses = losses_of(monitors)
    text = io.StringIO()
    text.write(",".join(["iteration"] + list(losses)) + "\n")
    for iteration, values in enumerate(zip(*losses.values()), 1):
        text.write("%d,%s\n" % (iteration, ",".join("%.9g" % value for value in values)))
    files.write_text(path, text.getvalue())
