"""Which arrays of a trained model of known images its figures are drawn from."""

import numpy as np

from avb_tf1.estimation.metric import ENCODER
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.plotting import training_curve
from avb_tf1.runs import run_folder
from avb_tf1.runs.contents import losses_of
from avb_tf1.tasks.known_images import figures
from avb_tf1.tasks.known_images.task import latents
from avb_tf1.tasks.trained import Figure, draw_figures
from avb_tf1.tasks.views import N_MOVIE_FRAMES, labels_of_codes, spread_out

N_PRIOR_IMAGES = 16


def draw(out, trained):
    """Write the figures of a tasks.trained.Trained into the run folder `out`."""
    draw_figures(out, trained, FIGURES)


def _training_curve(path, trained):
    optima = trained.problem.optima_of(trained.config.model)
    training_curve.draw(path, losses_of(trained.monitors), {name: optimum.value for name, optimum in optima.items()})


def _latent_space(path, trained):
    figures.latent_space(path, *trained.once(latents), _images(trained))


def _reconstructions(path, trained):
    problem, networks, (z, labels) = trained.problem, trained.networks, trained.once(latents)
    probabilities = in_chunks(networks.decode, z)
    means = [probabilities[labels == label].mean(axis=0) for label in range(problem.n_images)]
    prior_samples = trained.stream("prior images").standard_normal((N_PRIOR_IMAGES, networks.latent_dim))
    figures.reconstructions(path, _images(trained), problem.drawn(means),
                             problem.drawn(networks.decode(prior_samples.astype(np.float32))))


def _latent_movie(path, trained):
    iterations = trained.snapshots["iteration"]
    shown = spread_out(len(iterations), N_MOVIE_FRAMES)
    figures.latent_movie(path, trained.snapshots["z"][shown], labels_of_codes(trained.problem), iterations[shown],
                          _images(trained))


def _images(trained):
    return trained.problem.drawn(trained.problem.images)


# By their names in a run folder.
FIGURES = {
    run_folder.TRAINING_CURVE: Figure(_training_curve),
    "latent_space.png": Figure(_latent_space, (ENCODER,)),
    "reconstructions.png": Figure(_reconstructions, (ENCODER,)),
    "latent_space.gif": Figure(_latent_movie, (ENCODER,)),
}
