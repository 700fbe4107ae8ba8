"""Arrays as what a page's script draws."""

import numpy as np
import pytest

from avb_tf1.page import arrays


def test_bins_of_a_curve():
    mean, low, high = arrays.binned([1, 3, 5, 9, 0, 2], 3)
    assert (mean.tolist(), low.tolist(), high.tolist()) == ([2, 7, 1], [1, 5, 0], [3, 9, 2])
    assert arrays.binned(np.arange(5), 400)[0].tolist() == [0, 1, 2, 3, 4]
    mean = arrays.binned(np.arange(1000003), 400)[0]
    assert len(mean) == 400 and np.mean(mean) == pytest.approx(500001, rel=1e-3)


def test_a_wild_start_does_not_set_the_axes():
    assert arrays.limits([np.r_[1e6, np.full(500, 1.5)], np.array([np.nan, 2.0])]) == [1.5, 2]
    # The first hundredth, five of 500.
    assert arrays.limits([np.r_[np.arange(9, 4, -1), np.full(495, 1.5)]]) == [1.5, 1.5]
    assert arrays.limits([np.r_[np.arange(9, 3, -1), np.full(494, 1.5)]]) == [1.5, 4]
    assert arrays.limits([np.full(3, np.inf)]) == []
