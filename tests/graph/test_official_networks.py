"""The networks of configs/official: their sizes beside the sources', their outputs beside numpy's; and those for CelebA."""

import os
import shlex
from types import SimpleNamespace

import numpy as np
import pytest
import reference
from helpers import ROOT, long, slow
from image_data import save_mnist
from official import CELEBA, CELEBA_AS_INTENDED, OURS, PARAMETERS, SETTINGS, celeba_images

from avb_tf1.config import networks as sections
from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.graph import convolution, networks
from avb_tf1.graph.builder import build_graph, variables_by_scope
from avb_tf1.ground.tensorflow import open_session, tf

NAMES = sorted(PARAMETERS)
AVB_NAMES = [name for name in NAMES if not name.endswith("vae")]
SHAPE = (28, 28)
# Smaller layers, as many as there are: what they compute is the same, and numpy is done sooner.
FEW_UNITS = {
    "avb": ["model.encoder.convolution.n_channels=[3, 4, 5, 6]", "model.decoder.convolution.n_channels=[6, 5, 4, 3]",
            "model.discriminator.n_units=9", "model.discriminator.n_factors=7", "data.batch_size=6"],
    "vae": ["model.encoder.convolution.n_channels=[3, 4, 5]", "model.decoder.convolution.n_channels=[5, 4, 3]",
            "model.encoder.n_units=9", "model.decoder.n_units=8", "data.batch_size=6"]}
FEW_UNITS["avb_ac"] = FEW_UNITS["avb"] + ["model.encoder.basis.n_vectors=3", "model.encoder.basis.n_units=12"]


def official_path(name):
    return os.path.join(ROOT, "configs", "official", name + ".yaml")


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    """Overrides that put a stand-in for MNIST in its place."""
    path = tmp_path_factory.mktemp("mnist") / "mnist.npz"
    save_mnist(path, 5300, 20)
    return ["data.path=%s" % path]


def flat(tree, prefix=""):
    for word, value in tree.items():
        yield from flat(value, prefix + word + ".") if isinstance(value, dict) else [(prefix + word, value)]


@pytest.mark.parametrize("name", list(SETTINGS))
def test_each_setting_is_that_of_the_script(name, tmp_path):
    images = celeba_images(tmp_path, 64) if name == "celeba_64_avb" else []
    config = dict(flat(load_config(official_path(name), images).tree()))
    assert not set(config) - set(SETTINGS[name]) - OURS
    assert {key: config[key] for key in SETTINGS[name]} == SETTINGS[name]


@pytest.mark.parametrize("name", [*NAMES, "celeba_64_avb"])
def test_each_value_has_its_source(name):
    """Beside it, but for a network's kind, what follows from another value, and how fast it runs."""
    with open(official_path(name)) as file:
        text = file.read()
    lines = text[:text.index("\nruntime:")].splitlines()
    bare = [line.strip() for line in lines if ": " in line and "#" not in line]
    kinds = {"kind: vae", "kind: avb", "kind: avb_ac"}
    assert set(bare) <= kinds | {"name: " + name, "n_units: []", "probability_margin: 0"}
    assert all(word in text for word in ("ee29153", "experiments/", "avb/decoders/conv", "ours"))


def test_all_official_configs_are_tested():
    assert sorted(os.listdir(os.path.join(ROOT, "configs", "official"))) == sorted(
        name + ".yaml" for name in [*NAMES, "celeba_64_avb"])


def sizes(variables):
    """Scope -> layer -> how many numbers are trained in it; a basis vector's layers and a residual's are one."""
    found = {}
    for scope, its_variables in variables.items():
        own = found.setdefault(scope, {})
        for variable in its_variables:
            layer = variable.op.name.split("/")[1]
            if layer.startswith("residual"):
                layer = layer.rpartition("_")[0]
            own[layer] = own.get(layer, 0) + variable.shape.num_elements()
    return found


@pytest.mark.parametrize("name", [slow(name) if "32_avb" in name else name for name in NAMES])
def test_each_layer_has_the_size_of_the_sources(name):
    config = load_config(official_path(name)).model
    with tf.Graph().as_default():
        x, z = tf.placeholder(tf.float32, [None, 784]), tf.placeholder(tf.float32, [None, config.latent_dim])
        if config.kind == "vae":
            networks.gaussian_encoder(x, config, SHAPE)
        else:
            eps = tf.placeholder(tf.float32, [None, config.noise_dim])
            networks.discriminator(x, z, config, SHAPE)
            encode = networks.encoder if config.kind == "avb" else networks.moment_encoder
            encode(x, eps, *([None] if config.kind == "avb_ac" else []), config, SHAPE)
        networks.decoder_logits(z, 784, config, SHAPE)
        assert sizes(variables_by_scope(config.network_sections)) == PARAMETERS[name]


def test_the_equal_baseline_in_the_docs_has_avbs_networks():
    with open(os.path.join(ROOT, "docs", "images.md")) as file:
        command = file.read().split("runs/official/mnist_8_vae_equal", 1)[1].split("```")[0]
    words = shlex.split(command.replace("\\\n", ""))
    config, avb = load_config(official_path("mnist_8_vae"), words[1::2]), load_config(official_path("mnist_8_avb"))
    with tf.Graph().as_default():
        networks.gaussian_encoder(tf.placeholder(tf.float32, [None, 784]), config.model, SHAPE)
        networks.decoder_logits(tf.placeholder(tf.float32, [None, 8]), 784, config.model, SHAPE)
        found, wanted = sizes(variables_by_scope(config.model.network_sections)), PARAMETERS["mnist_8_avb"]
    assert found["decoder"] == wanted["decoder"]
    own = {name: number for name, number in wanted["encoder"].items() if name.startswith("convolution")}
    assert found["encoder"] == dict(own, mean=wanted["encoder"]["output"], log_standard_deviation=wanted["encoder"]["output"])
    assert sum(found["encoder"].values()) == 4704784
    assert (config.data.batch_size, config.training.generator) == (avb.data.batch_size, avb.training.generator)


def set_all(session, random_state):
    """Give all variables values in which each counts; return them, float64, by name."""
    values = {}
    for variable in tf.global_variables():
        shape = variable.shape.as_list()
        value = random_state.standard_normal(shape) / np.sqrt(max(1, np.prod(shape[:-1])))
        if variable.op.name.endswith(("variance_average", "scale")):
            value = 0.5 + np.abs(value)
        variable.load(value.astype(np.float32), session)
        values[variable.op.name] = value.astype(np.float32).astype(np.float64)
    return values


def averages_in(values):
    return {name[:-len("/mean_average")]: (value, values[name.replace("mean_average", "variance_average")])
            for name, value in values.items() if name.endswith("/mean_average")}


def assert_close(found, expected):
    expected = np.asarray(expected)
    assert found.shape == expected.shape and expected.std() > 1e-3 * np.abs(expected).max() > 0
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name, overrides", [
    *(pytest.param(name, FEW_UNITS[name.split("_", 2)[2]], marks=[pytest.mark.slow] * name.endswith("_ac")) for name in NAMES),
    *((slow if name in ("mnist_8_avb", "mnist_8_vae") else long)(name, ["data.batch_size=3"]) for name in NAMES)],
    ids=[size + name for size in ("few units, ", "full size, ") for name in NAMES])
def test_outputs_are_those_of_numpy(name, overrides, mnist):
    """In training, where batch normalisation goes by the batch, and in evaluation, where it goes by the averages."""
    config = load_config(official_path(name), [*overrides, *mnist])
    network, model = config.model, build_graph(config, is_trained=True)
    q, kl, n = model.parts.posterior, model.parts.divergence, 4
    random_state = np.random.RandomState(0)
    x = (random_state.rand(n, 784) < 0.3).astype(np.float32)
    z, eps = (random_state.standard_normal((n, dim)) for dim in (network.latent_dim, network.noise_dim))
    batch = (random_state.rand(config.data.batch_size, 784) < 0.3).astype(np.float32)
    with open_session(model.graph, 1, 2) as session:
        weights = set_all(session, random_state)
        outputs = {key: session.run(output, dict(zip(inputs, {"encode": (x, eps), "logits": (z,), "gaussian": (x,),
                                                              "log_ratio": (x, z)}[key])))
                   for key, (output, inputs) in model.endpoints.items() if key in ("encode", "logits", "gaussian", "log_ratio")}
        in_training = session.run([q.z, q.eps, q.gaussian or q.moments or (), (kl.logits_prior, kl.logits_posterior, kl.z_prior)
                                   if network.has_discriminator else ()], {model.parts.batch.x: batch})
    assert_close(outputs["logits"], reference.decoder_logits(weights, z, network.decoder, SHAPE))
    of_batch = (in_training[1], in_training[0])
    if network.kind == "vae":
        def encoded(x):
            seen = reference.features(weights, "encoder", x, network.encoder, SHAPE)
            return [reference.mlp(weights, "encoder", seen, 1, "softplus", layer)
                    for layer in ("mean", "log_standard_deviation")]

        mean, log_scale = encoded(x)
        assert_close(outputs["gaussian"][0], mean)
        assert_close(outputs["gaussian"][1], 2 * log_scale)
        assert_close(outputs["encode"], mean + np.exp(log_scale) * eps)
        mean, log_scale = encoded(batch)
        assert_close(of_batch[1], mean + np.exp(log_scale) * of_batch[0])
        return
    logits_prior, logits_posterior, z_prior = in_training[3]
    codes = in_training[0]
    if network.kind == "avb":
        assert_close(outputs["encode"], reference.encoder(weights, x, eps, network.encoder, SHAPE))
        assert_close(of_batch[1], reference.encoder(weights, batch, of_batch[0], network.encoder, SHAPE))
        assert_close(outputs["log_ratio"], reference.discriminator(weights, x, z, network.discriminator))
    else:
        averages = averages_in(weights)
        assert len(averages) == 3
        found = reference.moment_encoder(weights, x, eps, eps, network.encoder, SHAPE, averages)
        assert_close(outputs["encode"], found[0])
        own_z, mean, variance = reference.moment_encoder(weights, batch, of_batch[0], of_batch[0], network.encoder, SHAPE)
        for output, value in zip((of_batch[1], *in_training[2]), (own_z, mean, variance, variance - 1e-4)):
            assert_close(output, value)
        codes = (codes - in_training[2][0]) / np.sqrt(in_training[2][1])
    assert_close(logits_prior, reference.discriminator(weights, batch, z_prior, network.discriminator))
    assert_close(logits_posterior, reference.discriminator(weights, batch, codes, network.discriminator))


@pytest.mark.parametrize("name", ["mnist_8_avb"])
def test_what_begins_near_zero(name, mnist):
    """The last layers of theta, Tx and Tz; of s, and of all others, the weights are Xavier's."""
    model = build_graph(load_config(official_path(name), [*FEW_UNITS["avb"], "model.discriminator.n_factors=500", *mnist]),
                        is_trained=True)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        weights = {variable.op.name: session.run(variable) for variable in model.variables["discriminator"]
                   if variable.op.name.endswith("weights")}
    small = {scope for scope in ("x", "z", "x_offset", "z_offset")
             if np.abs(weights["discriminator/%s/output/weights" % scope]).max() < 3e-5}
    assert small == {"x", "x_offset", "z_offset"}
    of_theta = weights["discriminator/x/output/weights"]
    assert of_theta.std() == pytest.approx(0.88e-5, rel=0.05)  # of a normal cut off at two standard deviations
    assert all(weights["discriminator/%s/hidden_1/weights" % scope].std() > 0.01 for scope in ("x", "z"))


@pytest.mark.parametrize("name", ["mnist_8_avb_ac"])
def test_z0_begins_near_zero_and_coefficients_begin_small(name, mnist):
    model = build_graph(load_config(official_path(name), [*FEW_UNITS["avb_ac"], *mnist]), is_trained=True)
    q = model.parts.posterior
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        output, = (session.run(variable) for variable in model.variables["encoder"]
                   if variable.op.name == "encoder/output/weights")
        mean, variance, own = session.run(q.moments, {model.parts.batch.x: np.zeros((6, 784))})
    assert 0 < np.abs(output).max() < 3e-5
    assert (own > 0).all() and own.max() < 0.01  # sums of exp(-5)**2 times the variances of vectors
    np.testing.assert_allclose(variance, own + 1e-4, rtol=1e-6)


def celeba(wiring, **sizes_of):
    """The networks of experiments/avb_celebA_64/run.py: conv2, conv2 and the adversary conv1."""
    size = dict({"channels": [64, 128, 256, 512], "noise_dim": 128, "latent_dim": 64}, **sizes_of)
    residual = {"n_layers": 3, "n_channels": size["channels"][0], "wiring": wiring}
    layers = {"kernel_size": 5, "stride": 2}
    plain = {"n_hidden_layers": 0, "n_units": [], "activation": "elu"}
    return SimpleNamespace(
        latent_dim=size["latent_dim"],
        encoder=sections.ImageEncoderConfig(
            center_input=True, noise_dim=size["noise_dim"], noise_enters="convolutions", **plain,
            convolution=dict(layers, n_channels=size["channels"], residual=residual)),
        decoder=sections.AVBDecoderConfig(
            probability_margin=0, built_on="posterior_sample", **plain,
            convolution=dict(layers, n_channels=size["channels"][::-1], residual=residual)),
        discriminator=sections.ConvolutionalDiscriminatorConfig(
            kind="convolutional", center_input=True, squared_norm_factor=0.5, **plain,
            convolution=dict(layers, n_channels=size["channels"], has_batch_norm=True)))


def built(config, x, z, eps, image_shape):
    """Outputs of the encoder, the decoder (two for each value, as for a mean and a log scale) and the discriminator."""
    encoded = networks.encoder(x, eps, config, image_shape)
    judged = networks.discriminator(x, z, config, image_shape)
    with tf.variable_scope("decoder", reuse=tf.AUTO_REUSE):
        decoded = convolution.images_from(z, config.decoder.convolution, tf.nn.elu, image_shape, n_outputs=2)
    return encoded, decoded, judged


@pytest.mark.parametrize("wiring, expected", [("published", CELEBA), ("intended", CELEBA_AS_INTENDED)])
def test_the_networks_for_celeba_have_the_size_of_the_sources(wiring, expected):
    config = celeba(wiring)
    with tf.Graph().as_default():
        x, z, eps = (tf.placeholder(tf.float32, [None, dim]) for dim in (64 * 64 * 3, 64, 128))
        built(config, x, z, eps, (64, 64, 3))
        variables = variables_by_scope({name: getattr(config, name) for name in ("encoder", "decoder", "discriminator")})
        assert sizes(variables) == expected


def test_celebas_config_has_these_networks(tmp_path):
    config = load_config(official_path("celeba_64_avb"), [*celeba_images(tmp_path), "data.batch_size=4"])
    model, networks_there = config.model, celeba("published")
    for scope in ("encoder", "decoder", "discriminator"):
        assert getattr(model, scope) == getattr(networks_there, scope)
    assert model.likelihood.n_outputs == 2 and model.latent_dim == 64 and config.data.is_real
    (tmp_path / "again.yaml").write_text(to_yaml(config))
    assert load_config(str(tmp_path / "again.yaml")) == config


@pytest.mark.slow
@pytest.mark.parametrize("wiring", ["published", "intended"])
@pytest.mark.parametrize("n_rows", [5, None], ids=["training", "evaluation"])
def test_the_networks_for_celeba_are_those_of_numpy(wiring, n_rows):
    config, shape = celeba(wiring, channels=[3, 4, 5, 6], noise_dim=7, latent_dim=4), (16, 32, 3)
    random_state = np.random.RandomState(0)
    x, z, eps = random_state.rand(5, 16 * 32 * 3), random_state.standard_normal((5, 4)), random_state.standard_normal((5, 7))
    with tf.Graph().as_default() as graph:
        inputs = [tf.placeholder(tf.float32, [n_rows, array.shape[1]]) for array in (x, z, eps)]
        outputs = built(config, *inputs, shape)
        with open_session(graph, 1, 1) as session:
            weights = set_all(session, random_state)
            encoded, decoded, judged = session.run(outputs, dict(zip(inputs, (x, z, eps))))
    averages = None if n_rows else averages_in(weights)
    assert_close(encoded, reference.encoder(weights, x, eps, config.encoder, shape))
    assert_close(decoded, reference.decoder_logits(weights, z, config.decoder, shape, n_outputs=2))
    assert_close(judged, reference.discriminator(weights, x, z, config.discriminator, shape, averages))


@pytest.mark.parametrize("size, stride", [(7, 2), (9, 3), (8, 2), (5, 4)])
def test_an_exact_size_is_that_of_the_convolution_turned_round(size, stride):
    """The transposed convolution is the gradient of a convolution with regard to its image, of odd sizes, too."""
    smaller, random_state = -(-size // stride), np.random.RandomState(0)
    config = sections.TransposedConvolutionConfig(n_channels=[2], kernel_size=5, stride=stride, odd_sizes="exact")
    with tf.Graph().as_default() as graph, open_session(graph, 1, 1) as session:
        hidden = tf.constant(random_state.rand(3, 6), tf.float32)
        pixels = convolution.images_from(hidden, config, None, (size, size))
        kernel, = (variable for variable in tf.trainable_variables() if variable.op.name == "output/weights")
        images = tf.placeholder(tf.float32, [3, size, size, 1])
        convolved = tf.nn.conv2d(images, kernel, [1, stride, stride, 1], "SAME")
        small, = (op.outputs[0] for op in graph.get_operations() if op.type == "Reshape"
                  and op.outputs[0].shape.as_list()[1:] == [smaller, smaller, 2])
        gradient, = tf.gradients(convolved, images, small)
        session.run(tf.global_variables_initializer())
        found, expected = session.run([pixels, gradient], {images: np.zeros((3, size, size, 1))})
    assert found.std() > 0.01
    np.testing.assert_allclose(found, expected.reshape(3, -1), atol=1e-6)
