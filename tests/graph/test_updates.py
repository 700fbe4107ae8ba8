"""What must run before what in an iteration, read from the graph's edges: a run may keep an order that nothing enforces."""

import functools

import numpy as np
import pytest
import reference
from helpers import ALL_PAIRS, DUAL, recipe, slow, small, vae_config
from image_data import small_images
from trainings import SMOOTH, moved_by_each_step, weights_of

from avb_tf1.config.training import AdamConfig, RMSpropConfig
from avb_tf1.graph import updates
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.tensorflow import open_session, tf

ORDERS = ("simultaneous", "generator_first", "discriminator_first")
ADAM = AdamConfig(optimizer="adam", learning_rate=1e-3, beta1=0.5, beta2=0.999, epsilon=1e-8)
RMSPROP = RMSpropConfig(optimizer="rmsprop", learning_rate=1e-3, decay=0.9, epsilon=1e-10)
SMALLEST = ["model.%s.n_hidden_layers=0" % name for name in ("encoder", "decoder")]
KINDS = {
    "avb": lambda order: small(*SMALLEST, "training.update=" + order, "training.n_discriminator_updates=2"),
    "avb_ac": lambda order: recipe(
        "gdikov_avb_ac", *SMALLEST, "training.update=" + order, "training.n_discriminator_updates=2",
        "model.encoder.basis={n_vectors: 2, noise_dim: 2, n_hidden_layers: 0, n_units: 1, activation: relu}",
        "model.discriminator={kind: concat, center_input: true, n_hidden_layers: 0, n_units: 4, activation: relu}"),
    "vae": lambda _: vae_config(*SMALLEST),
}


@functools.lru_cache(maxsize=10000)
def waited_for(op):
    return frozenset(tensor.op for tensor in op.inputs).union(op.control_inputs)


def what_runs_before(op):
    """All ops that `op` has to wait for: those on its inputs and control inputs, and what those wait for."""
    found, waiting = set(), [op]
    while waiting:
        new = waited_for(waiting.pop()) - found
        found |= new
        waiting += new
    return found


def assignments(step):
    """The ops by which a step changes variables, each with what runs before it."""
    return {op: what_runs_before(op) for op in what_runs_before(step.train_op)
            if any(argument.is_ref for argument in op.op_def.input_arg)}


def gradients_applied(assigning):
    return {op.inputs[index] for op in assigning for index, argument in enumerate(op.op_def.input_arg)
            if argument.name == "grad"}


def assert_computed_before_any_assignment(step, n_weights):
    """Every gradient and monitor of a step that changes n_weights weights and biases."""
    found = assignments(step)
    gradients = gradients_applied(found)
    assert len(gradients) == n_weights
    of_weights = {gradient for gradient in gradients if gradient.shape.ndims > 1}
    total = step.gradient_sum.op
    sums = [total] if total.type == "Sum" else [tensor.op for tensor in total.inputs]
    assert {op.inputs[0] for op in sums} == (of_weights or gradients)
    for op, before in found.items():
        for tensor in [*gradients, *step.monitors.values()]:
            assert tensor.op in before, "%s doesn't wait for %s" % (op.name, tensor.op.name)


def toy_steps(order, generator, discriminator, n_discriminator_updates):
    """The steps of two networks of two variables each; without a `discriminator`, it shares the generator's optimiser."""
    encoder, decoder, *adversary = (tf.get_variable(name, []) for name in (
        "encoder/a", "decoder/a", "discriminator/a", "discriminator/b"))
    eps = tf.random.normal([])
    kl, likelihood = encoder * eps * adversary[0] + adversary[1], decoder * encoder
    first = updates.optimizer(generator, None)
    second = first if discriminator is None else updates.optimizer(discriminator, None)
    return updates.steps(
        order,
        updates.Update("encoder/first", first, kl - likelihood, (encoder, decoder), (eps,),
                       {"generator_loss": kl - likelihood, "kl": kl, "likelihood": likelihood}),
        updates.Update("discriminator/second", second, tf.square(kl), tuple(adversary), (eps,), {"loss": tf.square(kl) + 1}),
        n_discriminator_updates)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("generator, discriminator", [
    (ADAM, ADAM), (RMSPROP, RMSPROP), (ADAM, RMSPROP), (ADAM, None), (RMSPROP, None)],
    ids=["adam", "rmsprop", "adam_and_rmsprop", "shared_adam", "shared_rmsprop"])
@pytest.mark.parametrize("n_discriminator_updates", [1, 2])
def test_gradients_and_monitors_come_before_all_updates(order, generator, discriminator, n_discriminator_updates):
    with tf.Graph().as_default():
        steps = toy_steps(order, generator, discriminator, n_discriminator_updates)
        assert len(steps) == n_discriminator_updates + (order != "simultaneous")
        for step in steps:
            both = order == "simultaneous" and step is steps[0]
            assert_computed_before_any_assignment(step, n_weights=4 if both else 2)


@pytest.mark.parametrize("shared", [ADAM, RMSPROP], ids=["adam", "rmsprop"])
def test_updates_by_one_optimiser_are_in_turn(shared):
    """Adam's second update reads the powers of beta that its first one changes."""
    with tf.Graph().as_default():
        found = assignments(toy_steps("simultaneous", shared, None, 1)[0])
    first, second = ({op for op in found if op.name.startswith(scope)} for scope in ("encoder/first/", "discriminator/second/"))
    assert len(first) == len(second) == (4 if shared is ADAM else 2)
    assert all(first <= found[op] for op in second)


@pytest.mark.parametrize("kind, order", [
    *[(kind, order) if kind == "avb" else slow(kind, order) for kind in ("avb", "avb_ac") for order in ORDERS],
    slow("vae", "simultaneous")])
def test_so_do_those_of_each_model(kind, order):
    model = build_graph(KINDS[kind](order))
    n_weights = {scope: len(variables) for scope, variables in model.variables.items()}
    losses = {"generator_loss": n_weights["encoder"] + n_weights["decoder"],
              "discriminator_loss": n_weights.get("discriminator")}
    assert sorted(name for step in model.steps for name in step.monitors if name in losses) == sorted(
        name for name in losses if losses[name])
    for step in model.steps:
        # A further discriminator update has no monitors.
        n_changed = [losses[name] for name in losses if name in step.monitors] or [losses["discriminator_loss"]]
        assert_computed_before_any_assignment(step, sum(n_changed))


@pytest.mark.parametrize("config", [
    KINDS["avb"]("simultaneous"), small("training.shared_backward=true", *ALL_PAIRS),
    slow(recipe("gdikov_avb_ac")), vae_config(), slow(small_images("digits_avb_ac"))],
    ids=["avb", "shared_backward", "avb_ac", "vae", "convolutional"])
def test_what_is_not_finite_in_a_biases_gradient_is_so_in_the_weights(config):
    """What a bias's gradient adds up is a factor of the gradient of its layer's weights, the only ones that are looked at."""
    def source(tensor):
        while tensor.op.type in ("Identity", "Reshape"):
            tensor = tensor.op.inputs[0]
        return frozenset(map(source, tensor.op.inputs)) if tensor.op.type == "Mul" else tensor

    operations = build_graph(config).graph.get_operations()
    added_up = [source(op.inputs[0]) for op in operations if op.type == "BiasAddGrad"]
    factors = {source(tensor) for op in operations if op.type in ("MatMul", "Conv2DBackpropFilter") for tensor in op.inputs}
    assert len(added_up) >= 4 and factors.issuperset(added_up)


def test_decoder_has_a_learning_rate_of_its_own():
    equal, slow, wholly_null = ([np.abs(after - before).max() for before, after in weights_before_and_after(rate)]
                                for rate in ("1e-3", "1e-6", "null"))
    assert equal == wholly_null
    encoder, decoder = slow
    assert encoder == equal[0] and 0 < decoder < equal[1] / 500


def weights_before_and_after(decoder_rate):
    """A weight matrix of encoder and decoder before and after an iteration."""
    model = build_graph(small("training.generator.learning_rate=1e-3", "training.decoder_learning_rate=" + decoder_rate))
    with tf.Session(graph=model.graph) as session:
        session.run(model.initialize)
        weights = [model.variables[scope][0] for scope in ("encoder", "decoder")]
        before = session.run(weights)
        session.run(model.steps[0].train_op)
        return list(zip(before, session.run(weights)))


@pytest.mark.parametrize("overrides", [[], slow(ALL_PAIRS), slow(DUAL)],
                         ids=["one prior sample each", "all pairs", "Fenchel dual"])
def test_first_adam_step_follows_numerically_checked_gradients(overrides):
    config = small(*(overrides + SMOOTH + ["model.%s.n_units=3" % name for name in ("encoder", "decoder", "discriminator")]))
    model = build_graph(config)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        before = weights_of(session, model)
        x, eps, z_prior, _ = session.run(
            [model.parts.batch.x, model.parts.posterior.eps, model.parts.divergence.z_prior, model.steps[0].train_op])
        inputs = [a.astype(np.float64) for a in (x, eps, z_prior)]
        for scope, variables in model.variables.items():
            index, adam = (1, config.training.discriminator) if scope == "discriminator" else (0, config.training.generator)
            for variable in variables:
                name = variable.op.name
                gradient = reference.gradient(lambda weights, index=index: reference.losses(
                    weights, *inputs, config.model, config.training.discriminator_loss)[index], before, name)
                slot = session.run(model.graph.get_tensor_by_name(name + "/Adam:0"))  # (1 - beta1) * gradient
                np.testing.assert_allclose(slot / (1 - adam.beta1), gradient, rtol=2e-3, atol=2e-6)
                clear = np.abs(gradient) > 1e-4  # elsewhere the step depends on the gradient's last digits
                moved = session.run(variable) - before[name]
                np.testing.assert_allclose(
                    moved[clear], reference.adam_update(gradient, adam)[0][clear], rtol=2e-3, atol=2e-7)


@pytest.mark.parametrize("update, scopes", [
    ("simultaneous", [{"encoder", "decoder", "discriminator"}, {"discriminator"}, {"discriminator"}]),
    ("generator_first", [{"encoder", "decoder"}, {"discriminator"}, {"discriminator"}, {"discriminator"}])])
def test_each_step_moves_only_its_own_networks(update, scopes):
    model = build_graph(small("training.update=" + update, "training.n_discriminator_updates=3"))
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        assert moved_by_each_step(session, model) == scopes


def test_generator_first_takes_the_discriminators_gradient_at_the_updated_encoder():
    model = build_graph(small("training.update=generator_first"))
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        session.run(model.steps[0].train_op)
        weights = weights_of(session, model)
        x, eps, z_prior, _, loss = session.run(
            [model.parts.batch.x, model.parts.posterior.eps, model.parts.divergence.z_prior, model.steps[1].train_op,
             model.steps[1].monitors["discriminator_loss"]])
    expected = reference.losses(weights, *[a.astype(np.float64) for a in (x, eps, z_prior)], model=small().model)[1]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_steps_name_the_noise_they_draw():
    model = build_graph(small("training.update=generator_first"))
    eps, z_prior = model.parts.posterior.eps, model.parts.divergence.z_prior
    assert [step.noise for step in model.steps] == [(eps,), (eps, z_prior)]
