"""Patches of the two photographs that scikit-learn ships: real-valued images, of grey or of colour, that need no download.

Each photograph, of 427 x 640 pixels, is parted at a column: train patches lie left of it, test patches right of it, so that
no pixel is in both. Where a patch lies is drawn, from all places that there are in the part, each at most once; patches of one
part may overlap, and so do validation patches, which are of the train part, with those that are trained on.
"""

import functools

import numpy as np

from avb_tf1.ground.errors import InputError

ROWS, COLUMNS, N_PHOTOGRAPHS = 427, 640, 2
TITLE = "%d × %d patches of two photographs"
SOURCES = "china.jpg and flower.jpg, as scikit-learn ships them (load_sample_images)"
FIRST_TEST_COLUMN = 480
_PARTS = {"train": (0, FIRST_TEST_COLUMN), "test": (FIRST_TEST_COLUMN, COLUMNS)}  # the first column, and the one after the last
_LUMA = np.array([0.299, 0.587, 0.114])  # of red, green and blue: ITU-R BT.601, as in JPEG


def n_places(size, part):
    """Return in how many places a patch of `size` pixels a side can lie in a part, "train" or "test", of both photographs."""
    first, end = _PARTS[part]
    return N_PHOTOGRAPHS * (ROWS - size + 1) * (end - first - size + 1)


def require_places(where, section):
    """Raise InputError, which begins with the text `where`, if a data section asks for more patches than there are places."""
    for part in _PARTS:
        n, most = getattr(section, "n_" + part), n_places(section.size, part)
        if n > most:
            raise InputError("%s: data.n_%s must be at most %d, the places for patches of %d x %d, not %d" % (
                where, part, most, section.size, section.size, n))


def patches(size, part, n, color):
    """Return n patches, uint8 [n, size, size] or, of colour, [n, size, size, 3], and the photograph of each, int64 [n].

    They are the first of an order that depends on the size and the part alone. `part` is "train" or "test". Grey is the luma of
    ITU-R BT.601, rounded.
    """
    first, end = _PARTS[part]
    shape = N_PHOTOGRAPHS, ROWS - size + 1, end - first - size + 1
    order = np.random.RandomState([size, list(_PARTS).index(part)]).permutation(int(np.prod(shape)))[:n]
    photograph, row, column = np.unravel_index(order, shape)
    offsets = np.arange(size)
    found = _photographs()[photograph[:, np.newaxis, np.newaxis], row[:, np.newaxis, np.newaxis] + offsets[:, np.newaxis],
                           first + column[:, np.newaxis, np.newaxis] + offsets]
    if not color:
        found = np.rint(found @ _LUMA).astype(np.uint8)
    return found, photograph.astype(np.int64)


@functools.lru_cache(maxsize=1)
def _photographs():
    """Both photographs, uint8 [2, ROWS, COLUMNS, 3]."""
    from sklearn.datasets import load_sample_images  # takes most of a second: only for those who want it

    return np.stack(load_sample_images().images)
