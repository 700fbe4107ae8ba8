"""What follows a layer, by the names that configs have for it."""

import functools

from avb_tf1.ground.tensorflow import tf

ACTIVATIONS = {"linear": None, "relu": tf.nn.relu, "elu": tf.nn.elu, "tanh": tf.nn.tanh, "softplus": tf.nn.softplus,
               "leaky_relu": tf.nn.leaky_relu, "leaky_relu_0.01": functools.partial(tf.nn.leaky_relu, alpha=0.01),
               "elu_of_5_less": lambda inputs: tf.nn.elu(inputs - 5.0) + 1.0}
