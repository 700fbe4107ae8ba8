"""Whether a GivenPosterior of a user's file can be trained: its functions are looked at where samples of its prior are."""

import numpy as np

from avb_tf1.problems.given_posterior.python_file import ModelError, told

N_SAMPLES = 1024              # of the prior
N_DRAWS = 16                  # of the exact posterior, if the file gives some
LARGEST = 1e30                # what a derived quantity counts as where it is larger or undefined, so that it can be drawn


def require_usable(problem, path):
    """Raise ModelError, naming the file `path`, unless the problem's functions give what they should.

    The densities must be float32 tensors of a number for each row, the prior's finite anywhere, the likelihood's finite or
    -inf but not everywhere, with gradients; derived quantities finite; exact draws of the right shape.
    """
    from avb_tf1.ground.tensorflow import open_session, tf  # here, as given_posterior's docstring says
    with tf.Graph().as_default() as graph:
        sample = problem.sample_prior(N_SAMPLES, 0, "z_prior")
        x, z = (tf.placeholder(tf.float32, [None, dim]) for dim in (problem.observations.shape[1], problem.dim))
        densities = {"the prior's log_prob": problem.log_prior(z), "log_likelihood": problem.log_likelihood(x, z)}
        gradient = _gradient(densities, z, path)
        for variable in tf.global_variables():
            raise ModelError("%s: it makes a tf.Variable (%s): all but z must be known" % (path, variable.op.name))
    graph.finalize()
    with open_session(graph, 1, 1) as session, told(path, "at samples of the prior"):
        samples = session.run(sample)
        _require_finite(samples, samples, "a sample of the prior", path)
        for label, name in enumerate(problem.observation_names):
            feed = {x: np.repeat(problem.observations[[label]], N_SAMPLES, axis=0), z: samples}
            _require_density(session.run(densities, feed), lambda feed=feed: session.run(gradient, feed), samples,
                             "" if problem.n_x == 1 else " for %s" % name, path)
        # What an encoder gives has no bounds: not only where the prior's own samples are.
        reflected = session.run(densities["the prior's log_prob"], {z: -samples})
        if not np.isfinite(reflected).all():
            where = -samples[np.flatnonzero(~np.isfinite(reflected))[0]]
            raise ModelError("%s: the prior is 0 or undefined at z = %s: coordinates must be unconstrained, as the logarithm "
                             "of what is positive is" % (path, _text_of(where)))
    for name, function in problem.derived.items():
        values = function(samples.astype(np.float64))
        _require_finite(np.where(np.abs(values) < LARGEST, values, np.nan), samples, "derived %r" % name, path)
    for function in problem.modes.values():
        function(samples.astype(np.float64))
    if problem.exact_draws is not None:
        for label in range(problem.n_x):
            problem.exact_draws(label, N_DRAWS, 0)


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
