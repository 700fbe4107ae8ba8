"""The graph as a whole: its variables, seeds and handles; and built step by step."""

import operator

import numpy as np
import pytest
from helpers import small, synthetic

from avb_tf1.graph import batches, builder, divergences, likelihoods, networks, objectives, posteriors, speed, updates
from avb_tf1.graph.builder import build_graph, variables_by_scope
from avb_tf1.graph.noise import Noise
from avb_tf1.ground.tensorflow import open_session, tf
from avb_tf1.problems.registry import problem_of


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
    shapes = {"batch.x": [512, 4], "posterior.eps": [512, 4], "posterior.z": [512, 2],
              "likelihood.log_prob": [512], "divergence.z_prior": [512, 2],
              "divergence.logits_prior": [512, 1], "divergence.logits_posterior": [512, 1], "divergence.loss": [],
              "divergence.kl": []}
    for name, shape in shapes.items():
        tensor = operator.attrgetter(name)(tutorial.parts)
        assert (tensor.shape.as_list(), tensor.dtype) == (shape, tf.float32), name
    assert tutorial.parts.likelihood.parameters["probabilities"].shape.as_list() == [512, 4]
    for tensor in [tutorial.objective.loss, *tutorial.objective.monitors.values()]:
        assert (tensor.shape.as_list(), tensor.dtype) == ([], tf.float32), tensor.op.name


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
            variables_by_scope({"encoder": small().model.encoder})


def test_variables_must_be_as_many_as_the_config_says():
    config = small()
    with tf.Graph().as_default():
        networks.encoder(tf.zeros([4, 4]), tf.zeros([4, 4]), config.model)
        with pytest.raises(AssertionError, match="encoder should have weights and biases of 4 layers"):
            variables_by_scope({"encoder": small("model.encoder.n_hidden_layers=3").model.encoder})


def step_by_step(config):
    """What build_graph builds, by the public steps alone, in the tutorial's order."""
    problem, graph = problem_of(config), tf.Graph()
    with graph.as_default(), speed.faster_gradients(config.runtime):
        tf.set_random_seed(config.seed)
        batch = batches.batch(config, problem)
        noise = Noise(batch, config)
        eps = noise.for_batch("eps", config.model.noise_dim)
        q = posteriors.approximate_posterior(batch.x, eps, noise.drawn_anew, config, problem)
        z_prior = divergences.prior_sample(q, noise, config, problem)
        p = likelihoods.likelihood(batch.x, q.z, config, problem, z_prior)
        kl = divergences.divergence(batch.x, q, z_prior, config, problem)
        parts = objectives.Parts(config, problem, batch, noise, q, p, kl)
        objective = objectives.objective(parts)
        variables = variables_by_scope(config.model.network_sections)
        iteration = updates.iteration(parts, objective, variables)
        return builder.model_graph(parts, objective, variables, iteration)


def losses_and_weights(model):
    """Of five iterations, and after them."""
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        losses = [session.run([model.steps[0].train_op, *model.steps[0].monitors.values()])[1:] for _ in range(5)]
        return np.array(losses), session.run(
            {variable.op.name: variable for variables in model.variables.values() for variable in variables})


def test_the_steps_one_after_the_other_build_the_same_model(tutorial):
    (losses, weights), (expected_losses, expected) = (
        losses_and_weights(model) for model in (step_by_step(synthetic()), tutorial))
    assert losses.shape == (5, 4) and len(weights) == 18 and weights.keys() == expected.keys()
    np.testing.assert_array_equal(losses, expected_losses)
    for name, value in weights.items():
        np.testing.assert_array_equal(value, expected[name])


def test_a_problem_that_is_handed_in_is_taken(monkeypatch):
    config = small()
    problem = problem_of(config)
    monkeypatch.setattr(builder, "problem_of", None)
    assert build_graph(config, problem).parts.batch.x.shape.as_list() == [16, 4]
