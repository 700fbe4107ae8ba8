"""Build the TensorFlow graph of an experiment: networks, graph_replace, losses and optimisers, in that order.

The order matters: graph_replace copies the operations between two tensors, so it has to come before any gradient is taken.
Every random op has an explicit op seed, so that the config's one seed fixes all streams.
"""

import numpy as np

from avb_tf1 import seeds
from avb_tf1.graph import adaptive_contrast, batches, networks, speed, updates
from avb_tf1.graph.model_graph import AVBGraph, Endpoints, VAEGraph
from avb_tf1.problems.registry import problem_of
from avb_tf1.quiet_tensorflow import tf, tfc, tfd

graph_replace = tfc.graph_editor.graph_replace

_N_FIXED_DRAWS = 4096  # of the noise basis, for the moments in evaluation


def build_graph(config):
    """Build and finalize the graph of an experiment.

    Args:
        config: AVBConfig, AVBACConfig or VAEConfig.

    Returns:
        AVBGraph or VAEGraph, by the config's kind.
    """
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(config.seed)
        with speed.faster_gradients(config.runtime):
            model = _BUILDERS[config.model.kind](config)
    graph.finalize()
    return model


def _build_avb(config):
    """The tutorial's model (its sections "Encoder" to "Optimization"; paper, Algorithm 1)."""
    model = config.model
    batch = batches.batch(config.data, problem_of(config), config.seed)
    eps = _noise("eps", batch, config, model.encoder.noise_dim)
    z_posterior = networks.encoder(batch.x, eps, model)

    z_prior = _noise("z_prior", batch, config, model.latent_dim)
    logits_prior = networks.discriminator(batch.x, z_prior, model)
    # The same operations on the same weights, with the encoder's sample in the prior sample's place.
    logits_posterior = _carried(logits_prior, z_prior, z_posterior)

    ends = _placeholders(batch, model, model.encoder.noise_dim)
    ends["z_posterior"] = networks.encoder(ends["x"], ends["eps"], model)
    ends["log_ratio"] = networks.discriminator(ends["x"], ends["z"], model)
    return _adversarial_graph(
        config, batch, ends, noise=_drawn(batch, eps), log_ratio=logits_posterior,
        eps=eps, z_prior=z_prior, z_posterior=z_posterior, discriminator_logits_prior=logits_prior,
        discriminator_logits_posterior=logits_posterior)


def _build_avb_ac(config):
    """AVB with adaptive contrast: T compares normalised codes with N(0, I), whose sample z_prior stands for here."""
    model, encoder = config.model, config.model.encoder
    batch = batches.batch(config.data, problem_of(config), config.seed)
    eps = _noise("eps", batch, config, encoder.noise_dim)
    moment_eps = _standard_normal("moment_eps", encoder.n_moment_samples, encoder.noise_dim)
    z_posterior, mean, variance = networks.moment_encoder(batch.x, eps, moment_eps, model)

    z_prior = _noise("z_prior", batch, config, model.latent_dim)
    logits_prior = networks.discriminator(batch.x, z_prior, model)
    logits_posterior = _carried(logits_prior, z_prior, adaptive_contrast.normalized(z_posterior, mean, variance))

    # Evaluation takes the moments from many draws that are always the same, so that T is a function there.
    fixed_eps = tf.random.stateless_normal(
        [_N_FIXED_DRAWS, encoder.noise_dim], seed=[config.seed, seeds.op_seed("endpoints/moment_eps")],
        name="endpoints/moment_eps")
    ends = _placeholders(batch, model, encoder.noise_dim)
    ends["z_posterior"], *moments = networks.moment_encoder(ends["x"], ends["eps"], fixed_eps, model)
    ends["log_ratio"] = (networks.discriminator(ends["x"], adaptive_contrast.normalized(ends["z"], *moments), model)
                         + adaptive_contrast.log_contrast(ends["z"], *moments))
    return _adversarial_graph(
        config, batch, ends, noise=_drawn(batch, eps) + (moment_eps,),
        log_ratio=logits_posterior + adaptive_contrast.log_contrast(z_posterior, mean, variance),
        eps=eps, z_prior=z_prior, z_posterior=z_posterior,
        discriminator_logits_prior=logits_prior, discriminator_logits_posterior=logits_posterior)


def _adversarial_graph(config, batch, ends, noise, log_ratio, **tensors):
    """The decoder, losses and updates of AVB, of whichever kind, around its encoder and discriminator.

    Args:
        batch: Batch.
        ends: dict of the fields of Endpoints, but for the probabilities.
        noise: tuple of the random tensors that the encoder draws.
        log_ratio: [batch, 1], estimates log q(z|x) - log p(z) at the posterior sample.
        tensors: the fields of AVBGraph that the encoder and the discriminator make.
    """
    z_prior, z_posterior = tensors["z_prior"], tensors["z_posterior"]
    logits_prior, logits_posterior = tensors["discriminator_logits_prior"], tensors["discriminator_logits_posterior"]
    model, training, n_pixels = config.model, config.training, batch.x.shape[1].value
    if model.decoder.built_on == "prior_sample":
        probabilities = _carried(networks.decoder(z_prior, n_pixels, model), z_prior, z_posterior)
    else:
        probabilities = networks.decoder(z_posterior, n_pixels, model)
    reconstruction_log_likelihood = _reconstruction_log_likelihood(batch.x, probabilities)
    kl_discriminator = tf.reduce_mean(log_ratio)
    generator_loss = kl_discriminator - reconstruction_log_likelihood
    discriminator_loss = tf.reduce_mean(
        tf.nn.sigmoid_cross_entropy_with_logits(logits=logits_posterior, labels=tf.ones_like(logits_posterior))
        + tf.nn.sigmoid_cross_entropy_with_logits(logits=logits_prior, labels=tf.zeros_like(logits_prior)))
    ends["probabilities"] = networks.decoder(ends["z"], n_pixels, model)

    variables = _variables_by_scope(encoder=model.encoder, decoder=model.decoder, discriminator=model.discriminator)
    factor = updates.learning_rate_factor(training)
    generator_optimizer = updates.optimizer(training.generator, factor)
    shared = training.discriminator.optimizer == "shared"
    discriminator_optimizer = generator_optimizer if shared else updates.optimizer(training.discriminator, factor)
    generator = _generator_update(
        training, generator_optimizer, variables, batch.noise + noise, generator_loss=generator_loss,
        reconstruction_log_likelihood=reconstruction_log_likelihood, kl_discriminator=kl_discriminator)
    discriminator = updates.Update(
        "discriminator/" + training.discriminator.optimizer, discriminator_optimizer, discriminator_loss,
        variables["discriminator"], batch.noise + noise + _drawn(batch, z_prior), {"discriminator_loss": discriminator_loss})
    return AVBGraph(
        x=batch.x, iteration=batch.iteration, probabilities=probabilities,
        reconstruction_log_likelihood=reconstruction_log_likelihood, kl_discriminator=kl_discriminator,
        generator_loss=generator_loss, discriminator_loss=discriminator_loss, variables=variables,
        steps=updates.steps(training.update, generator, discriminator, training.n_discriminator_updates),
        gradient_slots=updates.gradient_slots(generator, discriminator), learning_rate_factor=factor,
        endpoints=Endpoints(**ends), **tensors, **_graph_ends())


def _build_vae(config):
    """The paper's baseline: a diagonal Gaussian posterior with a reparameterised sample."""
    model, training = config.model, config.training
    batch = batches.batch(config.data, problem_of(config), config.seed)
    eps = _noise("eps", batch, config, model.latent_dim)
    mean, log_variance = networks.gaussian_encoder(batch.x, model)
    z_posterior = _reparameterized(mean, log_variance, eps)
    n_pixels = batch.x.shape[1].value
    probabilities = networks.decoder(z_posterior, n_pixels, model)
    reconstruction_log_likelihood = _reconstruction_log_likelihood(batch.x, probabilities)
    # E log p(z) is -(mean**2 + variance) / 2 without its constant, or sampled: -z**2 / 2. The Gaussian's entropy is exact.
    second_moment = tf.square(z_posterior) if training.kl == "sampled" else tf.exp(log_variance) + tf.square(mean)
    kl_posterior_prior = tf.reduce_mean(tf.reduce_sum(second_moment - 1 - log_variance, axis=1) / 2)
    generator_loss = kl_posterior_prior - reconstruction_log_likelihood

    variables = _variables_by_scope(encoder=model.encoder, decoder=model.decoder)
    ends = _placeholders(batch, model, model.latent_dim)
    ends["posterior_parameters"] = networks.gaussian_encoder(ends["x"], model)
    ends["z_posterior"] = _reparameterized(*ends["posterior_parameters"], ends["eps"])
    ends["probabilities"] = networks.decoder(ends["z"], n_pixels, model)

    factor = updates.learning_rate_factor(training)
    generator = _generator_update(
        training, updates.optimizer(training.generator, factor), variables, batch.noise + _drawn(batch, eps),
        generator_loss=generator_loss, reconstruction_log_likelihood=reconstruction_log_likelihood,
        kl_posterior_prior=kl_posterior_prior)
    return VAEGraph(
        x=batch.x, iteration=batch.iteration, eps=eps, z_posterior=z_posterior, probabilities=probabilities,
        reconstruction_log_likelihood=reconstruction_log_likelihood, generator_loss=generator_loss, variables=variables,
        steps=(updates.step(generator),), gradient_slots=updates.gradient_slots(generator), learning_rate_factor=factor,
        endpoints=Endpoints(**ends), kl_posterior_prior=kl_posterior_prior, **_graph_ends())


def _generator_update(training, optimizer, variables, noise, **monitors):
    """The Update of encoder and decoder together; the loss is among the monitors."""
    return updates.Update(
        "encoder/" + training.generator.optimizer, optimizer, training.generator_loss_scale * monitors["generator_loss"],
        variables["encoder"] + variables["decoder"], noise, monitors)


_BUILDERS = {"avb": _build_avb, "avb_ac": _build_avb_ac, "vae": _build_vae}


def _carried(tensor, old, new):
    """graph_replace: the operations between `old` and `tensor` once more, on the same weights, with `new` instead of `old`."""
    n_variables = len(tf.global_variables())
    result = graph_replace(tensor, {old: new})
    _check(len(tf.global_variables()) == n_variables, "graph_replace made new variables")
    return result


def _noise(name, batch, config, dim):
    """Samples of N(0, I) for the rows of a batch, float32 [batch, dim]: drawn anew in each session.run, or once for all."""
    if batch.noise_rows is None:
        return _standard_normal(name, config.data.batch_size, dim)
    random_state = np.random.RandomState([config.seed, seeds.op_seed(name)])
    return tf.gather(random_state.standard_normal((config.data.n_samples, dim)).astype(np.float32), batch.noise_rows, name=name)


def _drawn(batch, *noise):
    """Those of the noise tensors of a batch that each session.run draws."""
    return noise if batch.noise_rows is None else ()


def _standard_normal(name, n_samples, dim):
    """Samples of N(0, I), float32 [n_samples, dim], drawn anew in each session.run."""
    distribution = tfd.MultivariateNormalDiag(loc=tf.zeros(dim), scale_diag=tf.ones(dim))
    return distribution.sample(n_samples, seed=seeds.op_seed(name), name=name)


def _reparameterized(mean, log_variance, eps):
    """The sample of N(mean, diag(exp(log_variance))) that eps ~ N(0, I) stands for; all [batch, latent_dim]."""
    return mean + tf.exp(log_variance / 2) * eps


def _reconstruction_log_likelihood(x, probabilities):
    log_probabilities = tfd.Bernoulli(probs=probabilities).log_prob(x)
    return tf.reduce_mean(tf.reduce_sum(log_probabilities, axis=1))


def _variables_by_scope(**networks_by_scope):
    """The trainable variables under each scope, checked to be disjoint, complete, and as many as the network's config says."""
    # The slash matters: without it "encoder" would also be the beginning of "encoder_2/...".
    by_scope = {scope: tuple(tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope + "/")) for scope in networks_by_scope}
    collected = sorted(variable.name for variables in by_scope.values() for variable in variables)
    _check(collected == sorted(variable.name for variable in tf.trainable_variables()),
           "the scopes %s don't cover the trainable variables once each" % ", ".join(by_scope))
    for scope, variables in by_scope.items():
        n_layers = networks_by_scope[scope].n_layers
        _check(len(variables) == 2 * n_layers, "%s should have weights and biases of %d layers" % (scope, n_layers))
    return by_scope


def _placeholders(batch, model, noise_dim):
    """The inputs of Endpoints."""
    return dict(x=tf.placeholder(tf.float32, [None, batch.x.shape[1].value], "endpoints/x"),
                z=tf.placeholder(tf.float32, [None, model.latent_dim], "endpoints/z"),
                eps=tf.placeholder(tf.float32, [None, noise_dim], "endpoints/eps"))


def _graph_ends():
    """What comes last, when all variables exist."""
    return dict(graph=tf.get_default_graph(), initialize=tf.global_variables_initializer(),
                saver=tf.train.Saver(max_to_keep=None))


def _check(condition, message):
    if not condition:
        raise AssertionError("the graph is not what it should be: %s" % message)
