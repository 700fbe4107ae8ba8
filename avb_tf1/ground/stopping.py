"""What SIGINT, SIGTERM and SIGHUP do: end the process at once, or training between two iterations."""

import contextlib
import os
import signal
from _thread import allocate_lock, get_ident

from avb_tf1.ground.errors import OneLineError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

last_word = allocate_lock()  # whoever ends the process takes it, for good, before telling why: one line, by one of them
groups = set()               # process groups that end with this process, by their leaders
unfinished = set()           # paths of temporary files, which nobody will finish if the process ends at once
_LAST_WORD_SECONDS = 5
_requests = []               # of the contexts that last, the innermost last
_hints = []                  # likewise


class Stopped(OneLineError):
    """A signal ended the run after its checkpoint was saved; the exit code is 128 + the signal's number."""

    def __init__(self, signal_number, message):
        super().__init__(message)
        self.exit_code = 128 + signal_number


class StopRequest:
    """Remembers the first signal: its signal_number, int, is None as long as no signal came."""

    signal_number = None


@contextlib.contextmanager
def on_signals():
    """Give a StopRequest that the signals set while the context lasts.

    A second SIGINT doesn't wait: it ends a script's process at once, and raises KeyboardInterrupt in any other.
    """
    from threading import main_thread  # not before the signals are blocked (command_line.begin)

    request = StopRequest()
    _requests.append(request)
    # For a process whose signals the main thread takes; in a script another thread does (command_line.begin). Other threads
    # can't say what signals do.
    numbers = [number for number in SIGNALS if not is_ignored(number)] if get_ident() == main_thread().ident else []
    previous = {number: signal.signal(number, _take) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        _requests.remove(request)


@contextlib.contextmanager
def hint(text):
    """While the context lasts, `text` follows what is told when a signal ends the process: the outermost hint's."""
    _hints.append(text)
    try:
        yield
    finally:
        _hints.remove(text)


def how_to_go_on():
    """Return the outermost hint; "" if there is none."""
    return "".join(_hints[:1])


def is_ignored(signal_number):
    """Whether the process was started with `nohup`, as far as this signal is concerned."""
    return signal_number == signal.SIGHUP and signal.getsignal(signal_number) == signal.SIG_IGN


def take_forever(numbers, stderr):
    """Take the signals, which all threads have blocked: set the StopRequest if there is one, else end the process.

    `numbers` are the signals'; `stderr` is the file descriptor to tell the end on.
    """
    while True:
        number = signal.sigwait(numbers)
        requests = tuple(_requests)  # its context may end at any time
        if requests:
            _take(number, request=requests[-1])
            # `timeout` sends its signal to the process and to its group: that is one signal.
            signal.sigtimedwait([number], 0.1)
        else:
            _end(number, stderr)


def _take(number, frame=None, request=None):
    request = request or _requests[-1]
    if request.signal_number is None:
        request.signal_number = number
    elif number == signal.SIGINT:
        if frame is not None:  # a handler of Python's calls this: the process is the user's, and may be a notebook's kernel
            raise KeyboardInterrupt
        _end_groups()
        os._exit(128 + number)  # asked for twice: at once, without flushing or cleaning up


def _end(number, stderr):
    last_word.acquire(timeout=_LAST_WORD_SECONDS)  # another thread may print one to where nobody reads
    text = "interrupted" if number == signal.SIGINT else "stopped by %s" % signal.Signals(number).name
    with contextlib.suppress(OSError):
        os.write(stderr, b"%s\n" % "; ".join([text] + _hints[:1]).encode("utf-8", "backslashreplace"))
    for path in tuple(unfinished):
        with contextlib.suppress(OSError):
            os.remove(path)
    _end_groups()
    os._exit(128 + number)


def _end_groups():
    for leader in tuple(groups):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)
