import os
import subprocess
import sys

import pytest

from avb_tf1.config import load_config

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SYNTHETIC = os.path.join(ROOT, "configs", "synthetic.yaml")

SMALL = [
    "data.batch_size=16", "model.encoder.n_units=8", "model.decoder.n_units=8", "model.discriminator.n_units=8",
    "training.n_iterations=20"]

INNER_PRODUCT = ["model.discriminator={kind: inner_product, center_input: true, n_hidden_layers: 2, n_units: 8, "
                 "activation: relu, output_activation: linear, output_scale: 1}"]


def synthetic(*overrides):
    """The tutorial's config with overrides."""
    return load_config(SYNTHETIC, overrides)


def small(*overrides):
    """The tutorial's config with batches of 16, 8 units a layer and 20 iterations."""
    return synthetic(*(SMALL + list(overrides)))


def set_options(overrides):
    return [word for override in overrides for word in ("--set", override)]


def run_script(name, *arguments, cwd=None, **options):
    """Run scripts/<name> in a process of its own, as a user does; from another folder than the project's."""
    return subprocess.run([sys.executable, os.path.join(ROOT, "scripts", name)] + [str(a) for a in arguments],
                          capture_output=True, text=True, cwd=str(cwd or ROOT), **options)


def assert_one_clear_line(result, *words, code=2):
    """The process refused its input: exit code, one line on standard error that has the words, nothing else."""
    assert result.returncode == code, result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), result.stderr
    for word in words:
        assert str(word) in lines[0], lines[0]


@pytest.fixture(scope="session")
def tutorial_run(tmp_path_factory):
    """The folder and the process of a real run of the tutorial's config, cut to 600 iterations."""
    out = tmp_path_factory.mktemp("runs") / "tutorial run"
    result = run_script("train.py", "--config", SYNTHETIC, "--out", out, "--set", "training.n_iterations=600", cwd=out.parent)
    assert result.returncode == 0, result.stderr
    return out, result
