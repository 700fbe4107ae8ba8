"""TensorFlow 1.15 and TensorFlow Probability without the chatter that no user of this package can act on.

Every module that needs them imports `tf`, `tfc`, `tfd` or `tfp` from here. What is silenced: NumPy's FutureWarnings while
TensorFlow is imported, the notes on deprecated names and on contrib, the C++ runtime's lines of levels INFO and WARNING (an
operation that fails raises an exception, which says the same), and its search for a GPU when a session is opened. Python's
other warnings pass.
"""

import contextlib
import logging
import os
import sys
import tempfile
import threading
import warnings

from avb_tf1.ground.errors import InputError

_descriptor = threading.Lock()  # held while file descriptor 2 is another file: there is but one of it
_CHATTER = ("deprecated", "Instructions for updating", "The TensorFlow contrib module will not be included")


def _is_worth_reading(record):
    return not any(phrase in record.getMessage() for phrase in _CHATTER)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read by the C++ runtime when it is loaded
logging.getLogger("tensorflow").addFilter(_is_worth_reading)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    # One of contrib's losses would load scikit-learn, where it is installed: a fifth of a second in each process.
    hides_sklearn = sys.modules.setdefault("sklearn") is None
    import tensorflow as tf
    import tensorflow_probability as tfp

    tfc = tf.contrib
    tfc.layers.fully_connected  # noqa: B018 (contrib is loaded on first use: load it while the warnings are off)
    if hides_sklearn:
        del sys.modules["sklearn"]
    tfd = tfp.distributions

__all__ = ["open_session", "require_version_1", "tf", "tfc", "tfd", "tfp"]


def require_version_1():
    """Raise InputError, naming the switch, if this process was switched to what graphs are in TensorFlow 2."""
    for name, is_on in (("v2_tensorshape", isinstance(tf.TensorShape([1])[0], int)),
                        ("resource_variables", tf.compat.v1.resource_variables_enabled()),
                        ("control_flow_v2", tf.compat.v1.control_flow_v2_enabled())):
        if is_on:
            raise InputError("tf.enable_%s() was called in this process, alone or by tf.enable_v2_behavior(): call "
                             "tf.disable_%s() first" % (name, name))


def open_session(graph, intra_op_threads, inter_op_threads):
    """Return a tf.Session of a tf.Graph on the CPU with thread pools of its own.

    `intra_op_threads` work inside one operation: 1 for results that are the same everywhere. `inter_op_threads` is how many
    operations run at once; 0: one a core.
    """
    options = tf.ConfigProto(
        intra_op_parallelism_threads=intra_op_threads,
        inter_op_parallelism_threads=inter_op_threads,
        use_per_session_threads=True,  # otherwise the first session of a process decides for all later ones
        device_count={"GPU": 0})
    with _without_gpu_search_chatter():
        return tf.Session(graph=graph, config=options)


@contextlib.contextmanager
def _without_gpu_search_chatter():
    """Hold back what is written to file descriptor 2, then write all of it but the lines on a missing GPU driver.

    The C++ runtime logs those lines as errors, so no log level hides them without hiding real ones.
    """
    with contextlib.suppress(AttributeError, ValueError, OSError):  # it may be None or closed
        sys.stderr.flush()
    with _descriptor, contextlib.ExitStack() as stack:
        # The descriptor first: where it is closed, the next file to be opened has its number.
        with contextlib.suppress(OSError):
            stderr = os.dup(2)
            held_back = stack.enter_context(tempfile.TemporaryFile())
            stack.callback(_write_on, held_back, stderr)
            os.dup2(held_back.fileno(), 2)
        yield


def _write_on(held_back, stderr):
    """Make `stderr`, a copy of file descriptor 2, that one again, and write what was held back in a file."""
    os.dup2(stderr, 2)
    os.close(stderr)
    held_back.seek(0)
    for line in held_back:
        if b"dso_loader" not in line and b"cuda_d" not in line:
            os.write(2, line)
