import numpy as np
import pytest

from avb_tf1.config.baselines import HMCConfig
from avb_tf1.estimation import hmc
from avb_tf1.problems.given_posterior.problem import GivenPosterior, gaussian_prior, log_gaussian
from avb_tf1.problems.registry import GIVEN_POSTERIORS
from avb_tf1.tasks.given_posterior import measures, reference

SETTINGS = HMCConfig(n_chains=40, n_warmup=160, n_samples=150, n_leapfrog_steps=4, target_acceptance=0.8)


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
    return problem, hmc.sample(problem, 1, SETTINGS, seed=0)


def test_it_finds_a_posterior_in_closed_form(conjugate):
    _, sampled = conjugate
    assert sampled.z.shape == (150, 40, 2) and sampled.z.dtype == np.float32
    mean, error = mean_and_error(sampled)
    assert np.all(np.abs(mean - [0.8, -1.6]) < 4 * error) and np.all(error < 0.02)
    np.testing.assert_allclose(sampled.z.std(axis=(0, 1)), np.sqrt(0.2), rtol=0.05)
    assert np.all(sampled.r_hat < 1.05) and np.all(sampled.n_effective > 1000)
    assert sampled.acceptance == pytest.approx(SETTINGS.target_acceptance, abs=0.03)
    assert sampled.acceptance < sampled.kept_acceptance < 1


@pytest.mark.parametrize("target", [0.6, 0.95])
def test_the_step_size_is_adapted_to_the_acceptance_that_is_wanted(conjugate, target):
    sampled = hmc.sample(conjugate[0], 1, SETTINGS.copy(update={"target_acceptance": target, "n_samples": 10}), seed=0)
    assert sampled.acceptance == pytest.approx(target, abs=0.03) and sampled.kept_acceptance > target


def test_a_seed_has_its_draws(conjugate):
    problem, sampled = conjugate
    np.testing.assert_array_equal(hmc.sample(problem, 1, SETTINGS, seed=0).z, sampled.z)
    assert not np.array_equal(hmc.sample(problem, 1, SETTINGS, seed=1).z, sampled.z)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["banana", "donut", "logistic_regression", "explaining_away", "stan_eight_schools"])
def test_it_agrees_with_the_exact_posterior_within_its_error(name):
    problem = GIVEN_POSTERIORS[name]
    for label, exact in enumerate(reference.exact_references(problem)):
        sampled = hmc.sample(problem, label, SETTINGS.copy(update={"n_warmup": 600, "n_samples": 400}), seed=0)
        mean, error = mean_and_error(sampled)
        assert np.all(np.abs(mean - exact.mean) < 5 * error), (name, label)
        z = sampled.z.reshape(-1, problem.dim)
        found = measures.of_samples(problem, exact, z, z, np.random.RandomState(0))
        assert found["wasserstein"] < 0.06
        for mode in found["modes"].values():
            assert abs(mode["share"] - 0.5) < 0.2
