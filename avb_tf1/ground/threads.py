"""Several things at once, on several cores; how long each took; and NumPy's products, which are to have one thread each."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import threadpoolctl

_timings = []                 # what timed() gave, while its context lasts
_changing = threading.Lock()
_limits = []                  # [the limits of the process, how many contexts want them]: empty if there is none


def at_once(*functions):
    """Call functions without arguments, the first in this thread and each other in one of its own; return their results.

    If some raise, the first one's exception is raised, once all have ended.
    """
    with ThreadPoolExecutor(max(1, len(functions) - 1)) as pool:
        others = [pool.submit(function) for function in functions[1:]]
        return [functions[0](), *(other.result() for other in others)]


@contextlib.contextmanager
def one_blas_thread():
    """While a thread is in this context, NumPy's matrix products have one thread each, in the whole process.

    Their last bits depend on how many they have, so on the machine. Nor would more be faster: products here are small, and
    idle threads of BLAS spin for a while, which took a third of the time of figures.
    """
    with _changing:
        if not _limits:
            _limits[:] = [threadpoolctl.threadpool_limits(1, user_api="blas"), 0]
        _limits[1] += 1
    try:
        yield
    finally:
        with _changing:
            _limits[1] -= 1
            if not _limits[1]:
                _limits[0].restore_original_limits()
                _limits.clear()


@contextlib.contextmanager
def timed():
    """Give a dict that has, while the context lasts, the wall seconds of each timed_part of this process by name, summed."""
    seconds = {}
    with _changing:
        _timings.append(seconds)
    try:
        yield seconds
    finally:
        with _changing:
            _timings[:] = [other for other in _timings if other is not seconds]


@contextlib.contextmanager
def timed_part(name):
    """What is done in this context is a part of what timed() times."""
    start = time.perf_counter()
    try:
        yield
    finally:
        with _changing:
            for seconds in _timings:
                seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start
