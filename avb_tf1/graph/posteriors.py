"""q(z|x), the approximate posterior: a function for each kind, from x and noise to samples. All tensors are float32."""

import math
from typing import Callable, NamedTuple, Optional, Tuple

from avb_tf1.graph import flows, invertible, likelihoods, networks
from avb_tf1.graph.batches import rows_of
from avb_tf1.ground.tensorflow import tf

N_DRAWS = 4096     # of noise, where neither the config nor the batch says how many
_N_MIXED = 512     # of noise, at least, where a semi-implicit density is evaluated


class ApproximatePosterior(NamedTuple):
    """Samples of q(z|x), one for each of n rows of x, and what else is known of it.

    Attributes:
        z: [n, latent_dim].
        eps: [n, noise_dim], the noise that z is made from.
        log_prob: [n], log q(z|x) of these z, nats; None if it isn't known. Of a semi-implicit or an auxiliary q an estimate
            that is too high on average.
        log_prob_at: function z [n, latent_dim] -> log q(z|x) at the same rows of x, [n], nats; None if it isn't known at any z.
        moments: mean and variance, [n, latent_dim] each, as far as draws tell, and, if encoder.contrast_has_added_variance is
            false, a third, the variance that log r(z|x) has in its place; None without adaptive contrast.
        gaussian: of a diagonal Gaussian mean and log-variance, [n, latent_dim] each; of a free one mean and lower triangular
            scale [n, latent_dim, latent_dim], the covariance being scale scale^T; None of others.
    """

    z: tf.Tensor
    eps: tf.Tensor
    log_prob: Optional[tf.Tensor] = None
    log_prob_at: Optional[Callable] = None
    moments: Optional[Tuple[tf.Tensor, ...]] = None
    gaussian: Optional[Tuple[tf.Tensor, tf.Tensor]] = None


def approximate_posterior(x, eps, draw, config, problem):
    """Return the ApproximatePosterior of the kind model.posterior, None if that is None; each call uses the same weights.

    Args:
        x: [n, d], what the networks see of x, as in a Batch: images, or which observation each row stands for.
        eps: [n, model.noise_dim], samples of N(0, I). Of a Gaussian or a flow it may have k n rows, where both numbers are
            known: k samples of each x, in k rounds; all attributes then have k n rows.
        draw: function (name, n, dim) that gives further samples of N(0, I), at least n of them, [m, dim].
        config, problem: an experiment's, by load_config and problem_of.
    """
    kind = config.model.posterior
    return None if kind is None else _POSTERIORS[kind](x, eps, draw, config.model, getattr(problem, "image_shape", None))


def _implicit(x, eps, _, model, shape):
    return ApproximatePosterior(networks.encoder(x, eps, model, shape), eps)


def _implicit_with_moments(x, eps, draw, model, shape):
    """Moments of the basis from draws of its own or, without n_moment_samples, from the batch's, where its size is known."""
    network, moment_eps = model.encoder, None
    if network.n_moment_samples is not None or x.shape[0].value is None:
        moment_eps = draw("moment_eps", network.n_moment_samples or N_DRAWS, model.noise_dim)
    z, *moments = networks.moment_encoder(x, eps, moment_eps, model, shape)
    return ApproximatePosterior(z, eps, moments=tuple(moments))


def _implicit_with_batch_moments(x, eps, draw, model, _):
    """Moments of each x from its samples in the batch, which has of each as many, one x after the other; without gradient.

    Where x has any number of rows, they are those of further draws.
    """
    z = networks.encoder(x, eps, model)
    each_x = tf.eye(x.shape[1].value) if x.shape[1].value else tf.zeros([1, 0])
    n_x = each_x.shape[0].value
    samples = z
    if x.shape[0].value is None:
        draws = draw("moment_eps", N_DRAWS, model.noise_dim)
        n_draws = draws.shape[0].value
        samples = networks.encoder(tf.reshape(tf.tile(each_x[:, tf.newaxis], [1, n_draws, 1]), [n_x * n_draws, -1]),
                                   tf.tile(draws, [n_x, 1]), model)
    mean, variance = tf.nn.moments(tf.reshape(samples, [n_x, -1, model.latent_dim]), axes=[1])
    variance = tf.square(tf.sqrt(variance) + model.encoder.added_standard_deviation)
    moments = (tf.stop_gradient(rows_of(x, moment)) for moment in (mean, variance))
    return ApproximatePosterior(z, eps, moments=tuple(moments))


def _gaussian(x, eps, _, model, shape):
    """Diagonal, with a reparameterised sample."""
    mean, log_variance = _of_each(eps, x, networks.gaussian_encoder(x, model, shape)[:2])
    return ApproximatePosterior(
        mean + tf.exp(log_variance / 2) * eps, eps, _log_normal(eps, log_variance / 2),
        lambda z: _log_normal((z - mean) * tf.exp(-log_variance / 2), log_variance / 2), gaussian=(mean, log_variance))


def _free_gaussian(x, eps, _, model, __):
    """A mean and a triangular scale for each x, with a reparameterised sample."""
    mean, scale = _free_parameters(x, eps, model)
    log_scales = tf.log(tf.linalg.diag_part(scale))

    def log_prob_at(z):
        return _log_normal(tf.linalg.triangular_solve(scale, (z - mean)[..., tf.newaxis])[..., 0], log_scales)

    return ApproximatePosterior(
        mean + tf.linalg.matvec(scale, eps), eps, _log_normal(eps, log_scales), log_prob_at, gaussian=(mean, scale))


def _free_parameters(x, eps, model):
    return _of_each(eps, x, [rows_of(x, values) for values in networks.free_gaussian(max(1, x.shape[1].value), model)])


def _of_each(eps, x, values):
    """The values, tensors with a row for each of x, once more for each further round of x that eps has."""
    n_rounds = 1 if x.shape[0].value is None else eps.shape[0].value // x.shape[0].value
    return values if n_rounds == 1 else [tf.tile(own, [n_rounds] + [1] * (own.shape.ndims - 1)) for own in values]


def _flow(x, eps, _, model, shape):
    """A diagonal Gaussian by a network, and a normalizing flow whose layers see what else the network makes of x."""
    mean, log_variance, context = _of_each(eps, x, networks.gaussian_encoder(x, model, shape))
    return _through_flow(invertible.diagonal(mean, log_variance / 2), context, eps, model)


def _free_flow(x, eps, _, model, __):
    """A free Gaussian, and a normalizing flow whose layers see which x it is."""
    context, = _of_each(eps, x, [x])
    return _through_flow(invertible.triangular(*_free_parameters(x, eps, model)), context, eps, model)


def _through_flow(gaussian, context, eps, model):
    layers = flows.layers(gaussian, context, model.latent_dim, model.flow)
    z, log_prob = invertible.sample(eps, layers)
    return ApproximatePosterior(z, eps, log_prob, invertible.log_prob_at(layers))


def _semi_implicit(x, eps, draw, model, shape):
    """N(mean, diag(scale^2)), both by a network of x and noise (Yin and Zhou, Semi-Implicit Variational Inference, 2018).

    log q(z|x) is that of the mixture of z's own noise and of further noise, the same for all x: too high on average, and the
    less the more there is of it (their equation 9).
    """
    noise_dim = model.encoder.noise_dim
    noise, own = tf.split(eps, [noise_dim, model.latent_dim], axis=1)
    mean, log_scale = networks.semi_implicit_encoder(x, noise, model, shape)
    z = mean + tf.exp(log_scale) * own
    others = draw("mixing_eps", model.n_mixing_samples, noise_dim)[:max(model.n_mixing_samples, _N_MIXED)]
    n = others.shape[0].value
    distinct, of_rows = _distinct_rows(x, model)
    n_distinct = distinct.shape[0].value or tf.shape(distinct)[0]
    repeated = tf.reshape(tf.tile(distinct[:, tf.newaxis], [1, n, 1]), [n_distinct * n, x.shape[1].value])
    means, log_scales = (of_rows(tf.reshape(values, [n_distinct, n, model.latent_dim])) for values in
                         networks.semi_implicit_encoder(repeated, tf.tile(others, [n_distinct, 1]), model, shape))
    of_others = _log_normal((z[:, tf.newaxis] - means) * tf.exp(-log_scales), log_scales)
    components = tf.concat([_log_normal(own, log_scale)[:, tf.newaxis], of_others], 1)
    return ApproximatePosterior(z, eps, tf.reduce_logsumexp(components, axis=1) - math.log(n + 1))


def _auxiliary(x, eps, draw, model, shape):
    """A Gaussian of z given x and a, a Gaussian's sample (Maaloe et al., Auxiliary Deep Generative Models, 2016).

    log q(z|x) is log q(a|x) + log q(z|x, a) - log p(a|x, z) of one a: too high on average, by KL(q(a|x, z) || p(a|x, z)). With
    reverse.sees: reconstruction x is drawn from the decoder at z there, as avb/auxvae of
    LMescheder/AdversarialVariationalBayes ee29153 does: valid, and looser.
    """
    eps_a, eps_z = tf.split(eps, [model.auxiliary.dim, model.latent_dim], axis=1)
    seen = networks.centered(x, model.auxiliary)
    mean, log_scale = networks.gaussian(seen, model.auxiliary.dim, "auxiliary", model.auxiliary)
    a = mean + tf.exp(log_scale) * eps_a
    log_prob = _log_normal(eps_a, log_scale)
    mean, log_variance, _ = networks.gaussian_encoder(x, model, shape, a)
    z = mean + tf.exp(log_variance / 2) * eps_z
    log_prob += _log_normal(eps_z, log_variance / 2)
    seen = x
    if model.reverse.sees == "reconstruction":
        draws = draw("reconstruction_eps", x.shape[0].value, x.shape[1].value)
        draws = tf.gather(draws, tf.range(tf.shape(x)[0]) % draws.shape[0].value)
        seen = likelihoods.sample(z, draws, model, shape)
    inputs = tf.concat([networks.centered(seen, model.reverse), z], 1)
    mean, log_scale = networks.gaussian(inputs, model.auxiliary.dim, "reverse", model.reverse)
    return ApproximatePosterior(z, eps, log_prob - _log_normal((a - mean) * tf.exp(-log_scale), log_scale))


def _distinct_rows(x, model):
    """The rows of x without repetition, and the function from values of these, [n_distinct, ...], to those of x's rows."""
    if model.likelihood.kind == "given":
        return tf.eye(x.shape[1].value) if x.shape[1].value else tf.zeros([1, 0]), lambda values: rows_of(x, values)
    unknown = tf.placeholder_with_default(x, [None, None])  # of a known shape, UniqueV2 makes a wrong one
    index = tf.reshape(tf.raw_ops.UniqueV2(x=unknown, axis=[0]).idx, tf.shape(unknown)[:1])
    first = tf.math.unsorted_segment_min(tf.range(tf.shape(x)[0]), index, tf.reduce_max(index) + 1)
    return tf.gather(x, first), lambda values: tf.gather(values, index)


def _log_normal(eps, log_scales):
    """log N(z; mean, scale scale^T), [...], for z = mean + scale eps and logs of a triangular scale's diagonal, [..., dim]."""
    return -tf.reduce_sum(tf.square(eps) / 2 + log_scales + math.log(2 * math.pi) / 2, axis=-1)


_POSTERIORS = {
    "implicit": _implicit, "implicit_with_moments": _implicit_with_moments,
    "implicit_with_batch_moments": _implicit_with_batch_moments, "gaussian": _gaussian, "free_gaussian": _free_gaussian,
    "flow": _flow, "free_flow": _free_flow, "semi_implicit": _semi_implicit,
    "auxiliary": _auxiliary}
