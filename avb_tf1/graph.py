"""Build the TensorFlow graph of an experiment: networks, graph_replace, losses and optimisers, in that order.

The order matters: graph_replace copies the operations between two tensors, so it has to come before any gradient is taken.
Every random op has an explicit op seed, so that the config's one seed fixes all streams.
"""

from dataclasses import dataclass
from typing import Dict, Optional, Tuple

from avb_tf1 import networks, speed, updates
from avb_tf1.data import N_PIXELS, balanced_batch
from avb_tf1.quiet_tensorflow import tf, tfc, tfd

graph_replace = tfc.graph_editor.graph_replace


@dataclass(frozen=True)
class Endpoints:
    """The trained networks on any number n of inputs, for evaluation; they share the training graph's weights.

    Attributes:
        x: placeholder [n, 4]; z: placeholder [n, latent_dim]; eps: placeholder [n, noise dimension].
        z_posterior: [n, latent_dim], a sample of q(z|x) made from x and eps.
        probabilities: [n, 4], pixel probabilities of p(x|z), from z.
        discriminator_logits: [n, 1], T(x, z), from x and z; None for the VAE.
        posterior_parameters: mean and log-variance of a Gaussian q(z|x), [n, latent_dim] each, from x; None for AVB.
    """

    x: tf.Tensor
    z: tf.Tensor
    eps: tf.Tensor
    z_posterior: tf.Tensor
    probabilities: tf.Tensor
    discriminator_logits: Optional[tf.Tensor] = None
    posterior_parameters: Optional[Tuple[tf.Tensor, tf.Tensor]] = None


@dataclass(frozen=True)
class ModelGraph:
    """What the trainer and the evaluation need of a finalized graph, whichever the model. All tensors are float32.

    Attributes:
        graph: the tf.Graph.
        x: constant [batch, 4].
        eps: [batch, noise dimension], the encoder's noise, drawn anew in each session.run.
        z_posterior: [batch, latent_dim], a sample of q(z|x).
        probabilities: [batch, 4], pixel probabilities of p(x|z_posterior).
        reconstruction_log_likelihood: scalar, batch mean of log p(x|z_posterior), nats per example (summed over pixels).
        generator_loss: scalar, minus the ELBO, nats per example; what encoder and decoder minimise.
        variables: scope ("encoder", "decoder", "discriminator") -> its trainable variables.
        steps: the UpdateSteps of one iteration.
        gradient_slots: variable name -> the optimiser's running mean of its gradient.
        learning_rate_factor: scalar placeholder to feed in each step, or None if the rates are constant.
        endpoints: Endpoints.
        initialize: op that draws all initial weights.
        saver: tf.train.Saver of all variables.
    """

    graph: tf.Graph
    x: tf.Tensor
    eps: tf.Tensor
    z_posterior: tf.Tensor
    probabilities: tf.Tensor
    reconstruction_log_likelihood: tf.Tensor
    generator_loss: tf.Tensor
    variables: Dict[str, Tuple[tf.Variable, ...]]
    steps: Tuple[updates.UpdateStep, ...]
    gradient_slots: Dict[str, tf.Variable]
    learning_rate_factor: Optional[tf.Tensor]
    endpoints: Endpoints
    initialize: tf.Operation
    saver: tf.train.Saver


@dataclass(frozen=True)
class AVBGraph(ModelGraph):
    """A ModelGraph with an implicit posterior and a discriminator.

    Attributes:
        z_prior: [batch, latent_dim], a sample of N(0, I).
        discriminator_logits_prior: [batch, 1], T(x, z_prior).
        discriminator_logits_posterior: [batch, 1], T(x, z_posterior).
        kl_discriminator: scalar, mean T(x, z_posterior), nats: the discriminator's estimate of KL(q(z|x) || p(z)).
        discriminator_loss: scalar, batch mean of the two binary cross-entropies, nats.
    """

    z_prior: tf.Tensor
    discriminator_logits_prior: tf.Tensor
    discriminator_logits_posterior: tf.Tensor
    kl_discriminator: tf.Tensor
    discriminator_loss: tf.Tensor


@dataclass(frozen=True)
class VAEGraph(ModelGraph):
    """A ModelGraph with a Gaussian posterior.

    Attributes:
        kl_posterior_prior: scalar, batch mean of the closed-form KL(q(z|x) || p(z)), nats.
    """

    kl_posterior_prior: tf.Tensor


def build_graph(config):
    """Build and finalize the graph of an experiment.

    Args:
        config: AVBConfig or VAEConfig.

    Returns:
        AVBGraph or VAEGraph, by the config's kind.
    """
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(config.seed)
        with speed.faster_gradients(config.runtime):
            tensors = (_build_avb if config.model.kind == "avb" else _build_vae)(config)
        model = tensors.pop("graph_class")(
            graph=graph, initialize=tf.global_variables_initializer(), saver=tf.train.Saver(max_to_keep=None), **tensors)
    graph.finalize()
    return model


def _build_avb(config):
    """The tutorial's model (its sections "Encoder" to "Optimization"; paper, Algorithm 1)."""
    model, batch_size = config.model, config.data.batch_size
    x = tf.constant(balanced_batch(batch_size)[0], name="x")
    eps = _standard_normal("eps", batch_size, model.encoder.noise_dim)
    z_posterior = networks.encoder(x, eps, model)
    probabilities = networks.decoder(z_posterior, model)
    reconstruction_log_likelihood = _reconstruction_log_likelihood(x, probabilities)

    z_prior = _standard_normal("z_prior", batch_size, model.latent_dim)
    logits_prior = networks.discriminator(x, z_prior, model)
    # The same operations on the same weights, with the encoder's sample in the prior sample's place.
    n_variables = len(tf.global_variables())
    logits_posterior = graph_replace(logits_prior, {z_prior: z_posterior})
    _check(len(tf.global_variables()) == n_variables, "graph_replace made new variables")

    kl_discriminator = tf.reduce_mean(logits_posterior)
    generator_loss = kl_discriminator - reconstruction_log_likelihood
    discriminator_loss = tf.reduce_mean(
        tf.nn.sigmoid_cross_entropy_with_logits(logits=logits_posterior, labels=tf.ones_like(logits_posterior))
        + tf.nn.sigmoid_cross_entropy_with_logits(logits=logits_prior, labels=tf.zeros_like(logits_prior)))

    variables = _variables_by_scope("encoder", "decoder", "discriminator")
    n_factors = 2 if model.discriminator.kind == "inner_product" else 1
    n_layers = (model.encoder.n_hidden_layers + 1 + model.decoder.n_hidden_layers + 1
                + n_factors * (model.discriminator.n_hidden_layers + 1))
    _check(len(tf.trainable_variables()) == 2 * n_layers, "there should be weights and biases of %d layers" % n_layers)
    endpoints = _endpoints(model, model.encoder.noise_dim, lambda x, eps: networks.encoder(x, eps, model))
    endpoints["discriminator_logits"] = networks.discriminator(endpoints["x"], endpoints["z"], model)

    training = config.training
    factor = updates.learning_rate_factor(training)
    generator = updates.Update(
        "encoder/adam", updates.adam(training.generator, factor), generator_loss,
        variables["encoder"] + variables["decoder"], (eps,),
        {"generator_loss": generator_loss, "reconstruction_log_likelihood": reconstruction_log_likelihood,
         "kl_discriminator": kl_discriminator})
    discriminator = updates.Update(
        "discriminator/adam", updates.adam(training.discriminator, factor), discriminator_loss, variables["discriminator"],
        (eps, z_prior), {"discriminator_loss": discriminator_loss})
    orders = {"simultaneous": [(generator, discriminator)], "alternating": [(generator,), (discriminator,)]}
    steps = [updates.step(*order) for order in orders[training.update]]
    if training.n_discriminator_updates > 1:
        further = updates.step(discriminator._replace(monitors={}))
        steps += [further] * (training.n_discriminator_updates - 1)

    return dict(
        graph_class=AVBGraph, x=x, eps=eps, z_posterior=z_posterior, probabilities=probabilities,
        reconstruction_log_likelihood=reconstruction_log_likelihood, generator_loss=generator_loss, variables=variables,
        steps=tuple(steps), gradient_slots=updates.gradient_slots(generator, discriminator), learning_rate_factor=factor,
        endpoints=Endpoints(**endpoints), z_prior=z_prior,
        discriminator_logits_prior=logits_prior, discriminator_logits_posterior=logits_posterior,
        kl_discriminator=kl_discriminator, discriminator_loss=discriminator_loss)


def _build_vae(config):
    """The paper's baseline: a diagonal Gaussian posterior with a reparameterised sample and the closed-form KL."""
    model, batch_size = config.model, config.data.batch_size
    x = tf.constant(balanced_batch(batch_size)[0], name="x")
    eps = _standard_normal("eps", batch_size, model.latent_dim)
    mean, log_variance = networks.gaussian_encoder(x, model)
    z_posterior = _reparameterized(mean, log_variance, eps)
    probabilities = networks.decoder(z_posterior, model)
    reconstruction_log_likelihood = _reconstruction_log_likelihood(x, probabilities)
    kl_posterior_prior = tf.reduce_mean(
        tf.reduce_sum(tf.exp(log_variance) + tf.square(mean) - 1 - log_variance, axis=1) / 2)
    generator_loss = kl_posterior_prior - reconstruction_log_likelihood

    variables = _variables_by_scope("encoder", "decoder")
    endpoints = _endpoints(
        model, model.latent_dim, lambda x, eps: _reparameterized(*networks.gaussian_encoder(x, model), eps))
    endpoints["posterior_parameters"] = networks.gaussian_encoder(endpoints["x"], model)

    factor = updates.learning_rate_factor(config.training)
    generator = updates.Update(
        "encoder/adam", updates.adam(config.training.generator, factor), generator_loss,
        variables["encoder"] + variables["decoder"], (eps,),
        {"generator_loss": generator_loss, "reconstruction_log_likelihood": reconstruction_log_likelihood,
         "kl_posterior_prior": kl_posterior_prior})
    return dict(
        graph_class=VAEGraph, x=x, eps=eps, z_posterior=z_posterior, probabilities=probabilities,
        reconstruction_log_likelihood=reconstruction_log_likelihood, generator_loss=generator_loss, variables=variables,
        steps=(updates.step(generator),), gradient_slots=updates.gradient_slots(generator), learning_rate_factor=factor,
        endpoints=Endpoints(**endpoints), kl_posterior_prior=kl_posterior_prior)


def _standard_normal(name, n_samples, dim):
    """Samples of N(0, I), float32 [n_samples, dim], drawn anew in each session.run."""
    distribution = tfd.MultivariateNormalDiag(loc=tf.zeros(dim), scale_diag=tf.ones(dim))
    return distribution.sample(n_samples, seed=networks.op_seed(name), name=name)


def _reparameterized(mean, log_variance, eps):
    """The sample of N(mean, diag(exp(log_variance))) that eps ~ N(0, I) stands for; all [batch, latent_dim]."""
    return mean + tf.exp(log_variance / 2) * eps


def _reconstruction_log_likelihood(x, probabilities):
    log_probabilities = tfd.Bernoulli(probs=probabilities).log_prob(x)
    return tf.reduce_mean(tf.reduce_sum(log_probabilities, axis=1))


def _variables_by_scope(*scopes):
    """The trainable variables under each scope, checked to be disjoint and to cover all of them."""
    # The slash matters: without it "encoder" would also be the beginning of "encoder_2/...".
    by_scope = {
        scope: tuple(tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope + "/")) for scope in scopes}
    collected = sorted(variable.name for variables in by_scope.values() for variable in variables)
    _check(collected == sorted(variable.name for variable in tf.trainable_variables()),
           "the scopes %s don't cover the trainable variables once each" % ", ".join(scopes))
    return by_scope


def _endpoints(model, noise_dim, sample):
    x = tf.placeholder(tf.float32, [None, N_PIXELS], "endpoints/x")
    z = tf.placeholder(tf.float32, [None, model.latent_dim], "endpoints/z")
    eps = tf.placeholder(tf.float32, [None, noise_dim], "endpoints/eps")
    return dict(x=x, z=z, eps=eps, z_posterior=sample(x, eps), probabilities=networks.decoder(z, model))


def _check(condition, message):
    if not condition:
        raise AssertionError("the graph is not what it should be: %s" % message)
