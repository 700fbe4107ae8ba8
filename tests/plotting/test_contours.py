import numpy as np
import pytest
from scipy.stats import norm

from avb_tf1.estimation import quadrature
from avb_tf1.plotting import style
from avb_tf1.plotting.contours import draw_exact_lines, lowest_of_shares


def test_levels_of_a_gaussian_enclose_its_mass():
    z = quadrature.grid(np.linspace(-5, 5, 401), 2)
    density = norm.pdf(z).prod(axis=1)
    assert lowest_of_shares(density) == pytest.approx([0.05 / (2 * np.pi), 0.5 / (2 * np.pi)], rel=0.01)


@pytest.mark.parametrize("n", [41, 201])
def test_lines_about_a_gaussian_are_circles_also_on_a_coarse_grid(n):
    first, second = np.linspace(-8, 8, n), np.linspace(-9, 9, n)
    axes = style.new_figure(3, 3).subplots()
    draw_exact_lines(axes, first, second, norm.pdf(first) * norm.pdf(second)[:, np.newaxis])
    outer, inner = axes.collections
    for lines, share in ((outer, 0.95), (inner, 0.5)):
        path, = lines.get_paths()
        assert np.ptp(np.hypot(*path.vertices.T)) < 0.015 * np.sqrt(-2 * np.log(1 - share))
        steps = np.diff(path.vertices, axis=0)
        turns = np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0])))
        assert len(turns) > 40 and np.abs(turns).max() < 0.35  # radians: nowhere a corner


def test_lines_about_a_box_make_no_hills_beside_it():
    points = np.linspace(0, 1, 21)
    inside = (np.abs(points - 0.5) < 0.2).astype(float)
    axes = style.new_figure(3, 3).subplots()
    draw_exact_lines(axes, points, points, inside * inside[:, np.newaxis])
    assert sum(len(lines.get_paths()) for lines in axes.collections) == 1
