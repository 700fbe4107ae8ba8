"""Several things at once, on several cores; how long each took; and loops of libraries, which are to have one thread each."""

import contextlib
import ctypes
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import scipy.linalg  # noqa: F401 (it loads a BLAS of its own)
import threadpoolctl

# Once, here: to find the libraries it goes through all that the process has loaded, and it would hang for good if another
# thread loaded one meanwhile. It holds the loader's lock and waits for Python's; an import holds Python's and waits for that.
_libraries = threadpoolctl.ThreadpoolController()
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
            _limits[:] = [_libraries.limit(limits=1, user_api="blas"), 0]
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
def one_openmp_thread(module):
    """While this thread is in this context, its OpenMP loops have one thread.

    Args:
        module: str, the file of a loaded extension module that such loops are in; its OpenMP library is the one that counts.
    """
    library = ctypes.CDLL(module)
    n_threads = library.omp_get_max_threads()
    library.omp_set_num_threads(1)
    try:
        yield
    finally:
        library.omp_set_num_threads(n_threads)


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
