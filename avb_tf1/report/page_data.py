"""What a report's page draws, as JSON: curves and latent spaces, thinned out and packed. Knows no TensorFlow."""

import functools

import numpy as np

from avb_tf1.evaluation.measurement import LOSSES
from avb_tf1.plotting import latent_limit
from avb_tf1.problems.registry import problem_of
from avb_tf1.report import page_arrays, run_summary
from avb_tf1.training import snapshots

_N_BINS_IN_ALL = 16000     # of all groups' training curves, if a page has very many groups
_MIN_BINS = 20


def page_data(groups, explored, small):
    """Return what report.js draws.

    Args:
        groups: sequence of (label, runs), the runs (run_contents.Run) of each differing in the seed only.
        explored: run_contents.Explored of the runs whose latent space is shown.
        small: bool; whether there are several runs: then only a part of each latent space is kept, and bands are of seeds only.
    """
    n_bins = max(_MIN_BINS, min(page_arrays.N_BINS, _N_BINS_IN_ALL // len(groups)))
    curves = [_curves(label, runs, n_bins, with_band_of_one=not small) for label, runs in groups]
    configs = [runs[0].config for _, runs in groups]
    problem = problem_of(configs[0])
    losses = {}
    for name in LOSSES:
        if any(name in run.losses for _, runs in groups for run in runs):
            known = all(name in problem.optima_of(config.model) for config in configs)
            losses[name] = {"optimum": problem.optima[name].value if known else None}
    return {
        "groups": curves,
        "losses": losses,
        "kl_optimum": problem.optima["kl_posterior_prior"].value if "kl_posterior_prior" in problem.optima else None,
        "problem": {
            "images": problem.images.astype(int).tolist(), "image_shape": problem.image_shape,
            "image_names": problem.image_names, "pixel_names": problem.pixel_names, "image_phrase": problem.image_phrase},
        "runs": [_explorable(run, small) for run in explored],
    }


def _curves(label, runs, n_bins, with_band_of_one):
    """Losses and divergences over iterations, of one run or over a group's, at no more than n_bins points."""
    curves = page_arrays.loss_curves(label, [run.losses for run in runs], n_bins, with_band_of_one)
    # The runs of a group may have been looked at at different moments: that changes no result.
    moments = [run.snapshots["iteration"] for run in runs]
    common = functools.reduce(np.intersect1d, moments)
    n_seen = len(common)
    common = common[snapshots.spread_out(n_seen, n_bins)]
    at_common = [np.isin(own, common) for own in moments]
    divergence = {"iteration": [int(iteration) for iteration in common], "n_seen": n_seen}
    for key, name in (("posterior", "kl_posterior_prior"), ("discriminator", "kl_discriminator")):
        if name in runs[0].snapshots:
            values, errors = ([run.snapshots[name + suffix][chosen] for run, chosen in zip(runs, at_common)]
                              for suffix in ("", "_standard_error"))
            bounds = [values[0] - 2 * errors[0], values[0] + 2 * errors[0]]
            divergence[key] = page_arrays.band(values, bounds if with_band_of_one else None)
            final = [run.metrics.get(name) for run in runs]
            divergence[key]["final"] = None if None in final else float(np.mean(final))
    curves["limits"]["divergence"] = page_arrays.limits([
        run.snapshots[name] for run in runs for name in ("kl_posterior_prior", "kl_discriminator") if name in run.snapshots])
    return dict(curves, divergence=divergence,
                is_astray=all(run_summary.warning(run.metrics, run.config) for run in runs))


def _explorable(run, small):
    """A run's latent space, or its first two dimensions, through training and, if there is a grid, its final decoder.

    Codes are whole numbers times `scale`, the lowest of all where a code is not finite; probabilities whole numbers of 255;
    exact posteriors whole numbers of 65535 in their largest value. All of it is little-endian and in base64.
    """
    stride = 2 if small else 1
    n_frames = page_arrays.MAX_FRAMES // 3 if small else page_arrays.MAX_FRAMES
    frames = snapshots.spread_out(len(run.snapshots["iteration"]), n_frames)
    z = run.snapshots["z"][frames][:, ::stride, :2]
    n, dim = z.shape[1:]
    scale = float(np.abs(z[np.isfinite(z)]).max(initial=0)) / 32767 or 1.0
    codes = {
        "label": run.label, "latentDim": run.snapshots["z"].shape[2], "dim": dim, "n": n,
        "counts": np.bincount(run.snapshots["label"][::stride]).tolist(),
        "range": latent_limit(z[-1]), "scale": scale,
        "iteration": [int(iteration) for iteration in run.snapshots["iteration"][frames]],
        "z": page_arrays.codes(z, scale),
    }
    return codes if run.plane is None else dict(codes, **_maps(run, frames, dim, stride))


def _maps(run, frames, dim, stride):
    tint = _thinned(run.snapshots["probabilities"][frames], dim, stride)
    probabilities = _thinned(run.plane["probabilities"][np.newaxis], dim, stride)
    density = _thinned(run.plane["posterior_density"][..., np.newaxis], dim, stride)[..., 0]
    largest = density.max(axis=1, keepdims=True)
    return {
        "tint": page_arrays.packed(tint, "u1"), "tintSide": _side(tint, dim),
        "map": page_arrays.packed(np.rint(255 * probabilities), "u1"), "mapSide": _side(probabilities, dim),
        "density": page_arrays.packed(np.rint(65535 * density / np.where(largest > 0, largest, 1)), "<u2"),
        "levels": [[page_arrays.level(own, share) * 65535 / (own.max() or 1) for share in page_arrays.SHARES]
                   for own in density.astype(np.float64)],
    }


def _side(grids, dim):
    """The points along an axis of grids [k, m**dim, c]: m."""
    return round(grids.shape[1]**(1 / dim))


def _thinned(values, dim, stride):
    """Every `stride`-th point along each axis of the grids [k, m**dim, c]."""
    grids = values.reshape((len(values),) + (_side(values, dim),) * dim + values.shape[2:])
    return grids[(slice(None),) + (slice(None, None, stride),) * dim].reshape((len(values), -1) + values.shape[2:])
