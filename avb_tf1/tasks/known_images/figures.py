"""Figures of a model of a few known images: each from arrays, and which arrays of a trained model these are."""

import numpy as np

from avb_tf1.estimation.metric import ENCODER
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.plotting import movie, training_curve
from avb_tf1.plotting.latents import class_legend, draw_latents, latent_limit
from avb_tf1.plotting.pixels import draw_pixels, probability_bar
from avb_tf1.plotting.style import new_figure, plain, save
from avb_tf1.runs import run_folder
from avb_tf1.runs.contents import losses_of
from avb_tf1.tasks.known_images.measures import latents
from avb_tf1.tasks.trained import Figure
from avb_tf1.tasks.views import N_MOVIE_FRAMES, labels_of_codes, spread_out

N_PRIOR_IMAGES = 16


@plain
def latent_space(path, z, labels, images):
    """Draw samples of q(z|x) as the tutorial does, one colour a class, over circles at the prior's 1, 2 and 3 sigma.

    Args:
        path: str, the PNG to write.
        z: [n, latent_dim]; with one latent dimension each class gets a band of its own.
        labels: integer [n], the classes.
        images: [n_classes, rows, columns], the classes' images, shown in the legend.
    """
    figure = new_figure(6, 6)
    axes = figure.subplots()
    draw_latents(axes, z, labels)
    axes.set_title("Latent space" if z.shape[1] <= 2 else "Latent space, the first two of %d dimensions" % z.shape[1])
    class_legend(axes, images)
    save(figure, path)


@plain
def latent_movie(path, z, labels, iterations, images):
    """Write latent_space through training as a GIF, a frame a snapshot; z: [s, n, latent_dim], iterations: integer [s]."""
    axes = movie.new_figure(4.4, 4.5).add_axes([0.13, 0.11, 0.84, 0.82])
    limit = latent_limit(z[-1])

    def draw(codes, after):
        draw_latents(axes, codes, labels, size=4, alpha=0.7, limit=limit)
        axes.set_title("Latent space " + after, fontsize=10)
        class_legend(axes, images)

    movie.write(path, [axes], draw, z, iterations)


@plain
def reconstructions(path, images, mean_reconstructions, prior_reconstructions):
    """Draw inputs, their mean reconstructions, and images decoded from prior samples, as pictures of pixels.

    Args:
        path: str, the PNG to write.
        images: [n_classes, rows, columns], pixels in [0, 1].
        mean_reconstructions: [n_classes, rows, columns], pixel probabilities.
        prior_reconstructions: [16, rows, columns], pixel probabilities.
    """
    figure = new_figure(7.6, 3.2)
    left, right = figure.subfigures(1, 2, width_ratios=[1.6, 1])
    left.suptitle("input (top), mean reconstruction (bottom)", fontsize=9)
    panels = left.subplots(2, len(images), squeeze=False)
    for axes, image in zip(panels.ravel(), np.concatenate([images, mean_reconstructions])):
        drawn = draw_pixels(axes, image)
    probability_bar(left, drawn, panels, shrink=0.6)
    right.suptitle("decoded from 16 prior samples", fontsize=9)
    for axes, image in zip(right.subplots(4, 4).ravel(), prior_reconstructions):
        draw_pixels(axes, image)
    save(figure, path)


def _training_curve(path, trained):
    optima = trained.problem.optima_of(trained.config)
    training_curve.draw(path, losses_of(trained.monitors), {name: optimum.value for name, optimum in optima.items()})


def _latent_space(path, trained):
    latent_space(path, *trained.once(latents), _images(trained))


def _reconstructions(path, trained):
    problem, networks, (z, labels) = trained.problem, trained.networks, trained.once(latents)
    probabilities = in_chunks(networks.decode, z)
    means = [probabilities[labels == label].mean(axis=0) for label in range(problem.n_images)]
    prior_samples = trained.stream("prior images").standard_normal((N_PRIOR_IMAGES, networks.latent_dim))
    reconstructions(path, _images(trained), problem.drawn(means),
                    problem.drawn(networks.decode(prior_samples.astype(np.float32))))


def _latent_movie(path, trained):
    iterations = trained.snapshots["iteration"]
    shown = spread_out(len(iterations), N_MOVIE_FRAMES)
    latent_movie(path, trained.snapshots["z"][shown], labels_of_codes(trained.problem), iterations[shown], _images(trained))


def _images(trained):
    return trained.problem.drawn(trained.problem.images)


# By their names in a run folder.
FIGURES = {
    run_folder.TRAINING_CURVE: Figure(_training_curve),
    "latent_space.png": Figure(_latent_space, (ENCODER,)),
    "reconstructions.png": Figure(_reconstructions, (ENCODER,)),
    "latent_space.gif": Figure(_latent_movie, (ENCODER,)),
}
