"""Small configs, and the scripts as processes."""

import contextlib
import importlib.util
import io
import os
import signal
import subprocess
import sys
import threading

import pytest

from avb_tf1.config.loading import load_config
from avb_tf1.ground import command_line, stopping

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SYNTHETIC = os.path.join(ROOT, "configs", "synthetic.yaml")

SMALL = [
    "data.batch_size=16", "model.encoder.n_units=8", "model.decoder.n_units=8", "model.discriminator.n_units=8",
    "training.n_iterations=20", "evaluation.n_samples=4096"]

LONGER = SMALL + ["training.n_iterations=1500", "training.checkpoint_every=50", "training.n_discriminator_updates=2",
                  "training.linear_decay={begin: 0.5, end_factor: 0.1}"]

INNER_PRODUCT = ["model.discriminator={kind: inner_product, center_input: true, n_hidden_layers: 2, n_units: 8, "
                 "activation: relu, output_activation: linear, output_scale: 1}"]
ALL_PAIRS = ["model.discriminator={kind: offset_inner_product, center_input: true, n_hidden_layers: 2, n_units: 8, "
             "activation: relu, n_factors: 5, output_activation: linear, squared_norm_factor: 0.5, all_pairs: true}"]
DUAL = ["training.discriminator_loss=fenchel_dual"]


def slow(*values, id=None):
    """Values of a parametrised test that only `-m slow` runs."""
    return pytest.param(*values, id=id, marks=pytest.mark.slow)


def long(*values, id=None):
    """Values of a parametrised test that only `-m long` runs."""
    return pytest.param(*values, id=id, marks=pytest.mark.long)


def synthetic(*overrides):
    """The tutorial's config with overrides."""
    return load_config(SYNTHETIC, overrides)


def small(*overrides):
    """The tutorial's config with batches of 16, 8 units a layer and 20 iterations."""
    return synthetic(*(SMALL + list(overrides)))


def set_options(overrides):
    """The options of scripts; of several overrides of a key the last, as a sweep takes a key but once."""
    last = {override.partition("=")[0]: override for override in overrides}
    return [word for override in last.values() for word in ("--set", override)]


def run_script(name, *arguments, cwd=None, **options):
    """Run scripts/<name> in a process of its own, as a user does; from another folder than the project's."""
    return subprocess.run([sys.executable, os.path.join(ROOT, "scripts", name)] + [str(a) for a in arguments],
                          capture_output=True, text=True, cwd=str(cwd or ROOT), **options)


def take_signals():
    """As preexec_fn of a process: what ignores SIGINT or SIGHUP here, a background job or nohup, is not inherited."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def call_script(name, *arguments, cwd=None):
    """As run_script, but in this process: for what a script refuses before anything begins. Signals are not taken."""
    path, output, errors = os.path.join(ROOT, "scripts", name), io.StringIO(), io.StringIO()
    spec = importlib.util.spec_from_file_location("called_script", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    code, folder = 0, os.getcwd()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        patch.setattr(sys, "argv", [path] + [str(a) for a in arguments])
        patch.setattr(stopping, "last_word", threading.Lock())  # which a process has but once
        os.chdir(str(cwd or ROOT))
        try:
            command_line.run(script.main)
        except SystemExit as end:
            code = end.code
        finally:
            os.chdir(folder)
    return subprocess.CompletedProcess(sys.argv, code, output.getvalue(), errors.getvalue())


def assert_one_clear_line(result, *words, code=2):
    """The process refused its input: exit code, one line on standard error that has the words, nothing else."""
    assert result.returncode == code, result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), result.stderr
    for word in words:
        assert str(word) in lines[0], lines[0]


def vae_config(*overrides):
    return small("model={kind: vae, latent_dim: 2, encoder: {center_input: true, n_hidden_layers: 2, n_units: 8, "
                 "activation: relu, spread_output: log_variance}, "
                 "decoder: {n_hidden_layers: 2, n_units: 8, activation: relu, probability_margin: 1e-6}}",
                 "training={n_iterations: 20, kl: closed_form, linear_decay: null, checkpoint_every: 10, "
                 "snapshot_every: 5, generator_loss_scale: 1, "
                 "generator: {optimizer: adam, learning_rate: 1e-3, beta1: .9, beta2: .999, epsilon: 1e-8}}", *overrides)


def recipe_path(name):
    return os.path.join(ROOT, "configs", "recipes", name + ".yaml")


def recipe(name, *overrides):
    return load_config(recipe_path(name), overrides)
