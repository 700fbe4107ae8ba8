"""Batches of data sets: from the seed and the iteration alone, and not in the graph."""

import numpy as np
import pytest
from image_data import CONVOLUTION, image_config, save_mnist, small_images
from trainings import assert_same, trained, trained_in_pieces

from avb_tf1.graph import batches
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.tensorflow import open_session
from avb_tf1.problems.registry import problem_of
from avb_tf1.training import trainer


def batches_of(*overrides):
    config = image_config("digits_vae", *overrides)
    return batches.dataset_batches(config.data, problem_of(config), config.seed), problem_of(config)


@pytest.mark.parametrize("binarisation", ["dynamic", "static", "threshold"])
def test_a_batch_follows_from_seed_and_iteration(binarisation):
    kind = "data.binarisation=" + binarisation
    one, dataset = batches_of(kind)
    in_order = [one(iteration) for iteration in range(1, 13)]
    assert in_order[0].dtype == np.float32 and in_order[0].shape == (256, 64) and set(np.unique(in_order[0])) == {0, 1}
    other, _ = batches_of(kind)
    for iteration in (12, 3, 7):
        np.testing.assert_array_equal(other(iteration), in_order[iteration - 1])
    seeded, _ = batches_of(kind, "seed=1")
    assert (seeded(1) != in_order[0]).any()
    assert batches.iterations_per_pass(image_config("digits_vae").data, dataset) == 1497 // 256 == 5


def test_a_pass_has_each_image_once_and_the_next_is_shuffled_anew():
    of_iteration, dataset = batches_of("data.binarisation=threshold", "data.batch_size=499")
    images = dataset.train_images(0)
    passes = [np.concatenate([of_iteration(3 * n + k) for k in (1, 2, 3)]) for n in (0, 1)]
    for own in passes:
        np.testing.assert_array_equal(np.sort(own @ 2.0**np.arange(64)), np.sort(images @ 2.0**np.arange(64)))
    assert (passes[0] != passes[1]).any() and (passes[0] != images).any()


def test_dynamic_pixels_are_drawn_anew_for_each_iteration():
    of_iteration, dataset = batches_of("data.batch_size=1497")
    drawn = [of_iteration(iteration).mean(axis=0) for iteration in range(1, 5)]
    assert (drawn[0] != drawn[1]).any()
    np.testing.assert_allclose(np.mean(drawn, axis=0), dataset.mean, atol=5 * 0.5 / np.sqrt(4 * 1497))
    static, _ = batches_of("data.batch_size=1497", "data.binarisation=static")
    np.testing.assert_array_equal(static(1).sum(axis=0), static(2).sum(axis=0))


@pytest.mark.parametrize("name, overrides", [
    ("digits_vae", []), ("digits_avb", ["data.n_validation=100", "data.binarisation=static"]),
    pytest.param("digits_8_avb_ac", ["training.update=generator_first"], marks=pytest.mark.slow)])
def test_a_resumed_training_has_the_same_bits(name, overrides, tmp_path):
    config = small_images(name, *overrides)
    whole = trained(config)
    assert all(np.isfinite(values).all() for values in whole[0].values())
    monitors, weights = trained_in_pieces(config, [7, 13], tmp_path)
    assert_same((whole[0], whole[1]), (monitors, weights))
    again = trained(config, inter_op_threads=2)
    assert_same((whole[0], whole[1]), (again[0], again[1]))


def test_all_steps_of_an_iteration_see_its_batch():
    config = small_images("digits_avb", "training.update=generator_first", "training.n_discriminator_updates=3",
                          "training.n_iterations=4")
    model, fed = build_graph(config), []

    class Session:
        def __init__(self, session):
            self._session = session

        def make_callable(self, fetches, inputs):
            position, run = inputs.index(model.x), self._session.make_callable(fetches, inputs)

            def call(*values):
                fed.append(values[position])
                return run(*values)
            return call

    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        trainer.train(Session(session), model, config.training, [])
    own = batches.dataset_batches(config.data, problem_of(config), config.seed)
    assert len(model.steps) == 4 and len(fed) == 4 * 4
    for k, x in enumerate(fed):
        np.testing.assert_array_equal(x, own(k // 4 + 1))


def test_the_graph_has_no_images(tmp_path):
    save_mnist(tmp_path / "mnist.npz", 2000, 100)
    for binarisation in ("dynamic", "static"):
        model = build_graph(image_config("mnist_2_vae", "data.path=%s" % (tmp_path / "mnist.npz"),
                                         "data.binarisation=" + binarisation))
        assert model.graph.as_graph_def().ByteSize() < 2000 * 784 / 5


@pytest.mark.parametrize("name", [
    "mnist_2_vae", *(pytest.param(name, marks=pytest.mark.slow) for name in ("mnist_2_avb", "mnist_8_avb_ac"))])
def test_convolutions_are_deterministic_and_learn(name, tmp_path):
    save_mnist(tmp_path / "mnist.npz", 200, 100)
    config = small_images(name, "data.path=%s" % (tmp_path / "mnist.npz"), "data.batch_size=32",
                          "model.encoder.convolution=" + CONVOLUTION, "model.decoder.convolution=" + CONVOLUTION,
                          "training.generator.learning_rate=1e-2", "training.n_iterations=30")
    first, second = trained(config), trained(config, inter_op_threads=2)
    assert_same(first[:2], second[:2])
    likelihood = first[0]["reconstruction_log_likelihood"]
    assert likelihood[0] == pytest.approx(-784 * np.log(2), rel=0.05) and likelihood[-5:].mean() > likelihood[0] + 100
