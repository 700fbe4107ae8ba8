"""Decoders of real values: log p(x|z) against scipy, the log standard deviation's bound, colour, all pairs, and the optimum."""

import numpy as np
import pytest
from config_cases import AUXILIARY, PLAIN_TRAINING, refusal
from helpers import SYNTHETIC
from image_data import COLOR_CONVOLUTION, GAUSSIAN, image_config_path, small_patches
from scipy.stats import norm
from trainings import assert_same, trained, trained_in_pieces, weights_of

from avb_tf1.estimation.likelihoods import Gaussian
from avb_tf1.graph import likelihoods, networks
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.tensorflow import open_session, tf
from avb_tf1.problems.registry import problem_of
from avb_tf1.training import trainer

FIXED, LEARNED, DECODED = ("{kind: fixed, value: -1.5}", "{kind: learned, minimum: -6, initial: -1}",
                           "{kind: decoded, minimum: -6}")


DECODER = "{n_hidden_layers: 3, n_units: 8, activation: relu, probability_margin: 0}"


def layers(weights, z, n_values, n_outputs):
    """What the last layer of a decoder of the small patches makes of z."""
    hidden = z
    for name in ("hidden_1", "hidden_2", "hidden_3", "output"):
        hidden = hidden @ weights["decoder/%s/weights" % name] + weights["decoder/%s/biases" % name]
        hidden = hidden if name == "output" else np.maximum(hidden, 0)
    assert hidden.shape[1] == n_outputs * n_values
    return np.split(hidden, n_outputs, axis=1)


@pytest.mark.parametrize("mean", ["sigmoid", "linear"])
@pytest.mark.parametrize("log_scale", [FIXED, LEARNED, DECODED], ids=["fixed", "learned", "decoded"])
def test_log_p_is_that_of_independent_gaussians(log_scale, mean):
    config = small_patches("patches_vae", "model.likelihood=" + GAUSSIAN % (mean, log_scale))
    model = build_graph(config)
    kind = config.model.likelihood.log_scale.kind
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        weights = weights_of(session, model)
        x = model.parts.batch.of_iteration(1)
        z, log_prob, (own_mean, own_log_scale) = session.run(
            [model.parts.posterior.z, model.parts.likelihood.log_prob, model.parts.likelihood.parameters["mean_and_log_scale"]],
            {model.parts.batch.x: x})
        functions = trainer.array_functions(session, model)
        assert isinstance(functions.likelihood, Gaussian)
        np.testing.assert_allclose(functions.likelihood.log_prob(x, z), log_prob, rtol=1e-4)
        np.testing.assert_array_equal(functions.decode(z), functions.likelihood.mean_and_log_scale(z)[0])
    output, *raw = layers(weights, z.astype(np.float64), 192, 2 if kind == "decoded" else 1)
    expected_mean = output if mean == "linear" else 1 / (1 + np.exp(-output))
    expected = {"fixed": -1.5, "learned": -1.0}.get(kind) or -6 + np.logaddexp(0, raw[0] + 6)
    np.testing.assert_allclose(own_mean, expected_mean, atol=1e-5)
    np.testing.assert_allclose(own_log_scale, np.broadcast_to(expected, own_mean.shape), atol=1e-5)
    np.testing.assert_allclose(log_prob, norm.logpdf(x, expected_mean, np.exp(expected)).sum(axis=1), rtol=1e-4)
    assert model.objective.monitors["reconstruction_log_likelihood"].shape == ()
    assert len(model.variables["decoder"]) == 8 + (kind == "learned")  # which the builder counts, too
    assert [name for name in weights if "log_scale" in name] == ["decoder/log_scale"] * (kind == "learned")


def test_a_learned_log_scale_never_falls_below_its_minimum():
    """However far its variable goes, and the gradient is a number there."""
    with tf.Graph().as_default(), tf.Session() as session:
        config = small_patches("patches_vae").model
        mean, log_scale = networks.gaussian_decoder(tf.zeros([1, 2]), 192, config)
        variable, = (own for own in tf.trainable_variables() if own.op.name == "decoder/log_scale")
        gradient, = tf.gradients(log_scale, variable)
        session.run(tf.global_variables_initializer())
        assert session.run(log_scale)[0, 0] == pytest.approx(-1, abs=1e-6)
        for raw, expected in ((-1e4, -6), (-7, -6 + np.log1p(np.exp(-1))), (3, 3 + np.log1p(np.exp(-9))), (1e4, 1e4)):
            variable.load([[raw]], session)
            assert session.run(log_scale)[0, 0] == pytest.approx(expected, rel=1e-6) and session.run(log_scale)[0, 0] >= -6
            assert 0 <= session.run(gradient)[0, 0] <= 1


def test_a_decoder_that_meets_the_data_exactly_stays_finite():
    """Of floats that are all the same the likelihood without a bound has no maximum."""
    config = small_patches(
        "patches_vae", "data.color=false", "training.n_iterations=400", "training.generator.learning_rate=2e-2",
        "training.decoder_learning_rate=2e-2", "training.linear_decay=null", "model.likelihood.log_scale.minimum=-4")
    problem = problem_of(config)
    constant = problem.train._replace(intensities=np.full((1000, 64), 0.5, np.float32))
    model = build_graph(config, problem.__class__(**dict(vars(problem), train=constant)))
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        result = trainer.train(session, model, config.training, [])
        variable, = (own for own in model.variables["decoder"] if own.op.name == "decoder/log_scale")
        raw = session.run(variable)[0, 0]
    best = -64 * norm.logpdf(0, scale=np.exp(-4))
    assert np.isfinite(result.monitors["generator_loss"]).all() and result.monitors["generator_loss"].min() > best
    assert raw < -2.5 and result.monitors["generator_loss"][-1] < 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["patches_vae", "patches_avb"])
def test_a_convolution_has_three_channels_of_colour_and_both_outputs(name):
    config = small_patches(name, "data.size=16", *COLOR_CONVOLUTION, "model.likelihood.log_scale=" + DECODED)
    model = build_graph(config)
    shapes = {variable.op.name: variable.shape.as_list() for variables in model.variables.values() for variable in variables}
    assert shapes["encoder/convolution_1/weights"] == [3, 3, 3, 4] and shapes["decoder/output/weights"] == [3, 3, 6, 8]
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        bias, = (own for own in model.variables["decoder"] if own.op.name == "decoder/output/biases")
        bias.load([-20, 0, 20, 1, 2, 3], session)
        mean, log_scale = trainer.array_functions(session, model).likelihood.mean_and_log_scale(np.zeros((2, 2), np.float32))
    mean, log_scale = mean.reshape(2, 16, 16, 3), log_scale.reshape(2, 16, 16, 3)
    # The biases of hidden layers are 0, and so is what the layers make of z = 0: red is 0, green one half, blue 1.
    np.testing.assert_allclose(mean, np.broadcast_to([0, 0.5, 1], mean.shape), atol=1e-6)
    np.testing.assert_allclose(log_scale, np.broadcast_to([1, 2, 3], log_scale.shape), atol=1e-2)


def test_a_convolution_sees_the_pixels_where_they_are():
    """One red pixel: the features are those of an image [rows, columns, channels]."""
    config = small_patches("patches_vae", "data.size=16", *COLOR_CONVOLUTION)
    model = build_graph(config)
    x = np.zeros((1, 16, 16, 3), np.float32)
    x[0, 5, 9, 0] = 1
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        kernel, biases = session.run(model.variables["encoder"][:2])
        row = session.graph.get_tensor_by_name("endpoints/x:0")
        features = session.run(session.graph.get_tensor_by_name("encoder_1/convolution_1/Relu:0"), {row: x.reshape(1, -1)})
    centred = np.pad(2 * x[0] - 1, [(0, 1), (0, 1), (0, 0)], "constant")  # what SAME pads for a stride of 2
    expected = np.array([[np.tensordot(centred[2 * i:2 * i + 3, 2 * j:2 * j + 3], kernel, 3) + biases for j in range(8)]
                         for i in range(8)])
    np.testing.assert_allclose(features[0], np.maximum(expected, 0), atol=1e-5)


@pytest.mark.parametrize("log_scale", ["{kind: fixed, value: -6}", DECODED], ids=["sharp", "decoded"])
def test_all_pairs_are_the_pairs(log_scale):
    config = small_patches("patches_vae", "model.likelihood.log_scale=" + log_scale)
    problem, random_state = problem_of(config), np.random.RandomState(0)
    x, z = random_state.random_sample((5, 192)), random_state.standard_normal((4, 2))
    with tf.Graph().as_default(), tf.Session() as session:
        own_x, own_z = tf.constant(x, tf.float32), tf.constant(z, tf.float32)
        of_all = likelihoods.log_prob_of_all_pairs(own_x, own_z, config, problem)
        repeated = tf.constant(np.repeat(z, 5, axis=0), tf.float32)
        of_pairs = likelihoods.likelihood(tf.tile(own_x, [4, 1]), repeated, config, problem)
        session.run(tf.global_variables_initializer())
        found, expected = session.run([of_all, of_pairs.log_prob])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.reshape(4, 5).T, rtol=1e-5)


def test_maximum_likelihood_is_the_mean_over_prior_samples():
    """At z that the loss drew, once more with numpy."""
    model = "model={kind: maximum_likelihood, latent_dim: 2, n_prior_samples: 50, likelihood: %s, decoder: %s}" % (
        GAUSSIAN % ("sigmoid", LEARNED), DECODER)
    config = small_patches("patches_vae", model, PLAIN_TRAINING, as_it_is=True)
    model = build_graph(config)
    x = model.parts.batch.of_iteration(1)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        z, loss = session.run([model.steps[0].noise[-1], model.objective.loss], {model.parts.batch.x: x})
        of_all = trainer.array_functions(session, model).likelihood.log_prob_of_all(x, z).T
    assert of_all.shape == (64, 50)
    assert loss == pytest.approx(np.log(50) - np.logaddexp.reduce(of_all, axis=1).mean(), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [
    [], ["data.size=16", "%s, has_batch_norm: true}" % COLOR_CONVOLUTION[0][:-1]]], ids=["plain", "encoder with averages"])
def test_a_decoder_that_is_built_on_the_prior_sample_is_the_same(overrides):
    losses = []
    for built_on in ("posterior_sample", "prior_sample"):
        config = small_patches("patches_avb", "model.decoder.built_on=" + built_on, *overrides)
        model = build_graph(config)
        with open_session(model.graph, 1, 1) as session:
            session.run(model.initialize)
            losses.append(session.run(model.objective.monitors["reconstruction_log_likelihood"],
                                      {model.parts.batch.x: model.parts.batch.of_iteration(1)}))
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_an_auxiliary_model_sees_what_the_decoder_draws():
    """Mean and standard deviation of x at one z, over many draws."""
    config = small_patches("patches_vae", "model={%s, likelihood: %s, decoder: %s}" % (
        AUXILIARY, GAUSSIAN % ("sigmoid", LEARNED), DECODER), PLAIN_TRAINING, as_it_is=True)
    draws = np.random.RandomState(0).standard_normal((20000, 192)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        z = tf.tile(tf.constant([[0.5, -1.0]]), [20000, 1])
        x = likelihoods.sample(z, tf.constant(draws), config.model, (8, 8, 3))
        mean, log_scale = networks.gaussian_decoder(z, 192, config.model)
        session.run(tf.global_variables_initializer())
        drawn, means, log_scale = session.run([x, mean[0], log_scale])
    np.testing.assert_allclose(drawn, means + np.exp(log_scale) * draws, atol=1e-5)
    result, _, _ = trained(config)
    assert np.isfinite(result["generator_loss"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["patches_vae", "patches_avb", "patches_avb_ac", "patches_flow"])
def test_two_runs_have_the_same_bits_and_so_has_one_in_pieces(name, tmp_path):
    config = small_patches(name, "training.n_iterations=12", "training.checkpoint_every=5")
    first, second = trained(config), trained(config, inter_op_threads=2)
    assert_same(first[:2], second[:2])
    assert_same(first[:2], trained_in_pieces(config, [7, 12], tmp_path))


PATCHES, DIGITS = image_config_path("patches_vae"), image_config_path("digits_vae")


@pytest.mark.parametrize("path, overrides, words", [
    (DIGITS, ["model.likelihood=" + GAUSSIAN % ("sigmoid", LEARNED)],
     "model.decoder.likelihood_from must be left out if the likelihood is gaussian"),
    (DIGITS, ["model.likelihood=" + GAUSSIAN % ("sigmoid", LEARNED), "model.decoder.likelihood_from=probabilities"],
     "model.likelihood must be of kind bernoulli unless data.binarisation is none"),
    (DIGITS, ["data.binarisation=none"], "model.likelihood must be of kind gaussian if data.binarisation is none, not null"),
    (PATCHES, ["data.binarisation=dynamic"], "model.likelihood must be of kind bernoulli unless data.binarisation is none"),
    (PATCHES, ["model.likelihood={kind: bernoulli}"], "model.likelihood must be of kind gaussian if data.binarisation is none"),
    (PATCHES, ["model.decoder.probability_margin=1e-6"],
     "model.decoder.probability_margin must be 0 if the likelihood is gaussian"),
    (PATCHES, ["model.likelihood.kind=poisson"], "model.likelihood.kind must be one of bernoulli, gaussian, not poisson"),
    (PATCHES, ["model.likelihood.mean=tanh"], "model.likelihood.mean must be one of sigmoid, linear, not tanh"),
    (PATCHES, ["model.likelihood.log_scale=-2"], "model.likelihood.log_scale must be a mapping of keys to values, not -2"),
    (PATCHES, ["model.likelihood.log_scale.kind=free"],
     "model.likelihood.log_scale.kind must be one of fixed, learned, decoded"),
    (PATCHES, ["model.likelihood.log_scale={kind: decoded}"], 'missing key "model.likelihood.log_scale.minimum"'),
    (PATCHES, ["model.likelihood.log_scale.initial=-6"],
     "model.likelihood.log_scale.initial must lie above minimum, not -6"),
    (SYNTHETIC, ["model.likelihood=" + GAUSSIAN % ("sigmoid", LEARNED), "model.decoder.probability_margin=0"],
     "model.likelihood.kind must be bernoulli: the known images have pixels that are on or off, not gaussian"),
])
def test_a_likelihood_that_does_not_go_with_the_rest_is_told(path, overrides, words):
    assert words in refusal(overrides, path)
