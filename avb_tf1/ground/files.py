"""Writing files whole or not at all."""

import contextlib
import errno
import io
import json
import os
import secrets
import stat
import zipfile

import numpy as np

from avb_tf1.ground import stopping

TEMPORARY_PREFIX = ".writing-"


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path to write to; on a clean exit it is flushed to the disk and takes the place of `path`.

    On an exception the temporary file is removed and whatever `path` held stays. The temporary name keeps the suffix, since
    writers of figures and archives choose their format by it.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder or ".", "%s%s-%s" % (TEMPORARY_PREFIX, secrets.token_hex(4), name))
    # With the mode that the umask leaves: what can be read of it is all of the process's, and only by setting it.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    stopping.unfinished.add(temporary)
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
        _flush(folder or ".")
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        if isinstance(error, OSError) and error.filename in (None, temporary):
            error.filename = path  # the user's name for what can't be written
        raise
    finally:
        stopping.unfinished.remove(temporary)


@contextlib.contextmanager
def opened(path):
    """Give a file, open to read its bytes; raises OSError for what is no regular file: a FIFO would wait for its writer."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # open() refuses a folder by itself
        raise OSError(errno.EINVAL, "Not a regular file", path)
    with open(path, "rb") as file:
        yield file


def write_text(path, text):
    """Write a UTF-8 text file, whole or not at all."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def write_json(path, data):
    """Write JSON with sorted keys, whole or not at all. Numbers must be finite: JSON has no NaN."""
    write_text(path, json.dumps(data, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_arrays(path, **arrays):
    """Write a compressed .npz file, whole or not at all."""
    with replacing(path) as temporary:
        save_arrays(temporary, np.savez_compressed, arrays)


def save_arrays(path, save, arrays):
    """Write arrays, by name, with `save`, np.savez or np.savez_compressed.

    In memory first: on a full disk zipfile tells of the same error again, with a traceback, when it is cleaned up.
    """
    buffer = io.BytesIO()
    save(buffer, **arrays)
    with open(path, "wb") as file:
        file.write(buffer.getbuffer())


def read_json(path):
    """Return what a JSON file holds; raises OSError, or ValueError if it is damaged or has texts that can't be encoded."""
    with opened(path) as file:
        try:
            content = json.load(file)
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        except RecursionError:
            raise ValueError("it is nested too deep")
        except UnicodeEncodeError as error:
            raise ValueError("it has a text that can't be encoded: %r" % error.object[error.start:error.end])
    return content


def read_arrays(path):
    """Return the arrays of an .npz file by name; raises OSError, or ValueError if it is damaged."""
    with opened(path) as file:
        try:
            zipfile.ZipFile(file).close()  # first: numpy tells of what is no archive with noise on standard error
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except OSError:
            raise
        except Exception as error:  # zipfile's, zlib's, tokenize's and half a dozen others, by where the damage is
            raise ValueError("it is damaged (%s)" % error)


def _flush(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
