"""Hamiltonian Monte Carlo on a given posterior, with TensorFlow Probability's sampler: what a sampler makes of it.

It is no reference: it is held against the exact posterior as the approximations are.
"""

from typing import NamedTuple

import numpy as np

from avb_tf1.ground import seeds
from avb_tf1.ground.tensorflow import open_session, tf, tfp

_N_PRIOR = 1024               # samples of the prior, whose spread the first scales are
_START = 2.0
_FIRST_STEP_SIZE = 0.1        # of a standard deviation
_LEAST_SCALE = 1e-6
SHORTEST = 0.4
_ADAPTATION_RATE = 0.04       # by which share the step size changes in a step of the warm-up


class Sampled(NamedTuple):
    """Draws of p(z|x) by HMC, of one x.

    Attributes:
        z: float32 [n_samples, n_chains, dim].
        acceptance: float, the mean probability of acceptance with the step size that the warm-up comes to: over the half of its
            last stage in which that changes least.
        kept_acceptance: float, that of the kept draws, whose steps are SHORTEST to all of it: it is above the other.
        r_hat: float64 [dim], potential scale reduction (Gelman and Rubin 1992): near 1 where the chains agree.
        n_effective: float64 [dim], the effective sample size of all chains together; NaN where one of them never moved.
    """

    z: np.ndarray
    acceptance: float
    kept_acceptance: float
    r_hat: np.ndarray
    n_effective: np.ndarray


def sample(problem, label, settings, seed):
    """Return what HMC draws from the posterior of the x with the number `label` of a GivenPosterior, a Sampled.

    Chains begin where Stan's do, uniformly between -2 and 2 in each coordinate. In the first half of the warm-up the step size
    adapts with the prior's spread as scales, half of what its middle 68 % have; in the second half with the standard deviations
    of the chains so far. After it nothing adapts. `settings` is a config.baselines.HMCConfig, `seed`, an int, of all that is
    drawn.
    """
    def run(initial, scale, step_size, n_kept, name):
        return _chains(problem, label, settings, (seed + seeds.op_seed("hmc/%s/%d" % (name, label))) % 2**31,
                       initial, scale, step_size, n_kept)

    prior = _run(lambda: problem.sample_prior(_N_PRIOR, seeds.op_seed("hmc/prior"), "prior"), seed)
    low, high = np.quantile(prior, [0.16, 0.84], axis=0)
    scale, step_size = ((high - low) / 2).clip(_LEAST_SCALE), _FIRST_STEP_SIZE
    initial = seeds.stream(seed, "hmc start %d" % label).uniform(-_START, _START, (settings.n_chains, problem.dim))
    for stage in ("first", "second"):
        z, step_size, acceptance = run(initial, scale, step_size, 0, stage)
        initial, scale = z[-1], z[len(z) // 2:].std(axis=(0, 1)).clip(_LEAST_SCALE)
    z, _, kept_acceptance = run(initial, scale, step_size, settings.n_samples, "kept")
    states = z.astype(np.float64)
    r_hat, n_effective = _run(lambda: (tfp.mcmc.potential_scale_reduction(states),
                                       tf.reduce_sum(tfp.mcmc.effective_sample_size(states), axis=0)), seed)
    return Sampled(z, float(acceptance[len(acceptance) // 2:].mean()), float(kept_acceptance.mean()), r_hat, n_effective)


class _VaryingSteps(tfp.mcmc.TransitionKernel):
    """HMC with a step size that is drawn anew for each trajectory, between SHORTEST and all of one.

    With one length trajectories on a near-Gaussian posterior may all be a period long, and end where they began.
    """

    def __init__(self, hmc, step_size):
        self._hmc, self._step_size = hmc, step_size

    @property
    def is_calibrated(self):
        return True

    def _kernel(self):
        factor = tf.random.uniform([], SHORTEST, 1.0, seed=seeds.op_seed("hmc/step"))
        return self._hmc(self._step_size * factor)

    def one_step(self, current_state, previous_kernel_results):
        kernel = self._kernel()
        return kernel.one_step(current_state, kernel.bootstrap_results(current_state))

    def bootstrap_results(self, init_state):
        return self._kernel().bootstrap_results(init_state)


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


def _chains(problem, label, settings, seed, initial, scale, step_size, n_kept):
    """Run all chains on: n_kept steps with step sizes up to that or, if that is 0, half the warm-up, which adapts it.

    Returns the states float32 [n, n_chains, dim], the last step size and the chains' mean acceptance in each step, [n].
    """
    n_steps = n_kept or -(-settings.n_warmup // 2)

    def build():
        x = tf.tile(tf.constant(problem.observations[[label]]), [len(initial), 1])
        unit = tf.constant(scale.astype(np.float32))

        def hmc(step_size):
            return tfp.mcmc.HamiltonianMonteCarlo(lambda u: problem.log_joint(x, u * unit), step_size=step_size,
                                                  num_leapfrog_steps=settings.n_leapfrog_steps, seed=seed)

        if n_kept:
            kernel = _VaryingSteps(hmc, step_size)
        else:
            kernel = tfp.mcmc.SimpleStepSizeAdaptation(
                hmc(np.float32(step_size)), num_adaptation_steps=n_steps, target_accept_prob=settings.target_acceptance,
                adaptation_rate=_ADAPTATION_RATE)

        def traced(_, results):
            inner = results if n_kept else results.inner_results
            step = tf.constant(0.0) if n_kept else results.new_step_size
            return step, tf.exp(tf.minimum(0.0, inner.log_accept_ratio))

        states, (step_sizes, acceptance) = tfp.mcmc.sample_chain(
            n_steps, tf.constant((initial / scale).astype(np.float32)), kernel=kernel, trace_fn=traced, parallel_iterations=1)
        return states * unit, step_sizes, tf.reduce_mean(acceptance, axis=1)

    z, step_sizes, acceptance = _run(build, seed)
    return z, float(step_sizes[-1]), acceptance
