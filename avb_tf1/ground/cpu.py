"""The CPU that this process runs on. Knows no TensorFlow.

TensorFlow's matrix products choose their code by the CPU's instruction set, so that the same bits are promised on one kind of
CPU only: the same model with the same instruction set.
"""

import contextlib
import functools
import os
import platform

_INSTRUCTION_SETS = ("avx512f", "avx2", "avx", "sse4_2", "sse4_1")  # the widest first, as /proc/cpuinfo calls them


@functools.lru_cache(maxsize=None)
def facts():
    """Return cpu_model, instruction_set (the widest for matrix products, or "unknown") and n_cpus."""
    model, flags = platform.processor() or platform.machine(), ()
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                model = value.strip()
            elif key.strip() == "flags":
                flags = value.split()
                break
    return {"cpu_model": model, "n_cpus": n_cpus(),
            "instruction_set": next((name for name in _INSTRUCTION_SETS if name in flags), "unknown")}


def n_cpus():
    """Return the number of CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
