import numpy as np
from helpers import small

from avb_tf1.graph.batches import batch
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.seeds import op_seed
from avb_tf1.ground.tensorflow import tf
from avb_tf1.problems.known_images.four_images import PROBLEM


def opened(section, seed=0):
    """A Batch of the data section, and a function that runs tensors in a session of its own."""
    config = small("data=" + section)
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(seed)
        result = batch(config.data, PROBLEM, seed)
    return result, tf.Session(graph=graph).run


def shuffled(n_samples, batch_size, has_each_image="false", noise="fresh"):
    return "{kind: shuffled_sample, n_samples: %d, batch_size: %d, has_each_image: %s, noise: %s}" % (
        n_samples, batch_size, has_each_image, noise)


def counts(x):
    return x.sum(axis=0).astype(int).tolist()


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
    batches = [run(result.x, {result.iteration: i}) for i in range(1, 9)]
    assert all(x.shape == (3, 4) for x in batches)


def test_the_sample_follows_the_seed():
    (a, run_a), (b, run_b) = opened(shuffled(200, 200), seed=0), opened(shuffled(200, 200), seed=1)
    assert counts(run_a(a.x)) != counts(run_b(b.x))


def test_a_sample_may_hold_each_image_at_least_once():
    found = []
    for seed in range(20):
        result, run = opened(shuffled(5, 5, has_each_image="true"), seed=seed)
        found.append(counts(run(result.x)))
    assert all(sorted(own) == [1, 1, 1, 2] for own in found)
    assert len({tuple(own) for own in found}) > 1  # the fifth is drawn


def test_noise_that_is_drawn_once_is_the_next_batchs():
    result, run = opened(shuffled(12, 3, noise="drawn_once"))
    one_pass = [run([result.x, result.noise_rows], {result.iteration: i}) for i in range(1, 5)]
    rows = [own for _, own in one_pass]
    assert sorted(np.concatenate(rows).tolist()) == list(range(12))
    # Rows of the sample are rows of the noise: the images that belong to them are those of the next batch.
    labels = np.zeros(12, int)
    for (x, _), own in zip(one_pass, rows[-1:] + rows[:-1]):
        labels[own] = x.argmax(axis=1)
    assert labels.tolist() == sample_labels(12)
    again = run(result.noise_rows, {result.iteration: 5})
    assert not np.array_equal(again, rows[0])


def sample_labels(n_samples, seed=0):
    """The labels of the sample's rows, by the streams that batches._shuffled_sample draws from."""
    return np.random.RandomState([seed, op_seed("sample")]).randint(4, size=n_samples).tolist()


def test_noise_drawn_once_is_the_same_in_all_updates_of_an_iteration_and_finite_in_number():
    config = small("data=" + shuffled(48, 16, noise="drawn_once"), "training.update=discriminator_first")
    model = build_graph(config)
    with tf.Session(graph=model.graph) as session:
        session.run(model.initialize)
        noise = [model.posterior.eps, model.divergence.z_prior]
        seen = [session.run(noise, {model.iteration: i}) for i in (1, 2, 3, 4, 5, 6, 1)]
    for kind in (0, 1):
        np.testing.assert_array_equal(seen[0][kind], seen[-1][kind])  # whatever was run in between
        rows = np.concatenate([own[kind] for own in seen[:6]])
        assert len(np.unique(rows, axis=0)) == 48  # two passes
        assert abs(rows.mean()) < 0.5 and 0.6 < rows.std() < 1.4
    assert all(step.noise == () for step in model.steps)
