"""What a run of a given posterior leaves in its folder besides its checkpoints. As outputs, which does it for images."""

import math
import os

import numpy as np

from avb_tf1.estimation import entropy, quadrature
from avb_tf1.evaluation import posterior_measurement, posterior_reference
from avb_tf1.ground import files
from avb_tf1.ground.seeds import stream
from avb_tf1.outputs import N_MOVIE_FRAMES, draw_latents_of, final_losses, plotting, without_infinity
from avb_tf1.runs import run_folder
from avb_tf1.runs.run_contents import losses_of
from avb_tf1.training import snapshots

N_LATENTS = 4096              # samples of each q(z|x) in latents.npz
N_EXACT = 5000                # draws of each exact posterior in exact.npz
N_AXIS = 161                  # points along each axis of its density
_REACH = 0.0005               # of exact draws, to either side, that the density's axes leave out


def write(out, config, problem, networks, monitors, seen):
    """Write the arrays and figures of a trained model of a given posterior into the run folder `out`.

    Args:
        out: str; config: the run's; problem: given_posterior.GivenPosterior; networks: trained_networks.Networks.
        monitors: as in trainer.TrainingResult.
        seen: as of snapshots.Snapshots.arrays.

    Returns:
        The metrics, as of evaluate.

    Raises:
        trainer.DivergenceError: a sample is not finite, since the last update spoilt the weights.
    """
    def in_folder(name):
        return os.path.join(out, name)

    z, labels = draw_latents_of(networks, problem, config.seed, N_LATENTS * problem.n_x)
    files.write_arrays(in_folder(run_folder.LATENTS), z=z, label=labels)
    known, why_not = posterior_reference.references_if_known(problem)
    exact = exact_arrays(problem, known, config.seed)
    if exact:
        files.write_arrays(in_folder(run_folder.EXACT), **exact)
    shown = snapshots.labels_of_codes(problem)
    files.write_arrays(in_folder(run_folder.SNAPSHOTS), label=shown, **seen, **over_training(seen, problem, known))
    draw_figures(out, problem, monitors, seen, z, labels, exact)
    return _metrics(networks, problem, known, why_not, monitors, config)


def evaluate(networks, problem, monitors, config):
    """Return the metrics of a trained model, as in metrics.json: final losses, and as of posterior_measurement.evaluate."""
    return _metrics(networks, problem, *posterior_reference.references_if_known(problem), monitors, config)


def _metrics(networks, problem, known, why_not, monitors, config):
    metrics = final_losses(monitors)
    metrics.update(posterior_measurement.evaluate(
        networks, problem, known, stream(config.seed, "evaluation"), config.evaluation.n_samples, why_not))
    return without_infinity(metrics)


def exact_arrays(problem, known, seed):
    """Return what exact.npz holds: draws of the exact posteriors, and of two coordinates their densities.

    Args:
        problem: given_posterior.GivenPosterior; known: its PosteriorReferences or None; seed: int.

    Returns:
        dict: draws float32 [n_x, 5000, k], of posterior_measurement.quantities; if z has two coordinates and the density
        is known, axes float32 [n_x, 2, m] and density float32 [n_x, m, m], first coordinate first. Empty without a reference.
    """
    if known is None:
        return {}
    random_state = stream(seed, "exact")
    draws = [own.draws(N_EXACT, random_state) for own in known]
    arrays = {"draws": np.array([posterior_measurement.quantities(problem, own) for own in draws], np.float32)}
    if problem.dim == 2 and all(own.log_density is not None for own in known):
        axes, densities = [], []
        for own, reference in zip(draws, known):
            low, high = np.quantile(own, [_REACH, 1 - _REACH], axis=0)
            margin = 0.25 * (high - low)
            axes.append([np.linspace(low[k] - margin[k], high[k] + margin[k], N_AXIS) for k in range(2)])
            points = np.stack(np.meshgrid(*axes[-1], indexing="ij"), axis=-1).reshape(-1, 2)
            densities.append(np.exp(reference.log_density(points)).reshape(N_AXIS, N_AXIS))
        arrays.update(axes=np.array(axes, np.float32), density=np.array(densities, np.float32))
    return arrays


def over_training(arrays, problem, known):
    """Return how far q is from the posterior at each snapshot, from what Snapshots.arrays returns; nats, means over x.

    Returns:
        dict: inference_gap [s] and inference_gap_standard_error [s], KL(q(z|x) || p(z|x)) by nearest neighbours, where z has
        one or two dimensions and p(x) is known. NaN or infinite where training went astray.
    """
    labels, columns, n_x = snapshots.labels_of_codes(problem), {}, problem.n_x
    if known is not None and known[0].log_evidence is not None and quadrature.has_grid(problem.dim):
        rows = [[_gap(z[labels == k], log_joint[labels == k] - known[k].log_evidence) for k in range(n_x)]
                for z, log_joint in zip(arrays["z"], arrays["log_joint"])]
        gaps, errors = np.moveaxis(np.array(rows, np.float64), 2, 0)
        columns.update(inference_gap=gaps.mean(axis=1), inference_gap_standard_error=np.sqrt((errors**2).sum(axis=1)) / n_x)
    return columns


def _gap(z, log_posterior):
    if not (np.isfinite(z).all() and np.isfinite(log_posterior).all()):
        return math.nan, 0.0
    estimate = entropy.kl_from(z, log_posterior, np.random.RandomState(0))
    return estimate.value, estimate.standard_error


def draw_figures(out, problem, monitors, seen, z, labels, exact):
    """Write the figures into the run folder `out`; arguments as of write, and as in latents.npz and exact.npz."""
    from avb_tf1 import posterior_plotting  # as of outputs.plotting

    def in_folder(name):
        return os.path.join(out, name)

    names, coordinates = problem.observation_names, problem.coordinates
    plotting().training_curve(in_folder(run_folder.TRAINING_CURVE), losses_of(monitors), {})
    posterior_plotting.posterior(in_folder(run_folder.POSTERIOR), z, labels, names, coordinates, exact)
    quantities = posterior_measurement.quantities_of_each_x(problem, z, labels)
    posterior_plotting.marginals(
        in_folder(run_folder.MARGINALS), {"q": quantities}, posterior_measurement.names_of_quantities(problem),
        exact.get("draws"), names)
    shown = snapshots.spread_out(len(seen["iteration"]), N_MOVIE_FRAMES)
    posterior_plotting.movie(in_folder(run_folder.POSTERIOR_MOVIE), seen["z"][shown], snapshots.labels_of_codes(problem),
                             seen["iteration"][shown], names, coordinates, exact)
