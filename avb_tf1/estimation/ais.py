"""Annealed importance sampling of log p(x), for a latent space of any dimension (Neal 2001; Wu et al. 2017). All in nats.

Chains go from a Gaussian, the prior or what stands for the posterior, to the posterior, through densities whose logs are mixed
linearly. At each temperature they take a step of Hamiltonian Monte Carlo. The mean of exp(log_weight) over chains is p(x),
whatever the step sizes, as long as these don't depend on the chains themselves: they are found in a run before, and then fixed.

The sampler is TensorFlow ops in loops, its noise a function of the seed, the part of the images and the step: parts can go
through it at once, and have the same bits in any order. (tfp.mcmc's annealing would share one random stream among them; in
TFP 0.8 it also hands each step the log-density of the last temperature, which with a sharp decoder makes the estimate wrong.)
"""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from avb_tf1.estimation.densities import log_mean_exp
from avb_tf1.ground import progress
from avb_tf1.ground.tensorflow import open_session, tf, tfd

ACCEPTANCE = 0.65             # that the step sizes are adapted to
N_LEAPFROG_STEPS = 10
_N_ADAPTING_CHAINS = 32       # at most
_N_ADAPTING_STEPS = 200       # temperatures
_ADAPTING_RATE = 0.3          # by which the log of a step size follows the acceptance
_FIRST_STEP = 0.5             # in units of the scale
_JITTER = 0.3                 # of the log of a step size, either way: without it, a path may come back to where it began
_WIDENED = 1.5                # times the posterior's scale, of the Gaussian in its place
_LEAST_SCALE = 0.05           # of q(z|x), in units of the prior's: chains that begin narrower don't reach a wide posterior
_MAX_CHAINS = 8192            # of several images that go through the networks together
_N_THREADS = 2
_LEAST_PROBABILITY = 1e-37    # of a pixel; float32 ends a little lower


class Annealed(NamedTuple):
    """Of each image.

    Attributes:
        log_likelihood: float64 [n_images], log p(x), nats; biased downwards by about half the square of its error.
        standard_error: float64 [n_images], nats, by the delta method from the chains' weights.
        acceptance: float64 [n_images], the mean probability that a step was accepted with, over chains and temperatures.
        states: float32 [n_chains, n_images, latent_dim], where the chains ended, near samples of p(z|x).
    """

    log_likelihood: np.ndarray
    standard_error: np.ndarray
    acceptance: np.ndarray
    states: np.ndarray


class Path(NamedTuple):
    """Where the chains of each image begin, and how far they step; all float32 [n_images, latent_dim].

    Attributes:
        mean, scale: of the Gaussian N(mean, diag(scale**2)) that they begin with.
        posterior_scale: the posterior's standard deviations, as far as they are known. Steps are in units of what lies between
            scale and these: the precisions are mixed as the log-densities are.
    """

    mean: np.ndarray
    scale: np.ndarray
    posterior_scale: np.ndarray


def path_from_prior(n_images, latent_dim):
    """Return the Path from N(0, I) to posteriors of which nothing is known."""
    ones = np.ones((n_images, latent_dim), np.float32)
    return Path(np.zeros_like(ones), ones, ones)


def path_from_posterior(mean, scale):
    """Return the Path from a Gaussian about the posterior, whose moments, or those of q(z|x), are [n_images, latent_dim] each.

    The Gaussian is _WIDENED: q is narrower than the posterior as a rule; and where q hardly varies, as one that ignores its
    noise, it counts as _LEAST_SCALE wide. A part of the posterior that no chain begins near is missing from the estimate, and
    its error doesn't tell. (On digits with two latent dimensions that cost one image in a hundred .3 nats; beside the
    quadrature the others were right by their errors.)
    """
    mean, scale = np.asarray(mean, np.float32), np.maximum(np.asarray(scale, np.float32), np.float32(_LEAST_SCALE))
    return Path(mean, _WIDENED * scale, scale)


def bernoulli(decode):
    """Return log p(x|z) as `anneal` takes it, of a decoder: z float32 [n, latent_dim] -> pixel probabilities [n, n_pixels].

    x are images, pixels in {0, 1}. A pixel that can't be as the image has it counts as one in e^85, so that gradients are
    numbers.
    """
    def log_likelihood(x, z):
        probabilities = _at_chains(decode, x, z)
        observed = x * probabilities + (1 - x) * (1 - probabilities)
        return tf.reduce_sum(tf.log(tf.maximum(observed, _LEAST_PROBABILITY)), axis=-1)

    return log_likelihood


def bernoulli_of_logits(decode):
    """Return log p(x|z) as `anneal` takes it, of a decoder that gives the pixels' logits: exact however sure it is."""
    return lambda x, z: -tf.reduce_sum(tf.nn.softplus((1 - 2 * x) * _at_chains(decode, x, z)), axis=-1)


def gaussian(decode):
    """Return log p(x|z) as `anneal` takes it, of a decoder of real values.

    decode: z float32 [n, latent_dim] -> mean and log standard deviation, [n, n_values] each, or [1, 1] if it is one for all.
    """
    def log_likelihood(x, z):
        mean, log_scale = decode(_flat(z))
        mean, log_scale = (_of_chains(values, x) for values in (mean, tf.broadcast_to(log_scale, tf.shape(mean))))
        return tf.reduce_sum(tfd.Normal(mean, tf.exp(log_scale)).log_prob(x), axis=-1)

    return log_likelihood


def _at_chains(decode, x, z):
    """decode(z) for z [n_chains, n, latent_dim], float32 [n_chains, n, n_values]."""
    return _of_chains(decode(_flat(z)), x)


def _flat(z):
    return tf.reshape(z, [-1, z.shape[-1].value])


def _of_chains(values, x):
    return tf.reshape(values, [-1, tf.shape(x)[0], x.shape[-1].value])


def anneal(log_likelihood, restore, x, path, seed, n_chains, n_steps, n_leapfrog_steps=N_LEAPFROG_STEPS):
    """Return the Annealed estimates of log p(x) = log of the integral of p(x|z) N(z; 0, I), of each x.

    Args:
        log_likelihood: function that builds log p(x|z) in the default graph, float32 [n_chains, n], from x [n, d] and z
            [n_chains, n, latent_dim]. Called again it uses the same variables, the only ones of the graph.
        restore: function that gives these variables their trained values, called with a tf.Session and a tf.train.Saver; the
            latter is None if there are no variables.
        x: float32 [n_images, d].
        path: Path of these images.
        seed: int, of all that is drawn.
        n_chains: int, independent chains for each image.
        n_steps: int, temperatures; each is followed by one step of Hamiltonian Monte Carlo, of n_leapfrog_steps.
    """
    x, graph = np.asarray(x, np.float32), tf.Graph()
    # A graph of its own: graph_replace, which the training graph needs, can't copy loops.
    size = max(1, _MAX_CHAINS // n_chains)
    with graph.as_default():
        feeds = [tf.placeholder(tf.float32, [None, array.shape[1]]) for array in (x, *path)]
        key, log_steps = tf.placeholder(tf.int64, []), tf.placeholder(tf.float32, [n_steps, None])
        log_likelihood(feeds[0], feeds[1][tf.newaxis])  # makes the variables outside of the loops
        saver = tf.train.Saver() if tf.global_variables() else None
        # If there is but one part, its chains go through the networks in two halves, for as many cores.
        moves = _Moves(log_likelihood if len(x) > size else _in_halves(log_likelihood), feeds[0], Path(*feeds[1:]), key,
                       n_leapfrog_steps)
        adapted = _adapted_log_steps(moves, min(n_chains, _N_ADAPTING_CHAINS))
        annealed = _annealed(moves, n_chains, n_steps, log_steps)
    with open_session(graph, intra_op_threads=1, inter_op_threads=0) as session:
        restore(session, saver)
        adapt = session.make_callable(adapted, [*feeds, key])
        run = session.make_callable(annealed, [*feeds, key, log_steps])

        def of_part(start):
            arrays, own_key = [array[start:start + size] for array in (x, *path)], np.int64(seed * 2**31 + start)
            log_weights, acceptance, states = run(*arrays, own_key, _interpolated(adapt(*arrays, own_key), n_steps))
            return log_weights.astype(np.float64), acceptance.astype(np.float64), states

        with ThreadPoolExecutor(_N_THREADS) as pool:
            starts = range(0, len(x), size)
            parts = list(progress.through(pool.map(of_part, starts), "parts of the images, annealed", len(starts)))
    log_weights, acceptance, states = zip(*parts)
    return Annealed(*log_mean_exp(np.concatenate(log_weights, axis=1)), np.concatenate(acceptance),
                    np.concatenate(states, axis=1))


def n_gradients(n_chains, n_steps, n_leapfrog_steps=N_LEAPFROG_STEPS):
    """Return how many gradients of log p(x|z) `anneal` takes of each image, those that its steps are adapted by among them."""
    return n_chains * (n_steps * n_leapfrog_steps + 1) + min(n_chains, _N_ADAPTING_CHAINS) * (
        _N_ADAPTING_STEPS * n_leapfrog_steps + 1)


def _in_halves(log_likelihood):
    def halved(x, z):
        half = tf.shape(z)[0] // 2
        return tf.concat([log_likelihood(x, z[:half]), log_likelihood(x, z[half:])], 0)

    return halved


def _interpolated(adapted, n_steps):
    """The log step sizes at n_steps temperatures, float32 [n_steps, n], from those at others, [n_adapted, n]."""
    n_adapted = len(adapted)
    place = np.clip(np.arange(1, n_steps + 1) * n_adapted / n_steps - 1, 0, n_adapted - 1)
    left = np.minimum(place.astype(np.int64), n_adapted - 2)
    share = (place - left).astype(np.float32)[:, np.newaxis]
    return (1 - share) * adapted[left] + share * adapted[left + 1]


class _State(NamedTuple):
    """Chains: z [n_chains, n, latent_dim]; the log-densities of the path's ends there, [n_chains, n]; their gradients."""

    z: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor
    first_gradient: tf.Tensor
    last_gradient: tf.Tensor

    def mixed(self, temperature):
        return ((1 - temperature) * self.first + temperature * self.last,
                (1 - temperature) * self.first_gradient + temperature * self.last_gradient)


class _Moves:
    """The ops that chains are made of."""

    def __init__(self, log_likelihood, x, path, key, n_leapfrog_steps):
        self._log_likelihood, self._x, self._path, self._key = log_likelihood, x, path, key
        self._n_leapfrog_steps = n_leapfrog_steps

    def begin(self, n_chains, stream):
        """The _State of chains that are drawn from the path's Gaussian."""
        shape = tf.concat([[n_chains], tf.shape(self._path.mean)], 0)
        return self._state(self._path.mean + self._path.scale * self._noise(tf.random.stateless_normal, shape, stream, 0))

    def step(self, state, temperature, log_step, stream, number):
        """A step of Hamiltonian Monte Carlo: the new _State and the probability that it was accepted with, [n_chains, n]."""
        precision = (1 - temperature) / self._path.scale**2 + temperature / self._path.posterior_scale**2
        jitter = _JITTER * (2 * self._noise(tf.random.stateless_uniform, tf.shape(state.last), stream, 3 * number + 3) - 1)
        size = tf.exp(log_step + jitter)[:, :, tf.newaxis] * tf.math.rsqrt(precision)
        before, gradient = state.mixed(temperature)
        first_momentum = self._noise(tf.random.stateless_normal, tf.shape(state.z), stream, 3 * number + 1)

        def leap(n_done, momentum, gradient, _, *old):
            momentum += size * gradient / 2
            new = self._state(_State(*old).z + size * momentum)
            after, gradient = new.mixed(temperature)
            return (n_done + 1, momentum + size * gradient / 2, gradient, after, *new)

        # A loop: ten copies of a decoder and its gradient take seconds to be built.
        _, momentum, _, after, *proposed = tf.while_loop(
            lambda n_done, *_: n_done < self._n_leapfrog_steps, leap, (0, first_momentum, gradient, before, *state),
            back_prop=False)
        log_ratio = after - before + tf.reduce_sum(first_momentum**2 - momentum**2, axis=-1) / 2
        probability = tf.exp(tf.minimum(tf.where(tf.is_nan(log_ratio), tf.fill(tf.shape(log_ratio), -np.inf), log_ratio), 0))
        accepted = self._noise(tf.random.stateless_uniform, tf.shape(after), stream, 3 * number + 2) < probability

        def chosen(new, old):
            where = accepted if new.shape.ndims == 2 else tf.tile(accepted[:, :, tf.newaxis], [1, 1, new.shape[-1].value])
            return tf.where(where, new, old)

        return _State(*map(chosen, proposed, state)), probability

    def _state(self, z):
        mean, scale = self._path.mean, self._path.scale
        first = tf.reduce_sum(tfd.Normal(mean, scale).log_prob(z), axis=-1)
        last = self._log_likelihood(self._x, z) + tf.reduce_sum(tfd.Normal(0.0, 1.0).log_prob(z), axis=-1)
        return _State(z, first, last, (mean - z) / scale**2, tf.gradients(last, z)[0])

    def _noise(self, draw, shape, stream, number):
        number = tf.cast(number, tf.int64)
        return draw(shape, tf.stack([self._key, 2 * number + stream]))


def _adapted_log_steps(moves, n_chains):
    """Step sizes that follow the acceptance along the path: their logs, in units of the scale, [_N_ADAPTING_STEPS, n]."""
    def body(number, log_step, all_log_steps, *state):
        temperature = tf.cast(number, tf.float32) / _N_ADAPTING_STEPS
        state, probability = moves.step(_State(*state), temperature, log_step, 0, number)
        log_step += _ADAPTING_RATE * (tf.reduce_mean(probability, axis=0) - ACCEPTANCE)
        return (number + 1, log_step, all_log_steps.write(number - 1, log_step), *state)

    state = moves.begin(n_chains, 0)
    log_step = tf.fill(tf.shape(state.first)[1:], math.log(_FIRST_STEP))
    return tf.while_loop(
        lambda number, *_: number <= _N_ADAPTING_STEPS, body,
        (1, log_step, tf.TensorArray(tf.float32, _N_ADAPTING_STEPS), *state), back_prop=False)[2].stack()


def _annealed(moves, n_chains, n_steps, log_steps):
    """The chains' log weights, [n_chains, n], the mean probability of acceptance, [n], and where the chains ended."""
    def body(number, log_weight, acceptance, *state):
        state, temperature = _State(*state), tf.cast(number, tf.float32) / n_steps
        log_weight += (state.last - state.first) / n_steps
        state, probability = moves.step(state, temperature, log_steps[number - 1], 1, number)
        return (number + 1, log_weight, acceptance + tf.reduce_mean(probability, axis=0) / n_steps, *state)

    state = moves.begin(n_chains, 1)
    zeros = tf.zeros_like(state.first)
    return tf.while_loop(
        lambda number, *_: number <= n_steps, body, (1, zeros, zeros[0], *state), back_prop=False)[1:4]
