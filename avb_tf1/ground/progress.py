"""What is done while nothing trains, and how much of it is left: told on standard output where that is wanted."""

import contextlib
import sys
import threading
import time

_PERIOD = 5.0                 # seconds between two lines
_SILENCE = 10.0               # seconds, after which it is told again what is going on
_of_thread = threading.local()  # what is told is wanted by one thread's caller, and not by another's


class _Teller:
    """Prints lines, and when nothing was printed for a while, what is going on and for how long.

    Attributes:
        doing: what is going on, "" if that is told otherwise, and since when.
    """

    def __init__(self):
        self.doing = "", time.monotonic()
        self._changed, self._is_over, self._next = threading.Condition(), False, time.monotonic() + _SILENCE
        self._thread = threading.Thread(target=self._tell_again, daemon=True)
        self._thread.start()

    def tell(self, text):
        with self._changed:
            print(text, flush=True)
            self._next = time.monotonic() + _SILENCE

    def _tell_again(self):
        with self._changed:
            while not self._is_over:
                now, (what, since) = time.monotonic(), self.doing
                if now >= self._next:
                    if what:
                        print("%s: %s so far" % (what, duration(now - since)), flush=True)
                    self._next = now + _SILENCE
                self._changed.wait(self._next - now)

    def end(self):
        with self._changed:
            self._is_over = True
            self._changed.notify()
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
        _teller().doing = what, time.monotonic()
        _teller().tell("%s ..." % what)


def through(items, what, total=None):
    """Yield items, telling how many are done and how long the others take at this rate.

    On a terminal or in a notebook that is a bar, elsewhere a line every few seconds. `what` says what is done; `total` is how
    many items there are, if they have no length.
    """
    total, teller = len(items) if total is None else total, _teller()
    if teller is None:
        yield from items
        return
    before, start = teller.doing, time.perf_counter()
    try:
        bar = class_of_bars()
        if bar is not None:
            teller.doing = "", time.monotonic()
            yield from bar(items, what, total, leave=False, file=sys.stdout)
        else:
            due = start + _PERIOD
            teller.doing = "%s, 0 of %d" % (what, total), time.monotonic()
            for n_done, item in enumerate(items):
                now = time.perf_counter()
                if n_done and now >= due:
                    teller.doing = "%s, %d of %d" % (what, n_done, total), time.monotonic()
                    teller.tell("%s: %d of %d, %s left at this rate" % (
                        what, n_done, total, duration((now - start) / n_done * (total - n_done))))
                    due = now + _PERIOD
                yield item
    finally:
        teller.doing = before  # these are over, and what they were a part of may take longer


def class_of_bars():
    """Return tqdm's class of progress bars where standard output is a terminal or a notebook's, None elsewhere.

    In a notebook without ipywidgets that is tqdm's bar of text, and tqdm warns of it once.
    """
    kernel = sys.modules.get("ipykernel.iostream")
    if kernel is not None and isinstance(sys.stdout, kernel.OutStream):
        from tqdm.auto import tqdm
    elif sys.stdout.isatty():
        from tqdm import tqdm
    else:
        return None
    return tqdm


def duration(seconds):
    """Return a number of seconds as text, in minutes if they are many."""
    return "%.0f s" % seconds if seconds < 100 else "%.1f min" % (seconds / 60)


def _teller():
    return getattr(_of_thread, "teller", None)
