"""Annealed importance sampling of log p(x): an independent check of the quadrature, with TensorFlow Probability's sampler."""

import math

import numpy as np

from avb_tf1 import seeds
from avb_tf1.quiet_tensorflow import open_session, tf, tfd, tfp

N_LEAPFROG_STEPS = 3
STEP_SIZE = 0.3  # of the prior's standard deviation


class _FreshKernel(tfp.mcmc.TransitionKernel):
    """A kernel that takes nothing from the step before but the state.

    TFP 0.8's annealing hands each step the log-density that the last one computed, at the last temperature: the acceptance
    ratio then mixes two temperatures, and with a sharp decoder the estimate of log p(x) is off by many of its standard errors.
    """

    def __init__(self, kernel):
        self._kernel = kernel

    @property
    def is_calibrated(self):
        return self._kernel.is_calibrated

    def one_step(self, current_state, previous_kernel_results):
        return self._kernel.one_step(current_state, self._kernel.bootstrap_results(current_state))

    def bootstrap_results(self, init_state):
        return self._kernel.bootstrap_results(init_state)


def log_likelihood(decode, restore, images, latent_dim, seed, n_chains, n_steps):
    """Estimate log p(x) of each image by annealing from the prior to the posterior (Neal 2001; Wu et al. 2017).

    Args:
        decode: function that builds the decoder in the default graph: z float32 [n, latent_dim] -> pixel probabilities of
            p(x|z), [n, n_pixels]. Called again it uses the same variables, the only ones of the graph.
        restore: function that gives these variables their trained values, called with a tf.Session and a tf.train.Saver.
        images: float32 [n_images, n_pixels], pixels in {0, 1}.
        latent_dim: int.
        seed: int, of all that is drawn.
        n_chains: int, independent chains for each image.
        n_steps: int, temperatures between prior and posterior; each is followed by one step of Hamiltonian Monte Carlo.

    Returns:
        estimate, standard_error: float64 [n_images] each, nats. The error is by the delta method from the chains' weights.
    """
    graph = tf.Graph()
    # A graph of its own: graph_replace, which the training graph needs, can't copy the sampler's while loops.
    with graph.as_default():
        tf.set_random_seed(seed)
        n_images, n_pixels = images.shape
        x = tf.constant(images[:, np.newaxis, :])
        prior = tfd.MultivariateNormalDiag(tf.zeros(latent_dim), tf.ones(latent_dim))

        def log_joint(z):
            """log p(x|z) + log p(z), [n_images, n_chains], for z [n_images, n_chains, latent_dim]."""
            probabilities = decode(tf.reshape(z, [-1, latent_dim]))
            likelihood = tfd.Bernoulli(probs=tf.reshape(probabilities, [n_images, -1, n_pixels]))
            return tf.reduce_sum(likelihood.log_prob(x), axis=-1) + prior.log_prob(z)

        start = prior.sample([n_images, n_chains], seed=seeds.op_seed("ais/start"))
        log_joint(start)  # makes the decoder's variables outside of the sampler's loop
        saver = tf.train.Saver()
        _, log_weights, _ = tfp.mcmc.sample_annealed_importance_chain(
            num_steps=n_steps,
            proposal_log_prob_fn=prior.log_prob,
            target_log_prob_fn=log_joint,
            current_state=start,
            make_kernel_fn=lambda log_prob: _FreshKernel(tfp.mcmc.HamiltonianMonteCarlo(
                log_prob, step_size=STEP_SIZE, num_leapfrog_steps=N_LEAPFROG_STEPS, seed=seeds.op_seed("ais/kernel"))))
    with open_session(graph, intra_op_threads=1, inter_op_threads=0) as session:
        restore(session, saver)
        log_weights = session.run(log_weights).astype(np.float64)
    highest = log_weights.max(axis=1)
    weights = np.exp(log_weights - highest[:, np.newaxis])
    mean = weights.mean(axis=1)
    return highest + np.log(mean), weights.std(axis=1) / mean / math.sqrt(n_chains)
