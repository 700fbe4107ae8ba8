"""Exact references of the given posteriors, beside computations that share nothing with them: other orders, other samplers."""

import math

import numpy as np
import pytest
from helpers import slow
from marginals import marginals_of
from scipy import stats
from scipy.integrate import quad_vec
from scipy.special import expit, logsumexp

from avb_tf1.estimation.density_grid import PosteriorGridError, posterior_grid
from avb_tf1.ground.tensorflow import open_session, tf
from avb_tf1.problems.registry import GIVEN_POSTERIORS
from avb_tf1.tasks.given_posterior.reference import array_log_joint, exact_references, reference_from_density

EVERY = pytest.mark.parametrize("name", sorted(GIVEN_POSTERIORS))
BOTH = pytest.mark.parametrize("name", ["stan_eight_schools", "eight_schools"])
SIGMA = {"stan_eight_schools": [0.8, 0.5, 0.8, 0.6, 0.5, 0.6, 0.5, 0.4], "eight_schools": [15, 10, 16, 11, 9, 11, 10, 18]}
SCALE_OF_MU = {"stan_eight_schools": 1.0, "eight_schools": 5.0}


@pytest.fixture(scope="module")
def references():
    return {name: exact_references(problem) for name, problem in GIVEN_POSTERIORS.items()}


@pytest.fixture(scope="module")
def marginals():
    return {name: marginals_of(problem) for name, problem in GIVEN_POSTERIORS.items()}


@pytest.fixture(scope="module")
def draws(references):
    """Of each posterior 100,000."""
    return {name: [reference.draws(100000, np.random.RandomState(0)) for reference in several]
            for name, several in references.items()}


@pytest.mark.slow
def test_every_problem_has_as_many_references_as_observations(references):
    for name, problem in GIVEN_POSTERIORS.items():
        assert len(references[name]) == len(problem.observations)
        for reference in references[name]:
            assert reference.mean.shape == reference.standard_deviation.shape == (problem.dim,)
            assert reference.covariance.shape == (problem.dim, problem.dim)
            assert list(reference.derived) == list(problem.derived)


# Of stan_gauss two or three of the 400,000 samples of its wide prior count: it has a test of its own below.
@pytest.mark.parametrize("name", sorted(set(GIVEN_POSTERIORS) - {"stan_gauss"}))
def test_evidence_agrees_with_a_mean_over_the_prior(name, references):
    """log p(x) = log E p(x|z), with the problem's own sampler: prior, likelihood and constants fit together."""
    problem, n = GIVEN_POSTERIORS[name], 400000
    with tf.Graph().as_default() as graph:
        z = problem.sample_prior(n, 7, "z")
        likelihoods = [problem.log_likelihood(tf.constant(np.tile(x, (n, 1))), z) for x in problem.observations]
        with open_session(graph, 1, 1) as session:
            likelihoods = np.array(session.run(likelihoods), np.float64)
    weights = np.exp(likelihoods - likelihoods.max(axis=1, keepdims=True))
    estimates = likelihoods.max(axis=1) + np.log(weights.mean(axis=1))
    errors = weights.std(axis=1) / weights.mean(axis=1) / math.sqrt(n)
    assert errors.max() < 0.05
    exact = [reference.log_evidence for reference in references[name]]
    assert (np.abs(estimates - exact) < 4 * errors).all()


@EVERY
def test_log_density_is_the_joint_density_over_the_evidence(name, references, draws):
    """With the eight schools the reference's is from the integral in closed form, the joint density from TensorFlow."""
    problem = GIVEN_POSTERIORS[name]
    log_joint = array_log_joint(problem)
    z = np.random.RandomState(0).standard_normal((500, problem.dim))
    for x, reference, own in zip(problem.observations, references[name], draws[name]):
        for points in (z, own[:500]):
            expected = log_joint(x, points) - reference.log_evidence
            np.testing.assert_allclose(reference.log_density(points), expected, rtol=2e-6, atol=2e-5)


@pytest.mark.slow
@EVERY
def test_draws_have_the_exact_moments_and_marginals(name, references, draws, marginals):
    problem = GIVEN_POSTERIORS[name]
    for reference, z, own in zip(references[name], draws[name], marginals[name]):
        assert z.shape == (100000, problem.dim)
        standardised = (z - reference.mean) / reference.standard_deviation
        assert np.abs(standardised.mean(axis=0)).max() < 4 / math.sqrt(len(z))
        correlations = reference.covariance / np.outer(reference.standard_deviation, reference.standard_deviation)
        products = standardised[:, :, np.newaxis] * standardised[:, np.newaxis]
        error = products.std(axis=0) / math.sqrt(len(z))
        assert (np.abs(products.mean(axis=0) - correlations) < 4 * error + 5e-4).all()  # and what the grid's tents add
        for values, marginal in zip(z.T, own):
            assert stats.kstest(values, marginal.cdf).pvalue > 1e-3
            p = np.array([0.01, 0.3, 0.9])
            np.testing.assert_allclose(marginal.cdf(marginal.quantile(p)), p, atol=1e-9)
        for quantity, function in problem.derived.items():
            values, moments = function(z), reference.derived[quantity]
            deviation = moments.standard_deviation
            assert abs(values.mean() - moments.mean) < 4 * deviation / math.sqrt(len(z))
            squares = (values - moments.mean)**2 / deviation**2
            assert abs(squares.mean() - 1) < 4 * squares.std() / math.sqrt(len(z)) + 5e-4


@pytest.mark.slow
@EVERY
def test_marginals_have_the_exact_moments(name, references, marginals):
    """Those of an effect are a mixture of Gaussians that the moments don't come from."""
    p = (np.arange(400000) + 0.5) / 400000
    # Linear between the grid's points, they are wider than the posterior: most where fat tails take the grid far out.
    tolerance = 2e-3 if name == "stan_gauss" else 5e-4
    for reference, own in zip(references[name], marginals[name]):
        for marginal, mean, deviation in zip(own, reference.mean, reference.standard_deviation):
            values = marginal.quantile(p)
            assert values.mean() == pytest.approx(mean, abs=1e-4 * deviation)
            assert values.std() == pytest.approx(deviation, rel=tolerance)


@pytest.mark.parametrize("constant", [-1e4, slow(-1e6), slow(3e6)])
def test_a_density_that_float32_rounds_too_far_is_refused(constant):
    """Of -3e6 the standard deviation was .7122 for .7071, without a word."""
    def log_joint(z):
        return np.float32(stats.norm(0, math.sqrt(0.5)).logpdf(z[:, 0]) + constant)

    if abs(constant) > 1e5:
        with pytest.raises(PosteriorGridError, match="of which float32 has but 7 digits"):
            reference_from_density(log_joint, 1)
    else:
        found = reference_from_density(log_joint, 1)
        assert found.log_evidence == pytest.approx(constant, abs=1e-9 * abs(constant) * 10)
        assert found.standard_deviation[0] == pytest.approx(math.sqrt(0.5), rel=1e-4)


@pytest.mark.slow
@EVERY
def test_marginal_densities_integrate_to_the_exact_distributions(name, references, marginals):
    """In bins about the points; within .2% of the highest."""
    for reference, own in zip(references[name], marginals[name]):
        axes = np.array([np.linspace(*marginal.quantile(np.array([1e-3, 0.999])), 161) for marginal in own])
        of_derived = [np.linspace(moments.mean - 1, moments.mean + 1, 161) for moments in reference.derived.values()]
        found = reference.marginals(np.array([*axes, *of_derived]))
        for marginal, axis, density in zip(own, axes, found):
            half = (axis[1] - axis[0]) / 2
            expected = (marginal.cdf(axis + half) - marginal.cdf(axis - half)) / (2 * half)
            np.testing.assert_allclose(density, expected, atol=2e-3 * expected.max())


@BOTH
def test_marginal_densities_of_derived_quantities_agree_with_an_integral_over_tau(name, references):
    y = GIVEN_POSTERIORS[name].observations[0].astype(np.float64)
    of_either_sign = name == "stan_eight_schools"
    tau = np.linspace(-6, 6, 601) if of_either_sign else np.exp(np.linspace(-12, 6, 601))
    prior = (stats.norm(0, 1) if of_either_sign else stats.halfcauchy(0, 5)).pdf(tau)
    found = [moments_given_tau(name, y, SIGMA[name], own) for own in tau]
    weights = prior * np.array([density for density, _, _ in found]) * (1 if of_either_sign else tau)
    weights /= weights.sum()
    mean = np.array([mean[9:] for _, mean, _ in found])
    deviation = np.sqrt(np.array([np.diag(seconds)[9:] for _, _, seconds in found]) - mean**2)
    reference = references[name][0]
    moments = list(reference.derived.values())
    axes = np.array([np.linspace(own.mean - 2 * own.standard_deviation, own.mean + 3 * own.standard_deviation, 101)
                     for own in moments])
    densities = reference.marginals(np.concatenate([np.tile(np.linspace(-1, 1, 101), (10, 1)), axes]))[10:]
    for school in range(8):
        given_tau = stats.norm(mean[:, school], deviation[:, school])
        expected = np.array([weights @ given_tau.pdf(point) for point in axes[1 + school]])
        np.testing.assert_allclose(densities[1 + school], expected, atol=5e-3 * expected.max())
    # Of |tau|, or of tau where the weights are those of log tau: beside the bend at 0 a point is as good as its bin.
    points = axes[0][axes[0] > axes[0][1] - axes[0][0]]
    if of_either_sign:
        expected = sum(np.interp(sign * points, tau, weights) for sign in (-1, 1)) / (tau[1] - tau[0])
    else:
        expected = np.interp(points, tau, weights) / (points * np.log(tau[1] / tau[0]))
    np.testing.assert_allclose(densities[0][-len(points):], expected, atol=0.01 * expected.max())


def moments_given_tau(name, y, sigma, tau):
    """p(y|tau), and mean and second moments of (mu, eta, theta) given tau and y: all are Gaussian, [17] and [17, 17]."""
    scale = SCALE_OF_MU[name]
    of_mu = np.concatenate([[scale**2], np.zeros(8), np.full(8, scale**2)])  # the covariance of mu with mu, eta, theta
    prior = np.zeros((17, 17))
    prior[0], prior[:, 0] = of_mu, of_mu
    prior[1:9, 1:9] = np.eye(8)
    prior[9:, 9:] = scale**2 + tau**2 * np.eye(8)
    prior[1:9, 9:] = prior[9:, 1:9] = tau * np.eye(8)
    of_y = prior[9:, 9:] + np.diag(np.square(sigma))
    gain = np.linalg.solve(of_y, prior[9:]).T
    mean = gain @ y
    return stats.multivariate_normal(np.zeros(8), of_y).pdf(y), mean, prior - gain @ prior[9:] + np.outer(mean, mean)


@BOTH
def test_eight_schools_agree_with_an_integral_over_tau_alone(name, references):
    """mu, too, is integrated out in closed form here, by conditioning a Gaussian; tau by adaptive quadrature."""
    y = GIVEN_POSTERIORS[name].observations[0].astype(np.float64)
    of_either_sign = name == "stan_eight_schools"
    prior = stats.norm(0, 1) if of_either_sign else stats.halfcauchy(0, 5)

    def integrand(u):  # of tau, or of log tau
        tau = u if of_either_sign else math.exp(u)
        density, mean, seconds = moments_given_tau(name, y, SIGMA[name], tau)
        weight = density * prior.pdf(tau) * (1 if of_either_sign else tau)
        return weight * np.concatenate([[1, u, u**2, abs(tau), tau**2], mean, np.diag(seconds), seconds[0], u * mean])

    parts = [quad_vec(integrand, *bounds, epsrel=1e-8, epsabs=1e-30)[0] for bounds in (
        [(-9, 0), (0, 9)] if of_either_sign else [(-40, 1), (1, 9)])]
    evidence, *values = np.sum(parts, axis=0)
    values = np.array(values) / evidence
    outer, tau, (mean, seconds, with_mu, with_tau) = values[:2], values[2:4], values[4:].reshape(4, 17)
    deviation = np.sqrt(seconds - mean**2)
    reference = references[name][0]
    assert reference.log_evidence == pytest.approx(math.log(evidence), abs=1e-6)
    exact_mean = np.concatenate([mean[:1], outer[:1], mean[1:9]])
    np.testing.assert_allclose(reference.mean, exact_mean, atol=1e-5)
    np.testing.assert_allclose(reference.standard_deviation, np.concatenate(
        [deviation[:1], [math.sqrt(outer[1] - outer[0]**2)], deviation[1:9]]), rtol=1e-5)
    np.testing.assert_allclose(reference.covariance[0, 2:], (with_mu - mean[0] * mean)[1:9], atol=1e-5)
    np.testing.assert_allclose(reference.covariance[1, 2:], (with_tau - outer[0] * mean)[1:9], atol=1e-5)
    moments = np.array(list(reference.derived.values()))
    # |tau| has a bend, where a grid is off by the square of its spacing.
    np.testing.assert_allclose(moments[:, 0], np.concatenate([tau[:1], mean[9:]]), rtol=5e-5)
    np.testing.assert_allclose(moments[:, 1], np.concatenate([[math.sqrt(tau[1] - tau[0]**2)], deviation[9:]]), rtol=5e-5)


# What was found before with another grid, to its last digit: log p(x); means and standard deviations.
KNOWN = {
    "stan_eight_schools": [(-12.710812, {
        "mu": (0.7764, 0.3238), "tau": (0, 0.7892), "|tau|": (0.7024, 0.3597), "theta 1": (1.602, 0.671),
        "theta 2": (0.800, 0.401), "theta 3": (0.352, 0.593), "theta 4": (0.747, 0.454), "theta 5": (0.272, 0.460),
        "theta 6": (0.437, 0.486), "theta 7": (1.387, 0.457), "theta 8": (1.068, 0.350)})],
    "eight_schools": [(-31.311347, {
        "mu": (4.397, 3.318), "tau": (3.598, 3.220), "log tau": (0.802, 1.171), "theta 1": (6.212, 5.593),
        "theta 2": (4.940, 4.674), "theta 3": (3.927, 5.263), "theta 4": (4.757, 4.780), "theta 5": (3.615, 4.657),
        "theta 6": (4.043, 4.827), "theta 7": (6.297, 5.078), "theta 8": (4.854, 5.291)})],
    "explaining_away": [
        (-1.4424, {"z1": (-0.354, 1.201), "z2": (-0.354, 1.201)}), (-2.7836, {"z1": (-0.080, 1.326)}),
        (-3.4826, {"z1": (0.136, 1.400)}), (-4.2615, {"z1": (0.441, 1.474)}), (-7.2839, {"z1": (1.407, 1.747)})],
    "logistic_regression": [(-1.894658, {"w1": (-0.0923, 0.9524), "w2": (1.5235, 1.0637)})],
    "stan_gauss": [(-22.701319, {"mu": (0.875, 0.4369), "log sigma": (0.1182, 0.2874)})],
    "banana": [(1.1527, {"a": (0.9467, 0.6315), "b": (0, 0.9452)})],
    "donut": [(1.7148, {"a": (0, 1.0013), "b": (0, 1.0013)})],
}


@EVERY
def test_known_values_are_reproduced(name, references):
    problem = GIVEN_POSTERIORS[name]
    tolerance = 6e-7 if name in ("stan_eight_schools", "eight_schools", "logistic_regression", "stan_gauss") else 6e-5
    for reference, (log_evidence, moments) in zip(references[name], KNOWN[name]):
        assert reference.log_evidence == pytest.approx(log_evidence, abs=tolerance)
        found = dict(zip(problem.coordinates, zip(reference.mean, reference.standard_deviation)), **reference.derived)
        for quantity, values in moments.items():
            np.testing.assert_allclose(found[quantity], values, atol=6e-4, err_msg=quantity)


def test_correlations_are_reproduced(references):
    correlations = [reference.covariance[0, 1] / np.prod(reference.standard_deviation[:2])
                    for name in ("explaining_away", "eight_schools", "stan_eight_schools") for reference in references[name]]
    np.testing.assert_allclose(correlations, [0.019, -0.022, -0.084, -0.210, -0.645, -0.068, 0], atol=6e-4)


def test_published_moments_of_the_eight_schools_agree(references):
    """Those of 10,000 draws: within their Monte Carlo error."""
    problem, reference = GIVEN_POSTERIORS["eight_schools"], references["eight_schools"][0]
    exact = dict(zip(problem.coordinates, zip(reference.mean, reference.standard_deviation)), **reference.derived)
    assert len(problem.published) == 11
    for quantity, published in problem.published.items():
        mean, deviation = exact[quantity]
        assert abs(published["mean"].value - mean) < 3 * deviation / 100
        if "standard_deviation" in published:
            assert published["standard_deviation"].value == pytest.approx(deviation, rel=0.03)


def halves(limit, n):
    """Nodes and weights of Gauss-Legendre quadrature on either side of 0."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    nodes, weights = (nodes + 1) * limit / 2, weights * limit / 2
    return np.concatenate([-nodes, nodes]), np.concatenate([weights, weights])


def test_explaining_away_agrees_with_gaussian_quadrature_between_its_bends(references):
    nodes, weights = halves(14.0, 120)
    means = 3 + np.add.outer(np.maximum(nodes, 0)**3, np.maximum(nodes, 0)**3)
    log_prior = np.add.outer(stats.norm(0, 2**0.5).logpdf(nodes), stats.norm(0, 2**0.5).logpdf(nodes))
    for x, reference in zip([0, 5, 8, 12, 50], references["explaining_away"]):
        joint = np.exp(stats.expon(scale=means).logpdf(x) + log_prior) * np.outer(weights, weights)
        assert reference.log_evidence == pytest.approx(math.log(joint.sum()), abs=1e-6)
        mean = joint.sum(axis=1) @ nodes / joint.sum()
        np.testing.assert_allclose(reference.mean, mean, atol=1e-5)
        np.testing.assert_allclose(reference.covariance[0], [
            joint.sum(axis=1) @ nodes**2 / joint.sum() - mean**2, nodes @ joint @ nodes / joint.sum() - mean**2], atol=1e-5)


def test_logistic_regression_agrees_with_gauss_hermite_quadrature(references):
    nodes, weights = np.polynomial.hermite_e.hermegauss(150)
    z = 2**0.5 * np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    prior = np.outer(weights, weights).ravel() / weights.sum()**2
    logits = z @ np.array([[1.5, 1], [-1.5, 1], [0.5, -1]]).T
    joint = prior * np.prod(expit(logits * [1, 1, -1]), axis=1)
    reference = references["logistic_regression"][0]
    assert reference.log_evidence == pytest.approx(math.log(joint.sum()), abs=1e-6)
    np.testing.assert_allclose(reference.mean, joint @ z / joint.sum(), atol=1e-5)
    np.testing.assert_allclose(reference.covariance, np.cov(z.T, aweights=joint, ddof=0), atol=1e-5)


def test_stan_gauss_agrees_with_mu_integrated_in_closed_form(references):
    """Given sigma, y's mean is N(0, 100^2 + sigma^2 / 8), and mu Gaussian; what is left is one integral over log sigma."""
    y, reference = GIVEN_POSTERIORS["stan_gauss"].observations[0].astype(np.float64), references["stan_gauss"][0]

    def terms(log_sigma):
        of_mean = math.exp(2 * log_sigma) / 8
        log_joint = (stats.norm(0, 100).logpdf(log_sigma) + stats.norm(0, math.sqrt(1e4 + of_mean)).logpdf(y.mean())
                     - 7 * log_sigma - 3.5 * math.log(2 * math.pi) - math.log(8) / 2 - y.var() / 2 / of_mean)
        mu, variance = y.mean() * 1e4 / (1e4 + of_mean), of_mean * 1e4 / (1e4 + of_mean)
        return np.exp(log_joint) * np.array([1, mu, log_sigma, mu**2 + variance, log_sigma**2])

    evidence, *moments = quad_vec(terms, -4, 8, epsabs=0, epsrel=1e-10)[0]
    mean, second = np.array(moments).reshape(2, 2) / evidence
    assert reference.log_evidence == pytest.approx(math.log(evidence), abs=1e-6)
    np.testing.assert_allclose(reference.mean, mean, atol=1e-5)
    np.testing.assert_allclose(reference.standard_deviation, np.sqrt(second - mean**2), rtol=1e-4)


def test_a_density_of_ones_own_has_derived_quantities():
    """An exponential of a normal number."""
    reference = reference_from_density(
        lambda z: stats.norm(0.3, 0.5).logpdf(z[:, 0]) - 4, 1,
        {"exp": lambda z: np.exp(z[:, 0]), "cos": lambda z: np.cos(z[:, 0])})
    assert reference.log_evidence == pytest.approx(-4, abs=1e-7)
    exact = stats.lognorm(0.5, scale=math.exp(0.3))
    assert reference.derived["exp"] == pytest.approx((exact.mean(), exact.std()))
    assert reference.derived["cos"].mean == pytest.approx(math.cos(0.3) * math.exp(-0.125))
    assert reference.log_density(np.array([[0.3]]))[0] == pytest.approx(-math.log(0.5 * math.sqrt(2 * math.pi)))


@pytest.mark.slow
@BOTH
def test_eight_schools_agree_with_a_random_walk(name, references):
    """Metropolis in all ten dimensions, with the density written out here."""
    random_state = np.random.RandomState(0)
    y, sigma = GIVEN_POSTERIORS[name].observations[0].astype(np.float64), np.array(SIGMA[name], np.float64)
    scale = SCALE_OF_MU[name]

    def log_density(z):
        tau = z[:, 1] if name == "stan_eight_schools" else np.exp(z[:, 1])
        of_tau = -tau**2 / 2 if name == "stan_eight_schools" else z[:, 1] - np.log1p((tau / 5)**2)
        residuals = (y - z[:, :1] - tau[:, np.newaxis] * z[:, 2:]) / sigma
        return of_tau - (z[:, 0] / scale)**2 / 2 - (z[:, 2:]**2).sum(axis=1) / 2 - (residuals**2).sum(axis=1) / 2

    n, n_steps = 2000, 12000
    reference = references[name][0]
    step = np.concatenate([[0.4 * reference.standard_deviation[0]], [0.4], np.full(8, 0.4)])
    z = random_state.standard_normal((n, 10))
    current, sums = log_density(z), []
    for index in range(n_steps):
        proposal = z + step * random_state.standard_normal((n, 10)) * random_state.choice([0.3, 1, 3])
        proposed = log_density(proposal)
        accepted = np.log(random_state.random_sample(n)) < proposed - current
        z[accepted], current[accepted] = proposal[accepted], proposed[accepted]
        if index >= n_steps // 3:
            sums.append(np.concatenate([z, z**2], axis=1))
    of_chains = np.mean(sums, axis=0)
    mean, error = of_chains.mean(axis=0), of_chains.std(axis=0) / math.sqrt(n)
    exact = np.concatenate([reference.mean, reference.mean**2 + reference.standard_deviation**2])
    assert (error < 0.05 * np.concatenate([reference.standard_deviation, exact[10:]])).all()
    assert (np.abs(mean - exact) < 4 * error).all()


def test_a_mixture_of_two_modes_is_drawn_in_proportion():
    def log_joint(z):
        return logsumexp([stats.norm(-8, 0.5).logpdf(z[:, 0]) + math.log(0.2),
                          stats.norm(6, 2).logpdf(z[:, 0]) + math.log(0.8)], axis=0)

    draws = reference_from_density(log_joint, 1).draws(100000, np.random.RandomState(0))
    assert np.mean(draws < -3) == pytest.approx(0.2, abs=0.005)
    assert posterior_grid(log_joint, 1).log_integral == pytest.approx(0, abs=1e-7)
