"""What the page of a given posterior draws, as JSON: curves, samples through training, exact densities. Knows no TensorFlow."""

import numpy as np

from avb_tf1.evaluation import posterior_measurement
from avb_tf1.evaluation.measurement import LOSSES
from avb_tf1.report import page_arrays
from avb_tf1.training import snapshots

# Bounds on the page's size. Each of these numbers takes 2.7 bytes on it.
_MAX_CODES = 800_000          # numbers of all samples at all moments
_MAX_POINTS = 400_000         # of all exact densities
_MAX_DRAWN = 200_000          # numbers of all exact draws, ...
_N_DRAWS = 1000               # ... of which each x has so many at most
_MAX_BINS = 100_000           # of all histograms
_N_BINS = 60                  # of one
_TAIL = 0.002                 # of draws, to either side, that an axis need not show


def page_data(run):
    """Return what shared.js and posterior.js draw of a posterior_contents.PosteriorRun.

    Samples and draws are packed as whole numbers times a scale for each coordinate, densities as whole numbers of 65535 in
    their largest value, little-endian and in base64. Histograms are counts.
    """
    problem, exact = run.problem, run.exact
    quantities = [posterior_measurement.quantities(problem, run.latents["z"][run.latents["label"] == label].astype(np.float64))
                  for label in range(problem.n_x)]
    ranges = [_ranges(own, exact["draws"][label] if exact else own) for label, own in enumerate(quantities)]
    evidence = run.metrics.get("log_evidence")
    return {
        "groups": [_curves(run)],
        # At best the ELBO is log p(x), and T is right.
        "losses": {name: {"optimum": None if evidence is None or name != "generator_loss" else -evidence}
                   for name in LOSSES if name in run.losses},
        "x": problem.observation_names, "coordinates": problem.coordinates,
        "quantities": posterior_measurement.names_of_quantities(problem),
        "ranges": [[page_arrays.numbers(pair) for pair in own[:problem.dim]] for own in ranges],
        "moments": _moments(run.snapshots, problem.n_x),
        "exactMoments": [_exact_moments(own["marginals"], problem) for own in run.per_x] if exact else None,
        "draws": _draws(exact["draws"][..., :problem.dim]) if exact and problem.dim > 1 and "density" not in exact else None,
        "density": _density(exact) if "density" in exact else None,
        "marginals": [_histograms(own, exact["draws"][label] if exact else None, ranges[label], problem.n_x)
                      for label, own in enumerate(quantities)],
    }


def _curves(run):
    """Losses and, where it was measured, the divergence from the posterior over iterations."""
    curves = page_arrays.loss_curves(run.label, [run.losses], page_arrays.N_BINS)
    iterations = run.snapshots["iteration"]
    shown = snapshots.spread_out(len(iterations), page_arrays.N_BINS)
    divergence = {"iteration": [int(iteration) for iteration in iterations[shown]], "n_seen": len(iterations)}
    if "inference_gap" in run.snapshots:
        values, errors = run.snapshots["inference_gap"], run.snapshots["inference_gap_standard_error"]
        low, high = values - 2 * errors, values + 2 * errors
        divergence["gap"] = page_arrays.band([values[shown]], [low[shown], high[shown]])
        divergence["gap"]["final"] = run.metrics.get("inference_gap")
        curves["limits"]["divergence"] = page_arrays.limits([low, high])
    return dict(curves, divergence=divergence)


def _moments(seen, n_x):
    """The samples at each moment, or at so many and so many of them as the page has room for."""
    frames = snapshots.spread_out(len(seen["iteration"]), page_arrays.MAX_FRAMES)
    z, labels = seen["z"], seen["label"]
    stride = -(-len(frames) * z[0].size // _MAX_CODES)
    # The first of each `stride` samples of an x, so that every x has some.
    of_x = np.concatenate([np.flatnonzero(labels == label)[::stride] for label in range(n_x)])
    z = z[frames][:, of_x]
    scale = page_arrays.scale_of(z)
    return {"iteration": [int(iteration) for iteration in seen["iteration"][frames]], "n": len(of_x),
            "counts": np.bincount(labels[of_x], minlength=n_x).tolist(), "scale": scale.tolist(),
            "z": page_arrays.codes(z, scale)}


def _exact_moments(marginals, problem):
    return [page_arrays.numbers([marginals[name]["exact_mean"], marginals[name]["exact_standard_deviation"]])
            for name in problem.coordinates]


def _draws(draws):
    n_x, n, dim = draws.shape
    draws = draws[:, :max(1, min(n, _N_DRAWS, _MAX_DRAWN // (n_x * dim)))]
    scale = page_arrays.scale_of(draws)
    return {"n": draws.shape[1], "scale": scale.tolist(), "z": page_arrays.codes(draws, scale)}


def _density(exact):
    """Each x's density on a grid whose first axis is the first coordinate's."""
    stride = int(np.ceil(np.sqrt(exact["density"].size / _MAX_POINTS)))
    density = exact["density"][:, ::stride, ::stride].astype(np.float64)
    axes = exact["axes"][:, :, ::stride]
    largest = density.max(axis=(1, 2), keepdims=True)
    scaled = 65535 * density / np.where(largest > 0, largest, 1)
    return {"side": density.shape[1], "z": page_arrays.packed(np.rint(scaled), "<u2"),
            "axes": [[page_arrays.numbers(axis[[0, -1]]) for axis in own] for own in axes],
            "levels": [[page_arrays.level(own.ravel(), share) for share in page_arrays.SHARES] for own in scaled]}


def _ranges(q, exact):
    """From where to where each quantity is drawn, [k, 2]: what is exact and, if it isn't too far off, q's samples [n, k]."""
    (q_low, q_high), (low, high) = (np.quantile(values, [_TAIL, 1 - _TAIL], axis=0) for values in (q, exact))
    width = np.maximum(high - low, 1e-6 * np.maximum(1, np.abs(high)))
    low, high = np.clip(q_low, low - width, low), np.clip(q_high, high, high + width)
    margin = 0.1 * np.maximum(high - low, width)
    return np.stack([low - margin, high + margin], axis=1)


def _histograms(q, exact, ranges, n_x):
    """Of each quantity: counts of q's samples [n, k] and of the exact draws [m, k] in the same bins."""
    n_bins = max(10, min(_N_BINS, _MAX_BINS // (n_x * len(ranges))))

    def counts(values, k):
        return np.histogram(values[:, k].astype(np.float64), bins=n_bins, range=tuple(ranges[k]))[0].tolist()

    return [{"range": page_arrays.numbers(ranges[k]), "n": len(q), "q": counts(q, k),
             "nExact": 0 if exact is None else len(exact), "exact": None if exact is None else counts(exact, k)}
            for k in range(len(ranges))]
