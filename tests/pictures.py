"""Pictures as arrays of colours."""

import numpy as np
from PIL import Image


def pixels(path):
    """The colours of a picture, integers [height, width, 3] from 0 to 255."""
    with Image.open(str(path)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def rgb(hexadecimal):
    return tuple(int(hexadecimal[i:i + 2], 16) for i in (1, 3, 5))


def place(picture, color, tolerance=2):
    """Where a color is in a picture: the median (x, y) of its pixels as fractions, from the upper left; at least 20 of them."""
    rows, columns = np.nonzero((np.abs(picture - color) <= tolerance).all(axis=2))
    assert len(rows) >= 20, "%s is not in the picture" % (color,)
    height, width = picture.shape[:2]
    return np.median(columns) / width, np.median(rows) / height


def frames(path):
    """The frames of a GIF, each as of pixels, and for how long each is shown."""
    with Image.open(str(path)) as movie:
        shown = []
        for number in range(movie.n_frames):
            movie.seek(number)
            shown.append((np.asarray(movie.convert("RGB")).astype(int), movie.info["duration"]))
    return zip(*shown)


def clouds(dim, shift=0.0):
    """Codes of four classes that lie in one place, and their labels."""
    z = np.random.RandomState(0).standard_normal((400, dim)) + shift
    return z, np.repeat(np.arange(4), 100)


def corners(n=1000):
    """n codes of each of four classes, each in a corner: upper left, upper right, lower left, lower right; and their labels."""
    labels = np.repeat(np.arange(4), n)
    middles = np.array([[-2, 2], [2, 2], [-2, -2], [2, -2]])
    return np.random.RandomState(0).normal(middles[labels], 0.3), labels


def assert_in_corners(panel, colors, tolerance=2):
    """Of a panel with axes, each color is where its class is in `corners`."""
    places = [place(panel, color, tolerance) for color in colors]
    assert [(x > 0.5, y < 0.5) for x, y in places] == [(False, True), (True, True), (False, False), (True, False)]
