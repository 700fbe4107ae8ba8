"""Each published recipe: its sizes, its networks against numpy, its order of updates, and a whole run of it."""

import functools
import glob
import json
import os

import numpy as np
import pytest
import reference
from helpers import ROOT, long, recipe, recipe_path, run_script, slow
from recipe_sources import OURS, PUBLISHED
from trainings import assert_same, moved_by_each_step, trained, trained_in_pieces, weights_of

from avb_tf1.config.loading import load_config
from avb_tf1.experiment.run import opened_run
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.tensorflow import open_session, tf
from avb_tf1.problems.known_images.four_images import PROBLEM
from avb_tf1.reproduction import recipes
from avb_tf1.runs import metrics_file
from avb_tf1.tasks.trained import Trained
from avb_tf1.training import trainer

RECIPES = sorted(os.path.splitext(os.path.basename(path))[0]
                 for path in glob.glob(os.path.join(ROOT, "configs", "recipes", "*.yaml")))
AVB_RECIPES = [name for name in RECIPES if not name.endswith("vae")]

# Smaller layers, which change nothing but the time that it takes.
SMALL = {
    "mescheder_avb": ["model.discriminator.n_units=16"],
    "gdikov_avb_ac": ["model.discriminator.n_units=16", "model.discriminator.n_factors=8", "model.encoder.n_units=16",
                      "model.encoder.basis.n_vectors=2"],
}


@functools.lru_cache(maxsize=None)
def built(name, *overrides):
    """The ModelGraph of a recipe, once for all tests: each has a session of its own on it."""
    return build_graph(recipe(name, *overrides))


def dense(*sizes):
    """Shapes of weights and biases of layers in a row."""
    return [shape for n_inputs, n_units in zip(sizes, sizes[1:]) for shape in ((n_inputs, n_units), (n_units,))]


BLOCKS = [shape for _ in range(5) for shape in dense(256, 256, 256)]
SHAPES = {
    "fangleai_fenchel": {
        "encoder": dense(6, 64, 64, 64, 2), "decoder": dense(2, 64, 64, 64, 4), "discriminator": dense(6, 64, 64, 1)},
    "poole_gist": {"encoder": dense(8, 256, 256, 2), "decoder": dense(2, 256, 256, 4), "discriminator": dense(6, 256, 256, 1)},
    "mescheder_avb": {
        "encoder": dense(68, 64, 64, 64, 2), "decoder": dense(2, 64, 64, 64, 4),
        "discriminator": dense(6, 256) + BLOCKS + dense(256, 1)},
    "mescheder_vae": {"encoder": dense(4, 64, 64, 64, 2) + dense(64, 2), "decoder": dense(2, 64, 64, 64, 4)},
    "gdikov_vae": {"encoder": dense(4, 256, 256, 2) + dense(256, 2), "decoder": dense(2, 256, 256, 4)},
    "gdikov_avb": {
        "encoder": dense(8, 256, 256, 2), "decoder": dense(2, 256, 256, 4),
        "discriminator": dense(4, 256, 256) + dense(2, 256, 256)},
    "gdikov_avb_ac": {
        "encoder": dense(4, 256, 256, 2) + 8 * (dense(256, 2) + dense(4, 32, 32, 2)), "decoder": dense(2, 256, 256, 4),
        "discriminator": dense(4, 256, 256, 1024) + dense(2, 256, 256, 1024) + dense(4, 256, 256, 1) + dense(2, 256, 256, 1)},
    "kumada_avb": {
        "encoder": dense(6, 256, 256, 256, 2), "decoder": dense(2, 256, 256, 256, 4),
        "discriminator": dense(4, 256, 256, 256) + dense(2, 256, 256, 256)},
}


def large_ones_slow(names):
    """The names, those of the recipes whose graphs take long to build marked as slow."""
    large = ("gdikov_avb_ac", "mescheder_avb")
    return [slow(name) if name in large else name for name in names]


GENERATOR, DISCRIMINATOR = {"encoder", "decoder"}, {"discriminator"}
STEPS = {
    "poole_gist": [GENERATOR | DISCRIMINATOR],
    "mescheder_avb": [GENERATOR, DISCRIMINATOR, DISCRIMINATOR],
    "mescheder_vae": [GENERATOR],
    "gdikov_vae": [GENERATOR],
    "gdikov_avb": [GENERATOR, DISCRIMINATOR],
    "gdikov_avb_ac": [GENERATOR, DISCRIMINATOR],
    "kumada_avb": [DISCRIMINATOR, GENERATOR],
    "fangleai_fenchel": 5 * [DISCRIMINATOR] + [GENERATOR],
}


def flat(tree, prefix=""):
    for word, value in tree.items():
        yield from flat(value, prefix + word + ".") if isinstance(value, dict) else [(prefix + word, value)]


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_each_value_is_the_published_one(name):
    config = {key: value for key, value in flat(load_config(os.path.join(ROOT, "configs", name + ".yaml")).tree())
              if not key.startswith("runtime.")}
    published = PUBLISHED[name]
    assert {key: config.get(key) for key in published} == published
    if not name.startswith("paper_"):  # nothing in it is without a source, or else named as ours
        assert set(config) == set(published) | OURS[name]


def test_all_recipes_have_their_published_values_written_down():
    assert {os.path.basename(name) for name in PUBLISHED if name.startswith("recipes/")} == set(RECIPES)
    assert {"recipes/" + name for name in RECIPES} <= set(recipes.CONFIGS)


# Where TensorFlow's ops have their numbers among their inputs.
POSITIONS = {"ApplyAdam": {"learning_rate": 5, "beta1": 6, "beta2": 7, "epsilon": 8},
             "ApplyRMSProp": {"learning_rate": 3, "decay": 4}}


@pytest.mark.parametrize("name", [name if name == "kumada_avb" else slow(name) for name in RECIPES])
def test_the_optimisers_in_the_graph_have_the_published_rates(name):
    published = PUBLISHED["recipes/" + name]
    model = built(name)
    wanted = {"generator": {"encoder", "decoder"}, "discriminator": {"discriminator"}}
    if published.get("training.discriminator.optimizer") == "shared":
        wanted = {"generator": {"encoder", "decoder", "discriminator"}}
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        applied = [op for op in model.graph.get_operations() if op.type in ("ApplyAdam", "ApplyRMSProp")]
        values = session.run([{key: op.inputs[position] for key, position in POSITIONS[op.type].items()} for op in applied])
    for op, own in zip(applied, values):
        owner, = (network for network, scopes in wanted.items() if op.inputs[0].op.name.split("/")[0] in scopes)
        assert own == {key: np.float32(published["training.%s.%s" % (owner, key)]) for key in own}, op.name


def test_the_papers_adversary_has_four_hidden_layers_and_512_outputs():
    model = build_graph(load_config(os.path.join(ROOT, "configs", "paper_avb.yaml")))
    shapes = [tuple(variable.shape.as_list()) for variable in model.variables["discriminator"]]
    assert shapes == dense(4, 512, 512, 512, 512, 512) + dense(2, 512, 512, 512, 512, 512)


@pytest.mark.parametrize("name", large_ones_slow(RECIPES))
def test_sizes_and_order_of_updates_are_the_published_ones(name):
    model = built(name)
    assert {scope: [tuple(variable.shape.as_list()) for variable in variables]
            for scope, variables in model.variables.items()} == SHAPES[name]
    with open_session(model.graph, 1, 2) as session:
        session.run(model.initialize)
        assert moved_by_each_step(session, model) == STEPS[name]


@pytest.mark.parametrize("name", large_ones_slow(RECIPES))
def test_forward_pass(name):
    config = recipe(name)
    model, graph = config.model, built(name)
    random_state = np.random.RandomState(1)
    x = PROBLEM.images[PROBLEM.labels(16)]
    z = random_state.standard_normal((16, 2))
    with open_session(graph.graph, 1, 1) as session:
        session.run(graph.initialize)
        weights = weights_of(session, graph)
        arrays = trainer.array_functions(session, graph)
        eps = random_state.standard_normal((16, arrays.noise_dim))
        z_posterior, probabilities = arrays.encode(x, eps), arrays.decode(z)
        others = arrays.gaussian(x) if model.kind == "vae" else arrays.log_ratio(x, z)
        moment_eps = session.run("endpoints/moment_eps:0").astype(np.float64) if model.kind == "avb_ac" else None
    np.testing.assert_allclose(probabilities, reference.decoder(weights, z, model.decoder), rtol=1e-3, atol=1e-5)
    if model.kind == "vae":
        spread_output = model.encoder.spread_output
        mean, log_variance = (
            reference.mlp(weights, "encoder", reference.centered(x, model.encoder), model.encoder.n_hidden_layers,
                          model.encoder.activation, output) for output in ("mean", spread_output))
        log_variance *= {"log_variance": 1, "log_standard_deviation": 2}[spread_output]
        expected_z, expected_others = mean + np.exp(log_variance / 2) * eps, [mean, log_variance]
    elif model.kind == "avb":
        expected_z = reference.encoder(weights, x, eps, model.encoder)
        expected_others = reference.discriminator(weights, x, z, model.discriminator)
    else:
        expected_z, mean, variance = reference.moment_encoder(weights, x, eps, moment_eps, model.encoder)
        expected_others = (
            reference.discriminator(weights, x, (z - mean) / np.sqrt(variance), model.discriminator)
            + reference.log_normal(z, mean, variance) - reference.log_normal(z, 0, np.ones(2)))
    np.testing.assert_allclose(z_posterior, expected_z, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(others, expected_others, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", large_ones_slow(AVB_RECIPES))
def test_losses_are_made_of_the_parts_that_the_step_reports(name):
    """The generator's loss is the KL estimate minus the reconstruction's; the gradient is that of the scaled loss."""
    config = recipe(name, *SMALL.get(name, []))
    graph = built(name, *SMALL.get(name, []))
    with open_session(graph.graph, 1, 1) as session:
        session.run(graph.initialize)
        kl = graph.parts.divergence
        values = session.run({"loss": graph.objective.loss, "kl": kl.kl, "d_loss": kl.loss, "prior": kl.logits_prior,
                              "posterior": kl.logits_posterior, "x": graph.parts.batch.x,
                              "likelihood": graph.objective.monitors["reconstruction_log_likelihood"],
                              "p": graph.parts.likelihood.parameters["probabilities"]})
    p, x = values["p"].astype(np.float64), values["x"]
    np.testing.assert_allclose(values["likelihood"], np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1).mean(), rtol=1e-5)
    np.testing.assert_allclose(values["loss"], values["kl"] - values["likelihood"], rtol=1e-5)
    terms = (np.exp(values["prior"]) - 1 - values["posterior"] if name == "fangleai_fenchel" else
             np.logaddexp(0, -values["posterior"]) + np.logaddexp(0, values["prior"]))
    np.testing.assert_allclose(values["d_loss"], np.mean(terms), rtol=1e-5, atol=1e-6)
    if config.model.kind == "avb":
        np.testing.assert_allclose(values["kl"], values["posterior"].mean(), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_repeats_and_resumes_with_the_same_bits(name, tmp_path):
    config = recipe(name, "training.n_iterations=12", *SMALL.get(name, []))
    model = build_graph(config)
    whole = trained(config, model=model)
    assert_same(whole, trained(config, 2))  # on another graph
    assert_same(whole, trained_in_pieces(config, (1, 7), tmp_path, model))


@pytest.mark.parametrize("name", [
    (slow if name in ("fangleai_fenchel", "mescheder_vae") else long)(name) for name in RECIPES])
def test_a_run_from_the_command_line_is_evaluated_exactly(name, tmp_path):
    out = tmp_path / name
    result = run_script("train.py", "--config", recipe_path(name), "--out", out, "--set", "training.n_iterations=20",
                        "--set", "training.checkpoint_every=10", "--set", "evaluation.n_samples=32768", cwd=tmp_path)
    assert result.returncode == 0 and result.stderr == ""
    with open(str(out / "metrics.json")) as file:
        text = file.read()
    metrics = json.loads(text)
    assert metrics["inference_gap"] > -2 * metrics["inference_gap_standard_error"] - metrics.get("inference_gap_bias_left", 0)
    if name not in ("gdikov_avb_ac", "mescheder_vae"):
        return
    # From the checkpoint, in another process than the one that trained: the same numbers to the last digit.
    with opened_run(str(out)) as ((config, problem, task), found, networks):
        assert found.iteration == 20
        measured, _ = task.measure(Trained(config, problem, networks, found.monitors))
        assert json.dumps(metrics_file.with_made_by(measured, config, found.legs), indent=2, sort_keys=True) + "\n" == text


def test_shared_adam_advances_its_powers_of_beta_twice_an_iteration():
    model = built("poole_gist")
    with open_session(model.graph, 1, 2) as session, model.graph.as_default():
        session.run(model.initialize)
        powers = {name: [variable for variable in tf.global_variables() if name in variable.op.name]
                  for name in ("beta1_power", "beta2_power")}
        assert [len(variables) for variables in powers.values()] == [1, 1]
        for iteration in (1, 2):
            session.run(model.steps[0].train_op)
            np.testing.assert_allclose(session.run(powers["beta1_power"]), [0.5**(1 + 2 * iteration)], rtol=1e-6)
        # After two iterations the generator's updates had t = 1 and 3, the discriminator's t = 2 and 4.
        np.testing.assert_allclose(session.run(powers["beta2_power"]), [0.999**5], rtol=1e-6)


@pytest.mark.parametrize("scope, t", [("encoder", 1), ("discriminator", 2)])
def test_shared_adam_updates_the_generator_first(scope, t):
    model = built("poole_gist")
    variable = model.variables[scope][2]
    with open_session(model.graph, 1, 2) as session:
        session.run(model.initialize)
        before = session.run(variable)
        session.run(model.steps[0].train_op)
        moved = session.run(variable) - before
        m, v = (session.run(model.graph.get_tensor_by_name(variable.op.name + slot)) for slot in ("/Adam:0", "/Adam_1:0"))
    rate = 1e-3 * np.sqrt(1 - 0.999**t) / (1 - 0.5**t)
    clear = np.abs(m) > 1e-6
    np.testing.assert_allclose(moved[clear], (-rate * m / (np.sqrt(v) + 1e-8))[clear], rtol=1e-2)


def test_rmsprop_follows_keras():
    """Keras's rule: a = rho a + (1 - rho) g**2 from a = 0, and w -= rate g / (sqrt(a) + 1e-8)."""
    model = built("gdikov_vae")
    variable = model.variables["decoder"][2]
    a = 0.0
    # The gradient that the update itself takes: one of the test's own could be computed after the weights have changed.
    gradient, = (op.inputs[-1] for op in model.graph.get_operations()
                 if op.type == "ApplyRMSProp" and op.inputs[0].op is variable.op)
    with open_session(model.graph, 1, 2) as session:
        session.run(model.initialize)
        for _ in range(3):
            before = session.run(variable)
            g, _ = session.run([gradient, model.steps[0].train_op])
            a = 0.9 * a + 0.1 * g.astype(np.float64)**2
            clear = np.abs(g) > 1e-5
            assert clear.mean() > 0.3
            np.testing.assert_allclose(
                (session.run(variable) - before)[clear], (-1e-3 * g / (np.sqrt(a) + 1e-8))[clear], rtol=2e-2, atol=1e-7)


def test_loss_scale_divides_the_gradient_and_not_what_is_reported():
    def first_step(scale):
        model = build_graph(recipe("gdikov_avb", "training.generator_loss_scale=%s" % scale))
        with open_session(model.graph, 1, 1) as session:
            session.run(model.initialize)
            loss, _ = session.run([model.steps[0].monitors["generator_loss"], model.steps[0].train_op])
            return loss, session.run(model.gradient_slots["decoder/output/weights"])

    (loss, slot), (scaled_loss, scaled_slot) = first_step(1), first_step(0.25)
    assert loss == scaled_loss
    np.testing.assert_array_equal(scaled_slot, slot / 4)  # a power of two: exact


def test_decoder_on_the_prior_sample_gives_the_same_values():
    def outputs(where):
        model = build_graph(recipe("poole_gist", "model.decoder.built_on=" + where))
        with open_session(model.graph, 1, 1) as session:
            session.run(model.initialize)
            return session.run([model.parts.likelihood.parameters["probabilities"], model.objective.loss])

    for a, b in zip(outputs("prior_sample"), outputs("posterior_sample")):
        np.testing.assert_array_equal(a, b)


def test_an_inner_product_of_relu_outputs_is_never_negative():
    """What gdikov's and kumada's discriminators can't do: say that a code is the prior's."""
    for name in ("gdikov_avb", "kumada_avb"):
        model = built(name)
        with open_session(model.graph, 1, 1) as session:
            session.run(model.initialize)
            assert session.run(model.parts.divergence.logits_prior).min() >= 0


def test_vae_with_a_sampled_kl():
    model = built("mescheder_vae")
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        weights_of(session, model)
        x, z, kl = session.run([model.parts.batch.x, model.parts.posterior.z, model.parts.divergence.kl])
        mean, log_variance = trainer.array_functions(session, model).gaussian(x)
    log_q_entropy = -0.5 * np.sum(log_variance + 1 + np.log(2 * np.pi), axis=1)  # E log q, exact
    np.testing.assert_allclose(kl, np.mean(log_q_entropy - reference.log_normal(z, 0, np.ones(2))[:, 0]), rtol=1e-4)
    closed_form = np.mean(np.sum(np.exp(log_variance) + mean**2 - 1 - log_variance, axis=1) / 2)
    assert 0 < abs(kl - closed_form) < 0.3 * closed_form
