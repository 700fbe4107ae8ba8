"""What makes training faster and changes no bit of it; each piece has its switch in the config's `runtime` section."""

import ctypes
import sys

from avb_tf1.quiet_tensorflow import tf

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_NARROW = 16  # columns
_BIG = 3e38  # near float32's largest number: times any positive normal number it is at least 1


@tf.RegisterGradient("ProductRelu")
def _product_relu_gradient(op, gradient):
    # min(BIG * y, 1) is exactly 1 where the ReLU's output y is positive and exactly 0 where it is 0.
    return gradient * tf.minimum(_BIG * op.outputs[0], 1.0)


@tf.RegisterGradient("NarrowMatMul")
def _narrow_matmul_gradient(op, gradient):
    assert not op.get_attr("transpose_a") and not op.get_attr("transpose_b")  # no layer here has such a product
    a, b = op.inputs
    gradient_of_a = tf.matmul(gradient, b, transpose_b=True)
    if b.shape[1].value <= _NARROW:
        return gradient_of_a, tf.transpose(tf.matmul(gradient, a, transpose_a=True))
    return gradient_of_a, tf.matmul(a, gradient, transpose_a=True)


def faster_gradients(runtime):
    """Context: the gradients of what is built inside come from faster kernels, with the same bits as TensorFlow's own.

    Args:
        runtime: the config's runtime section. product_relu_gradient: a ReLU's gradient is made of vectorised products; TF
            1.15's ReluGrad kernel on the CPU takes some 13 times as long as the forward ReLU. narrow_matmul_gradient: the
            gradient of a weight matrix with few columns (the output layers') is computed transposed; TF 1.15 takes some 9
            times as long for [256, 512] by [512, 2] as for [2, 512] by [512, 256].
    """
    overrides = {}
    if runtime.product_relu_gradient:
        overrides["Relu"] = "ProductRelu"
    if runtime.narrow_matmul_gradient:
        overrides["MatMul"] = "NarrowMatMul"
    return tf.get_default_graph().gradient_override_map(overrides)


def keep_freed_memory():
    """Tell glibc to keep what each step frees for the next step, instead of giving it back and faulting it in again.

    For the whole process. Does nothing where the C library is not glibc.
    """
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, 1 << 30)
            mallopt(_M_TRIM_THRESHOLD, 1 << 30)
