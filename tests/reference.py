"""An independent implementation of the networks, losses and Adam in numpy, float64."""

import numpy as np

ACTIVATIONS = {
    "linear": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "elu": lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
    "tanh": np.tanh,
    "softplus": lambda a: np.logaddexp(0, a),
    "elu_of_5_less": lambda a: np.where(a > 5, a - 4, np.exp(np.minimum(a - 5, 0))),
    "leaky_relu": lambda a: np.where(a > 0, a, 0.2 * a),
    "leaky_relu_0.01": lambda a: np.where(a > 0, a, 0.01 * a),
}


def mlp(weights, scope, inputs, n_hidden_layers, activation, output="output", output_activation="linear"):
    for number in range(1, n_hidden_layers + 1):
        inputs = layer(weights, "%s/hidden_%d" % (scope, number), inputs, activation)
    return layer(weights, "%s/%s" % (scope, output), inputs, output_activation)


def layer(weights, scope, inputs, activation):
    return ACTIVATIONS[activation](inputs @ weights[scope + "/weights"] + weights[scope + "/biases"])


def centered(x, network):
    return 2 * x - 1 if network.center_input else x


def shifted(images, rows, columns, stride, shape):
    """The pixels at (rows + stride * i, columns + stride * j) of images with zeros around them, [n, *shape, n_channels]."""
    padded = np.pad(images, ((0, 0), (99, 99), (99, 99), (0, 0)), "constant")
    return padded[:, 99 + rows:, 99 + columns:][:, :stride * shape[0]:stride, :stride * shape[1]:stride]


def padding(size, smaller, kernel_size, stride):
    """How many zeros are before the first pixel of an image of `size` that a convolution makes `smaller`: TensorFlow's SAME."""
    return max((smaller - 1) * stride + kernel_size - size, 0) // 2


def convolution(weights, scope, images, stride):
    """Without activation; biases where there are any."""
    kernel = weights[scope + "/weights"]
    shape = [-(-side // stride) for side in images.shape[1:3]]
    before = [padding(size, smaller, len(kernel), stride) for size, smaller in zip(images.shape[1:3], shape)]
    total = np.zeros((len(images), *shape, kernel.shape[3])) + weights.get(scope + "/biases", 0)
    for row, column in np.ndindex(kernel.shape[:2]):
        total += shifted(images, row - before[0], column - before[1], stride, shape) @ kernel[row, column]
    return total


def transposed_convolution(weights, scope, images, stride, shape):
    """To images of a shape, (rows, columns): each of a smaller image's pixels adds its kernel where a convolution sees it."""
    kernel = weights[scope + "/weights"]
    before = [padding(size, smaller, len(kernel), stride) for size, smaller in zip(shape, images.shape[1:3])]
    total = np.zeros((len(images), shape[0] + 198, shape[1] + 198, kernel.shape[2]))
    for row, column in np.ndindex(kernel.shape[:2]):
        begin = [99 + row - before[0], 99 + column - before[1]]
        rows, columns = (slice(first, first + stride * n, stride) for first, n in zip(begin, images.shape[1:3]))
        total[:, rows, columns] += images @ kernel[row, column].T
    return total[:, 99:99 + shape[0], 99:99 + shape[1]] + weights[scope + "/biases"]


def batch_normalization(weights, scope, images, averages):
    """By the batch's own moments or, if `averages` isn't None, by those in it, by scope: (means, variances)."""
    mean, variance = averages[scope] if averages else (images.mean(axis=(0, 1, 2)), images.var(axis=(0, 1, 2)))
    return weights[scope + "/scale"] * (images - mean) / np.sqrt(variance + 1e-3) + weights[scope + "/offset"]


def residual(weights, scope, images, activation, config):
    for number in range(1, config.n_layers + 1):
        images = ACTIVATIONS[activation](images)
        inner = images
        if config.wiring == "intended":
            inner = ACTIVATIONS[activation](convolution(weights, "%s_%d/hidden" % (scope, number), inner, 1))
        images = images + convolution(weights, "%s_%d/output" % (scope, number), inner, 1)
    return images


def features(weights, scope, x, network, image_shape=None, joined=None, averages=None):
    """What the first hidden layer sees of x [n, n_values]."""
    x, config = centered(x, network), network.convolution
    if config is None:
        return x
    images = x.reshape(len(x), *image_shape, -1) if len(image_shape) == 2 else x.reshape(len(x), *image_shape)
    for number, stride in enumerate(config.strides, 1):
        is_last = number == len(config.strides)
        own = "%s/convolution_%d" % (scope, number)
        images = convolution(weights, own, images, stride)
        if joined is not None:
            own = "%s/joined_%d" % (scope, number)
            images = images + layer(weights, own, joined, "linear").reshape(images.shape)
        if config.has_batch_norm and not is_last:
            images = batch_normalization(weights, own, images, averages)
        images = ACTIVATIONS[network.activation](images)
        if config.residual is not None and not is_last:
            images = residual(weights, "%s/residual_%d" % (scope, number), images, network.activation, config.residual)
    return images.reshape(len(x), -1)


def encoder(weights, x, eps, network, image_shape=None):
    joins = network.noise_enters == "convolutions"
    seen = features(weights, "encoder", x, network, image_shape, eps if joins else None)
    return mlp(weights, "encoder", seen if joins else np.hstack([seen, eps]), network.n_hidden_layers, network.activation)


def moment_encoder(weights, x, eps, moment_eps, network, image_shape=None, averages=None):
    """Return z, and the mean and variance of q(z|x) by the draws moment_eps."""
    x, basis = features(weights, "encoder", x, network, image_shape, averages=averages), network.basis
    z = mlp(weights, "encoder", x, network.n_hidden_layers, network.activation)
    mean, variance = z, network.added_variance
    for number in range(basis.n_vectors):
        a = mlp(weights, "encoder", x, network.n_hidden_layers, network.activation,
                "coefficient_%d" % (number + 1), network.coefficient_activation)
        columns = slice(number * basis.noise_dim, (number + 1) * basis.noise_dim)
        v, draws = (mlp(weights, "encoder/basis_%d" % (number + 1), noise[:, columns], basis.n_hidden_layers, basis.activation)
                    for noise in (eps, moment_eps))
        z = z + a * v
        mean = mean + a * draws.mean(axis=0)
        variance = variance + a**2 * draws.var(axis=0)
    return z, mean, variance


def decoder_logits(weights, z, network, image_shape=None, n_outputs=1):
    """[n, n_outputs * n_values], the first n_values those of the first output, row-major."""
    if network.convolution is None:
        return mlp(weights, "decoder", z, network.n_hidden_layers, network.activation)
    config, hidden = network.convolution, z
    for number in range(1, network.n_hidden_layers + 1):
        hidden = layer(weights, "decoder/hidden_%d" % number, hidden, network.activation)
    shapes = [image_shape[:2]]
    for stride in config.strides[::-1]:
        shapes.insert(0, tuple(-(-side // stride) for side in shapes[0]))
    images = layer(weights, "decoder/smallest", hidden, network.activation).reshape(len(z), *shapes[0], -1)
    activation = config.activation or network.activation
    for number, (stride, shape) in enumerate(zip(config.strides, shapes[1:]), 1):
        if number == len(config.strides):
            images = transposed_convolution(weights, "decoder/output", images, stride, shape)
        else:
            own = "decoder/convolution_%d" % number
            images = ACTIVATIONS[activation](transposed_convolution(weights, own, images, stride, shape))
            if config.residual is not None:
                images = residual(weights, "decoder/residual_%d" % number, images, activation, config.residual)
    of_each = np.split(images, n_outputs, axis=3)
    return np.concatenate([output.reshape(len(z), -1) for output in of_each], axis=1)


def decoder(weights, z, network):
    logits = decoder_logits(weights, z, network)
    return network.probability_margin + (1 - 2 * network.probability_margin) / (1 + np.exp(-logits))


def discriminator(weights, x, z, network, image_shape=None, averages=None):
    if network.kind == "convolutional":
        seen = features(weights, "discriminator", x, network, image_shape, z, averages)
        return (mlp(weights, "discriminator", seen, network.n_hidden_layers, network.activation)
                + network.squared_norm_factor * np.sum(z**2, axis=1, keepdims=True))
    return DISCRIMINATORS[network.kind](weights, centered(x, network), z, network)


def concat_discriminator(weights, x, z, network):
    return mlp(weights, "discriminator", np.hstack([x, z]), network.n_hidden_layers, network.activation)


def inner_product_discriminator(weights, x, z, network):
    return network.output_scale * np.sum(
        branch(weights, "x", x, network) * branch(weights, "z", z, network), axis=1, keepdims=True)


def offset_inner_product_discriminator(weights, x, z, network):
    of_z = "linear" if network.activated_factors == "of_x" else network.output_activation
    product = np.sum(branch(weights, "x", x, network) * branch(weights, "z", z, network, of_z), axis=1, keepdims=True)
    offsets = [mlp(weights, "discriminator/" + name, inputs, network.n_hidden_layers, network.activation)
               for name, inputs in (("x_offset", x), ("z_offset", z))]
    return product + sum(offsets) + network.squared_norm_factor * np.sum(z**2, axis=1, keepdims=True)


def branch(weights, name, inputs, network, output_activation=None):
    return mlp(weights, "discriminator/" + name, inputs, network.n_hidden_layers, network.activation,
               output_activation=output_activation or network.output_activation)


def residual_discriminator(weights, x, z, network):
    hidden = layer(weights, "discriminator/input", np.hstack([x, z]), network.activation)
    for number in range(1, network.n_blocks + 1):
        scope = "discriminator/block_%d/" % number
        inner = layer(weights, scope + "hidden", hidden, network.block_activation)
        hidden = ACTIVATIONS[network.activation](hidden + layer(weights, scope + "output", inner, "linear"))
    return (layer(weights, "discriminator/output", hidden, "linear")
            + network.squared_norm_factor * np.sum(z**2, axis=1, keepdims=True))


def sum_discriminator(weights, x, z, network):
    hidden = 0
    for scope, inputs in (("x", x), ("z", z)):
        for number in range(1, network.n_hidden_layers + 1):
            inputs = layer(weights, "discriminator/%s/hidden_%d" % (scope, number), inputs, network.activation)
        hidden = hidden + inputs
    return mlp(weights, "discriminator", hidden, network.n_hidden_layers, network.activation)


DISCRIMINATORS = {
    "concat": concat_discriminator, "inner_product": inner_product_discriminator,
    "offset_inner_product": offset_inner_product_discriminator, "residual": residual_discriminator,
    "sum": sum_discriminator}


def log_normal(z, mean, variance):
    """log N(z; mean, diag(variance)), [n, 1]."""
    return -0.5 * np.sum((z - mean)**2 / variance + np.log(2 * np.pi * variance), axis=1, keepdims=True)


def losses(weights, x, eps, z_prior, model, discriminator_loss="cross_entropy"):
    """Return the generator's and the discriminator's loss."""
    z = encoder(weights, x, eps, model.encoder)
    p = decoder(weights, z, model.decoder)
    log_likelihood = np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1)
    t_posterior = discriminator(weights, x, z, model.discriminator)
    if getattr(model.discriminator, "all_pairs", False):
        n = len(x)
        x, z_prior = np.repeat(x, n, axis=0), np.tile(z_prior, (n, 1))
    t_prior = discriminator(weights, x, z_prior, model.discriminator)
    of_discriminator = {"cross_entropy": np.mean(np.logaddexp(0, -t_posterior)) + np.mean(np.logaddexp(0, t_prior)),
                        "fenchel_dual": np.mean(np.exp(t_prior)) - 1 - np.mean(t_posterior)}
    return np.mean(t_posterior) - np.mean(log_likelihood), of_discriminator[discriminator_loss]


def gradient(function, weights, name, step=1e-6):
    """Central differences of function(weights) by each entry of weights[name]."""
    result = np.zeros_like(weights[name])
    for index in np.ndindex(*result.shape):
        values = []
        for sign in (1, -1):
            moved = weights[name].copy()
            moved[index] += sign * step
            values.append(function(dict(weights, **{name: moved})))
        result[index] = (values[0] - values[1]) / (2 * step)
    return result


def adam_update(gradient, config, iteration=1, moments=(0, 0)):
    """What Adam adds to a weight, and its new moments (Kingma and Ba 2015, Algorithm 1, epsilon as in TensorFlow's form)."""
    m = config.beta1 * moments[0] + (1 - config.beta1) * gradient
    v = config.beta2 * moments[1] + (1 - config.beta2) * gradient**2
    rate = config.learning_rate * np.sqrt(1 - config.beta2**iteration) / (1 - config.beta1**iteration)
    return -rate * m / (np.sqrt(v) + config.epsilon), (m, v)


def tutorial_losses_and_gradients(weights, images, noise, prior):
    """The tutorial's losses and, derived by hand, their gradients by the variables that each one's optimiser moves.

    Args:
        weights: those of encoder, decoder and discriminator: weights and biases of three layers each.
        images: [n, 4]; noise: [n, 4]; prior: [n, 2].

    Returns:
        (generator loss, discriminator loss), gradients like `weights`.
    """
    encoder, decoder, discriminator = weights
    n, margin = len(images), 1e-6

    z, encoder_layers = _forward(encoder, np.hstack([images, noise]))
    logits, decoder_layers = _forward(decoder, z)
    t_prior, prior_layers = _forward(discriminator, np.hstack([2 * images - 1, prior]))
    t_posterior, posterior_layers = _forward(discriminator, np.hstack([2 * images - 1, z]))
    on = 1 / (1 + np.exp(-logits))
    p = margin + (1 - 2 * margin) * on
    log_likelihood = np.sum(images * np.log(p) + (1 - images) * np.log(1 - p), axis=1)
    losses = (np.mean(t_posterior) - np.mean(log_likelihood),
              np.mean(np.logaddexp(0, -t_posterior)) + np.mean(np.logaddexp(0, t_prior)))

    by_logits = -(images / p - (1 - images) / (1 - p)) * (1 - 2 * margin) * on * (1 - on) / n
    decoder_gradients, by_z = _backward(decoder, decoder_layers, by_logits)
    by_posterior_input = _backward(discriminator, posterior_layers, np.full((n, 1), 1 / n))[1]
    encoder_gradients, _ = _backward(encoder, encoder_layers, by_z + by_posterior_input[:, 4:])
    from_prior, from_posterior = (_backward(discriminator, layers, by_t / n)[0] for layers, by_t in (
        (prior_layers, 1 / (1 + np.exp(-t_prior))), (posterior_layers, -1 / (1 + np.exp(t_posterior)))))
    return losses, [encoder_gradients, decoder_gradients, [a + b for a, b in zip(from_prior, from_posterior)]]


def _forward(weights, inputs):
    """Two ReLU layers and a linear one: the output, and the input of each layer."""
    w_1, b_1, w_2, b_2, w_3, b_3 = weights
    first = np.maximum(inputs @ w_1 + b_1, 0)
    second = np.maximum(first @ w_2 + b_2, 0)
    return second @ w_3 + b_3, (inputs, first, second)


def _backward(weights, layers, by_output):
    """The gradients by a network's weights and biases, and by its input, from those by its output."""
    gradients = []
    for number in (2, 1, 0):
        gradients = [layers[number].T @ by_output, by_output.sum(axis=0)] + gradients
        by_output = by_output @ weights[2 * number].T
        if number:
            by_output = by_output * (layers[number] > 0)
    return gradients, by_output
