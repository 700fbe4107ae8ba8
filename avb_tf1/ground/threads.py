"""Several things at once, on several cores; and how long each took."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

_timings = []                 # what timed() gave, while its context lasts
_changing = threading.Lock()


def at_once(*functions):
    """Call functions without arguments, the first in this thread and each other in one of its own; return their results.

    If some raise, the first one's exception is raised, once all have ended.
    """
    with ThreadPoolExecutor(max(1, len(functions) - 1)) as pool:
        others = [pool.submit(function) for function in functions[1:]]
        return [functions[0](), *(other.result() for other in others)]


@contextlib.contextmanager
def timed():
    """Give a dict that has, while the context lasts, the wall seconds of each part() of this process by its name, summed."""
    seconds = {}
    with _changing:
        _timings.append(seconds)
    try:
        yield seconds
    finally:
        with _changing:
            _timings[:] = [other for other in _timings if other is not seconds]


@contextlib.contextmanager
def part(name):
    """What is done in this context is a part of what timed() times."""
    start = time.perf_counter()
    try:
        yield
    finally:
        with _changing:
            for seconds in _timings:
                seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start
