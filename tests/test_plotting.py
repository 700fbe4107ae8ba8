import numpy as np
import pytest
from matplotlib import cm
from pictures import pixels, place, rgb
from PIL import Image

from avb_tf1 import plotting
from avb_tf1.problems.known_images.four_images import PROBLEM

IMAGES = PROBLEM.drawn(PROBLEM.images)
COLORS = plotting.CLASS_COLORS[:4]


def colors_in(path):
    """The set of RGB triples (0 to 255) in a PNG."""
    return {tuple(color) for color in pixels(path).reshape(-1, 3)}


def same_pixels(a, b):
    return np.array_equal(pixels(a), pixels(b))


def latents(dim, shift=0.0):
    z = np.random.RandomState(0).standard_normal((400, dim)) + shift
    return z, np.repeat(np.arange(4), 100)


def corners():
    """Codes of which each class has a corner: upper left, upper right, lower left, lower right."""
    labels = np.repeat(np.arange(4), 1000)
    middles = np.array([[-2, 2], [2, 2], [-2, -2], [2, -2]])
    return np.random.RandomState(0).normal(middles[labels], 0.3), labels


def assert_in_corners(panel, colors, tolerance=2):
    """Of a panel with axes, each color is where its class is in `corners`."""
    places = [place(panel, color, tolerance) for color in colors]
    assert [(x > 0.5, y < 0.5) for x, y in places] == [(False, True), (True, True), (False, False), (True, False)]


@pytest.mark.parametrize("dim", [1, 2])
def test_latent_space_shows_each_class_in_its_color(tmp_path, dim):
    z, labels = latents(dim)
    plotting.latent_space(str(tmp_path / "a.png"), z, labels, IMAGES)
    assert {rgb(color) for color in COLORS} <= colors_in(tmp_path / "a.png")  # the legend's are opaque
    plotting.latent_space(str(tmp_path / "b.png"), z, labels[::-1], IMAGES)
    assert not same_pixels(tmp_path / "a.png", tmp_path / "b.png")


def test_latents_far_out_are_not_cut_off(tmp_path):
    axes = plotting.new_figure(4, 4).subplots()
    z, labels = latents(2, shift=50)
    plotting.draw_latents(axes, z, labels)
    low, high = axes.get_xlim()
    assert low < z.min() and z.max() < high
    assert axes.get_aspect() in ("equal", 1.0)


def test_training_curve_shows_both_losses_and_is_not_flattened_by_a_wild_start(tmp_path):
    losses = {"generator_loss": np.r_[1e6, np.full(999, 1.5)], "discriminator_loss": np.full(1000, 0.7)}
    optima = {"generator_loss": 1.386, "discriminator_loss": 0.6255}
    plotting.training_curve(str(tmp_path / "a.png"), losses, optima)
    shown = np.array(list(colors_in(tmp_path / "a.png")))
    for color in plotting._LOSS_COLORS.values():
        assert np.abs(shown - rgb(color)).max(axis=1).min() < 45  # thin lines are blended with what is below them
    calm = dict(losses, generator_loss=np.full(1000, 1.5))
    plotting.training_curve(str(tmp_path / "b.png"), calm, optima)
    a, b = pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")
    assert a.shape == b.shape and np.mean(a != b) < 0.02


def test_training_curve_of_one_iteration_and_one_loss(tmp_path):
    plotting.training_curve(str(tmp_path / "a.png"), {"generator_loss": np.full(1, 1.5)}, {"generator_loss": 1.386})
    picture = pixels(tmp_path / "a.png")
    assert picture.shape == (600, 1050, 3)
    middle, color = picture[:, 540:600], rgb(plotting._LOSS_COLORS["generator_loss"])
    assert place(middle, color)[1] < 0.15 and place(middle[300:], color, tolerance=60)[1] > 0.5  # a dot, above its optimum


def test_reconstructions_show_each_probability_in_its_place(tmp_path):
    """Each pixel a grey of its own, from left to right and from the top; then each image decoded from the prior."""
    shades = np.arange(1, 17) / 20 + 0.003  # not on the border between two greys
    greys = cm.Greys(shades, bytes=True)[:, :3].astype(int)
    white, grid, prior = np.zeros((4, 4)), shades.reshape(4, 4), np.repeat(shades, 4).reshape(16, 4)

    def places(*shown):
        plotting.reconstructions(str(tmp_path / "a.png"), *[values.reshape(-1, 2, 2) for values in shown])
        picture = pixels(tmp_path / "a.png")
        assert picture.shape == (480, 1140, 3)
        return np.transpose([place(picture, grey, tolerance=0) for grey in greys])

    heights = []
    for shown in ((grid, white), (white, grid)):
        x, y = places(*shown, 0 * prior).reshape(2, 4, 2, 2)
        assert (np.diff(x[:, 0].ravel()) > 0).all() and x.max() < 0.65 and np.ptp(x, axis=1).max() < 0.003
        assert (y[:, 1] > y[:, 0] + 0.05).all() and np.ptp(y, axis=(0, 2)).max() < 0.003
        heights.append(y)
    assert heights[0].max() < heights[1].min()
    x, y = places(white, white, prior).reshape(2, 4, 4)
    assert (np.diff(x, axis=1) > 0.05).all() and x.min() > 0.6 and np.ptp(x, axis=0).max() < 0.003
    assert (np.diff(y, axis=0) > 0.1).all() and np.ptp(y, axis=1).max() < 0.003


def test_figure_5_shows_codes_and_densities_of_each_model(tmp_path):
    z, labels = corners()
    axis = np.linspace(-3.8, 3.8, 41)
    x, y = np.meshgrid(axis, axis)
    densities = np.stack([np.exp(-(x - z[labels == label, 0].mean())**2 - (y - z[labels == label, 1].mean())**2)
                          for label in range(4)])
    # The second model's classes, and its densities, the other way round.
    models = [("A", z, labels, densities), ("B", z, 3 - labels, densities[::-1])]
    plotting.figure_5(str(tmp_path / "a.png"), models, axis, IMAGES)
    picture = pixels(tmp_path / "a.png")
    assert picture.shape == (1260, 1260, 3)
    colors = [rgb(color) for color in COLORS]
    tints = [np.round(255 * np.array(plotting._tint(color, 0.25))) for color in COLORS]
    for half, order in ((picture[:, :630], slice(None)), (picture[:, 630:], slice(None, None, -1))):
        assert_in_corners(half[:630], colors[order], tolerance=60)
        assert_in_corners(half[630:], colors[order], tolerance=60)
        assert_in_corners(half[630:], tints[order])


def test_latent_spaces_show_each_model_in_its_panel(tmp_path):
    z, labels = corners()
    far = np.where((np.arange(len(z)) % 10 == 0)[:, np.newaxis], 9.0, z)  # 10% of each class outside
    models = [("A", z, labels), ("B", z, 3 - labels), ("C", far, labels)]
    plotting.latent_spaces(str(tmp_path / "a.png"), models, IMAGES, n_columns=2)
    plotting.latent_spaces(str(tmp_path / "b.png"), [*models[:2], ("C", z, labels)], IMAGES, n_columns=2)
    picture, other = pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")
    assert picture.shape == (900, 780, 3)
    colors = [rgb(color) for color in COLORS]
    for panel, own in ((picture[:450, :390], colors), (picture[:450, 390:], colors[::-1]), (picture[450:, :390], colors)):
        assert_in_corners(panel, own, tolerance=60)
    assert all(place(picture[450:, 390:], color) for color in colors)  # the legend
    differs = (picture != other).any(axis=2)
    assert differs[450:, :390].any() and not differs[:450].any()  # says what is outside


def test_same_arrays_give_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        plotting.latent_space(str(tmp_path / name), *latents(2), IMAGES)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_latent_movie_has_a_frame_a_snapshot_and_holds_the_last(tmp_path):
    z, labels = latents(2)
    for name in ("a.gif", "b.gif"):
        plotting.latent_movie(str(tmp_path / name), np.stack([0 * z, z, 2 * z]), labels, [0, 50, 100], IMAGES)
    with Image.open(str(tmp_path / "a.gif")) as movie:
        frames, durations = [], []
        for number in range(movie.n_frames):
            movie.seek(number)
            frames.append(np.asarray(movie.convert("RGB")))
            durations.append(movie.info["duration"])
    assert len(frames) == 3 and durations[-1] > 5 * durations[0]
    n_off_white = [(frame < 200).any(axis=2).sum() for frame in frames]
    assert n_off_white[0] < n_off_white[1] and not np.array_equal(frames[1], frames[2])
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


@pytest.mark.parametrize("n", [1, 2, 3, 20, 137, 2000, 6000])
def test_ticks_are_whole_iterations_with_the_last_one(tmp_path, monkeypatch, n):
    drawn = []
    monkeypatch.setattr(plotting, "save", lambda figure, path: drawn.append(figure))
    plotting.training_curve("", {"generator_loss": np.linspace(2, 1, n)}, {})
    axes = drawn[0].axes[0]
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert ticks[-1] == n and ticks == sorted({int(tick) for tick in ticks}) and len(ticks) <= 10
    assert len(ticks) == 1 or min(np.diff(ticks)) > 0.05 * n


def test_codes_in_one_place_are_ringed():
    def n_rings(z, labels, **options):
        axes = plotting.new_figure(4, 4).subplots()
        plotting.draw_latents(axes, z, labels, **options)
        return [(tuple(line.get_xydata()[0]), line.get_markersize()) for line in axes.lines]

    z, labels = latents(2)
    assert n_rings(z, labels) == []
    z[(labels == 1) | (labels == 2)] = [1, -1]
    z[labels == 1] += 1e-3 * np.random.RandomState(1).standard_normal((100, 2))
    z[np.flatnonzero(labels == 2)[:4]] = 3  # a few astray don't matter
    z[np.flatnonzero(labels == 2)[4]] = np.nan
    (first, small), (second, large) = n_rings(z, labels)
    assert first == (pytest.approx(1, abs=1e-3), pytest.approx(-1, abs=1e-3)) and second == (1, -1) and small < large
    # What is a cloud on its own is a dot on axes that reach far.
    assert len(n_rings(z, labels, limit=1000)) == 4
