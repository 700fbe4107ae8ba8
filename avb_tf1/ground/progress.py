"""What is done while nothing trains, and how much of it is left: told on standard output where that is wanted."""

import contextlib
import sys
import threading
import time

_PERIOD = 5.0                 # seconds between two lines
_SILENCE = 10.0               # seconds, after which it is told again what is going on
_of_thread = threading.local()  # what is told is wanted by one thread's caller, and not by another's


class _Teller:
    """Prints lines, and when nothing was printed for a while, what is going on and for how long."""

    def __init__(self):
        self._what, self._since, self._next = "", 0.0, float("inf")
        self._changed, self._is_over, self._thread = threading.Condition(), False, None

    def tell(self, text, what):
        """Print a line, unless it is empty; `what` is going on from now on, "" if that is told otherwise."""
        with self._changed:
            if text:
                print(text, flush=True)
            now = time.monotonic()
            if what != self._what:
                self._what, self._since = what, now
            self._next = now + _SILENCE
            if self._thread is None:
                self._thread = threading.Thread(target=self._tell_again, daemon=True)
                self._thread.start()

    def _tell_again(self):
        with self._changed:
            while not self._is_over:
                now = time.monotonic()
                if now >= self._next:
                    if self._what:
                        print("%s: %s so far" % (self._what, duration(now - self._since)), flush=True)
                    self._next = now + _SILENCE
                self._changed.wait(max(self._next - now, 0.01))

    def end(self):
        with self._changed:
            self._is_over = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()


@contextlib.contextmanager
def shown(is_wanted=True):
    """While the context lasts, this thread tells what it does, or doesn't, by say and through."""
    before, _of_thread.teller = _teller(), _Teller() if is_wanted else None
    try:
        yield
    finally:
        if is_wanted:
            _of_thread.teller.end()
        _of_thread.teller = before


def say(what):
    """Tell what is done next."""
    if _teller() is not None:
        _teller().tell("%s ..." % what, what)


def through(items, what, total=None):
    """Yield items, telling how many are done and how long the others take at this rate.

    On a terminal that is a bar, elsewhere a line every few seconds. `what` says what is done; `total` is how many items there
    are, if they have no length.
    """
    total, teller = len(items) if total is None else total, _teller()
    if teller is None:
        yield from items
    elif sys.stdout.isatty():
        import tqdm  # takes a while
        teller.tell("", "")
        yield from tqdm.tqdm(items, what, total, leave=False, file=sys.stdout)
    else:
        start = time.perf_counter()
        due = start + _PERIOD
        teller.tell("", "%s, 0 of %d" % (what, total))
        for n_done, item in enumerate(items):
            now = time.perf_counter()
            if n_done and now >= due:
                teller.tell("%s: %d of %d, %s left at this rate" % (
                    what, n_done, total, duration((now - start) / n_done * (total - n_done))), "%s, %d of %d" % (
                        what, n_done, total))
                due = now + _PERIOD
            yield item


def duration(seconds):
    """Return a number of seconds as text, in minutes if they are many."""
    return "%.0f s" % seconds if seconds < 100 else "%.1f min" % (seconds / 60)


def _teller():
    return getattr(_of_thread, "teller", None)
