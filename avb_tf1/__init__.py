"""Adversarial Variational Bayes on the four 2x2 one-hot images, in TensorFlow 1.15 graph mode.

What stands here is loaded on its first use: importing the package takes no TensorFlow.
"""

import importlib

__version__ = "2.0.0"
_MODULES = {"build_graph": "graph.builder", "load_config": "config.loading", "open_run": "experiment.trained_run",
            "run_experiment": "experiment.run"}
__all__ = [*_MODULES, "__version__"]  # noqa: F822 (__getattr__ makes them)


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError("module 'avb_tf1' has no attribute %r" % name)
    return getattr(importlib.import_module("avb_tf1." + _MODULES[name]), name)


def __dir__():
    return sorted({*globals(), *__all__})
