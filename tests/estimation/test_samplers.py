import math

import numpy as np
import pytest
from conjugate_problem import conjugate as correlated
from helpers import long, slow

from avb_tf1.config.baselines import HMCConfig, NUTSConfig, ReplicaExchangeConfig
from avb_tf1.estimation import samplers
from avb_tf1.ground.tensorflow import tf
from avb_tf1.problems.given_posterior.problem import GivenPosterior, gaussian_prior, log_gaussian
from avb_tf1.problems.registry import GIVEN_POSTERIORS
from avb_tf1.tasks.given_posterior import measures, reference

HMC = HMCConfig(n_chains=40, n_warmup=160, n_samples=150, n_leapfrog_steps=4, target_acceptance=0.8)

SETTINGS = {
    "hmc": HMC,
    "nuts": NUTSConfig(n_chains=40, n_warmup=160, n_samples=150, max_tree_depth=5, target_acceptance=0.8),
    "replica_exchange": ReplicaExchangeConfig(**HMC.dict(), inverse_temperatures=[1, 0.3, 0.1])}


def mean_and_error(sampled):
    """Of each coordinate: the mean of the chains' means, and its standard error; the chains are independent."""
    means = sampled.z.astype(np.float64).mean(axis=0)
    return means.mean(axis=0), means.std(axis=0, ddof=1) / np.sqrt(len(means))


@pytest.fixture(scope="module")
def conjugate():
    """z ~ N(0, I), x given z ~ N(z, .25 I) at x = (1, -2): the posterior is N(.8 x, .2 I)."""
    sample_prior, log_prior = gaussian_prior(2, 1.0)
    problem = GivenPosterior(
        title="two Gaussians", introduction="", coordinates=("a", "b"), observations=np.float32([[0, 0], [1, -2]]),
        observation_names=("0", "1"), sample_prior=sample_prior, log_prior=log_prior,
        log_likelihood=lambda x, z: log_gaussian(x, z, 0.5), sources="")
    return problem, samplers.sample("hmc", problem, 1, HMC, seed=0)


def test_it_finds_a_posterior_in_closed_form(conjugate):
    _, sampled = conjugate
    assert sampled.z.shape == (150, 40, 2) and sampled.z.dtype == np.float32
    mean, error = mean_and_error(sampled)
    assert np.all(np.abs(mean - [0.8, -1.6]) < 4 * error) and np.all(error < 0.02)
    np.testing.assert_allclose(sampled.z.std(axis=(0, 1)), np.sqrt(0.2), rtol=0.05)
    assert np.all(sampled.r_hat < 1.05) and np.all(sampled.n_effective > 1000)
    assert sampled.acceptance == pytest.approx(HMC.target_acceptance, abs=0.03)
    assert sampled.acceptance < sampled.kept_acceptance < 1


@pytest.mark.slow
@pytest.mark.parametrize("target", [0.6, 0.95])
def test_the_step_size_is_adapted_to_the_acceptance_that_is_wanted(conjugate, target):
    sampled = samplers.sample("hmc", conjugate[0], 1, HMC.copy(update={"target_acceptance": target, "n_samples": 10}), seed=0)
    assert sampled.acceptance == pytest.approx(target, abs=0.03) and sampled.kept_acceptance > target


@pytest.mark.slow
def test_a_seed_has_its_draws(conjugate):
    problem, sampled = conjugate
    np.testing.assert_array_equal(samplers.sample("hmc", problem, 1, HMC, seed=0).z, sampled.z)
    assert not np.array_equal(samplers.sample("hmc", problem, 1, HMC, seed=1).z, sampled.z)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nuts", "replica_exchange"])
def test_others_find_a_correlated_gaussian(name):
    problem, exact_mean, covariance, _ = correlated()
    sampled = samplers.sample(name, problem, 0, SETTINGS[name], seed=0)
    mean, error = mean_and_error(sampled)
    assert np.all(np.abs(mean - exact_mean) < 4 * error) and np.all(error < 0.02)
    np.testing.assert_allclose(np.cov(sampled.z.reshape(-1, 2).T.astype(np.float64)), covariance, atol=0.03)
    assert np.all(sampled.r_hat < 1.05) and np.all(sampled.n_effective > 1000)
    assert sampled.acceptance == pytest.approx(0.8, abs=0.04)
    assert (sampled.kept_acceptance > sampled.acceptance + 0.05) == (name in samplers.VARYING)
    assert (sampled.exchanged is None) == (name != "replica_exchange")


@pytest.mark.parametrize("name", [slow("nuts"), long("replica_exchange")])
def test_a_seed_has_the_draws_of_others(name):
    settings = SETTINGS[name].copy(update={"n_chains": 5, "n_warmup": 10, "n_samples": 20})
    first, again, other = (samplers.sample(name, correlated()[0], 0, settings, seed).z for seed in (0, 0, 1))
    np.testing.assert_array_equal(again, first)
    assert not np.array_equal(other, first)


def far_apart():
    """z ~ N(0, 1), and a likelihood of two modes, .8 of N(z; 2, .35^2) and .2 of N(z; -2, .35^2).

    Both have the same evidence: the posterior is .8 of N(2, .35^2) / 1.1225, and .2 of its mirror image.
    """
    def log_likelihood(_, z):
        modes = [math.log(share) + log_gaussian(z, at, 0.35) for share, at in ((0.8, 2.0), (0.2, -2.0))]
        return tf.reduce_logsumexp(modes, axis=0)

    sample_prior, log_prior = gaussian_prior(1, 1.0)
    return GivenPosterior(
        title="two modes", introduction="", coordinates=("a",), observations=np.zeros((1, 0), np.float32),
        observation_names=("none",), sample_prior=sample_prior, log_prior=log_prior, log_likelihood=log_likelihood, sources="",
        modes={"a > 0": lambda z: z[:, 0] > 0})


@pytest.mark.slow
def test_replica_exchange_gets_shares_of_modes_right_and_hmc_tells_that_it_does_not():
    problem, settings = far_apart(), SETTINGS["replica_exchange"].copy(update={"n_samples": 400})
    sampled = samplers.sample("replica_exchange", problem, 0, settings, seed=0)
    shares = (sampled.z[..., 0] > 0).mean(axis=0)
    error = shares.std(ddof=1) / math.sqrt(len(shares))
    assert abs(shares.mean() - 0.8) < 4 * error < 0.1
    assert np.all(sampled.r_hat < 1.1) and 0.1 < sampled.exchanged < 0.9
    of_mode = sampled.z[sampled.z > 0]
    assert of_mode.mean() == pytest.approx(2 / 1.1225, abs=0.03) and of_mode.std() == pytest.approx(0.35 / 1.1225**0.5, rel=0.1)
    stuck = samplers.sample("hmc", problem, 0, HMC, seed=0)
    assert abs((stuck.z > 0).mean() - 0.8) > 0.1 and np.all(stuck.r_hat > 2)


@pytest.mark.parametrize("n", [long(2), long(3), slow(4)])
def test_exchanges_are_counted_by_what_moves(n):
    """Replicas of the same temperature but for a hair exchange whenever they may."""
    settings = SETTINGS["replica_exchange"].copy(update={
        "inverse_temperatures": tuple(1 - k * 1e-6 for k in range(n)), "n_warmup": 20, "n_samples": 400})
    sampled = samplers.sample("replica_exchange", correlated()[0], 0, settings, seed=0)
    assert sampled.exchanged == pytest.approx(1, abs=1e-3 if n < 4 else 0.06)


def test_replica_exchange_is_for_modes():
    assert samplers.suited_to(far_apart()) == ("hmc", "nuts", "replica_exchange")
    assert samplers.suited_to(GIVEN_POSTERIORS["banana"]) == ("hmc", "nuts")


@pytest.mark.parametrize("sampler, name", [
    *(slow("hmc", name) for name in ("banana", "donut", "logistic_regression", "stan_gauss", "stan_eight_schools")),
    long("hmc", "explaining_away"), long("nuts", "banana"), slow("nuts", "eight_schools"),
    slow("replica_exchange", "stan_eight_schools")])
def test_it_agrees_with_the_exact_posterior_within_its_error(sampler, name):
    problem = GIVEN_POSTERIORS[name]
    settings = SETTINGS[sampler].copy(update={"n_warmup": 600, "n_samples": 400})
    if sampler == "replica_exchange":
        settings = settings.copy(update={"inverse_temperatures": (1.0, 0.6, 0.36)})
    for label, exact in enumerate(reference.exact_references(problem)):
        sampled = samplers.sample(sampler, problem, label, settings, seed=0)
        mean, error = mean_and_error(sampled)
        assert np.all(np.abs(mean - exact.mean) < 5 * error), (name, label)
        z = sampled.z.reshape(-1, problem.dim)
        found = measures.of_samples(problem, exact, z, z, np.random.RandomState(0))
        assert found["wasserstein"] < 0.06
        for mode in found["modes"].values():
            assert abs(mode["share"] - 0.5) < 0.2
