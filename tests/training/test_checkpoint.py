import os

import numpy as np
import pytest
from helpers import small

from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.errors import InputError
from avb_tf1.ground.tensorflow import open_session, tf
from avb_tf1.training import checkpoint

CONFIG = small()
MONITORS = {"generator_loss": np.float32([1, 2, 3]), "discriminator_loss": np.float32([4, 5, 6])}
LEGS = [{"first": 1, "last": 2, "seconds": 0.5}, {"first": 3, "last": 3, "seconds": 0.25}]
SNAPSHOTS = {"iteration": np.int64([0, 2]), "z": np.float32([[[1, 2]], [[3, 4]]])}


@pytest.fixture(scope="module")
def model():
    return build_graph(CONFIG)


@pytest.fixture
def saved(model, tmp_path):
    """A folder with the checkpoints of iterations 1 to 3, of which the last two are kept; each has other weights."""
    folder = str(tmp_path / "checkpoint")
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        for iteration in (1, 2, 3):
            model.variables["encoder"][1].load(np.full(8, iteration), session)
            checkpoint.save(session, model.saver, folder, iteration,
                            {name: values[:iteration] for name, values in MONITORS.items()}, SNAPSHOTS, LEGS, CONFIG)
    return folder


def damage(folder, name, edit):
    path = os.path.join(folder, name)
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(edit(content))


def flip_a_byte(content):
    return content[:40] + bytes([content[40] ^ 1]) + content[41:]


def test_everything_comes_back(model, saved):
    found = checkpoint.latest(saved, CONFIG)
    assert found.iteration == 3 and found.legs == LEGS
    for name, values in MONITORS.items():
        np.testing.assert_array_equal(found.monitors[name], values)
    for name, values in SNAPSHOTS.items():
        np.testing.assert_array_equal(found.snapshots[name], values)
    with open_session(model.graph, 1, 1) as session:
        model.saver.restore(session, found.path)
        np.testing.assert_array_equal(session.run(model.variables["encoder"][1]), np.full(8, 3))
    assert checkpoint.latest(os.path.join(saved, "absent"), CONFIG) is None


def test_the_last_two_are_kept_and_nothing_else(saved):
    stems = ["model-2", "model-3"]
    endings = [".data-00000-of-00001", ".index", ".json", ".monitors.npz", ".snapshots.npz"]
    assert sorted(os.listdir(saved)) == sorted(["checkpoint"] + [stem + ending for stem in stems for ending in endings])


def test_what_is_left_of_a_later_one_goes_once_an_earlier_one_was_gone_on_with(model, saved):
    """As after a fall-back: 3 was damaged, 2 was gone on with, and its next checkpoint is 2 again, or one between."""
    damage(saved, "model-3.index", flip_a_byte)
    found = checkpoint.latest(saved, CONFIG)
    assert found.iteration == 2
    with open_session(model.graph, 1, 1) as session:
        checkpoint.restore(session, model.saver, found.path)
        checkpoint.save(session, model.saver, saved, 2, found.monitors, SNAPSHOTS, LEGS, CONFIG)
    assert {name.split(".")[0] for name in os.listdir(saved)} == {"checkpoint", "model-2"}
    assert checkpoint.latest(saved, CONFIG).passed_over == ()


def test_tensorflow_reads_the_folder(saved):
    reader = tf.train.load_checkpoint(saved)
    np.testing.assert_array_equal(reader.get_tensor("encoder/hidden_1/biases"), np.full(8, 3))
    assert reader.has_tensor("encoder/hidden_1/weights/Adam") and reader.has_tensor("encoder/adam/beta1_power")


@pytest.mark.parametrize("name", ["model-3.data-00000-of-00001", "model-3.index", "model-3.monitors.npz",
                                  "model-3.snapshots.npz", "model-3.json"])
@pytest.mark.parametrize("edit", [lambda content: content[:len(content) // 2], flip_a_byte, lambda content: b""],
                         ids=["truncated", "flipped", "empty"])
def test_a_damaged_checkpoint_is_passed_over(saved, name, edit):
    if name.endswith(".json") and edit is flip_a_byte:
        def edit(content):
            return content.replace(b'"iteration": 3', b'"iteration": 7')
    damage(saved, name, edit)
    found = checkpoint.latest(saved, CONFIG)
    assert found.iteration == 2
    problem, = found.passed_over
    assert "model-3.json: not a good checkpoint: " in problem


def test_a_missing_file_is_passed_over(saved):
    os.remove(os.path.join(saved, "model-3.index"))
    assert checkpoint.latest(saved, CONFIG).iteration == 2


def test_what_is_no_file_is_passed_over(saved):
    for name, make in (("model-3.json", os.mkdir), ("model-2.index", os.mkfifo)):
        os.remove(os.path.join(saved, name))
        make(os.path.join(saved, name))
    with pytest.raises(InputError, match="model-3.*not a good checkpoint: Is a directory"):
        checkpoint.latest(saved, CONFIG)


@pytest.mark.parametrize("make", [lambda path: open(path, "w").close(), lambda path: os.symlink("nowhere", path)])
def test_what_stands_in_the_folders_place_is_named(tmp_path, make):
    make(str(tmp_path / "checkpoint"))
    with pytest.raises(InputError, match="checkpoint: not a folder"):
        checkpoint.latest(str(tmp_path / "checkpoint"), CONFIG)


def test_only_damaged_checkpoints_are_an_error(saved):
    for stem in ("model-2", "model-3"):
        damage(saved, stem + ".index", flip_a_byte)
    with pytest.raises(InputError, match="model-3.*damaged.*"):
        checkpoint.latest(saved, CONFIG)


@pytest.mark.parametrize("override, words", [
    ("seed=9", "seed is 0 there and 9 here"), ("model.latent_dim=1", "model.latent_dim is 2 there and 1 here"),
    ("training.linear_decay={begin: 0, end_factor: 0}", "training.linear_decay"),
    ("training.n_iterations=2", "model-3: has more iterations behind it than the 2 of training.n_iterations")])
def test_another_config_is_named(saved, override, words):
    with pytest.raises(InputError, match=words):
        checkpoint.latest(saved, small(override))


def test_name_runtime_and_with_constant_rates_the_length_make_no_difference(saved):
    other = small("name=other", "runtime.inter_op_threads=2", "training.checkpoint_every=7", "training.snapshot_every=3",
                  "training.n_iterations=21")
    assert checkpoint.latest(saved, other).iteration == 3
