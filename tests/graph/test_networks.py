"""Each network against an independent numpy forward pass."""

import itertools

import numpy as np
import pytest
import reference
from helpers import INNER_PRODUCT, slow, small, vae_config
from trainings import weights_of

from avb_tf1.graph import networks
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.seeds import op_seed
from avb_tf1.ground.tensorflow import open_session, tf
from avb_tf1.problems.known_images.four_images import PROBLEM
from avb_tf1.training import trainer

SHAPES = {
    "tutorial": [], "centred": ["model.encoder.center_input=true", "model.discriminator.center_input=false"],
    "inner_product": INNER_PRODUCT, "depth": ["model.encoder.n_hidden_layers=0", "model.decoder.n_hidden_layers=3"],
    "one_dimension": ["model.latent_dim=1"],
    "sum_and_sizes": [
        "model.discriminator={kind: sum, center_input: true, n_hidden_layers: 2, n_units: [5, 7], activation: relu}",
        "model.encoder.n_units=[9, 6]", "model.decoder.n_units=[4, 11]"]}


@pytest.mark.parametrize("shape, activation", [
    (shape, activation) if shape == "tutorial" or activation == "elu" else slow(shape, activation)
    for shape in SHAPES for activation in ("elu", "leaky_relu", "leaky_relu_0.01", "relu", "tanh")])
def test_forward_pass(shape, activation):
    networks = ["encoder", "decoder", "discriminator"]
    experiment = small(*SHAPES[shape] + ["model.%s.activation=%s" % (network, activation) for network in networks])
    config, model = experiment.model, build_graph(experiment, is_trained=True)
    random_state = np.random.RandomState(1)
    x = PROBLEM.images[PROBLEM.labels(16)]
    eps = random_state.standard_normal((16, 4))
    z = random_state.standard_normal((16, config.latent_dim))
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        weights = weights_of(session, model)
        arrays = trainer.array_functions(session, model)
        outputs = [arrays.encode(x, eps), arrays.decode(z), arrays.log_ratio(x, z)]
    expected = [reference.encoder(weights, x, eps, config.encoder), reference.decoder(weights, z, config.decoder),
                reference.discriminator(weights, x, z, config.discriminator)]
    for output, value in zip(outputs, expected):
        assert output.dtype == np.float32 and output.shape == value.shape
        np.testing.assert_allclose(output, value, rtol=1e-4, atol=1e-5)


def test_vae_encoder():
    config = vae_config()
    model = build_graph(config, is_trained=True)
    x = PROBLEM.images[PROBLEM.labels(16)]
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        weights = weights_of(session, model)
        arrays = trainer.array_functions(session, model)
        eps = np.random.RandomState(1).standard_normal((16, 2))
        (mean, log_variance), z = arrays.gaussian(x), arrays.encode(x, eps)
    expected_mean = reference.mlp(weights, "encoder", 2 * x - 1, 2, "relu", "mean")
    expected_log_variance = reference.mlp(weights, "encoder", 2 * x - 1, 2, "relu", "log_variance")
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(log_variance, expected_log_variance, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(z, expected_mean + np.exp(expected_log_variance / 2) * eps, rtol=1e-4, atol=1e-5)


def test_probabilities_stay_inside_the_margin():
    model = build_graph(small("model.decoder.probability_margin=0.1"), is_trained=True)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        z = 1e4 * np.random.RandomState(0).standard_normal((100, 2))
        probabilities = trainer.array_functions(session, model).decode(z)
    np.testing.assert_allclose([probabilities.min(), probabilities.max()], [0.1, 0.9], rtol=1e-6)


def test_initial_weights_are_xavier_uniform_and_differ_between_layers():
    config = small(*("model.%s.n_units=64" % name for name in ("encoder", "decoder", "discriminator")))
    model = build_graph(config, is_trained=True)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        values = [value for values in session.run(model.variables).values() for value in values]
    for value in values:
        if value.ndim == 1:
            assert not value.any()
        else:
            limit = np.sqrt(6 / sum(value.shape))
            assert 0.8 * limit < np.abs(value).max() <= limit
    # Layers of any shapes: with one op seed they would be the same numbers, as far as each goes, but for the limit.
    streams = [value.ravel()[:64] * np.sqrt(sum(value.shape)) for value in values if value.ndim == 2]
    assert len(streams) == 9 and min(map(len, streams)) == 64 and not any(
        np.isclose(a, b, rtol=1e-3).mean() > 0.1 for a, b in itertools.combinations(streams, 2))


def test_op_seed_is_fixed_and_apart():
    names = ["eps", "z_prior", "encoder/hidden_1", "encoder/hidden_2", "decoder/hidden_1"]
    assert len({op_seed(name) for name in names}) == len(names)
    assert all(0 <= op_seed(name) < 2**31 for name in names)
    assert op_seed("eps") == 1466861993  # another value would change every run


@pytest.mark.parametrize("activation", [tf.identity, tf.nn.relu, tf.nn.elu])
def test_a_layer_that_sees_nothing_has_its_biases(activation):
    """TensorFlow 1.15 forgets them where it fuses them with a product of no columns."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 0])
        outputs = activation(networks.linear(x, 3, "layer"))
        weights, biases = tf.trainable_variables()
        session.run(tf.global_variables_initializer())
        weights.load(np.zeros(weights.shape.as_list()), session)
        biases.load([1.0, 2.0, 0.5], session)
        np.testing.assert_array_equal(session.run(outputs, {x: np.zeros((2, 0))}), [[1, 2, 0.5]] * 2)
