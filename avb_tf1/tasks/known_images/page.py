"""The page of runs and sweeps of known images: what its template and its script need. Knows no TensorFlow."""

import numpy as np

from avb_tf1.estimation import quadrature
from avb_tf1.page import arrays, numbers, parts
from avb_tf1.plotting.contours import lowest_of_shares
from avb_tf1.plotting.latents import latent_limit
from avb_tf1.tasks.known_images import contents, published_rows
from avb_tf1.tasks.summary import divergence_curves, losses_drawn, of_models, warning
from avb_tf1.tasks.task import Page
from avb_tf1.tasks.views import spread_out

_KEY_METRICS = ("log_likelihood", "elbo", "kl_marginal_prior")
_N_BINS_IN_ALL = 16000     # of all groups' training curves, if a page has very many groups
_MIN_BINS = 20


def page(task, groups, explored, is_sweep):
    """Return the tasks.task.Page; `task` is the Task, the rest as of its method."""
    runs = [run for _, group in groups for run in group]
    compared = [numbers.RunGroup.of(label, group) for label, group in groups]
    data = _data(task, groups, explored, len(runs) > 1, is_sweep)
    models = [run.config.model for run in runs]
    return Page(data, dict(
        of_models([run.config for run in runs]), problem=runs[0].problem,
        paper_rows={model.paper_row for model in models} & {"VAE", "AVB"},
        has_avb=any(model.has_discriminator for model in models), has_codes=any(run["n"] for run in data["runs"]),
        has_plane=any(model.latent_dim >= 2 for model in models), has_line=any(model.latent_dim == 1 for model in models),
        has_more=any(model.latent_dim > 2 for model in models), has_map=any("map" in run for run in data["runs"]),
        few_moments=any(len(run["iteration"]) < run["nMoments"] for run in data["runs"]),
        has_grid=any("log_likelihood" in run.metrics for run in runs),
        has_estimate=any(run.config.model.has_discriminator and "elbo" in run.metrics for run in runs),
        neighbours=any("kl_marginal_prior" in run.metrics for run in runs),
        has_closed_form=any(run.metrics.get("methods", {}).get("kl_posterior_prior") == "closed form" for run in runs),
        bias_left=max((value for run in runs for name, value in run.metrics.items() if name.endswith("_bias_left")),
                      default=None),
        result_groups=[_results(task, group, is_sweep) for group in compared], rule=numbers.RULE,
        headline=published_rows.headline(compared[0]), key_numbers=_key_numbers(task, compared)))


def _results(task, group, is_sweep):
    """A group beside what is published: what it is called, of a sweep, and its rows, as text."""
    rows = []
    for row in task.rows([group]):
        error = row.spread if is_sweep else group.metrics[0].get(row.metric + "_standard_error") or None
        rows.append((row.title, numbers.obtained(row.mean, error), numbers.published_number(row.published),
                     numbers.signed(row.mean - row.published.value) if row.published else "",
                     "" if row.optimum is None else numbers.number(row.optimum), row.verdict))
    told = ", %s: %s" % (numbers.count(len(group.seeds), "seed"), published_rows.headline(group))
    return parts.breakable(group.label) + told if is_sweep else "", rows


def _key_numbers(task, compared):
    """The few numbers at the top, of a page about one setting."""
    if len(compared) != 1:
        return []
    return [(numbers.obtained(row.mean, row.spread), row.title,
             "" if row.optimum is None else "best possible: %s" % numbers.number(row.optimum))
            for row in task.rows(compared) if row.metric in _KEY_METRICS]


def _data(task, groups, explored, small, is_sweep):
    """What the scripts draw; with `small`, of several runs, a part of each latent space; of a sweep bands of seeds only."""
    n_bins = max(_MIN_BINS, min(arrays.N_BINS, _N_BINS_IN_ALL // len(groups)))
    problem, configs = groups[0][1][0].problem, [runs[0].config for _, runs in groups]
    of_each = [runs[0].problem.optima_of(config) for (_, runs), config in zip(groups, configs)]
    optima = {name: optimum.value for name, optimum in of_each[0].items() if all(own.get(name) == optimum for own in of_each)}
    return {
        "groups": [_curves(task, label, runs, n_bins, with_band_of_one=not is_sweep) for label, runs in groups],
        "losses": losses_drawn([run for _, runs in groups for run in runs], optima),
        "kl_optimum": optima.get("kl_posterior_prior"),
        "problem": {
            "images": problem.images.astype(int).tolist(), "image_shape": problem.image_shape,
            "image_names": problem.image_names, "pixel_names": problem.pixel_names, "image_phrase": problem.image_phrase},
        "runs": [_explorable(run, small) for run in explored],
    }


def _curves(task, label, runs, n_bins, with_band_of_one):
    """Losses and divergences over iterations, of one run or over a group's, at no more than n_bins points."""
    curves = arrays.loss_curves(label, [run.losses for run in runs], n_bins, with_band_of_one)
    divergence = divergence_curves(
        runs, {"posterior": "kl_posterior_prior", "discriminator": "kl_discriminator"}, n_bins, with_band_of_one)
    curves["limits"]["divergence"] = arrays.limits([
        run.curves[name] for run in runs for name in ("kl_posterior_prior", "kl_discriminator") if name in run.curves])
    return dict(curves, divergence=divergence,
                is_astray=all(warning(task, run.metrics, run.config) for run in runs))


def _explorable(run, small):
    """A run's latent space, or its first two dimensions, through training and, if there is a grid, its final decoder."""
    snapshots = contents.read_snapshots(run)
    plane = contents.read_plane(run) if quadrature.has_grid(run.config.model.latent_dim) else None
    return _drawn(run.label, run.config.model.latent_dim, snapshots, plane, small)


def _drawn(label, latent_dim, snapshots, plane, small):
    """What page.js draws of the arrays of snapshots.npz and of latent_plane.npz, or None without a grid.

    Codes are whole numbers times `scale`, the lowest of all where a code is not finite; probabilities whole numbers of 255;
    exact posteriors whole numbers of 65535 in their largest value. All of it is little-endian and in base64. A model without an
    encoder has no codes.
    """
    stride = 2 if small else 1
    n_moments = len(snapshots["iteration"])
    frames = spread_out(n_moments, arrays.MAX_FRAMES // 3 if small else arrays.MAX_FRAMES)
    labels, dim = snapshots["label"][::stride], min(latent_dim, 2)
    z = snapshots["z"][frames][:, ::stride, :2] if "z" in snapshots else np.zeros((len(frames), 0, dim))
    codes = arrays.codes(z.reshape(-1, 1))  # of one scale for both coordinates
    drawn = {
        "label": label, "latentDim": latent_dim, "dim": dim, "n": z.shape[1], "nMoments": n_moments,
        "counts": (np.bincount(labels) * bool(z.shape[1])).tolist(), "range": latent_limit(z[-1]),
        "iteration": [int(iteration) for iteration in snapshots["iteration"][frames]], **codes, "scale": codes["scale"][0],
    }
    return drawn if plane is None else dict(drawn, **_maps(snapshots["probabilities"][frames], plane, dim, stride))


def _maps(tint, plane, dim, stride):
    tint = _thinned(tint, dim, stride)
    probabilities = _thinned(plane["probabilities"][np.newaxis], dim, stride)
    density = _thinned(plane["posterior_density"][..., np.newaxis], dim, stride)[..., 0]
    largest = density.max(axis=1, keepdims=True)
    return {
        "tint": arrays.packed(tint, "u1"), "tintSide": _side(tint, dim),
        "map": arrays.packed(np.rint(255 * probabilities), "u1"), "mapSide": _side(probabilities, dim),
        "density": arrays.packed(np.rint(65535 * density / np.where(largest > 0, largest, 1)), "<u2"),
        "levels": [[height * 65535 / (of_image.max() or 1) for height in lowest_of_shares(of_image)]
                   for of_image in density.astype(np.float64)],
    }


def _side(grids, dim):
    """The points along an axis of grids [k, m**dim, c]: m."""
    return round(grids.shape[1]**(1 / dim))


def _thinned(values, dim, stride):
    """Every `stride`-th point along each axis of the grids [k, m**dim, c]."""
    grids = values.reshape((len(values),) + (_side(values, dim),) * dim + values.shape[2:])
    return grids[(slice(None),) + (slice(None, None, stride),) * dim].reshape((len(values), -1) + values.shape[2:])
