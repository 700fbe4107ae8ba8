"""The generator's loss: of its parts, against numpy; and of a model that has no approximate posterior."""

from types import SimpleNamespace

import numpy as np
import posterior_configs
import pytest
import reference
from config_cases import FLOWS, of_kind, with_flow
from helpers import ALL_PAIRS, DUAL, recipe, slow, small, vae_config
from image_data import small_images
from trainings import SMOOTH, assert_goes_on_to_the_bit, assert_same, trained, trained_in_pieces, weights_of

from avb_tf1.config.likelihoods import BERNOULLI
from avb_tf1.config.loading import load_config
from avb_tf1.estimation import quadrature
from avb_tf1.graph import objectives
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.tensorflow import open_session, tf, tfd
from avb_tf1.problems.known_images.four_images import PROBLEM
from avb_tf1.training import trainer

N_DRAWS = 8


@pytest.mark.parametrize("overrides", [[], slow(ALL_PAIRS), slow(DUAL), DUAL + ALL_PAIRS], ids=[
    "one prior sample each", "all pairs", "Fenchel dual", "Fenchel dual of all pairs"])
def test_losses_equal_a_numpy_formula(overrides):
    config = small(*overrides, *SMOOTH)
    model = build_graph(config)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        weights = weights_of(session, model)
        x, eps, z_prior, generator_loss, discriminator_loss, kl, likelihood = session.run(
            [model.parts.batch.x, model.parts.posterior.eps, model.parts.divergence.z_prior, model.objective.loss,
             model.parts.divergence.loss, model.parts.divergence.kl, model.objective.monitors["reconstruction_log_likelihood"]])
    expected = reference.losses(weights, *[a.astype(np.float64) for a in (x, eps, z_prior)], config.model,
                                config.training.discriminator_loss)
    np.testing.assert_allclose([generator_loss, discriminator_loss], expected, rtol=1e-5)
    np.testing.assert_allclose(kl - likelihood, generator_loss, rtol=1e-6)


def test_vae_loss_and_kl():
    config = vae_config()
    model = build_graph(config)
    assert sorted(model.variables) == ["decoder", "encoder"]
    assert not any(op.name.startswith("discriminator") for op in model.graph.get_operations())
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        weights_of(session, model)  # moves the biases, so that the mean isn't near 0
        arrays = trainer.array_functions(session, model)
        x, z, loss, kl = session.run(
            [model.parts.batch.x, model.parts.posterior.z, model.objective.loss, model.parts.divergence.kl])
        (mean, log_variance), p = arrays.gaussian(x), arrays.decode(z)
    with tf.Graph().as_default(), tf.Session() as session:
        expected_kl = session.run(tf.reduce_mean(tfd.kl_divergence(
            tfd.MultivariateNormalDiag(mean, np.exp(log_variance / 2)), tfd.MultivariateNormalDiag(tf.zeros(2), tf.ones(2)))))
    p = p.astype(np.float64)
    np.testing.assert_allclose(kl, expected_kl, rtol=1e-5)
    log_likelihood = np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1).mean()
    np.testing.assert_allclose(loss, expected_kl - log_likelihood, rtol=1e-5)


def mean_at_prior_samples(parts):
    """Minus the mean log p(x|z) at N_DRAWS samples of the prior for each x: it takes no q and no divergence."""
    x = tf.repeat(parts.batch.x, N_DRAWS, axis=0)
    z = parts.noise.drawn_by("z_of_objective", x.shape[0].value, parts.prior().sample)
    log_likelihood = tf.reduce_mean(parts.log_likelihood(x, z))
    return objectives.Objective(-log_likelihood, {"reconstruction_log_likelihood": log_likelihood})


@pytest.fixture
def without_q(monkeypatch):
    """A config of a decoder alone, whose objective is mean_at_prior_samples."""
    monkeypatch.setitem(objectives._OBJECTIVES, "mean_at_prior_samples", mean_at_prior_samples)
    config = vae_config("training.n_iterations=3")
    model = SimpleNamespace(
        posterior=None, noise_dim=None, divergence=None, has_discriminator=False, likelihood=BERNOULLI,
        further_variables={}, objective="mean_at_prior_samples", latent_dim=2, decoder=config.model.decoder,
        network_sections={"decoder": config.model.decoder})
    return config.copy(update={"model": model})


def test_a_model_without_q_is_built_trained_and_evaluated(without_q):
    model = build_graph(without_q)
    assert model.parts.posterior is model.parts.divergence is model.parts.likelihood is None
    assert list(model.variables) == ["decoder"]
    assert [len(step.noise) for step in model.steps] == [1]
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        networks = trainer.array_functions(session, model)
        before = networks.decode(np.zeros((1, 2), np.float32))
        monitors = trainer.train(session, model, without_q.training, []).monitors
        assert not np.array_equal(networks.decode(np.zeros((1, 2), np.float32)), before)
        log_likelihoods = quadrature.log_likelihood(networks.decode, 2, PROBLEM.images)
    assert list(monitors) == ["generator_loss", "reconstruction_log_likelihood"]
    np.testing.assert_array_equal(monitors["generator_loss"], -monitors["reconstruction_log_likelihood"])
    assert monitors["generator_loss"].shape == (3,) and monitors["generator_loss"][0] == pytest.approx(4 * np.log(2), rel=0.1)
    assert log_likelihoods.mean() == pytest.approx(-4 * np.log(2), rel=0.1)
    nothing = ("noise_dim", "encode", "encode_with_density", "log_posterior", "gaussian", "log_ratio", "log_joint")
    assert [name for name in nothing if getattr(networks, name) is not None] == []


def test_its_draws_are_skipped_when_it_is_gone_on_with(without_q, tmp_path):
    model = build_graph(without_q)
    assert_same(trained(without_q, model=model)[:2], trained_in_pieces(without_q, (1,), tmp_path, model))


def test_an_objective_can_draw_further_samples_of_q_and_weigh_them(monkeypatch):
    """With one importance weight of each x, whose density is known, it is the ELBO with a sampled KL."""
    tensors = {}

    def one_weight(parts):
        eps = parts.noise.drawn_anew("eps_of_objective", 16, 2)
        q = parts.sample_posterior(parts.batch.x, eps)
        tensors.update(z=q.z, gaussian=q.gaussian, log_likelihood=parts.log_likelihood(parts.batch.x, q.z))
        log_weights = tensors["log_likelihood"] + parts.prior().log_prob(q.z) - q.log_prob
        return objectives.Objective(-tf.reduce_mean(log_weights), {})

    monkeypatch.setitem(objectives._OBJECTIVES, "elbo", one_weight)
    model = build_graph(vae_config())
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        found, loss = session.run([tensors, model.objective.loss])
    z, (mean, log_variance) = found["z"].astype(np.float64), found["gaussian"]
    log_weights = found["log_likelihood"] + (
        reference.log_normal(z, 0, np.ones(2)) - reference.log_normal(z, mean, np.exp(log_variance)))[:, 0]
    assert loss == pytest.approx(-log_weights.mean(), rel=1e-5)
    drawn, = model.steps[0].noise
    assert "eps_of_objective" in drawn.op.name


SAMPLED = ["training.kl=sampled"]
MAXIMUM_LIKELIHOOD = ["model={kind: maximum_likelihood, latent_dim: 2, n_prior_samples: 50, decoder: {n_hidden_layers: 2, "
                      "n_units: 8, activation: relu, probability_margin: %s, likelihood_from: %s}}"]


def run_once(config):
    """On random weights, of one run: x, the loss, the monitors and the step's noise; and the networks."""
    model = build_graph(config)
    session = open_session(model.graph, 1, 1)
    session.run(model.initialize)
    weights_of(session, model)
    batch = model.parts.batch
    feeds = {} if batch.of_iteration is None else {batch.x: batch.of_iteration(1)}
    found = session.run([batch.x, model.objective.loss, dict(model.objective.monitors), list(model.steps[0].noise)], feeds)
    return (*found, trainer.array_functions(session, model))


def log_bernoulli(p, x):
    p = p.astype(np.float64)
    return np.where(x == 1, np.log(p), np.log1p(-p)).sum(axis=-1)


def log_mean(log_weights, axis):
    return np.logaddexp.reduce(log_weights, axis=axis) - np.log(log_weights.shape[axis])


@pytest.mark.parametrize("n, config", [
    (1, vae_config(*SAMPLED)), (5, vae_config(*SAMPLED, "training.n_importance_samples=5")),
    (5, vae_config(*with_flow("coupling"), "training.n_importance_samples=5")),
    slow(1, vae_config(*with_flow("spline"))), slow(5, vae_config(*with_flow("spline"), "training.n_importance_samples=5")),
    slow(5, small_images("digits_vae", *SAMPLED, "training.n_importance_samples=5"))],
    ids=["one, Gaussian", "Gaussian", "coupling", "one, spline", "spline", "data set"])
def test_the_importance_weighted_bound_is_that_of_numpy(n, config, monkeypatch):
    """Of one sample, which the config doesn't make by it, it is the ELBO."""
    monkeypatch.setitem(objectives._OBJECTIVES, "elbo", objectives._importance_weighted)
    x, loss, monitors, (eps, *_), networks = run_once(config)
    assert eps.shape == (n * len(x), 2)
    many = np.tile(x, (n, 1))
    z, log_q = networks.encode_with_density(many, eps)
    reconstruction = log_bernoulli(networks.decode(z), many)
    log_ratio = log_q - reference.log_normal(z, 0, np.ones(2))[:, 0]
    bound = log_mean((reconstruction - log_ratio).reshape(n, len(x)), axis=0).mean()
    assert loss == pytest.approx(-bound, rel=1e-5)
    assert monitors["reconstruction_log_likelihood"] == pytest.approx(reconstruction.mean(), rel=1e-5)
    assert monitors["kl_posterior_prior"] == pytest.approx(log_ratio.mean(), rel=1e-4)


@pytest.mark.parametrize("flow", ["null", slow(FLOWS["iaf"])], ids=["Gaussian", "iaf"])
def test_a_given_posteriors_bound_is_that_of_numpy(flow):
    config = posterior_configs.gaussian("explaining_away", 2, "full", "training.n_importance_samples=4", "model.flow=" + flow)
    x, loss, _, (eps,), networks = run_once(config)
    many = np.tile(x, (4, 1))
    z, log_q = networks.encode_with_density(many, eps)
    bound = log_mean((networks.log_joint(many, z) - log_q).astype(np.float64).reshape(4, len(x)), axis=0).mean()
    assert loss == pytest.approx(-bound, rel=1e-5)


@pytest.mark.slow
def test_the_bound_rises_with_the_number_of_samples():
    def bound(n):
        config = vae_config(*SAMPLED, "data.batch_size=8192", "training.n_importance_samples=%d" % n)
        _, loss, *_, networks = run_once(config)
        return -float(loss), networks

    (elbo, networks), *others = (bound(n) for n in (1, 2, 8, 64))
    bounds = [elbo] + [value for value, _ in others]
    assert all(low + 0.005 < high for low, high in zip(bounds, bounds[1:]))  # errors are .003 and less
    assert bounds[-1] < quadrature.log_likelihood(networks.decode, 2, PROBLEM.images).mean() + 0.01


@pytest.mark.parametrize("likelihood", [("1e-3", "probabilities"), ("0", "logits")], ids=lambda value: value[1])
def test_the_likelihood_by_prior_samples_is_that_of_numpy(likelihood):
    config = vae_config(MAXIMUM_LIKELIHOOD[0] % likelihood, "training={n_iterations: 20, linear_decay: null, "
                        "checkpoint_every: 10, snapshot_every: 5, generator_loss_scale: 1, "
                        "generator: {optimizer: adam, learning_rate: 1e-3, beta1: .9, beta2: .999, epsilon: 1e-8}}")
    x, loss, monitors, (z,), networks = run_once(config)
    of_pairs = log_bernoulli(networks.decode(z)[np.newaxis], x[:, np.newaxis])
    assert z.shape == (50, 2) and monitors == {}
    assert loss == pytest.approx(-log_mean(of_pairs, axis=1).mean(), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("config", [
    vae_config("training.kl_weight=.3"), small("training.kl_weight=.3"), small("training.kl_weight=.3", *ALL_PAIRS),
    vae_config(*with_flow("coupling"), "training.kl_weight=.3"), recipe("gdikov_avb_ac", "training.kl_weight=.3"),
    small_images("digits_vae", "training.kl_weight=.3")],
    ids=["vae", "avb", "all pairs", "flow", "avb_ac", "data set"])
def test_the_kl_divergence_counts_by_its_weight(config):
    _, loss, monitors, _, _ = run_once(config)
    name = "kl_discriminator" if config.model.has_discriminator else "kl_posterior_prior"
    assert loss == pytest.approx(0.3 * monitors[name] - monitors["reconstruction_log_likelihood"], rel=1e-5)
    assert "generator_loss" not in PROBLEM.optima_of(config) and "generator_loss" in PROBLEM.optima_of(small())


@pytest.mark.slow
@pytest.mark.parametrize("task", ["known_images", "data_set"])
def test_a_decoder_alone_is_gone_on_with_to_the_bit(task, tmp_path):
    assert_goes_on_to_the_bit(load_config(*of_kind(task, "maximum_likelihood")), tmp_path)


@pytest.mark.slow
def test_maximum_likelihood_reaches_the_entropy_and_no_vae_is_above_it():
    rates = ["training.n_iterations=4000", "training.checkpoint_every=4000", "data.batch_size=64",
             "training.linear_decay={begin: .5, end_factor: .01}"]
    decoder = ("n_hidden_layers: 2, n_units: 32, activation: relu, probability_margin: 0, likelihood_from: logits")
    training = ("training={linear_decay: null, n_iterations: 1, checkpoint_every: 1, snapshot_every: 1, "
                "generator_loss_scale: 1, generator: {optimizer: adam, learning_rate: 5e-3, beta1: .9, beta2: .999, "
                "epsilon: 1e-8}}")
    alone = vae_config("model={kind: maximum_likelihood, latent_dim: 2, n_prior_samples: 2048, decoder: {%s}}" % decoder,
                       training, *rates)
    with_q = vae_config("model.decoder={%s}" % decoder, "training.generator.learning_rate=5e-3", *rates)
    found = []
    for config in (alone, with_q):
        model = build_graph(config)
        with open_session(model.graph, 1, 2) as session:
            session.run(model.initialize)
            trainer.train(session, model, config.training, [])
            networks = trainer.array_functions(session, model)
            found.append(quadrature.log_likelihood(networks.decode, 2, PROBLEM.images).mean())
    assert -np.log(4) - 0.01 < found[0] < -np.log(4) + 1e-4
    assert found[1] < found[0] + 0.01
