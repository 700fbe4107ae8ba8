import itertools

import numpy as np
import pytest
import reference
from helpers import recipe, small
from trainings import trained

from avb_tf1.graph import networks
from avb_tf1.graph.builder import build_graph
from avb_tf1.graph.divergences import log_contrast, normalized
from avb_tf1.ground.tensorflow import open_session, tf
from avb_tf1.problems.known_images.four_images import PROBLEM
from avb_tf1.tasks.known_images import measures
from avb_tf1.training import trainer


def evaluated(function, *arrays):
    with tf.Graph().as_default(), tf.Session() as session:
        z, *moments = (tf.constant(array, tf.float32) for array in arrays)
        return session.run(function(z, moments))


def gaussian_kl(mean, variance):
    """KL(N(mean, diag(variance)) || N(0, I)), [n]."""
    return np.sum(variance + mean**2 - 1 - np.log(variance), axis=1) / 2


def test_log_contrast_is_the_difference_of_two_log_densities():
    random_state = np.random.RandomState(0)
    z, mean = random_state.standard_normal((2, 50, 2))
    variance = np.exp(random_state.standard_normal((50, 2)))
    expected = reference.log_normal(z, mean, variance) - reference.log_normal(z, 0, np.ones(2))
    np.testing.assert_allclose(evaluated(log_contrast, z, mean, variance), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(evaluated(normalized, z, mean, variance), (z - mean) / np.sqrt(variance), rtol=1e-5)


def test_with_a_gaussian_posterior_the_kl_term_is_exact():
    """A quadratic's mean over these four points, of mean 0 and variance 1, is its mean over N(0, I)."""
    points = np.array(list(itertools.product([-1, 1], repeat=2)))
    mean, variance = np.tile([[1.5, -0.5]], (4, 1)), np.tile([[0.04, 2.25]], (4, 1))
    terms = evaluated(log_contrast, mean + np.sqrt(variance) * points, mean, variance)
    np.testing.assert_allclose(terms.mean(), gaussian_kl(mean, variance)[0], rtol=1e-6)


def measured(networks, n_samples):
    """The divergences by the discriminator and by nearest neighbours."""
    sample = measures._sample(networks, PROBLEM, n_samples, np.random.RandomState(0))
    return {name: measures.METRICS[name].measure(sample).value for name in ("kl_discriminator", "kl_posterior_prior")}


def test_uninformative_discriminator_has_loss_2_log_2():
    model = build_graph(small())
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        for variable in model.variables["discriminator"]:
            variable.load(np.zeros(variable.shape.as_list()), session)
        loss, kl = session.run([model.parts.divergence.loss, model.parts.divergence.kl])
    np.testing.assert_allclose([loss, kl], [2 * np.log(2), 0], rtol=1e-6)


@pytest.fixture(scope="module")
def gaussian():
    """A moment encoder whose basis vectors are linear in the noise, each component in its own, so that its posterior is a
    Gaussian with a diagonal covariance; and T = 0."""
    config = recipe("gdikov_avb_ac", "data={kind: constant, batch_size: 40000}", "model.encoder.n_moment_samples=40000",
                    "model.encoder.n_units=16", "model.encoder.added_variance=0",
                    "model.encoder.basis={n_vectors: 2, noise_dim: 2, n_hidden_layers: 0, n_units: 1, activation: relu}",
                    "model.discriminator={kind: concat, center_input: true, n_hidden_layers: 1, n_units: 4, activation: relu}")
    model = build_graph(config)
    with open_session(model.graph, 1, 2) as session:
        session.run(model.initialize)
        for variable in model.variables["discriminator"]:
            variable.load(np.zeros(variable.shape.as_list()), session)
        for variable in model.variables["encoder"]:
            if "basis" in variable.op.name and variable.op.name.endswith("weights"):
                variable.load(np.diag([0.5, -2]), session)
        yield config, model, session


def test_with_a_gaussian_encoder_and_t_0_the_graphs_kl_is_the_gaussians(gaussian):
    config, model, session = gaussian
    weights = {variable.op.name: session.run(variable).astype(np.float64) for variable in model.variables["encoder"]}
    # The exact moments: z_0, and the sum of a_i**2 times the variance of v_i = W eps.
    x = np.eye(4)
    nothing = np.zeros((2, 4))
    mean = reference.moment_encoder(weights, x, np.zeros((4, 4)), nothing, config.model.encoder)[0]
    variance = sum(
        reference.mlp(weights, "encoder", 2 * x - 1, 2, "relu", "coefficient_%d" % i)**2
        * np.sum(weights["encoder/basis_%d/output/weights" % i]**2, axis=0) for i in (1, 2))
    kl = session.run(model.parts.divergence.kl)
    np.testing.assert_allclose(kl, gaussian_kl(mean, variance).mean(), rtol=0.02)


@pytest.mark.slow
def test_contrast_and_t_are_added_and_t_learns_from_normalised_codes():
    """Beside an independent computation, with a T that is far from 0 and tells the images apart."""
    config = recipe("gdikov_avb_ac", "data={kind: constant, batch_size: 64}", "model.encoder.n_units=8",
                    "model.encoder.n_moment_samples=32", "model.discriminator.n_units=8")
    model = build_graph(config, is_trained=True)
    q, divergence = model.parts.posterior, model.parts.divergence
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        random_state = np.random.RandomState(1)
        for variable in model.variables["discriminator"]:
            variable.load(random_state.standard_normal(variable.shape.as_list()), session)
        weights = {variable.op.name: session.run(variable).astype(np.float64) for variable in model.variables["discriminator"]}
        x, z, (mean, variance), z_prior, kl, loss = session.run(
            [model.parts.batch.x, q.z, q.moments, divergence.z_prior, divergence.kl, divergence.loss])
    x, z, mean, variance, z_prior = (values.astype(np.float64) for values in (x, z, mean, variance, z_prior))
    t_posterior, t_prior = (reference.discriminator(weights, x, codes, config.model.discriminator)
                            for codes in ((z - mean) / np.sqrt(variance), z_prior))
    assert t_posterior.std() > 0.1 and t_prior.std() > 0.1
    contrast = reference.log_normal(z, mean, variance) - reference.log_normal(z, 0, np.ones(2))
    np.testing.assert_allclose(kl, np.mean(t_posterior + contrast), rtol=1e-4)
    np.testing.assert_allclose(loss, np.mean(np.logaddexp(0, -t_posterior) + np.logaddexp(0, t_prior)), rtol=1e-4)


def test_evaluation_sees_the_same_kl(gaussian):
    _, model, session = gaussian
    metrics = measured(trainer.array_functions(session, model), 20000)
    np.testing.assert_allclose(metrics["kl_discriminator"], session.run(model.parts.divergence.kl), rtol=0.02)
    # T = 0 is right for a Gaussian posterior, so that the estimate agrees with the nearest neighbours'.
    np.testing.assert_allclose(metrics["kl_discriminator"], metrics["kl_posterior_prior"], rtol=0.02)


@pytest.mark.parametrize("passes", ["true", "false"])
def test_a_gradient_passes_through_the_moments_where_the_config_says_so(passes):
    model = recipe("gdikov_avb_ac", "model.encoder.gradient_through_moments=" + passes).model
    with tf.Graph().as_default():
        x, eps = tf.zeros([4, 4]), tf.zeros([4, 32])
        z, mean, variance = networks.moment_encoder(x, eps, tf.zeros([3, 32]), model)
        variables = tf.trainable_variables()
        assert all((gradient is not None) == (passes == "true") for gradient in tf.gradients([mean, variance], variables))
        assert all(gradient is not None for gradient in tf.gradients(z, variables))


@pytest.mark.slow
def test_without_the_added_variance_the_contrast_is_another_and_training_is_not():
    """As in LMescheder's code: the KL divergence is told too high by half the sum of log(1 + added / variance)."""
    basis = "model.encoder.basis={n_vectors: 2, noise_dim: 2, n_hidden_layers: 1, n_units: 8, activation: elu}"
    runs, moments = {}, None
    for key in ("true", "false"):
        config = recipe("gdikov_avb_ac", basis, "data={kind: constant, batch_size: 16}", "model.encoder.n_units=8",
                        "model.discriminator.n_units=8", "model.encoder.added_variance=0.3", "training.n_iterations=4",
                        "model.encoder.coefficient_activation=elu_of_5_less", "model.encoder.gradient_through_moments=false",
                        "model.encoder.contrast_has_added_variance=" + key)
        model = build_graph(config)
        with open_session(model.graph, 1, 1) as session:
            session.run(model.initialize)
            moments = session.run(model.parts.posterior.moments)
        runs[key] = trained(config, model=model)
    assert len(moments) == 3
    np.testing.assert_allclose(moments[1], moments[2] + 0.3, rtol=1e-6)
    (with_it, weights, _), (without, others, _) = runs["true"], runs["false"]
    for value, other in zip(weights, others):
        np.testing.assert_array_equal(value, other)
    for name in ("discriminator_loss", "reconstruction_log_likelihood"):
        np.testing.assert_array_equal(with_it[name], without[name])
    excess = np.log1p(0.3 / moments[2].astype(np.float64)).sum(axis=1).mean() / 2
    found = [without[name][0] - with_it[name][0] for name in ("kl_discriminator", "generator_loss")]
    assert excess > 0.5
    np.testing.assert_allclose(found, excess, rtol=1e-3)


@pytest.mark.slow
def test_a_trained_discriminator_finds_the_kl_that_nearest_neighbours_find():
    """With the encoder held still, whose posterior is not a Gaussian: its basis vectors are ReLU networks."""
    config = recipe("gdikov_avb_ac", "model.encoder.n_units=16", "model.encoder.n_moment_samples=4000",
                    "model.discriminator.n_units=32", "model.discriminator.n_factors=32",
                    "model.discriminator.output_activation=linear", "training.discriminator.learning_rate=3e-3")
    model = build_graph(config)
    with open_session(model.graph, 1, 2) as session:
        session.run(model.initialize)
        arrays = trainer.array_functions(session, model)

        def metrics():
            return measured(arrays, 10000)

        before = metrics()
        train_discriminator = session.make_callable(model.steps[1].train_op)
        for _ in range(600):
            train_discriminator()
        after = metrics()
    assert after["kl_posterior_prior"] == before["kl_posterior_prior"]
    difference, difference_before = (abs(m["kl_discriminator"] - m["kl_posterior_prior"]) for m in (after, before))
    assert difference < 0.1 and difference_before > 1  # measured: 0.05 and 1.17, of 2.41
