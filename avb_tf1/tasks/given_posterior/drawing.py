"""Which arrays of a trained model of a given posterior its figures are drawn from."""

import os

from avb_tf1.plotting import training_curve
from avb_tf1.runs import run_folder
from avb_tf1.runs.contents import losses_of
from avb_tf1.tasks.given_posterior import figures, measures
from avb_tf1.tasks.views import N_MOVIE_FRAMES, labels_of_codes, spread_out


def draw(out, trained, z, labels, exact):
    """Write the figures of a tasks.trained.Trained into the run folder `out`.

    Args:
        out: str; trained: Trained.
        z, labels: as in latents.npz; exact: the arrays of exact.npz by name, or {}.
    """
    def in_folder(name):
        return os.path.join(out, name)

    problem, snapshots = trained.problem, trained.snapshots
    names, coordinates = problem.observation_names, problem.coordinates
    training_curve.draw(in_folder(run_folder.TRAINING_CURVE), losses_of(trained.monitors), {})
    figures.approximate_posteriors(in_folder("posterior.png"), z, labels, names, coordinates, exact)
    quantities = measures.quantities_of_each_x(problem, z, labels)
    figures.marginals(
        in_folder("marginals.png"), {"q": quantities}, measures.names_of_quantities(problem), exact.get("draws"), names)
    shown = spread_out(len(snapshots["iteration"]), N_MOVIE_FRAMES)
    figures.latent_movie(in_folder("posterior.gif"), snapshots["z"][shown], labels_of_codes(problem),
                         snapshots["iteration"][shown], names, coordinates, exact)
