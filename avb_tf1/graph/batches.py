"""The batch of images that a session.run sees, as a tensor: one function for each kind of the config's `data` section.

Data sets are fed: in the graph's definition, where constants are, there is no room for them (it may have 2 GB), and each event
file would hold them again.
"""

from typing import Callable, NamedTuple, Optional, Tuple

import numpy as np

from avb_tf1.ground.seeds import op_seed
from avb_tf1.ground.tensorflow import tf
from avb_tf1.problems.data_set.problem import drawn_pixels


class Batch(NamedTuple):
    """A batch.

    Attributes:
        x: float32 [batch, n_pixels], pixels in {0, 1}; or [batch, d], as of GivenPosterior.inputs.
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


def batch(config, problem, seed):
    """Return the Batch of an ImageProblem or an ImageDataset that a config's data section asks for; `seed` is the config's."""
    return _BATCHES[config.kind](config, problem, seed)


def given_batch(problem, batch_size):
    """Return the Batch of a GivenPosterior: of each x as many, one x after the other."""
    return Batch(tf.constant(problem.inputs[problem.labels(batch_size)], name="x"))


def _constant(config, problem, _):
    """The same images in each iteration, of each its share, ordered by class (tutorial, "Input data")."""
    labels = problem.labels(config.batch_size)
    return Batch(tf.constant(problem.images[labels], name="x"))


def _uniform_labels(config, problem, _):
    images = problem.images[problem.labels(sum(problem.weights))]
    rows = tf.random.uniform([config.batch_size], maxval=len(images), dtype=tf.int32, seed=op_seed("labels"), name="labels")
    return Batch(tf.gather(images, rows, name="x"), noise=(rows,))


def _shuffled_sample(config, problem, seed):
    """A sample drawn once, in mini-batches; shuffled before each pass, whose last incomplete batch is left out.

    Which rows a batch has follows from the seed and the iteration alone: a resumed run needs nothing else, and all the
    session.runs of an iteration see the same batch. Noise that was drawn once is shuffled alike; a batch of images gets the
    noise of the next batch's rows, the last that of the first's, so that an image meets other noise in each pass.
    """
    in_share = problem.labels(sum(problem.weights))
    labels = in_share[np.random.RandomState([seed, op_seed("sample")]).randint(len(in_share), size=config.n_samples)]
    if config.has_each_image:
        labels[:problem.n_images] = np.arange(problem.n_images)
    iteration = tf.placeholder_with_default(tf.constant(1, tf.int64), [], "iteration")
    batches_per_pass = config.n_samples // config.batch_size
    number_of_pass, position = (iteration - 1) // batches_per_pass, (iteration - 1) % batches_per_pass
    keys = tf.random.stateless_uniform([config.n_samples], seed=tf.stack([number_of_pass, seed ^ op_seed("shuffle")]))
    order = tf.argsort(keys, stable=True)

    def rows(position):
        return order[position * config.batch_size:(position + 1) * config.batch_size]

    x = tf.gather(problem.images[labels], rows(position), name="x")
    noise_rows = rows((position + 1) % batches_per_pass) if config.noise == "drawn_once" else None
    return Batch(x, iteration=iteration, noise_rows=noise_rows)


def _dataset(config, problem, seed):
    x = tf.placeholder(tf.float32, [config.batch_size, problem.n_pixels], "x")
    return Batch(x, of_iteration=dataset_batches(config, problem, seed))


def dataset_batches(config, problem, seed):
    """Return the function from an iteration, counted from 1, to its batch of an ImageDataset, float32 [batch, n_pixels].

    Each pass shuffles the train images anew, and leaves its last incomplete batch out. Which rows a batch has follows from the
    seed and the number of the pass, which pixels are drawn from the seed and the iteration: a resumed run needs nothing else.
    """
    n_train, n_batches = len(problem.train.intensities), iterations_per_pass(config, problem)
    images, order = None, (None, None)
    if problem.binarisation != "dynamic":
        images = problem.train_images(seed)

    def of_iteration(iteration):
        nonlocal order
        number, position = divmod(iteration - 1, n_batches)
        if order[0] != number:
            order = number, np.random.RandomState([seed, op_seed("shuffle"), number]).permutation(n_train)
        rows = order[1][position * config.batch_size:(position + 1) * config.batch_size]
        if images is not None:
            return images[rows].astype(np.float32)
        random_state = np.random.RandomState([seed, op_seed("pixels"), iteration])
        return drawn_pixels(problem.train.intensities[rows], random_state).astype(np.float32)

    return of_iteration


def iterations_per_pass(config, problem):
    """Return how many batches a pass through the train images of an ImageDataset has, by a config's data section."""
    return len(problem.train.intensities) // config.batch_size


_BATCHES = {"constant": _constant, "uniform_labels": _uniform_labels, "shuffled_sample": _shuffled_sample,
            "digits": _dataset, "mnist": _dataset, "npz": _dataset}
