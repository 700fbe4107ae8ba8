import numpy as np
import pytest
from pictures import assert_in_corners, corners, pixels, place, rgb

from avb_tf1.estimation.metric import Metric
from avb_tf1.plotting.style import CLASS_COLORS
from avb_tf1.problems.known_images.four_images import PROBLEM
from avb_tf1.reproduction import figures

IMAGES = PROBLEM.drawn(PROBLEM.images)
COLORS = CLASS_COLORS[:4]


def test_figure_5_shows_codes_and_densities_of_each_model(tmp_path):
    z, labels = corners()
    axis = np.linspace(-3.8, 3.8, 41)
    x, y = np.meshgrid(axis, axis)
    densities = np.stack([np.exp(-(x - z[labels == label, 0].mean())**2 - (y - z[labels == label, 1].mean())**2)
                          for label in range(4)])
    # The second model's classes, and its densities, the other way round.
    models = [("A", z, labels, densities), ("B", z, 3 - labels, densities[::-1])]
    figures.figure_5(str(tmp_path / "a.png"), models, axis, IMAGES)
    picture = pixels(tmp_path / "a.png")
    assert picture.shape == (1260, 1260, 3)
    colors = [rgb(color) for color in COLORS]
    tints = [np.round(255 * np.array(figures._tint(color, 0.25))) for color in COLORS]
    for half, order in ((picture[:, :630], slice(None)), (picture[:, 630:], slice(None, None, -1))):
        assert_in_corners(half[:630], colors[order], tolerance=60)
        assert_in_corners(half[630:], colors[order], tolerance=60)
        assert_in_corners(half[630:], tints[order])


def test_latent_spaces_show_each_model_in_its_panel(tmp_path):
    z, labels = corners()
    far = np.where((np.arange(len(z)) % 10 == 0)[:, np.newaxis], 9.0, z)  # 10% of each class outside
    models = [("A", z, labels), ("B", z, 3 - labels), ("C", far, labels)]
    figures.latent_spaces(str(tmp_path / "a.png"), models, IMAGES, n_columns=2)
    figures.latent_spaces(str(tmp_path / "b.png"), [*models[:2], ("C", z, labels)], IMAGES, n_columns=2)
    picture, other = pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")
    assert picture.shape == (900, 780, 3)
    colors = [rgb(color) for color in COLORS]
    for panel, order in ((picture[:450, :390], colors), (picture[:450, 390:], colors[::-1]), (picture[450:, :390], colors)):
        assert_in_corners(panel, order, tolerance=60)
    assert all(place(picture[450:, 390:], color) for color in colors)  # the legend
    differs = (picture != other).any(axis=2)
    assert differs[450:, :390].any() and not differs[:450].any()  # says what is outside


def test_the_methods_of_each_given_posterior_fill_the_width(tmp_path):
    z = np.random.RandomState(0).uniform(size=(1, 3000, 2))
    problems = [("one", ["x = 1"], ["a", "b"], {"A": z}, {}),
                ("three", ["x = 2"], ["c", "d"], {"B": z, "C": z, "D": z}, {})]
    figures.compared_on_given_posteriors(str(tmp_path / "a.png"), problems)
    picture = pixels(tmp_path / "a.png")
    for half, n_methods in ((picture[:len(picture) // 2], 1), (picture[len(picture) // 2:], 3)):
        columns = np.flatnonzero((np.ptp(half, axis=2) > 60).any(axis=0))  # of coloured dots
        assert len(np.flatnonzero(np.diff(columns) > 30)) == n_methods - 1  # gaps between their dots
        assert columns[0] < 0.2 * half.shape[1] and columns[-1] > 0.8 * half.shape[1]


@pytest.mark.parametrize("n, rows", [(2, 1), (3, 2), (4, 2)])
def test_quality_has_a_panel_for_each_problem_and_the_legend_none_of_its_own(tmp_path, n, rows):
    points = {"A": {10: (-2.0, -2.1, -1.9), 100: (-1.0, -1.1, -0.9)}, "B": {30: (-1.5, -1.6, -1.4)}}
    metric = Metric("log p(x)", is_higher_better=True)
    figures.quality_against_time(str(tmp_path / "a.png"), [("problem %d" % i, metric, points) for i in range(n)])
    picture = pixels(tmp_path / "a.png")
    height = 630 * rows + (75 if n % 2 == 0 else 0)
    assert picture.shape == (height, 1800, 3)
    of_legend = picture[630 * rows:] if n % 2 == 0 else picture[-630:, 900:]
    panels = [picture[630 * row:630 * (row + 1), 900 * column:900 * (column + 1)] for row in range(rows) for column in (0, 1)]
    for shown in [*panels[:n], of_legend]:
        for color in COLORS[:2]:
            place(shown, rgb(color))
