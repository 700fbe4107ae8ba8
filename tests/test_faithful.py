"""The package's graph against a straight-line transcription of the tutorial's, to the bit."""

import numpy as np
from conftest import synthetic

from avb_tf1.graph import build_graph
from avb_tf1.networks import op_seed
from avb_tf1.quiet_tensorflow import open_session, tf, tfc, tfd

N_ITERATIONS = 50


def build_tutorial(seed):
    """The tutorial's graph, layer by layer as it is told there; only the seeds of the two samples are added."""
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(seed)
        images = np.eye(4, dtype=np.float32)[np.concatenate([[i] * 128 for i in range(4)])]
        x = tf.constant(images)
        noise = tfd.MultivariateNormalDiag(loc=tf.zeros(4), scale_diag=tf.ones(4)).sample(512, seed=op_seed("eps"))
        with tf.variable_scope("encoder", reuse=tf.AUTO_REUSE):
            z = tfc.layers.repeat(tf.concat([x, noise], 1), 2, tfc.layers.fully_connected, 256)
            z = tfc.layers.fully_connected(z, 2, activation_fn=None)
        with tf.variable_scope("decoder", reuse=tf.AUTO_REUSE):
            hidden = tfc.layers.repeat(z, 2, tfc.layers.fully_connected, 256)
            probs = 1e-6 + (1 - 2e-6) * tfc.layers.fully_connected(hidden, 4, activation_fn=tf.nn.sigmoid)
            log_probs = tfd.Bernoulli(probs=probs).log_prob(x)
        prior = tfd.MultivariateNormalDiag(loc=tf.zeros(2), scale_diag=tf.ones(2)).sample(512, seed=op_seed("z_prior"))
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
        weights = [tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, s) for s in ("encoder", "decoder", "discriminator")]
        g_op = tf.train.AdamOptimizer(2e-4, beta1=0.5).minimize(g_loss, var_list=weights[0] + weights[1])
        d_op = tf.train.AdamOptimizer(1e-3, beta1=0.5).minimize(d_loss, var_list=weights[2])
        initialize = tf.global_variables_initializer()
    return graph, weights, initialize, [g_loss, d_loss, g_op, d_op], noise, prior


def one_thread(graph):
    return open_session(graph, intra_op_threads=1, inter_op_threads=1)


def test_losses_equal_the_tutorials_to_the_bit_for_50_iterations():
    model = build_graph(synthetic())
    monitors = model.steps[0].monitors
    ours = []
    with one_thread(model.graph) as session:
        session.run(model.initialize)
        start = session.run(model.variables)
        for _ in range(N_ITERATIONS):
            _, g_loss, d_loss = session.run(
                [model.steps[0].train_op, monitors["generator_loss"], monitors["discriminator_loss"]])
            ours.append((g_loss, d_loss))
        end = session.run(model.variables)

    graph, weights, initialize, fetches, _, _ = build_tutorial(synthetic().seed)
    tutorials = []
    with one_thread(graph) as session:
        session.run(initialize)
        for scope, variables in zip(("encoder", "decoder", "discriminator"), weights):
            for variable, value in zip(variables, start[scope]):
                variable.load(value, session)
        for _ in range(N_ITERATIONS):
            tutorials.append(session.run(fetches)[:2])
        tutorials_end = session.run(weights)

    np.testing.assert_array_equal(np.float32(ours), np.float32(tutorials))
    for scope, values in zip(("encoder", "decoder", "discriminator"), tutorials_end):
        for value, expected in zip(end[scope], values):
            np.testing.assert_array_equal(value, expected)


def test_noise_is_the_tutorials():
    model = build_graph(synthetic())
    graph, _, _, _, noise, prior = build_tutorial(synthetic().seed)
    with one_thread(model.graph) as ours, one_thread(graph) as theirs:
        for _ in range(2):
            for value, expected in zip(ours.run([model.eps, model.z_prior]), theirs.run([noise, prior])):
                np.testing.assert_array_equal(value, expected)
