"""What the files in the folder of a finished run of a given posterior hold, read and checked. Knows no TensorFlow."""

import os
from dataclasses import dataclass
from typing import Any, Dict

import numpy as np

from avb_tf1.config.schema import Config
from avb_tf1.estimation import quadrature
from avb_tf1.evaluation import posterior_measurement
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.problems.given_posterior.problem import GivenPosterior
from avb_tf1.problems.registry import problem_of
from avb_tf1.runs import metrics_file, run_folder
from avb_tf1.runs.run_contents import read_losses, read_part, read_timing, require_fit
from avb_tf1.training.snapshots import labels_of_codes

_EVIDENCE, _GAP = "log_evidence", "inference_gap"
_GAPS = (_GAP, _GAP + "_standard_error")
_WITH_REFERENCE = ("wasserstein", "wasserstein_noise_floor")
_FOUND = ("mean", "standard_deviation")  # of a marginal, ...
_BESIDE = ("exact_mean", "exact_standard_deviation", "wasserstein", "wasserstein_noise_floor")  # ... and with a reference


@dataclass(frozen=True)
class PosteriorRun:
    """What a page tells of a finished run of a given posterior.

    Attributes:
        label: str, what the page calls it.
        config: its config; problem: its GivenPosterior.
        metrics, timing: as in metrics.json and timing.json.
        per_x: list of dicts, for each x its metrics, "marginals" and perhaps "modes", as of posterior_measurement.evaluate.
        losses: name -> [n_iterations], of losses.csv.
        snapshots: all arrays of snapshots.npz.
        latents: z [n, dim] and label [n], of latents.npz.
        exact: all arrays of exact.npz; empty where the exact posterior is not known.
    """

    label: str
    config: Config
    problem: GivenPosterior
    metrics: Dict[str, Any]
    timing: Dict[str, Any]
    per_x: list
    losses: Dict[str, np.ndarray]
    snapshots: Dict[str, np.ndarray]
    latents: Dict[str, np.ndarray]
    exact: Dict[str, np.ndarray]


def read_run(label, folder, config, metrics=None):
    """Return the PosteriorRun in a folder.

    Args:
        label, config: as in PosteriorRun.
        folder: str.
        metrics: as in PosteriorRun, or None to read them from metrics.json.

    Raises:
        InputError: a file of it can't be read or lacks what a page needs; names it.
    """
    problem, path = problem_of(config), os.path.join(folder, run_folder.METRICS)
    if metrics is None:
        metrics, _ = metrics_file.read_metrics(folder, config)
        wanted = {"generator_loss", "elbo", "methods"}.union(_WITH_REFERENCE if _EVIDENCE in metrics else ())
        require_fit(wanted <= set(metrics) and ("discriminator_loss" in metrics) == config.model.has_discriminator,
                    folder, run_folder.METRICS)
    has_evidence, has_reference = _EVIDENCE in metrics, _WITH_REFERENCE[0] in metrics
    per_x = _per_x(metrics, problem, has_reference, folder, path)
    snapshots = read_part(folder, run_folder.SNAPSHOTS, files.read_arrays)
    shown, moments = labels_of_codes(problem), snapshots["iteration"].shape
    require_fit(len(moments) == 1 and moments[0] > 0 and snapshots["z"].shape == moments + (shown.size, problem.dim)
                and np.array_equal(snapshots["label"], shown)
                and (_GAP in snapshots) == (has_evidence and quadrature.has_grid(problem.dim))
                and (_GAP not in snapshots or all(name in snapshots and snapshots[name].shape == moments for name in _GAPS)),
                folder, run_folder.SNAPSHOTS)
    latents = read_part(folder, run_folder.LATENTS, files.read_arrays)
    require_fit(latents["z"].shape == latents["label"].shape + (problem.dim,) and np.isfinite(latents["z"]).all()
                and np.array_equal(np.unique(latents["label"]), np.arange(problem.n_x)), folder, run_folder.LATENTS)
    exact = _exact(folder, problem, has_evidence) if has_reference else {}
    losses, timing = read_losses(folder, config), read_timing(folder)
    return PosteriorRun(label, config, problem, metrics, timing, per_x, losses, snapshots, latents, exact)


def _per_x(metrics, problem, has_reference, folder, path):
    """Each x's part of the metrics, once they are known to have all that a page tells; the file needn't be there."""
    per_x = metrics.get("per_x", [metrics])
    require_fit(isinstance(per_x, list) and len(per_x) == problem.n_x and all(isinstance(own, dict) for own in per_x)
                and (problem.n_x == 1 or [own.get("x") for own in per_x] == list(problem.observation_names)),
                folder, run_folder.METRICS)
    keys = _FOUND + (_BESIDE if has_reference else ())
    shares = ("share", "exact_share") if has_reference else ("share",)
    for own in per_x:
        _require_tables(own.get("marginals"), posterior_measurement.names_of_quantities(problem), keys, path, "marginals")
        _require_tables(own.get("modes", {}), problem.modes, shares, path, "modes")
        metrics_file.require_numbers({name: value for name, value in own.items() if name != "x"}, path)
    return per_x


def _require_tables(tables, names, keys, path, what):
    """Raise InputError unless `tables`, of the file `path`, has a number for each of the keys under each of the names."""
    for name in names:
        values = tables.get(name) if isinstance(tables, dict) else None
        for key in keys:
            if not isinstance(values, dict) or key not in values:
                raise InputError("%s: can't be read: its %s have no %s of %s; scripts/evaluate.py --write writes it again" % (
                    path, what, key, name))
        metrics_file.require_numbers({"%s: %s of %s" % (what, key, name): values[key] for key in keys}, path)


def _exact(folder, problem, has_evidence):
    exact = read_part(folder, run_folder.EXACT, files.read_arrays)
    n_x, n_quantities = problem.n_x, len(posterior_measurement.names_of_quantities(problem))
    draws = exact["draws"]
    fits = draws.ndim == 3 and (draws.shape[0], draws.shape[2]) == (n_x, n_quantities) and draws.shape[1] > 0
    if problem.dim == 2 and has_evidence:
        fits = fits and {"axes", "density"} <= set(exact) and exact["axes"].ndim == 3 and exact["axes"].shape[:2] == (n_x, 2) \
            and exact["density"].shape == (n_x,) + 2 * exact["axes"].shape[2:]
    require_fit(fits and all(np.isfinite(values).all() for values in exact.values()), folder, run_folder.EXACT)
    return exact
