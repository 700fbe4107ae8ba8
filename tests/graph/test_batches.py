"""Batches of each kind: from the seed and the iteration alone; of data sets, not in the graph."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import long, slow, small
from image_data import image_config, save_mnist, small_images
from trainings import assert_same, trained, trained_in_pieces

from avb_tf1.graph import batches
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.seeds import op_seed
from avb_tf1.ground.tensorflow import open_session, tf
from avb_tf1.problems.data_set.problem import ImageDataset, Part
from avb_tf1.problems.known_images.four_images import PROBLEM
from avb_tf1.problems.registry import problem_of
from avb_tf1.training import trainer


def opened(section, seed=0):
    """A Batch of the data section, and a function that runs tensors in a session of its own."""
    config = small("data=" + section, "seed=%d" % seed)
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(seed)
        result = batches.batch(config, PROBLEM)
    return result, tf.Session(graph=graph).run


def shuffled(n_samples, batch_size, has_each_image="false", noise="fresh"):
    return "{kind: shuffled_sample, n_samples: %d, batch_size: %d, has_each_image: %s, noise: %s}" % (
        n_samples, batch_size, has_each_image, noise)


def counts(x):
    return x.sum(axis=0).astype(int).tolist()


@pytest.mark.parametrize("section", [
    "{kind: constant, batch_size: 16}", "{kind: uniform_labels, batch_size: 16}", shuffled(50, 16)])
def test_the_size_of_a_batch_is_known(section):
    """By it a network tells training from evaluation, as batch normalisation and the moments of a batch's own samples do."""
    assert opened(section)[0].x.shape.as_list() == [16, 4]


def test_constant_batch_is_ordered_by_class():
    result, run = opened("{kind: constant, batch_size: 16}")
    np.testing.assert_array_equal(run(result.x), PROBLEM.images[PROBLEM.labels(16)])
    assert result.noise == () and result.iteration is None


def test_uniform_labels_are_drawn_anew_in_each_run_and_repeat_with_the_seed():
    section = "{kind: uniform_labels, batch_size: 4000}"
    result, run = opened(section)
    first, second = run(result.x), run(result.x)
    assert first.shape == (4000, 4) and first.dtype == np.float32
    np.testing.assert_array_equal(first.sum(axis=1), 1)
    assert not np.array_equal(first, second)
    for x in (first, second):
        # Four standard deviations of a binomial count.
        assert np.abs(x.sum(axis=0) - 1000).max() < 4 * np.sqrt(4000 * 3 / 16)
    again, run = opened(section)
    np.testing.assert_array_equal(run(again.x), first)
    other, run = opened(section, seed=1)
    assert not np.array_equal(run(other.x), first)
    assert [tensor.op.type for tensor in result.noise] == ["RandomUniformInt"]


def test_shuffled_sample_passes_through_the_same_sample_in_another_order():
    result, run = opened(shuffled(90, 10))

    def one_pass(first):
        return [run(result.x, {result.iteration: first + i}) for i in range(9)]

    first, second = one_pass(1), one_pass(10)
    assert all(x.shape == (10, 4) and x.dtype == np.float32 for x in first)
    # A pass is a permutation of the sample: what it holds of each image is always the same.
    assert counts(np.concatenate(first)) == counts(np.concatenate(second)) != [23, 23, 22, 22]
    assert any(not np.array_equal(a, b) for a, b in zip(first, second))
    assert len({tuple(counts(x)) for x in first}) > 1
    for i in (0, 8):  # the number of the iteration alone decides
        np.testing.assert_array_equal(run(result.x, {result.iteration: 1 + i}), first[i])
    assert result.noise == () and result.noise_rows is None


def test_a_pass_leaves_out_its_incomplete_batch():
    result, run = opened(shuffled(7, 3))
    found = [run(result.x, {result.iteration: i}) for i in range(1, 9)]
    assert all(x.shape == (3, 4) for x in found)


def test_the_sample_follows_the_seed():
    (a, run_a), (b, run_b) = opened(shuffled(200, 200), seed=0), opened(shuffled(200, 200), seed=1)
    assert counts(run_a(a.x)) != counts(run_b(b.x))


def test_a_sample_may_hold_each_image_at_least_once():
    found = []
    for seed in range(20):
        result, run = opened(shuffled(5, 5, has_each_image="true"), seed=seed)
        found.append(counts(run(result.x)))
    assert all(sorted(of_images) == [1, 1, 1, 2] for of_images in found)
    assert len({tuple(of_images) for of_images in found}) > 1  # the fifth is drawn


def test_noise_that_is_drawn_once_is_the_next_batchs():
    result, run = opened(shuffled(12, 3, noise="drawn_once"))
    one_pass = [run([result.x, result.noise_rows], {result.iteration: i}) for i in range(1, 5)]
    rows = [noise_rows for _, noise_rows in one_pass]
    assert sorted(np.concatenate(rows).tolist()) == list(range(12))
    # Rows of the sample are rows of the noise: the images that belong to them are those of the next batch.
    labels = np.zeros(12, int)
    for (x, _), its_rows in zip(one_pass, rows[-1:] + rows[:-1]):
        labels[its_rows] = x.argmax(axis=1)
    assert labels.tolist() == sample_labels(12)
    again = run(result.noise_rows, {result.iteration: 5})
    assert not np.array_equal(again, rows[0])


def sample_labels(n_samples, seed=0):
    """The labels of the sample's rows, by the streams that batches._shuffled_sample draws from."""
    return np.random.RandomState([seed, op_seed("sample")]).randint(4, size=n_samples).tolist()


def batches_of(*overrides):
    config = image_config("digits_vae", *overrides)
    return batches.dataset_batches(config.data, problem_of(config), config.seed), problem_of(config)


@pytest.mark.parametrize("binarisation", ["dynamic", "static", "threshold"])
def test_a_batch_follows_from_seed_and_iteration(binarisation):
    kind = "data.binarisation=" + binarisation
    one, _ = batches_of(kind)
    in_order = [one(iteration) for iteration in range(1, 13)]
    assert in_order[0].dtype == np.float32 and in_order[0].shape == (256, 64) and set(np.unique(in_order[0])) == {0, 1}
    other, _ = batches_of(kind)
    for iteration in (12, 3, 7):
        np.testing.assert_array_equal(other(iteration), in_order[iteration - 1])
    seeded, _ = batches_of(kind, "seed=1")
    assert (seeded(1) != in_order[0]).any()


def test_a_pass_has_each_image_once_and_the_next_is_shuffled_anew():
    of_iteration, dataset = batches_of("data.binarisation=threshold", "data.batch_size=499")
    images = dataset.train_images(0)
    passes = [np.concatenate([of_iteration(3 * n + k) for k in (1, 2, 3)]) for n in (0, 1)]
    for found in passes:
        np.testing.assert_array_equal(np.sort(found @ 2.0**np.arange(64)), np.sort(images @ 2.0**np.arange(64)))
    assert (passes[0] != passes[1]).any() and (passes[0] != images).any()


def test_dynamic_pixels_are_drawn_anew_for_each_iteration():
    """Of grey images any two batches, of one pass or of two, agree in half of the pixels, as unrelated draws do."""
    grey = Part(np.full((1000, 64), 0.5), np.zeros(1000, np.int64))
    problem = ImageDataset("grey", (8, 8), grey, grey, grey, ("",), "dynamic", "", "")
    of_iteration = batches.dataset_batches(SimpleNamespace(batch_size=500), problem, 0)
    drawn = [of_iteration(iteration) for iteration in range(1, 5)]
    for first, second in itertools.combinations(drawn, 2):
        assert abs((first == second).mean() - 0.5) < 4 * 0.5 / np.sqrt(500 * 64)
    assert abs(np.mean(drawn) - 0.5) < 4 * 0.5 / np.sqrt(2000 * 64)
    static, _ = batches_of("data.batch_size=1497", "data.binarisation=static")
    np.testing.assert_array_equal(static(1).sum(axis=0), static(2).sum(axis=0))


@pytest.mark.parametrize("name, overrides", [
    slow("digits_vae", ["data.n_validation=100", "data.binarisation=static"]),
    slow("digits_avb", []), long("digits_8_avb_ac", ["training.shared_backward=false", "training.update=generator_first"])])
def test_a_resumed_training_has_the_same_bits(name, overrides, tmp_path):
    config = small_images(name, *overrides)
    model = build_graph(config)
    whole = trained(config, model=model)
    assert all(np.isfinite(values).all() for values in whole[0].values())
    monitors, weights = trained_in_pieces(config, [7, 13], tmp_path, model)
    assert_same((whole[0], whole[1]), (monitors, weights))
    again = trained(config, 2)  # on another graph
    assert_same((whole[0], whole[1]), (again[0], again[1]))


@pytest.mark.slow
def test_all_steps_of_an_iteration_see_its_batch():
    config = small_images("digits_avb", "training.shared_backward=false", "training.update=generator_first",
                          "training.n_discriminator_updates=3", "training.n_iterations=4")
    model, fed = build_graph(config), []

    class Session:
        def __init__(self, session):
            self._session = session

        def make_callable(self, fetches, inputs):
            position, run = inputs.index(model.parts.batch.x), self._session.make_callable(fetches, inputs)

            def call(*values):
                fed.append(values[position])
                return run(*values)
            return call

    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        trainer.train(Session(session), model, config.training, [])
    of_iteration = batches.dataset_batches(config.data, problem_of(config), config.seed)
    assert len(model.steps) == 4 and len(fed) == 4 * 4
    for k, x in enumerate(fed):
        np.testing.assert_array_equal(x, of_iteration(k // 4 + 1))


def test_the_graph_has_no_images(tmp_path):
    save_mnist(tmp_path / "mnist.npz", 2000, 100)
    for binarisation in ("dynamic", "static"):
        model = build_graph(image_config("mnist_2_vae", "data.path=%s" % (tmp_path / "mnist.npz"),
                                         "data.binarisation=" + binarisation))
        assert model.graph.as_graph_def().ByteSize() < 2000 * 784 / 5
