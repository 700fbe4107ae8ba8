"""What a run of a data set of real images leaves in its folder besides its checkpoints. As outputs, which does it for a few.

A metric of the test images goes into held_out.METRICS, a figure into FIGURES.
"""

import os

import numpy as np

from avb_tf1 import annealing, files
from avb_tf1.evaluation import held_out, trained_networks
from avb_tf1.outputs import Figure, Trained, draw_figures, final_losses, plotting, without_infinity
from avb_tf1.runs import run_folder
from avb_tf1.runs.run_contents import losses_of
from avb_tf1.seeds import stream
from avb_tf1.training import dataset_snapshots, trainer

N_DENSE_IMAGES = 30           # test images whose implicit q(z|x) has its density estimated, and from how many samples each
N_DENSE_SAMPLES = 16384


def write(out, config, problem, networks, monitors, seen):
    """Write the arrays and figures of a trained model of a data set into the run folder `out`.

    Args:
        out: str; config: the run's; problem: image_dataset.ImageDataset; networks: trained_networks.Networks.
        monitors: as in trainer.TrainingResult.
        seen: as of snapshots.Snapshots.arrays.

    Returns:
        The metrics, as of evaluate.

    Raises:
        trainer.DivergenceError: as sample_latents.
    """
    z, labels = sample_latents(networks, problem, config.seed)
    files.write_arrays(os.path.join(out, run_folder.LATENTS), z=z, label=labels)
    files.write_arrays(os.path.join(out, run_folder.SNAPSHOTS), label=problem.shown_images()[1],
                       image=dataset_snapshots.close_images(problem), **seen)
    draw_figures(out, Trained(config, problem, networks, monitors, seen, z, labels), FIGURES)
    metrics, per_image = _measure(networks, problem, monitors, config)
    files.write_arrays(os.path.join(out, run_folder.TEST_IMAGES), **per_image)
    return metrics


def sample_latents(networks, problem, seed):
    """Return a code of each test image, as in latents.npz: z float32 [n_test, latent_dim] and labels int64 [n_test].

    Raises:
        trainer.DivergenceError: a code is not finite, since the last update spoilt the weights.
    """
    images = problem.test_images()
    eps = stream(seed, "latents").standard_normal((len(images), networks.noise_dim)).astype(np.float32)
    z = trained_networks.in_chunks(networks.encode, images, eps)
    if not np.isfinite(z).all():
        raise trainer.DivergenceError("the encoder's output is not finite after the last iteration")
    return z, problem.test.labels


def evaluate(networks, problem, monitors, config):
    """Return the metrics of a trained model, as in metrics.json: its losses, and those of held_out.evaluate on the test images.

    The losses are means over the last measurement.N_FINAL iterations, of train images. AVB's generator_loss is no bound on
    -log p(x): it has the discriminator's estimate of a KL divergence in it.

    Args:
        networks: trained_networks.Networks; problem: image_dataset.ImageDataset.
        monitors: as in trainer.TrainingResult.
        config: the run's.

    Raises:
        quadrature.GridError: as of held_out.evaluate.
    """
    return _measure(networks, problem, monitors, config)[0]


def log_likelihood(networks, problem, images, config):
    """Return log p(x) of images of a data set, float64 [n], nats; as of held_out.log_likelihood, by a run's settings and seed.

    Args:
        images: float32 [n, n_pixels], pixels in {0, 1}; the others as of evaluate, which raises what this does.
    """
    return held_out.log_likelihood(networks, images, stream(config.seed, "log-likelihood"), config.evaluation.n_samples,
                                   annealing.of(networks, problem, config)).values


def _measure(networks, problem, monitors, config):
    """What evaluate returns, and per_image of held_out.evaluate."""
    settings = config.evaluation
    found = held_out.evaluate(
        networks, problem.test_images(), stream(config.seed, "evaluation"), settings.n_samples, N_DENSE_IMAGES, N_DENSE_SAMPLES,
        annealing.of(networks, problem, config), problem.some_test_rows(settings.ais.n_images))
    per_image = found.pop("per_image")
    return without_infinity(dict(final_losses(monitors), **found)), per_image


def _training_curve(path, trained):
    plotting().training_curve(path, losses_of(trained.monitors), {})


# By their names in a run folder.
FIGURES = {run_folder.TRAINING_CURVE: Figure(_training_curve)}
