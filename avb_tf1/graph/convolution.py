"""Convolutional layers for images of which the other networks see rows of values. All tensors are float32.

Each layer has the variable scope and the seed of its own that networks' other layers have.
"""

from avb_tf1.ground.seeds import op_seed
from avb_tf1.ground.tensorflow import tf, tfc


def convolved(x, config, activation, image_shape):
    """Return the features that convolutional layers make of images x [batch, n_values], row-major, a pixel's colours together.

    They are [batch, n]: all channels, by the last layer, of an image `stride` times smaller (rounded up) for each layer.
    `config` is a ConvolutionConfig, `activation` a function of a tensor or None, `image_shape` (rows, columns) or, of colour,
    (rows, columns, 3).
    """
    images = tf.reshape(x, [-1, *image_shape[:2], n_colors(image_shape)])
    for number, n_channels in enumerate(config.n_channels, 1):
        images = tfc.layers.conv2d(images, n_channels, config.kernel_size, config.stride, activation_fn=activation,
                                   **own_scope("convolution_%d" % number))
    return tf.reshape(images, [-1, images.shape[1:].num_elements()])


def n_colors(image_shape):
    """Return how many values a pixel of images of a shape, (rows, columns) or (rows, columns, 3), has."""
    return image_shape[2] if len(image_shape) == 3 else 1


def images_from(hidden, config, activation, image_shape, n_outputs=1):
    """Return what transposed convolutions make of features [batch, n], unbounded, [batch, n_outputs * n_values].

    The first n_values are the first output for each value of an image, row-major, and so on.

    A fully connected layer makes the smallest image, of n_channels[0]; each transposed convolution makes one `stride` times
    larger, of the next number of channels, the last the pixels. Where a size isn't a multiple of the stride, what is over at
    the lower and right edge is cut off. `config` is a ConvolutionConfig, `activation` a function of a tensor or None,
    `image_shape` (rows, columns) or, of colour, (rows, columns, 3).
    """
    shapes = [tuple(image_shape[:2])]  # the largest first
    for _ in config.n_channels:
        shapes.append(tuple(-(-side // config.stride) for side in shapes[-1]))
    rows, columns = shapes.pop()
    images = tfc.layers.fully_connected(
        hidden, rows * columns * config.n_channels[0], activation_fn=activation, **own_scope("smallest"))
    images = tf.reshape(images, [-1, rows, columns, config.n_channels[0]])
    all_channels = [*config.n_channels[1:], n_outputs * n_colors(image_shape)]
    for number, n_channels in enumerate(all_channels, 1):
        is_last = number == len(all_channels)
        images = tfc.layers.conv2d_transpose(
            images, n_channels, config.kernel_size, config.stride, activation_fn=None if is_last else activation,
            **own_scope("output" if is_last else "convolution_%d" % number))
        rows, columns = shapes.pop()
        images = images[:, :rows, :columns]
    if n_outputs > 1:
        images = tf.transpose(tf.reshape(images, [-1, rows * columns, n_outputs, n_colors(image_shape)]), [0, 2, 1, 3])
    return tf.reshape(images, [-1, n_outputs * n_colors(image_shape) * rows * columns])


def own_scope(name, weights_initializer=None):
    """Return the arguments, a dict, that give a layer of tf.contrib.layers its scope and, without an initializer, its seed."""
    seed = op_seed("%s/%s" % (tf.get_variable_scope().name, name))
    return {"scope": name, "weights_initializer": weights_initializer or tfc.layers.xavier_initializer(seed=seed)}
