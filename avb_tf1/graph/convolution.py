"""Convolutional layers for images of which the other networks see rows of pixels. All tensors are float32.

Each layer has the variable scope and the seed of its own that networks' other layers have.
"""

from avb_tf1.ground.seeds import op_seed
from avb_tf1.ground.tensorflow import tf, tfc


def convolved(x, config, activation, image_shape):
    """Return the features that convolutional layers make of images x [batch, n_pixels], row-major.

    They are [batch, n]: all channels, by the last layer, of an image `stride` times smaller (rounded up) for each layer.
    `config` is a ConvolutionConfig, `activation` a function of a tensor or None, `image_shape` (rows, columns).
    """
    images = tf.reshape(x, [-1, *image_shape, 1])
    for number, n_channels in enumerate(config.n_channels, 1):
        images = tfc.layers.conv2d(images, n_channels, config.kernel_size, config.stride, activation_fn=activation,
                                   **own_scope("convolution_%d" % number))
    return tf.reshape(images, [-1, images.shape[1:].num_elements()])


def images_from(hidden, config, activation, image_shape):
    """Return the pixels that transposed convolutions make of features [batch, n], unbounded, [batch, n_pixels].

    A fully connected layer makes the smallest image, of n_channels[0]; each transposed convolution makes one `stride` times
    larger, of the next number of channels, the last the pixels. Where a size isn't a multiple of the stride, what is over at
    the lower and right edge is cut off. `config` is a ConvolutionConfig, `activation` a function of a tensor or None,
    `image_shape` (rows, columns).
    """
    shapes = [tuple(image_shape)]  # the largest first
    for _ in config.n_channels:
        shapes.append(tuple(-(-side // config.stride) for side in shapes[-1]))
    rows, columns = shapes.pop()
    images = tfc.layers.fully_connected(
        hidden, rows * columns * config.n_channels[0], activation_fn=activation, **own_scope("smallest"))
    images = tf.reshape(images, [-1, rows, columns, config.n_channels[0]])
    n_outputs = [*config.n_channels[1:], 1]
    for number, n_channels in enumerate(n_outputs, 1):
        is_last = number == len(n_outputs)
        images = tfc.layers.conv2d_transpose(
            images, n_channels, config.kernel_size, config.stride, activation_fn=None if is_last else activation,
            **own_scope("output" if is_last else "convolution_%d" % number))
        rows, columns = shapes.pop()
        images = images[:, :rows, :columns]
    return tf.reshape(images, [-1, rows * columns])


def own_scope(name, weights_initializer=None):
    """Return the arguments, a dict, that give a layer of tf.contrib.layers its scope and, without an initializer, its seed."""
    seed = op_seed("%s/%s" % (tf.get_variable_scope().name, name))
    return {"scope": name, "weights_initializer": weights_initializer or tfc.layers.xavier_initializer(seed=seed)}
