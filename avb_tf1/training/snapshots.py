"""An observer of training that keeps what is to be seen of a model at chosen iterations. Knows no TensorFlow."""

import itertools

import numpy as np

MAX_SNAPSHOTS = 2000                 # besides the first; of known images each takes 19 kB in memory and in the checkpoints


class Snapshots:
    """An observer of training (trainer.train) that looks at the model every few iterations and after the last one.

    Whenever there would be more than MAX_SNAPSHOTS, or than the view's max_bytes, every second one is dropped, and from then on
    half as many are taken. The noise is the same each time, so that a code can be followed through training. None of it touches
    the noise that training draws.

    Args:
        view: what is looked at: its `look` returns the arrays of one snapshot by name, its `max_bytes` is how many bytes all
            snapshots may take besides the first, or None.
        training: the config's training section.
        earlier: None, or the arrays of a part of this training that is done; without them the model as it is now, before its
            first iteration, is looked at. Those of an earlier version with other arrays are dropped.
    """

    def __init__(self, view, training, earlier=None):
        self._view, self._training, self._records, self._most = view, training, {}, MAX_SNAPSHOTS
        record = view.look()
        if view.max_bytes is not None:
            self._most = min(self._most, max(2, view.max_bytes // sum(values.nbytes for values in record.values())))
        if earlier is None:
            self._keep(0, record)
        elif earlier.keys() == {"iteration", *record}:
            self._records = {name: list(values) for name, values in earlier.items()}
            self._thin_out()

    def __call__(self, iteration, _=None):
        if self._is_due(iteration, iteration) and iteration > (self._records.get("iteration") or [-1])[-1]:
            self._keep(iteration, self._view.look())

    def _is_due(self, iteration, n_done):
        """Whether a snapshot of an iteration is to be kept when n_done iterations are done."""
        spacing = self._training.snapshot_every
        while n_done > self._most * spacing:
            spacing *= 2
        return iteration % spacing == 0 or iteration == self._training.n_iterations

    def _thin_out(self):
        iterations = self._records["iteration"]
        keep = [self._is_due(iteration, iterations[-1]) for iteration in iterations]
        if not all(keep):
            self._records = {name: list(itertools.compress(values, keep)) for name, values in self._records.items()}

    def _keep(self, iteration, record):
        for name, value in dict(record, iteration=np.int64(iteration)).items():
            self._records.setdefault(name, []).append(value)
        self._thin_out()

    def arrays(self):
        """Return the arrays of all snapshots by name: iteration int64 [s], iterations done, and the view's, [s, ...] each."""
        return {name: np.stack(values) for name, values in self._records.items() if values}
