"""A data set of real images: what is known of it, and how its pixels become binary. Knows no TensorFlow."""

from dataclasses import dataclass
from typing import NamedTuple, Tuple

import numpy as np

from avb_tf1.ground.seeds import stream

TEST, VALIDATION = "test", "validation"  # parts of a data set that a model is measured on
N_SHOWN = 1024          # test images whose codes are looked at while a model trains, at most
_DATA_SEED = 0          # of what is the same for all models and seeds
_CHUNK = 4096           # images that are made binary at once: random numbers take eight times as much room as pixels


class Part(NamedTuple):
    """A part of a data set.

    Attributes:
        intensities: [n, n_pixels], uint8 that stand for 255ths, or float32 in [0, 1]; pixels are row-major.
        labels: int64 [n], rows of ImageDataset.class_names.
    """

    intensities: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class ImageDataset:
    """Real images, and the split of them.

    Attributes:
        title: str, what it is called in a sentence.
        image_shape: (rows, columns) of an image; (1, n_pixels) where no shape is known.
        train, validation, test: Part; validation may be empty.
        class_names: what each label is called; one name where there are no labels.
        binarisation: "dynamic", a pixel of each batch is on with its intensity as probability; "static", that is drawn once;
            "threshold", it is on from an intensity of one half.
        sources: where it comes from.
        digest: 64 hexadecimal digits that stand for the images and labels of train and validation part, and of the test part.
    """

    title: str
    image_shape: Tuple[int, int]
    train: Part
    validation: Part
    test: Part
    class_names: Tuple[str, ...]
    binarisation: str
    sources: str
    digest: str

    @property
    def n_pixels(self):
        return self.train.intensities.shape[1]

    @property
    def mean(self):
        """The mean train image, float64 [n_pixels], intensities in [0, 1]."""
        intensities = self.train.intensities
        return intensities.mean(axis=0, dtype=np.float64) / (255 if intensities.dtype == np.uint8 else 1)

    def test_images(self):
        """Return the test images, float32 [n_test, n_pixels], pixels in {0, 1}; drawn or not, the same for all seeds."""
        return self.fixed_images(TEST)

    def fixed_images(self, part):
        """Return the images of a part, TEST or VALIDATION, as test_images does; each part's pixels are drawn apart."""
        return self._fixed(getattr(self, part), part)

    def some_rows(self, part, n):
        """Return the rows of n of a part's images (None: of all), int64, rising: the first of an order that all models share.
        """
        n_images = len(getattr(self, part).labels)
        return np.sort(stream(_DATA_SEED, "order of %s images" % part).permutation(n_images)[:n])

    def shown_images(self):
        """Return the first N_SHOWN of the test images, or all, float32, and their labels, int64."""
        part = Part(self.test.intensities[:N_SHOWN], self.test.labels[:N_SHOWN])
        return self._fixed(part, TEST), part.labels

    def train_images(self, seed):
        """Return the train images, uint8 [n_train, n_pixels], pixels in {0, 1}, drawn by the config's seed, for all batches.

        Binarisation "dynamic" has no such images.
        """
        return binarised(self.train.intensities, self.binarisation, stream(seed, "train images"))

    def drawn(self, values):
        """Return values of pixels [n, n_pixels] as they stand in an image, [n, rows, columns]."""
        return np.reshape(values, (-1, *self.image_shape))

    def _fixed(self, part, name):
        return binarised(part.intensities, self.binarisation, stream(_DATA_SEED, name + " images")).astype(np.float32)


def binarised(intensities, binarisation, random_state):
    """Return binary pixels, uint8 of the shape of intensities [n, n_pixels], as of Part; by "threshold" nothing is drawn."""
    if binarisation == "threshold":
        return (intensities >= (128 if intensities.dtype == np.uint8 else 0.5)).view(np.uint8)
    images = np.empty(intensities.shape, np.uint8)
    for start in range(0, len(images), _CHUNK):
        images[start:start + _CHUNK] = drawn_pixels(intensities[start:start + _CHUNK], random_state)
    return images


def drawn_pixels(intensities, random_state):
    """Return pixels that are on with their intensity as probability, bool [n, n_pixels]."""
    if intensities.dtype == np.uint8:  # of the 255 numbers below 255 so many are less; twice as fast as with floats
        return random_state.randint(0, 255, intensities.shape, dtype=np.uint8) < intensities
    return random_state.random_sample(intensities.shape) < intensities
