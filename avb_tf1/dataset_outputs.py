"""What a run of a data set of real images leaves in its folder besides its checkpoints. As outputs, which does it for a few.

A metric of the test images goes into held_out, METRICS and evaluate, and into report/dataset_tables; a figure into FIGURES and
run_folder.FIGURES_OF_DATASET.
"""

import os

import numpy as np

from avb_tf1 import annealing
from avb_tf1.estimation import trained_networks
from avb_tf1.evaluation import held_out
from avb_tf1.evaluation.measurement import GRID, Need
from avb_tf1.ground import files
from avb_tf1.ground.seeds import stream
from avb_tf1.outputs import N_MOVIE_FRAMES, Figure, Trained, draw_figures, final_losses, plotting, without_infinity
from avb_tf1.runs import run_folder
from avb_tf1.runs.run_contents import losses_of
from avb_tf1.training import dataset_snapshots, snapshots, trainer

N_DENSE_IMAGES = 30           # test images whose implicit q(z|x) has its density estimated, and from how many samples each
N_DENSE_SAMPLES = 16384
N_COORDINATES = 4             # of more than two, that are drawn
N_MEAN = 16                   # samples that the mean of an implicit q(z|x) is taken from, to choose them

NO_GRID = Need(lambda networks: not GRID.is_met(networks))
PLANE = Need(lambda networks: networks.latent_dim == 2)


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
        quadrature.GridError: as held_out.evaluate.
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


def telling_coordinates(networks, x, random_state):
    """Return the coordinates of z that tell images apart most, by the variance over images of the mean of q(z|x).

    Args:
        networks: trained_networks.Networks; random_state: numpy RandomState.
        x: float32 [n, n_pixels].

    Returns:
        int64 [k], at most N_COORDINATES, those of the largest variance, ascending by number; their variances, float64 [k]. A
        mean is that of N_MEAN samples where q(z|x) has no closed form, the variance then less what the samples add to it.
    """
    if networks.posterior_parameters is not None:
        variances = np.var(networks.posterior_parameters(x)[0], axis=0, dtype=np.float64)
    else:
        z = np.array([trained_networks.in_chunks(networks.encode, x, random_state.standard_normal(
            (len(x), networks.noise_dim)).astype(np.float32)) for _ in range(N_MEAN)], np.float64)
        variances = np.maximum(z.mean(axis=0).var(axis=0) - z.var(axis=0, ddof=1).mean(axis=0) / N_MEAN, 0)
    chosen = np.sort(np.argsort(-variances, kind="stable")[:N_COORDINATES])
    return chosen, variances[chosen]


def _dataset_plotting():
    from avb_tf1 import dataset_plotting  # as of outputs.plotting
    return dataset_plotting


def _training_curve(path, trained):
    plotting().training_curve(path, losses_of(trained.monitors), {})


def _latent_space(path, trained):
    problem = trained.problem
    _dataset_plotting().latent_space(path, trained.seen["z"][-1], problem.shown_images()[1], problem.class_names)


def _pairs(path, trained):
    (x, labels), networks = trained.problem.shown_images(), trained.networks
    chosen, variances = telling_coordinates(networks, x, stream(trained.config.seed, "coordinates"))
    _dataset_plotting().pairs(path, trained.seen["z"][-1][:, chosen], labels, trained.problem.class_names,
                              _names_of(chosen), variances, networks.latent_dim)


def _latent_movie(path, trained):
    (x, labels), networks, seen = trained.problem.shown_images(), trained.networks, trained.seen
    chosen = np.arange(networks.latent_dim)
    if not GRID.is_met(networks):
        chosen = telling_coordinates(networks, x, stream(trained.config.seed, "coordinates"))[0][:2]
    shown = snapshots.spread_out(len(seen["iteration"]), N_MOVIE_FRAMES)
    _dataset_plotting().latent_movie(path, seen["z"][shown][:, :, chosen], labels, seen["iteration"][shown],
                                     trained.problem.class_names, _names_of(chosen))


def _manifold(path, trained):
    _dataset_plotting().manifold(path, _drawn(trained, "manifold"),
                                 dataset_snapshots.manifold_axis(trained.networks.latent_dim))


def _reconstructions(path, trained):
    images, titles = _close_images(trained.problem)
    _dataset_plotting().reconstructions(path, images, _drawn(trained, "reconstruction"), _drawn(trained, "prior"), titles)


def _posteriors(path, trained):
    images, titles = _close_images(trained.problem)
    samples, axes, density = (trained.seen[name][-1] for name in ("samples", "density_axes", "density"))
    _dataset_plotting().posteriors(path, images, samples, axes, density, titles)


def _names_of(coordinates):
    return ["$z_{%d}$" % (coordinate + 1) for coordinate in coordinates]


def _drawn(trained, name):
    """Images of the last snapshot, pixels from 0 to 1, as they are drawn."""
    return trained.problem.drawn(trained.seen[name][-1] / 255)


def _close_images(problem):
    """The images that are looked at closely, as they are drawn, and what each is called: its class or, without any, its number.
    """
    numbers, (images, labels) = dataset_snapshots.close_images(problem), problem.shown_images()
    titles = ["image %d" % number for number in numbers] if len(problem.class_names) == 1 else [
        problem.class_names[label] for label in labels[numbers]]
    return problem.drawn(images[numbers]), titles


# By their names in a run folder.
FIGURES = {
    run_folder.TRAINING_CURVE: Figure(_training_curve),
    run_folder.LATENT_SPACE: Figure(_latent_space, (GRID,)),
    run_folder.PAIRS: Figure(_pairs, (NO_GRID,)),
    run_folder.MANIFOLD: Figure(_manifold, (GRID,)),
    run_folder.RECONSTRUCTIONS: Figure(_reconstructions),
    run_folder.POSTERIORS: Figure(_posteriors, (PLANE,)),
    run_folder.LATENT_MOVIE: Figure(_latent_movie),
}
