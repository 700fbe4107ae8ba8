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


@pytest.mark.parametrize("overrides", [
    [], *(pytest.param(others, marks=pytest.mark.slow) for others in (
        INNER_PRODUCT, ALL_PAIRS, ["training.update=generator_first"],
        ["model.%s.activation=elu" % name for name in ("encoder", "decoder", "discriminator")]))],
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


@pytest.mark.parametrize("instruction_set, n_threads, narrow", [
    ("avx512f", 1, True), ("avx512f", 2, False), ("avx2", 1, False)])
def test_narrow_weight_gradients_need_avx512_and_one_thread(monkeypatch, instruction_set, n_threads, narrow):
    """Other kernels, and those that share a product among threads, don't give the same bits transposed."""
    monkeypatch.setattr(speed.cpu, "facts", lambda: {"instruction_set": instruction_set})
    threads = "runtime.intra_op_threads=%d" % n_threads
    with_it, without = (n_ops("Transpose", threads, "runtime.narrow_weight_gradient=" + switch) for switch in ("true", "false"))
    assert (with_it > without) == narrow


def test_narrow_weight_gradients_refuse_a_product_that_transposes(monkeypatch):
    """Their formula doesn't hold there, which square matrices would hide."""
    monkeypatch.setattr(speed.cpu, "facts", lambda: {"instruction_set": "avx512f"})
    with tf.Graph().as_default(), speed.faster_gradients(small().runtime):
        x = tf.ones([4, 4])
        assert tf.gradients(tf.matmul(x, tf.transpose(x)), x) != [None]
        with pytest.raises(AssertionError, match="MatMul_1 must not transpose"):
            tf.gradients(tf.matmul(x, x, transpose_b=True), x)


def test_product_relu_gradient_changes_the_graph():
    assert n_ops("ReluGrad") == 0 < n_ops("ReluGrad", "runtime.product_relu_gradient=false")
