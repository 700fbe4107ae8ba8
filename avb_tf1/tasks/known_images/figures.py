"""Figures of a model of a few known images, from arrays."""

import numpy as np

from avb_tf1.plotting import movie
from avb_tf1.plotting.latents import class_legend, draw_latents, latent_limit
from avb_tf1.plotting.pixels import draw_pixels, probability_bar
from avb_tf1.plotting.style import new_figure, plain, save


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
    """Write the latent space through training as a GIF, a frame a snapshot.

    Args:
        path: str, the GIF to write.
        z: [s, n, latent_dim], the codes at each snapshot.
        labels: integer [n], the classes.
        iterations: integer [s], iterations done at each snapshot.
        images: [n_classes, rows, columns], the classes' images, shown in the legend.
    """
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
