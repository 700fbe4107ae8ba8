import numpy as np
from conftest import small

from avb_tf1.batches import batch
from avb_tf1.data import balanced_batch
from avb_tf1.quiet_tensorflow import tf


def opened(section, seed=0):
    """A Batch of the data section, and a function that runs tensors in a session of its own."""
    config = small("data=" + section)
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(seed)
        result = batch(config.data, seed)
    return result, tf.Session(graph=graph).run


def counts(x):
    return x.sum(axis=0).astype(int).tolist()


def test_constant_batch_is_ordered_by_class():
    result, run = opened("{kind: constant, batch_size: 16}")
    np.testing.assert_array_equal(run(result.x), balanced_batch(16)[0])
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
    result, run = opened("{kind: shuffled_sample, n_samples: 90, batch_size: 10}")

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
    assert result.noise == ()


def test_a_pass_leaves_out_its_incomplete_batch():
    result, run = opened("{kind: shuffled_sample, n_samples: 7, batch_size: 3}")
    batches = [run(result.x, {result.iteration: i}) for i in range(1, 9)]
    assert all(x.shape == (3, 4) for x in batches)


def test_the_sample_follows_the_seed():
    section = "{kind: shuffled_sample, n_samples: 200, batch_size: 200}"
    (a, run_a), (b, run_b) = opened(section, seed=0), opened(section, seed=1)
    assert counts(run_a(a.x)) != counts(run_b(b.x))
