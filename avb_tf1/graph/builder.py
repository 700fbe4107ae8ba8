"""Build the TensorFlow graph of an experiment: networks, graph_replace, losses and optimisers, in that order.

The order matters: graph_replace copies the operations between two tensors, so it has to come before any gradient is taken.
Every random op has an explicit op seed, so that the config's one seed fixes all streams.
"""

import numpy as np

from avb_tf1.config.schema import require_config
from avb_tf1.graph import batches, given, networks, speed, updates
from avb_tf1.graph.divergences import divergence
from avb_tf1.graph.model_graph import Endpoints, ModelGraph
from avb_tf1.graph.posteriors import posterior
from avb_tf1.graph.weight_sharing import carried
from avb_tf1.ground import seeds
from avb_tf1.ground.tensorflow import tf, tfd
from avb_tf1.problems.registry import problem_of

_N_FIXED_DRAWS = 4096  # of the noise basis, for the moments in evaluation


def build_graph(config, problem=None):
    """Build and finalize the graph of an experiment.

    Args:
        config: as of config.loading.load_config.

    Returns:
        ModelGraph.

    Raises:
        TypeError: `config` is something else.
    """
    require_config(config)
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(config.seed)
        with speed.faster_gradients(config.runtime):
            model = _build(config, problem_of(config) if problem is None else problem)
    graph.finalize()
    return model


def _build(config, problem):
    """The tutorial's sections "Encoder" to "Optimization" (paper, Algorithm 1), with what the config has in their places."""
    model, training = config.model, config.training
    if model.is_of_images:
        batch = batches.batch(config.data, problem, config.seed)
    else:
        batch = batches.given_batch(problem, config.batch_size)
    noise = _Noise(batch, config)
    image_shape = problem.image_shape if model.is_of_images else None
    q = posterior(batch.x, noise("eps", model.noise_dim), noise.drawn_anew, model, image_shape)
    noise_of_generator = noise.tensors
    kl = divergence(batch.x, q, noise, config, None if model.is_of_images else problem)
    probabilities = logits = None
    if model.is_of_images:
        probabilities, logits = _decoded(batch.x, q.z, kl, model, image_shape)
        likelihood = tfd.Bernoulli(probs=probabilities) if logits is None else tfd.Bernoulli(logits=logits)
        log_probabilities = likelihood.log_prob(batch.x)
        reconstruction_log_likelihood = tf.reduce_mean(tf.reduce_sum(log_probabilities, axis=1))
    else:
        reconstruction_log_likelihood = tf.reduce_mean(given.log_likelihood(batch.x, q.z, problem))
    generator_loss = kl.kl - reconstruction_log_likelihood
    endpoints = _endpoints(config, kl, problem, batch.x.shape[1].value, image_shape)

    variables = _variables_by_scope(model.network_sections)
    factor = updates.learning_rate_factor(training)
    generator = updates.Update(
        "encoder/" + training.generator.optimizer, updates.generator_optimizer(training, factor, variables),
        training.generator_loss_scale * generator_loss, variables["encoder"] + variables.get("decoder", ()), noise_of_generator,
        {"generator_loss": generator_loss, "reconstruction_log_likelihood": reconstruction_log_likelihood, kl.monitor: kl.kl})
    steps, its_updates = (updates.step(generator),), (generator,)
    if kl.loss is not None:
        shared = training.discriminator.optimizer == "shared"
        discriminator = updates.Update(
            "discriminator/" + training.discriminator.optimizer,
            generator.optimizer if shared else updates.optimizer(training.discriminator, factor),
            kl.loss, variables["discriminator"], noise.tensors, {"discriminator_loss": kl.loss})
        steps = updates.steps(training.update, generator, discriminator, training.n_discriminator_updates)
        its_updates += (discriminator,)
    return ModelGraph(
        graph=tf.get_default_graph(), x=batch.x, x_of_iteration=batch.of_iteration, iteration=batch.iteration, posterior=q,
        divergence=kl, probabilities=probabilities, logits=logits, reconstruction_log_likelihood=reconstruction_log_likelihood,
        generator_loss=generator_loss, variables=variables, steps=steps,
        gradient_slots=updates.gradient_slots(*its_updates), learning_rate_factor=factor, endpoints=endpoints,
        # These two come last, when all variables exist.
        initialize=tf.global_variables_initializer(), saver=tf.train.Saver(max_to_keep=None))


def _decoded(x, z, kl, model, image_shape):
    """_probabilities at the posterior's sample."""
    def decoded(decoder):
        n_pixels = x.shape[1].value
        if model.decoder.built_on == "prior_sample":
            return carried(decoder(kl.z_prior, n_pixels, model, image_shape), kl.z_prior, z)
        return decoder(z, n_pixels, model, image_shape)

    return _probabilities(decoded, model)


def _probabilities(decoded, model):
    """Pixel probabilities of p(x|z), float32 [n, n_pixels], and their logits; None with likelihood_from: probabilities.

    `decoded` gives what one of networks' two decoders makes of z.
    """
    if model.decoder.likelihood_from == "probabilities":
        return decoded(networks.decoder), None
    logits = decoded(networks.decoder_logits)
    return tf.nn.sigmoid(logits), logits


class _Noise:
    """Gives samples of N(0, I) for a batch; `tensors` are the random tensors that each session.run draws."""

    def __init__(self, batch, config):
        self.tensors = batch.noise
        self._rows, self._config = batch.noise_rows, config

    def __call__(self, name, dim):
        """Samples for the batch's rows, float32 [batch, dim]: drawn anew in each session.run, or once for all."""
        if self._rows is None:
            return self.drawn_anew(name, self._config.batch_size, dim)
        random_state = np.random.RandomState([self._config.seed, seeds.op_seed(name)])
        samples = random_state.standard_normal((self._config.data.n_samples, dim)).astype(np.float32)
        return tf.gather(samples, self._rows, name=name)

    def of(self, name, sample):
        """Samples for the batch's rows by a function (n, seed, name), drawn anew in each session.run."""
        samples = sample(self._config.batch_size, seeds.op_seed(name), name)
        self.tensors += (samples,)
        return samples

    def drawn_anew(self, name, n, dim):
        """Samples that are drawn anew in each session.run, float32 [n, dim]."""
        distribution = tfd.MultivariateNormalDiag(loc=tf.zeros(dim), scale_diag=tf.ones(dim))
        samples = distribution.sample(n, seed=seeds.op_seed(name), name=name)
        self.tensors += (samples,)
        return samples


def _endpoints(config, kl, problem, dim_x, image_shape):
    """The Endpoints; moments are taken from many draws that are always the same, so that T is a function there."""
    model = config.model
    x, z, eps = (tf.placeholder(tf.float32, [None, dim], "endpoints/" + name) for name, dim in (
        ("x", dim_x), ("z", model.latent_dim), ("eps", model.noise_dim)))

    def fixed_draws(name, _, dim):
        name = "endpoints/" + name
        return tf.random.stateless_normal([_N_FIXED_DRAWS, dim], seed=[config.seed, seeds.op_seed(name)], name=name)

    q = posterior(x, eps, fixed_draws, model, image_shape)
    probabilities = logits = None
    if model.is_of_images:
        probabilities, logits = _probabilities(lambda decoder: decoder(z, dim_x, model, image_shape), model)
    return Endpoints(
        x=x, z=z, eps=eps, z_posterior=q.z, probabilities=probabilities, logits=logits,
        log_joint=None if model.is_of_images else given.log_likelihood(x, z, problem) + problem.log_prior(z),
        log_prior=None if model.is_of_images else problem.log_prior(z),
        log_ratio=kl.log_ratio and kl.log_ratio(x, z, q.moments), posterior_parameters=q.parameters)


def _variables_by_scope(networks_by_scope):
    """The trainable variables under each scope, checked to be disjoint, complete, and as many as the network's config says."""
    # The slash matters: without it "encoder" would also be the beginning of "encoder_2/...".
    by_scope = {scope: tuple(tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope + "/")) for scope in networks_by_scope}
    collected = sorted(variable.name for variables in by_scope.values() for variable in variables)
    assert collected == sorted(variable.name for variable in tf.trainable_variables()), (
        "the scopes %s don't cover the trainable variables once each" % ", ".join(by_scope))
    for scope, variables in by_scope.items():
        n_layers = networks_by_scope[scope].n_layers
        assert len(variables) == 2 * n_layers, "%s should have weights and biases of %d layers" % (scope, n_layers)
    return by_scope
