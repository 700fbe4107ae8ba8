"""The batch of images that a session.run sees, as a tensor: one function for each kind of the config's `data` section."""

from typing import NamedTuple, Optional, Tuple

import numpy as np

from avb_tf1.problems.four_images import N_PIXELS, balanced_batch, one_hot_images
from avb_tf1.quiet_tensorflow import tf
from avb_tf1.seeds import op_seed


class Batch(NamedTuple):
    """A batch.

    Attributes:
        x: float32 [batch, 4], pixels in {0, 1}.
        noise: the random tensors that x is drawn from anew in each session.run.
        iteration: int64 scalar, the number of the iteration, from 1, where x depends on it; else None. To be fed.
        noise_rows: where the noise is drawn once, which rows of it belong to this batch, int32 [batch]; else None.
    """

    x: tf.Tensor
    noise: Tuple[tf.Tensor, ...] = ()
    iteration: Optional[tf.Tensor] = None
    noise_rows: Optional[tf.Tensor] = None


def batch(config, seed):
    """Return the Batch that a config's data section asks for; `seed` is the config's, an int."""
    return _BATCHES[config.kind](config, seed)


def _constant(config, _):
    """The same images in each iteration, as many of each, ordered by class (tutorial, "Input data")."""
    return Batch(tf.constant(balanced_batch(config.batch_size)[0], name="x"))


def _uniform_labels(config, _):
    labels = tf.random.uniform([config.batch_size], maxval=N_PIXELS, dtype=tf.int32, seed=op_seed("labels"), name="labels")
    return Batch(tf.one_hot(labels, N_PIXELS, name="x"), noise=(labels,))


def _shuffled_sample(config, seed):
    """A sample drawn once, in mini-batches; shuffled before each pass, whose last incomplete batch is left out.

    Which rows a batch has follows from the seed and the iteration alone: a resumed run needs nothing else, and all the
    session.runs of an iteration see the same batch. Noise that was drawn once is shuffled alike; a batch of images gets the
    noise of the next batch's rows, the last that of the first's, so that an image meets other noise in each pass.
    """
    labels = np.random.RandomState([seed, op_seed("sample")]).randint(N_PIXELS, size=config.n_samples)
    if config.has_each_image:
        labels[:N_PIXELS] = np.arange(N_PIXELS)
    iteration = tf.placeholder_with_default(tf.constant(1, tf.int64), [], "iteration")
    batches_per_pass = config.n_samples // config.batch_size
    number_of_pass, position = (iteration - 1) // batches_per_pass, (iteration - 1) % batches_per_pass
    keys = tf.random.stateless_uniform([config.n_samples], seed=tf.stack([number_of_pass, seed ^ op_seed("shuffle")]))
    order = tf.argsort(keys, stable=True)

    def rows(position):
        return order[position * config.batch_size:(position + 1) * config.batch_size]

    x = tf.gather(one_hot_images()[labels], rows(position), name="x")
    noise_rows = rows((position + 1) % batches_per_pass) if config.noise == "drawn_once" else None
    return Batch(x, iteration=iteration, noise_rows=noise_rows)


_BATCHES = {"constant": _constant, "uniform_labels": _uniform_labels, "shuffled_sample": _shuffled_sample}
