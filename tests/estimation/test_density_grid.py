"""Grids of densities whose integral, moments and marginals are known in closed form."""

import math

import marginals
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import dblquad
from scipy.special import erf, logsumexp

from avb_tf1.estimation import density_grid as module
from avb_tf1.estimation.density_grid import PosteriorGridError, posterior_grid

CORRELATED = stats.multivariate_normal([3, -2], [[1, 0.9], [0.9, 1]])
SHARP = stats.multivariate_normal([37.3, -412.7], np.diag([1e-3, 2e-2])**2)
BROAD = stats.multivariate_normal([-20, 5], np.eye(2) / 4)
FLAT = stats.multivariate_normal([30, -8], np.diag([4, 0.1]))


def log_donut(z):
    return -((z.astype(np.float64)**2).sum(axis=1) - 2)**2


def log_mixture(z):
    return logsumexp([BROAD.logpdf(z) + math.log(0.25), FLAT.logpdf(z) + math.log(0.75)], axis=0)


def log_banana(z):
    a, b = z.T.astype(np.float64)
    return -(a - 1)**2 - (b**2 - a)**2


@pytest.mark.parametrize("log_density, dim, log_integral, mean, deviation", [
    (lambda z: stats.norm(5, 0.3).logpdf(z[:, 0]) + 2, 1, 2, [5], [0.3]),
    (lambda z: stats.logistic(-7).logpdf(z[:, 0]), 1, 0, [-7], [math.pi / 3**0.5]),
    (CORRELATED.logpdf, 2, 0, [3, -2], [1, 1]),
    (stats.multivariate_normal([0, 0], [[1, 0.999], [0.999, 1]]).logpdf, 2, 0, [0, 0], [1, 1]),
    (SHARP.logpdf, 2, 0, [37.3, -412.7], [1e-3, 2e-2]),
    (stats.multivariate_normal([0, 0], np.diag([1e4, 1e-4])).logpdf, 2, 0, [0, 0], [100, 0.01]),
    # Far from each other, of unequal widths and shares.
    (log_mixture, 2, 0, [17.5, -4.75], [math.sqrt(0.0625 + 3 + 1875 / 4), math.sqrt(0.0625 + 0.075 + 169 * 0.1875)]),
    # With s = a**2 + b**2 the integral is pi times that of exp(-(s - 2)**2) over s > 0.
    (log_donut, 2, math.log(math.pi**1.5 / 2 * (1 + erf(2))), [0, 0],
     [math.sqrt(1 + math.exp(-4) / (2 * math.pi**0.5 * (1 + erf(2))))] * 2),
], ids=["normal", "logistic", "correlated", "highly correlated", "sharp", "long", "mixture", "donut"])
def test_integral_and_moments_are_exact(log_density, dim, log_integral, mean, deviation):
    grid = posterior_grid(log_density, dim)
    assert grid.log_integral == pytest.approx(log_integral, abs=1e-7)
    points, masses = grid.points
    found = masses @ points
    deviation = np.array(deviation)
    np.testing.assert_allclose((found - mean) / deviation, 0, atol=1e-7)
    np.testing.assert_allclose(np.sqrt(masses @ (points - found)**2) / deviation, 1, atol=1e-7)


def test_the_banana_agrees_with_adaptive_quadrature():
    def density(b, a):
        return math.exp(-(a - 1)**2 - (b**2 - a)**2)

    exact = 2 * dblquad(density, -7, 9, 0, 4, epsabs=1e-9, epsrel=1e-9)[0]
    assert posterior_grid(log_banana, 2).log_integral == pytest.approx(math.log(exact), abs=1e-8)


def test_rounding_to_float32_does_not_matter():
    exact, rounded = (posterior_grid(log_density, 2) for log_density in (
        CORRELATED.logpdf, lambda z: CORRELATED.logpdf(z).astype(np.float32)))
    assert rounded.log_integral == pytest.approx(exact.log_integral, abs=1e-7)


def test_points_are_float32_numbers():
    asked = []

    def log_density(z):
        asked.append(z)
        return SHARP.logpdf(z)

    grid = posterior_grid(log_density, 2)
    assert all(z.dtype == np.float32 for z in asked)
    for axis in grid.axes:
        np.testing.assert_array_equal(axis.astype(np.float32).astype(np.float64), axis)


def test_a_bend_takes_a_finer_grid():
    grid = posterior_grid(lambda z: -np.abs(z[:, 0].astype(np.float64) - 0.3) - math.log(2), 1)
    assert grid.spacing[0] < 2.0**-8
    assert grid.log_integral == pytest.approx(0, abs=1e-6)


def log_with_a_splinter(z):
    """A tenth of the density is a narrow peak, far from the rest."""
    return logsumexp([stats.norm.logpdf(z[:, 0]) + math.log(0.9), stats.norm(12.05, 0.02).logpdf(z[:, 0]) + math.log(0.1)],
                     axis=0)


@pytest.mark.parametrize("log_density, dim, message", [
    (log_with_a_splinter, 1, "too sharp, too wide or too rough"),
    (lambda z: np.where(np.abs(z - 0.01).max(axis=1) < 0.7, 0, -np.inf), 2, "too sharp, too wide or too rough"),
    (lambda z: -np.abs(z.astype(np.float64) - 0.3).sum(axis=1), 2, "too sharp, too wide or too rough"),
    (lambda z: -np.log1p(z[:, 0].astype(np.float64)**2), 1, "does not end"),
    (lambda z: np.zeros(len(z)), 2, "does not end"),
    (lambda z: z[:, 0], 2, "still rises"),
    (lambda z: np.where(z[:, 0] > 3, np.nan, -z[:, 0]**2), 1, "not finite at"),
    (lambda z: np.where(z[:, 0] > 3, np.inf, -z[:, 0]**2), 1, "not finite at"),
    (lambda z: np.full(len(z), -np.inf), 2, "is 0 wherever"),
], ids=["splinter", "edge", "Laplace", "Cauchy", "constant", "slope", "NaN", "infinite", "nowhere"])
def test_what_no_grid_gives_is_refused(monkeypatch, log_density, dim, message):
    monkeypatch.setattr(module, "_MAX_POINTS", 2**20)
    monkeypatch.setattr(module, "_PREFERRED_POINTS", 2**19)
    with pytest.raises(PosteriorGridError, match=message):
        posterior_grid(log_density, dim)


def test_three_dimensions_are_refused():
    with pytest.raises(ValueError, match="not 3"):
        posterior_grid(lambda z: np.zeros(len(z)), 3)


def test_marginals_have_the_exact_cdf():
    grid = posterior_grid(log_mixture, 2)
    values = np.linspace(-50, 50, 4001)
    for coordinate in range(2):
        marginal = marginals.marginal(grid, coordinate)
        exact = 0.25 * stats.norm(BROAD.mean[coordinate], BROAD.cov[coordinate, coordinate]**0.5).cdf(values) \
            + 0.75 * stats.norm(FLAT.mean[coordinate], FLAT.cov[coordinate, coordinate]**0.5).cdf(values)
        # The variance is larger by spacing**2 / 6 within each of the two.
        np.testing.assert_allclose(marginal.cdf(values), exact, atol=2e-4)
        p = np.concatenate([[1e-9, 1e-4], np.linspace(0.001, 0.999, 501), [1 - 1e-9]])
        np.testing.assert_allclose(marginal.cdf(marginal.quantile(p)), p, atol=1e-12)
        assert (np.diff(marginal.quantile(p)) > 0).all()


def test_a_marginal_is_linear_between_its_points():
    """A density of 0, 1, 0 at -1, 0, 1: a tent."""
    tent = marginals.Marginal(np.array([-1.0, 0, 1]), np.array([0.0, 1, 0]))
    np.testing.assert_allclose(tent.cdf([-2, -1, -0.5, 0, 0.5, 1, 2]), [0, 0, 0.125, 0.5, 0.875, 1, 1])
    np.testing.assert_allclose(tent.quantile([0.125, 0.5, 0.875]), [-0.5, 0, 0.5])


@pytest.mark.parametrize("is_in, share", [
    (lambda z: z[:, 0] > 3.3, stats.norm.sf(0.3)), (lambda z: z.sum(axis=1) > 1.5, stats.norm.sf(0.5 / math.sqrt(3.8))),
    (lambda z: ((z - [3, -2])**2).sum(axis=1) < 1, None), (lambda z: np.ones(len(z), bool), 1),
    (lambda z: np.zeros(len(z), bool), 0)], ids=["half", "oblique", "disc", "all", "none"])
def test_a_part_has_its_share(is_in, share):
    if share is None:  # a ring of radius r has the mean of exp over the angle
        angle, radii = (np.arange(4000) + 0.5) / 4000 * 2 * math.pi, (np.arange(400) + 0.5) / 400
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        share = np.mean([CORRELATED.pdf([3, -2] + r * circle).mean() * 2 * math.pi * r for r in radii])
    assert posterior_grid(CORRELATED.logpdf, 2).share(is_in) == pytest.approx(share, abs=1e-4)


def test_a_part_of_a_line_has_its_share():
    grid = posterior_grid(lambda z: stats.norm(5, 0.3).logpdf(z[:, 0]), 1)
    assert grid.share(lambda z: np.abs(z[:, 0] - 5.1) < 0.123) == pytest.approx(
        stats.norm(5, 0.3).cdf(5.223) - stats.norm(5, 0.3).cdf(4.977), abs=1e-4)


def test_draws_follow_a_correlated_normal():
    grid = posterior_grid(CORRELATED.logpdf, 2)
    draws = grid.draws(200000, np.random.RandomState(0))
    whitened = np.linalg.solve(np.linalg.cholesky(CORRELATED.cov), (draws - CORRELATED.mean).T)
    for values in whitened:  # a draw that sat on the grid's points would be seen here
        assert stats.kstest(values, stats.norm.cdf).pvalue > 0.01
    assert stats.kstest((whitened**2).sum(axis=0), stats.chi2(2).cdf).pvalue > 0.01
    np.testing.assert_array_equal(draws, grid.draws(200000, np.random.RandomState(0)))
    assert len(np.unique(draws[:, 0])) == 200000


def test_draws_follow_the_donut():
    draws = posterior_grid(log_donut, 2).draws(200000, np.random.RandomState(1))
    squares = (draws**2).sum(axis=1)
    assert stats.kstest(squares, stats.truncnorm(-2 * 2**0.5, np.inf, 2, 0.5**0.5).cdf).pvalue > 0.01
    angles = np.arctan2(*draws.T)
    assert stats.kstest(angles, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 0.01


def test_the_variance_of_draws_is_larger_by_what_is_said():
    """On a coarse grid: two points to a standard deviation."""
    grid = module._grid(lambda z: stats.norm.logpdf(z[..., 0]), np.array([-8.0]), np.array([8.0]), np.array([0.5]), 0.0)
    draws = grid.draws(400000, np.random.RandomState(0))
    assert draws.var() == pytest.approx(1 + 0.25 / 6, abs=0.01)
    marginal = marginals.marginal(grid, 0)
    p = (np.arange(200000) + 0.5) / 200000
    assert marginal.quantile(p).var() == pytest.approx(1 + 0.25 / 6, abs=1e-4)


def test_a_thinned_grid_has_the_same_moments():
    grid = posterior_grid(CORRELATED.logpdf, 2)
    thinned = marginals.thinned(grid, 2000)
    points, masses = thinned.points
    assert 2000 <= len(points) < 8000 < len(grid.points[0])
    np.testing.assert_allclose(masses @ points, CORRELATED.mean, atol=1e-6)
    np.testing.assert_allclose(np.cov(points.T, aweights=masses, ddof=0), CORRELATED.cov, atol=1e-5)
    # Fewer points than are enough are refused.
    assert len(marginals.thinned(grid, 1).points[0]) > 100


def test_far_from_the_mass_a_density_may_be_no_number():
    """Where a scale underflows, say; within its reach it is refused, and infinity everywhere."""
    def log_density(z, end, value=np.nan):
        z = z.astype(np.float64)
        return np.where(z[:, 1] < end, value, stats.multivariate_normal([2, 1], [[1, 0.5], [0.5, 2]]).logpdf(z))

    assert posterior_grid(lambda z: log_density(z, -100), 2).log_integral == pytest.approx(0, abs=1e-7)
    for end, value in ((-5, np.nan), (-100, np.inf)):
        with pytest.raises(PosteriorGridError, match="is not finite at .*: it must be a number there, or -inf"):
            posterior_grid(lambda z, own=(end, value): log_density(z, *own), 2)
