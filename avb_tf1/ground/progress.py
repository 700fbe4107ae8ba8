"""What is done while nothing trains, and how much of it is left: told on standard output where that is wanted."""

import contextlib
import sys
import threading
import time

_PERIOD = 5.0                 # seconds between two lines
_wanted = threading.local()   # by one thread's caller, and not by another's


@contextlib.contextmanager
def shown(is_wanted=True):
    """While the context lasts, this thread tells what it does, or doesn't, by say and through."""
    before = _is_wanted()
    _wanted.now = is_wanted
    try:
        yield
    finally:
        _wanted.now = before


def say(what):
    """Tell what is done next."""
    if _is_wanted():
        print("%s ..." % what, flush=True)


def through(items, what, total=None):
    """Yield items, telling how many are done and how long the others take at this rate.

    On a terminal that is a bar, elsewhere a line every few seconds. `what` says what is done; `total` is how many items there
    are, if they have no length.
    """
    total = len(items) if total is None else total
    if not _is_wanted():
        yield from items
    elif sys.stdout.isatty():
        import tqdm  # takes a while
        yield from tqdm.tqdm(items, what, total, leave=False, file=sys.stdout)
    else:
        start = time.perf_counter()
        due = start + _PERIOD
        for n_done, item in enumerate(items):
            now = time.perf_counter()
            if n_done and now >= due:
                print("%s: %d of %d, %s left at this rate" % (
                    what, n_done, total, duration((now - start) / n_done * (total - n_done))), flush=True)
                due = now + _PERIOD
            yield item


def duration(seconds):
    """Return a number of seconds as text, in minutes if they are many."""
    return "%.0f s" % seconds if seconds < 100 else "%.1f min" % (seconds / 60)


def _is_wanted():
    return getattr(_wanted, "now", False)
