"""What a run leaves in its folder besides its checkpoints: arrays, numbers, figures and the page."""

import io
import math
import os

import numpy as np

from avb_tf1 import evaluation, files, run_folder, snapshots, trainer
from avb_tf1.data import one_hot_images
from avb_tf1.networks import op_seed
from avb_tf1.published import optima

N_LATENTS = 5120      # the tutorial's 10 batches of 512
N_PRIOR_IMAGES = 16
PLANE_AXIS = np.linspace(-4, 4, 161)  # coordinates along each axis at which the decoder is looked at in the end
N_MOVIE_FRAMES = 41   # at most


def sample_latents(networks, seed):
    """Return the latents of latents.npz: z float32 [5120, latent_dim] and labels int64 [5120].

    Raises:
        trainer.DivergenceError: a latent is not finite, since the last update spoilt the weights.
    """
    z, labels = evaluation.sample_posterior(networks, N_LATENTS // len(one_hot_images()), stream(seed, "latents"))
    if not np.isfinite(z).all():
        raise trainer.DivergenceError("the encoder's output is not finite after the last iteration")
    return z, labels


def latent_plane(networks, log_likelihoods):
    """Return what the decoder makes of the latent space, and the exact posteriors, as in latent_plane.npz.

    Args:
        networks: evaluation.Networks.
        log_likelihoods: what evaluation.log_likelihood returns for the four images.

    Returns:
        dict: axis float32 [161]; on the points of evaluation.grid(axis, latent_dim): probabilities float32
        [161**latent_dim, 4], those of p(x|z), and posterior_density float32 [4, 161**latent_dim], p(z|x) for each image.
    """
    points = evaluation.grid(PLANE_AXIS, networks.latent_dim).astype(np.float32)
    density = evaluation.posterior_density(networks.decode, PLANE_AXIS, networks.latent_dim, one_hot_images(),
                                           log_likelihoods)
    return {"axis": PLANE_AXIS.astype(np.float32), "probabilities": evaluation.in_chunks(networks.decode, points),
            "posterior_density": density.astype(np.float32)}


def measure(networks, monitors, z, labels, seed, log_likelihoods=None):
    """Return the metrics of a trained model, as in metrics.json.

    The same networks, monitors and seed give the same numbers: the noise is drawn here, from a stream of its own.

    Args:
        networks: evaluation.Networks.
        monitors: as in trainer.TrainingResult.
        z, labels: as of sample_latents.
        seed: int, the config's.
        log_likelihoods: as of evaluation.evaluate.

    Returns:
        dict: name -> number, or None where it is infinite: at its bad end, -inf for elbo and log_likelihood, else inf. The
        losses are means over the last evaluation.N_FINAL iterations.
    """
    metrics = {name: float(np.mean(values[-evaluation.N_FINAL:], dtype=np.float64))
               for name, values in losses_of(monitors).items()}
    metrics["classification_accuracy"] = evaluation.classification_accuracy(networks, z, labels)
    metrics.update(evaluation.evaluate(networks, stream(seed, "evaluation"), log_likelihoods))
    # JSON has no infinity.
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def losses_of(monitors):
    """Return those of the monitors that an optimiser minimises, in the order of losses.csv."""
    return {name: monitors[name] for name in evaluation.LOSSES if name in monitors}


def write_losses(path, monitors):
    """Write losses.csv: a row an iteration, from 1, with the 9 significant digits that a float32 needs."""
    losses = losses_of(monitors)
    text = io.StringIO()
    text.write(",".join(["iteration"] + list(losses)) + "\n")
    for iteration, values in enumerate(zip(*losses.values()), 1):
        text.write("%d,%s\n" % (iteration, ",".join("%.9g" % value for value in values)))
    files.write_text(path, text.getvalue())


def draw_figures(out, networks, monitors, seen, z, labels, config):
    """Write the run folder's figures; `seen` is as of snapshots.Snapshots.arrays."""
    from avb_tf1 import plotting  # matplotlib takes most of a second to load: not before training

    images = one_hot_images()
    plotting.training_curve(
        os.path.join(out, run_folder.TRAINING_CURVE), losses_of(monitors),
        {name: optimum.value for name, optimum in optima(config.model.kind).items()})
    plotting.latent_space(os.path.join(out, run_folder.LATENT_SPACE), z, labels, images)
    probabilities = evaluation.in_chunks(networks.decode, z)
    prior_samples = stream(config.seed, "prior images").standard_normal((N_PRIOR_IMAGES, networks.latent_dim))
    plotting.reconstructions(
        os.path.join(out, run_folder.RECONSTRUCTIONS), images,
        np.stack([probabilities[labels == label].mean(axis=0) for label in range(len(images))]),
        networks.decode(prior_samples.astype(np.float32)))
    shown = snapshots.spread_out(len(seen["iteration"]), N_MOVIE_FRAMES)
    plotting.latent_movie(os.path.join(out, run_folder.LATENT_MOVIE), seen["z"][shown], snapshots.LABELS,
                          seen["iteration"][shown], images)


def write_report(out, metrics=None):
    """Write the run folder's page, as html_report.write_run_report."""
    from avb_tf1 import html_report  # not before training either

    html_report.write_run_report(out, metrics)


def stream(seed, name):
    """Return a random stream of the experiment's, by the config's seed and a name; apart from all that training draws."""
    return np.random.RandomState([seed, op_seed(name)])
