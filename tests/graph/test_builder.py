import operator

import numpy as np
import pytest
import reference
from helpers import ALL_PAIRS, INNER_PRODUCT, small, synthetic, vae_config
from trainings import moved_by_each_step, weights_of

from avb_tf1.graph import networks, speed
from avb_tf1.graph.builder import _variables_by_scope, build_graph
from avb_tf1.ground.tensorflow import open_session, tf, tfd

SMOOTH = ["model.%s.activation=tanh" % name for name in ("encoder", "decoder", "discriminator")]


@pytest.fixture(scope="module")
def tutorial():
    return build_graph(synthetic())


def test_the_tutorials_18_variables(tutorial):
    shapes = {scope: [tuple(variable.shape.as_list()) for variable in variables]
              for scope, variables in tutorial.variables.items()}
    assert shapes == {
        "encoder": [(8, 256), (256,), (256, 256), (256,), (256, 2), (2,)],
        "decoder": [(2, 256), (256,), (256, 256), (256,), (256, 4), (4,)],
        "discriminator": [(6, 256), (256,), (256, 256), (256,), (256, 1), (1,)]}


def test_shapes_and_types(tutorial):
    shapes = {"x": [512, 4], "posterior.eps": [512, 4], "posterior.z": [512, 2], "probabilities": [512, 4],
              "generator_loss": [], "reconstruction_log_likelihood": [], "divergence.z_prior": [512, 2],
              "divergence.logits_prior": [512, 1], "divergence.logits_posterior": [512, 1], "divergence.loss": [],
              "divergence.kl": []}
    for name, shape in shapes.items():
        tensor = operator.attrgetter(name)(tutorial)
        assert (tensor.shape.as_list(), tensor.dtype) == (shape, tf.float32), name


def test_graph_is_finalized(tutorial):
    assert tutorial.graph.finalized


def test_all_random_ops_have_explicit_seeds(tutorial):
    seeds = [(op.get_attr("seed"), op.get_attr("seed2")) for op in tutorial.graph.get_operations() if "Random" in op.type]
    assert len(seeds) == len(set(seeds)) == 9 + 2  # nine weight matrices, noise and prior


def test_scopes_must_cover_the_variables():
    with tf.Graph().as_default():
        tf.get_variable("encoder/w", [1])
        tf.get_variable("encoder_2/w", [1])
        with pytest.raises(AssertionError, match="cover"):
            _variables_by_scope({"encoder": small().model.encoder})


def test_variables_must_be_as_many_as_the_config_says():
    config = small()
    with tf.Graph().as_default():
        networks.encoder(tf.zeros([4, 4]), tf.zeros([4, 4]), config.model)
        with pytest.raises(AssertionError, match="encoder should have weights and biases of 4 layers"):
            _variables_by_scope({"encoder": small("model.encoder.n_hidden_layers=3").model.encoder})


def test_graph_replace_equals_the_discriminator_rebuilt_with_reuse():
    config = small()
    model = build_graph(config)
    model.graph._unsafe_unfinalize()
    with model.graph.as_default():
        n_variables = len(tf.global_variables())
        with tf.variable_scope(tf.get_variable_scope(), reuse=True):
            rebuilt = networks.discriminator(model.x, model.posterior.z, config.model)
        assert len(tf.global_variables()) == n_variables
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        replaced, rebuilt, prior = session.run(
            [model.divergence.logits_posterior, rebuilt, model.divergence.logits_prior])
    np.testing.assert_array_equal(replaced, rebuilt)
    assert not np.array_equal(replaced, prior)


@pytest.mark.parametrize("overrides", [[], ALL_PAIRS], ids=["one prior sample each", "all pairs"])
def test_losses_equal_a_numpy_formula(overrides):
    config = small(*overrides, *SMOOTH)
    model = build_graph(config)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        weights = weights_of(session, model)
        x, eps, z_prior, generator_loss, discriminator_loss, kl, likelihood = session.run(
            [model.x, model.posterior.eps, model.divergence.z_prior, model.generator_loss, model.divergence.loss,
             model.divergence.kl, model.reconstruction_log_likelihood])
    expected = reference.losses(weights, *[a.astype(np.float64) for a in (x, eps, z_prior)], model=config.model)
    np.testing.assert_allclose([generator_loss, discriminator_loss], expected, rtol=1e-5)
    np.testing.assert_allclose(kl - likelihood, generator_loss, rtol=1e-6)


def test_uninformative_discriminator_has_loss_2_log_2():
    model = build_graph(small())
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        for variable in model.variables["discriminator"]:
            variable.load(np.zeros(variable.shape.as_list()), session)
        loss, kl = session.run([model.divergence.loss, model.divergence.kl])
    np.testing.assert_allclose([loss, kl], [2 * np.log(2), 0], rtol=1e-6)


@pytest.mark.parametrize("overrides", [[], ALL_PAIRS], ids=["one prior sample each", "all pairs"])
def test_first_adam_step_follows_numerically_checked_gradients(overrides):
    config = small(*(overrides + SMOOTH + ["model.%s.n_units=3" % name for name in ("encoder", "decoder", "discriminator")]))
    model = build_graph(config)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        before = weights_of(session, model)
        x, eps, z_prior, _ = session.run([model.x, model.posterior.eps, model.divergence.z_prior, model.steps[0].train_op])
        inputs = [a.astype(np.float64) for a in (x, eps, z_prior)]
        for scope, variables in model.variables.items():
            index, adam = (1, config.training.discriminator) if scope == "discriminator" else (0, config.training.generator)
            for variable in variables:
                name = variable.op.name
                gradient = reference.gradient(
                    lambda weights, index=index: reference.losses(weights, *inputs, model=config.model)[index], before, name)
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
            [model.x, model.posterior.eps, model.divergence.z_prior, model.steps[1].train_op,
             model.steps[1].monitors["discriminator_loss"]])
    expected = reference.losses(weights, *[a.astype(np.float64) for a in (x, eps, z_prior)], model=small().model)[1]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_steps_name_the_noise_they_draw():
    model = build_graph(small("training.update=generator_first"))
    assert [step.noise for step in model.steps] == [(model.posterior.eps,), (model.posterior.eps, model.divergence.z_prior)]


SPEED_SWITCHES = ["product_relu_gradient", "narrow_weight_gradient"]


def trained_values(*overrides):
    """All variables, Adam's too, after 5 iterations of the tutorial's sizes on two threads."""
    model = build_graph(synthetic(*overrides))
    with open_session(model.graph, 1, 2) as session:
        session.run(model.initialize)
        for _ in range(5):
            for step in model.steps:
                session.run(step.train_op)
        with model.graph.as_default():
            return session.run({variable.op.name: variable for variable in tf.global_variables()})


@pytest.mark.parametrize("overrides", [
    [], *(pytest.param(others, marks=pytest.mark.slow) for others in (
        INNER_PRODUCT, ALL_PAIRS, ["training.update=generator_first"],
        ["model.%s.activation=elu" % name for name in ("encoder", "decoder", "discriminator")]))],
    ids=["tutorial", "inner_product", "all_pairs", "generator_first", "elu"])
def test_what_speeds_up_changes_no_bit(overrides):
    plain = trained_values(*overrides, *["runtime.%s=false" % switch for switch in SPEED_SWITCHES])
    for off in [[], *([switch] for switch in SPEED_SWITCHES)]:
        values = trained_values(*overrides, *["runtime.%s=false" % switch for switch in off])
        assert sorted(values) == sorted(plain)
        for name, value in values.items():
            np.testing.assert_array_equal(value, plain[name], "%s off, %s" % (off, name))


def n_ops(op_type, *overrides):
    return sum(op.type == op_type for op in build_graph(synthetic(*overrides)).graph.get_operations())


@pytest.mark.parametrize("instruction_set, n_threads, narrow", [
    ("avx512f", 1, True), ("avx512f", 2, False), ("avx2", 1, False)])
def test_narrow_weight_gradients_need_avx512_and_one_thread(monkeypatch, instruction_set, n_threads, narrow):
    """Other kernels, and those that share a product among threads, don't give the same bits transposed."""
    monkeypatch.setattr(speed.cpu, "facts", lambda: {"instruction_set": instruction_set})
    threads = "runtime.intra_op_threads=%d" % n_threads
    with_it, without = (n_ops("Transpose", threads, "runtime.narrow_weight_gradient=" + switch) for switch in ("true", "false"))
    assert (with_it > without) == narrow


def test_narrow_weight_gradients_refuse_a_product_that_transposes(monkeypatch):
    """Their formula doesn't hold there, which square matrices would hide."""
    monkeypatch.setattr(speed.cpu, "facts", lambda: {"instruction_set": "avx512f"})
    with tf.Graph().as_default(), speed.faster_gradients(small().runtime):
        x = tf.ones([4, 4])
        assert tf.gradients(tf.matmul(x, tf.transpose(x)), x) != [None]
        with pytest.raises(AssertionError, match="MatMul_1 must not transpose"):
            tf.gradients(tf.matmul(x, x, transpose_b=True), x)


def test_product_relu_gradient_changes_the_graph():
    assert n_ops("ReluGrad") == 0 < n_ops("ReluGrad", "runtime.product_relu_gradient=false")


def test_vae_loss_and_kl():
    config = vae_config()
    model = build_graph(config)
    assert sorted(model.variables) == ["decoder", "encoder"]
    assert not any(op.name.startswith("discriminator") for op in model.graph.get_operations())
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        weights_of(session, model)  # moves the biases, so that the mean isn't near 0
        ends = model.endpoints
        x, z, loss, kl = session.run([model.x, model.posterior.z, model.generator_loss, model.divergence.kl])
        mean, log_variance, p = session.run(
            [*ends.posterior_parameters, ends.probabilities], {ends.x: x, ends.z: z})
    with tf.Graph().as_default(), tf.Session() as session:
        expected_kl = session.run(tf.reduce_mean(tfd.kl_divergence(
            tfd.MultivariateNormalDiag(mean, np.exp(log_variance / 2)), tfd.MultivariateNormalDiag(tf.zeros(2), tf.ones(2)))))
    p = p.astype(np.float64)
    np.testing.assert_allclose(kl, expected_kl, rtol=1e-5)
    log_likelihood = np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1).mean()
    np.testing.assert_allclose(loss, expected_kl - log_likelihood, rtol=1e-5)
