"""graph_replace: the same operations on the same weights."""

import numpy as np
from helpers import small

from avb_tf1.graph import networks
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.tensorflow import open_session, tf


def test_graph_replace_equals_the_discriminator_rebuilt_with_reuse():
    config = small()
    model = build_graph(config)
    model.graph._unsafe_unfinalize()
    with model.graph.as_default():
        n_variables = len(tf.global_variables())
        with tf.variable_scope(tf.get_variable_scope(), reuse=True):
            rebuilt = networks.discriminator(model.parts.batch.x, model.parts.posterior.z, config.model)
        assert len(tf.global_variables()) == n_variables
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        replaced, rebuilt, prior = session.run(
            [model.parts.divergence.logits_posterior, rebuilt, model.parts.divergence.logits_prior])
    np.testing.assert_array_equal(replaced, rebuilt)
    assert not np.array_equal(replaced, prior)
