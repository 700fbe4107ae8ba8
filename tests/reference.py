"""An independent implementation of the networks, losses and Adam in numpy, float64."""

import numpy as np

ACTIVATIONS = {
    "linear": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "elu": lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
    "tanh": np.tanh,
    "leaky_relu": lambda a: np.where(a > 0, a, 0.2 * a),
}


def mlp(weights, scope, inputs, n_hidden_layers, activation, output="output", output_activation="linear"):
    for number in range(1, n_hidden_layers + 1):
        inputs = layer(weights, "%s/hidden_%d" % (scope, number), inputs, activation)
    return layer(weights, "%s/%s" % (scope, output), inputs, output_activation)


def layer(weights, scope, inputs, activation):
    return ACTIVATIONS[activation](inputs @ weights[scope + "/weights"] + weights[scope + "/biases"])


def centered(x, network):
    return 2 * x - 1 if network.center_input else x


def encoder(weights, x, eps, network):
    return mlp(weights, "encoder", np.hstack([centered(x, network), eps]), network.n_hidden_layers, network.activation)


def moment_encoder(weights, x, eps, moment_eps, network):
    """Return z, and the mean and variance of q(z|x) by the draws moment_eps."""
    x, basis = centered(x, network), network.basis
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


def decoder(weights, z, network):
    logits = mlp(weights, "decoder", z, network.n_hidden_layers, network.activation)
    return network.probability_margin + (1 - 2 * network.probability_margin) / (1 + np.exp(-logits))


def discriminator(weights, x, z, network):
    return DISCRIMINATORS[network.kind](weights, centered(x, network), z, network)


def concat_discriminator(weights, x, z, network):
    return mlp(weights, "discriminator", np.hstack([x, z]), network.n_hidden_layers, network.activation)


def inner_product_discriminator(weights, x, z, network):
    return network.output_scale * np.sum(
        branch(weights, "x", x, network) * branch(weights, "z", z, network), axis=1, keepdims=True)


def offset_inner_product_discriminator(weights, x, z, network):
    product = np.sum(branch(weights, "x", x, network) * branch(weights, "z", z, network), axis=1, keepdims=True)
    offsets = [mlp(weights, "discriminator/" + name, inputs, network.n_hidden_layers, network.activation)
               for name, inputs in (("x_offset", x), ("z_offset", z))]
    return product + sum(offsets) + network.squared_norm_factor * np.sum(z**2, axis=1, keepdims=True)


def branch(weights, name, inputs, network):
    return mlp(weights, "discriminator/" + name, inputs, network.n_hidden_layers, network.activation,
               output_activation=network.output_activation)


def residual_discriminator(weights, x, z, network):
    hidden = layer(weights, "discriminator/input", np.hstack([x, z]), network.activation)
    for number in range(1, network.n_blocks + 1):
        scope = "discriminator/block_%d/" % number
        inner = layer(weights, scope + "hidden", hidden, network.block_activation)
        hidden = ACTIVATIONS[network.activation](hidden + layer(weights, scope + "output", inner, "linear"))
    return (layer(weights, "discriminator/output", hidden, "linear")
            + network.squared_norm_factor * np.sum(z**2, axis=1, keepdims=True))


DISCRIMINATORS = {
    "concat": concat_discriminator, "inner_product": inner_product_discriminator,
    "offset_inner_product": offset_inner_product_discriminator, "residual": residual_discriminator}


def log_normal(z, mean, variance):
    """log N(z; mean, diag(variance)), [n, 1]."""
    return -0.5 * np.sum((z - mean)**2 / variance + np.log(2 * np.pi * variance), axis=1, keepdims=True)


def losses(weights, x, eps, z_prior, model):
    """Return the generator's and the discriminator's loss."""
    z = encoder(weights, x, eps, model.encoder)
    p = decoder(weights, z, model.decoder)
    log_likelihood = np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1)
    t_posterior = discriminator(weights, x, z, model.discriminator)
    t_prior = discriminator(weights, x, z_prior, model.discriminator)
    return (np.mean(t_posterior) - np.mean(log_likelihood),
            np.mean(np.logaddexp(0, -t_posterior) + np.logaddexp(0, t_prior)))


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


def first_adam_update(gradient, config):
    """What Adam adds to a weight in its first step (Kingma and Ba 2015, Algorithm 1, epsilon as in TensorFlow's form)."""
    m = (1 - config.beta1) * gradient
    v = (1 - config.beta2) * gradient**2
    rate = config.learning_rate * np.sqrt(1 - config.beta2) / (1 - config.beta1)
    return -rate * m / (np.sqrt(v) + config.epsilon)
