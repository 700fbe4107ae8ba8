"""What all finished runs' folders hold, whatever the task: read and checked. Knows no TensorFlow."""

import os
import shlex

import numpy as np

from avb_tf1.estimation.metric import LOSSES
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError, what_is_wrong
from avb_tf1.runs import run_folder

VERSIONS = ("avb_tf1", "tensorflow", "tensorflow_probability", "numpy", "python")
_CPU = ("cpu_model", "instruction_set")
_COUNTS, _NUMBERS = ("n_cpus", "n_trained"), ("iterations_per_second", "cpu_seconds")  # all above 0
_MOST = 10**12                # of them


def read_losses(folder, config):
    """Return a run's losses, name -> [n_iterations]; raises InputError, naming losses.csv, if it is damaged or doesn't fit."""
    losses = read_part(folder, run_folder.LOSSES, ("generator_loss",), _read_losses)
    require_fit(all(len(values) == config.training.n_iterations for values in losses.values())
                and ("discriminator_loss" in losses) == config.model.has_discriminator, folder, run_folder.LOSSES)
    return losses


def read_timing(folder):
    """Return the timing.json of the run in a folder; raises InputError, naming it, if it can't be read or lacks something."""
    timing = read_part(folder, run_folder.TIMING, VERSIONS + _CPU + _COUNTS + _NUMBERS, files.read_json)
    require_fit(all(type(timing[name]) in ((int,) if name in _COUNTS else (int, float)) and 0 < timing[name] < _MOST
                    for name in _COUNTS + _NUMBERS)
                and all(isinstance(timing[name], str) for name in VERSIONS + _CPU), folder, run_folder.TIMING)
    return timing


def read_snapshots(folder, keys=("z",)):
    """Return all arrays of the snapshots.npz of the run in a folder, and how many snapshots it has, as a shape (s,).

    Args:
        folder: str.
        keys: what it must have besides iteration and label.

    Raises:
        InputError: it can't be read, lacks something, or has no snapshot; names it.
    """
    arrays = read_part(folder, run_folder.SNAPSHOTS, ("iteration", "label", *keys))
    moments = arrays["iteration"].shape
    require_fit(len(moments) == 1 and moments[0] > 0 and all(arrays[name].dtype.kind == "i" for name in ("iteration", "label"))
                and (arrays["iteration"] >= 0).all() and (np.diff(arrays["iteration"]) > 0).all(), folder, run_folder.SNAPSHOTS)
    return arrays, moments


def read_part(folder, name, keys, reader=files.read_arrays):
    """Return what a file of a run folder holds: a mapping that has all of some keys.

    Args:
        folder, name: str; keys: sequence of str.
        reader: function of a path -> mapping.

    Raises:
        InputError: it can't be read, or lacks something; names the file.
    """
    path, again = os.path.join(folder, name), "; scripts/train.py --resume %s makes it again" % shlex.quote(folder)
    try:
        content = reader(path)
        missing = set(keys) - set(content)
        for name in sorted(content) if reader is files.read_arrays else ():
            if content[name].dtype.kind not in "biuf":
                raise ValueError("its %s must hold real numbers, not %s" % (name, content[name].dtype))
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
    names, (iterations, *values) = header.split(","), np.loadtxt(rows, delimiter=",", ndmin=2).T
    if names[0] != "iteration" or names[1:] != [name for name in LOSSES if name in names] or len(names) != 1 + len(values):
        raise ValueError("its columns must be iteration and %s" % " and ".join(LOSSES))
    if not np.array_equal(iterations, np.arange(1, len(rows) + 1)) or not np.isfinite(values).all():
        raise ValueError("its rows must be the iterations from 1 on, with finite losses")
    return dict(zip(names[1:], values))


def write_losses(path, monitors):
    """Write losses.csv: a row an iteration, from 1, with the 9 significant digits that a float32 needs."""
    losses = losses_of(monitors)
    lines = [",".join(["iteration", *losses])]
    for iteration, values in enumerate(zip(*losses.values()), 1):
        lines.append("%d,%s" % (iteration, ",".join("%.9g" % value for value in values)))
    files.write_text(path, "\n".join(lines) + "\n")


def losses_of(monitors):
    """Return those of the monitors that an optimiser minimises, in the order of losses.csv."""
    return {name: monitors[name] for name in LOSSES if name in monitors}
