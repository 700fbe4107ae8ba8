"""What is known of q(z|x) beside its samples, against scipy; and what isn't known."""

import os

import numpy as np
import pytest
from helpers import ROOT, recipe, small, vae_config
from scipy import stats

from avb_tf1.config.loading import load_config
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.graph import posteriors
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.tensorflow import open_session, tf
from avb_tf1.problems.registry import problem_of
from avb_tf1.training import trainer

ADAM = "{optimizer: adam, learning_rate: 1e-2, beta1: .9, beta2: .999, epsilon: 1e-8}"


def given(*overrides):
    return load_config(os.path.join(ROOT, "configs", "posteriors", "explaining_away.yaml"),
                       ["problem={kind: explaining_away, batch_size: 20}", *overrides])


def free_gaussian(covariance):
    return given("model={kind: gaussian, latent_dim: 2, covariance: %s}" % covariance,
                 "training={n_iterations: 2, linear_decay: null, checkpoint_every: 2, snapshot_every: 2, "
                 "generator_loss_scale: 1, generator: %s}" % ADAM)


GAUSSIANS = [vae_config(), free_gaussian("full"), free_gaussian("diagonal")]


def log_density(gaussian, z):
    """log N(z; mean, covariance) of each row, float64 [n], of what ApproximatePosterior.gaussian is, by scipy."""
    mean, spread = (parameter.astype(np.float64) for parameter in gaussian)
    scales = spread if spread.ndim == 3 else [np.diag(deviations) for deviations in np.exp(spread / 2)]
    return np.array([stats.multivariate_normal(m, scale @ scale.T).logpdf(own_z) for m, scale, own_z in zip(mean, scales, z)])


@pytest.mark.parametrize("config", GAUSSIANS, ids=["diagonal", "free, full", "free, diagonal"])
def test_a_gaussian_has_its_log_density_at_its_samples_and_at_any_z(config):
    model, random_state = build_graph(config, is_trained=True), np.random.RandomState(0)
    x = problem_of(config).inputs[[0, 1, 2, 3, 0]]
    eps, anywhere = random_state.standard_normal((2, 5, 2))
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        for variable in model.variables["encoder"]:
            variable.load(0.5 * random_state.standard_normal(variable.shape.as_list()), session)
        q, networks = model.parts.posterior, trainer.array_functions(session, model)
        z, log_prob, gaussian = session.run([q.z, q.log_prob, q.gaussian])
        codes, log_prob_of_codes = networks.encode_with_density(x, eps)
        np.testing.assert_array_equal(codes, networks.encode(x, eps))
        of_x = networks.gaussian(x)
        log_posterior, at_codes = networks.log_posterior(x, anywhere), networks.log_posterior(x, codes)
    assert log_prob.dtype == log_posterior.dtype == np.float32 and len({round(float(v), 3) for v in of_x[0][:, 0]}) == 4
    for found, expected in ((log_prob, log_density(gaussian, z)), (log_prob_of_codes, log_density(of_x, codes)),
                            (log_posterior, log_density(of_x, anywhere)), (at_codes, log_prob_of_codes)):
        assert found.shape == (len(expected),)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("config", [
    small(), recipe("gdikov_avb_ac", "model.encoder.n_units=8", "model.encoder.n_moment_samples=8"),
    given("model.encoder.n_units=8", "model.discriminator.n_units=8")], ids=["avb", "avb_ac", "given"])
def test_an_implicit_posterior_has_none(config):
    model = build_graph(config, is_trained=True)
    assert model.parts.posterior.log_prob is model.parts.posterior.log_prob_at is model.parts.posterior.gaussian is None
    with open_session(model.graph, 1, 1) as session:
        networks = trainer.array_functions(session, model)
    assert networks.encode_with_density is networks.log_posterior is networks.gaussian is None
    assert networks.encode is not None and networks.noise_dim == config.model.noise_dim


def gradient_less(config, n_rows):
    """How many of the moments of q(z|x) have no gradient in the encoder's weights; z has one in all of them."""
    problem = problem_of(config)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [n_rows, problem.inputs.shape[1]])
        eps = tf.placeholder(tf.float32, [n_rows, config.model.noise_dim])
        q = posteriors.approximate_posterior(x, eps, lambda name, n, dim: tf.ones([n, dim]), config, problem)
        weights = tf.trainable_variables()
        assert len(q.moments) == 2 and None not in tf.gradients(q.z, weights)
        return sum(set(tf.gradients(moment, weights)) == {None} for moment in q.moments)


@pytest.mark.parametrize("n_rows", [20, None], ids=["in the batch", "of further draws"])
def test_moments_of_a_batch_are_constants_of_the_loss(n_rows):
    config = given("model.kind=avb_ac", "model.encoder={center_input: false, n_hidden_layers: 1, n_units: 8, activation: elu, "
                   "noise_dim: 3, added_standard_deviation: 0}")
    assert gradient_less(config, n_rows) == 2


@pytest.mark.parametrize("through, n_detached", [("true", 0), ("false", 2)])
def test_moments_have_a_gradient_where_the_config_says_so(through, n_detached):
    config = recipe("gdikov_avb_ac", "model.encoder.n_units=8", "model.encoder.n_moment_samples=8",
                    "model.encoder.gradient_through_moments=" + through)
    assert gradient_less(config, 16) == n_detached


@pytest.mark.parametrize("n_rows, n_draws", [(16, 0), (None, 1)])
def test_moments_of_the_basis_can_be_those_of_the_batch(n_rows, n_draws):
    """Where the batch's size is known; else they are from draws of their own."""
    config = recipe("gdikov_avb_ac", "model.encoder.n_units=8", "model.encoder.n_moment_samples=null",
                    "model.encoder.gradient_through_moments=false")
    problem, drawn = problem_of(config), []
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [n_rows, 4])
        eps = tf.placeholder(tf.float32, [n_rows, config.model.noise_dim])
        posteriors.approximate_posterior(x, eps, lambda *what: drawn.append(what) or tf.ones(what[1:]), config, problem)
    assert drawn == [("moment_eps", 4096, config.model.noise_dim)] * n_draws
    assert gradient_less(config, n_rows) == 2


@pytest.mark.slow
@pytest.mark.parametrize("n, expected", [("8", 4096), ("5000", 5000)])
def test_evaluation_has_as_many_draws_as_training_at_least(n, expected):
    graph = build_graph(recipe("gdikov_avb_ac", "model.encoder.n_units=8", "model.encoder.n_moment_samples=" + n)).graph
    assert graph.get_tensor_by_name("endpoints/moment_eps:0").shape.as_list() == [expected, 32]


def test_samples_and_densities_go_through_in_chunks():
    x = np.arange(40000, dtype=np.float32)[:, np.newaxis]
    z, log_q = in_chunks(lambda x: (x, -x[:, 0]), x)
    np.testing.assert_array_equal(z, x)
    np.testing.assert_array_equal(log_q, -x[:, 0])
