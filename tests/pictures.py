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
