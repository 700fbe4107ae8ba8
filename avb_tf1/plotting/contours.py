"""An exact posterior as two lines about shares of its probability."""

import numpy as np
from scipy.interpolate import PchipInterpolator

from avb_tf1.plotting.style import EXACT_COLOR

_SHARES = (0.95, 0.5)         # of the exact posterior's probability that its two lines enclose
_HIGHEST = 0.99               # of the density's largest value, that a line can be at
_SMOOTH = 160                 # points along an axis, from which on the straight pieces of a line are not seen


def lowest_of_shares(density):
    """Return the heights above which a density on a grid, [...], has 95 % and 50 % of its sum, two floats, ascending."""
    heights = np.sort(density.ravel())[::-1]
    sums = np.cumsum(heights, dtype=np.float64)
    return [float(heights[min(np.searchsorted(sums, share * sums[-1]), len(heights) - 1)]) for share in _SHARES]


def draw_exact_lines(axes, first, second, density):
    """Draw lines about 50 % and 95 % of a density on matplotlib Axes; of one that is 0 everywhere there are none.

    The density is [k, m], in any unit; `first` [m] and `second` [k] are where its columns and rows are along the two axes. On a
    coarse grid it is interpolated by monotone cubic pieces, which make no hills of their own.
    """
    if density.any():
        levels = np.unique(np.minimum(lowest_of_shares(density), _HIGHEST * density.max()))
        fine = [_refined(points) for points in (first, second)]
        smooth = PchipInterpolator(first, PchipInterpolator(second, density, axis=0)(fine[1]), axis=1)(fine[0])
        axes.contour(*fine, smooth, colors=EXACT_COLOR, linewidths=0.9, levels=levels)


def _refined(points):
    """Ascending points [m] and, where they are few, others between them at equal distances."""
    n_between = max(1, round(_SMOOTH / len(points)))
    return np.interp(np.arange(n_between * (len(points) - 1) + 1) / n_between, np.arange(len(points)), points)
