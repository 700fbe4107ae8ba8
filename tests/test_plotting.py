import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image

from avb_tf1 import plotting
from avb_tf1.data import one_hot_images

IMAGES = one_hot_images()


def colors_in(path):
    """The set of RGB triples (0 to 255) in a PNG."""
    return {tuple(color) for color in (imread(str(path))[..., :3] * 255).round().astype(int).reshape(-1, 3)}


def rgb(hexadecimal):
    return tuple(int(hexadecimal[i:i + 2], 16) for i in (1, 3, 5))


def same_pixels(a, b):
    return np.array_equal(imread(str(a)), imread(str(b)))


def latents(dim, shift=0.0):
    z = np.random.RandomState(0).standard_normal((400, dim)) + shift
    return z, np.repeat(np.arange(4), 100)


@pytest.mark.parametrize("dim", [1, 2])
def test_latent_space_shows_each_class_in_its_color(tmp_path, dim):
    z, labels = latents(dim)
    plotting.latent_space(str(tmp_path / "a.png"), z, labels, IMAGES)
    assert {rgb(color) for color in plotting.CLASS_COLORS} <= colors_in(tmp_path / "a.png")  # the legend's are opaque
    plotting.latent_space(str(tmp_path / "b.png"), z, labels[::-1], IMAGES)
    assert not same_pixels(tmp_path / "a.png", tmp_path / "b.png")


def test_latents_far_out_are_not_cut_off(tmp_path):
    axes = plotting._figure(4, 4).subplots()
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
    a, b = imread(str(tmp_path / "a.png")), imread(str(tmp_path / "b.png"))
    assert a.shape == b.shape and np.mean(a != b) < 0.02


def test_training_curve_of_one_iteration_and_one_loss(tmp_path):
    plotting.training_curve(str(tmp_path / "a.png"), {"generator_loss": np.ones(1)}, {"generator_loss": 1.386})
    assert (tmp_path / "a.png").stat().st_size > 0


def test_reconstructions_depend_on_all_their_inputs(tmp_path):
    grey = np.full((16, 4), 0.5)
    plotting.reconstructions(str(tmp_path / "a.png"), IMAGES, IMAGES, grey)
    plotting.reconstructions(str(tmp_path / "b.png"), IMAGES, IMAGES[::-1], grey)
    plotting.reconstructions(str(tmp_path / "c.png"), IMAGES, IMAGES, 1 - grey * 0.2)
    assert not same_pixels(tmp_path / "a.png", tmp_path / "b.png")
    assert not same_pixels(tmp_path / "a.png", tmp_path / "c.png")


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
    monkeypatch.setattr(plotting, "_save", lambda figure, path: drawn.append(figure))
    plotting.training_curve("", {"generator_loss": np.linspace(2, 1, n)}, {})
    axes = drawn[0].axes[0]
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert ticks[-1] == n and ticks == sorted({int(tick) for tick in ticks}) and len(ticks) <= 10
    assert len(ticks) == 1 or min(np.diff(ticks)) > 0.05 * n


def test_codes_in_one_place_are_ringed():
    def n_rings(z, labels, **options):
        axes = plotting._figure(4, 4).subplots()
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
