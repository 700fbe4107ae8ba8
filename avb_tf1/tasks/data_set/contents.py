"""What the files in the folder of a finished run of a data set hold, read and checked. Knows no TensorFlow."""

import os

import numpy as np

from avb_tf1.estimation import quadrature
from avb_tf1.ground.errors import InputError
from avb_tf1.runs import contents, metrics_file, run_folder
from avb_tf1.tasks.data_set.measures import METRICS

TEST_IMAGES = "test_images.npz"
METHOD = "test_log_likelihood_method"                                  # of metrics.json, a text
_OF_DISCRIMINATOR = {"discriminator_loss", "test_elbo_discriminator"}  # of metrics.json
_NOT_OF_ALL = {"test_log_likelihood_importance", "test_bits_per_dimension"}  # likewise: which not all models have


def require_good_metrics(run):
    """Raise InputError unless the metrics of a tasks.task.Run have all that a page tells."""
    metrics, path = run.metrics, os.path.join(run.folder, run_folder.METRICS)
    if not isinstance(metrics.get(METHOD, ""), str):
        raise InputError("%s: %s must be a text, not %s" % (path, METHOD, metrics_file.json_value(metrics[METHOD])))
    known = set(metrics) | set(metrics.get(metrics_file.NOT_COMPUTED, {}))
    contents.require_fit(
        known >= set(METRICS) - _OF_DISCRIMINATOR - _NOT_OF_ALL
        and _OF_DISCRIMINATOR & set(metrics) == (_OF_DISCRIMINATOR if run.config.model.has_discriminator else set())
        and set(metrics.get("methods", {})) >= set(METRICS) & set(metrics), run.folder, run_folder.METRICS)


def read_snapshots(run):
    """Return all arrays of the snapshots.npz of a Run; raises InputError if they can't be read or are of another run."""
    problem, model = run.problem, run.config.model
    n_values, labels = problem.n_values, problem.shown_images()[1]
    dim, has_grid = model.latent_dim, quadrature.has_grid(model.latent_dim)
    keys = ["image", "prior"] + ["manifold"] * has_grid
    if model.has_encoder:
        keys += ["z", "reconstruction"] + ["samples", "density_axes", "density"] * has_grid
    arrays, moments = contents.read_snapshots(run.folder, keys)
    image = arrays["image"]

    def require_fit(condition):
        contents.require_fit(condition, run.folder, run_folder.SNAPSHOTS)

    require_fit(np.array_equal(arrays["label"], labels) and ("log_ratio" in arrays) == model.has_discriminator
                and image.dtype.kind == "i" and image.ndim == 1 and image.size > 0
                and ((image >= 0) & (image < len(problem.test.labels))).all()
                and arrays["prior"].shape[::2] == moments + (n_values,) and arrays["prior"].ndim == 3)
    if has_grid:
        require_fit(arrays["manifold"].ndim == 3)
        n_tiles = arrays["manifold"].shape[1]
        require_fit(arrays["manifold"].shape == moments + (round(n_tiles**(1 / dim))**dim, n_values))
    if model.has_encoder:
        require_fit(arrays["z"].shape == moments + (len(labels), dim)
                    and arrays["reconstruction"].shape == moments + (image.size, n_values))
        if has_grid:
            of_image, axes, samples = moments + image.shape, arrays["density_axes"], arrays["samples"]
            side = axes.shape[-1] if axes.ndim else 0
            require_fit(samples.ndim == 4 and samples.shape[:2] == of_image and samples.shape[3] == dim
                        and axes.shape == of_image + (dim, side) and arrays["density"].shape == of_image + (side**dim,))
    return arrays
