"""Ending a run on SIGINT or SIGTERM between two iterations."""

import contextlib
import os
import signal

from avb_tf1.errors import OneLineError


class Stopped(OneLineError):
    """A signal ended the run after its checkpoint was saved.

    Attributes:
        exit_code: int, 128 + the signal's number.
    """

    def __init__(self, signal_number, message):
        super().__init__(message)
        self.exit_code = 128 + signal_number


class StopRequest:
    """Remembers the first SIGINT or SIGTERM.

    Attributes:
        signal_number: int, or None as long as no signal came.
    """

    def __init__(self):
        self.signal_number = None

    def _remember(self, signal_number, _):
        if self.signal_number is not None and signal_number == signal.SIGINT:
            os._exit(128 + signal_number)  # asked for twice: at once, without flushing or cleaning up
        if self.signal_number is None:
            self.signal_number = signal_number


@contextlib.contextmanager
def on_signals():
    """Give a StopRequest that SIGINT and SIGTERM set while the context lasts; a second SIGINT ends the process at once."""
    request = StopRequest()
    previous = {number: signal.signal(number, request._remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
