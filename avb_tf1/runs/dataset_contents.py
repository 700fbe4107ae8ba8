"""What the files in the folder of a finished run of a data set hold, read and checked. Knows no TensorFlow."""

from dataclasses import dataclass
from typing import Any, Dict

import numpy as np

from avb_tf1.config.schema import Config
from avb_tf1.estimation import quadrature
from avb_tf1.evaluation.held_out import METRICS
from avb_tf1.ground import files
from avb_tf1.problems.data_set.problem import ImageDataset
from avb_tf1.problems.registry import problem_of
from avb_tf1.runs import metrics_file, run_folder
from avb_tf1.runs.run_contents import read_losses, read_part, read_timing, require_fit

_OF_DISCRIMINATOR = {"discriminator_loss", "test_elbo_discriminator"}  # of metrics.json
_SECOND_OPINION = "test_log_likelihood_importance"               # which not all models have
_LOOKED_AT = ("image", "reconstruction", "prior")               # of snapshots.npz, besides the codes, ...
_WITH_GRID = ("manifold", "samples", "density_axes", "density")  # ... and these of one or two latent dimensions


@dataclass(frozen=True)
class DatasetRun:
    """What a page tells of a finished run of a data set.

    Attributes:
        label: str, what the page calls it.
        folder: str.
        config: its config; problem: its ImageDataset.
        metrics, timing: as in metrics.json and timing.json.
        losses: name -> [n_iterations], of losses.csv.
    """

    label: str
    folder: str
    config: Config
    problem: ImageDataset
    metrics: Dict[str, Any]
    timing: Dict[str, Any]
    losses: Dict[str, np.ndarray]


def read_run(label, folder, config, metrics=None):
    """Return the DatasetRun in a folder, once all its files are known to be good.

    Args:
        label, folder, config: as in DatasetRun.
        metrics: as in DatasetRun, or None to read them from metrics.json.

    Raises:
        InputError: a file of it can't be read or lacks what a page needs, or the images can't be read; names the file.
    """
    problem = problem_of(config)
    if metrics is None:
        metrics, _ = metrics_file.read_metrics(folder, config)
        known = set(metrics) | set(metrics.get(metrics_file.NOT_COMPUTED, {}))
        require_fit(known >= set(METRICS) - _OF_DISCRIMINATOR - {_SECOND_OPINION}
                    and _OF_DISCRIMINATOR & set(metrics) == (_OF_DISCRIMINATOR if config.model.has_discriminator else set())
                    and set(metrics.get("methods", {})) >= set(METRICS) & set(metrics), folder, run_folder.METRICS)
    read_snapshots(folder, config, problem)  # to know that they are good; few runs' are kept
    return DatasetRun(label, folder, config, problem, metrics, read_timing(folder), read_losses(folder, config))


def read_snapshots(folder, config, problem):
    """Return all arrays of the snapshots.npz of a config's run in a folder; raises InputError as read_run."""
    dim, n_pixels = config.model.latent_dim, problem.n_pixels
    has_grid = quadrature.has_grid(dim)
    seen = read_part(folder, run_folder.SNAPSHOTS, files.read_arrays, _LOOKED_AT + (_WITH_GRID if has_grid else ()))
    moments, labels, image = seen["iteration"].shape, problem.shown_images()[1], seen["image"]
    require_fit(len(moments) == 1 and moments[0] > 0 and seen["z"].shape == moments + (len(labels), dim)
                and np.array_equal(seen["label"], labels) and ("log_ratio" in seen) == config.model.has_discriminator
                and image.ndim == 1 and image.size > 0 and ((image >= 0) & (image < len(problem.test.labels))).all()
                and seen["reconstruction"].shape == moments + (image.size, n_pixels)
                and seen["prior"].shape[::2] == moments + (n_pixels,) and seen["prior"].ndim == 3,
                folder, run_folder.SNAPSHOTS)
    if has_grid:
        close, axes, samples = moments + image.shape, seen["density_axes"], seen["samples"]
        n_tiles, side = seen["manifold"].shape[1], axes.shape[-1]
        require_fit(seen["manifold"].shape == moments + (round(n_tiles**(1 / dim))**dim, n_pixels)
                    and samples.ndim == 4 and samples.shape[:2] == close and samples.shape[3] == dim
                    and axes.shape == close + (dim, side) and seen["density"].shape == close + (side**dim,),
                    folder, run_folder.SNAPSHOTS)
    return seen
