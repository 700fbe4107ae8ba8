"""The densities of a given posterior, for rows of what the networks see of x. All tensors are float32."""

from avb_tf1.ground.tensorflow import tf


def log_likelihood(x, z, problem):
    """Return log p(x|z), [n], nats, for x [n, d] as GivenPosterior.inputs has them and z [n, dim]."""
    return problem.log_likelihood(rows_of(x, tf.constant(problem.observations)), z)


def rows_of(x, values):
    """Return the row of values [n_x, ...] that belongs to each row of x [n, d], as GivenPosterior.inputs has them; [n, ...]."""
    if values.shape[0].value == 1:
        return tf.tile(values, tf.stack([tf.shape(x)[0]] + [1] * (values.shape.ndims - 1)))
    return tf.tensordot(x, values, 1)
