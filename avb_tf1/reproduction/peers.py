"""Python processes that the benchmark starts: this package's, and those of JAX and PyTorch in an environment of their own."""

import json
import os
import shutil
import subprocess

from avb_tf1.ground import command_line, stopping

NAMES = ("jax_scan", "jax_step", "torch")
_FOLDER = os.path.join(command_line.ROOT, "benchmarks")
_ENVIRONMENT = os.path.join(command_line.ROOT, ".venv-peers")
_INTERPRETERS = ("python3.11", "python3.12", "python3.13", "python3")
_IS_NEW_ENOUGH = "import sys; sys.exit(sys.version_info < (3, 11))"


def output_of(command):
    """Return what a command prints, text; it ends with this process. Raises OSError, with its last line, if it fails."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    stopping.groups.add(process.pid)
    output, errors = process.communicate()
    stopping.groups.remove(process.pid)
    if process.returncode != 0:
        raise OSError("%s failed: %s" % (" ".join(command[1:3]), (errors.strip().splitlines() or ["no word"])[-1]))
    return output


def environment():
    """Return the Python of an environment with JAX and PyTorch, made if need be, and ""; or None and why there is none."""
    python = os.path.join(_ENVIRONMENT, "bin", "python")
    requirements = os.path.join(_FOLDER, "requirements-peers.txt")
    try:
        if not os.path.exists(python):
            found = next(filter(_is_new_enough, _INTERPRETERS), None)
            if found is None:
                return None, "no Python 3.11 or later"
            print("Making %s for JAX and PyTorch ..." % os.path.relpath(_ENVIRONMENT), flush=True)
            output_of([found, "-m", "venv", _ENVIRONMENT])
        output_of([python, "-m", "pip", "install", "--quiet", "-r", requirements])
        output_of([python, "-c", "import jax, torch"])
    except OSError as error:
        return None, str(error)
    return python, ""


def _is_new_enough(name):
    return shutil.which(name) is not None and subprocess.call(
        [name, "-c", _IS_NEW_ENOUGH], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def measured(python, name, n_iterations, n_warm_up):
    """Return what benchmarks/peers.py measures of one of NAMES, by the Python of environment()."""
    return json.loads(output_of([python, os.path.join(_FOLDER, "peers.py"), name, str(n_iterations), str(n_warm_up)]))
