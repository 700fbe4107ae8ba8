"""A Python file of the user's that is run: whatever is wrong with it is told in one line, which names the file and its line."""

import contextlib
import os
import sys
import traceback
import types

from avb_tf1.ground.errors import InputError, printable, shortened

_MODULE = "avb_tf1_model"     # what the file is called as a module
_MAX_MESSAGE = 500            # characters of what an exception says


class ModelError(InputError):
    """A user's Python file, or a function in it, can't be used."""


def names_of(source, path):
    """Run a Python file with the text `source` and return what it defines, by name.

    It runs as a module that is called avb_tf1_model, in a TensorFlow graph of its own, and writes no __pycache__. It has no
    __file__: it is to stand alone. Raises ModelError if it is no Python, or raises; names the file, as `path`, and the line.
    """
    from avb_tf1.ground.tensorflow import require_version_1, tf  # here: a config of another problem is read without it
    tf.get_default_graph()  # from now on TensorFlow refuses to be switched to eager execution
    module = sys.modules[_MODULE] = types.ModuleType(_MODULE)  # where dataclasses look for it
    with told(path), tf.Graph().as_default():
        exec(compile(source, path, "exec", dont_inherit=True), vars(module))
    try:
        require_version_1()
    except InputError as error:
        raise ModelError("%s: %s" % (path, error))
    return vars(module)


@contextlib.contextmanager
def told(path, what=""):
    """While the context lasts, turn what code that was compiled as `path` raises into a ModelError, but for KeyboardInterrupt.

    `what` says what was called, for an exception that comes from no line of the file. The working directory is the same after
    it: the run's folder may be told from there.
    """
    try:
        with _in_this_folder():
            yield
    except (ModelError, KeyboardInterrupt):
        raise
    except BaseException as error:
        text = _first_line(error)
        if "must be from the same graph" in text:
            text = "a tensor was made outside of the functions; only numbers and arrays can be made there"
        if "symbolic Tensor" in text:
            text = "numpy can't reckon with z or x, which are TensorFlow's: take tf.exp and so on, not np.exp"
        kind = shortened(type(error).__name__)
        what = ": ".join(part for part in ("" if _line(error, path) else what, kind, text) if part)
        raise ModelError("%s%s: %s" % (path, _line(error, path), printable(what)))


@contextlib.contextmanager
def _in_this_folder():
    try:
        folder = os.getcwd()
    except OSError:  # it was removed: there is nothing to come back to
        folder = None
    try:
        yield
    finally:
        if folder is not None:
            os.chdir(folder)


def _first_line(error):
    """What an exception says, of the user's own kind maybe: a line of text, not too long."""
    try:
        text = str(error.msg if isinstance(error, SyntaxError) else error)
    except BaseException:  # its own __str__ fails
        return ""
    return next(iter(text[:_MAX_MESSAGE].strip().splitlines()), "")


def _line(error, path):
    """":" and the number of the last line of the file that an exception came through, or ""."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return ":%s" % printable(shortened(str(error.lineno)))
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return ":%d" % lines[-1] if lines else ""
