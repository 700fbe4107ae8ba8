"""Normalizing flows: invertible layers between the noise of a Gaussian and z, a function for each family.

It makes one invertible.Layer, in whose functions a variable scope is open; each use of them is of the same weights. All tensors
are float32.
"""

import math

import numpy as np

from avb_tf1.graph import networks
from avb_tf1.graph.invertible import Layer
from avb_tf1.ground.seeds import op_seed
from avb_tf1.ground.tensorflow import tf, tfc, tfp

_LEAST_WIDTH = 1e-2           # of a spline's bin, as a share of the range
_LEAST_SLOPE = 1e-2           # of a spline at a knot


def layers(gaussian, context, dim, config):
    """Return the Layers from noise to z, a list: the flow's, before or after a Gaussian's, as config.acts_on says.

    Args:
        gaussian: Layer from noise to samples of a Gaussian.
        context: [n, any], what the flow's layers see of x.
        dim: int, of z; config: a config's section model.flow.
    """
    flow = []
    for number in range(1, config.depth + 1):
        with tf.variable_scope("flow/layer_%d" % number, reuse=tf.AUTO_REUSE) as scope:
            made = _FAMILIES[config.kind](context, dim, config)
        flow += [Layer(_within(scope, made.forward), made.inverse and _within(scope, made.inverse)), _REVERSED]
    return [gaussian, *flow] if config.acts_on == "samples" else [*flow, gaussian]


def _within(scope, function):
    def go(z):
        with tf.variable_scope(scope, reuse=tf.AUTO_REUSE):
            return function(z)
    return go


_REVERSED = Layer(*[lambda z: (tf.reverse(z, axis=[1]), tf.zeros(tf.shape(z)[:1]))] * 2)


def _iaf(context, dim, config):
    """Inverse autoregressive (Kingma et al. 2016, section 3), as avb/iaf of LMescheder/AdversarialVariationalBayes ee29153.

    z' = gate z + (1 - gate) m, where gate, a sigmoid, and m of a coordinate are made of the coordinates before it, by a masked
    network (MADE) that the context comes into unmasked. There shift_scale is .1, gate_scale .01, the masks are drawn at random,
    and the weights never trained.
    """
    n_before = np.arange(dim)  # of each coordinate, how many come before it
    degrees = [np.arange(size) % (dim - 1) + 1 for size in config.hidden_sizes]  # a unit sees so many coordinates
    activation = networks.ACTIVATIONS[config.activation]

    def parts(z):
        hidden, seen = networks.linear(context, config.hidden_sizes[0], "context"), n_before + 1
        for number, own in enumerate(degrees, 1):
            inputs = z if number == 1 else hidden
            masked = _masked(inputs, seen[:, np.newaxis] <= own, "hidden_%d" % number)
            hidden, seen = activation(masked + hidden if number == 1 else masked), own
        of_hidden, of_z = seen[:, np.newaxis] <= n_before, n_before[:, np.newaxis] < n_before
        m, s = (_masked(hidden, of_hidden, scope) + _masked(z, of_z, scope + "_of_z") for scope in ("shift", "gate"))
        s, m = 1 + config.gate_scale * s, config.shift_scale * m
        return tf.nn.sigmoid(s), m, -tf.reduce_sum(tf.nn.softplus(-s), axis=1)

    def forward(z):
        gate, m, log_det = parts(z)
        return gate * z + (1 - gate) * m, log_det

    def inverse(image):
        z = tf.zeros_like(image)
        for _ in range(dim):  # each time one more coordinate is right
            gate, m, log_det = parts(z)
            z = (image - (1 - gate) * m) / gate
        return z, log_det

    return Layer(forward, inverse)


def _masked(inputs, mask, scope):
    """A linear layer whose weights are 0 where mask [n_inputs, n_outputs] is False."""
    with tf.variable_scope(scope, reuse=tf.AUTO_REUSE) as own:
        weights = tf.get_variable("weights", mask.shape, initializer=tfc.layers.xavier_initializer(seed=op_seed(own.name)))
        biases = tf.get_variable("biases", mask.shape[1:], initializer=tf.zeros_initializer())
    return tf.matmul(inputs, weights * mask.astype(np.float32)) + biases


def _coupling(context, dim, config):
    """z' = z exp(log_scale) + shift for one half of the coordinates, by the others; at first z (Dinh et al. 2017)."""
    def of_outputs(outputs):
        shift, raw = tf.split(outputs, 2, axis=1)
        log_scale = config.max_log_scale * tf.tanh(raw / config.max_log_scale)
        log_det = tf.reduce_sum(log_scale, axis=1)
        return Layer(lambda z: (z * tf.exp(log_scale) + shift, log_det), lambda z: ((z - shift) * tf.exp(-log_scale), log_det))

    return _of_half(context, dim, 2, of_outputs, config)


def _spline(context, dim, config):
    """A monotone rational-quadratic spline of each coordinate of one half, by the others, at first z, as beyond the range.

    Durkan et al., Neural Spline Flows, 2019, section 3.1.
    """
    n_bins, whole = config.n_bins, 2 * config.range

    def of_outputs(outputs):
        n = outputs.shape[1].value // (3 * n_bins - 1)
        widths, heights, slopes = tf.split(
            tf.reshape(outputs, [-1, n, 3 * n_bins - 1]), [n_bins, n_bins, n_bins - 1], axis=2)
        rest = 1 - n_bins * _LEAST_WIDTH
        widths, heights = (whole * (_LEAST_WIDTH + rest * tf.nn.softmax(raw)) for raw in (widths, heights))
        # softplus(log(e - 1)) = 1
        slopes = _LEAST_SLOPE + (1 - _LEAST_SLOPE) * tf.nn.softplus(slopes + math.log(math.e - 1))
        spline = tfp.bijectors.RationalQuadraticSpline(widths, heights, slopes, -config.range)

        def with_shape(function, z):
            return tf.ensure_shape(function(z), z.shape)  # which it forgets

        def inverse(image):
            z = with_shape(spline.inverse, image)
            return z, spline.forward_log_det_jacobian(z, 1)

        return Layer(lambda z: (with_shape(spline.forward, z), spline.forward_log_det_jacobian(z, 1)), inverse)

    return _of_half(context, dim, 3 * n_bins - 1, of_outputs, config)


def _of_half(context, dim, n_outputs, of_outputs, config):
    """The Layer that keeps the first half of the coordinates and changes the others.

    of_outputs(what a network makes of the first half and the context, n_outputs for each of the others) is their Layer.
    """
    n_kept = dim // 2

    def changed(kept):
        hidden = networks.hidden_layers(tf.concat([kept, context], 1), config)
        return of_outputs(networks.linear(hidden, n_outputs * (dim - n_kept), "output", tf.zeros_initializer()))

    def one_way(name):
        def go(z):
            others, log_det = getattr(changed(z[:, :n_kept]), name)(z[:, n_kept:])
            return tf.concat([z[:, :n_kept], others], 1), log_det
        return go

    return Layer(one_way("forward"), one_way("inverse"))


_FAMILIES = {"iaf": _iaf, "coupling": _coupling, "spline": _spline}
