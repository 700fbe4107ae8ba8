import numpy as np
import pytest
from pictures import clouds

from avb_tf1.plotting.latents import draw_latents
from avb_tf1.plotting.style import new_figure


def test_latents_far_out_are_not_cut_off(tmp_path):
    axes = new_figure(4, 4).subplots()
    z, labels = clouds(2, shift=50)
    draw_latents(axes, z, labels)
    low, high = axes.get_xlim()
    assert low < z.min() and z.max() < high
    assert axes.get_aspect() in ("equal", 1.0)


def test_codes_in_one_place_are_ringed():
    def n_rings(z, labels, **options):
        axes = new_figure(4, 4).subplots()
        draw_latents(axes, z, labels, **options)
        return [(tuple(line.get_xydata()[0]), line.get_markersize()) for line in axes.lines]

    z, labels = clouds(2)
    assert n_rings(z, labels) == []
    z[(labels == 1) | (labels == 2)] = [1, -1]
    z[labels == 1] += 1e-3 * np.random.RandomState(1).standard_normal((100, 2))
    z[np.flatnonzero(labels == 2)[:4]] = 3  # a few astray don't matter
    z[np.flatnonzero(labels == 2)[4]] = np.nan
    (first, small), (second, large) = n_rings(z, labels)
    assert first == (pytest.approx(1, abs=1e-3), pytest.approx(-1, abs=1e-3)) and second == (1, -1) and small < large
    # What is a cloud on its own is a dot on axes that reach far.
    assert len(n_rings(z, labels, limit=1000)) == 4
