"""What makes training faster and changes no bit of it; each piece has its switch in the config's `runtime` section."""

import ctypes
import sys

from avb_tf1.quiet_tensorflow import tf

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_BIG = 3e38  # near float32's largest number: times any positive normal number it is at least 1


@tf.RegisterGradient("ProductRelu")
def _product_relu_gradient(op, gradient):
    # min(BIG * y, 1) is exactly 1 where the ReLU's output y is positive and exactly 0 where it is 0.
    return gradient * tf.minimum(_BIG * op.outputs[0], 1.0)


def product_relu_gradient(enabled):
    """Context: ReLUs built inside get a gradient made of vectorised products; the same bits as TensorFlow's ReluGrad.

    TF 1.15's ReluGrad kernel on the CPU takes some 13 times as long as the forward ReLU.

    Args:
        enabled: bool; if false, the context does nothing.
    """
    return tf.get_default_graph().gradient_override_map({"Relu": "ProductRelu"} if enabled else {})


def keep_freed_memory():
    """Tell glibc to keep what each step frees for the next step, instead of giving it back and faulting it in again.

    For the whole process. Does nothing where the C library is not glibc.
    """
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, 1 << 30)
            mallopt(_M_TRIM_THRESHOLD, 1 << 30)
