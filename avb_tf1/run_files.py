"""What the files in a finished run's folder hold, read and checked. Knows no TensorFlow."""

import os
from dataclasses import dataclass
from typing import Any, Dict

import numpy as np

from avb_tf1 import comparison, files, run_folder
from avb_tf1.errors import InputError
from avb_tf1.schema import Config

VERSIONS = ("avb_tf1", "tensorflow", "tensorflow_probability", "numpy", "python")
_KEYS = {
    run_folder.TIMING: VERSIONS + ("cpu_model", "n_cpus", "n_trained", "iterations_per_second"),
    run_folder.METRICS: comparison.COLUMNS,
    run_folder.LOSSES: ("generator_loss",),
    run_folder.SNAPSHOTS: ("iteration", "z", "probabilities", "kl_posterior_prior", "kl_posterior_prior_standard_error"),
    run_folder.LATENT_PLANE: ("probabilities", "posterior_density"),
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
    """The latent space of a run: its label and all arrays of snapshots.npz and latent_plane.npz."""

    label: str
    snapshots: Dict[str, np.ndarray]
    plane: Dict[str, np.ndarray]


def read_run(label, folder, config, metrics=None):
    """Return the Run in a folder.

    Args:
        label, folder, config: as in Run.
        metrics: as in Run, or None to read them from metrics.json.

    Raises:
        InputError: a file of it can't be read or lacks what a page needs; names it.
    """
    _read(folder, run_folder.LATENT_PLANE, files.read_arrays)  # to know that it is good; it is kept of a few runs only
    snapshots = _read(folder, run_folder.SNAPSHOTS, files.read_arrays)
    return Run(label, folder, config, metrics or _read(folder, run_folder.METRICS, files.read_json),
               _read(folder, run_folder.TIMING, files.read_json), _read(folder, run_folder.LOSSES, _read_losses),
               {name: values for name, values in snapshots.items() if values.ndim == 1})


def explored(run):
    """Return what Explored has of a Run; raises InputError as read_run."""
    return Explored(run.label, _read(run.folder, run_folder.SNAPSHOTS, files.read_arrays),
                    _read(run.folder, run_folder.LATENT_PLANE, files.read_arrays))


def _read(folder, name, reader):
    """What a file of a run folder holds: a mapping with all that a page needs."""
    path = os.path.join(folder, name)
    try:
        content = reader(path)
        missing = set(_KEYS[name]) - set(content)
    except (OSError, ValueError, TypeError) as error:
        raise InputError("%s: can't be read: %s" % (path, error))
    if missing:
        raise InputError("%s: can't be read: it has no %s" % (path, ", ".join(sorted(missing))))
    return content


def _read_losses(path):
    with open(path, encoding="utf-8") as file:
        names = file.readline().strip().split(",")
        columns = np.loadtxt(file, delimiter=",", ndmin=2).T
    return dict(zip(names[1:], columns[1:]))
