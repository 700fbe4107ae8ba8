"""What makes training faster and changes no bit of it; each piece has its switch in the config's `runtime` section."""

import ctypes
import sys

from tensorflow.python.ops import math_grad

from avb_tf1.ground import cpu
from avb_tf1.ground.tensorflow import tf

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_BIG = 3e38  # near float32's largest number: times any positive normal number it is at least 1
_NARROW = 4  # a layer is narrow if it has at least as many times more inputs than units


@tf.RegisterGradient("ProductRelu")
def _product_relu_gradient(op, gradient):
    # min(BIG * y, 1) is exactly 1 where the ReLU's output y is positive and exactly 0 where it is 0.
    return gradient * tf.minimum(_BIG * op.outputs[0], 1.0)


@tf.RegisterGradient("NarrowMatMul")
def _narrow_matmul_gradient(op, gradient):
    inputs, weights = op.inputs
    n_inputs, n_units = weights.shape.as_list()
    if op.get_attr("transpose_a") or op.get_attr("transpose_b") or n_inputs is None or n_units is None:
        return math_grad._MatMulGrad(op, gradient)  # no layer of ours: a user's model may have any product
    inputs_gradient = tf.matmul(gradient, weights, transpose_b=True)
    if n_units * _NARROW > n_inputs:
        return inputs_gradient, tf.matmul(inputs, gradient, transpose_a=True)
    return inputs_gradient, tf.transpose(tf.matmul(gradient, inputs, transpose_a=True))


def faster_gradients(runtime):
    """Context: what is built inside gets gradients that are computed faster, with the same bits, by a config's runtime section.

    product_relu_gradient: ReLU's gradient as vectorised products; TF 1.15's ReluGrad kernel takes some 13 times as long as
    the forward ReLU.
    narrow_weight_gradient: the weight gradient of a layer with few outputs is computed transposed; TF 1.15's kernel for
    [256, 512] by [512, 2] takes 7 times as long as that for [2, 512] by [512, 256]. Only with one thread inside an operation,
    on a CPU with AVX-512: other kernels add up in an order that depends on which side is transposed.
    """
    overrides = {}
    if runtime.product_relu_gradient:
        overrides["Relu"] = "ProductRelu"
    if runtime.narrow_weight_gradient and runtime.intra_op_threads == 1 and cpu.facts()["instruction_set"] == "avx512f":
        overrides["MatMul"] = "NarrowMatMul"
    return tf.get_default_graph().gradient_override_map(overrides)


def keep_freed_memory():
    """Tell glibc to keep what each step frees for the next step, instead of giving it back and faulting it in again.

    For the whole process. Does nothing where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform.startswith("linux") else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)
