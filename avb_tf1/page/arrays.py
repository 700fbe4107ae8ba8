"""Arrays as what a page's script draws: curves thinned out, numbers shortened, codes packed. Knows no TensorFlow."""

import base64
import math

import numpy as np

from avb_tf1.estimation.metric import LOSSES

N_BINS = 400               # of a training curve
MAX_FRAMES = 61            # of the slider
NOT_FINITE = -32768        # in the place of a code
_N_SIGNIFICANT = 6


def binned(values, n_bins):
    """Return means, minima and maxima of consecutive bins of values [n], as many as there are values if those are fewer."""
    values = np.asarray(values, np.float64)
    starts = np.unique(np.linspace(0, len(values), n_bins, endpoint=False).astype(int))
    counts = np.diff(np.append(starts, len(values)))
    return (np.add.reduceat(values, starts) / counts, np.minimum.reduceat(values, starts),
            np.maximum.reduceat(values, starts))


def loss_curves(label, losses, n_bins, with_band_of_one=True):
    """Return what shared.js draws of the losses of runs that differ in the seed only, at no more than n_bins points.

    Args:
        label: str, what the page calls the runs.
        losses: sequence of name -> [n_iterations], one a run, as long as each other.
        n_bins: int; with_band_of_one: bool, whether a single run has a band, from the smallest to the largest of each bin.

    Returns:
        dict: label; losses: name -> as of band; iteration, as of numbers; last, the last of them; limits: name -> as of limits.
    """
    bins = {name: [binned(own[name], n_bins) for own in losses] for name in LOSSES if name in losses[0]}
    n_iterations = len(next(iter(losses[0].values())))
    return {"label": label, "iteration": numbers(binned(np.arange(1, n_iterations + 1), n_bins)[0]), "last": n_iterations,
            "losses": {name: band([mean for mean, _, _ in own], own[0][1:] if with_band_of_one else None)
                       for name, own in bins.items()},
            "limits": {name: limits([own[name] for own in losses]) for name in bins}}


def band(curves, band_of_one):
    """Return the mean of runs' curves and one standard deviation (n - 1) to either side; of one run, the given band or none.

    Args:
        curves: sequence of [n].
        band_of_one: None, or the band's lower and upper edge, [n] each.

    Returns:
        dict: mean, low and high, as of numbers.
    """
    mean = np.mean(curves, axis=0)
    low, high = band_of_one or (mean, mean)
    if len(curves) > 1:
        with np.errstate(invalid="ignore"):  # infinite values have no spread
            spread = np.std(curves, axis=0, ddof=1)
        low, high = mean - spread, mean + spread
    return {"mean": numbers(mean), "low": numbers(low), "high": numbers(high)}


def limits(curves):
    """Return the smallest and the largest value of curves; the first hundredth of each and its first value don't count.

    An empty list where there is no curve, or no finite value.
    """
    if not curves:
        return []
    shown = np.concatenate([curve[max(1, len(curve) // 100):] if len(curve) > 1 else curve for curve in curves])
    shown = shown[np.isfinite(shown)]
    return numbers([shown.min(), shown.max()]) if len(shown) else []


def codes(z):
    """Return what shared.js unpacks the values z [..., dim] from.

    Returns:
        dict: scale, a list of dim floats; z, as packed int16: whole numbers times the scale, NOT_FINITE where z is not.
    """
    finite = np.isfinite(z)
    z = np.where(finite, z, 0)
    largest = np.abs(z.reshape(-1, z.shape[-1])).max(axis=0, initial=0)
    scale = np.where(largest > 0, largest, 1).astype(np.float64) / 32767
    return {"scale": scale.tolist(), "z": packed(np.where(finite, np.rint(z / scale), NOT_FINITE), "<i2")}


def packed(values, dtype):
    """Return an array's bytes, of that dtype, in base64."""
    return base64.b64encode(np.ascontiguousarray(values.astype(dtype)).tobytes()).decode()


def numbers(values):
    """Return plain numbers for JSON, with a few digits; None where one is not finite."""
    return [float("%.*g" % (_N_SIGNIFICANT, value)) if math.isfinite(value) else None for value in values]
