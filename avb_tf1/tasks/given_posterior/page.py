"""The page of runs and sweeps of given posteriors: what its template and its script need. Knows no TensorFlow."""

import base64

import numpy as np

from avb_tf1.page import arrays
from avb_tf1.plotting.contours import lowest_of_shares
from avb_tf1.tasks.given_posterior import contents, measures, summary
from avb_tf1.tasks.given_posterior.contents import parts_of_each_x
from avb_tf1.tasks.summary import divergence_curves, losses_drawn, of_models
from avb_tf1.tasks.task import Page
from avb_tf1.tasks.views import spread_out

# Bounds on the page's size. Each of these numbers takes 2.7 bytes on it.
_MAX_CODES = 800_000          # numbers of all samples at all moments
_MAX_POINTS = 400_000         # of all exact densities
_MAX_DRAWN = 200_000          # numbers of all exact draws, ...
_N_DRAWS = 1000               # ... of which each x has so many at most
_MAX_BINS = 100_000           # of all histograms
_N_BINS = 60                  # of one
_TAIL = 0.002                 # of draws, to either side, that an axis need not show


def page(groups, explored, is_sweep):
    """Return the tasks.task.Page; arguments as of the Task's method."""
    runs = [run for _, group in groups for run in group]
    problems = {run.problem.title: run.problem for run in runs}
    data = _data(groups, explored, small=is_sweep)
    python_files = {run.config.python_file.sha256: run.config.python_file for run in runs if run.config.python_file is not None}
    return Page(data, dict(
        {} if is_sweep else _of_one(runs[0]), **of_models([run.config for run in runs]), posteriors=list(problems.values()),
        has_reference=any("wasserstein" in run.metrics for run in runs),
        has_evidence=any("log_evidence" in run.metrics for run in runs),
        is_gaussian=all(run.config.model.posterior in ("free_gaussian", "gaussian") for run in runs),
        has_discriminator=any(run.config.model.has_discriminator for run in runs),
        has_gap=any("gap" in group["divergence"] for group in data["groups"]),
        has_line=any(run.problem.dim == 1 for run in explored), has_plane=any(run.problem.dim > 1 for run in explored),
        has_density=any(shown["density"] for shown in data["runs"]), has_draws=any(shown["draws"] for shown in data["runs"]),
        python_files=list(python_files.values()), encoded=lambda source: base64.b64encode(source.encode()).decode()))


def _of_one(run):
    """What the page of a single run tells besides."""
    problem, metrics, per_x = run.problem, run.metrics, parts_of_each_x(run.metrics)
    titles_of_x, rows_of_x = summary.rows_of_x(per_x) if problem.n_x > 1 else ([], [])
    columns, marginals = summary.marginal_table(problem, per_x)
    return dict(
        run=run, problem=problem, key_numbers=summary.key_numbers(metrics, problem.n_x),
        headline=summary.headline(metrics, problem.n_x), metric_rows=summary.metric_rows(metrics),
        of_x=(["data", *titles_of_x], [("", [(x, *cells) for x, cells in rows_of_x])]),
        marginals=(["quantity", *columns], [(x if problem.n_x > 1 else "", [(name, *cells) for name, cells in rows])
                                            for x, rows in marginals]),
        modes=[(name, x, *shares) for x, name, *shares in summary.mode_rows(problem, per_x)],
        published_sources=sorted({"%s (%s)" % (number.source, number.how) for known in problem.published.values()
                                  for number in known.values()}))


def _data(groups, explored, small):
    """What the scripts draw; with `small` there may be several runs: then bands are of seeds only."""
    runs = [run for _, group in groups for run in group]
    evidences = {run.metrics.get("log_evidence") for run in runs}
    evidence = evidences.pop() if len(evidences) == 1 else None
    return {
        "groups": [_curves(label, group, small) for label, group in groups],
        # At best the ELBO is log p(x), and T is right.
        "losses": losses_drawn(runs, {} if evidence is None else {"generator_loss": -evidence}),
        "runs": [_explorable(run, len(explored)) for run in explored],
    }


def _curves(label, runs, small):
    """Losses and, where it was measured, the divergence from the exact posterior over iterations, of a run or a group's."""
    curves = arrays.loss_curves(label, [run.losses for run in runs], arrays.N_BINS, with_band_of_one=not small)
    divergence = divergence_curves(runs, {"gap": "inference_gap"}, arrays.N_BINS, not small)
    if "gap" in divergence:
        values, errors = ([run.curves["inference_gap" + suffix] for run in runs] for suffix in ("", "_standard_error"))
        curves["limits"]["divergence"] = arrays.limits(
            values if small else [values[0] - 2 * errors[0], values[0] + 2 * errors[0]])
    return dict(curves, divergence=divergence)


def _explorable(run, n_runs):
    """The samples of a run through training, what is exact, and the marginals; each of n_runs has its share of the page."""
    problem, exact, latents = run.problem, contents.read_exact(run), contents.read_latents(run)
    quantities = [measures.quantities(problem, latents["z"][latents["label"] == label].astype(np.float64))
                  for label in range(problem.n_x)]
    ranges = [_ranges(of_x, exact["draws"][label] if exact else of_x) for label, of_x in enumerate(quantities)]
    n_bins = max(10, min(_N_BINS, _MAX_BINS // (problem.n_x * n_runs * quantities[0].shape[1])))
    return {
        "label": run.label, "x": problem.observation_names, "coordinates": problem.coordinates,
        "quantities": measures.names_of_quantities(problem),
        "ranges": [[arrays.numbers(pair) for pair in of_x[:problem.dim]] for of_x in ranges],
        "moments": _moments(contents.read_snapshots(run), problem.n_x, _MAX_CODES // n_runs),
        "exactMoments": [[arrays.numbers([of_x["marginals"][name][key] for key in ("exact_mean", "exact_standard_deviation")])
                          for name in problem.coordinates] for of_x in parts_of_each_x(run.metrics)] if exact else None,
        "draws": _draws(exact["draws"][..., :problem.dim], _MAX_DRAWN // n_runs)
        if exact and problem.dim > 1 and "density" not in exact else None,
        "density": _density(exact, _MAX_POINTS // n_runs) if "density" in exact else None,
        "marginals": [[_marginal(values, exact, label, k, ranges[label][k], n_bins) for k, values in enumerate(of_x.T)]
                      for label, of_x in enumerate(quantities)],
    }


def _moments(snapshots, n_x, most):
    """The samples at each moment, or at so many and so many of them as there is room for, `most` numbers."""
    n_moments = len(snapshots["iteration"])
    frames = spread_out(n_moments, arrays.MAX_FRAMES)
    z, labels = snapshots["z"], snapshots["label"]
    stride = -(-len(frames) * z[0].size // most)
    # The first of each `stride` samples of an x, so that every x has some.
    of_x = np.concatenate([np.flatnonzero(labels == label)[::stride] for label in range(n_x)])
    return {"iteration": [int(iteration) for iteration in snapshots["iteration"][frames]], "n": len(of_x),
            "nSamples": len(labels), "nMoments": n_moments, "counts": np.bincount(labels[of_x], minlength=n_x).tolist(),
            **arrays.codes(z[frames][:, of_x])}


def _draws(draws, most):
    n_x, n, dim = draws.shape
    draws = draws[:, :max(1, min(n, _N_DRAWS, most // (n_x * dim)))]
    return {"n": draws.shape[1], **arrays.codes(draws)}


def _density(exact, most):
    """Each x's density on a grid whose first axis is the first coordinate's."""
    stride = int(np.ceil(np.sqrt(exact["density"].size / most)))
    density = exact["density"][:, ::stride, ::stride].astype(np.float64)
    axes = exact["axes"][:, :, ::stride]
    largest = density.max(axis=(1, 2), keepdims=True)
    scaled = 65535 * density / np.where(largest > 0, largest, 1)
    return {"side": density.shape[1], "z": arrays.packed(np.rint(scaled), "<u2"),
            "axes": [[arrays.numbers(axis[[0, -1]]) for axis in of_x] for of_x in axes],
            "levels": [lowest_of_shares(of_x) for of_x in scaled]}


def _ranges(q, exact):
    """From where to where each quantity is drawn, [k, 2]: what is exact and, if it isn't too far off, q's samples [n, k]."""
    (q_low, q_high), (low, high) = (np.quantile(values, [_TAIL, 1 - _TAIL], axis=0) for values in (q, exact))
    width = np.maximum(high - low, 1e-6 * np.maximum(1, np.abs(high)))
    low, high = np.clip(q_low, low - width, low), np.clip(q_high, high, high + width)
    margin = 0.1 * np.maximum(high - low, width)
    return np.stack([low - margin, high + margin], axis=1)


def _marginal(q, exact, label, k, ends, n_bins):
    """Of the quantity k of an x: counts of q's samples [n] in bins between two ends, and the exact density as a line."""
    found = {"range": arrays.numbers(ends), "n": len(q), "q": np.histogram(q, n_bins, tuple(ends))[0].tolist(), "exact": None}
    if exact:
        low, high = ends
        draws, line = exact["draws"][label, :, k], exact["marginal_density"][label, k]
        points = np.linspace(*exact["marginal_ends"][label, k].astype(np.float64), len(line))
        shown = slice(None, None, -(-len(line) // (3 * n_bins)))
        found["exact"] = {"x": arrays.numbers(points[shown]), "y": arrays.numbers(line[shown]),
                          "outside": float(np.mean((draws < low) | (draws > high)))}
    return found
