"""The four 2x2 images with one pixel on, each flattened to four numbers (tutorial, "Input data")."""

import numpy as np

N_PIXELS = 4


def one_hot_images():
    """Return the four images, float32 [4, 4]; row i has pixel i on (row-major in the 2x2 image)."""
    return np.eye(N_PIXELS, dtype=np.float32)


def balanced_batch(batch_size):
    """Return as many copies of each image, ordered by class as in the tutorial.

    Args:
        batch_size: int, a multiple of 4.

    Returns:
        x, float32 [batch_size, 4], and its labels, int64 [batch_size], 0 to 3.
    """
    labels = np.repeat(np.arange(N_PIXELS), batch_size // N_PIXELS)
    return one_hot_images()[labels], labels


def all_binary_images():
    """Return the 16 binary 2x2 images, float32 [16, 4]: all that a decoder of independent pixels can emit."""
    return ((np.arange(2**N_PIXELS)[:, np.newaxis] >> np.arange(N_PIXELS)) & 1).astype(np.float32)
