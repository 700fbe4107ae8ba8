"""Normalizing flows: densities against a numpy flow, integrals and inverses; and what a config may have of them."""

import os

import numpy as np
import pytest
from config_cases import FLOWS, refusal, with_flow
from flow_reference import Flow
from helpers import ROOT, long, recipe_path, slow, vae_config
from image_data import small_images
from posterior_configs import path_of
from trainings import assert_goes_on_to_the_bit

from avb_tf1.config.loading import load_config
from avb_tf1.config.rivals import load_rivals
from avb_tf1.graph import flows, invertible
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.errors import InputError
from avb_tf1.ground.tensorflow import open_session, tf
from avb_tf1.problems.registry import problem_of
from avb_tf1.training import trainer

TWO_LAYERS = FLOWS["iaf"].replace("n_hidden_layers: 1", "n_hidden_layers: 2").replace("_scale: .01", "_scale: .5")


def of_images(family, *overrides):
    """A VAE of the four images with a flow."""
    return vae_config(*with_flow(family), *overrides)


def of_posterior(family, *overrides, name="explaining_away", covariance="full", dim=2):
    """A given posterior's free Gaussian with a flow; of explaining_away the flow's layers see which x it is."""
    training = ("training={n_iterations: 20, linear_decay: null, checkpoint_every: 10, snapshot_every: 10, "
                "generator_loss_scale: 1, generator: {optimizer: adam, learning_rate: 1e-2, beta1: .9, beta2: .999, "
                "epsilon: 1e-8}}")
    return load_config(path_of(name), [
        "problem.batch_size=40", "model={kind: gaussian, latent_dim: %d, covariance: %s, flow: %s}" % (
            dim, covariance, FLOWS[family]), training, *overrides])


_FAST = [("images", "coupling"), ("images", "iaf"), ("given posterior", "coupling"), ("one x", "iaf"), ("two layers", "iaf")]
CONFIGS = {("images", family): lambda family=family: of_images(family) for family in FLOWS}
CONFIGS.update({("given posterior", family): lambda family=family: of_posterior(family) for family in FLOWS})
CONFIGS.update({
    ("three dimensions", family): lambda family=family: of_images(family, "model.latent_dim=3") for family in FLOWS})
CONFIGS.update({("ten dimensions", family): lambda family=family: of_posterior(
    family, name="stan_eight_schools", dim=10) for family in ("iaf", "spline")})
CONFIGS["one x", "coupling"] = lambda: of_posterior("coupling", name="banana", covariance="diagonal")
CONFIGS["one x", "iaf"] = lambda: of_posterior("iaf", name="banana")
CONFIGS["two layers", "iaf"] = lambda: of_images("iaf", "model.latent_dim=4", "model.flow=" + TWO_LAYERS)

CASES = [(pytest.param if name in _FAST else slow)(name, id="-".join(name)) for name in CONFIGS]
OF_DATA_SETS = {("data set", family): lambda family=family: small_images("digits_vae", *with_flow(family)) for family in FLOWS}


class Case:
    """Networks on random weights, x of n rows, and the same flow in numpy."""

    def __init__(self, session, config, n=30):
        self.config, problem = config, problem_of(config)
        self.model, random_state = build_graph(config, is_trained=True), np.random.RandomState(0)
        self.session = session(self.model)
        weights = {}
        for variable in (variable for scope in ("encoder", "flow") for variable in self.model.variables[scope]):
            shape = variable.shape.as_list()
            size = 0.2 if variable.op.name in ("encoder/mean", "encoder/scale") else 0.5 / np.sqrt(shape[0])
            weights[variable.op.name] = np.float32(size * random_state.standard_normal(shape)).astype(np.float64)
            variable.load(weights[variable.op.name], self.session)
        self.networks = trainer.array_functions(self.session, self.model)
        self.x = problem.inputs[np.arange(n) % len(problem.inputs)]
        self.eps = np.float32(random_state.standard_normal((n, config.model.latent_dim)))
        if config.task == "given_posterior":
            rows = self.x.argmax(axis=1) if self.x.shape[1] else np.zeros(n, int)
            dim, entries = config.model.latent_dim, weights["encoder/scale"]
            scale = np.zeros((len(entries), dim, dim))
            for one, own in zip(scale, entries):
                if config.model.covariance == "diagonal":
                    one[np.diag_indices(dim)] = np.exp(own)
                else:  # by TensorFlow Probability's fill_triangular: clockwise from the lower right
                    both = np.concatenate([own[dim:], own[::-1]]).reshape(dim, dim)
                    one[:] = np.tril(both, -1) + np.diag(np.exp(np.diag(both)))
            context = self.x if self.x.shape[1] or config.model.flow.kind != "iaf" else np.ones((n, 1))
            self.flow = Flow(config.model.flow, weights, weights["encoder/mean"][rows], scale[rows], context)
        else:
            def layer(inputs, scope):
                return inputs @ weights["encoder/%s/weights" % scope] + weights["encoder/%s/biases" % scope]

            hidden = np.maximum(layer(np.maximum(layer(2.0 * self.x - 1, "hidden_1"), 0), "hidden_2"), 0)
            scale = np.apply_along_axis(np.diag, 1, np.exp(layer(hidden, "log_variance") / 2))
            self.flow = Flow(config.model.flow, weights, layer(hidden, "mean"), scale, layer(hidden, "context"))


@pytest.fixture
def session():
    opened = []

    def of(model):
        opened.append(open_session(model.graph, 1, 1))
        own = opened[-1]
        own.run(model.initialize)
        return own

    yield of
    for own in opened:
        own.close()


@pytest.mark.parametrize("name", CASES)
def test_samples_and_their_density_are_those_of_a_numpy_flow(name, session):
    """The density by the way there, and by the way back from any z, IAF's too: one pass has that of its own samples alone."""
    case = Case(session, CONFIGS[name]())
    z, log_prob = case.networks.encode_with_density(case.x, case.eps)
    eps = case.eps.astype(np.float64)
    np.testing.assert_allclose(z, case.flow.forward(eps), rtol=1e-4, atol=2e-5)
    tolerance = 5e-4 if name[0] == "ten dimensions" else 1e-4
    np.testing.assert_allclose(log_prob, case.flow.log_prob(eps), rtol=1e-4, atol=tolerance)
    np.testing.assert_allclose(case.networks.log_posterior(case.x, z), log_prob, rtol=1e-5, atol=tolerance)
    assert np.ptp(log_prob + (eps**2).sum(axis=1) / 2) > 1e-3  # the layers stretch one place more than another


@pytest.mark.slow
@pytest.mark.parametrize("name", [
    *(pytest.param(("images", family), id="images-" + family) for family in FLOWS),
    pytest.param(("one x", "coupling"), id="one x-coupling"),
    *(pytest.param(("given posterior", family), id="given posterior-" + family) for family in FLOWS)])
def test_the_density_integrates_to_one(name, session):
    case = Case(session, CONFIGS[name](), n=3)
    axis = np.linspace(-1, 1, 801)
    for x in case.x:
        samples = case.networks.encode(np.tile(x, (20000, 1)), np.random.RandomState(1).standard_normal((20000, 2)))
        middle, reach = samples.mean(axis=0), 1.7 * np.abs(samples - samples.mean(axis=0)).max(axis=0)
        z = np.stack(np.meshgrid(*(middle[:, np.newaxis] + reach[:, np.newaxis] * axis), indexing="ij"), axis=-1)
        density = np.exp(case.networks.log_posterior(np.tile(x, (axis.size**2, 1)), z.reshape(-1, 2)).astype(np.float64))
        assert density.sum() * np.prod(reach * (axis[1] - axis[0])) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name, dim, gaussian", [
    *((name, 2, "diagonal") for name in (*FLOWS, "two layers")), *(slow(name, 4, "triangular") for name in FLOWS),
    *(slow(name + " of the rivals", 10, "triangular") for name in FLOWS),
    *(long(name, 10, "triangular") for name in FLOWS),
    *(long("two layers", dim, "triangular") for dim in (4, 10)),
    *(long(name + " of the rivals", *case) for name in FLOWS for case in ((2, "diagonal"), (4, "triangular")))])
def test_layers_are_inverted(name, dim, gaussian):
    family, _, of_rivals = name.partition(" of the ")
    config = (load_rivals(os.path.join(ROOT, "configs"))["digits"][family].config() if of_rivals else
              CONFIGS["two layers", "iaf"]() if name == "two layers" else of_images(family))
    random_state = np.random.RandomState(2)
    eps, lower = np.float32(random_state.standard_normal((30, dim))), np.tril(np.full((dim, dim), 0.3, np.float32), -1)
    with tf.Graph().as_default(), tf.Session() as own:
        z = tf.constant(eps)
        mean = tf.zeros_like(z) + 0.3
        base = (invertible.diagonal(mean, tf.zeros_like(z) - 0.2) if gaussian == "diagonal" else
                invertible.triangular(mean, tf.constant(np.stack([lower + 0.8 * np.eye(dim, dtype=np.float32)] * len(eps)))))
        layers = flows.layers(base, tf.ones([len(eps), 4]), dim, config.model.flow)
        image, log_dets, there = z, 0.0, []
        for layer in layers:
            there.append(image)
            image, log_det = layer.forward(image)
            log_dets += log_det
        back, log_dets_back = image, 0.0
        for layer in reversed(layers):
            back, log_det = layer.inverse(back)
            log_dets_back += log_det
        variables = tf.trainable_variables()
        for variable in variables:
            shape = variable.shape.as_list()
            variable.load(0.5 / np.sqrt(shape[0]) * random_state.standard_normal(shape), own)
        assert len(variables) == 2 * config.model.flow.n_layers
        image, back, log_dets, log_dets_back = own.run([image, back, log_dets, log_dets_back])
    assert np.abs(image - eps).max() > 0.1
    np.testing.assert_allclose(back, eps, atol=1e-5)
    np.testing.assert_allclose(log_dets_back, log_dets, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["coupling", "spline"])
def test_they_are_at_first_the_gaussian(family, session):
    model = build_graph(of_images(family), is_trained=True)
    networks = trainer.array_functions(session(model), model)
    x, eps = np.eye(4, dtype=np.float32), np.float32(np.random.RandomState(3).standard_normal((4, 2)))
    z, log_prob = networks.encode_with_density(x, eps)
    plain = build_graph(vae_config(), is_trained=True)
    of_plain = trainer.array_functions(session(plain), plain)  # the same seeds, and so weights
    expected, expected_log_prob = of_plain.encode_with_density(x, eps[:, ::-1] if family == "coupling" else eps)
    np.testing.assert_allclose(z, expected, atol=1e-5)
    np.testing.assert_allclose(log_prob, expected_log_prob, atol=1e-5)


@pytest.mark.parametrize("name", [
    (slow if name in (*_FAST, ("images", "spline"), ("ten dimensions", "spline"), *OF_DATA_SETS) else long)(
        name, id="-".join(name)) for name in (*CONFIGS, *OF_DATA_SETS)])
def test_every_variable_has_a_gradient_and_moves(name):
    config = {**CONFIGS, **OF_DATA_SETS}[name]()
    model = build_graph(config)
    assert len(model.variables["flow"]) == 2 * config.model.flow.n_layers
    with open_session(model.graph, 1, 1) as own:
        own.run(model.initialize)
        before = own.run(model.variables)
        trainer.train(own, model, config.training, [])
        after = own.run(model.variables)
    moved = {variable.op.name: not np.array_equal(*pair) for scope, variables in model.variables.items()
             for variable, pair in zip(variables, zip(before[scope], after[scope]))}
    assert [name for name, has_moved in moved.items() if not has_moved] == []


@pytest.mark.parametrize("name", [
    (slow if name[0] == "images" else long)(name, id="-".join(name))
    for name in CONFIGS if name[0] in ("images", "given posterior")])
def test_it_is_gone_on_with_to_the_bit(name, tmp_path):
    assert_goes_on_to_the_bit(CONFIGS[name](), tmp_path)


VAE = recipe_path("../paper_vae")


@pytest.mark.parametrize("path, overrides, words", [
    (VAE, ["model.flow={kind: planar}"], "model.flow.kind must be one of iaf, coupling, spline, not"),
    (VAE, with_flow("coupling", "model.latent_dim=1"), "model.flow.kind needs a latent_dim of at least 2 if it is coupling"),
    (VAE, with_flow("iaf", "training.kl=closed_form"), "training.kl must be sampled with a flow, not"),
    (VAE, with_flow("iaf", "model.encoder.n_context=null"), "model.encoder.n_context must be an integer with a flow, not null"),
    (VAE, ["model.encoder.n_context=4"], "model.encoder.n_context must be null without a flow, not 4"),
    (VAE, ["model.flow=%s" % FLOWS["spline"].replace("range", "reach")], 'unknown key "model.flow.reach"'),
    (VAE, with_flow("iaf", "model.flow.n_hidden_layers=0"), "model.flow.n_hidden_layers must be greater than or equal to 1"),
    (path_of("banana"), ["model.flow=" + FLOWS["iaf"]], 'unknown key "model.flow"'),
])
def test_what_is_no_flow_is_refused(path, overrides, words):
    assert words in refusal(overrides, path)


@pytest.mark.parametrize("family, key, ends", [
    ("iaf", "depth", (0, 1, 64, 65)), ("iaf", "shift_scale", (0, 1e-9, 10, 10.1)), ("iaf", "gate_scale", (0, 1e-9, 10, 10.1)),
    ("iaf", "n_hidden_layers", (0, 1, 64, 65)), ("coupling", "n_hidden_layers", (-1, 0, 64, 65)),
    ("coupling", "max_log_scale", (0, 1e-9, 10, 10.1)), ("spline", "n_bins", (1, 2, 64, 65)),
    ("spline", "range", (0.9, 1, 1000, 1001))])
def test_bounds(family, key, ends):
    def is_allowed(value):
        try:
            load_config(VAE, with_flow(family, "model.flow.%s=%s" % (key, value)))
        except InputError as error:
            assert "model.flow.%s must be " % key in str(error)
            return False
        return True

    assert [is_allowed(value) for value in ends] == [False, True, True, False]
