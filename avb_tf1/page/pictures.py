"""Images side by side, as PNGs inside of a page. Knows no TensorFlow."""

import base64
import io
import math

import numpy as np
from PIL import Image  # comes with matplotlib

N_SHADES = 16        # of grey: half the room of 256, and no fewer than the images of a data set have use for
GAP = 1              # pixels between images that are looked at together
_GAP_SHADE = 85
_MAX_SIDE = 64       # pixels of a tile, of which only some are drawn if it has more; ...
_MAX_LINE = 4096     # ... of one that is a line


def tiles(images, image_shape):
    """Return images [n, n_values] as tiles [n, rows, columns(, 3)], without some of the pixels of very large ones."""
    rows, columns = image_shape[:2]
    step, line = -(-rows // _MAX_SIDE), _MAX_LINE if rows == 1 else _MAX_SIDE
    return np.reshape(images, (-1, *image_shape))[:, ::step, ::-(-columns // line)]


def n_across(n, image_shape):
    """Return how many of n images stand side by side in a mosaic that is about square."""
    rows, columns = image_shape[:2]
    return max(1, min(n, round(math.sqrt(n * rows / columns))))


def mosaic(own_tiles, n_columns, gap=0):
    """Return tiles [n, rows, columns(, 3)] beside each other, n_columns in a row, `gap` pixels apart; places left are 0."""
    n, height, width, *colors = own_tiles.shape
    n_rows = -(-n // n_columns)
    sheet = np.full((n_rows * n_columns, height + gap, width + gap, *colors), _GAP_SHADE, own_tiles.dtype)
    sheet[:, :height, :width] = 0
    sheet[:n, :height, :width] = own_tiles
    sheet = sheet.reshape(n_rows, n_columns, height + gap, width + gap, *colors).swapaxes(1, 2)
    return sheet.reshape(n_rows * (height + gap), n_columns * (width + gap), *colors)[
        :n_rows * (height + gap) - gap, :n_columns * (width + gap) - gap]


def png(picture, n_shades=N_SHADES):
    """Return a picture, [rows, columns] from 0 (black) to 255 (white), as the address of a PNG with 2 or 16 shades.

    One of colour, [rows, columns, 3], has so many of red, green and blue each.
    """
    shades = np.rint(picture * ((n_shades - 1) / 255)).astype(np.uint8)
    palette, content = np.linspace(0, 255, n_shades).round().astype(np.uint8), io.BytesIO()
    if picture.ndim == 3:
        Image.fromarray(palette[shades], "RGB").save(content, "PNG", compress_level=9)
    else:
        image = Image.fromarray(shades, "P")
        image.putpalette(np.repeat(palette, 3).tobytes())
        image.save(content, "PNG", bits=(n_shades - 1).bit_length(), compress_level=9)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
