import numpy as np
import pytest
from matplotlib import cm
from pictures import clouds, frames, pixels, place, rgb

from avb_tf1.plotting.style import CLASS_COLORS
from avb_tf1.problems.known_images.four_images import PROBLEM
from avb_tf1.tasks.known_images import figures

IMAGES = PROBLEM.drawn(PROBLEM.images)


@pytest.mark.parametrize("dim", [1, 2])
def test_latent_space_shows_each_class_in_its_color(tmp_path, dim):
    z, labels = clouds(dim)
    figures.latent_space(str(tmp_path / "a.png"), z, labels, IMAGES)
    for color in CLASS_COLORS[:4]:
        assert (pixels(tmp_path / "a.png") == rgb(color)).all(axis=2).any()  # the legend's are opaque
    figures.latent_space(str(tmp_path / "b.png"), z, labels[::-1], IMAGES)
    assert not np.array_equal(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png"))


@pytest.mark.slow
def test_reconstructions_show_each_probability_in_its_place(tmp_path):
    """Each pixel a grey of its own, from left to right and from the top; then each image decoded from the prior."""
    shades = np.arange(1, 17) / 20 + 0.003  # not on the border between two greys
    greys = cm.Greys(shades, bytes=True)[:, :3].astype(int)
    white, grid, prior = np.zeros((4, 4)), shades.reshape(4, 4), np.repeat(shades, 4).reshape(16, 4)

    def places(*shown):
        figures.reconstructions(str(tmp_path / "a.png"), *[values.reshape(-1, 2, 2) for values in shown])
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


def test_same_arrays_give_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        figures.latent_space(str(tmp_path / name), *clouds(2), IMAGES)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_latent_movie_has_a_frame_a_snapshot_and_holds_the_last(tmp_path):
    z, labels = clouds(2)
    for name in ("a.gif", "b.gif"):
        figures.latent_movie(str(tmp_path / name), np.stack([0 * z, z, 2 * z]), labels, [0, 50, 100], IMAGES)
    shown, durations = frames(tmp_path / "a.gif")
    assert len(shown) == 3 and durations[-1] > 5 * durations[0]
    n_off_white = [(frame < 200).any(axis=2).sum() for frame in shown]
    assert n_off_white[0] < n_off_white[1] and not np.array_equal(shown[1], shown[2])
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
