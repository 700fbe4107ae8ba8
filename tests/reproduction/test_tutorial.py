"""The package's graph against a straight-line transcription of the tutorial's, to the bit, and that against numpy."""

import numpy as np
import reference
from helpers import synthetic

from avb_tf1.config.training import AdamConfig
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.seeds import op_seed
from avb_tf1.ground.tensorflow import open_session
from avb_tf1.reproduction import tutorial

N_ITERATIONS = 50
SCOPES = ("encoder", "decoder", "discriminator")


def build_tutorial():
    """The tutorial's graph with the package's seeds for the two samples, and each update after all gradients and losses.

    The tutorial leaves that order open. On one thread TensorFlow nearly always takes this one, but not always: it goes
    through its operations in an order that depends on where they lie in memory.
    """
    theirs = tutorial.build(synthetic().seed, op_seed("eps"), op_seed("z_prior"))
    adams = [op for op in theirs.graph.get_operations() if op.type == "ApplyAdam"]
    assert len(adams) == 18
    first = [adam.inputs[9].op for adam in adams] + [loss.op for loss in theirs.losses]  # input 9: the gradient
    for adam in adams:
        adam._add_control_inputs(first)
    return theirs


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

    theirs = build_tutorial()
    losses = []
    with one_thread(theirs.graph) as session:
        session.run(theirs.initialize)
        for scope, variables in zip(SCOPES, theirs.variables):
            for variable, value in zip(variables, start[scope]):
                variable.load(value, session)
        for _ in range(N_ITERATIONS):
            losses.append(session.run(theirs.losses + theirs.train_ops)[:2])
        their_end = session.run(theirs.variables)

    np.testing.assert_array_equal(np.float32(ours), np.float32(losses))
    for scope, values in zip(SCOPES, their_end):
        for value, expected in zip(end[scope], values):
            np.testing.assert_array_equal(value, expected)


def test_noise_is_the_tutorials():
    model = build_graph(synthetic())
    theirs = build_tutorial()
    with one_thread(model.graph) as session, one_thread(theirs.graph) as their_session:
        for _ in range(2):
            np.testing.assert_array_equal(session.run(model.parts.posterior.eps), their_session.run(theirs.noise))
            np.testing.assert_array_equal(session.run(model.parts.divergence.z_prior), their_session.run(theirs.prior))


def test_the_tutorials_graph_is_what_numpy_says():
    """Both losses and all 18 variables in three iterations, in float64 with gradients derived by hand.

    Each iteration begins at the graph's weights: Adam divides by gradients of any size, so that float32's last digits would
    grow from one iteration to the next. The moments are numpy's own throughout.
    """
    images = np.repeat(np.eye(4), 128, axis=0)
    generator, discriminator = (AdamConfig(optimizer="adam", learning_rate=rate, beta1=0.5, beta2=0.999, epsilon=1e-8)
                                for rate in (2e-4, 1e-3))
    theirs = build_tutorial()
    moments = [[(0, 0)] * 6 for _ in SCOPES]
    with one_thread(theirs.graph) as session:
        session.run(theirs.initialize)
        for iteration in (1, 2, 3):
            start = [[value.astype(np.float64) for value in values] for values in session.run(theirs.variables)]
            losses, noise, prior, _ = session.run([theirs.losses, theirs.noise, theirs.prior, theirs.train_ops])
            expected_losses, gradients = reference.tutorial_losses_and_gradients(
                start, images, noise.astype(np.float64), prior.astype(np.float64))
            np.testing.assert_allclose(losses, expected_losses, rtol=1e-6)
            end = session.run(theirs.variables)
            for network, adam in enumerate((generator, generator, discriminator)):
                for number, gradient in enumerate(gradients[network]):
                    update, moments[network][number] = reference.adam_update(
                        gradient, adam, iteration, moments[network][number])
                    expected = start[network][number] + update
                    difference = np.linalg.norm(end[network][number] - expected) / np.linalg.norm(expected)
                    assert difference < 1e-5, (iteration, SCOPES[network], number)
