"""A straight-line transcription of the tutorial's graph, to hold the package's graph against: in tests its bits, in the
benchmark its speed. Nothing that trains a model for a user is built from it.
"""

from collections import namedtuple

import numpy as np

from avb_tf1.ground.tensorflow import tf, tfc, tfd

TutorialGraph = namedtuple("TutorialGraph", "graph initialize losses train_ops variables noise prior")


def build(graph_seed=None, noise_seed=None, prior_seed=None):
    """Return the tutorial's graph, layer by layer as it is told there. The tutorial sets none of the seeds.

    Returns:
        TutorialGraph: the tf.Graph; the op that initialises it; [generator loss, discriminator loss]; [the generator's and
        the discriminator's train op]; the variables of encoder, decoder and discriminator; noise [512, 4]; prior [512, 2].
    """
    graph = tf.Graph()
    with graph.as_default():
        if graph_seed is not None:
            tf.set_random_seed(graph_seed)
        images = np.eye(4, dtype=np.float32)[np.concatenate([[i] * 128 for i in range(4)])]
        x = tf.constant(images)
        noise = tfd.MultivariateNormalDiag(loc=tf.zeros(4), scale_diag=tf.ones(4)).sample(512, seed=noise_seed)
        with tf.variable_scope("encoder", reuse=tf.AUTO_REUSE):
            z = tfc.layers.repeat(tf.concat([x, noise], 1), 2, tfc.layers.fully_connected, 256)
            z = tfc.layers.fully_connected(z, 2, activation_fn=None)
        with tf.variable_scope("decoder", reuse=tf.AUTO_REUSE):
            hidden = tfc.layers.repeat(z, 2, tfc.layers.fully_connected, 256)
            probs = 1e-6 + (1 - 2e-6) * tfc.layers.fully_connected(hidden, 4, activation_fn=tf.nn.sigmoid)
            log_probs = tfd.Bernoulli(probs=probs).log_prob(x)
        prior = tfd.MultivariateNormalDiag(loc=tf.zeros(2), scale_diag=tf.ones(2)).sample(512, seed=prior_seed)
        prior_input = tf.concat([2 * x - 1, prior], 1)
        posterior_input = tf.concat([2 * x - 1, z], 1)
        with tf.variable_scope("discriminator", reuse=tf.AUTO_REUSE):
            top = tfc.layers.repeat(prior_input, 2, tfc.layers.fully_connected, 256)
            t_prior = tfc.layers.fully_connected(top, 1, activation_fn=None)
            posterior_top = tfc.graph_editor.graph_replace(top, {prior_input: posterior_input})
            t_posterior = tfc.graph_editor.graph_replace(t_prior, {top: posterior_top})
        d_loss = tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(logits=t_posterior, labels=tf.ones_like(t_posterior))
            + tf.nn.sigmoid_cross_entropy_with_logits(logits=t_prior, labels=tf.zeros_like(t_prior)))
        g_loss = tf.reduce_mean(t_posterior) - tf.reduce_mean(tf.reduce_sum(log_probs, axis=1))
        weights = [tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope)
                   for scope in ("encoder", "decoder", "discriminator")]
        g_op = tf.train.AdamOptimizer(2e-4, beta1=0.5).minimize(g_loss, var_list=weights[0] + weights[1])
        d_op = tf.train.AdamOptimizer(1e-3, beta1=0.5).minimize(d_loss, var_list=weights[2])
        initialize = tf.global_variables_initializer()
    return TutorialGraph(graph, initialize, [g_loss, d_loss], [g_op, d_op], weights, noise, prior)
