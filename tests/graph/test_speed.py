"""What is faster has the same bits."""

import numpy as np
import pytest
from helpers import ALL_PAIRS, INNER_PRODUCT, small, synthetic

from avb_tf1.graph import speed
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.tensorflow import open_session, tf

SPEED_SWITCHES = ["product_relu_gradient", "narrow_weight_gradient"]


def trained_values(*overrides):
    """All variables, Adam's too, after 5 iterations of the tutorial's sizes on two threads."""
    model = build_graph(synthetic(*overrides))
    with open_session(model.graph, 1, 2) as session:
        session.run(model.initialize)
        for _ in range(5):
            for step in model.steps:
                session.run(step.train_op)
        with model.graph.as_default():
            return session.run({variable.op.name: variable for variable in tf.global_variables()})


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [
    [], INNER_PRODUCT, ALL_PAIRS, ["training.update=generator_first"],
    ["model.%s.activation=elu" % name for name in ("encoder", "decoder", "discriminator")]],
    ids=["tutorial", "inner_product", "all_pairs", "generator_first", "elu"])
def test_what_speeds_up_changes_no_bit(overrides):
    plain = trained_values(*overrides, *["runtime.%s=false" % switch for switch in SPEED_SWITCHES])
    for off in [[], *([switch] for switch in SPEED_SWITCHES)]:
        values = trained_values(*overrides, *["runtime.%s=false" % switch for switch in off])
        assert sorted(values) == sorted(plain)
        for name, value in values.items():
            np.testing.assert_array_equal(value, plain[name], "%s off, %s" % (off, name))


def n_ops(op_type, *overrides):
    return sum(op.type == op_type for op in build_graph(synthetic(*overrides)).graph.get_operations())


@pytest.mark.slow
@pytest.mark.parametrize("instruction_set, n_threads, narrow", [
    ("avx512f", 1, True), ("avx512f", 2, False), ("avx2", 1, False)])
def test_narrow_weight_gradients_need_avx512_and_one_thread(monkeypatch, instruction_set, n_threads, narrow):
    """Other kernels, and those that share a product among threads, don't give the same bits transposed."""
    monkeypatch.setattr(speed.cpu, "facts", lambda: {"instruction_set": instruction_set})
    threads = "runtime.intra_op_threads=%d" % n_threads
    with_it, without = (n_ops("Transpose", threads, "runtime.narrow_weight_gradient=" + switch) for switch in ("true", "false"))
    assert (with_it > without) == narrow


@pytest.mark.parametrize("transposed", [{}, {"transpose_a": True}, {"transpose_b": True}])
@pytest.mark.parametrize("instruction_set", ["avx512f", "avx2"])
def test_products_that_transpose_have_their_own_gradients(monkeypatch, transposed, instruction_set):
    """The formula of narrow layers doesn't hold there, which square matrices would hide; a user's model may have them."""
    monkeypatch.setattr(speed.cpu, "facts", lambda: {"instruction_set": instruction_set})
    random_state = np.random.RandomState(0)
    a, b = random_state.standard_normal((5, 20)), random_state.standard_normal((20, 2))
    with tf.Graph().as_default(), tf.Session() as session:
        x, y = tf.constant(a.T if "transpose_a" in transposed else a), tf.constant(b.T if "transpose_b" in transposed else b)
        with speed.faster_gradients(small().runtime):
            loss = tf.reduce_sum(tf.square(tf.matmul(x, y, **transposed)))
        of_a, of_b = session.run(tf.gradients(loss, [x, y]))
    np.testing.assert_allclose(of_a.T if "transpose_a" in transposed else of_a, 2 * a @ b @ b.T)
    np.testing.assert_allclose(of_b.T if "transpose_b" in transposed else of_b, 2 * a.T @ a @ b)


def test_product_relu_gradient_changes_the_graph():
    assert n_ops("ReluGrad") == 0 < n_ops("ReluGrad", "runtime.product_relu_gradient=false")
