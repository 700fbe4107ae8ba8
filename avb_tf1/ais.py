"""Annealed importance sampling of log p(x): an independent check of the quadrature, with TensorFlow Probability's sampler."""

import math

import numpy as np

from avb_tf1 import checkpoint, networks
from avb_tf1.data import one_hot_images
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


def log_likelihood(config, checkpoint_path, n_chains, n_steps):
    """Estimate log p(x) of the four images by annealing from the prior to the posterior (Neal 2001; Wu et al. 2017).

    Args:
        config: AVBConfig or VAEConfig.
        checkpoint_path: str, prefix of a TensorFlow checkpoint with the decoder's weights.
        n_chains: int, independent chains for each image.
        n_steps: int, temperatures between prior and posterior; each is followed by one step of Hamiltonian Monte Carlo.

    Returns:
        estimate, standard_error: float64 [4] each, nats. The error is by the delta method from the chains' weights.
    """
    graph = tf.Graph()
    # A graph of its own: graph_replace, which the training graph needs, can't copy the sampler's while loops.
    with graph.as_default():
        tf.set_random_seed(config.seed)
        n_images, latent_dim = len(one_hot_images()), config.model.latent_dim
        x = tf.constant(one_hot_images()[:, np.newaxis, :])
        prior = tfd.MultivariateNormalDiag(tf.zeros(latent_dim), tf.ones(latent_dim))

        def log_joint(z):
            """log p(x|z) + log p(z), [4, n_chains], for z [4, n_chains, latent_dim]."""
            probabilities = networks.decoder(tf.reshape(z, [-1, latent_dim]), config.model)
            likelihood = tfd.Bernoulli(probs=tf.reshape(probabilities, [n_images, -1, x.shape[-1].value]))
            return tf.reduce_sum(likelihood.log_prob(x), axis=-1) + prior.log_prob(z)

        start = prior.sample([n_images, n_chains], seed=networks.op_seed("ais/start"))
        log_joint(start)  # makes the decoder's variables outside of the sampler's loop
        saver = tf.train.Saver(tf.trainable_variables("decoder/"))
        _, log_weights, _ = tfp.mcmc.sample_annealed_importance_chain(
            num_steps=n_steps,
            proposal_log_prob_fn=prior.log_prob,
            target_log_prob_fn=log_joint,
            current_state=start,
            make_kernel_fn=lambda log_prob: _FreshKernel(tfp.mcmc.HamiltonianMonteCarlo(
                log_prob, step_size=STEP_SIZE, num_leapfrog_steps=N_LEAPFROG_STEPS, seed=networks.op_seed("ais/kernel"))))
    with open_session(graph, config.runtime.intra_op_threads, config.runtime.inter_op_threads) as session:
        checkpoint.restore(session, saver, checkpoint_path)
        log_weights = session.run(log_weights).astype(np.float64)
    highest = log_weights.max(axis=1)
    weights = np.exp(log_weights - highest[:, np.newaxis])
    mean = weights.mean(axis=1)
    return highest + np.log(mean), weights.std(axis=1) / mean / math.sqrt(n_chains)
