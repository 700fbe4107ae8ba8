"""Approximate posteriors whose density is a bound: against numpy, a closed form, and an evidence that is known."""

import numpy as np
import pytest
import reference
from config_cases import AUXILIARY, EACH_KIND, of_kind, refusal
from helpers import slow, vae_config
from posterior_configs import path_of
from scipy.stats import multivariate_normal, norm
from trainings import assert_same, trained, trained_in_pieces, weights_of

from avb_tf1.config.loading import load_config
from avb_tf1.estimation import quadrature
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.tensorflow import open_session
from avb_tf1.problems.registry import problem_of
from avb_tf1.tasks.given_posterior.reference import references_if_known
from avb_tf1.training import trainer

KINDS = [case for case in EACH_KIND if case[1] in ("sivi", "auxiliary_vae")]
N_MIXED = 512


def opened(config):
    """The graph of a config, a session on random weights, these in float64, and the networks."""
    model = build_graph(config)
    session = open_session(model.graph, 1, 1)
    session.run(model.initialize)
    return model, session, weights_of(session, model), trainer.array_functions(session, model)


def layers(weights, scope, inputs, *outputs):
    """A network of one hidden layer of ReLU units: what each of its output layers makes of inputs."""
    def layer(values, name):
        return values @ weights["%s/%s/weights" % (scope, name)] + weights["%s/%s/biases" % (scope, name)]

    hidden = np.maximum(layer(inputs, "hidden_1"), 0)
    return [layer(hidden, name) for name in outputs]


def log_normal(values, mean, log_scale):
    return norm.logpdf(values, mean, np.exp(log_scale)).sum(axis=-1)


@pytest.mark.parametrize("task", ["known_images", "given_posterior"])
def test_a_semi_implicit_density_is_that_of_the_mixture_with_its_own_component(task):
    config = load_config(*of_kind(task, "sivi"))
    model, session, weights, _ = opened(config)
    q, (_, mixing) = model.parts.posterior, model.steps[0].noise[-2:]
    x, z, eps, log_prob, others = session.run([model.parts.batch.x, q.z, q.eps, q.log_prob, mixing])
    assert others.shape == (7, 3) and eps.shape == (len(x), 5)

    def component(noise):
        return layers(weights, "encoder", np.column_stack([2 * x - 1, noise]), "output", "log_standard_deviation")

    mean, log_scale = component(eps[:, :3])
    np.testing.assert_allclose(z, mean + np.exp(log_scale) * eps[:, 3:], rtol=1e-4, atol=1e-5)
    components = [log_normal(z, mean, log_scale)]
    components += [log_normal(z, *component(np.tile(noise, (len(x), 1)))) for noise in others]
    np.testing.assert_allclose(log_prob, np.logaddexp.reduce(components) - np.log(8), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n, bias", [(1, (0.2, 2)), slow(N_MIXED, (-0.01, 0.05))])
def test_a_semi_implicit_bound_comes_near_the_closed_form_of_a_linear_mixture(n, bias):
    """Without hidden layers it is a Gaussian: N(W eps + b, sigma^2) over eps. The bound is the less too high, the larger n."""
    config = load_config(path_of("banana"), [
        "model={kind: sivi, latent_dim: 2, n_mixing_samples: %d, encoder: {noise_dim: 2, standard_deviation: .5, "
        "n_hidden_layers: 0, n_units: 1, activation: relu, center_input: false}}" % n, of_kind("given_posterior", "sivi")[1][1],
        "problem.batch_size=20000"])
    model, session, weights, _ = opened(config)
    q = model.parts.posterior
    found = []
    for _ in range(20):  # the mixing noise is the same for all samples of a batch
        z, log_prob = session.run([q.z, q.log_prob])
        matrix = weights["encoder/output/weights"]
        exact = multivariate_normal(weights["encoder/output/biases"], matrix.T @ matrix + 0.25 * np.eye(2)).logpdf(z)
        found.append((log_prob - exact).mean())
    assert bias[0] < np.mean(found) < bias[1]


@pytest.mark.parametrize("sees", ["x", "reconstruction"])
def test_the_bound_by_an_auxiliary_variable_is_that_of_numpy(sees):
    config = vae_config("model={%s, decoder: {n_hidden_layers: 2, n_units: 8, activation: relu, probability_margin: 1e-6}}"
                        % AUXILIARY.replace("sees: reconstruction", "sees: " + sees), of_kind("known_images", "sivi")[1][1])
    model, session, weights, networks = opened(config)
    q = model.parts.posterior
    x, z, eps, log_prob, noise = session.run([model.parts.batch.x, q.z, q.eps, q.log_prob, list(model.steps[0].noise)])
    mean, log_scale = layers(weights, "auxiliary", 2 * x - 1, "mean", "log_standard_deviation")
    a = mean + np.exp(log_scale) * eps[:, :3]
    expected = log_normal(a, mean, log_scale)
    mean, log_variance = layers(weights, "encoder", np.column_stack([2 * x - 1, a]), "mean", "log_variance")
    np.testing.assert_allclose(z, mean + np.exp(log_variance / 2) * eps[:, 3:], rtol=1e-4, atol=1e-5)
    expected += log_normal(z, mean, log_variance / 2)
    seen = x
    if sees == "reconstruction":
        seen = norm.cdf(noise[-1]) < networks.decode(z)
        assert noise[-1].shape == x.shape and not np.array_equal(seen, x)
    inputs = np.column_stack([2.0 * seen - 1, z])
    expected -= log_normal(a, *layers(weights, "reverse", inputs, "mean", "log_standard_deviation"))
    np.testing.assert_allclose(log_prob, expected, rtol=1e-4, atol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in KINDS if case[0] != "data_set"], ids="-".join)
def test_its_elbo_is_below_the_evidence(case):
    config = load_config(*of_kind(*case))
    _, _, _, networks = opened(config)
    problem, random_state = problem_of(config), np.random.RandomState(0)
    labels = np.repeat(np.arange(problem.n_x), 4000)
    x = problem.inputs[labels]
    z, log_prob = networks.encode_with_density(x, np.float32(random_state.standard_normal((len(x), networks.noise_dim))))
    if case[0] == "given_posterior":
        log_joint, evidence = networks.log_joint(x, z), references_if_known(problem)[0][0].log_evidence
    else:
        p = networks.decode(z).astype(np.float64)
        log_joint = np.log(np.where(x == 1, p, 1 - p)).sum(axis=1) + reference.log_normal(z, 0, np.ones(2))[:, 0]
        evidence = quadrature.log_likelihood(networks.decode, 2, problem.images).mean()
    log_weights = log_joint - log_prob
    assert log_weights.mean() + 3 * log_weights.std() / np.sqrt(len(x)) < evidence
    assert networks.density_is_bound and networks.log_posterior is None


@pytest.mark.slow
@pytest.mark.parametrize("case", KINDS, ids="-".join)
def test_every_variable_moves(case):
    config = load_config(*of_kind(*case))
    model = build_graph(config)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        before = session.run(model.variables)
        trainer.train(session, model, config.training, [])
        after = session.run(model.variables)
    assert [variable.op.name for scope, variables in model.variables.items()
            for variable, one, other in zip(variables, before[scope], after[scope]) if np.array_equal(one, other)] == []


def test_an_encoder_beside_an_auxiliary_variable_has_no_context():
    path, overrides = of_kind("known_images", "auxiliary_vae")
    assert "model.encoder.n_context must be null without a flow" in refusal([*overrides, "model.encoder.n_context=4"], path)


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in KINDS if case[0] != "data_set"], ids="-".join)
def test_it_is_gone_on_with_to_the_bit(case, tmp_path):
    config = load_config(*of_kind(*case))
    model = build_graph(config)
    assert_same(trained(config, model=model)[:2], trained_in_pieces(config, (7,), tmp_path, model))
