import numpy as np
import pytest
from helpers import slow, small, vae_config
from trainings import assert_same, trained, trained_in_pieces

from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.tensorflow import open_session
from avb_tf1.training import trainer


@pytest.mark.parametrize("overrides", [
    [], slow(["training.update=generator_first", "training.n_discriminator_updates=2"]),
    slow(["training.linear_decay={begin: 0.5, end_factor: 0.1}"]), slow(["training.shared_backward=true"])],
    ids=["simultaneous", "generator_first", "decay", "shared_backward"])
def test_one_seed_repeats_on_another_graph_with_other_inter_op_threads(overrides):
    config = small("data.batch_size=512", "model.encoder.n_units=64", *overrides)
    assert_same(trained(config, 1), trained(config, 2))


def test_two_seeds_differ():
    a, b = trained(small("seed=0")), trained(small("seed=1"))
    assert not np.array_equal(a[0]["generator_loss"], b[0]["generator_loss"])


def test_monitors_are_recorded_and_observed_each_iteration():
    monitors, _, observed = trained(small("training.n_iterations=3"))
    assert sorted(monitors) == ["discriminator_loss", "generator_loss", "kl_discriminator", "reconstruction_log_likelihood"]
    assert [iteration for iteration, _ in observed] == [1, 2, 3]
    for name, values in monitors.items():
        assert values.dtype == np.float32 and values.shape == (3,)
        np.testing.assert_array_equal(values, np.float32([its_monitors[name] for _, its_monitors in observed]))
    np.testing.assert_allclose(
        monitors["generator_loss"], monitors["kl_discriminator"] - monitors["reconstruction_log_likelihood"], rtol=1e-6)


def test_vae_has_no_discriminator_loss():
    assert sorted(trained(vae_config())[0]) == ["generator_loss", "kl_posterior_prior", "reconstruction_log_likelihood"]


def test_evaluation_between_iterations_does_not_disturb_the_noise():
    config = small()
    model = build_graph(config)

    def monitors(evaluate):
        with open_session(model.graph, 1, 1) as session:
            session.run(model.initialize)
            networks = trainer.array_functions(session, model)

            def observe(iteration, _):
                if evaluate:
                    z = networks.encode(np.eye(4), np.ones([4, networks.noise_dim]))
                    networks.decode(z), networks.log_ratio(np.eye(4), z)

            return trainer.train(session, model, config.training, [observe]).monitors["generator_loss"]

    np.testing.assert_array_equal(monitors(True), monitors(False))


@pytest.mark.parametrize("overrides", [
    [], slow(["training.update=generator_first", "training.n_discriminator_updates=2"]),
    slow(["training.linear_decay={begin: 0.5, end_factor: 0.1}"]), slow(["training.decoder_learning_rate=1e-2"]),
    slow(["training.shared_backward=true", "training.n_discriminator_updates=2"]),
    slow(None)], ids=["simultaneous", "generator_first", "decay", "decoder_rate", "shared_backward", "vae"])
def test_resumed_training_has_the_same_bits(overrides, tmp_path):
    config = vae_config() if overrides is None else small(*overrides)
    model = build_graph(config)
    assert_same(trained(config, model=model), trained_in_pieces(config, (1, 7, 13), tmp_path, model))


def test_gradient_that_is_not_finite_is_named():
    model = build_graph(small())
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        model.gradient_slots["decoder/output/biases"].load(np.float32([0, np.nan, 0, 0]), session)
        message = trainer._describe_divergence(session, model, 3, {"generator_loss": 1.5})
    assert message.startswith("the gradient of decoder/output/biases is not finite at iteration 3; a lower learning_rate in")


def test_gradient_sum_is_that_of_the_weights_gradients():
    model = build_graph(small())
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        step = model.steps[0]
        total = session.run([step.gradient_sum, step.train_op])[0]
        slots = session.run(model.gradient_slots)  # (1 - beta1) * gradient after the first step
    assert sorted(slots) == sorted(v.op.name for variables in model.variables.values() for v in variables)
    expected = sum(slot.sum(dtype=np.float64) for slot in slots.values() if slot.ndim > 1) / 0.5
    np.testing.assert_allclose(total, expected, rtol=1e-4)


def test_learning_rate_factor():
    training = small("training.n_iterations=100", "training.linear_decay={begin: 0.5, end_factor: 0.01}").training
    factors = [trainer.learning_rate_factor(iteration, training) for iteration in (1, 50, 75, 100)]
    np.testing.assert_allclose(factors, [1, 1, 0.505, 0.01])
    assert trainer.learning_rate_factor(100, small().training) == 1


def test_decayed_rate_reaches_adam():
    config = small("training.n_iterations=4", "training.linear_decay={begin: 0, end_factor: 0}")
    model = build_graph(config)
    weights = []
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        weight = model.variables["encoder"][0]
        trainer.train(session, model, config.training, [lambda *_: weights.append(session.run(weight))])
    np.testing.assert_array_equal(weights[2], weights[3])  # the last iteration's rate is 0
    assert not np.array_equal(weights[1], weights[2])


def test_divergence_is_named():
    with pytest.raises(trainer.DivergenceError, match="is not finite at iteration"):
        trained(small("training.generator.learning_rate=1", "training.n_iterations=2000", "model.decoder.n_hidden_layers=12",
                      "training.generator.beta1=0", "training.generator.beta2=0", "training.generator.epsilon=1e-40",
                      "model.decoder.probability_margin=0"))
