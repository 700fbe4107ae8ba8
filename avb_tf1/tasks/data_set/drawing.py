"""Which arrays of a trained model of a data set its figures are drawn from."""

import numpy as np

from avb_tf1.estimation.metric import ENCODER, GRID, Need
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.plotting import training_curve
from avb_tf1.runs import run_folder
from avb_tf1.runs.contents import losses_of
from avb_tf1.tasks.data_set import figures, view
from avb_tf1.tasks.trained import Figure, draw_figures
from avb_tf1.tasks.views import N_MOVIE_FRAMES, spread_out

N_COORDINATES = 4             # of more than two, that are drawn
N_MEAN = 16                   # samples that the mean of an implicit q(z|x) is taken from, to choose them

NO_GRID = Need(lambda networks: not GRID.is_met(networks))
PLANE = Need(lambda networks: networks.latent_dim == 2)


def draw(out, trained):
    """Write the figures of a tasks.trained.Trained into the run folder `out`."""
    draw_figures(out, trained, FIGURES)


def widest_coordinates(networks, x, random_state):
    """Return the coordinates of z that tell images apart most, by the variance over images of the mean of q(z|x).

    Args:
        networks: trained_networks.Networks; random_state: numpy RandomState.
        x: float32 [n, n_pixels].

    Returns:
        int64 [k], at most N_COORDINATES, those of the largest variance, ascending by number; their variances, float64 [k]. A
        mean is that of N_MEAN samples where q(z|x) has no closed form, the variance then less what the samples add to it.
    """
    if networks.gaussian is not None:
        variances = np.var(networks.gaussian(x)[0], axis=0, dtype=np.float64)
    else:
        z = np.array([in_chunks(networks.encode, x, random_state.standard_normal(
            (len(x), networks.noise_dim)).astype(np.float32)) for _ in range(N_MEAN)], np.float64)
        variances = np.maximum(z.mean(axis=0).var(axis=0) - z.var(axis=0, ddof=1).mean(axis=0) / N_MEAN, 0)
    chosen = np.sort(np.argsort(-variances, kind="stable")[:N_COORDINATES])
    return chosen, variances[chosen]


def _widest(trained):
    return widest_coordinates(trained.networks, trained.problem.shown_images()[0], trained.stream("coordinates"))


def _training_curve(path, trained):
    training_curve.draw(path, losses_of(trained.monitors), {})


def _latent_space(path, trained):
    problem = trained.problem
    figures.latent_space(path, trained.snapshots["z"][-1], problem.shown_images()[1], problem.class_names)


def _pairs(path, trained):
    problem, (chosen, variances) = trained.problem, trained.once(_widest)
    figures.pairs(path, trained.snapshots["z"][-1][:, chosen], problem.shown_images()[1], problem.class_names,
                           _names_of(chosen), variances, trained.networks.latent_dim)


def _latent_movie(path, trained):
    problem, networks, snapshots = trained.problem, trained.networks, trained.snapshots
    chosen = np.arange(networks.latent_dim) if GRID.is_met(networks) else trained.once(_widest)[0][:2]
    shown = spread_out(len(snapshots["iteration"]), N_MOVIE_FRAMES)
    figures.latent_movie(path, snapshots["z"][shown][:, :, chosen], problem.shown_images()[1],
                                  snapshots["iteration"][shown], problem.class_names, _names_of(chosen))


def _manifold(path, trained):
    figures.manifold(path, _last(trained, "manifold"), view.manifold_axis(trained.networks.latent_dim))


def _reconstructions(path, trained):
    images, titles = _images_looked_at(trained.problem)
    figures.reconstructions(path, images, _last(trained, "reconstruction"), _last(trained, "prior"), titles)


def _posteriors(path, trained):
    images, titles = _images_looked_at(trained.problem)
    samples, axes, density = (trained.snapshots[name][-1] for name in ("samples", "density_axes", "density"))
    figures.posteriors(path, images, samples, axes, density, titles)


def _names_of(coordinates):
    return ["$z_{%d}$" % (coordinate + 1) for coordinate in coordinates]


def _last(trained, name):
    """Images of the last snapshot, pixels from 0 to 1, as they are drawn."""
    return trained.problem.drawn(trained.snapshots[name][-1] / 255)


def _images_looked_at(problem):
    """The images that are looked at closely, as they are drawn, and what each is called: its class or, without any, its number.
    """
    numbers, (images, labels) = view.images_looked_at(problem), problem.shown_images()
    titles = ["image %d" % number for number in numbers] if len(problem.class_names) == 1 else [
        problem.class_names[label] for label in labels[numbers]]
    return problem.drawn(images[numbers]), titles


# By their names in a run folder.
FIGURES = {
    run_folder.TRAINING_CURVE: Figure(_training_curve),
    "latent_space.png": Figure(_latent_space, (GRID, ENCODER)),
    "pairs.png": Figure(_pairs, (NO_GRID, ENCODER)),
    "manifold.png": Figure(_manifold, (GRID,)),
    "reconstructions.png": Figure(_reconstructions, (ENCODER,)),
    "posteriors.png": Figure(_posteriors, (PLANE, ENCODER)),
    "latent_space.gif": Figure(_latent_movie, (ENCODER,)),
}
