"""What the page of models of a data set draws, as JSON: curves, codes, and pictures through training. Knows no TensorFlow."""

import json

import numpy as np

from avb_tf1.estimation import quadrature
from avb_tf1.evaluation.measurement import LOSSES
from avb_tf1.plotting import latent_limit
from avb_tf1.report import page_arrays, page_pictures
from avb_tf1.runs import dataset_contents
from avb_tf1.training import snapshots

_MAX_BYTES = 3_500_000    # of what is drawn at all moments of all runs: as much again is plotly.js
_N_CODES = 256            # of each of several runs
_N_ACROSS = 4             # of the images from the prior
_MANY_BINS = 100          # of a curve, if there are several


def page_data(groups, explored, small):
    """Return what shared.js and dataset.js draw.

    Args:
        groups: sequence of (label, runs), the runs (dataset_contents.DatasetRun) of each differing in the seed only.
        explored: DatasetRuns, those whose latent space is shown.
        small: bool; whether there are several runs: then only a part of each latent space is kept, and bands are of seeds only.

    Raises:
        InputError: as of dataset_contents.read_snapshots.
    """
    n_bins = _MANY_BINS if len(groups) > 1 else page_arrays.N_BINS
    losses = [run.losses for _, runs in groups for run in runs]
    return {
        "groups": [page_arrays.loss_curves(label, [run.losses for run in runs], n_bins, with_band_of_one=not small)
                   for label, runs in groups],
        "losses": {name: {"optimum": None} for name in LOSSES if any(name in own for own in losses)},
        "runs": [_explorable(run, _MAX_BYTES // len(explored), small) for run in explored],
    }


def _explorable(run, n_bytes, small):
    """A run's codes and pictures at as many moments, evenly spread, as `n_bytes` have room for; two at least."""
    problem, dim = run.problem, run.config.model.latent_dim
    seen = dataset_contents.read_snapshots(run.folder, run.config, problem)
    images, labels = problem.shown_images()
    n_codes = min(len(labels), _N_CODES) if small else len(labels)
    frames = snapshots.spread_out(len(seen["iteration"]), page_arrays.MAX_FRAMES)
    moments = [_moment(seen, frame, n_codes, run, small) for frame in frames]
    sizes = [len(json.dumps(moment)) for moment in moments]
    n_kept = next((n for n in range(len(frames), 2, -1)
                   if sum(sizes[k] for k in snapshots.spread_out(len(frames), n)) <= n_bytes), 2)
    n_across = page_pictures.n_across(n_codes, problem.image_shape)
    own = {
        "label": run.label, "dim": dim, "classes": problem.class_names, "n": n_codes, "labels": labels[:n_codes].tolist(),
        "range": latent_limit(seen["z"][-1][:n_codes]), "tileAspect": _tile_aspect(problem.image_shape),
        "images": {"picture": _picture(255 * images[:n_codes], problem, n_across, n_shades=2), "across": n_across},
        "nMoments": len(seen["iteration"]), "moments": [moments[k] for k in snapshots.spread_out(len(frames), n_kept)],
    }
    own["priorTiles"] = [_N_ACROSS, -(-seen["prior"].shape[1] // _N_ACROSS)]
    if quadrature.has_grid(dim):
        n_tiles = seen["manifold"].shape[1]
        side = round(n_tiles**(1 / dim))
        own["manifoldTiles"] = [side, n_tiles // side]
    if small:
        return own
    return dict(own, close={
        "names": [_image_name(problem, row) for row in seen["image"]], "rows": seen["image"].tolist(),
        "picture": _picture(255 * problem.test_images()[seen["image"]], problem, len(seen["image"]), n_shades=2)})


def _moment(seen, frame, n_codes, run, small):
    """What is seen at a snapshot; the numbers are packed as page_arrays does, the pictures addresses of PNGs."""
    problem, dim = run.problem, run.config.model.latent_dim
    z = seen["z"][frame, :n_codes]
    scale = page_arrays.scale_of(z)
    own = {"iteration": int(seen["iteration"][frame]), "z": page_arrays.codes(z, scale), "scale": scale.tolist(),
           "prior": _picture(seen["prior"][frame], problem, _N_ACROSS, page_pictures.GAP)}
    if quadrature.has_grid(dim):
        manifold = seen["manifold"][frame]
        side = round(len(manifold)**(1 / dim))
        rows = manifold.reshape(-1, side, problem.n_pixels)[::-1]  # of rising z_2, but a picture begins at its top
        own["manifold"] = _picture(rows.reshape(manifold.shape), problem, side, page_pictures.GAP)
    if small:
        return own
    own["reconstruction"] = _picture(seen["reconstruction"][frame], problem, len(seen["image"]))
    return dict(own, posterior=_posterior(seen, frame)) if quadrature.has_grid(dim) else own


def _posterior(seen, frame):
    """Samples of q(z|x), and p(z|x) on a grid, of each image that is looked at closely."""
    samples, density, axes = (seen[name][frame] for name in ("samples", "density", "density_axes"))
    scale = page_arrays.scale_of(samples)
    return {
        "n": samples.shape[1], "z": page_arrays.codes(samples, scale), "scale": scale.tolist(),
        "side": axes.shape[-1], "axes": [[page_arrays.numbers(axis[[0, -1]]) for axis in own] for own in axes],
        "density": page_arrays.packed(density, "u1"),
        "levels": [[page_arrays.level(own.astype(np.float64), share) for share in page_arrays.SHARES] for own in density],
    }


def _picture(images, problem, n_columns, gap=0, **shades):
    return page_pictures.png(page_pictures.mosaic(page_pictures.tiles(images, problem.image_shape), n_columns, gap), **shades)


def _tile_aspect(image_shape):
    """How much wider than high an image is drawn; one that is a line as a bar code."""
    rows, columns = image_shape
    return 2.0 if rows == 1 else columns / rows


def _image_name(problem, row):
    name = "test image %d" % row
    return name if len(problem.class_names) == 1 else "%s, class %s" % (name, problem.class_names[problem.test.labels[row]])
