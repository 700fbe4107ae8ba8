import numpy as np
import pytest
from image_data import small_images
from matplotlib import cm
from pictures import assert_in_corners, corners, frames, pixels, place, rgb

from avb_tf1.estimation.quadrature import grid
from avb_tf1.estimation.trained_networks import Networks
from avb_tf1.plotting.pixels import REAL
from avb_tf1.plotting.style import CLASS_COLORS, EXACT_COLOR, new_figure
from avb_tf1.tasks.data_set import figures
from avb_tf1.tasks.registry import task_of

NAMES = ("a", "b", "c", "d")
COLORS = [rgb(color) for color in CLASS_COLORS[:4]]


def test_each_class_has_its_place_its_color_and_a_legend(tmp_path):
    z, labels = corners(2000)
    figures.latent_space(str(tmp_path / "a.png"), z, labels, NAMES)
    picture = pixels(tmp_path / "a.png")
    width = picture.shape[1]
    assert_in_corners(picture[:, :int(0.85 * width)], COLORS, tolerance=12)
    rows = [place(picture[:, int(0.9 * width):], color)[1] for color in COLORS]
    assert rows == sorted(rows)
    figures.latent_space(str(tmp_path / "one.png"), z, 0 * labels, ("image",))
    without = pixels(tmp_path / "one.png")
    assert without.shape[1] < width and not (without == COLORS[1]).all(axis=2).any()


def test_names_stand_among_codes_where_the_classes_lie_apart():
    z, labels = corners(400)
    for codes, names in ((z, list(NAMES)), (np.where(labels[:, np.newaxis] == 3, z[labels == 2][0], z), [])):
        axes = new_figure(4, 4).subplots()
        figures.draw_codes(axes, codes, labels, NAMES, 4.0, size=5)
        assert [text.get_text() for text in axes.texts if text.get_text() in NAMES] == names


@pytest.mark.parametrize("n_classes", [2, 12, 300])
def test_in_one_dimension_each_class_has_a_band(tmp_path, n_classes):
    labels = np.arange(1200) % n_classes
    figures.latent_space(str(tmp_path / "a.png"), np.random.RandomState(0).randn(1200, 1), labels,
                         tuple(str(label) for label in range(n_classes)))
    if n_classes == 2:
        assert place(pixels(tmp_path / "a.png"), COLORS[0], 60)[1] > 0.5 > place(pixels(tmp_path / "a.png"), COLORS[1], 60)[1]


def test_the_movie_has_a_frame_a_snapshot(tmp_path):
    z, labels = corners(2000)
    figures.latent_movie(str(tmp_path / "a.gif"), np.stack([z, -z]), labels, [0, 10], NAMES, ["$z_3$", "$z_8$"])
    (first, second), _ = frames(tmp_path / "a.gif")
    width = first.shape[1]
    assert_in_corners(first[:, :int(0.76 * width)], COLORS, tolerance=12)
    assert_in_corners(second[::-1, :int(0.76 * width)][:, ::-1], COLORS, tolerance=12)


def test_pairs_stand_below_the_diagonal_and_histograms_on_it(tmp_path):
    z, labels = corners(2000)
    z = np.concatenate([z, np.zeros((len(z), 1))], axis=1)  # a third coordinate that is but a spike
    figures.pairs(str(tmp_path / "a.png"), z, labels, NAMES, ["$z_1$", "$z_4$", "$z_7$"], [4, 4, 0], 9)
    picture = pixels(tmp_path / "a.png")
    n = picture.shape[0] // 3
    panels = [[picture[row * n:(row + 1) * n, column * n:(column + 1) * n] for column in range(3)] for row in range(3)]
    assert_in_corners(panels[1][0], COLORS, tolerance=12)
    grey = [np.mean(np.abs(panels[k][k] - 191).max(axis=2) < 3) for k in range(3)]
    assert grey[0] > 0.03 and grey[1] > 0.03 and grey[2] < 0.02
    assert (panels[0][1] == 255).mean() > 0.9  # above the diagonal there is nothing
    assert place(panels[0][2], COLORS[3])[0] > 0.5  # but the legend


@pytest.mark.parametrize("dim, black, where", [
    (2, (1.5, -1.0), (True, True)), (2, (-1.5, 1.0), (False, False)), (1, (1.5,), (True, None)), (1, (-1.5,), (False, None))])
def test_the_manifold_has_each_image_at_its_z(tmp_path, dim, black, where):
    axis = np.array([-1.5, -1.0, 0.0, 1.0, 1.5])
    images = np.full((5**dim, 8, 8), 0.1)
    images[(grid(axis, dim) == black).all(axis=1)] = 1
    figures.manifold(str(tmp_path / "a.png"), images, axis)
    picture = pixels(tmp_path / "a.png")
    solid = np.array([[picture[y:y + 12, x:x + 12].max() == 0 for x in range(0, picture.shape[1], 4)]
                      for y in range(0, picture.shape[0], 4)])  # letters and lines are thinner
    rows, columns = np.nonzero(solid)
    assert len(rows) > 20 and (np.median(columns) > 0.55 * solid.shape[1]) == where[0]
    if dim == 2:
        assert (np.median(rows) > 0.5 * solid.shape[0]) == where[1]


def test_images_of_colour_are_drawn_in_it_and_real_values_with_black_for_0(tmp_path):
    axis = np.linspace(-1, 1, 3)
    images = np.zeros((9, 4, 4, 3))
    images[2] = [1, 0, 0]  # at z = (1, -1)
    figures.manifold(str(tmp_path / "a.png"), images, axis, REAL)
    x, y = place(pixels(tmp_path / "a.png"), np.array([255, 0, 0]))
    assert x > 0.6 and y > 0.6
    figures.reconstructions(str(tmp_path / "b.png"), images[:3], images[:3], images[:8], ["a", "b", "c"], REAL)
    assert place(pixels(tmp_path / "b.png"), np.array([255, 0, 0]))[0] < 0.7
    grey = np.full((9, 4, 4), 0.25)
    figures.manifold(str(tmp_path / "c.png"), grey, axis, REAL)
    assert ((pixels(tmp_path / "c.png").astype(int) - 64).max(axis=2) <= 1).mean() > 0.3


@pytest.mark.parametrize("shape", [(4, 4), (1, 5), (1, 49), (2, 30)])
def test_reconstructions_stand_below_their_images_and_prior_samples_beside(tmp_path, shape):
    images = np.zeros((3, *shape))
    images[1] = 1
    probabilities, prior = np.full(images.shape, 0.2), np.full((16, *shape), 0.6)
    probabilities[2] = 0.8
    figures.reconstructions(str(tmp_path / "a.png"), images, probabilities, prior, ["a", "b", "c"])
    picture = pixels(tmp_path / "a.png")
    def where(value):
        return place(picture[:int(0.72 * len(picture))], np.round(255 * np.array(cm.Greys(value)[:3])))  # above the colour bar

    image, dark, light, samples = where(1.0), where(0.8), where(0.2), where(0.6)
    assert image[0] == pytest.approx(0.5 * (light[0] + dark[0]), abs=0.1) and light[0] < dark[0] < samples[0]
    assert image[1] < min(dark[1], light[1]) and samples[0] > 0.5


def test_posteriors_have_the_exact_lines_under_the_samples(tmp_path):
    axes = np.stack([np.linspace(-3, 3, 41), np.linspace(-6, 6, 41)])[np.newaxis]
    first, second = np.stack(np.meshgrid(*axes[0]), axis=-1).reshape(-1, 2).T
    density = np.exp(-0.5 * ((first - 1)**2 / 0.16 + (second + 3)**2 / 0.36))[np.newaxis]
    samples = np.random.RandomState(0).normal([-1, 3], 0.1, (1, 256, 2))
    samples[0, :4] = [-3, -6], [-3, 6], [3, -6], [3, 6]  # so that the panel's size is known
    figures.posteriors(str(tmp_path / "a.png"), np.zeros((1, 4, 4)), samples, axes, density, ["a"])
    picture = pixels(tmp_path / "a.png")
    is_dark = picture.max(axis=2) < 160
    left, right = np.flatnonzero(is_dark.mean(axis=0) > 0.6)[[0, -1]]  # the panel's frame
    top, bottom = np.flatnonzero(is_dark.mean(axis=1) > 0.8)[[0, -1]]
    picture = picture[top + 4:bottom - 3, left + 4:right - 3]
    line = place(picture, rgb(EXACT_COLOR), 30)
    dots = place(picture, COLORS[0], 30)
    assert line[0] > 0.5 > dots[0] and line[1] > 0.5 > dots[1]
    rows, columns = np.nonzero((np.abs(picture - rgb(EXACT_COLOR)) <= 30).all(axis=2))
    # Of a Gaussian 95 % lie within 2.45 standard deviations: of the panel's 6.6 and 13.2.
    assert np.ptp(columns) / picture.shape[1] == pytest.approx(2 * 2.45 * 0.4 / 6.6, rel=0.07)
    assert np.ptp(rows) / picture.shape[0] == pytest.approx(2 * 2.45 * 0.6 / 13.2, rel=0.07)


@pytest.mark.filterwarnings("error")
def test_a_posterior_of_one_point_or_none_is_drawn(tmp_path):
    density = np.zeros((2, 41**2), np.uint8)
    density[0, 800] = 255
    axes = np.linspace(-1, 1, 41) * np.ones((2, 2, 1))
    figures.posteriors(str(tmp_path / "a.png"), np.zeros((2, 4, 4)), np.zeros((2, 256, 2)), axes, density, ["a", "b"])
    assert (pixels(tmp_path / "a.png") < 250).any()


def test_images_of_one_row_are_folded_and_slender_ones_stretched():
    row = np.arange(11.0).reshape(1, 1, 11)
    folded = figures.visible(row)
    np.testing.assert_array_equal(folded, [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, np.nan]]])
    np.testing.assert_array_equal(figures.visible(row[:, :, :6]), row[:, :, :6].repeat(2, axis=1))
    np.testing.assert_array_equal(figures.visible(row[:, :, :6].transpose(0, 2, 1)),
                                  row[:, :, :6].transpose(0, 2, 1).repeat(2, axis=2))
    square = np.random.RandomState(0).rand(3, 28, 28)
    np.testing.assert_array_equal(figures.visible(square), square)


def test_the_coordinates_that_are_drawn_tell_images_apart():
    scales = np.float32([0.5, 3, 0, 2, 1, 0.1])
    x = np.random.RandomState(0).standard_normal((500, 6)).astype(np.float32)

    def means(x):
        return scales * x

    def encode(x, eps):  # where the means differ least, samples differ most
        return means(x) + np.float32([0.1, 0.1, 5, 0.1, 0.1, 0.1]) * eps

    expected = means(x).var(axis=0)[[0, 1, 3, 4]]
    for parameters in (None, lambda x: (means(x), None)):
        networks = Networks(6, 6, encode, None, gaussian=parameters)
        chosen, variances = figures.widest_coordinates(networks, x, np.random.RandomState(1))
        assert chosen.tolist() == [0, 1, 3, 4]
        np.testing.assert_allclose(variances, expected, rtol=0.02)
    scales[2] = 0.3  # less than the fourth has, but its samples' part of the variance alone, 25 / 16, would be more
    networks = Networks(6, 6, encode, None)
    assert figures.widest_coordinates(networks, x, np.random.RandomState(1))[0].tolist() == [0, 1, 3, 4]


def test_figures_and_their_files_agree():
    assert set(figures.FIGURES) == set(task_of(small_images("digits_vae")).figures)
