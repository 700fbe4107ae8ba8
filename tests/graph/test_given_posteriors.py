"""The graphs of models of given posteriors, against numpy and scipy."""

import glob
import math
import os

import numpy as np
import pytest
from posterior_configs import avb, avb_ac, gaussian, path_of
from scipy import stats

from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.tensorflow import open_session
from avb_tf1.training import trainer


def fetched(config, *tensors_of):
    """Values of a graph's tensors before training, in one session.run."""
    model = build_graph(config, is_trained=True)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        return session.run([tensor_of(model) for tensor_of in tensors_of])


def log_joint_of_explaining_away(x, z):
    """log p(x, z) of values x [n], by scipy."""
    mean = 3 + (np.maximum(z, 0)**3).sum(axis=1)
    return stats.expon.logpdf(x, scale=mean) + stats.norm.logpdf(z, scale=math.sqrt(2)).sum(axis=1)


def test_avbs_loss_has_the_given_likelihood_of_each_rows_own_x():
    z, logits, loss, monitor = fetched(
        avb(), lambda model: model.parts.posterior.z, lambda model: model.parts.divergence.logits_posterior,
        lambda model: model.objective.loss, lambda model: model.objective.monitors["reconstruction_log_likelihood"])
    x = np.repeat([0, 5, 8, 12, 50], 4)
    log_likelihood = log_joint_of_explaining_away(x, z) - stats.norm.logpdf(z, scale=math.sqrt(2)).sum(axis=1)
    assert monitor == pytest.approx(log_likelihood.mean(), rel=1e-5)
    assert loss == pytest.approx(logits.mean() - log_likelihood.mean(), rel=1e-5)


def test_avbs_prior_sample_is_the_problems():
    z_prior, = fetched(avb("problem.batch_size=20000"), lambda model: model.parts.divergence.z_prior)
    assert stats.kstest(z_prior.ravel(), stats.norm(scale=math.sqrt(2)).cdf).pvalue > 1e-3


def test_adaptive_contrast_begins_with_the_gaussian_of_the_batchs_moments():
    """With a network of 0 and half the squared norm T is minus log r of the normalised z, up to a constant."""
    z, moments, kl = fetched(avb_ac(), lambda model: model.parts.posterior.z, lambda model: model.parts.posterior.moments,
                             lambda model: model.parts.divergence.kl)
    mean, deviation = z.astype(np.float64).mean(axis=0), z.astype(np.float64).std(axis=0)
    np.testing.assert_allclose(moments[0][0], mean, atol=1e-5)
    np.testing.assert_allclose(moments[1][-1], (deviation + 1e-6)**2, rtol=1e-4)
    expected = -np.log(deviation).sum() - 5 * math.log(2 * math.pi) - stats.norm.logpdf(z).sum(axis=1).mean()
    assert kl == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("config", [
    avb("model.discriminator={kind: residual, center_input: false, n_blocks: 1, n_units: 8, activation: relu, "
        "block_activation: relu, squared_norm_factor: 0, starts_at_zero: true}"),
    avb_ac("model.discriminator.squared_norm_factor=0")], ids=["prior sample", "contrast"])
def test_with_a_known_density_a_network_of_nothing_takes_q_for_the_posterior(config):
    """T's log q(z|x) is then log p(x, z), on both sides, and the generator's loss is 0."""
    config = config.copy(update={"model": config.model.copy(update={"known_density": True})})
    model = build_graph(config, is_trained=True)
    q, divergence = model.parts.posterior, model.parts.divergence
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        x, z, loss, logits, z_prior, logits_prior, moments = session.run(
            [model.parts.batch.x, q.z, model.objective.loss, divergence.logits_posterior, divergence.z_prior,
             divergence.logits_prior, q.moments or ()])
        arrays = trainer.array_functions(session, model)
        log_ratio, log_joint, log_prior = arrays.log_ratio(x, z), arrays.log_joint(x, z), arrays.log_prior(z)
        mean, variance = moments or (0, 1)
        prior_joint = arrays.log_joint(x, mean + np.sqrt(variance) * z_prior)
        prior_of_prior = arrays.log_prior(z_prior)
    np.testing.assert_allclose(log_ratio[:, 0], log_joint - log_prior, rtol=1e-4, atol=1e-4)
    assert loss == pytest.approx(0, abs=1e-4)
    if moments:
        log_r = stats.norm.logpdf(z_prior).sum(axis=1) - np.log(variance).sum(axis=1) / 2
        np.testing.assert_allclose(logits_prior[:, 0], prior_joint - log_r, rtol=1e-4, atol=1e-3)
    else:
        np.testing.assert_allclose(logits_prior[:, 0], prior_joint - prior_of_prior, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(logits[:, 0], log_joint - log_prior, rtol=1e-4, atol=1e-4)


def test_moments_are_those_of_each_x():
    config = avb("model.kind=avb_ac", "model.encoder={noise_dim: 4, center_input: false, n_hidden_layers: 1, n_units: 8, "
                 "activation: relu, added_standard_deviation: 0}")
    z, (mean, variance) = fetched(config, lambda model: model.parts.posterior.z, lambda model: model.parts.posterior.moments)
    of_x = z.astype(np.float64).reshape(5, 4, 2)
    np.testing.assert_allclose(mean, np.repeat(of_x.mean(axis=1), 4, axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(variance, np.repeat(of_x.var(axis=1), 4, axis=0), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_a_gaussian_begins_as_the_standard_normal(covariance):
    z, eps, loss = fetched(gaussian("explaining_away", 2, covariance), lambda model: model.parts.posterior.z,
                           lambda model: model.parts.posterior.eps, lambda model: model.objective.loss)
    np.testing.assert_array_equal(z, eps)
    log_joint = log_joint_of_explaining_away(np.repeat([0, 5, 8, 12, 50], 4), z)
    assert loss == pytest.approx(-(1 + math.log(2 * math.pi)) - log_joint.mean(), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(set(glob.glob(path_of("*"))) - {path_of("baselines")}), ids=os.path.basename)
def test_every_shipped_config_builds(path):
    config = load_config(path)
    assert config.name == os.path.basename(path)[:-len(".yaml")] and to_yaml(config)
    assert build_graph(config, is_trained=True).parts.batch.x.shape[0].value == config.batch_size
