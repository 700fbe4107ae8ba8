import numpy as np
import pytest
from matplotlib.colors import to_hex
from pictures import frames

from avb_tf1.plotting.style import CLASS_COLORS, EXACT_COLOR, new_figure
from avb_tf1.tasks.given_posterior import figures

COORDINATES = ("a", "b")


def exact_about(middle, with_density):
    """A Gaussian of standard deviation 0.3 about a point, of one x, as in exact.npz: draws and, if asked for, a density."""
    draws = np.random.RandomState(0).normal(middle, 0.3, (1, 5000, 2))
    if not with_density:
        return {"draws": draws}
    axes = np.array([np.linspace(-3, 3, 121), np.linspace(-4, 4, 121)])
    first, second = np.meshgrid(*axes, indexing="ij")
    return {"draws": draws, "axes": axes[np.newaxis],
            "density": np.exp(-((first - middle[0])**2 + (second - middle[1])**2) / 0.18)[np.newaxis]}


@pytest.mark.parametrize("with_density", [False, True])
def test_samples_stand_over_what_is_exact_and_the_axes_show_the_latter(with_density):
    z, middle = np.random.RandomState(1).normal([-0.5, 0.5], 0.1, (500, 2)), np.array([1, -2])
    axes = new_figure(4, 4).subplots()
    figures.draw_samples(axes, z, 0, COORDINATES, exact_about(middle, with_density))
    samples, *exact = axes.collections
    np.testing.assert_array_equal(samples.get_offsets(), z)
    assert to_hex(samples.get_facecolor()[0]) == CLASS_COLORS[0].lower()
    if with_density:
        radii = []
        for line in exact:
            points = line.get_paths()[0].vertices
            np.testing.assert_allclose((points.min(axis=0) + points.max(axis=0)) / 2, middle, atol=0.02)
            radii.append(np.linalg.norm(points - middle, axis=1).mean())
            assert to_hex(line.get_edgecolor()[0]) == EXACT_COLOR
        np.testing.assert_allclose(radii, 0.3 * np.sqrt(-2 * np.log([0.05, 0.5])), rtol=0.03)
    else:
        draws, = exact
        np.testing.assert_allclose(draws.get_offsets().mean(axis=0), middle, atol=0.05)
        assert draws.get_zorder() < samples.get_zorder() and to_hex(draws.get_facecolor()[0]) == EXACT_COLOR
    for limits, coordinate in zip((axes.get_xlim(), axes.get_ylim()), middle):
        np.testing.assert_allclose(limits, [coordinate - 1.1, coordinate + 1.1], atol=0.15)


def test_a_movie_has_a_panel_for_each_x_and_no_more(tmp_path):
    labels = np.repeat(np.arange(6), 200)
    z = np.random.RandomState(0).normal(0, 0.3, (1200, 2))
    figures.latent_movie(str(tmp_path / "a.gif"), np.stack([z, 0 * z]), labels, [0, 10], list("uvwxyz"), COORDINATES, {})
    (first, second), durations = frames(tmp_path / "a.gif")
    assert durations[1] > 5 * durations[0] and (first != second).any()
    height, width, _ = first.shape
    for frame in (first, second):
        lower = frame[height // 2:]
        assert (lower[:, :int(0.22 * width)] < 100).any() and (lower[:, int(0.22 * width):] > 250).all()


def test_a_marginal_is_of_all_samples_and_says_how_many_are_outside(tmp_path, monkeypatch):
    """Half of q far away: what is seen of it has half of the area."""
    drawn = []
    monkeypatch.setattr(figures, "save", lambda figure, path: drawn.append(figure))
    random_state = np.random.RandomState(0)
    draws = random_state.normal(0, 1, (1, 5000, 1))
    line = np.exp(-np.linspace(-4, 4, 161)**2 / 2) / np.sqrt(2 * np.pi)
    exact = {"draws": draws, "marginal_ends": np.array([[[-4, 4]]]), "marginal_density": line[np.newaxis, np.newaxis]}
    z = random_state.normal(0, 1, (1, 4000, 1)) + np.where(np.arange(4000) % 2, 50, 0)[:, np.newaxis]
    figures.marginals("", {"q": z, "far": z + 100}, ["a"], exact, ["x"])
    axes = drawn[0].axes[0]
    of_q, of_far = (patch.get_xy() for patch in axes.patches)
    heights, width = of_q[:, 1], (axes.get_xlim()[1] - axes.get_xlim()[0]) / (figures._N_BINS - 1)
    assert heights.max() == pytest.approx(0.5 * line.max(), rel=0.3) and of_far[:, 1].max() == 0
    assert heights[1:-1:2].sum() * width == pytest.approx(0.5, abs=0.02)
    assert axes.texts[0].get_text() == "outside: q 50 %, far 100 %"


def test_samples_that_are_outside_of_the_axes_are_told():
    z = np.random.RandomState(1).normal([1, -2], 0.1, (500, 2))
    for far, text in ((0, None), (100, "outside: samples 20 %")):
        axes = new_figure(4, 4).subplots()
        figures.draw_samples(axes, z + 9 * (np.arange(500) < far)[:, np.newaxis], 0, COORDINATES, exact_about([1, -2], True))
        assert [own.get_text() for own in axes.texts] == ([text] if text else [])


def test_what_several_samples_have_in_common():
    a, b = np.random.RandomState(0).uniform([0, 5, 0], [1, 6, 9], (2, 1000, 3))
    (low, high), (lower, upper) = figures.common_limits([a, b + [10, 0, 0]], 3)
    assert -0.2 < low < 0 and 11 < high < 11.2 and 4.8 < lower < 5 and 6 < upper < 6.2
    assert len(figures.common_limits([a[:, :1]], 1)) == 1
