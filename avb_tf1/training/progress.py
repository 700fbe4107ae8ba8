"""How far training is: a tqdm bar on a terminal or in a notebook, a plain line every few seconds elsewhere."""

import sys
import time

from avb_tf1.ground.progress import class_of_bars, duration


class ProgressDisplay:
    """Shows iterations done and their rate on standard output, of one run or of several together.

    Args:
        n_iterations: int, to be done in all.
        enabled: False shows nothing.
        n_done: int, iterations done before now.
    """

    def __init__(self, n_iterations, enabled, n_done=0):
        self._n_iterations, self._n_done = n_iterations, n_done
        self._bar, self._period = None, 5.0 if enabled else float("inf")  # seconds
        bar = class_of_bars() if enabled else None
        if bar is not None:
            self._bar = bar(total=n_iterations, initial=n_done, file=sys.stdout, unit="it", miniters=1)
            self._period = 0.1
        self._start = time.perf_counter()
        self._next = self._start + self._period

    def is_due(self):
        """Whether it is time to show how far training is."""
        return time.perf_counter() >= self._next

    def show(self, n_done, words, n_before=None, is_going_on=True):
        """Show that n_done iterations are done in all, and in `words` what else there is to tell.

        n_before: int, iterations done before now, if more are known of than at first. is_going_on: whether there are iterations
        under way, by whose rate it can be told how long the others take.
        """
        if n_before is not None:
            self._n_done = n_before
        now = time.perf_counter()
        self._next = now + self._period
        if self._bar is not None:
            self._bar.set_postfix_str(words, refresh=False)
            self._bar.update(n_done - self._bar.n)
        elif self._period < float("inf"):
            rate = (n_done - self._n_done) / (now - self._start)
            n_left = self._n_iterations - n_done
            left = "  %s left at this rate" % duration(n_left / rate) if n_left and rate and is_going_on else ""
            print("iteration %d/%d  %s  %.1f it/s%s" % (n_done, self._n_iterations, words, rate, left), flush=True)

    def close(self):
        """Leave the bar as it stands and go to a new line."""
        if self._bar is not None:
            self._bar.close()


class Progress(ProgressDisplay):
    """An observer of training (trainer.train) that shows how far it is, with the losses; its arguments are ProgressDisplay's.

    n_per_epoch: int, iterations in a pass through the data; None where there are no passes.
    """

    def __init__(self, n_iterations, enabled, n_done=0, n_per_epoch=None):
        super().__init__(n_iterations, enabled, n_done)
        self._n_per_epoch = n_per_epoch

    def __call__(self, iteration, monitors):
        if self.is_due() or iteration == self._n_iterations:
            words = ["%s %.4f" % (name.replace("_loss", ""), value) for name, value in monitors.items()
                     if name.endswith("_loss")]
            if self._n_per_epoch is not None:
                words.insert(0, "epoch %.1f" % (iteration / self._n_per_epoch))
            self.show(iteration, "  ".join(words))
