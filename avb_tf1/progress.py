"""How far training is: a tqdm bar on a terminal, a plain line every few seconds elsewhere."""

import sys
import time

import tqdm

BAR_SECONDS = 0.1
LINE_SECONDS = 5.0


class Progress:
    """Shows iterations done, their rate and the losses on standard output.

    Args:
        n_iterations: int.
        enabled: False shows nothing.
        n_done: int, iterations done before this run of the loop.
    """

    def __init__(self, n_iterations, enabled, n_done=0):
        self._n_iterations, self._n_done = n_iterations, n_done
        self._bar = None
        self._period = float("inf")
        if enabled and sys.stdout.isatty():
            self._bar = tqdm.tqdm(total=n_iterations, initial=n_done, file=sys.stdout, unit="it", miniters=1)
            self._period = BAR_SECONDS
        elif enabled:
            self._period = LINE_SECONDS
        self._start = self._next = time.perf_counter()
        self._next += self._period

    def __call__(self, iteration, monitors):
        now = time.perf_counter()
        if now < self._next and iteration < self._n_iterations:
            return
        self._next = now + self._period
        losses = {name.replace("_loss", ""): "%.4f" % value for name, value in monitors.items() if name.endswith("_loss")}
        if self._bar is not None:
            self._bar.set_postfix(losses, refresh=False)
            self._bar.update(iteration - self._bar.n)
        elif self._period < float("inf"):
            rate = (iteration - self._n_done) / (now - self._start)
            left = (self._n_iterations - iteration) / rate
            print("iteration %d/%d  %s  %.1f it/s  %.0f s left" % (
                iteration, self._n_iterations, "  ".join("%s %s" % item for item in losses.items()), rate, left), flush=True)

    def close(self):
        """Leave the bar as it stands and go to a new line."""
        if self._bar is not None:
            self._bar.close()
