"""Runs that many tests look at, trained once for all processes of a pytest session."""

import contextlib
import fcntl
import hashlib
import importlib
import os
import pathlib
import shutil
import signal
import tempfile

import pytest

from avb_tf1.config.loading import to_yaml
from avb_tf1.experiment.run import run_experiment
from avb_tf1.ground import stopping
from avb_tf1.tasks.registry import TASKS

_VARIABLE = "AVB_TF1_SHARED_RUNS"  # in the environment, which the processes that xdist starts have from the first one


@contextlib.contextmanager
def folder_of_session():
    """Set up the folder that the session's runs are kept in, unless the process that started this one has; then remove it."""
    if _VARIABLE in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ[_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[_VARIABLE]


def finished(folder, config, with_figures=False):
    """The folder, pathlib.Path, once it holds a copy of the finished run of a config.

    Without the figures, which no page shows, a small run takes half as long.
    """
    key = hashlib.sha256((to_yaml(config) + repr((config.python_file, with_figures))).encode()).hexdigest()[:16]
    kept = pathlib.Path(os.environ[_VARIABLE]) / key
    with open(str(kept) + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            with contextlib.nullcontext() if with_figures else without_figures():
                run_experiment(config, str(kept) + ".part")
            os.rename(str(kept) + ".part", str(kept))
    shutil.copytree(str(kept), str(folder))
    return folder


def stopped_and_gone_on_with(folder, config):
    """The folder, pathlib.Path, once it holds a config's run that a SIGTERM stopped after iteration 13; without figures."""
    def stop(iteration, _):
        if iteration == 13:
            os.kill(os.getpid(), signal.SIGTERM)

    with without_figures():
        with pytest.raises(stopping.Stopped):
            run_experiment(config, str(folder), observers=[stop])
        run_experiment(config, str(folder))
    return folder


@contextlib.contextmanager
def without_figures():
    """Draw no figures meanwhile: they take half of the time of a small run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in TASKS:
            patch.setattr(importlib.import_module("avb_tf1.tasks.%s.figures" % name), "FIGURES", {})
        yield
