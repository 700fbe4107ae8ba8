"""An independent implementation of the networks, losses and Adam in numpy, float64."""

import numpy as np

ACTIVATIONS = {
    "relu": lambda a: np.maximum(a, 0),
    "elu": lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
    "tanh": np.tanh,
    "leaky_relu": lambda a: np.where(a > 0, a, 0.2 * a),
}


def mlp(weights, scope, inputs, n_hidden_layers, activation, output="output"):
    for number in range(1, n_hidden_layers + 1):
        layer = "%s/hidden_%d/" % (scope, number)
        inputs = ACTIVATIONS[activation](inputs @ weights[layer + "weights"] + weights[layer + "biases"])
    return inputs @ weights["%s/%s/weights" % (scope, output)] + weights["%s/%s/biases" % (scope, output)]


def encoder(weights, x, eps, network):
    x = 2 * x - 1 if network.center_input else x
    return mlp(weights, "encoder", np.hstack([x, eps]), network.n_hidden_layers, network.activation)


def decoder(weights, z, network):
    logits = mlp(weights, "decoder", z, network.n_hidden_layers, network.activation)
    return network.probability_margin + (1 - 2 * network.probability_margin) / (1 + np.exp(-logits))


def discriminator(weights, x, z, network):
    x = 2 * x - 1 if network.center_input else x
    if network.kind == "concat":
        return mlp(weights, "discriminator", np.hstack([x, z]), network.n_hidden_layers, network.activation)
    factors = [mlp(weights, "discriminator/" + name, inputs, network.n_hidden_layers, network.activation)
               for name, inputs in (("x", x), ("z", z))]
    return np.sum(factors[0] * factors[1], axis=1, keepdims=True)


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
