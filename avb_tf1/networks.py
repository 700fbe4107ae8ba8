"""Encoder, decoder and discriminator, each under a variable scope of its own (tutorial, "Model construction").

Called again in the same graph, each function reuses the variables that its first call made. All tensors are float32.
"""

import zlib

from avb_tf1.quiet_tensorflow import tf, tfc

_ACTIVATIONS = {"relu": tf.nn.relu, "elu": tf.nn.elu, "tanh": tf.nn.tanh, "leaky_relu": tf.nn.leaky_relu}


def op_seed(name):
    """Return the op seed, 0 to 2**31 - 1, of the random op or initialiser called `name`.

    With the graph seed (the config's seed) it fixes the op's stream, however many ops were built before it.
    """
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


def encoder(x, eps, config):
    """Sample z ~ q(z|x), the implicit posterior: noise goes in as a second input (paper, section 3; tutorial, "Encoder").

    Args:
        x: [batch, 4], pixels in {0, 1}.
        eps: [batch, noise_dim], noise from N(0, I).
        config: AVBModelConfig.

    Returns:
        z: [batch, latent_dim], unbounded.
    """
    with tf.variable_scope("encoder", reuse=tf.AUTO_REUSE):
        inputs = tf.concat([_centered(x, config.encoder), eps], 1)
        return _linear(_hidden_layers(inputs, config.encoder), config.latent_dim, "output")


def gaussian_encoder(x, config):
    """Return the parameters of q(z|x) = N(mean, diag(exp(log_variance))), the VAE's posterior.

    Args:
        x: [batch, 4], pixels in {0, 1}.
        config: VAEModelConfig.

    Returns:
        mean and log_variance, [batch, latent_dim] each, unbounded.
    """
    with tf.variable_scope("encoder", reuse=tf.AUTO_REUSE):
        hidden = _hidden_layers(_centered(x, config.encoder), config.encoder)
        return _linear(hidden, config.latent_dim, "mean"), _linear(hidden, config.latent_dim, "log_variance")


def decoder(z, config):
    """Return the pixel probabilities of p(x|z), independent Bernoullis (tutorial, "Decoder").

    Args:
        z: [batch, latent_dim].
        config: AVBModelConfig or VAEModelConfig.

    Returns:
        probabilities: [batch, 4], in [margin, 1 - margin] with margin = decoder.probability_margin, which keeps their
        logarithms finite.
    """
    margin = config.decoder.probability_margin
    with tf.variable_scope("decoder", reuse=tf.AUTO_REUSE):
        logits = _linear(_hidden_layers(z, config.decoder), 4, "output")
        return margin + (1 - 2 * margin) * tf.nn.sigmoid(logits)


def discriminator(x, z, config):
    """Return T(x, z), the logit that z is a posterior sample rather than a prior sample (tutorial, "Discriminator").

    At its optimum T(x, z) = log q(z|x) - log p(z) (paper, section 3.1).

    Args:
        x: [batch, 4], pixels in {0, 1}.
        z: [batch, latent_dim].
        config: AVBModelConfig; discriminator.kind chooses the architecture.

    Returns:
        logits: [batch, 1], unbounded.
    """
    with tf.variable_scope("discriminator", reuse=tf.AUTO_REUSE):
        return _DISCRIMINATORS[config.discriminator.kind](_centered(x, config.discriminator), z, config.discriminator)


def _concat_discriminator(x, z, config):
    return _linear(_hidden_layers(tf.concat([x, z], 1), config), 1, "output")


def _inner_product_discriminator(x, z, config):
    """The paper's adversary: one network on x, one on z. The last layer of each is linear, so that T takes both signs."""
    def factor(inputs, scope):
        with tf.variable_scope(scope):
            return _linear(_hidden_layers(inputs, config), config.n_units, "output")

    return tf.reduce_sum(factor(x, "x") * factor(z, "z"), axis=1, keepdims=True)


_DISCRIMINATORS = {"concat": _concat_discriminator, "inner_product": _inner_product_discriminator}


def _centered(x, config):
    return 2 * x - 1 if config.center_input else x


def _hidden_layers(inputs, config):
    """What tf.contrib.layers.repeat builds in the tutorial; spelled out, since repeat would give all layers one seed."""
    for number in range(1, config.n_hidden_layers + 1):
        inputs = _layer(inputs, config.n_units, _ACTIVATIONS[config.activation], "hidden_%d" % number)
    return inputs


def _linear(inputs, n_units, scope):
    return _layer(inputs, n_units, None, scope)


def _layer(inputs, n_units, activation, scope):
    seed = op_seed("%s/%s" % (tf.get_variable_scope().name, scope))
    return tfc.layers.fully_connected(
        inputs, n_units, activation_fn=activation, scope=scope,
        weights_initializer=tfc.layers.xavier_initializer(seed=seed))
