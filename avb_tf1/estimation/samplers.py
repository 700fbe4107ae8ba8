"""Samplers on a given posterior, TensorFlow Probability's: Hamiltonian Monte Carlo (HMC), NUTS, and replica exchange.

None of them is a reference: they are held against the exact posterior as the approximations are.
"""

import sys
from typing import Callable, NamedTuple, Optional

import numpy as np

from avb_tf1.ground import seeds
from avb_tf1.ground.tensorflow import open_session, tf, tfp

# By their sections in configs/posteriors/baselines.yaml, what tables call them.
TITLES = {"hmc": "HMC", "nuts": "NUTS", "replica_exchange": "replica exchange"}
VARYING = ("hmc", "replica_exchange")  # whose kept draws have steps that vary
_N_PRIOR = 1024               # samples of the prior, whose spread the first scales are
_START = 2.0
_FIRST_STEP_SIZE = 0.1        # of a standard deviation
_LEAST_SCALE = 1e-6
SHORTEST = 0.4
_ADAPTATION_RATE = 0.04       # by which share the step size changes in a step of the warm-up


class Sampled(NamedTuple):
    """Draws of p(z|x) by a sampler, of one x.

    Attributes:
        z: float32 [n_samples, n_chains, dim].
        acceptance: float, the mean probability of acceptance with the step size that the warm-up comes to: over the half of its
            last stage in which that changes least. Of NUTS the mean over a trajectory, of replica exchange that of the replica
            whose states are the draws.
        kept_acceptance: float, that of the kept draws. It is above the other where their steps are SHORTEST to all of it.
        exchanged: float, the share of the exchanges proposed between neighbours that was accepted; None without replicas.
        r_hat: float64 [dim], potential scale reduction (Gelman and Rubin 1992): near 1 where the chains agree.
        n_effective: float64 [dim], the effective sample size of all chains together; NaN where one of them never moved.
    """

    z: np.ndarray
    acceptance: float
    kept_acceptance: float
    exchanged: Optional[float]
    r_hat: np.ndarray
    n_effective: np.ndarray


def suited_to(problem):
    """Return the names in TITLES of the samplers for a GivenPosterior: replica exchange only where it has modes."""
    return tuple(name for name in TITLES if problem.modes or name != "replica_exchange")


def sample(name, problem, label, settings, seed):
    """Return what a sampler draws from the posterior of the x with the number `label` of a GivenPosterior, a Sampled.

    Chains begin where Stan's do, uniformly between -2 and 2 in each coordinate. In the first half of the warm-up the step size
    adapts with the prior's spread as scales, half of what its middle 68 % have; in the second half with the standard deviations
    of the chains so far. After it nothing adapts. All replicas of a chain have its scales, and each a step size of its own.

    Args:
        name: str, a key of TITLES; settings: what a config.baselines.BaselinesConfig has under it.
        problem: GivenPosterior; label: int.
        seed: int, of all that is drawn: the same draws each time.
    """
    def run(begin, scale, step_size, n_kept, stage):
        return _chains(name, problem, label, settings, (seed + seeds.op_seed("%s/%s/%d" % (name, stage, label))) % 2**31,
                       begin, scale, step_size, n_kept)

    prior = _run(lambda: problem.sample_prior(_N_PRIOR, seeds.op_seed(name + "/prior"), "prior"), seed)
    low, high = np.quantile(prior, [0.16, 0.84], axis=0)
    of_replicas = getattr(settings, "inverse_temperatures", ())
    scale, step_size = ((high - low) / 2).clip(_LEAST_SCALE), np.full(of_replicas and len(of_replicas), _FIRST_STEP_SIZE)
    begin = seeds.stream(seed, "%s start %d" % (name, label)).uniform(
        -_START, _START, (*step_size.shape, settings.n_chains, problem.dim))
    for stage in ("first", "second"):
        z, begin, step_size, acceptance, _ = run(begin, scale, step_size, 0, stage)
        scale = z[len(z) // 2:].std(axis=(0, 1)).clip(_LEAST_SCALE)
    z, _, _, kept_acceptance, exchanged = run(begin, scale, step_size, settings.n_samples, "kept")
    states = z.astype(np.float64)
    r_hat, n_effective = _run(lambda: (tfp.mcmc.potential_scale_reduction(states),
                                       tf.reduce_sum(tfp.mcmc.effective_sample_size(states), axis=0)), seed)
    return Sampled(z, float(acceptance[len(acceptance) // 2:].mean()), float(kept_acceptance.mean()),
                   float(exchanged.mean()) if of_replicas else None, r_hat, n_effective)


class _Sampler(NamedTuple):
    """What tells a sampler from the others. A kernel's results are those of its warm-up, or of its kept draws.

    Attributes:
        kernel: (log density, step size, settings, seed, is_kept, begin) -> TransitionKernel, whose step size is adapted from
            outside unless is_kept. begin: where chains or replicas begin.
        step_size: results -> the step size, or the replicas', [n_replicas]; with_step_size: (results, step size) -> results.
        log_accept_ratio: results -> [n_chains], or [n_chains, n_replicas].
        states: (last states, results) -> where a chain goes on; exchanged: results -> share of proposed exchanges, float32.
    """

    kernel: Callable
    step_size: Callable
    with_step_size: Callable
    log_accept_ratio: Callable
    states: Callable = lambda states, results: states
    exchanged: Callable = lambda results: tf.constant(0.0)


def _hmc_kernel(log_density, step_size, settings, seed, is_kept, begin=None, step_seed="hmc/step"):
    def hmc(step_size):
        return tfp.mcmc.HamiltonianMonteCarlo(log_density, step_size, settings.n_leapfrog_steps, seed=seed,
                                              store_parameters_in_results=not is_kept)

    return _VaryingSteps(hmc, step_size, seeds.op_seed(step_seed)) if is_kept else hmc(step_size)


def _hmc_step_size(results):
    return results.accepted_results.step_size


def _hmc_with_step_size(results, step_size):
    return results._replace(accepted_results=results.accepted_results._replace(step_size=step_size))


def _nuts_kernel(log_density, step_size, settings, seed, is_kept, begin):
    # Where iterations of its loops overlap, which one draws first is left to chance. TFP 0.8 has no argument for it.
    sys.modules[tfp.mcmc.NoUTurnSampler.__module__].TF_WHILE_PARALLEL_ITERATIONS = 1
    return tfp.mcmc.NoUTurnSampler(log_density, step_size, max_tree_depth=settings.max_tree_depth, seed=seed)


def _replica_exchange_kernel(log_density, step_size, settings, seed, is_kept, begin):
    sizes = iter(enumerate(tf.unstack(step_size)))

    def hmc(target_log_prob_fn, seed):
        number, size = next(sizes)
        return _hmc_kernel(target_log_prob_fn, size, settings, seed, is_kept, step_seed="replica_exchange/step/%d" % number)

    return _Replicas(begin, target_log_prob_fn=log_density, seed=seed, make_kernel_fn=hmc,
                     inverse_temperatures=np.float32(settings.inverse_temperatures))


def _with_step_sizes(results, step_sizes):
    return results._replace(replica_results=[
        _hmc_with_step_size(own, size) for own, size in zip(results.replica_results, tf.unstack(step_sizes))])


def _exchanged(results):
    """The share of proposed exchanges that was accepted, by who moved: a step asks n - 1 of n on average, two of two."""
    moved = [tf.reduce_mean(tf.cast(tf.reduce_any(tf.not_equal(*states), axis=-1), tf.float32))
             for states in zip(results.replica_states, results.sampled_replica_states)]
    return tf.add_n(moved) / max(len(moved) - 1, 2)


_SAMPLERS = {
    "hmc": _Sampler(_hmc_kernel, _hmc_step_size, _hmc_with_step_size, lambda results: results.log_accept_ratio),
    "nuts": _Sampler(
        _nuts_kernel, lambda results: results.step_size[0], lambda results, step_size: results._replace(step_size=[step_size]),
        lambda results: results.log_accept_ratio),
    # By the results before an exchange: those after it are begun anew.
    "replica_exchange": _Sampler(
        _replica_exchange_kernel, lambda results: tf.stack([_hmc_step_size(own) for own in results.sampled_replica_results]),
        _with_step_sizes,
        lambda results: tf.stack([own.log_accept_ratio for own in results.sampled_replica_results], axis=-1),
        lambda states, results: tf.stack(results.replica_states), _exchanged),
}


class _VaryingSteps(tfp.mcmc.TransitionKernel):
    """HMC with a step size that is drawn anew for each trajectory, between SHORTEST and all of one.

    With one length trajectories on a near-Gaussian posterior may all be a period long, and end where they began.
    """

    def __init__(self, hmc, step_size, seed):
        self._hmc, self._step_size, self._seed = hmc, step_size, seed

    @property
    def is_calibrated(self):
        return True

    def _kernel(self):
        factor = tf.random.uniform([], SHORTEST, 1.0, seed=self._seed)
        return self._hmc(self._step_size * factor)

    def one_step(self, current_state, previous_kernel_results):
        kernel = self._kernel()
        return kernel.one_step(current_state, kernel.bootstrap_results(current_state))

    def bootstrap_results(self, init_state):
        return self._kernel().bootstrap_results(init_state)


class _Replicas(tfp.mcmc.ReplicaExchangeMC):
    """Replica exchange whose replicas begin at states of their own, [n_replicas, n_chains, dim]."""

    # SimpleStepSizeAdaptation makes a kernel anew from its parameters if there are any, and those of TFP 0.8 are not enough.
    parameters = property()

    def __init__(self, begin, **others):
        super().__init__(**others)
        self._begin = begin

    def bootstrap_results(self, init_state):
        states = tf.unstack(self._begin)
        results = [kernel.bootstrap_results(own) for kernel, own in zip(self.replica_kernels, states)]
        return super().bootstrap_results(init_state)._replace(
            replica_states=states, replica_results=results, sampled_replica_states=states, sampled_replica_results=results)


def _run(build, seed):
    """What the tensors that build() returns come to, in a graph of their own.

    The training graph needs graph_replace, which can't copy the sampler's while loops.
    """
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(seed)
        outputs = build()
    with open_session(graph, intra_op_threads=1, inter_op_threads=1) as session:
        return session.run(outputs)


def _chains(name, problem, label, settings, seed, begin, scale, step_size, n_kept):
    """Run all chains on: n_kept steps with step sizes up to that or, if that is 0, half the warm-up, which adapts it.

    Returns the states float32 [n, n_chains, dim], where chains, or their replicas, go on, the last step sizes, the chains' mean
    acceptance in each step, [n], and the share of exchanges in each step, [n].
    """
    sampler, n_steps = _SAMPLERS[name], n_kept or -(-settings.n_warmup // 2)

    def build():
        x = tf.tile(tf.constant(problem.observations[[label]]), [settings.n_chains, 1])
        unit, start = tf.constant(scale.astype(np.float32)), tf.constant((begin / scale).astype(np.float32))
        kernel = sampler.kernel(lambda u: problem.log_joint(x, u * unit), tf.constant(np.float32(step_size)), settings, seed,
                                bool(n_kept), start)
        if not n_kept:
            kernel = tfp.mcmc.SimpleStepSizeAdaptation(
                kernel, n_steps, settings.target_acceptance, _ADAPTATION_RATE, sampler.with_step_size, sampler.step_size,
                lambda results: tf.minimum(0.0, sampler.log_accept_ratio(results)))

        def traced(_, results):
            inner = results if n_kept else results.inner_results
            log_ratio = sampler.log_accept_ratio(inner)
            first = log_ratio[:, 0] if log_ratio.shape.ndims == 2 else log_ratio
            return tf.reduce_mean(tf.exp(tf.minimum(0.0, first))), sampler.exchanged(inner)

        states, (acceptance, exchanged), last = tfp.mcmc.sample_chain(
            n_steps, start if start.shape.ndims == 2 else start[0], kernel=kernel, trace_fn=traced, parallel_iterations=1,
            return_final_kernel_results=True)
        inner = last if n_kept else last.inner_results
        return (states * unit, sampler.states(states[-1], inner) * unit, tf.constant(0.0) if n_kept else last.new_step_size,
                acceptance, exchanged)

    return _run(build, seed)
