"""What the files in the folder of a finished run of known images hold, read and checked. Knows no TensorFlow."""

from avb_tf1.estimation import quadrature
from avb_tf1.problems.registry import problem_of
from avb_tf1.runs import contents, metrics_file, run_folder
from avb_tf1.tasks.task import Run
from avb_tf1.tasks.views import labels_of_codes

LATENT_PLANE = "latent_plane.npz"
_METRICS = {"kl_posterior_prior", "classification_accuracy", "generator_loss"}  # besides the required ones


def read(task, label, folder, config, metrics):
    """Return the tasks.task.Run in a folder; `task` is the Task, the rest as of its method."""
    has_grid, has_discriminator = quadrature.has_grid(config.model.latent_dim), config.model.has_discriminator
    problem = problem_of(config)
    if has_grid:
        read_plane(folder, config, problem)  # to know that it is good: few runs' are kept
    snapshots = read_snapshots(folder, config, problem)
    losses = contents.read_losses(folder, config)
    if metrics is None:
        metrics, _ = metrics_file.read_metrics(folder, config, task)
        known = set(metrics) | set(metrics.get(metrics_file.NOT_COMPUTED, {}))
        wanted = _METRICS if config.model.has_encoder else _METRICS - {"classification_accuracy"}
        contents.require_fit(known >= wanted and ("kl_discriminator" in metrics) == has_discriminator,
                             folder, run_folder.METRICS)
    moments = snapshots["iteration"].shape
    return Run(label, folder, config, problem, metrics, contents.read_timing(folder), losses,
               {name: values for name, values in snapshots.items() if values.shape == moments})


def read_snapshots(folder, config, problem):
    """Return all arrays of the snapshots.npz of a run; raises InputError if they can't be read or are of another run."""
    model, n_codes = config.model, labels_of_codes(problem).size
    has_grid, has_discriminator = quadrature.has_grid(model.latent_dim), model.has_discriminator
    arrays, moments = contents.read_snapshots(folder, ("z",) if model.has_encoder else ())
    contents.require_fit(
        ("z" not in arrays or arrays["z"].shape == moments + (n_codes, model.latent_dim))
        and ("probabilities" in arrays) == has_grid
        and ("kl_posterior_prior" in arrays) == (model.has_encoder and (has_grid or not has_discriminator))
        and ("kl_discriminator" in arrays) == has_discriminator, folder, run_folder.SNAPSHOTS)
    return arrays


def read_plane(folder, config, problem):
    """Return all arrays of the latent_plane.npz of a run; raises InputError if they can't be read or are of another run."""
    plane = contents.read_part(folder, LATENT_PLANE, ("axis", "probabilities", "posterior_density"))
    n_points = plane["axis"].size**config.model.latent_dim
    contents.require_fit(plane["probabilities"].shape == (n_points, problem.n_pixels)
                         and plane["posterior_density"].shape == (problem.n_images, n_points), folder, LATENT_PLANE)
    return plane
