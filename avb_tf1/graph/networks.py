"""Encoder, decoder, discriminator and others, each under a variable scope of its own (tutorial, "Model construction").

Called again in the same graph, each function reuses the variables that its first call made. All tensors are float32.
"""

import math

from avb_tf1.graph.activations import ACTIVATIONS
from avb_tf1.graph.convolution import convolved, images_from, own_scope
from avb_tf1.ground.tensorflow import tf, tfc, tfd


def encoder(x, eps, config, image_shape=None):
    """Return z ~ q(z|x), an implicit approximate posterior: noise is a second input (paper, section 3; tutorial, "Encoder").

    z [batch, latent_dim] is unbounded; x [batch, n_values] has pixels in {0, 1}, or real values; eps [batch, noise_dim] is of
    N(0, I). `config` is a config's model section, whose encoder.convolution needs `image_shape`, (rows, columns) or, of colour,
    (rows, columns, 3). By encoder.noise_enters noise is an input of the first hidden layer, or is added in each convolution.
    """
    network = config.encoder
    with tf.variable_scope("encoder", reuse=tf.AUTO_REUSE):
        if network.noise_enters == "convolutions":
            inputs = _features(x, network, image_shape, eps)
        else:
            inputs = tf.concat([_features(x, network, image_shape), eps], 1)
        return linear(hidden_layers(inputs, network), config.latent_dim, "output")


def semi_implicit_encoder(x, eps, config, image_shape=None):
    """Return mean and log standard deviation of z given x and the noise eps, [batch, latent_dim] each, unbounded.

    x, eps, config and image_shape are as of encoder; encoder.standard_deviation is the latter's, or a layer of the network's.
    """
    network = config.encoder
    with tf.variable_scope("encoder", reuse=tf.AUTO_REUSE):
        hidden = hidden_layers(tf.concat([_features(x, network, image_shape), eps], 1), network)
        mean = linear(hidden, config.latent_dim, "output")
        if network.standard_deviation is None:
            return mean, linear(hidden, config.latent_dim, "log_standard_deviation")
        return mean, tf.fill(tf.shape(mean), math.log(network.standard_deviation))


def moment_encoder(x, eps, moment_eps, config, image_shape=None):
    """Return z ~ q(z|x), implicit, unbounded, and estimates of q's mean and variance; [batch, latent_dim] each.

    z = z_0(x) + sum over i of a_i(x) * v_i(eps_i): coefficients from x, basis vectors from pieces of the noise. The moments
    of v_i don't depend on x, so that a few draws of them give those of q(z|x) (paper, adaptive contrast). The variance includes
    encoder.added_variance; without encoder.contrast_has_added_variance the variance without it comes fourth. A gradient passes
    through the moments only with encoder.gradient_through_moments.

    x, config and image_shape are as of encoder; eps [batch, n_vectors * noise_dim] and, for the moments, moment_eps
    [n, n_vectors * noise_dim] are of N(0, I); moment_eps None stands for eps.
    """
    network = config.encoder
    with tf.variable_scope("encoder", reuse=tf.AUTO_REUSE):
        hidden = hidden_layers(_features(x, network, image_shape), network)
        z = mean = _layer(hidden, config.latent_dim, None, "output", deviation=network.initial_deviation)
        variance = network.added_variance if network.contrast_has_added_variance else 0.0
        pieces = zip(*[tf.split(noise, network.basis.n_vectors, axis=1) for noise in (eps, moment_eps) if noise is not None])
        for number, its_pieces in enumerate(pieces, 1):
            coefficient = _layer(hidden, config.latent_dim, ACTIVATIONS[network.coefficient_activation],
                                 "coefficient_%d" % number)
            with tf.variable_scope("basis_%d" % number):
                vector, *draws = (linear(hidden_layers(noise, network.basis), config.latent_dim, "output")
                                  for noise in its_pieces)
            vector_mean, vector_variance = tf.nn.moments(draws[0] if draws else vector, axes=[0])
            z += coefficient * vector
            mean += coefficient * vector_mean
            variance += tf.square(coefficient) * vector_variance
        moments = [mean, variance]
        if not network.contrast_has_added_variance:
            moments = [mean, variance + network.added_variance, variance]
        if not network.gradient_through_moments:
            moments = map(tf.stop_gradient, moments)
        return (z, *moments)


def gaussian(inputs, dim, scope, config):
    """Return mean and log standard deviation, [n, dim] each, unbounded, by a network of a section on inputs [n, any]."""
    with tf.variable_scope(scope, reuse=tf.AUTO_REUSE):
        hidden = hidden_layers(inputs, config)
        return [linear(hidden, dim, name) for name in ("mean", "log_standard_deviation")]


def gaussian_encoder(x, config, image_shape=None, beside=None):
    """Return the VAE's q(z|x) = N(mean, diag(exp(log_variance))): mean and log_variance, [batch, latent_dim] each, unbounded.

    The third is what a flow's layers see of x, [batch, encoder.n_context], unbounded, or None without n_context.
    x, `config` and `image_shape` are as of encoder. `beside`: [batch, any], what the hidden layers see besides; None: nothing.
    """
    network = config.encoder
    with tf.variable_scope("encoder", reuse=tf.AUTO_REUSE):
        features = _features(x, network, image_shape)
        hidden = hidden_layers(features if beside is None else tf.concat([features, beside], 1), network)
        mean, spread = (linear(hidden, config.latent_dim, scope) for scope in ("mean", network.spread_output))
        context = None if network.n_context is None else linear(hidden, network.n_context, "context")
        return mean, spread if network.spread_output == "log_variance" else 2 * spread, context


def free_gaussian(n_x, config):
    """Return the mean and scale of a Gaussian q(z|x) for each of n_x values of x, all of them variables, at first N(0, I)'s.

    mean: [n_x, latent_dim]; scale: [n_x, latent_dim, latent_dim], lower triangular, or diagonal, its diagonal positive: the
    covariance is scale scale^T. `config` is a config's model section.
    """
    dim = config.latent_dim
    with tf.variable_scope("encoder", reuse=tf.AUTO_REUSE):
        mean = tf.get_variable("mean", [n_x, dim], initializer=tf.zeros_initializer())
        n_entries = dim if config.covariance == "diagonal" else dim * (dim + 1) // 2
        entries = tf.get_variable("scale", [n_x, n_entries], initializer=tf.zeros_initializer())
        if config.covariance == "diagonal":
            return mean, tf.linalg.diag(tf.exp(entries))
        triangle = tfd.fill_triangular(entries)
        return mean, tf.linalg.set_diag(triangle, tf.exp(tf.linalg.diag_part(triangle)))


def decoder(z, n_pixels, config, image_shape=None):
    """Return the pixel probabilities of p(x|z), independent Bernoullis, [batch, n_pixels] (tutorial, "Decoder").

    They are in [margin, 1 - margin] with margin = decoder.probability_margin, which keeps their logarithms finite. Arguments
    as of decoder_outputs.
    """
    margin = config.decoder.probability_margin
    logits = decoder_logits(z, n_pixels, config, image_shape)
    with tf.variable_scope("decoder", reuse=tf.AUTO_REUSE):
        return margin + (1 - 2 * margin) * tf.nn.sigmoid(logits)


def decoder_logits(z, n_pixels, config, image_shape=None):
    """Return the logits of the pixels, before any margin, [batch, n_pixels], unbounded, for z [batch, latent_dim].

    Arguments as of decoder_outputs.
    """
    return decoder_outputs(z, n_pixels, config, image_shape)[0]


def gaussian_decoder(z, n_values, config, image_shape=None):
    """Return mean and log standard deviation of p(x|z), independent Gaussians; the mean is [batch, n_values].

    The mean is in [0, 1], or unbounded with likelihood.mean: linear. The log standard deviation is [batch, n_values] if it is
    decoded, else [1, 1], the same for all. One that is learned is minimum + softplus(raw - minimum): far above the minimum it
    is the raw output, as in LMescheder's decoder for CelebA, which has no bound, and it keeps a gradient wherever it is.
    Without a bound the density would be: a decoder that meets a value exactly gains without end as the deviation falls.
    Arguments as of decoder_outputs.
    """
    likelihood, log_scale = config.likelihood, config.likelihood.log_scale
    output, *more = decoder_outputs(z, n_values, config, image_shape)
    with tf.variable_scope("decoder", reuse=tf.AUTO_REUSE):
        mean = tf.nn.sigmoid(output) if likelihood.mean == "sigmoid" else output
        if log_scale.kind == "fixed":
            return mean, tf.constant([[log_scale.value]], tf.float32)
        if log_scale.kind == "learned":
            above = log_scale.initial - log_scale.minimum
            raw = log_scale.minimum + above + math.log(-math.expm1(-above))  # whose softplus is `above`
            more = [tf.get_variable("log_scale", [1, 1], initializer=tf.constant_initializer(raw))]
        return mean, log_scale.minimum + tf.nn.softplus(more[0] - log_scale.minimum)


def decoder_outputs(z, n_values, config, image_shape=None):
    """Return what the decoder's last layer makes of z [batch, latent_dim]: likelihood.n_outputs tensors [batch, n_values].

    They are unbounded. `config` is a config's model section, whose decoder.convolution needs `image_shape`, (rows, columns) or,
    of colour, (rows, columns, 3); n_values is how many values an image has.
    """
    n_outputs = config.likelihood.n_outputs
    with tf.variable_scope("decoder", reuse=tf.AUTO_REUSE):
        hidden = hidden_layers(z, config.decoder)
        if config.decoder.convolution is None:
            output = linear(hidden, n_outputs * n_values, "output")
        else:
            output = images_from(hidden, config.decoder.convolution, ACTIVATIONS[config.decoder.activation], image_shape,
                                 n_outputs)
        return [output] if n_outputs == 1 else tf.split(output, n_outputs, axis=1)


def discriminator(x, z, config, image_shape=None):
    """Return T(x, z), at its optimum log q(z|x) - log p(z) (tutorial, "Discriminator"; paper, section 3.1).

    With training.discriminator_loss: cross_entropy it is the logit that z is a posterior sample rather than a prior sample.
    It is [batch, 1], unbounded; x [batch, n_values] has pixels in {0, 1}, or real values, z is [batch, latent_dim]. In
    `config`, a config's model section, discriminator.kind is the architecture; one with a convolution needs `image_shape`, as
    of encoder.
    """
    network = config.discriminator
    with tf.variable_scope("discriminator", reuse=tf.AUTO_REUSE):
        if network.kind == "convolutional":
            return _convolutional_discriminator(x, z, network, image_shape)
        return _DISCRIMINATORS[network.kind](centered(x, network), z, network)


def discriminator_of_all_pairs(x, z, config):
    """Return T of each x [n_x, n_values] with each z [n_z, latent_dim], [n_x, n_z], unbounded.

    Each x and each z goes through its networks once, and one matrix product joins them: hardly more work than n_x pairs.
    `config` is a config's model section, whose discriminator.kind must be offset_inner_product.
    """
    network = config.discriminator
    with tf.variable_scope("discriminator", reuse=tf.AUTO_REUSE):
        x = centered(x, network)
        of_x, of_z = _factors(x, z, network.n_factors, network)
        return tf.matmul(of_x, tf.transpose(of_z)) + _offset(x, "x", network) + tf.transpose(
            _offset(z, "z", network) + _squared_norm(z, network))


def _concat_discriminator(x, z, config):
    return linear(hidden_layers(tf.concat([x, z], 1), config), 1, "output")


def _inner_product_discriminator(x, z, config):
    """The paper's adversary: one network on x, one on z, the same number of outputs each."""
    return config.output_scale * _inner_product(x, z, config.n_units, config)


def _offset_inner_product_discriminator(x, z, config):
    """An inner product, to which a function of x, a function of z and a multiple of the sum of z squared are added."""
    return (_inner_product(x, z, config.n_factors, config) + _offset(x, "x", config) + _offset(z, "z", config)
            + _squared_norm(z, config))


def _residual_discriminator(x, z, config):
    """Blocks of two layers, the second linear and at first zero, whose output is added to their input."""
    activation = ACTIVATIONS[config.activation]
    hidden = _layer(tf.concat([x, z], 1), config.n_units, activation, "input")
    for number in range(1, config.n_blocks + 1):
        with tf.variable_scope("block_%d" % number):
            inner = _layer(hidden, config.n_units, ACTIVATIONS[config.block_activation], "hidden")
            added = _layer(inner, config.n_units, None, "output", tf.zeros_initializer())
        hidden = activation(hidden + added)
    initializer = tf.zeros_initializer() if config.starts_at_zero else None
    return _layer(hidden, 1, None, "output", initializer) + _squared_norm(z, config)


def _sum_discriminator(x, z, config):
    """A network on x and one on z, and one on the sum of their last hidden layers."""
    total = 0
    for inputs, scope in ((x, "x"), (z, "z")):
        with tf.variable_scope(scope):
            total += hidden_layers(inputs, config)
    return linear(hidden_layers(total, config), 1, "output")


def _convolutional_discriminator(x, z, config, image_shape):
    hidden = hidden_layers(_features(x, config, image_shape, z), config)
    return linear(hidden, 1, "output") + _squared_norm(z, config)


_DISCRIMINATORS = {
    "concat": _concat_discriminator,
    "inner_product": _inner_product_discriminator,
    "offset_inner_product": _offset_inner_product_discriminator,
    "residual": _residual_discriminator,
    "sum": _sum_discriminator,
}


def _inner_product(x, z, n_factors, config):
    of_x, of_z = _factors(x, z, n_factors, config)
    return tf.reduce_sum(of_x * of_z, axis=1, keepdims=True)


def _factors(x, z, n_factors, config):
    of_z = "linear" if config.activated_factors == "of_x" else config.output_activation
    return [_branch(x, "x", n_factors, config.output_activation, config, config.initial_deviation),
            _branch(z, "z", n_factors, of_z, config, None)]


def _offset(inputs, name, config):
    return _branch(inputs, name + "_offset", 1, "linear", config, config.initial_deviation)


def _branch(inputs, scope, n_outputs, output_activation, config, deviation):
    with tf.variable_scope(scope):
        return _layer(hidden_layers(inputs, config), n_outputs, ACTIVATIONS[output_activation], "output", deviation=deviation)


def _squared_norm(z, config):
    return config.squared_norm_factor * tf.reduce_sum(tf.square(z), axis=1, keepdims=True)


def centered(x, config):
    """Return x, or 2x - 1 if a network's section says so."""
    return 2 * x - 1 if config.center_input else x


def _features(x, config, image_shape, joined=None):
    """What a network's first hidden layer sees of x: the pixels, or what a convolution, that may be joined, makes of them."""
    x = centered(x, config)
    if config.convolution is None:
        return x
    return convolved(x, config.convolution, ACTIVATIONS[config.activation], image_shape, joined)


def hidden_layers(inputs, config):
    """Return what the hidden layers of a network's section make of inputs [n, any], [n, units of the last].

    What tf.contrib.layers.repeat builds in the tutorial is spelled out, since repeat would give all layers one seed.
    """
    for number, n_units in enumerate(config.hidden_sizes, 1):
        inputs = _layer(inputs, n_units, ACTIVATIONS[config.activation], "hidden_%d" % number)
    return inputs


def linear(inputs, n_units, scope, weights_initializer=None):
    """Return a layer without activation, [n, n_units], of inputs [n, any]; its variables are in `scope`, a str."""
    return _layer(inputs, n_units, None, scope, weights_initializer)


def _layer(inputs, n_units, activation, scope, weights_initializer=None, deviation=None):
    if inputs.shape[1].value == 0:  # TensorFlow 1.15 forgets the biases of a product with nothing, where it fuses the two
        inputs = tf.ones([tf.shape(inputs)[0], 1])
    own = own_scope(scope, weights_initializer, deviation)
    return tfc.layers.fully_connected(inputs, n_units, activation_fn=activation, **own)
