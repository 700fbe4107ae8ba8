"""Batch normalisation (Ioffe and Szegedy 2015), and the averages that stand for a batch's moments in evaluation.

Numbers are those of tf.contrib.layers.batch_norm. That would update its averages wherever a layer is run, twice in a step whose
discriminator sees two batches, in an order that depends on the threads; here a step of training updates them one after the
other (`average`). All tensors are float32.
"""

from typing import NamedTuple

from avb_tf1.ground.tensorflow import tf, tfc

_DECAY, _EPSILON = 0.999, 1e-3  # the defaults of tf.contrib.layers.batch_norm
_COLLECTION = "batch_moments"


class BatchMoments(NamedTuple):
    """Moments of a batch that a layer is normalised by, [n_channels] each, and the variables that average them."""

    mean: tf.Tensor
    variance: tf.Tensor
    mean_average: tf.Variable
    variance_average: tf.Variable


def normalized(inputs):
    """Return inputs [batch, ..., n_channels], each channel normalised, then scaled and moved, with variables in this scope.

    Where the size of the batch is known, as in training, by its own mean and variance, through which a gradient passes; where
    it isn't, as in evaluation, by their averages over training, from (0, 1) on.
    """
    n_channels = inputs.shape[-1].value

    def variable(name, initializer, trainable=True):
        return tf.get_variable(name, [n_channels], initializer=initializer, trainable=trainable)

    zeros, ones = tf.zeros_initializer(), tf.ones_initializer()
    scale, offset = variable("scale", ones), variable("offset", zeros)
    averages = variable("mean_average", zeros, False), variable("variance_average", ones, False)
    mean, variance = averages
    if inputs.shape[0].value is not None:
        mean, variance = tf.nn.moments(inputs, list(range(inputs.shape.ndims - 1)))
        tf.add_to_collection(_COLLECTION, BatchMoments(mean, variance, *averages))
    return tf.nn.batch_normalization(inputs, mean, variance, offset, scale, _EPSILON)


def between(first, last):
    """Return the BatchMoments that `last`, a tensor or a structure of them, is made from with the help of tensor `first`."""
    recorded = tf.get_collection(_COLLECTION)
    if not recorded:
        return []
    ops = set(tfc.graph_editor.get_walks_intersection_ops([first.op], [tensor.op for tensor in tf.nest.flatten(last)]))
    return [moments for moments in recorded if moments.mean.op in ops]


def record(copies):
    """Let BatchMoments that were copied with a network be averaged, too."""
    for moments in copies:
        tf.add_to_collection(_COLLECTION, moments)


def average(tensors):
    """Return the ops, a list, that average all BatchMoments which the tensors need, each after those before it."""
    recorded, updates = tf.get_collection(_COLLECTION), []
    needed = set(tfc.graph_editor.get_backward_walk_ops([tensor.op for tensor in tensors])) if recorded else ()
    for moments in recorded:
        if moments.mean.op in needed:
            with tf.control_dependencies(updates[-1:]):
                updates.append(tf.group(*[
                    tf.assign_sub(average, (1 - _DECAY) * (average.read_value() - value)) for average, value in (
                        (moments.mean_average, moments.mean), (moments.variance_average, moments.variance))]))
    return updates
