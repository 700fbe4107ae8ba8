"""The page of runs and sweeps of a data set: what its template and its script need. Knows no TensorFlow."""

import json

import numpy as np

from avb_tf1.estimation import quadrature
from avb_tf1.page import arrays, pictures
from avb_tf1.plotting.contours import lowest_of_shares
from avb_tf1.plotting.latents import latent_limit
from avb_tf1.tasks.data_set import contents, summary
from avb_tf1.tasks.summary import losses_drawn, of_models
from avb_tf1.tasks.task import Page
from avb_tf1.tasks.views import spread_out

_MAX_BYTES = 3_500_000    # of what is drawn at all moments of all runs: as much again is plotly.js
_N_CODES = 256            # of each of several runs
_N_ACROSS = 4             # of the images from the prior
_MANY_BINS = 100          # of a curve, if there are several


def page(groups, explored, is_sweep):
    """Return the tasks.task.Page; arguments as of the Task's method."""
    runs = [run for _, group in groups for run in group]
    problems = {run.problem.title: run.problem for run in runs}
    models, shown = [run.config.model for run in runs], [run.config.model for run in explored]
    context = {} if is_sweep else dict(
        key_numbers=summary.key_numbers(runs[0].metrics), headline=summary.headline(runs[0].metrics),
        metric_rows=summary.metric_rows(runs[0].metrics))
    return Page(_data(groups, explored, small=is_sweep), dict(
        context, **of_models([run.config for run in runs]), datasets=list(problems.values()),
        is_real=any(not problem.is_binary for problem in problems.values()),
        is_binary=any(problem.is_binary for problem in problems.values()),
        has_classes=any(len(problem.class_names) > 1 for problem in problems.values()),
        is_gaussian=all(model.posterior == "gaussian" for model in models),
        has_discriminator=any(model.has_discriminator for model in models), has_codes=all(model.has_encoder for model in shown),
        has_manifold=any(model.latent_dim <= 2 for model in shown), has_line=any(model.latent_dim == 1 for model in shown),
        has_plane=any(model.latent_dim >= 2 for model in shown)))


def _data(groups, explored, small):
    """What the scripts draw; with `small`, of several runs, only a part of each latent space, and bands of seeds only."""
    n_bins = _MANY_BINS if len(groups) > 1 else arrays.N_BINS
    return {
        "groups": [arrays.loss_curves(label, [run.losses for run in runs], n_bins, with_band_of_one=not small)
                   for label, runs in groups],
        "losses": losses_drawn([run for _, runs in groups for run in runs], {}),
        "runs": [_explorable(run, _MAX_BYTES // len(explored), small) for run in explored],
    }


def _explorable(run, n_bytes, small):
    """A run's codes and pictures at as many moments, evenly spread, as `n_bytes` have room for; two at least."""
    problem, dim = run.problem, run.config.model.latent_dim
    snapshots = contents.read_snapshots(run)
    (n_rows, n_columns), (images, labels) = problem.image_shape[:2], problem.shown_images()
    n_codes = (min(len(labels), _N_CODES) if small else len(labels)) if "z" in snapshots else 0
    frames = spread_out(len(snapshots["iteration"]), arrays.MAX_FRAMES)
    moments = [_moment(snapshots, frame, n_codes, run, small) for frame in frames]
    sizes = [len(json.dumps(moment)) for moment in moments]
    n_kept = next((n for n in range(len(frames), 2, -1)
                   if sum(sizes[k] for k in spread_out(len(frames), n)) <= n_bytes), 2)
    n_across, n_shades = pictures.n_across(n_codes, problem.image_shape), 2 if problem.is_binary else pictures.N_SHADES
    drawn = {
        "label": run.label, "dim": dim, "classes": problem.class_names, "n": n_codes, "labels": labels[:n_codes].tolist(),
        "range": latent_limit(_codes(snapshots, -1, n_codes, dim)),
        "tileAspect": 2.0 if n_rows == 1 else n_columns / n_rows,  # an image that is a line is drawn as a bar code
        "images": {"picture": _picture(255 * images[:n_codes], problem, n_across, n_shades=n_shades), "across": n_across}
        if n_codes else None,  # each is shown at its code
        "isReal": not problem.is_binary,
        "nMoments": len(snapshots["iteration"]), "moments": [moments[k] for k in spread_out(len(frames), n_kept)],
    }
    drawn["priorTiles"] = [_N_ACROSS, -(-snapshots["prior"].shape[1] // _N_ACROSS)]
    if quadrature.has_grid(dim):
        n_tiles = snapshots["manifold"].shape[1]
        side = round(n_tiles**(1 / dim))
        drawn["manifoldTiles"] = [side, n_tiles // side]
    if small or not n_codes:
        return drawn
    return dict(drawn, close={
        "names": [_image_name(problem, row) for row in snapshots["image"]], "rows": snapshots["image"].tolist(),
        "picture": _picture(255 * images[snapshots["image"]], problem, len(snapshots["image"]), n_shades=n_shades)})


def _codes(snapshots, frame, n_codes, dim):
    return snapshots["z"][frame][:n_codes] if n_codes else np.zeros((0, dim), np.float32)


def _moment(snapshots, frame, n_codes, run, small):
    """A snapshot: its numbers packed as page.arrays does, its pictures as addresses of PNGs."""
    problem, dim = run.problem, run.config.model.latent_dim
    z = _codes(snapshots, frame, n_codes, dim)
    moment = {"iteration": int(snapshots["iteration"][frame]), **arrays.codes(z),
              "prior": _picture(snapshots["prior"][frame], problem, _N_ACROSS, pictures.GAP)}
    if quadrature.has_grid(dim):
        manifold = snapshots["manifold"][frame]
        side = round(len(manifold)**(1 / dim))
        rows = manifold.reshape(-1, side, problem.n_values)[::-1]  # of rising z_2, but a picture begins at its top
        moment["manifold"] = _picture(rows.reshape(manifold.shape), problem, side, pictures.GAP)
    if small or not n_codes:
        return moment
    moment["reconstruction"] = _picture(snapshots["reconstruction"][frame], problem, len(snapshots["image"]))
    return dict(moment, posterior=_posterior(snapshots, frame)) if quadrature.has_grid(dim) else moment


def _posterior(snapshots, frame):
    """Samples of q(z|x), and p(z|x) on a grid, of each image that is looked at closely."""
    samples, density, axes = (snapshots[name][frame] for name in ("samples", "density", "density_axes"))
    return {
        "n": samples.shape[1], **arrays.codes(samples),
        "side": axes.shape[-1], "axes": [[arrays.numbers(axis[[0, -1]]) for axis in of_image] for of_image in axes],
        "density": arrays.packed(density, "u1"),
        "levels": [lowest_of_shares(of_image) for of_image in density],
    }


def _picture(images, problem, n_columns, gap=0, **shades):
    return pictures.png(pictures.mosaic(pictures.tiles(images, problem.image_shape), n_columns, gap), **shades)


def _image_name(problem, row):
    name = "test image %d" % row
    return name if len(problem.class_names) == 1 else "%s, class %s" % (name, problem.class_names[problem.test.labels[row]])
