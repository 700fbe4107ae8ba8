"""Convolutional layers for images of which the other networks see rows of values. All tensors are float32.

Each layer has the variable scope and the seed of its own that networks' other layers have.
"""

from avb_tf1.graph import batch_norm
from avb_tf1.graph.activations import ACTIVATIONS
from avb_tf1.ground.seeds import op_seed
from avb_tf1.ground.tensorflow import tf, tfc


def n_colors(image_shape):
    """Return how many values a pixel of images of a shape, (rows, columns) or (rows, columns, 3), has."""
    return image_shape[2] if len(image_shape) == 3 else 1


def convolved(x, config, activation, image_shape, joined=None):
    """Return the features that convolutional layers make of images x [batch, n_values], row-major, a pixel's colours together.

    They are [batch, n]: all channels, by the last layer, of an image `stride` times smaller (rounded up) for each layer.
    `config` is a ConvolutionConfig, `activation` a function of a tensor or None, `image_shape` (rows, columns) or, of colour,
    (rows, columns, 3). `joined`: [batch, any], of which a linear layer is added to each convolution, before its activation;
    None: nothing. With config.has_batch_norm all but the last are normalised before it, by batch_norm.normalized.
    """
    images = tf.reshape(x, [-1, *image_shape[:2], n_colors(image_shape)])
    for number, (n_channels, stride) in enumerate(zip(config.n_channels, config.strides), 1):
        is_last = number == len(config.n_channels)
        normalize = batch_norm.normalized if config.has_batch_norm and not is_last else None
        own = {"activation_fn": activation, "normalizer_fn": normalize} if joined is None else {"activation_fn": None}
        images = tfc.layers.conv2d(images, n_channels, config.kernel_size, stride, **own,
                                   **own_scope("convolution_%d" % number))
        if joined is not None:
            images = _joined(images, joined, normalize, activation, "joined_%d" % number)
        if config.residual is not None and not is_last:
            images = _residual(images, config, activation, "residual_%d" % number)
    return tf.reshape(images, [-1, images.shape[1:].num_elements()])


def images_from(hidden, config, activation, image_shape, n_outputs=1):
    """Return what transposed convolutions make of features [batch, n], unbounded, [batch, n_outputs * n_values].

    The first n_values are the first output for each value of an image, row-major, and so on. A fully connected layer makes the
    smallest image, of n_channels[0]; each transposed convolution makes one `stride` times larger, of the next number of
    channels, the last the pixels. Where a size isn't a multiple of the stride, what is over at the lower and right edge is cut
    off; or, with config.odd_sizes: exact, the layer makes no more than is needed. `config` is a TransposedConvolutionConfig,
    `activation` a function of a tensor or None, that of the smallest image, and of the others unless config has its own;
    `image_shape` (rows, columns) or, of colour, (rows, columns, 3).
    """
    shapes = [tuple(image_shape[:2])]  # the largest first
    for stride in reversed(config.strides):
        shapes.append(tuple(-(-side // stride) for side in shapes[-1]))
    rows, columns = shapes.pop()
    images = tfc.layers.fully_connected(
        hidden, rows * columns * config.n_channels[0], activation_fn=activation, **own_scope("smallest"))
    images = tf.reshape(images, [-1, rows, columns, config.n_channels[0]])
    activation = ACTIVATIONS[config.activation] if config.activation else activation
    make = _exactly_transposed if config.odd_sizes == "exact" else _transposed
    all_channels = [*config.n_channels[1:], n_outputs * n_colors(image_shape)]
    for number, (n_channels, stride) in enumerate(zip(all_channels, config.strides), 1):
        is_last, shape = number == len(all_channels), shapes.pop()
        images = make(images, shape, n_channels, config.kernel_size, stride, None if is_last else activation,
                      "output" if is_last else "convolution_%d" % number)
        if config.residual is not None and not is_last:
            images = _residual(images, config, activation, "residual_%d" % number)
    n_pixels = image_shape[0] * image_shape[1]
    if n_outputs > 1:
        images = tf.transpose(tf.reshape(images, [-1, n_pixels, n_outputs, n_colors(image_shape)]), [0, 2, 1, 3])
    return tf.reshape(images, [-1, n_outputs * n_pixels * n_colors(image_shape)])


def _transposed(images, shape, n_channels, kernel_size, stride, activation, name):
    images = tfc.layers.conv2d_transpose(images, n_channels, kernel_size, stride, activation_fn=activation, **own_scope(name))
    return images[:, :shape[0], :shape[1]]


def _exactly_transposed(images, shape, n_channels, kernel_size, stride, activation, name):
    """tf.contrib.layers has none of a given size."""
    own = own_scope(name)
    with tf.variable_scope(own["scope"]):
        weights = tf.get_variable("weights", [kernel_size, kernel_size, n_channels, images.shape[3].value],
                                  initializer=own["weights_initializer"])
        biases = tf.get_variable("biases", [n_channels], initializer=tf.zeros_initializer())
        size = tf.stack([tf.shape(images)[0], *shape, n_channels])
        images = tf.nn.bias_add(tf.nn.conv2d_transpose(images, weights, size, [1, stride, stride, 1]), biases)
        images.set_shape([None, *shape, n_channels])
        return images if activation is None else activation(images)


def _joined(images, inputs, normalize, activation, name):
    """activation(images + a layer of inputs [batch, any], one weight for each pixel and channel)."""
    shape = images.shape[1:].as_list()
    added = tfc.layers.fully_connected(inputs, images.shape[1:].num_elements(), activation_fn=None, **own_scope(name))
    images += tf.reshape(added, [-1, *shape])
    if normalize is not None:
        with tf.variable_scope(name):
            images = normalize(images)
    return images if activation is None else activation(images)


def _residual(images, config, activation, name):
    """See ResidualConfig. Not the identity beside a residual: each of its layers changes by its activation what it adds to."""
    residual, n_channels = config.residual, images.shape[3].value
    for number in range(1, residual.n_layers + 1):
        images = activation(images)
        inner = images
        with tf.variable_scope("%s_%d" % (name, number)):
            if residual.wiring == "intended":
                inner = tfc.layers.conv2d(images, residual.n_channels, config.kernel_size, activation_fn=activation,
                                          **own_scope("hidden"))
            images += tfc.layers.conv2d(inner, n_channels, config.kernel_size, activation_fn=None, **own_scope("output"))
    return images


def own_scope(name, weights_initializer=None, deviation=None):
    """Return the arguments, a dict, that give a layer of tf.contrib.layers its scope and, without an initializer, its seed.

    The weights are Xavier's then or, with `deviation`, a float, of a truncated normal of that standard deviation.
    """
    seed = op_seed("%s/%s" % (tf.get_variable_scope().name, name))
    if weights_initializer is None and deviation is not None:
        weights_initializer = tf.truncated_normal_initializer(stddev=deviation, seed=seed)
    return {"scope": name, "weights_initializer": weights_initializer or tfc.layers.xavier_initializer(seed=seed)}
