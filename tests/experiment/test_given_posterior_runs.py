"""Models of given posteriors: their losses against numpy, their metrics against closed forms, whole runs of them."""

import glob
import json
import math
import os

import numpy as np
import pytest
from helpers import ALL_PAIRS, ROOT, assert_one_clear_line, run_script
from scipy import stats
from trainings import assert_same, trained, trained_in_pieces

import avb_tf1
from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.estimation.trained_networks import Networks
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.errors import InputError
from avb_tf1.ground.tensorflow import open_session
from avb_tf1.problems.given_posterior.plane_posteriors import EXPLAINING_AWAY
from avb_tf1.problems.given_posterior.problem import GivenPosterior, gaussian_prior, log_gaussian
from avb_tf1.tasks.given_posterior import measures, reference, summary
from avb_tf1.tasks.registry import TASKS
from avb_tf1.tasks.trained import without_infinity

CONFIGS = os.path.join(ROOT, "configs", "posteriors")
SMALL = ["problem.batch_size=20", "model.encoder.n_units=8", "training.n_iterations=12", "training.snapshot_every=6",
         "training.checkpoint_every=6", "evaluation.n_samples=2048"]
ADAM = "{optimizer: adam, learning_rate: 1e-2, beta1: .9, beta2: .999, epsilon: 1e-8}"


def path_of(name):
    return os.path.join(CONFIGS, name + ".yaml")


def small(name, *overrides):
    return load_config(path_of(name), [*SMALL, *overrides])


def avb(*overrides):
    return small("explaining_away", "model.discriminator.n_units=8", *overrides)


def avb_ac(*overrides):
    return small("stan_eight_schools", "model.encoder.n_units=16", "model.discriminator.n_units=8",
                 "model.discriminator.n_blocks=1", *overrides)


def gaussian(kind, latent_dim, covariance, *overrides):
    return load_config(path_of("explaining_away"), [
        "problem={kind: %s, batch_size: 20}" % kind,
        "model={kind: gaussian, latent_dim: %d, covariance: %s}" % (latent_dim, covariance),
        "training={n_iterations: 12, linear_decay: null, checkpoint_every: 6, snapshot_every: 6, generator_loss_scale: 1, "
        "generator: %s}" % ADAM, "evaluation.n_samples=2048", *overrides])


def fetched(config, *tensors_of):
    """Values of a graph's tensors before training, in one session.run."""
    model = build_graph(config)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        return session.run([tensor_of(model) for tensor_of in tensors_of])


def log_joint_of_explaining_away(x, z):
    """log p(x, z) of values x [n], by scipy."""
    mean = 3 + (np.maximum(z, 0)**3).sum(axis=1)
    return stats.expon.logpdf(x, scale=mean) + stats.norm.logpdf(z, scale=math.sqrt(2)).sum(axis=1)


def test_avbs_loss_has_the_given_likelihood_of_each_rows_own_x():
    z, logits, loss, monitor = fetched(
        avb(), lambda model: model.posterior.z, lambda model: model.divergence.logits_posterior,
        lambda model: model.generator_loss, lambda model: model.reconstruction_log_likelihood)
    x = np.repeat([0, 5, 8, 12, 50], 4)
    log_likelihood = log_joint_of_explaining_away(x, z) - stats.norm.logpdf(z, scale=math.sqrt(2)).sum(axis=1)
    assert monitor == pytest.approx(log_likelihood.mean(), rel=1e-5)
    assert loss == pytest.approx(logits.mean() - log_likelihood.mean(), rel=1e-5)


def test_avbs_prior_sample_is_the_problems():
    z_prior, = fetched(avb("problem.batch_size=20000"), lambda model: model.divergence.z_prior)
    assert stats.kstest(z_prior.ravel(), stats.norm(scale=math.sqrt(2)).cdf).pvalue > 1e-3


def test_adaptive_contrast_begins_with_the_gaussian_of_the_batchs_moments():
    """With a network of 0 and half the squared norm T is minus log r of the normalised z, up to a constant."""
    z, moments, kl = fetched(avb_ac(), lambda model: model.posterior.z, lambda model: model.posterior.moments,
                             lambda model: model.divergence.kl)
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
    model = build_graph(config)
    endpoints, q = model.endpoints, model.posterior
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        x, z, loss, logits, z_prior, logits_prior, moments = session.run(
            [model.x, q.z, model.generator_loss, model.divergence.logits_posterior, model.divergence.z_prior,
             model.divergence.logits_prior, q.moments or ()])
        log_ratio, log_joint, log_prior = session.run([endpoints.log_ratio, endpoints.log_joint, endpoints.log_prior],
                                                      {endpoints.x: x, endpoints.z: z})
        mean, variance = moments or (0, 1)
        prior_joint = session.run(endpoints.log_joint, {endpoints.x: x, endpoints.z: mean + np.sqrt(variance) * z_prior})
        prior_of_prior = session.run(endpoints.log_prior, {endpoints.z: z_prior})
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
    z, (mean, variance) = fetched(config, lambda model: model.posterior.z, lambda model: model.posterior.moments)
    of_x = z.astype(np.float64).reshape(5, 4, 2)
    np.testing.assert_allclose(mean, np.repeat(of_x.mean(axis=1), 4, axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(variance, np.repeat(of_x.var(axis=1), 4, axis=0), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_a_gaussian_begins_as_the_standard_normal(covariance):
    z, eps, loss = fetched(gaussian("explaining_away", 2, covariance), lambda model: model.posterior.z,
                           lambda model: model.posterior.eps, lambda model: model.generator_loss)
    np.testing.assert_array_equal(z, eps)
    log_joint = log_joint_of_explaining_away(np.repeat([0, 5, 8, 12, 50], 4), z)
    assert loss == pytest.approx(-(1 + math.log(2 * math.pi)) - log_joint.mean(), rel=1e-5)


def conjugate():
    """x = A z + noise of variance 1/2, z ~ N(0, I): the posterior is a correlated Gaussian. Its mean, covariance, evidence."""
    a, x = np.array([[1.0, 0.5], [0.0, 1.0], [1.0, -1.0]]), np.array([1.0, -0.5, 2.0])
    sample_prior, log_prior = gaussian_prior(2, 1.0)
    problem = GivenPosterior(
        title="a linear model", introduction="", coordinates=("a", "b"), observations=np.float32([x]),
        observation_names=("x",), sample_prior=sample_prior, log_prior=log_prior, sources="",
        log_likelihood=lambda x, z: log_gaussian(x - z @ np.float32(a.T), 0.0, np.full(3, math.sqrt(0.5))),
        derived={"a + b": lambda z: z[:, 0] + z[:, 1]}, modes={"a > 0": lambda z: z[:, 0] > 0})
    covariance = np.linalg.inv(np.eye(2) + 2 * a.T @ a)
    evidence = stats.multivariate_normal(np.zeros(3), a @ a.T + np.eye(3) / 2).logpdf(x)
    return problem, 2 * covariance @ a.T @ x, covariance, evidence


def networks_of(problem, mean, covariance, **others):
    """Networks whose q is a Gaussian that they know only as samples, unless `others` say more."""
    scale, log_joint = np.linalg.cholesky(covariance), reference.array_log_joint(problem)
    return Networks(
        latent_dim=2, noise_dim=2, decode=None, encode=lambda x, eps: (mean + eps @ scale.T).astype(np.float32),
        log_joint=lambda x, z: log_joint(problem.observations[0], z), log_prior=lambda z: stats.norm.logpdf(z).sum(axis=1),
        **others)


def test_metrics_of_the_exact_posterior_are_exact():
    problem, mean, covariance, evidence = conjugate()
    references = reference.exact_references(problem)
    metrics = measures.evaluate(
        networks_of(problem, mean, covariance), problem, references, np.random.RandomState(0), 50000)
    assert metrics["log_evidence"] == pytest.approx(evidence, abs=2e-6)
    assert abs(metrics["inference_gap"]) < 4 * metrics["inference_gap_standard_error"] + metrics["inference_gap_bias_left"]
    assert metrics["elbo"] == pytest.approx(evidence - metrics["inference_gap"], abs=2e-6)
    assert set(metrics["methods"].values()) == {"quadrature", "nearest neighbours", "samples"}
    assert metrics["wasserstein"] < 2 * metrics["wasserstein_noise_floor"] < 0.04
    assert list(metrics["marginals"]) == ["a", "b", "a + b"]
    for name, direction in (("a", [1, 0]), ("b", [0, 1]), ("a + b", [1, 1])):
        own, deviation = metrics["marginals"][name], math.sqrt(np.dot(direction, covariance @ direction))
        assert own["exact_mean"] == pytest.approx(np.dot(direction, mean), abs=1e-5)
        assert own["exact_standard_deviation"] == pytest.approx(deviation, rel=1e-4)
        assert own["mean"] == pytest.approx(own["exact_mean"], abs=5 * deviation / math.sqrt(20000))
        assert own["standard_deviation"] == pytest.approx(deviation, rel=0.03)
    share = stats.norm.sf(0, mean[0], math.sqrt(covariance[0, 0]))
    assert metrics["modes"]["a > 0"]["share"] == pytest.approx(share, abs=0.01)
    assert metrics["modes"]["a > 0"]["exact_share"] == pytest.approx(share, abs=0.01)
    assert "per_x" not in metrics and "not_computed" not in metrics


def test_metrics_of_another_gaussian():
    """Shifted by one standard deviation: KL 1/2 times a squared distance, and that distance in the marginal."""
    problem, mean, covariance, evidence = conjugate()
    shift = np.array([0.3, 0.0])
    gap = 0.5 * shift @ np.linalg.inv(covariance) @ shift
    scale = np.linalg.cholesky(covariance).astype(np.float32)
    references = reference.exact_references(problem)
    for others, method in (({}, "nearest neighbours"),
                           ({"gaussian": lambda x: (np.float32([mean + shift]), scale[np.newaxis])}, "samples")):
        metrics = measures.evaluate(
            networks_of(problem, mean + shift, covariance, **others), problem, references, np.random.RandomState(1), 50000)
        assert metrics["methods"]["elbo"] == method
        assert metrics["inference_gap"] == pytest.approx(gap, abs=5 * metrics["inference_gap_standard_error"])
        assert metrics["marginals"]["a"]["wasserstein"] == pytest.approx(0.3 / math.sqrt(covariance[0, 0]), abs=0.05)


def test_the_discriminators_elbo_above_the_evidence_is_warned_of():
    problem, mean, covariance, evidence = conjugate()
    references = reference.exact_references(problem)
    density = stats.multivariate_normal(mean, covariance)
    for too_low, warns in ((0.2, True), (-0.2, False)):
        networks = networks_of(problem, mean, covariance, log_ratio=lambda x, z, too_low=too_low: (
            density.logpdf(z) - stats.norm.logpdf(z).sum(axis=1) - too_low)[:, np.newaxis])
        metrics = measures.evaluate(networks, problem, references, np.random.RandomState(0), 2048)
        assert metrics["methods"]["elbo_discriminator"] == "discriminator"
        assert metrics["elbo_discriminator"] == pytest.approx(evidence + too_low, abs=1e-4)
        assert bool(summary.warning(metrics)) is warns
    assert "0.2000 nats above" in summary.warning(dict(metrics, elbo_discriminator=evidence + 0.2))


def test_without_a_reference_it_is_said_what_is_missing():
    problem, mean, covariance, _ = conjugate()
    metrics = measures.evaluate(
        networks_of(problem, mean, covariance), problem, None, np.random.RandomState(0), 2048)
    assert set(metrics["not_computed"]) == {"log_evidence", "inference_gap", "wasserstein", "wasserstein_noise_floor"}
    assert set(metrics["marginals"]["a"]) == {"mean", "standard_deviation"} and "elbo" in metrics


@pytest.mark.parametrize("config", [avb(), avb_ac(), gaussian("logistic_regression", 2, "full")],
                         ids=["avb", "avb_ac", "gaussian"])
def test_a_run_in_pieces_has_the_same_bits(config, tmp_path):
    whole = trained(config)
    assert_same(whole, trained(config, 4))
    assert_same(whole, trained_in_pieces(config, [5], tmp_path))


def test_a_full_gaussian_finds_the_posterior_that_is_one(monkeypatch):
    """Of a linear model the posterior is a Gaussian: nothing is left between the ELBO and the evidence."""
    from avb_tf1.problems.registry import GIVEN_POSTERIORS
    problem, mean, covariance, evidence = conjugate()
    monkeypatch.setitem(GIVEN_POSTERIORS, "banana", problem)
    config = gaussian("banana", 2, "full", "training.n_iterations=1500", "problem.batch_size=256",
                      "training.linear_decay={begin: 0.3, end_factor: 0.01}")
    monitors, (learned_mean, scale), _ = trained(config)
    np.testing.assert_allclose(learned_mean, [mean], atol=0.02)
    assert np.mean(monitors["generator_loss"][-100:]) == pytest.approx(-evidence, abs=0.02)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    metrics, _ = avb_tf1.run_experiment(avb("model.encoder.n_units=64"), str(out))
    assert {name: json.loads((out / "metrics.json").read_text())[name] for name in metrics} == metrics
    return out


def test_a_run_leaves_its_numbers_and_figures(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {"log_evidence", "elbo", "elbo_standard_error", "inference_gap", "per_x"} <= set(metrics)
    assert [own["x"] for own in metrics["per_x"]] == ["x = 0", "x = 5", "x = 8", "x = 12", "x = 50"]
    for own, evidence in zip(metrics["per_x"], (-1.4424, -2.7836, -3.4826, -4.2615, -7.2839)):
        assert own["log_evidence"] == pytest.approx(evidence, abs=6e-5)
        assert set(own["marginals"]["z1"]) == {"mean", "standard_deviation", "exact_mean", "exact_standard_deviation",
                                               "wasserstein", "wasserstein_noise_floor"}
    assert metrics["elbo"] == pytest.approx(np.mean([own["elbo"] for own in metrics["per_x"]]))
    for name in TASKS["given_posterior"].figures:
        assert (folder / name).stat().st_size > 5000
    exact = np.load(str(folder / "exact.npz"))
    assert exact["draws"].shape == (5, 5000, 2) and exact["density"].shape == (5, 161, 161)
    cell = np.prod(exact["axes"][:, :, 1] - exact["axes"][:, :, 0], axis=1)
    np.testing.assert_allclose(exact["density"].sum(axis=(1, 2)) * cell, 1, atol=0.01)
    snapshots = np.load(str(folder / "snapshots.npz"))
    assert list(snapshots["iteration"]) == [0, 6, 12] and snapshots["z"].shape == (3, 1280, 2)
    assert np.isfinite(snapshots["inference_gap"]).all()


def test_an_infinite_value_of_one_x_is_null():
    assert without_infinity({"elbo": -math.inf, "per_x": [{"elbo": -math.inf, "x": "a"}]}) == {
        "elbo": None, "per_x": [{"elbo": None, "x": "a"}]}


@pytest.mark.slow
def test_a_run_is_evaluated_again_and_opened(folder):
    result = run_script("evaluate.py", folder)
    assert result.returncode == 0 and "metrics.json has the same numbers" in result.stdout, result.stderr
    assert "x = 50: log_evidence -7.2839" in result.stdout
    with avb_tf1.open_run(str(folder)) as run:
        z = run.sample_posterior(np.arange(5), n=7, seed=0)
        assert z.shape == (5, 7, 2) and run.log_ratio(np.repeat(1, 7), z[1]).shape == (7,)
        np.testing.assert_allclose(run.log_likelihood([0, 4]), [-1.4424, -7.2839], atol=6e-5)
        for call in (lambda: run.decode(z[0]), lambda: run.sample_posterior([5], 1, 0), lambda: run.log_likelihood([0.5])):
            with pytest.raises(ValueError):
                call()


def test_what_is_of_images_only_refuses_in_one_line(folder):
    assert_one_clear_line(run_script("evaluate.py", folder, "--ais"), "given posterior")


@pytest.mark.parametrize("override, words", [
    ("problem.kind=nothing", "problem.kind must be one of"),
    ("model.latent_dim=3", "model.latent_dim must be 2"),
    ("problem.batch_size=21", "problem.batch_size must be a multiple of 5"),
    ("model.encoder.noise_dim=1", "model.encoder.noise_dim must be at least 2"),
    ("model.kind=vae", "model.kind must be one of avb, avb_ac, gaussian"),
    ("training.decoder_learning_rate=1e-3", "training.decoder_learning_rate must be null"),
    ("problem.path=a.py", 'unknown key "problem.path"'),
])
def test_bad_values_are_told_by_their_key(override, words):
    with pytest.raises(InputError) as caught:
        load_config(path_of("explaining_away"), [override])
    assert words in str(caught.value)


def test_a_known_density_is_of_one_pair():
    with pytest.raises(InputError, match="model.known_density must be false with discriminator.all_pairs"):
        load_config(path_of("eight_schools"), ALL_PAIRS)


def test_a_config_has_a_problem_or_data(tmp_path):
    text = to_yaml(avb()) + "data: {images: four_images, kind: constant, batch_size: 512}\n"
    (tmp_path / "both.yaml").write_text(text)
    with pytest.raises(InputError, match='unknown key "data"'):
        load_config(str(tmp_path / "both.yaml"))


@pytest.mark.parametrize("path", sorted(set(glob.glob(path_of("*"))) - {path_of("baselines")}), ids=os.path.basename)
def test_every_shipped_config_builds(path):
    config = load_config(path)
    assert config.name == os.path.basename(path)[:-len(".yaml")] and to_yaml(config)
    assert build_graph(config).x.shape[0].value == config.batch_size


def test_inputs_tell_several_x_apart_and_are_empty_for_one():
    np.testing.assert_array_equal(EXPLAINING_AWAY.inputs, np.eye(5))
    assert conjugate()[0].inputs.shape == (1, 0)
