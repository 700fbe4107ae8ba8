"""What all scripts share: how they take signals, where their output goes, how an exception becomes a line and an exit code."""

import errno
import gc
import io
import os
import re
import shlex
import signal
import sys

from avb_tf1.ground import stopping
from avb_tf1.ground.errors import InputError, OneLineError, printable, reason

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # the folder that has the package in it


def begin():
    """Set up the process of a script; the first thing that it does, before the imports that take time.

    - SIGINT, SIGTERM and SIGHUP are blocked, in all threads to come, and taken by a thread of their own: no library's handler
      (Ray sets two for SIGTERM) sees them, and no exception comes out of an import or a C call that can't stand it.
    - What can't be printed is shown by its code; what no one reads any more is dropped. Neither raises.
    - PYTHONWARNINGS=error has no effect: the libraries are full of what newer ones warn of. Nor has MPLBACKEND: figures are
      drawn into files.
    - PYTHONOPTIMIZE=2 is refused: TensorFlow needs its docstrings.
    - Python looks for garbage less often: with its own settings that is a tenth of the time to the first iteration.
    """
    if sys.flags.optimize > 1:
        _exit(2, "error: TensorFlow 1.15 can't run without docstrings: unset PYTHONOPTIMIZE, and call Python without -OO")
    gc.set_threshold(50000)
    os.environ.pop("MPLBACKEND", None)
    numbers = [number for number in stopping.SIGNALS if not stopping.is_ignored(number)]
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    os.register_at_fork(after_in_child=_set_up_child)
    _require_utf8_names()
    import threading
    import warnings

    while True:  # a closed descriptor would be that of the next file opened, and be printed into
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            break
    sys.stdout, sys.stderr = _Output(1, sys.stdout), _Output(2, sys.stderr)
    warnings.filters[:] = [what for what in warnings.filters if what[0] != "error"]
    os.environ.pop("PYTHONWARNINGS", None)  # Ray's processes would fail by it
    # Standard error as it is now: it is turned elsewhere for a moment when a session is opened.
    threading.Thread(target=stopping.take_forever, args=(numbers, os.dup(2)), daemon=True).start()


def parser(description):
    """Return a parser of a script's arguments, which tells what is wrong with them in one line, as an InputError."""
    import argparse

    class Parser(argparse.ArgumentParser):
        def error(self, message):
            raise InputError("%s (--help tells what there is)" % message)

    return Parser(description=description)


def run(command):
    """Call `command` and exit: 0 done, 2 bad input, 129, 130 or 143 stopped by SIGHUP, SIGINT or SIGTERM, 1 anything else.

    What the user or the machine is to blame for is told in one line on standard error; only a bug shows a traceback.
    """
    try:
        command()
        if sys.stdout is not None:  # of a user's Python file that took it away
            sys.stdout.flush()
        if getattr(sys.stdout, "failure", None) is not None:
            raise OSError("standard output: %s" % sys.stdout.failure.strerror)
    except stopping.Stopped as stopped:
        _exit(stopped.exit_code, str(stopped))
    except KeyboardInterrupt:  # raised by the user's own code: signals become none (begin)
        _exit(130, "interrupted")
    except OneLineError as error:
        _exit(error.exit_code, "error: %s" % error)
    except (MemoryError, OSError) as error:
        _exit(1, "error: %s" % reason(error))
    except Exception as error:
        if type(error).__name__ != "ResourceExhaustedError":  # TensorFlow's; by name, since bad input ends before its import
            raise
        _exit(1, "error: %s" % error)


def integer(text):
    """Return the integer that decimal digits stand for, as in a config: what argparse takes for a type. For int, 1_0 is 10."""
    if not re.match(r"[-+]?[0-9]+\Z", text):
        raise ValueError
    return int(text)


def resuming(out):
    """Return the command that goes on with the run in the folder `out`."""
    return again("train.py", ["--resume=" + out] if out.startswith("-") else ["--resume", out])


def resuming_from_python(out):
    """Return the call that goes on with the run in the folder `out`."""
    return "avb_tf1.run_experiment(avb_tf1.load_config(%r), %r)" % (os.path.join(out, "config.yaml"), out)


def again(script, arguments):
    """Return the command that runs a script with these arguments in this process's folder."""
    return " ".join(map(shlex.quote, [_short(sys.executable), _short(os.path.join(ROOT, "scripts", script)), *arguments]))


def _short(path):
    """A path as it is called from here, if it is below."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative


class _Output(io.TextIOWrapper):
    """Standard output or standard error, in the encoding of `stream`, that takes whatever is printed and never raises.

    failure: None, or the OSError since which all that is printed is dropped; not kept if the reader has only gone away.
    """

    def __init__(self, descriptor, stream):
        encoding = "utf-8" if stream is None else stream.encoding
        super().__init__(io.BufferedWriter(io.FileIO(descriptor, "wb", closefd=False)), encoding, errors="backslashreplace",
                         line_buffering=True)
        self.failure = None

    def write(self, text):
        try:
            super().write(text)
        except OSError as error:
            self._drop(error)
        return len(text)

    def flush(self):
        try:
            super().flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error):
        if error.errno not in (errno.EPIPE, errno.EIO):  # a pipe's reader that ended; a terminal that was closed
            self.failure = error
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)


def _set_up_child():
    """In a process that Ray starts: keep off what a terminal or `timeout` sends to all; what Ray sends, SIGTERM, arrives."""
    os.setpgid(0, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


def _require_utf8_names():
    """Start Python again where it would take file names for ASCII or Latin-1: TensorFlow takes them for UTF-8."""
    if sys.getfilesystemencoding() == "utf-8" or sys.flags.utf8_mode:
        return
    environment = dict(os.environ, PYTHONUTF8="1")
    if sys.stdout is not None:
        environment.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
    os.execve(sys.executable, [sys.executable] + sys.argv, environment)


def _exit(code, line):
    stopping.last_word.acquire()
    print(printable(" ".join(line.split())), file=sys.stderr)
    sys.exit(code)
