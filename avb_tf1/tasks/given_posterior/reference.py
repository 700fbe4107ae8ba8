"""What is exactly true of a given posterior: evidence, moments, independent draws. All by quadrature, in nats.

A posterior of one or two parameters is taken from its grid. One of more must say what can be integrated out in closed form (its
GaussianEffects): then the rest has a grid, at each point of which the others are Gaussians. Where neither can be, the problem
may bring exact draws, which tell all but the evidence.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Callable, Dict, NamedTuple, Optional

import numpy as np

from avb_tf1.estimation import marginals
from avb_tf1.estimation.density_grid import PosteriorGridError, posterior_grid
from avb_tf1.ground import progress
from avb_tf1.ground.errors import InputError
from avb_tf1.ground.tensorflow import open_session, tf

_N_DRAWS = 100000             # that moments are taken from, where there is nothing else
_MOST = 1e5                   # nats, the highest log-density, or minus that: of more the rounding tells in the moments
_MAX_SEED = 2**31 - 1


class Moments(NamedTuple):
    """Mean and standard deviation of a quantity, floats."""

    mean: float
    standard_deviation: float


@dataclass(frozen=True)
class PosteriorReference:
    """The exact posterior of one observation, in z's dim coordinates.

    Attributes:
        log_evidence: float, log p(x), nats; off by less than density_grid.TOLERANCE or, where |log p(x, z)| is large, by some
            2e-9 of that: a density that the problem's own TensorFlow functions give is rounded to float32. None, as
            log_density, where there are but draws; mean, covariance and derived are then those of 100000 of them.
        mean: float64 [dim]; covariance: float64 [dim, dim].
        derived: the problem's further quantities by their names, each with its Moments: a share of 5e-5 may be wrong of a
            function with a bend, as |tau|, and less of others.
        log_density: z [n, dim] -> log p(z|x), float64 [n], anywhere; z is rounded to float32 where the problem's own TensorFlow
            functions give the density.
        draws: (n, numpy RandomState) -> independent draws of p(z|x), float64 [n, dim]. In coordinates that have a grid their
            variance is larger than the exact one, which stands here, by a sixth of the square of its spacing.
        share: a function z [n, dim] -> bool [n] -> the probability of that part of the space, a float, by the grid; None where
            not all coordinates have one.
        marginals: points [k, m], ascending at equal distances -> the density there of each coordinate and then of each derived
            quantity, float64 [k, m], off by less than .5 % of the highest (estimation.marginals); None where there are but
            draws.
        uniforms: z float64 [n, 2] -> its Rosenblatt transform, as of density_grid.Grid.uniforms; None where not all of two
            coordinates have a grid.
    """

    log_evidence: Optional[float]
    mean: np.ndarray
    covariance: np.ndarray
    derived: Dict[str, Moments]
    log_density: Optional[Callable]
    draws: Callable
    share: Optional[Callable] = None
    marginals: Optional[Callable] = None
    uniforms: Optional[Callable] = None

    @property
    def standard_deviation(self):
        """Of each coordinate, float64 [dim]."""
        return np.sqrt(np.diag(self.covariance))


def references_if_known(problem):
    """Return the PosteriorReferences of a GivenPosterior, one for each of its observations, and "".

    Where they can't be had, None and why, a text for a reader: a training is not lost because of it.
    """
    try:
        return exact_references(problem), ""
    except (InputError, PosteriorGridError) as error:  # InputError: from a function of the user's file
        return None, str(error)


def exact_references(problem):
    """Return the PosteriorReferences of a problem, one for each of its observations, in their order.

    Args:
        problem: problems.given_posterior.problem.GivenPosterior.

    Raises:
        density_grid.PosteriorGridError: there can be no grid, or it can't give one to its tolerance, and there are no draws.
        python_file.ModelError: the problem is a user's file, whose functions fail.
    """
    try:
        return _by_quadrature(problem)
    except PosteriorGridError:
        if problem.exact_draws is None:
            raise
    return tuple(_from_draws(problem, label) for label in range(problem.n_x))


def _by_quadrature(problem):
    n_left = problem.effects.n_outer if problem.effects else problem.dim
    if n_left > 2:
        raise PosteriorGridError("a grid has 1 or 2 dimensions, not %d, and there are no exact draws" % n_left)
    if problem.effects:
        return tuple(_with_effects(problem, x) for x in _observations(problem))
    log_joint = array_log_joint(problem)
    return tuple(reference_from_density(partial(log_joint, x), problem.dim, problem.derived)
                 for x in _observations(problem))


def _observations(problem):
    return progress.through(problem.observations, "x, exact posteriors")


def array_log_joint(problem):
    """Return the problem's log p(x, z) as a function (x [d_x], z [n, dim]) -> float64 [n], nats, by its TensorFlow functions.

    It reckons in float32, in a graph and a session of its own, on one thread.
    """
    graph = tf.Graph()
    with graph.as_default():
        x = tf.placeholder(tf.float32, [problem.observations.shape[1]])
        z = tf.placeholder(tf.float32, [None, problem.dim])
        log_joint = problem.log_joint(tf.tile(x[tf.newaxis], [tf.shape(z)[0], 1]), z)
    graph.finalize()
    session = open_session(graph, intra_op_threads=1, inter_op_threads=1)
    run = session.make_callable(log_joint, [x, z])

    def log_joint_of(x, z):
        try:
            return run(np.asarray(x, np.float32), np.asarray(z, np.float32)).astype(np.float64)
        except tf.errors.InvalidArgumentError as error:  # e.g. of a matrix that has no Cholesky factor at some z
            raise PosteriorGridError("the density can't be computed everywhere: %s" % str(error).splitlines()[0])

    return log_joint_of


def joint_draws(problem, n, seed):
    """Return n draws of a problem's joint density, z float32 [n, dim] and x float32 [n, d_x]; seed: int."""
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(seed)
        z = problem.sample_prior(n, 1, "z")
        x = problem.sample_likelihood(z, 2, "x")
    graph.finalize()
    with open_session(graph, intra_op_threads=1, inter_op_threads=1) as session:
        return session.run((z, x))


def reference_from_density(log_joint, dim, derived=None):
    """Return the PosteriorReference of a density of one or two parameters, by posterior_grid.

    Args:
        log_joint: function z float32 [n, dim] -> log p(x, z) [n], nats.
        dim: int, 1 or 2.
        derived: name -> function of z float64 [n, dim] -> float64 [n].

    Raises:
        density_grid.PosteriorGridError: as of posterior_grid.
    """
    grid = posterior_grid(log_joint, dim)
    points, masses = grid.points
    highest = grid.log_integral + math.log(grid.masses.max() / np.prod(grid.spacing))
    if abs(highest) > _MOST:
        raise PosteriorGridError("the log-density is %.3g where it is highest, of which float32 has but 7 digits: take what "
                                 "doesn't depend on z from it, or let the observations have another unit" % highest)
    mean = _average(masses, points)
    covariance = _covariance(masses, points - mean)
    moments = {name: _moments(masses, function(points), 0.0) for name, function in (derived or {}).items()}

    def log_density(z):
        return np.asarray(log_joint(np.asarray(z, np.float32)), np.float64) - grid.log_integral

    def densities(axes):
        of_coordinates = [marginals.of_coordinate(grid, k, axes[k]) for k in range(dim)]
        return np.stack(of_coordinates + [marginals.of_function(grid, function, axis)
                                          for function, axis in zip((derived or {}).values(), axes[dim:])])

    return PosteriorReference(
        log_evidence=grid.log_integral, mean=mean, covariance=covariance, derived=moments, log_density=log_density,
        draws=grid.draws, share=grid.share, marginals=densities, uniforms=grid.uniforms if dim == 2 else None)


def _from_draws(problem, label):
    """The PosteriorReference of an x, by its number, from the problem's exact draws."""
    def draws(n, random_state):
        return problem.exact_draws(label, n, random_state.randint(_MAX_SEED))

    z = draws(_N_DRAWS, np.random.RandomState(0))
    derived = {name: function(z) for name, function in problem.derived.items()}
    return PosteriorReference(
        log_evidence=None, mean=z.mean(axis=0), covariance=np.cov(z, rowvar=False, bias=True).reshape(2 * (problem.dim,)),
        derived={name: Moments(float(values.mean()), float(values.std())) for name, values in derived.items()},
        log_density=None, draws=draws)


def _with_effects(problem, x):
    """The PosteriorReference of one x, [d_x], of a problem with GaussianEffects."""
    effects, x = problem.effects, x.astype(np.float64)
    n_outer = effects.n_outer
    grid = posterior_grid(lambda u: effects.log_joint(x, u.astype(np.float64)), n_outer)
    points, masses = grid.points
    inner_mean, inner_deviation = effects.conditional(x, points)
    conditional_mean = np.concatenate([points, inner_mean], axis=1)
    mean = _average(masses, conditional_mean)
    covariance = _covariance(masses, conditional_mean - mean)
    inner = np.arange(n_outer, problem.dim)
    covariance[inner, inner] += _average(masses, inner_deviation**2)
    derived_mean, derived_variance = (values.T for values in effects.derived(x, points))
    derived = {name: _moments(masses, *columns) for name, *columns in zip(problem.derived, derived_mean, derived_variance)}
    of_u = [problem.dim + k for k, variance in enumerate(derived_variance) if not variance.any()]

    def log_density(z):
        z = np.asarray(z, np.float64)
        u, others = z[:, :n_outer], z[:, n_outer:]
        mean, deviation = effects.conditional(x, u)
        of_others = -0.5 * ((others - mean) / deviation)**2 - np.log(deviation) - 0.5 * np.log(2 * np.pi)
        return effects.log_joint(x, u) - grid.log_integral + of_others.sum(axis=1)

    def draws(n, random_state):
        u = grid.draws(n, random_state)
        mean, deviation = effects.conditional(x, u)
        return np.concatenate([u, mean + deviation * random_state.standard_normal(mean.shape)], axis=1)

    def moments_of(k, u):
        """Mean and standard deviation of the quantity k, which isn't u's, given u."""
        if k < problem.dim:
            return [values[:, k - n_outer] for values in effects.conditional(x, u)]
        mean, variance = effects.derived(x, u)
        return mean[:, k - problem.dim], np.sqrt(variance[:, k - problem.dim])

    def density(k, axis):
        if k < n_outer:
            return marginals.of_coordinate(grid, k, axis)
        if k in of_u:
            return marginals.of_function(grid, lambda u: moments_of(k, u)[0], axis)
        return marginals.of_gaussians(grid, partial(moments_of, k), axis)

    return PosteriorReference(
        log_evidence=grid.log_integral, mean=mean, covariance=covariance, derived=derived, log_density=log_density,
        draws=draws, marginals=lambda axes: np.stack([density(k, axis) for k, axis in enumerate(axes)]))


def _average(masses, values):
    """The mean of values [n, ...] over points with masses [n]."""
    return np.einsum("n,n...->...", masses, values)


def _covariance(masses, columns):
    """That of columns, [n, d] each with the mean 0, over points with masses [n]; float64 [d, d]."""
    return np.einsum("ni,nj->ij", masses[:, np.newaxis] * columns, columns)


def _moments(masses, mean, variance):
    """The Moments of a quantity with the mean [n] and the variance [n], or 0, at each of the points with masses [n]."""
    of_all = _average(masses, mean)
    return Moments(float(of_all), float(np.sqrt(_average(masses, variance + (mean - of_all)**2))))
