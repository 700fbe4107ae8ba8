"""An exact posterior as two lines about shares of its probability."""

import numpy as np

from avb_tf1.plotting.style import EXACT_COLOR

_SHARES = (0.95, 0.5)         # of the exact posterior's probability that its two lines enclose
_HIGHEST = 0.99               # of the density's largest value, that a line can be at


def lowest_of_shares(density):
    """Return the heights above which a density on a grid, [...], has 95 % and 50 % of its sum, two floats, ascending."""
    heights = np.sort(density.ravel())[::-1]
    sums = np.cumsum(heights, dtype=np.float64)
    return [float(heights[min(np.searchsorted(sums, share * sums[-1]), len(heights) - 1)]) for share in _SHARES]


def draw_exact_lines(axes, first, second, density):
    """Draw lines about 50 % and 95 % of a density on matplotlib Axes; of one that is 0 everywhere there are none.

    The density is [k, m], in any unit; `first` [m] and `second` [k] are where its columns and rows are along the two axes.
    """
    if density.any():
        axes.contour(first, second, density, colors=EXACT_COLOR, linewidths=0.9,
                     levels=np.unique(np.minimum(lowest_of_shares(density), _HIGHEST * density.max())))
