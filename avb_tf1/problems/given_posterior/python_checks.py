"""Whether a GivenPosterior of a user's file can be trained: its functions are looked at where samples of its prior are."""

import contextlib

import numpy as np

from avb_tf1.problems.given_posterior.python_file import ModelError, told

N_SAMPLES = 1024              # of the prior
_PRIOR = "the prior's log_prob"
UNCONSTRAINED = (
    "coordinates must be unconstrained. Take the logarithm of what is positive, the logit of what lies between bounds, with "
    "the log Jacobian in its density: tfd.TransformedDistribution(prior, tfb.Invert(tfb.Exp())) has it")
_FAR = 100                    # spreads of the prior's samples, at which its density must be lower than among them ...
_LOWER = 3.0                  # ... by so many nats
_EDGE = 12.0                  # nats below the highest density, where one may end, as numbers do ...
_BESIDE, _N_HALVINGS = 0.05, 40  # ... and how far before its end it is looked at, in spreads; how that is found
_OUTSIDE = 0.05               # of the prior's mass, that may lie beyond the outermost of its samples
_NORMALISED = 1e-3            # nats, by which the logarithm of its integral may differ from 0
_SAMPLED = 1e-5               # the least p-value of Kolmogorov and Smirnov's test of the prior's samples
_SAME = 1e-4                  # of a value and of 1, by which it may differ among other rows
N_DRAWS = 16                  # of the exact posterior, if the file gives some
LARGEST = 1e30                # what a derived quantity counts as where it is larger or undefined, so that it can be drawn


def require_usable(problem, path):
    """Raise ModelError, naming the file `path`, unless the problem's functions give what they should.

    The densities must be float32 tensors of a number for each row, which depends on that row alone and is the same each time,
    in another graph too. The prior's is finite wherever it has mass, where its samples are and nowhere else; with one or two
    dimensions and no heavy tails, which have no grid, it integrates to 1 and is that of its samples. The likelihood's is finite
    or -inf but not everywhere; both have gradients. Derived quantities are finite, exact draws of the right shape.
    """
    from avb_tf1.ground.tensorflow import open_session  # here, as given_posterior's docstring says
    # Two graphs: what is drawn, or counted, while one is built is another number in the other.
    first, second = (_Densities(problem, path) for _ in range(2))
    with open_session(first.graph, 1, 1) as session, open_session(second.graph, 1, 1) as other, \
            told(path, "at samples of the prior"):
        samples = session.run(first.sample)
        _require_finite(samples, samples, "a sample of the prior", path)
        for label, name in enumerate(problem.observation_names):
            x = np.repeat(problem.observations[[label]], N_SAMPLES, axis=0)
            of_x, values = "" if problem.n_x == 1 else " for %s" % name, first.values(session, x, samples)
            _require_density(values, lambda x=x: first.slopes(session, x, samples), samples, of_x, path)
            again, of_rows = second.values(other, x, samples), first.values(session, x[_ROWS], samples[_ROWS])
            for what in values:
                _require_same(values[what], again[what], of_rows[what], what + of_x, path)
        _require_unconstrained(lambda z: session.run(first.values_of[_PRIOR], {first.z: z}), samples, path)
    for what, functions in (("derived", problem.derived), ("modes", problem.modes)):
        for name, function in functions.items():
            what_it_is, z_values = "%s %r" % (what, name), samples.astype(np.float64)
            values = function(z_values)
            _require_same(values, function(z_values), function(z_values[_ROWS]), what_it_is, path)
            if what == "derived":
                _require_finite(np.where(np.abs(values) < LARGEST, values, np.nan), samples, what_it_is, path)
    if problem.exact_draws is not None:
        for label in range(problem.n_x):
            problem.exact_draws(label, N_DRAWS, 0)


class _Densities:
    """The problem's functions in a graph of their own: samples of the prior, its log_prob and log_likelihood, their slopes."""

    def __init__(self, problem, path):
        from avb_tf1.ground.tensorflow import tf  # here, as given_posterior's docstring says
        with tf.Graph().as_default() as self.graph:
            self.sample = problem.sample_prior(N_SAMPLES, 0, "z_prior")
            self._x, self.z = (tf.placeholder(tf.float32, [None, dim]) for dim in (problem.observations.shape[1], problem.dim))
            self.values_of = {_PRIOR: problem.log_prior(self.z), "log_likelihood": problem.log_likelihood(self._x, self.z)}
            self._gradient = _gradient(self.values_of, self.z, path)
            for variable in tf.global_variables():
                raise ModelError("%s: it makes a tf.Variable (%s): all but z must be known" % (path, variable.op.name))
        self.graph.finalize()

    def values(self, session, x, z):
        return session.run(self.values_of, {self._x: x, self.z: z})

    def slopes(self, session, x, z):
        return session.run(self._gradient, {self._x: x, self.z: z})


# Half of the rows, in another order.
_ROWS = np.random.RandomState(0).permutation(N_SAMPLES)[:N_SAMPLES // 2]


def _require_same(values, again, of_rows, what, path):
    """Raise ModelError unless values [N_SAMPLES] came again, and come of the rows _ROWS alone, but for rounding."""
    def differ(first, second):
        with np.errstate(invalid="ignore"):  # infinite values are equal or not
            near = np.abs(first - second) <= _SAME * (1 + np.abs(second))
        return not (near | (first == second)).all()

    values, again, of_rows = (np.asarray(found, np.float64) for found in (values, again, of_rows))
    if differ(values, again):
        raise ModelError("%s: %s gives other values for the same z each time: it must draw and count nothing" % (path, what))
    if differ(values[_ROWS], of_rows):
        raise ModelError("%s: %s gives another value for a row of z among other rows: each must depend on its own row alone" % (
            path, what))


def _require_unconstrained(log_prior, samples, path):
    """Raise ModelError unless the prior's log_prob, a function of arrays, is of a density without bounds, normalised.

    What an encoder gives has no bounds; and TensorFlow Probability's log_prob may be finite, and wrong, outside of a support.
    So samples are mirrored at the outermost one of each coordinate: beyond it the density must have next to no mass.
    """
    from scipy.stats import kstest  # here: a config is read without scipy

    from avb_tf1.estimation.density_grid import PosteriorGridError, posterior_grid

    def refuse(text, *values):
        raise ModelError("%s: the prior %s: %s" % (path, text % values, UNCONSTRAINED))

    of_samples = log_prior(samples)
    low, high = np.quantile(samples, [0.16, 0.84], axis=0)
    spreads = np.maximum((high - low) / 2, 1e-6 * np.maximum(1, np.abs(high)))
    for k in range(samples.shape[1]):
        for side, outermost in ((-1, samples[:, k].min()), (1, samples[:, k].max())):
            far, mirrored = samples.copy(), samples.copy()
            far[:, k] += side * _FAR * spreads[k]
            mirrored[:, k] = 2 * outermost - samples[:, k]
            of_far, of_mirrored = log_prior(far), log_prior(mirrored)
            edge = _edge(log_prior, samples, mirrored, of_mirrored, side * _BESIDE * spreads[k], k, of_samples.max() - _EDGE)
            if edge is not None:
                refuse("is 0 or undefined from about z = %s on, by bounds or as float32 can't hold it", _text_of(edge))
            # Of each ratio 1 at most: that is less than the mass, and a few samples with next to no density make no noise.
            ratios = np.exp(np.minimum(of_mirrored.astype(np.float64) - of_samples, 0))
            outside = np.where(np.isfinite(of_mirrored), ratios, 0).mean()
            of_far = of_far[np.isfinite(of_far)]  # float32 may overflow so far out
            is_high = len(of_far) > 0 and np.median(of_far) > np.median(of_samples) - _LOWER
            if is_high or outside > _OUTSIDE:
                refuse("has no sample with coordinate %d %s %g, where by its log_prob it has mass", k + 1,
                       "below" if side < 0 else "above", outermost)
    if samples.shape[1] <= 2:
        with contextlib.suppress(PosteriorGridError):  # of heavy tails there is no grid
            grid = posterior_grid(log_prior, samples.shape[1])
            if abs(grid.log_integral) > _NORMALISED:
                raise ModelError("%s: the prior's density integrates to %.4g instead of 1" % (path, np.exp(grid.log_integral)))
            for k in range(samples.shape[1]):
                if kstest(samples[:, k], grid.marginal_cdf(k)).pvalue < _SAMPLED:
                    raise ModelError("%s: the samples of the prior's coordinate %d are not distributed by its log_prob" % (
                        path, k + 1))


def _edge(log_prior, samples, beyond, of_beyond, step, k, lowest):
    """Where a density ends that is not low there, [dim], or None.

    Args:
        log_prior: function of arrays.
        samples, beyond: [n, dim], pairs of points that differ in coordinate k; the density is finite at the former.
        of_beyond: log_prior(beyond), [n].
        step: float; the density is looked at so far before the last point that has one.
        lowest: float, what log_prior has there at most where it ends by rounding alone.
    """
    ends = ~np.isfinite(of_beyond)
    inside, outside = samples[ends, k].astype(np.float64), beyond[ends, k].astype(np.float64)

    def at(values):
        z = samples[ends].copy()
        z[:, k] = values
        return z, log_prior(z)

    for _ in range(_N_HALVINGS):
        middle = (inside + outside) / 2
        has_density = np.isfinite(at(middle)[1])
        inside, outside = np.where(has_density, middle, inside), np.where(has_density, outside, middle)
    z, values = at(inside - step)
    is_high = values > lowest
    return z[is_high][0] if is_high.any() else None


def _gradient(densities, z, path):
    """The tensor of the gradient of the densities' sum with respect to z, [n, dim]."""
    from avb_tf1.ground.tensorflow import tf  # here, as given_posterior's docstring says
    for what, values in densities.items():
        if not isinstance(values, tf.Tensor) or values.dtype != tf.float32:
            raise ModelError("%s: %s gives %s: a float32 tensor is wanted" % (
                path, what, values.dtype.name if isinstance(values, tf.Tensor) else type(values).__name__))
    with told(path, "the gradient of log_likelihood"):
        gradients = [tf.gradients(values, z)[0] for values in densities.values()]
        for what, gradient in zip(densities, gradients):
            if gradient is None:
                raise ModelError("%s: %s is not differentiable with respect to z" % (path, what))
        return tf.add_n([tf.convert_to_tensor(gradient) for gradient in gradients])


def _require_density(found, gradient, samples, of_x, path):
    """Raise ModelError unless densities, by name, of one x are what require_usable says; gradient: function -> [n, dim]."""
    for what, values in found.items():
        if values.shape != (len(samples),):
            raise ModelError("%s: %s gives the shape %s for z %s: %s is wanted, a number for each row" % (
                path, what, list(values.shape), list(samples.shape), [len(samples)]))
        _require_finite(np.where(np.isneginf(values), 0, values), samples, what + of_x, path)
    log_joint = sum(found.values())
    is_possible = np.isfinite(log_joint)
    if not is_possible.any():
        raise ModelError("%s: the density%s is 0 (its logarithm -inf) at all of %d samples of the prior" % (
            path, of_x, len(samples)))
    slope = np.where(is_possible[:, np.newaxis], gradient(), 0)
    _require_finite(slope, samples, "the gradient of the log density" + of_x, path)


def _require_finite(values, samples, what, path):
    """Raise ModelError unless all of values [n, ...] are finite; `samples` are the z that they belong to."""
    is_bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if is_bad.any():
        first = np.flatnonzero(is_bad)[0]
        raise ModelError("%s: %s is %s at %d of %d samples of the prior, one of them z = %s" % (
            path, what, _text_of(values[first]), is_bad.sum(), len(values), _text_of(samples[first])))


def _text_of(values):
    """A number, or a vector, of which 6 numbers are told."""
    if np.ndim(values) == 0:
        return "%g" % values
    return "(%s)" % ", ".join(["%g" % value for value in values[:6]] + ["..."] * (len(values) > 6))
