"""Batch normalisation: its numbers beside TensorFlow's, and the averages that evaluation takes."""

import numpy as np
import pytest
from image_data import CONVOLUTION, npz_data, small_images
from posterior_configs import avb

from avb_tf1.graph import batch_norm
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.errors import InputError
from avb_tf1.ground.tensorflow import open_session, tf, tfc
from avb_tf1.training import trainer

NORMALIZED = CONVOLUTION.replace("}", ", has_batch_norm: true}")
DISCRIMINATOR = ("model.discriminator={kind: convolutional, center_input: true, convolution: %s, n_hidden_layers: 0, "
                 "n_units: [], activation: elu, squared_norm_factor: .5}" % NORMALIZED)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """An encoder and a discriminator with a normalised layer each; batches of 16 images of 16 x 16."""
    path, random_state = tmp_path_factory.mktemp("images") / "a.npz", np.random.RandomState(0)
    np.savez(str(path), train=random_state.rand(70, 16, 16), test=random_state.rand(5, 16, 16))
    return small_images("digits_8_avb_ac", npz_data(path).replace("64", "16"), "model.encoder.convolution=" + NORMALIZED,
                        DISCRIMINATOR, "training.shared_backward=false", "training.n_iterations=4",
                        "training.n_discriminator_updates=1", "training.linear_decay=null")


@pytest.fixture(scope="module")
def model(config):
    return build_graph(config)


@pytest.mark.parametrize("is_training", [True, False])
def test_numbers_are_those_of_tensorflows_own_layer(is_training):
    images = np.random.RandomState(0).standard_normal((5, 4, 3, 2)) * [1, 3] + [2, 0]
    with tf.Graph().as_default() as graph:
        inputs = tf.placeholder(tf.float32, [5 if is_training else None, 4, 3, 2])
        with tf.variable_scope("ours"):
            ours = batch_norm.normalized(inputs)
        theirs = tfc.layers.batch_norm(inputs, scale=True, is_training=is_training, updates_collections=None, fused=False,
                                       scope="theirs")
        updates = batch_norm.average([ours])
        assert len(updates) == is_training
        names = {"scale": "gamma", "offset": "beta", "mean_average": "moving_mean", "variance_average": "moving_variance"}
        variables = {variable.op.name: variable for variable in tf.global_variables()}
        assert len(tf.trainable_variables()) == 4 and len(variables) == 8
        with open_session(graph, 1, 1) as session:
            for number, (own, other) in enumerate(names.items(), 1):
                for name in ("ours/" + own, "theirs/" + other):
                    variables[name].load([0.3 * number, 0.7], session)
            outputs = session.run([ours, theirs, *updates], {inputs: images})[:2]
            np.testing.assert_allclose(*outputs, rtol=1e-5)
            assert outputs[0].std() > 0.1
            after = session.run(variables)
    for own, other in names.items():
        np.testing.assert_allclose(after["ours/" + own], after["theirs/" + other], rtol=1e-6)
    assert (after["ours/mean_average"][0] != np.float32(0.9)) == is_training


def all_values(session, model):
    with model.graph.as_default():
        variables = {variable.op.name: variable for variable in tf.global_variables()}
    return session.run(variables)


def test_a_step_averages_what_it_saw_in_turn(model):
    """The discriminator's are moved by the prior's batch first, then by the posterior's."""
    recorded = model.graph.get_collection("batch_moments")
    of_encoder, of_prior, of_posterior = recorded
    assert of_prior.mean_average is of_posterior.mean_average and of_prior.mean is not of_posterior.mean
    x = model.parts.batch.of_iteration(1)
    with open_session(model.graph, 1, 2) as session:
        session.run(model.initialize)
        moments, _ = session.run([[(own.mean, own.variance) for own in recorded], model.steps[0].train_op],
                                 {model.parts.batch.x: x})
        found = [session.run([own.mean_average, own.variance_average]) for own in (of_encoder, of_prior)]
    for kind, start in enumerate((0, 1)):
        batches = [pair[kind].astype(np.float64) for pair in moments]
        np.testing.assert_allclose(found[0][kind], 0.999 * start + 0.001 * batches[0], rtol=1e-5, atol=1e-9)
        expected = 0.999 * (0.999 * start + 0.001 * batches[1]) + 0.001 * batches[2]
        np.testing.assert_allclose(found[1][kind], expected, rtol=1e-5, atol=1e-9)
        assert np.abs(batches[1] - batches[2]).max() > 1e-3


def test_evaluation_goes_by_the_averages_and_leaves_them(model):
    x = model.parts.batch.of_iteration(1)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        arrays, before = trainer.array_functions(session, model), all_values(session, model)
        eps = np.zeros((16, arrays.noise_dim))
        together, apart = arrays.encode(x, eps), np.concatenate([arrays.encode(x[i:i + 1], eps[:1]) for i in range(16)])
        np.testing.assert_allclose(together, apart, rtol=1e-4, atol=1e-6)  # an image's code depends on no other image
        after = all_values(session, model)
        assert all((before[name] == after[name]).all() for name in before)
        model.graph.get_collection("batch_moments")[0].mean_average.load(np.full(4, 3.0), session)
        assert np.abs(arrays.encode(x, eps) - together).max() > 1e-3


def values_after(config, model, tmp_path, inter_op_threads=1, stop=None):
    """All variables after training, in one piece or in two sessions; the averages among them."""
    path, done = str(tmp_path / "model"), None
    for last in ([stop] if stop else []) + [config.training.n_iterations]:
        seen = []
        with open_session(model.graph, 1, inter_op_threads) as session:
            model.saver.restore(session, path) if done else session.run(model.initialize)
            result = trainer.train(session, model, config.training, [lambda i, _, seen=seen: seen.append(i)], done,
                                   lambda _, session=session: model.saver.save(session, path),
                                   lambda seen=seen, last=last: seen[-1] == last)
            done = result.monitors
            values = all_values(session, model)
    return values


@pytest.mark.slow
def test_the_averages_have_the_same_bits_whatever_the_threads_and_after_a_break(config, model, tmp_path):
    whole = values_after(config, model, tmp_path)
    assert sum("average" in name for name in whole) == 4
    for other in (values_after(config, model, tmp_path, inter_op_threads=2), values_after(config, model, tmp_path, stop=2)):
        assert whole.keys() == other.keys()
        for name, value in whole.items():
            np.testing.assert_array_equal(value, other[name], err_msg=name)


def test_one_backward_pass_is_refused(config):
    with pytest.raises(InputError, match="training.shared_backward must be false if the discriminator has batch normalisation"):
        small_images("digits_8_avb_ac", "data.batch_size=16", DISCRIMINATOR, "training.shared_backward=true")


def test_what_is_no_image_is_refused():
    with pytest.raises(InputError, match="model.discriminator.kind must be concat, .*, residual or sum: x is no image"):
        avb(DISCRIMINATOR, "training.shared_backward=false")


def test_a_small_image_is_refused():
    with pytest.raises(InputError, match="model.discriminator.kind must not be convolutional: it needs images of at least 16"):
        small_images("digits_8_avb_ac", DISCRIMINATOR, "training.shared_backward=false")
