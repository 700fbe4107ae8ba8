"""What all scripts share: how an exception becomes a line and an exit code."""

import os
import shlex
import sys

from avb_tf1.errors import OneLineError


def run(command):
    """Call `command` and exit: 0 done, 2 bad input, 130 or 143 stopped by SIGINT or SIGTERM, 1 anything else.

    What the user or the machine is to blame for is told in one line on standard error; only a bug shows a traceback.
    """
    try:
        command()
        sys.stdout.flush()
    except OneLineError as error:
        _exit(error.exit_code, error)
    except (MemoryError, OSError) as error:
        _exit(1, error)
    except KeyboardInterrupt:
        _exit(130, "interrupted")
    except Exception as error:
        if type(error).__name__ != "ResourceExhaustedError":  # TensorFlow's; by name, since bad input ends before its import
            raise
        _exit(1, error)


def resuming(out):
    """Return the command that goes on with the run in the folder `out`."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    script = os.path.join(root, "scripts", "train.py")
    return " ".join(map(shlex.quote, [_short(sys.executable), _short(script), "--resume", out]))


def _short(path):
    """A path as it is called from here, if it is below."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative


def _exit(code, error):
    if isinstance(error, BrokenPipeError):  # e.g. `train.py | head`: no one is left to read the message
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    text = " ".join(str(error).split()) or type(error).__name__
    print("error: %s" % text, file=sys.stderr)
    sys.exit(code)
