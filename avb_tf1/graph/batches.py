"""The batch of x that a session.run sees, as a tensor: one function for each batch_kind of a config.

Data sets are fed: in the graph's definition, where constants are, there is no room for them (it may have 2 GB), and each event
file would hold them again.
"""

import functools
from typing import Callable, NamedTuple, Optional, Tuple

import numpy as np

from avb_tf1.ground.seeds import op_seed, stream
from avb_tf1.ground.tensorflow import tf


class Batch(NamedTuple):
    """A batch of what the networks see of x.

    Attributes:
        x: float32 [batch, d]: images, row-major, d = n_values, in {0, 1} or real; or, of a given posterior, which of its n_x
            observations each row stands for, one-hot with d = n_x, or without a column, d = 0, if there is but one; x itself,
            d = d_x, if it is amortised.
        noise: the random tensors that x is drawn from anew in each session.run.
        iteration: int64 scalar, the number of the iteration, from 1, where x depends on it; else None. To be fed.
        noise_rows: where the noise is drawn once, which rows of it belong to this batch, int32 [batch]; else None.
        of_iteration: where x is to be fed, the function from the number of the iteration, from 1, to the array; else None.
    """

    x: tf.Tensor
    noise: Tuple[tf.Tensor, ...] = ()
    iteration: Optional[tf.Tensor] = None
    noise_rows: Optional[tf.Tensor] = None
    of_iteration: Optional[Callable] = None


def batch(config, problem):
    """Return the Batch of the kind config.batch_kind, of the config's problem."""
    return _BATCHES[config.batch_kind](config, problem)


def _constant(config, problem):
    """The same x in each iteration, of each its share, one x after the other (tutorial, "Input data")."""
    return Batch(tf.constant(problem.inputs[problem.labels(config.batch_size)], name="x"))


def _joint(config, problem):
    """Of a given posterior, x from its joint density with z, drawn anew in each session.run."""
    z = problem.sample_prior(config.batch_size, op_seed("z_of_x"), "z_of_x")
    x = problem.sample_likelihood(z, op_seed("x"), "x")
    x.set_shape([config.batch_size, problem.observations.shape[1]])
    return Batch(x, noise=(x,))


def _uniform_labels(config, problem):
    images = problem.images[problem.labels(sum(problem.weights))]
    rows = tf.random.uniform([config.batch_size], maxval=len(images), dtype=tf.int32, seed=op_seed("labels"), name="labels")
    return Batch(tf.gather(images, rows, name="x"), noise=(rows,))


def _shuffled_sample(config, problem):
    """A sample drawn once, in mini-batches; shuffled before each pass, whose last incomplete batch is left out.

    Which rows a batch has follows from the seed and the iteration alone: a resumed run needs nothing else, and all the
    session.runs of an iteration see the same batch. Noise that was drawn once is shuffled alike; a batch of images gets the
    noise of the next batch's rows, the last that of the first's, so that an image meets other noise in each pass.
    """
    data, seed = config.data, config.seed
    in_share = problem.labels(sum(problem.weights))
    labels = in_share[stream(seed, "sample").randint(len(in_share), size=data.n_samples)]
    if data.has_each_image:
        labels[:problem.n_images] = np.arange(problem.n_images)
    iteration = tf.placeholder_with_default(tf.constant(1, tf.int64), [], "iteration")
    batches_per_pass = data.n_samples // data.batch_size
    number_of_pass, position = (iteration - 1) // batches_per_pass, (iteration - 1) % batches_per_pass
    keys = tf.random.stateless_uniform([data.n_samples], seed=tf.stack([number_of_pass, seed ^ op_seed("shuffle")]))
    order = tf.argsort(keys, stable=True)

    def rows(position):
        found = order[position * data.batch_size:(position + 1) * data.batch_size]
        found.set_shape([data.batch_size])  # which can't be told of such a slice, and stands for "in training"
        return found

    x = tf.gather(problem.images[labels], rows(position), name="x")
    noise_rows = rows((position + 1) % batches_per_pass) if data.noise == "drawn_once" else None
    return Batch(x, iteration=iteration, noise_rows=noise_rows)


def _dataset(config, problem):
    x = tf.placeholder(tf.float32, [config.batch_size, problem.n_values], "x")
    return Batch(x, of_iteration=dataset_batches(config.data, problem, config.seed))


def dataset_batches(data, problem, seed):
    """Return the function from an iteration, counted from 1, to its batch of an ImageDataset, float32 [batch, n_values].

    Each pass shuffles the train images anew, and leaves its last incomplete batch out. Which rows a batch has follows from the
    seed and the number of the pass, what is drawn of its pixels from the seed and the iteration: a resumed run needs nothing
    else. `data` and `seed` are a config's.
    """
    n_train, images = len(problem.train.intensities), problem.batches(seed)

    @functools.lru_cache(maxsize=1)
    def order(number):
        return np.random.RandomState([seed, op_seed("shuffle"), number]).permutation(n_train)

    def of_iteration(iteration):
        number, position = divmod(iteration - 1, n_train // data.batch_size)
        rows = order(number)[position * data.batch_size:(position + 1) * data.batch_size]
        return images(rows, np.random.RandomState([seed, op_seed("pixels"), iteration]))

    return of_iteration


def rows_of(x, values):
    """Return the rows of values [n_x, ...] that the rows of x [n, d], as Batch has them of a given posterior, stand for."""
    if values.shape[0].value == 1:
        return tf.tile(values, tf.stack([tf.shape(x)[0]] + [1] * (values.shape.ndims - 1)))
    return tf.tensordot(x, values, 1)


_BATCHES = {"each_x": _constant, "joint": _joint, "constant": _constant, "uniform_labels": _uniform_labels,
            "shuffled_sample": _shuffled_sample, "digits": _dataset, "mnist": _dataset, "npz": _dataset,
            "photo_patches": _dataset}
