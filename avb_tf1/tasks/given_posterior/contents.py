"""What the files in the folder of a finished run of a given posterior hold, read and checked. Knows no TensorFlow."""

import os

import numpy as np

from avb_tf1.estimation import quadrature
from avb_tf1.ground.errors import InputError
from avb_tf1.runs import contents, metrics_file, run_folder
from avb_tf1.tasks.given_posterior import measures
from avb_tf1.tasks.views import labels_of_codes

EXACT = "exact.npz"
_EVIDENCE, _GAP = "log_evidence", "inference_gap"
_GAPS = (_GAP, _GAP + "_standard_error")
_WITH_REFERENCE = ("wasserstein", "wasserstein_noise_floor")
_MARGINAL = {"marginal_ends", "marginal_density"}
_FOUND = ("mean", "standard_deviation")  # of a marginal, ...
_BESIDE = ("exact_mean", "exact_standard_deviation", "wasserstein", "wasserstein_noise_floor")  # ... and with a reference


def require_good(run, task):
    """Raise InputError unless metrics, codes and exact draws of a tasks.task.Run of a Task have all that a page tells."""
    wanted = {"generator_loss", "elbo", "methods"}.union(_WITH_REFERENCE if _EVIDENCE in run.metrics else ())
    known = set(run.metrics) | set(run.metrics.get(metrics_file.NOT_COMPUTED, {}))
    contents.require_fit(
        wanted <= set(run.metrics) and {_EVIDENCE, _GAP, *_WITH_REFERENCE} <= known
        and ("discriminator_loss" in run.metrics) == run.config.model.has_discriminator, run.folder, run_folder.METRICS)
    _require_parts(run.metrics, run.problem, run.folder, os.path.join(run.folder, run_folder.METRICS), task)
    read_latents(run)
    read_exact(run)


def parts_of_each_x(metrics):
    """Return what a metrics.json says of each x: a list of dicts, with "marginals" and perhaps "modes" (measures.evaluate)."""
    return metrics.get("per_x", [metrics])


def read_snapshots(run):
    """Return all arrays of the snapshots.npz of a Run; raises InputError if they can't be read or are of another run."""
    arrays, moments = contents.read_snapshots(run.folder)
    problem, labels = run.problem, labels_of_codes(run.problem)
    has_gap = _EVIDENCE in run.metrics and quadrature.has_grid(problem.dim)
    contents.require_fit(
        arrays["z"].shape == moments + (labels.size, problem.dim) and np.array_equal(arrays["label"], labels)
        and (_GAP in arrays) == has_gap
        and (not has_gap or all(name in arrays and arrays[name].shape == moments for name in _GAPS)),
        run.folder, run_folder.SNAPSHOTS)
    return arrays


def read_latents(run):
    """Return the arrays of the latents.npz of a Run, z [n, dim] and label [n]; raises InputError as read_snapshots does."""
    arrays = contents.read_part(run.folder, run_folder.LATENTS, ("z", "label"))
    contents.require_fit(
        arrays["z"].shape == arrays["label"].shape + (run.problem.dim,) and np.isfinite(arrays["z"]).all()
        and arrays["label"].dtype.kind == "i" and np.array_equal(np.unique(arrays["label"]), np.arange(run.problem.n_x))
        and np.ptp(np.bincount(arrays["label"])) == 0, run.folder, run_folder.LATENTS)
    return arrays


def read_exact(run):
    """Return the arrays of the exact.npz of a Run, as of measures.exact_arrays; {} where the exact posterior is not known.

    A file of 1.x has no marginals: they are histograms of its draws then. Raises InputError likewise.
    """
    if _WITH_REFERENCE[0] not in run.metrics:
        return {}
    problem, arrays = run.problem, contents.read_part(run.folder, EXACT, ("draws",))
    n_x, n_quantities, draws = problem.n_x, len(measures.names_of_quantities(problem)), arrays["draws"]
    fits = draws.ndim == 3 and (draws.shape[0], draws.shape[2]) == (n_x, n_quantities) and draws.shape[1] > 0
    if problem.dim == 2 and _EVIDENCE in run.metrics:
        fits = fits and {"axes", "density"} <= set(arrays) and arrays["axes"].ndim == 3 \
            and arrays["axes"].shape[:2] == (n_x, 2) and arrays["density"].shape == (n_x,) + 2 * arrays["axes"].shape[2:] \
            and (np.diff(arrays["axes"]) > 0).all() and (arrays["density"] >= 0).all()
    if not _MARGINAL.isdisjoint(arrays):
        fits = fits and set(arrays) >= _MARGINAL and arrays["marginal_ends"].shape == (n_x, n_quantities, 2) \
            and arrays["marginal_density"].ndim == 3 and arrays["marginal_density"].shape[:2] == (n_x, n_quantities) \
            and arrays["marginal_density"].shape[2] > 1 and (np.diff(arrays["marginal_ends"]) > 0).all() \
            and (arrays["marginal_density"] >= 0).all()
    contents.require_fit(fits and all(np.isfinite(values).all() for values in arrays.values()), run.folder, EXACT)
    return arrays if set(arrays) >= _MARGINAL else dict(arrays, **measures.marginal_lines(draws))


def _require_parts(metrics, problem, folder, path, task):
    """Raise InputError unless each x's part of the metrics has all that a page tells; the file needn't be there."""
    per_x = parts_of_each_x(metrics)
    contents.require_fit(
        isinstance(per_x, list) and len(per_x) == problem.n_x and all(isinstance(of_x, dict) for of_x in per_x)
        and (problem.n_x == 1 or [of_x.get("x") for of_x in per_x] == list(problem.observation_names)),
        folder, run_folder.METRICS)
    has_reference = _WITH_REFERENCE[0] in metrics
    keys = _FOUND + (_BESIDE if has_reference else ())
    shares = ("share", "exact_share") if has_reference else ("share",)
    by_neighbours = quadrature.has_grid(problem.dim)
    for of_x in per_x:
        contents.require_fit("elbo" in of_x and isinstance(of_x.get("methods"), dict) and not (
            by_neighbours and of_x["methods"].get("elbo") == "discriminator"), folder, run_folder.METRICS)
        _require_tables(of_x.get("marginals"), measures.names_of_quantities(problem), keys, path, "marginals", task)
        _require_tables(of_x.get("modes", {}), problem.modes, shares, path, "modes", task)
        metrics_file.require_numbers({name: value for name, value in of_x.items() if name != "x"}, path, task)


def _require_tables(tables, names, keys, path, what, task):
    """Raise InputError unless `tables`, of the file `path`, has a number for each of the keys under each of the names."""
    for name in names:
        values = tables.get(name) if isinstance(tables, dict) else None
        for key in keys:
            if not isinstance(values, dict) or key not in values:
                raise InputError("%s: can't be read: its %s have no %s of %s; scripts/evaluate.py --write writes it again" % (
                    path, what, key, name))
        metrics_file.require_numbers({"%s: %s of %s" % (what, key, name): value for key, value in values.items()}, path, task)
