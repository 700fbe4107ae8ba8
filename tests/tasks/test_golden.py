"""A tiny run of each task, all of whose numbers are pinned in golden.json; written again by

    .venv/bin/python tests/tasks/test_golden.py

which is for a change that is meant to change them: the difference of golden.json then tells which. Everything is pinned exactly
on the kind of CPU, its model and instruction set, that golden.json names, and so are the Python packages by the locks. On
another kind TensorFlow's matrix products may round otherwise: there the losses of these few iterations and the metrics are held
to TOLERANCE, or to ANNEALED what four short chains estimate, whose next step depends on last bits; the rest to its shape, and
digests and the page's text to nothing.
"""

import hashlib
import os
import pathlib
import re
import sys
import tempfile

import numpy as np
import pytest

if __name__ == "__main__":
    TESTS = pathlib.Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from helpers import ROOT, slow, small
from image_data import small_images
from pages import text_of

from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.experiment.run import run_experiment
from avb_tf1.ground import cpu, files
from avb_tf1.ground.tensorflow import tf
from avb_tf1.tasks.registry import TASKS

GOLDEN = os.path.join(ROOT, "tests", "tasks", "golden.json")
TOLERANCE = dict(rel=0.02, abs=0.02)  # of numbers on another kind of CPU; nats
ANNEALED = dict(rel=0.02, abs=1)      # the same; their errors are .7
_OF_CHAINS = ("test_log_likelihood", "test_inference_gap", "test_ais", "test_importance")
SHORT = ["training.n_iterations=20", "training.checkpoint_every=20", "training.snapshot_every=10"]
CONFIGS = {
    "known_images": lambda: small(*SHORT, "model.encoder.n_units=32", "evaluation.n_samples=1024"),
    "given_posterior": lambda: load_config(os.path.join(ROOT, "configs", "posteriors", "banana.yaml"), [
        *SHORT, "problem.batch_size=50", "model.encoder.n_units=8", "model.discriminator.n_units=8",
        "evaluation.n_samples=1024", "training.linear_decay=null"]),
    "data_set": lambda: small_images("digits_8_vae", *SHORT, "evaluation.n_samples=4",
                                     "evaluation.ais={n_images: 3, n_chains: 4, n_steps: 4}"),
}
# What says when, how fast and by which version: of the page's text, and of metrics.json.
CHANGING = [r"speed [\d.]+ iterations a second", r"machine .*? cores\)", r"avb_tf1 \S+", r"SHA-256 of config.yaml [0-9a-f]+"]


def kind_of_cpu():
    return {name: cpu.facts()[name] for name in ("cpu_model", "instruction_set")}


def digest(content):
    return hashlib.sha256(content).hexdigest()[:16]


def digest_of_array(array):
    return "%s %s %s" % (array.dtype, list(array.shape), digest(np.ascontiguousarray(array).tobytes()))


def told(folder):
    """The page's text without what another machine, moment or version would change."""
    text = text_of(folder)
    for pattern in CHANGING:
        text = re.sub(pattern, "...", text)
    return text


def numbers_of(config, folder):
    """What is pinned of the run of a config, which is trained into a folder, pathlib.Path."""
    run_experiment(config, str(folder))
    reader = tf.train.load_checkpoint(str(folder / "checkpoint" / "model-20"))
    weights = {name: digest_of_array(reader.get_tensor(name)) for name in sorted(reader.get_variable_to_shape_map())}
    metrics = files.read_json(str(folder / "metrics.json"))
    del metrics["made_by"]
    arrays = {path.name: {name: digest_of_array(values) for name, values in sorted(files.read_arrays(str(path)).items())}
              for path in sorted(folder.glob("*.npz"))}
    return {"config": digest(to_yaml(config).encode()), "weights": weights, "metrics": metrics, "arrays": arrays,
            "files": sorted(os.listdir(str(folder))), "losses": digest((folder / "losses.csv").read_bytes()),
            "page": digest(told(folder).encode())}


def nearly(value, tolerance=TOLERANCE):
    """A value of metrics.json, and those inside of it, up to a tolerance."""
    if isinstance(value, dict):
        is_annealed = value.get("test_log_likelihood_method") == "ais"
        return {name: nearly(part, ANNEALED if is_annealed and name.startswith(_OF_CHAINS) else tolerance)
                for name, part in value.items()}
    if isinstance(value, list):
        return [nearly(part, tolerance) for part in value]
    return pytest.approx(value, **tolerance) if isinstance(value, float) else value


def shapes(digests):
    """Digests of arrays without what their bytes are."""
    return {file: {name: text.rpartition(" ")[0] for name, text in arrays.items()} for file, arrays in digests.items()}


@pytest.mark.parametrize("name", [name if name == "known_images" else slow(name) for name in TASKS])
def test_a_tiny_run_has_the_numbers_that_it_had(tmp_path, name):
    golden = files.read_json(GOLDEN)
    pinned, found = golden["tasks"][name], numbers_of(CONFIGS[name](), tmp_path / "run")
    if kind_of_cpu() == golden["cpu"]:
        for part in ("config", "weights", "losses", "metrics", "arrays", "files", "page"):
            assert found[part] == pinned[part], part
    else:
        assert found["files"] == pinned["files"] and shapes(found["arrays"]) == shapes(pinned["arrays"])
        assert found["metrics"] == nearly(pinned["metrics"])


def test_every_task_is_pinned():
    assert set(CONFIGS) == set(files.read_json(GOLDEN)["tasks"]) == set(TASKS)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        tasks = {name: numbers_of(config(), pathlib.Path(temporary) / name) for name, config in CONFIGS.items()}
    files.write_json(GOLDEN, {"cpu": kind_of_cpu(), "tasks": tasks})
