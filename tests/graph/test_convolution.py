"""Convolutional encoders and decoders: their shapes, their sums, what can't be convolved."""

import numpy as np
import pytest
from helpers import slow
from image_data import CONVOLUTION, image_config, npz_data, save_mnist, small_images
from scipy.signal import correlate2d
from trainings import assert_same, trained

from avb_tf1.config.networks import TransposedConvolutionConfig
from avb_tf1.graph import convolution
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.errors import InputError
from avb_tf1.ground.tensorflow import open_session, tf
from avb_tf1.training import trainer

CONVOLUTIONS = ["model.encoder.convolution=" + CONVOLUTION, "model.decoder.convolution=" + CONVOLUTION]


@pytest.fixture(scope="module")
def odd_images(tmp_path_factory):
    """A file of images of 18 x 23: no multiples of the stride."""
    path, random_state = tmp_path_factory.mktemp("images") / "odd.npz", np.random.RandomState(0)
    np.savez(str(path), train=random_state.rand(70, 18, 23), test=random_state.rand(5, 18, 23), flat=np.zeros(3))
    return path


def convolutional(name, path, *overrides):
    return small_images(name.replace("digits", "mnist_8"), npz_data(path), *CONVOLUTIONS, *overrides)


@pytest.mark.parametrize("name", [
    "digits_vae", slow("digits_avb"), slow("digits_avb_ac")])
def test_any_shape_of_at_least_16_pixels_can_be_convolved(name, odd_images):
    model = build_graph(convolutional(name, odd_images))
    shapes = {variable.op.name: variable.shape.as_list() for variables in model.variables.values() for variable in variables}
    assert shapes["encoder/convolution_1/weights"] == [3, 3, 1, 4]
    assert shapes["encoder/convolution_2/weights"] == [3, 3, 4, 8]
    noise = model.parts.posterior.eps.shape[1].value if name == "digits_avb" else 0
    assert shapes["encoder/hidden_1/weights"] == [5 * 6 * 8 + noise, 12]  # 18 x 23, 9 x 12, 5 x 6
    assert shapes["decoder/smallest/weights"] == [8, 5 * 6 * 4]
    assert shapes["decoder/convolution_1/weights"] == [3, 3, 8, 4] and shapes["decoder/output/weights"] == [3, 3, 1, 8]
    assert model.parts.likelihood.parameters["probabilities"].shape.as_list() == [64, 18 * 23]
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        x, z = np.zeros((3, 18 * 23), np.float32), np.zeros((3, 8), np.float32)
        arrays = trainer.array_functions(session, model)
        assert arrays.encode(x, np.zeros((3, arrays.noise_dim))).shape == (3, 8)
        np.testing.assert_allclose(arrays.decode(z), 0.5, atol=1e-6)  # all biases start at 0


def test_the_first_layer_is_a_convolution_of_the_centred_image(odd_images):
    model = build_graph(convolutional("digits_vae", odd_images))
    image = (np.random.RandomState(1).rand(18, 23) < 0.5).astype(np.float32)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        weights = session.run(model.graph.get_tensor_by_name("encoder/convolution_1/weights:0"))
        relu = [op for op in model.graph.get_operations() if op.type == "Relu" and "convolution_1" in op.name
                and op.outputs[0].shape[0].value is None and op.outputs[0].shape.as_list()[1:] == [9, 12, 4]]
        assert relu
        found = session.run(relu[0].outputs[0], {"endpoints/x:0": image.reshape(1, -1)})[0]
    padded = np.pad(2 * image - 1, ((0, 1), (1, 1)), "constant")  # SAME: 18 needs one more row, 23 one column at either side
    for channel in range(4):
        expected = correlate2d(padded, weights[:, :, 0, channel], "valid")[::2, ::2]
        np.testing.assert_allclose(found[..., channel], np.maximum(expected, 0), atol=1e-5)


def test_what_is_over_is_cut_off_at_the_lower_and_right_edge():
    """Images of 4 x 6 and of 3 x 5 have the same layers, as both begin with 2 x 3."""
    config = TransposedConvolutionConfig(n_channels=[3], kernel_size=3, stride=2)
    images = []
    for shape in ((4, 6), (3, 5)):
        with tf.Graph().as_default(), open_session(tf.get_default_graph(), 1, 1) as session:
            hidden = tf.constant(np.random.RandomState(0).rand(2, 7), tf.float32)
            pixels = convolution.images_from(hidden, config, tf.nn.relu, shape)
            session.run(tf.global_variables_initializer())
            images.append(session.run(pixels).reshape(2, *shape))
    larger, smaller = images
    assert larger.std() > 0.01
    np.testing.assert_array_equal(smaller, larger[:, :3, :5])


def test_what_is_too_small_can_not_be_convolved(tmp_path):
    for key in ("encoder", "decoder"):
        with pytest.raises(InputError, match="digits_vae.yaml: model.%s.convolution must be null: it needs images of at least "
                                             "16 x 16, not 8 x 8" % key):
            image_config("digits_vae", "model.%s={%s, convolution: %s}" % (
                key, {"encoder": "center_input: true, n_hidden_layers: 1, n_units: 8, activation: relu, "
                      "spread_output: log_variance", "decoder": "n_hidden_layers: 1, n_units: 8, activation: relu, "
                      "probability_margin: 0"}[key], CONVOLUTION))
    np.savez(str(tmp_path / "flat.npz"), train=np.zeros((70, 784)), test=np.zeros((5, 784)))
    with pytest.raises(InputError, match="at least 16 x 16, not 1 x 784"):
        small_images("mnist_2_vae", npz_data(tmp_path / "flat.npz"), *CONVOLUTIONS)


@pytest.mark.parametrize("value, words", [
    ("{n_channels: [], kernel_size: 3, stride: 2}", "n_channels must"), ("{n_channels: [4, x], kernel_size: 3, stride: 2}",
     "n_channels.1 must be an integer, not x"), ("{n_channels: 4, kernel_size: 3, stride: 2}", "n_channels"),
    ("{n_channels: [0], kernel_size: 3, stride: 2}", "n_channels.0 must be greater"), ("{n_channels: [4], kernel_size: 3}",
     'missing key "model.encoder.convolution.stride"'), ("{n_channels: [4], kernel_size: 0, stride: 2}",
                                                            "kernel_size must be greater")])
def test_a_wrong_convolution_is_told(value, words):
    with pytest.raises(InputError) as error:
        image_config("mnist_2_vae", "model.encoder.convolution=" + value)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", [
    "mnist_2_vae", "mnist_2_avb", "mnist_8_avb_ac"])
def test_convolutions_are_deterministic_and_learn(name, tmp_path):
    save_mnist(tmp_path / "mnist.npz", 200, 100)
    config = small_images(name, "data.path=%s" % (tmp_path / "mnist.npz"), "data.batch_size=32",
                          *CONVOLUTIONS, "training.generator.learning_rate=1e-2", "training.decoder_learning_rate=null",
                          "training.n_iterations=30")
    first, second = trained(config), trained(config, inter_op_threads=2)
    assert_same(first[:2], second[:2])
    likelihood = first[0]["reconstruction_log_likelihood"]
    assert likelihood[0] == pytest.approx(-784 * np.log(2), rel=0.05) and likelihood[-5:].mean() > likelihood[0] + 100
