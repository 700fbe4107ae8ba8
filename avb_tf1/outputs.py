"""What a run leaves in its folder besides its checkpoints: arrays, numbers, figures and the page."""

import math
import os
import platform
from typing import Callable, Dict, NamedTuple, Tuple

import numpy as np

from avb_tf1.config.schema import Config
from avb_tf1.estimation import quadrature, trained_networks
from avb_tf1.evaluation import measurement
from avb_tf1.ground import files
from avb_tf1.ground.seeds import stream
from avb_tf1.ground.tensorflow import tf, tfp
from avb_tf1.problems.known_images.problem import ImageProblem
from avb_tf1.runs import provenance, run_folder
from avb_tf1.runs.run_contents import losses_of
from avb_tf1.training import snapshots, trainer

N_LATENTS = 5120      # the tutorial's 10 batches of 512
N_PRIOR_IMAGES = 16
PLANE_AXIS = np.linspace(-4, 4, 161)  # coordinates along each axis at which the decoder is looked at in the end
N_MOVIE_FRAMES = 41   # at most


def sample_latents(networks, problem, seed):
    """Return the latents of latents.npz: z float32 [5120, latent_dim] and labels int64 [5120].

    Raises:
        trainer.DivergenceError: a latent is not finite, since the last update spoilt the weights.
    """
    return draw_latents_of(networks, problem, seed, N_LATENTS)


def draw_latents_of(networks, problem, seed, n):
    """Return n latents of a problem's x, or less, and their labels; as sample_latents, which raises what this does."""
    z, labels = measurement.sample_posterior(networks, problem, n // problem.n_x, stream(seed, "latents"))
    if not np.isfinite(z).all():
        raise trainer.DivergenceError("the encoder's output is not finite after the last iteration")
    return z, labels


def write(out, config, problem, networks, monitors, seen):
    """Write the arrays and figures of a trained model of images into the run folder `out`.

    Args:
        out: str; config: the run's; problem: image_problem.ImageProblem; networks: trained_networks.Networks.
        monitors: as in trainer.TrainingResult.
        seen: as of snapshots.Snapshots.arrays.

    Returns:
        The metrics, as of measure.

    Raises:
        trainer.DivergenceError: as sample_latents. quadrature.GridError: the decoder can't be integrated exactly.
    """
    def in_folder(name):
        return os.path.join(out, name)

    z, labels = sample_latents(networks, problem, config.seed)
    files.write_arrays(in_folder(run_folder.LATENTS), z=z, label=labels)
    files.write_arrays(in_folder(run_folder.SNAPSHOTS), label=snapshots.labels_of_codes(problem), **seen,
                       **snapshots.kl_over_training(seen, problem))
    draw_figures(out, Trained(config, problem, networks, monitors, seen, z, labels))
    log_likelihoods = None
    if quadrature.has_grid(networks.latent_dim):
        log_likelihoods = quadrature.log_likelihood(networks.decode, networks.latent_dim, problem.images)
        files.write_arrays(in_folder(run_folder.LATENT_PLANE), **latent_plane(networks, problem, log_likelihoods))
    return measure(networks, problem, monitors, z, labels, config, log_likelihoods)


def evaluate(networks, problem, monitors, config):
    """Return the metrics of a trained model of images, as in metrics.json. Arguments as of write."""
    return measure(networks, problem, monitors, *sample_latents(networks, problem, config.seed), config)


def latent_plane(networks, problem, log_likelihoods):
    """Return what the decoder makes of the latent space, and the exact posteriors, as in latent_plane.npz.

    Args:
        networks: trained_networks.Networks.
        problem: image_problem.ImageProblem.
        log_likelihoods: what quadrature.log_likelihood returns for the problem's images.

    Returns:
        dict: axis float32 [161]; on the points of quadrature.grid(axis, latent_dim): probabilities float32
        [161**latent_dim, n_pixels], those of p(x|z), and posterior_density float32 [n_images, 161**latent_dim], p(z|x) for
        each image.
    """
    points = quadrature.grid(PLANE_AXIS, networks.latent_dim).astype(np.float32)
    density = quadrature.posterior_density(networks.decode, PLANE_AXIS, networks.latent_dim, problem.images,
                                           log_likelihoods)
    return {"axis": PLANE_AXIS.astype(np.float32), "probabilities": trained_networks.in_chunks(networks.decode, points),
            "posterior_density": density.astype(np.float32)}


def measure(networks, problem, monitors, z, labels, config, log_likelihoods=None):
    """Return the metrics of a trained model, as in metrics.json.

    The same networks, monitors and config give the same numbers: the noise is drawn here, from a stream of its own.

    Args:
        networks: trained_networks.Networks.
        problem: image_problem.ImageProblem.
        monitors: as in trainer.TrainingResult.
        z, labels: as of sample_latents.
        config: the run's.
        log_likelihoods: as of measurement.evaluate.

    Returns:
        dict: name -> number, or None where it is infinite: at its bad end, -inf for elbo and log_likelihood, else inf. The
        losses are means over the last measurement.N_FINAL iterations.
    """
    metrics = final_losses(monitors)
    metrics["classification_accuracy"] = measurement.classification_accuracy(networks, problem, z, labels)
    metrics.update(measurement.evaluate(
        networks, problem, stream(config.seed, "evaluation"), config.evaluation.n_samples, log_likelihoods))
    return without_infinity(metrics)


def final_losses(monitors):
    """Return the losses' means over the last measurement.N_FINAL iterations, by name."""
    return {name: float(np.mean(values[-measurement.N_FINAL:], dtype=np.float64))
            for name, values in losses_of(monitors).items()}


def without_infinity(metrics):
    """Return metrics, and those of a list among them, with None for what is not finite, which JSON doesn't have."""
    def finite(value):
        if isinstance(value, list):
            return [without_infinity(own) for own in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return {name: finite(value) for name, value in metrics.items()}


def timing(config, legs, evaluation_seconds):
    """Return the content of timing.json: the legs of the training and their sums, and what the last one was done with."""
    seconds, cpu_seconds = (sum(own[name] for own in legs) for name in ("seconds", "cpu_seconds"))
    n_trained = legs[-1]["last"]
    return dict(
        {name: legs[-1][name] for name in provenance.leg()},
        legs=legs, seconds=seconds, cpu_seconds=cpu_seconds, n_trained=n_trained,
        iterations_per_second=n_trained / seconds, evaluation_seconds=evaluation_seconds,
        intra_op_threads=config.runtime.intra_op_threads,
        inter_op_threads=config.runtime.inter_op_threads or legs[-1]["n_cpus"],
        python=platform.python_version(), tensorflow=tf.__version__, tensorflow_probability=tfp.__version__,
        numpy=np.__version__)


class Trained(NamedTuple):
    """A trained model and what is drawn of it.

    Attributes:
        config: the run's; problem: image_problem.ImageProblem, or as of the module that draws it; networks:
            trained_networks.Networks.
        monitors: as in trainer.TrainingResult.
        seen: as of snapshots.Snapshots.arrays.
        z, labels: as of sample_latents.
    """

    config: Config
    problem: ImageProblem
    networks: trained_networks.Networks
    monitors: Dict[str, np.ndarray]
    seen: Dict[str, np.ndarray]
    z: np.ndarray
    labels: np.ndarray


class Figure(NamedTuple):
    """A figure of FIGURES: a function that draws a Trained into the file of a path, and the Needs without which it can't."""

    draw: Callable
    needs: Tuple[measurement.Need, ...] = ()


def _training_curve(path, trained):
    optima = trained.problem.optima_of(trained.config.model)
    plotting().training_curve(path, losses_of(trained.monitors), {name: optimum.value for name, optimum in optima.items()})


def _latent_space(path, trained):
    plotting().latent_space(path, trained.z, trained.labels, _images(trained))


def _reconstructions(path, trained):
    problem, networks = trained.problem, trained.networks
    probabilities = trained_networks.in_chunks(networks.decode, trained.z)
    means = [probabilities[trained.labels == label].mean(axis=0) for label in range(problem.n_images)]
    prior_samples = stream(trained.config.seed, "prior images").standard_normal((N_PRIOR_IMAGES, networks.latent_dim))
    plotting().reconstructions(path, _images(trained), problem.drawn(means),
                               problem.drawn(networks.decode(prior_samples.astype(np.float32))))


def _latent_movie(path, trained):
    iterations = trained.seen["iteration"]
    shown = snapshots.spread_out(len(iterations), N_MOVIE_FRAMES)
    plotting().latent_movie(path, trained.seen["z"][shown], snapshots.labels_of_codes(trained.problem), iterations[shown],
                            _images(trained))


def _images(trained):
    return trained.problem.drawn(trained.problem.images)


def plotting():
    """Return the module of that name: matplotlib takes most of a second to load, so not before training."""
    from avb_tf1 import plotting
    return plotting


# By their names in a run folder.
FIGURES = {
    run_folder.TRAINING_CURVE: Figure(_training_curve),
    run_folder.LATENT_SPACE: Figure(_latent_space),
    run_folder.RECONSTRUCTIONS: Figure(_reconstructions),
    run_folder.LATENT_MOVIE: Figure(_latent_movie),
}


def draw_figures(out, trained, figures=None):
    """Write those FIGURES of a Trained that can be drawn into the run folder `out`; others, as those are, with `figures`."""
    for name, figure in (FIGURES if figures is None else figures).items():
        if measurement.why_not(trained.networks, figure.needs) is None:
            figure.draw(os.path.join(out, name), trained)


def write_report(out, metrics=None):
    """Write the run folder's page, as html_report.write_run_report."""
    from avb_tf1.report import html_report  # not before training either

    html_report.write_run_report(out, metrics)

