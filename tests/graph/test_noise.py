"""Noise of a batch: drawn anew in each session.run, or once."""

import numpy as np
from helpers import small
from scipy import stats

from avb_tf1.graph.batches import Batch
from avb_tf1.graph.builder import build_graph
from avb_tf1.graph.noise import Noise
from avb_tf1.ground.seeds import op_seed
from avb_tf1.ground.tensorflow import tf


def test_it_is_drawn_anew_and_repeats_with_the_seed():
    config = small()
    with tf.Graph().as_default():
        tf.set_random_seed(3)
        noise = Noise(Batch(None), config)
        samples = (noise.for_batch("eps", 5), noise.drawn_anew("others", 7000, 2),
                   noise.drawn_by("uniform", 3, lambda n, seed, name: tf.random.uniform([n], seed=seed, name=name)))
        assert noise.tensors == samples and noise.for_batch("eps", None) is None
        again = tf.random.normal([16, 5], seed=op_seed("eps"))
        with tf.Session() as session:
            first, (eps, others, uniform) = session.run(again), session.run(samples)
            assert not np.array_equal(session.run(samples[0]), eps)
    np.testing.assert_array_equal(eps, first)
    assert others.shape == (7000, 2) and uniform.shape == (3,) and stats.kstest(others.ravel(), "norm").pvalue > 1e-3


def test_noise_drawn_once_is_the_same_in_all_updates_of_an_iteration_and_finite_in_number():
    data = "data={kind: shuffled_sample, n_samples: 48, batch_size: 16, has_each_image: false, noise: drawn_once}"
    config = small(data, "training.update=discriminator_first")
    model = build_graph(config)
    with tf.Session(graph=model.graph) as session:
        session.run(model.initialize)
        noise = [model.parts.posterior.eps, model.parts.divergence.z_prior]
        drawn = [session.run(noise, {model.parts.batch.iteration: i}) for i in (1, 2, 3, 4, 5, 6, 1)]
    for kind in (0, 1):
        np.testing.assert_array_equal(drawn[0][kind], drawn[-1][kind])  # whatever was run in between
        rows = np.concatenate([samples[kind] for samples in drawn[:6]])
        assert len(np.unique(rows, axis=0)) == 48  # two passes
        assert stats.kstest(rows[np.unique(rows[:, 0], return_index=True)[1]].ravel(), "norm").pvalue > 1e-3
    eps, z_prior = ({value for samples in drawn for value in samples[kind].ravel()} for kind in (0, 1))
    assert len(eps) > 48 and not eps & z_prior  # each has a stream of its own
    assert all(step.noise == () for step in model.steps)
