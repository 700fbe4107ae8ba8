"""What the files in the folder of a finished run of known images hold, read and checked. Knows no TensorFlow."""

from avb_tf1.estimation import quadrature
from avb_tf1.runs import contents, metrics_file, run_folder
from avb_tf1.tasks.views import labels_of_codes

LATENT_PLANE = "latent_plane.npz"
_METRICS = {"kl_posterior_prior", "classification_accuracy", "generator_loss"}  # besides the required ones


def require_good(run):
    """Raise InputError unless the metrics and the latent_plane.npz of a tasks.task.Run have all that a page tells."""
    metrics, model = run.metrics, run.config.model
    if quadrature.has_grid(model.latent_dim):
        read_plane(run)
    known = set(metrics) | set(metrics.get(metrics_file.NOT_COMPUTED, {}))
    wanted = _METRICS if model.has_encoder else _METRICS - {"classification_accuracy"}
    contents.require_fit(known >= wanted and ("kl_discriminator" in metrics) == model.has_discriminator,
                         run.folder, run_folder.METRICS)


def read_snapshots(run):
    """Return all arrays of the snapshots.npz of a Run; raises InputError if they can't be read or are of another run."""
    model, n_codes = run.config.model, labels_of_codes(run.problem).size
    has_grid, has_discriminator = quadrature.has_grid(model.latent_dim), model.has_discriminator
    arrays, moments = contents.read_snapshots(run.folder, ("z",) if model.has_encoder else ())
    contents.require_fit(
        ("z" not in arrays or arrays["z"].shape == moments + (n_codes, model.latent_dim))
        and ("probabilities" in arrays) == has_grid
        and ("kl_posterior_prior" in arrays) == (model.has_encoder and (has_grid or not has_discriminator))
        and ("kl_discriminator" in arrays) == has_discriminator, run.folder, run_folder.SNAPSHOTS)
    return arrays


def read_plane(run):
    """Return all arrays of the latent_plane.npz of a Run; raises InputError if they can't be read or are of another run."""
    plane, problem = contents.read_part(run.folder, LATENT_PLANE, ("axis", "probabilities", "posterior_density")), run.problem
    n_points = plane["axis"].size**run.config.model.latent_dim
    contents.require_fit(plane["probabilities"].shape == (n_points, problem.n_pixels)
                         and plane["posterior_density"].shape == (problem.n_images, n_points), run.folder, LATENT_PLANE)
    return plane
