"""A data set of real images: what is known of it, and how its pixels become binary, or real values. Knows no TensorFlow."""

from dataclasses import dataclass
from typing import NamedTuple, Tuple

import numpy as np

from avb_tf1.ground.seeds import stream

TEST, VALIDATION = "test", "validation"  # parts of a data set that a model is measured on
N_SHOWN = 1024          # test images whose codes are looked at while a model trains, at most
_DATA_SEED = 0          # of what is the same for all models and seeds
N_LEVELS = 256          # of uint8
_CHUNK = 4096           # images that are made binary at once: random numbers take eight times as much room as pixels


class Part(NamedTuple):
    """A part of a data set.

    Attributes:
        intensities: [n, n_values], uint8 that stand for 255ths, or float32 in [0, 1]; pixels are row-major, and a pixel's red,
            green and blue stand beside each other.
        labels: int64 [n], rows of ImageDataset.class_names.
    """

    intensities: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class ImageDataset:
    """Real images, and the split of them.

    Attributes:
        title: str, what it is called in a sentence.
        image_shape: (rows, columns) of an image, or (rows, columns, 3) of colour; (1, n_values) where no shape is known.
        train, validation, test: Part; validation may be empty.
        class_names: what each label is called; one name where there are no labels.
        binarisation: "dynamic", a pixel of each batch is on with its intensity as probability; "static", that is drawn once;
            "threshold", it is on from an intensity of one half; "none": images have real values in [0, 1]. Of uint8 these are
            (x + u) / 256 with uniform noise u on [0, 1), drawn anew for each batch: so a density of real values is not rewarded
            without end for the 256 values that x can have. Of floats they are as they stand.
        sources: where it comes from.
        digest: 64 hexadecimal digits that stand for the images and labels of train and validation part, and of the test part.
    """

    title: str
    image_shape: Tuple[int, ...]
    train: Part
    validation: Part
    test: Part
    class_names: Tuple[str, ...]
    binarisation: str
    sources: str
    digest: str

    @property
    def n_values(self):
        """How many numbers an image is: its pixels, three times as many of colour."""
        return self.train.intensities.shape[1]

    @property
    def is_binary(self):
        """Whether the pixels that the networks see are 0 or 1; else they are real values in [0, 1]."""
        return self.binarisation != "none"

    @property
    def n_levels(self):
        """How many units of those that bits a dimension are told in real values have from 0 to 1: 256 of uint8, 1 of floats."""
        return N_LEVELS if self.train.intensities.dtype == np.uint8 else 1

    @property
    def mean(self):
        """The mean train image, float64 [n_values], intensities in [0, 1]."""
        intensities = self.train.intensities
        return intensities.mean(axis=0, dtype=np.float64) / (255 if intensities.dtype == np.uint8 else 1)

    def test_images(self):
        """Return the test images, float32 [n_test, n_values], as the networks see them: the same for all seeds."""
        return self.fixed_images(TEST)

    def fixed_images(self, part):
        """Return the images of a part, TEST or VALIDATION, as test_images does; each part's are drawn apart."""
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

    def batches(self, seed):
        """Return the function from rows of the train images, int [n], and a numpy RandomState to what the networks see of them.

        That is float32 [n, n_values]: drawn by the RandomState where each batch is drawn anew, else the same each time, by the
        config's seed where they are drawn at all.
        """
        intensities = self.train.intensities
        if not self.is_binary:
            return lambda rows, random_state: real_values(intensities[rows], random_state)
        if self.binarisation == "dynamic":
            return lambda rows, random_state: drawn_pixels(intensities[rows], random_state).astype(np.float32)
        images = self.train_images(seed)
        return lambda rows, _: images[rows].astype(np.float32)

    def train_images(self, seed):
        """Return the train images, uint8 [n_train, n_values], pixels in {0, 1}, drawn by the config's seed, for all batches.

        Binarisations "dynamic" and "none" have no such images.
        """
        return binarised(self.train.intensities, self.binarisation, stream(seed, "train images"))

    def drawn(self, values):
        """Return values [n, n_values] as they stand in an image, [n, rows, columns] or, of colour, [n, rows, columns, 3]."""
        return np.reshape(values, (-1, *self.image_shape))

    def _fixed(self, part, name):
        random_state = stream(_DATA_SEED, name + " images")
        if not self.is_binary:
            return real_values(part.intensities, random_state)
        return binarised(part.intensities, self.binarisation, random_state).astype(np.float32)


def binarised(intensities, binarisation, random_state):
    """Return binary pixels, uint8 of the shape of intensities [n, n_values], as of Part; by "threshold" nothing is drawn."""
    if binarisation == "threshold":
        return (intensities >= (128 if intensities.dtype == np.uint8 else 0.5)).view(np.uint8)
    images = np.empty(intensities.shape, np.uint8)
    for start in range(0, len(images), _CHUNK):
        images[start:start + _CHUNK] = drawn_pixels(intensities[start:start + _CHUNK], random_state)
    return images


def drawn_pixels(intensities, random_state):
    """Return pixels that are on with their intensity as probability, bool [n, n_values]."""
    if intensities.dtype == np.uint8:  # of the 255 numbers below 255 so many are less; twice as fast as with floats
        return random_state.randint(0, 255, intensities.shape, dtype=np.uint8) < intensities
    return random_state.random_sample(intensities.shape) < intensities


def real_values(intensities, random_state):
    """Return values in [0, 1], float32 of the shape of intensities [n, n_values], as of Part: with noise of uint8, else as is.

    Of x that is uniform on 0 to 255 they are uniform on [0, 1].
    """
    if intensities.dtype != np.uint8:
        return intensities
    values = np.empty(intensities.shape, np.float32)
    for start in range(0, len(values), _CHUNK):
        part = intensities[start:start + _CHUNK]
        values[start:start + _CHUNK] = (part + random_state.random_sample(part.shape)) / N_LEVELS
    return values
