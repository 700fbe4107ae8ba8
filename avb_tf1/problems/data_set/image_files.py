"""Images read from an .npz file of anyone's making: nothing in it is executed, and sizes are looked at before anything is read.

All errors are InputError: one line that names the file, the array and what is allowed.
"""

import errno
import hashlib
import os
import zipfile

import numpy as np

from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError, shortened, what_is_wrong

MAX_BYTES = 2 * 1024**3  # of all arrays together, unpacked
_CHUNK = 4096            # images that are looked through at once
_SHAPES = "[n, h, w], of colour [n, h, w, 3], or [n, d]"
_PIXELS = "images must be uint8, 0 to 255, or floats in [0, 1]"
_ROUNDING = 1e-6         # how far a float may lie outside of [0, 1]
_DIMMEST_OF_255, _DIMMEST_OF_1 = 128, 0.1  # what the brightest pixel of all must have at least


def read_images(path, names):
    """Read two parts of a data set, with labels if the file has them; raises InputError if it can't be read or used.

    `names` are the arrays': (images, labels) of the train part, then of the test part. They are returned in the same order:
    images uint8 or float32 [n, h, w], [n, h, w, 3] or [n, d], floats in [0, 1]; labels int64 [n], or None.
    """
    try:
        with files.opened(path) as file, zipfile.ZipFile(file) as archive:
            arrays = _arrays(archive, path, [name for pair in names for name in pair])
    except (InputError, MemoryError):
        raise
    except OSError as error:
        if error.errno is None or error.errno == errno.EINVAL and os.path.isfile(path):  # bz2's; a seek before the beginning
            raise InputError("%s: damaged, or no .npz file" % path)
        raise InputError("%s: can't be read: %s" % (path, what_is_wrong(error)))
    except Exception as error:  # numpy's, zipfile's, zlib's and half a dozen others, by where the damage is
        told = shortened(str(error).split("\n")[0])
        raise InputError("%s: damaged, or no .npz file%s" % (path, told and " (%s)" % told))
    (train, _), (test, _) = names
    for name in (train, test):
        if name not in arrays:
            raise InputError("%s: has no array %s; it must have %s, each %s" % (
                path, name, " and ".join((train, test)), _SHAPES))
        arrays[name] = _images(arrays[name], path, name)
    (_, labels), (_, test_labels) = names
    if labels in arrays and test_labels not in arrays:
        raise InputError("%s: has %s and no %s, which are the ones that are used" % (path, labels, test_labels))
    if arrays[train].shape[1:] != arrays[test].shape[1:]:
        raise InputError("%s: the images of %s and %s must be of one shape, not %s and %s" % (
            path, train, test, list(arrays[train].shape[1:]), list(arrays[test].shape[1:])))
    return [(arrays[name], _labels(arrays.get(labels), len(arrays[name]), path, labels)) for name, labels in names]


def require_one_type(path, train, test):
    """Raise InputError unless the images of both parts are uint8, or those of both floats.

    As real values uint8 are dequantised, and floats are not: their densities can't be compared.
    """
    if train.dtype != test.dtype:
        raise InputError("%s: with data.binarisation none the images of train and test must both be uint8, or both floats, not "
                         "%s and %s" % (path, train.dtype, test.dtype))


def digest_of(*arrays):
    """Return 64 hexadecimal digits that stand for some arrays (None stands for itself), their types and shapes."""
    result = hashlib.sha256()
    for array in arrays:
        result.update(repr(None if array is None else (array.dtype.str, array.shape)).encode())
        if array is not None:
            result.update(np.ascontiguousarray(array).data)
    return result.hexdigest()


def _arrays(archive, path, names):
    """Those of the arrays called `names` that the archive has. All their sizes are looked at before one is read."""
    members = {name: archive.getinfo(name + ".npy") for name in names if name + ".npy" in archive.namelist()}
    size = sum(member.file_size for member in members.values())
    if size > MAX_BYTES:
        raise InputError("%s: its arrays must take at most %d MiB, not %d" % (path, MAX_BYTES >> 20, size >> 20))
    for name, member in members.items():
        with archive.open(member) as file:
            _require_plain(file, member.file_size, path, name)
    arrays = {}
    for name, member in members.items():
        with archive.open(member) as file:
            arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
            file.read()  # to the end, where the checksum is compared
    return arrays


def _require_plain(file, size, path, name):
    """Raise InputError unless an .npy file of so many bytes begins with the header of an array that fills it."""
    try:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):  # which numpy writes of all arrays of numbers
            raise ValueError
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    except (ValueError, TypeError):
        raise InputError("%s: %s is damaged, or no plain array" % (path, name))
    if dtype.names is not None:
        raise InputError("%s: %s has fields (%s): it must be an array of numbers" % (
            path, name, shortened(", ".join(dtype.names))))
    if dtype.hasobject:
        raise InputError("%s: %s holds Python objects, which are not read: it must be an array of numbers" % (path, name))
    n_bytes = dtype.itemsize
    for n in shape:
        n_bytes *= n  # not numpy's product, which can overflow
    if min(shape, default=0) < 0 or n_bytes != size - file.tell():
        raise InputError("%s: %s is damaged: its header has the shape %s, which its data don't fill" % (
            path, name, list(shape)))


def _images(images, path, name):
    if images.ndim not in (2, 3, 4) or images.ndim == 4 and images.shape[3] != 3:
        hint = ": save the images without their alpha channel" if images.ndim == 4 and images.shape[3] == 4 else ""
        raise InputError("%s: %s must be %s, not %s%s" % (path, name, _SHAPES, list(images.shape), hint))
    if not images.size:
        raise InputError("%s: %s is empty, %s; it must have at least one image" % (path, name, list(images.shape)))
    if images.dtype == np.uint8:
        _require_bright(images, path, name, _DIMMEST_OF_255, 255)
        return images
    if not np.issubdtype(images.dtype, np.floating):
        hint = "; save 16-bit images as floats, divided by 65535" if images.dtype == np.uint16 else ""
        raise InputError("%s: %s: %s, not %s%s" % (path, name, _PIXELS, images.dtype, hint))
    for start in range(0, len(images), _CHUNK):
        chunk = images[start:start + _CHUNK]
        low, high = float(chunk.min()), float(chunk.max())
        if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
            wrong = "NaN" if low != low or high != high else "%.9g" % (low if low < -_ROUNDING else high)
            raise InputError("%s: %s: %s; found %s" % (path, name, _PIXELS, wrong))
    _require_bright(images, path, name, _DIMMEST_OF_1, 1)
    return np.clip(images.astype(np.float32, copy=False), 0, 1)


def _require_bright(images, path, name, dimmest, on):
    """Raise InputError if images are so dim that they may be in other units than those in which `on` is a pixel that is on."""
    largest = images.max()
    if 0 < largest < dimmest:  # 0 is the same in all units
        raise InputError("%s: the largest value of %s is %.6g, where %d is a pixel that is on: save the images as floats, "
                         "divided by what stands for such a pixel in them" % (path, name, largest, on))


def _labels(labels, n, path, name):
    if labels is None:
        return None
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise InputError("%s: %s must be %d integers, one for each image, not %s %s" % (
            path, name, n, labels.dtype, list(labels.shape)))
    if int(labels.max()) >= 2**63:
        raise InputError("%s: %s must be below 2**63, not %d" % (path, name, labels.max()))
    return labels.astype(np.int64)

