"""What the files in the folder of a finished run of known images hold, read and checked. Knows no TensorFlow."""

import os

import numpy as np

from avb_tf1.estimation import quadrature
from avb_tf1.ground.errors import InputError
from avb_tf1.runs import contents, metrics_file, run_folder
from avb_tf1.tasks.views import labels_of_codes

_ROUNDING = 1e-3              # nats, of the quadrature
LATENT_PLANE = "latent_plane.npz"
_DIVERGENCES = ("kl_posterior_prior", "kl_discriminator")
_METRICS = {"kl_posterior_prior", "classification_accuracy", "generator_loss"}  # besides the required ones


def require_good(run):
    """Raise InputError unless the metrics and the latent_plane.npz of a tasks.task.Run have all that a page tells."""
    metrics, model = run.metrics, run.config.model
    best, value = run.problem.optima.get("log_likelihood"), metrics.get("log_likelihood")
    if None not in (best, value) and value > best.value + _ROUNDING:
        raise InputError("%s: log_likelihood can't be %s: no model has more than %.4f" % (
            os.path.join(run.folder, run_folder.METRICS), value, best.value))
    if quadrature.has_grid(model.latent_dim):
        read_plane(run)
    known = set(metrics) | set(metrics.get(metrics_file.NOT_COMPUTED, {}))
    wanted = _METRICS if model.has_encoder else _METRICS - {"classification_accuracy"}
    contents.require_fit(known >= wanted and ("kl_discriminator" in metrics) == model.has_discriminator,
                         run.folder, run_folder.METRICS)


def read_snapshots(run):
    """Return all arrays of the snapshots.npz of a Run; raises InputError if they can't be read or are of another run."""
    model, labels = run.config.model, labels_of_codes(run.problem)
    has_grid, has_discriminator = quadrature.has_grid(model.latent_dim), model.has_discriminator
    arrays, moments = contents.read_snapshots(run.folder, ("z",) if model.has_encoder else ())
    contents.require_fit(
        np.array_equal(arrays["label"], labels)
        and ("z" not in arrays or arrays["z"].shape == moments + (labels.size, model.latent_dim))
        and ("probabilities" in arrays) == has_grid
        and (not has_grid or _is_grid(arrays["probabilities"], moments, model.latent_dim, run.problem.n_pixels))
        and ("kl_posterior_prior" in arrays) == (model.has_encoder and (has_grid or not has_discriminator))
        and ("kl_discriminator" in arrays) == has_discriminator
        and all(values.shape == moments for name, values in arrays.items() if name.startswith("kl_"))
        and all(name + "_standard_error" in arrays for name in _DIVERGENCES if name in arrays),
        run.folder, run_folder.SNAPSHOTS)
    return arrays


def _is_grid(values, moments, dim, n_pixels):
    """Whether values are [s, m**dim, n_pixels], m at least 1."""
    n_points = values.shape[1] if values.ndim == 3 else 0
    return n_points > 0 and values.shape == moments + (round(n_points**(1 / dim))**dim, n_pixels)


def read_plane(run):
    """Return all arrays of the latent_plane.npz of a Run; raises InputError if they can't be read or are of another run."""
    plane, problem = contents.read_part(run.folder, LATENT_PLANE, ("axis", "probabilities", "posterior_density")), run.problem
    n_points = plane["axis"].size**run.config.model.latent_dim
    contents.require_fit(n_points > 0 and plane["probabilities"].shape == (n_points, problem.n_pixels)
                         and plane["posterior_density"].shape == (problem.n_images, n_points)
                         and all(np.isfinite(values).all() for values in plane.values())
                         and ((plane["probabilities"] >= 0) & (plane["probabilities"] <= 1)).all()
                         and (plane["posterior_density"] >= 0).all(), run.folder, LATENT_PLANE)
    return plane
