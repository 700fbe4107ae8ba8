"""The data sets of real images that a config can name: read when first asked for; the last two are kept."""

import functools
import hashlib
import os
from dataclasses import dataclass
from typing import NamedTuple, Optional, Tuple

import numpy as np

from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError, printable, shortened
from avb_tf1.problems.data_set import image_files, photo_patches
from avb_tf1.problems.data_set.problem import ImageDataset, Part

KINDS = ("digits", "mnist", "npz", "photo_patches")  # of data.kind
N_TRAIN_DIGITS = 1497
_MNIST_SHAPE = (28, 28)
# Of mnist.npz, where TensorFlow 1.15's tf.keras.datasets.mnist takes it from, and what it checks.
_MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_MNIST_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_MNIST_BYTES = 2**24  # more than it has
_MNIST_DIGEST = "5e3bba5b75196d481aa81b71a03974f7596d5c83a84d91df89ce9a66620d7cce"  # of its arrays, in whatever file they are
_DOWNLOAD_SECONDS = 30  # without an answer


class Known(NamedTuple):
    """What a config must fit: the images' shape, (rows, columns) or (rows, columns, 3), how many are not for testing, and the
    digest of a file's arrays, unless the name says what the data are.
    """

    image_shape: Tuple[int, ...]
    n_train: int
    digest: Optional[str] = None


_DIGITS, _MNIST = Known((8, 8), N_TRAIN_DIGITS), Known(_MNIST_SHAPE, 60000)


@dataclass(frozen=True, eq=False)
class _Raw:
    """A data set before validation images are set apart: images and labels of both parts, as of image_files.read_images."""

    title: str
    sources: str
    train: Tuple[np.ndarray, Optional[np.ndarray]]
    test: Tuple[np.ndarray, Optional[np.ndarray]]
    digest: str

    @property
    def image_shape(self):
        shape = self.train[0].shape[1:]
        return shape if len(shape) > 1 else (1, *shape)


def known(section):
    """Return what is Known of the data set that a config's data section names; only files are read for it.

    MNIST is as it was published, unless other images have its place or section.path names a file. Raises InputError as
    dataset_of.
    """
    if section.kind == "digits":
        return _DIGITS
    if section.kind == "photo_patches":
        return Known((section.size,) * 2 + (3,) * section.color, section.n_train)
    if section.kind == "mnist" and section.path is None and not _has_other_mnist():
        return _MNIST
    raw = _raw(section)
    if section.kind == "mnist" and section.path is None and raw.digest == _MNIST_DIGEST:
        return _MNIST
    return Known(raw.image_shape, len(raw.train[0]), raw.digest)


def dataset_of(section):
    """Return the ImageDataset that a config's data section names.

    Raises InputError if a file can't be read or used, or doesn't hold the data that section.sha256 stands for, or if there are
    fewer images than n_validation and batch_size need.
    """
    raw = _raw(section)
    require_enough(raw.title, len(raw.train[0]), section)
    return _dataset_of(raw, section.binarisation, section.n_validation)


def require_enough(where, n_train, section):
    """Raise InputError, which begins with the text `where`, unless n_train images suffice for a data section, and its
    photographs, if it has any, for its patches.
    """
    if section.kind == "photo_patches":
        photo_patches.require_places(where, section)
    if section.n_validation >= n_train:
        raise InputError("%s: data.n_validation must be less than %d, the train images, not %d" % (
            where, n_train, section.n_validation))
    if section.batch_size > n_train - section.n_validation:
        raise InputError("%s: data.batch_size must be at most %d, the train images that are not for validation, not %d" % (
            where, n_train - section.n_validation, section.batch_size))


def _raw(section):
    if section.kind == "digits":
        return _digits()
    if section.kind == "photo_patches":
        return _photo_patches(section.size, section.n_train, section.n_test, section.color)
    path = section.path
    if path is None:
        path = mnist_path()
        if not os.path.lexists(path):
            _download_mnist(path)
    raw = _read(section.kind, path, _state_of(path))
    if section.sha256 not in (None, raw.digest):
        raise InputError("%s: its images have changed: the digest of their arrays is %s, and data.sha256 of the run is %s; "
                         "bring the file of then back, or let data.path in the run's config.yaml say where it is" % (
                             path, raw.digest[:12], section.sha256[:12]))
    if section.binarisation == "none":
        image_files.require_one_type(raw.title, raw.train[0], raw.test[0])
    return raw


@functools.lru_cache(maxsize=2)
def _dataset_of(raw, binarisation, n_validation):
    (images, labels), (test_images, test_labels) = raw.train, raw.test
    n_train = len(images) - n_validation
    given = [own for own in (labels, test_labels) if own is not None]
    classes, numbers = np.unique(np.concatenate(given)) if given else None, []
    for own, n in ((labels, len(images)), (test_labels, len(test_images))):
        numbers.append(np.zeros(n, np.int64) if own is None else np.searchsorted(classes, own))
    pixels, test_pixels = (own.reshape(len(own), -1) for own in (images, test_images))
    return ImageDataset(
        title=raw.title, image_shape=raw.image_shape, train=Part(pixels[:n_train], numbers[0][:n_train]),
        validation=Part(pixels[n_train:], numbers[0][n_train:]), test=Part(test_pixels, numbers[1]),
        class_names=tuple(str(own) for own in classes) if given else ("image",), binarisation=binarisation,
        sources=raw.sources, digest=raw.digest)


@functools.lru_cache(maxsize=1)
def _digits():
    """Intensities in 17 steps. The split: in the order of numpy's RandomState(0).permutation, the last 300 are for testing."""
    from sklearn.datasets import load_digits  # takes most of a second: only for those who want it

    digits = load_digits()
    order = np.random.RandomState(0).permutation(len(digits.data))
    images = (digits.images[order] / 16).astype(np.float32)
    labels = digits.target[order].astype(np.int64)
    train, test = ((images[rows], labels[rows]) for rows in (slice(None, N_TRAIN_DIGITS), slice(N_TRAIN_DIGITS, None)))
    return _Raw("the 8 × 8 digits", "UCI ML repository, optical recognition of handwritten digits, its test part, as "
                "scikit-learn's load_digits has it", train, test, image_files.digest_of(*train, *test))


@functools.lru_cache(maxsize=2)
def _photo_patches(size, n_train, n_test, color):
    train, test = (photo_patches.patches(size, part, n, color) for part, n in (("train", n_train), ("test", n_test)))
    return _Raw(photo_patches.TITLE % (size, size) + ", in colour" * color, photo_patches.SOURCES, train, test,
                image_files.digest_of(*train, *test))


def mnist_path():
    """Return where tf.keras.datasets.mnist keeps its file."""
    return os.path.join(os.path.expanduser("~"), ".keras", "datasets", "mnist.npz")


def _has_other_mnist():
    """Whether a file that isn't MNIST as it was published has its place."""
    path = mnist_path()
    if not os.path.lexists(path):
        return False
    try:
        with files.opened(path) as file:
            return hashlib.sha256(file.read(_MNIST_BYTES + 1)).hexdigest() != _MNIST_SHA256
    except OSError:
        return True  # _read tells what is wrong


def _download_mnist(path):
    """Put MNIST as Keras distributes it where Keras keeps it.

    Not by Keras' own function: its only limit on waiting is a default of the whole process' sockets.
    """
    import http.client  # here: each command reads a config, and hardly any downloads something
    import urllib.request

    print("Downloading MNIST, 11 MB, to %s" % path, flush=True)
    try:
        with urllib.request.urlopen(_MNIST_URL, timeout=_DOWNLOAD_SECONDS) as answer:
            content = answer.read(_MNIST_BYTES)
        if hashlib.sha256(content).hexdigest() != _MNIST_SHA256:
            raise OSError("not MNIST as it was published")
    except (OSError, http.client.HTTPException):  # what it says names an address that the user didn't choose
        raise InputError("%s: no such file, and it can't be downloaded: put mnist.npz there (arrays x_train, y_train, x_test, "
                         "y_test), or give the path of one as data.path" % path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with files.replacing(path) as partial, open(partial, "wb") as file:
        file.write(content)


@functools.lru_cache(maxsize=2)
def _read(kind, path, _):
    if kind == "npz":
        train, test = image_files.read_images(path, [("train", "train_labels"), ("test", "test_labels")])
        title = "the images of %s" % shortened(printable(os.path.basename(path)))
        return _Raw(title, path, train, test, image_files.digest_of(*train, *test))
    train, test = image_files.read_images(path, [("x_train", "y_train"), ("x_test", "y_test")])
    for name, (images, labels) in (("train", train), ("test", test)):
        if images.shape[1:] != _MNIST_SHAPE or images.dtype != np.uint8 or labels is None:
            raise InputError("%s: no MNIST: x_%s must be uint8 [n, 28, 28], and y_%s [n]; images of your own are read with "
                             "data.kind npz" % (path, name, name))
    return _Raw("MNIST", "LeCun, Cortes and Burges, the MNIST database, as Keras distributes it", train, test,
                image_files.digest_of(*train, *test))


def _state_of(path):
    """What changes when a file does."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None  # read_images tells what is wrong
    return state.st_mtime_ns, state.st_size, state.st_ino
