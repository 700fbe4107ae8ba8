"""log p(x|z) and log p(z) against numpy and scipy: of pixels, by probabilities and by logits, and of a given posterior."""

import math
import os

import numpy as np
import pytest
import reference
from helpers import ROOT, slow, small
from image_data import image_config, small_images
from scipy import stats
from trainings import weights_of

from avb_tf1.config.loading import load_config
from avb_tf1.graph import likelihoods
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.errors import InputError
from avb_tf1.ground.tensorflow import open_session, tf
from avb_tf1.problems.registry import problem_of


def test_of_pixels_it_is_a_sum_over_them():
    config = small()
    model = build_graph(config)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        weights = weights_of(session, model)
        x, z, found = session.run(
            [model.parts.batch.x, model.parts.posterior.z, model.objective.monitors["reconstruction_log_likelihood"]])
    p = reference.decoder(weights, z.astype(np.float64), config.model.decoder)
    assert found == pytest.approx(stats.bernoulli.logpmf(x, p).sum(axis=1).mean(), rel=1e-5)


def test_a_given_one_is_of_each_rows_own_x():
    """p(x|z) of explaining_away is exponential with mean 3 + sum of max(z, 0)**3, its prior N(0, 2 I)."""
    config = load_config(os.path.join(ROOT, "configs", "posteriors", "explaining_away.yaml"))
    problem = problem_of(config)
    labels, z = np.array([4, 0, 2, 2]), np.random.RandomState(0).standard_normal((4, 2))
    with tf.Graph().as_default(), tf.Session() as session:
        inputs, codes = tf.constant(problem.inputs[labels]), tf.constant(z, tf.float32)
        p, prior = likelihoods.likelihood(inputs, codes, config, problem), likelihoods.prior(config, problem)
        log_prob, log_prior, samples = session.run([p.log_prob, prior.log_prob(codes), prior.sample(20000, 1, "prior")])
        assert not tf.global_variables()
    assert not p.parameters and not prior.is_standard
    means = 3 + (np.maximum(z, 0)**3).sum(axis=1)
    np.testing.assert_allclose(log_prob, stats.expon.logpdf(problem.observations[labels, 0], scale=means), rtol=1e-5)
    np.testing.assert_allclose(log_prior, stats.norm.logpdf(z, scale=math.sqrt(2)).sum(axis=1), rtol=1e-5)
    assert stats.kstest(samples.ravel(), stats.norm(scale=math.sqrt(2)).cdf).pvalue > 1e-3


def test_the_prior_of_images_is_the_standard_normal():
    config, z = small(), np.random.RandomState(0).standard_normal((5, 2))
    with tf.Graph().as_default(), tf.Session() as session:
        prior = likelihoods.prior(config, problem_of(config))
        log_prior, samples = session.run([prior.log_prob(tf.constant(z, tf.float32)), prior.sample(20000, 1, "prior")])
    assert prior.is_standard and log_prior.dtype == samples.dtype == np.float32
    np.testing.assert_allclose(log_prior, stats.norm.logpdf(z).sum(axis=1), rtol=1e-5)
    assert stats.kstest(samples.ravel(), "norm").pvalue > 1e-3


def test_the_likelihood_from_logits_is_that_from_probabilities_where_both_are_good():
    values = []
    for likelihood in ("logits", "probabilities"):
        model = build_graph(small_images("digits_vae", "model.decoder.likelihood_from=" + likelihood))
        with open_session(model.graph, 1, 1) as session:
            session.run(model.initialize)
            monitor = model.objective.monitors["reconstruction_log_likelihood"]
            values.append(session.run(monitor, {model.parts.batch.x: model.parts.batch.of_iteration(1)}))
        assert ("logits" in model.parts.likelihood.parameters) == (likelihood == "logits")
    assert values[0] == pytest.approx(values[1], abs=1e-4) and values[0] < -30


@pytest.mark.parametrize("built_on", ["posterior_sample", slow("prior_sample")])
def test_a_decoder_that_is_sure_has_a_likelihood_and_a_gradient(built_on):
    model = build_graph(small_images("digits_avb", "model.decoder.built_on=" + built_on))
    bias = next(variable for variable in model.variables["decoder"] if variable.op.name == "decoder/output/biases")
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        session.run(bias.initializer, {bias.initializer.inputs[1]: np.full(64, 200, np.float32)})
        x = np.zeros((64, 64), np.float32)
        before = session.run(model.objective.monitors["reconstruction_log_likelihood"], {model.parts.batch.x: x})
        assert before == pytest.approx(-64 * 200, rel=0.05)
        session.run(model.steps[0].train_op, {model.parts.batch.x: x, model.learning_rate_factor: 1.0})
        assert (session.run(bias) < 200).all()


def test_logits_have_no_margin():
    with pytest.raises(InputError, match="likelihood_from must be probabilities if probability_margin is not 0, not logits"):
        image_config("digits_vae", "model.decoder.probability_margin=1e-6")
