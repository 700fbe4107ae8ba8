"""A trained model as a task measures and draws it, and what the tasks make of it alike."""

import math
import os
import threading
from concurrent.futures import Future
from typing import Callable, NamedTuple, Tuple

import numpy as np

from avb_tf1.estimation.metric import LOSS_CHANGE, LOSSES, LOWEST_LOSS, N_FINAL, Need, why_not
from avb_tf1.ground import progress
from avb_tf1.ground.seeds import stream
from avb_tf1.ground.threads import timed_part
from avb_tf1.tasks.views import sample_posterior
from avb_tf1.training.trainer import DivergenceError

_N_STRETCHES = 10             # of a quarter of training, whose means tell the error of its own


class Trained:
    """A trained model, and what was computed of it: each thing once.

    Attributes:
        config: the run's; problem: its problem; networks: trained_networks.Networks.
        monitors: name -> float32 [n_iterations], as in trainer.TrainingResult.
        snapshots: name -> [s, ...], as of training.snapshots.Snapshots.arrays; None where nothing is to be drawn.
    """

    def __init__(self, config, problem, networks, monitors, snapshots=None):
        self.config, self.problem, self.networks, self.monitors, self.snapshots = config, problem, networks, monitors, snapshots
        self._results, self._asking = {}, threading.Lock()

    def once(self, function):
        """Return function(self), called only the first time that it is asked for; another thread that asks waits for it."""
        with self._asking:
            is_first = function not in self._results
            result = self._results.setdefault(function, Future())
        if is_first:
            try:
                result.set_result(function(self))
            except BaseException as error:
                result.set_exception(error)
        return result.result()

    def stream(self, name):
        """Return the run's random stream of that name, a new numpy RandomState each time."""
        return stream(self.config.seed, name)


def final_losses(monitors):
    """Return the losses' means over the last N_FINAL iterations, by name, and what tells how the generator's came there; nats.

    That is the lowest such mean, LOWEST_LOSS; and, of 80 iterations or more, LOSS_CHANGE with its standard error.
    """
    final = {name: float(np.mean(monitors[name][-N_FINAL:], dtype=np.float64)) for name in LOSSES if name in monitors}
    loss = monitors["generator_loss"].astype(np.float64)
    starts = np.arange(len(loss) % N_FINAL if len(loss) > N_FINAL else 0, len(loss), N_FINAL)
    final[LOWEST_LOSS] = float(min(loss[start:start + N_FINAL].mean() for start in starts))
    n = len(loss) // 4
    if n >= 2 * _N_STRETCHES:
        # Losses in a row are not independent: the error is by the means of stretches.
        before, after = ([stretch.mean() for stretch in np.array_split(quarter, _N_STRETCHES)]
                         for quarter in (loss[-2 * n:-n], loss[-n:]))
        final[LOSS_CHANGE] = float(loss[-n:].mean() - loss[-2 * n:-n].mean())
        final[LOSS_CHANGE + "_standard_error"] = float(np.sqrt((np.var(before, ddof=1) + np.var(after, ddof=1)) / _N_STRETCHES))
    return final


def draw_codes(trained, n):
    """Return n samples of q(z|x), or less, of each of the problem's x its share: z float32 [n, latent_dim], labels int64 [n].

    Raises:
        DivergenceError: a sample is not finite.
    """
    z, labels, _ = sample_posterior(trained.networks, trained.problem, n // trained.problem.n_x, trained.stream("latents"))
    return require_finite(z), labels


def by_neighbours(estimate, z, values):
    """Return the value and the standard error of an Estimate of one snapshot; NaN and 0 where what it is made of isn't finite.

    Args:
        estimate: function of z, values and a numpy RandomState, which is the same each time -> entropy.Estimate.
        z: [n, latent_dim], codes; values: [n], what belongs to each.
    """
    if not (np.isfinite(z).all() and np.isfinite(values).all()):
        return math.nan, 0.0
    found = estimate(z, values, np.random.RandomState(0))
    return found.value, found.standard_error


def require_finite(z):
    """Return codes z [n, latent_dim]; raises DivergenceError unless all of them are finite."""
    if not np.isfinite(z).all():
        raise DivergenceError("the encoder's output is not finite after the last iteration")
    return z


def without_infinity(metrics):
    """Return metrics, and those of a list among them, with None for what is not finite, which JSON doesn't have."""
    def finite(value):
        if isinstance(value, list):
            return [without_infinity(part) for part in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return {name: finite(value) for name, value in metrics.items()}


def images_of(problem, x):
    """Return a user's images as the networks see them, float32 [n, n_values].

    Args:
        problem: an ImageProblem or an ImageDataset.
        x: [n, n_values], pixels that are 0 or 1; of a data set without binarisation numbers in [0, 1].

    Raises:
        ValueError: x has another shape or other values.
    """
    x, n_values = np.asarray(x, np.float32), int(np.prod(problem.image_shape))
    if x.ndim != 2 or x.shape[1] != n_values or not len(x):
        raise ValueError("x must be [n, %d] with n at least 1, not %s" % (n_values, list(x.shape)))
    if problem.is_binary and not np.isin(x, (0, 1)).all():
        raise ValueError("the pixels of x must be 0 or 1")
    if not ((x >= 0) & (x <= 1)).all():
        raise ValueError("the values of x must be numbers from 0 to 1")
    return x


class Figure(NamedTuple):
    """A figure of a task: a function that draws a Trained into the file of a path, and the Needs without which it can't."""

    draw: Callable
    needs: Tuple[Need, ...] = ()


def draw_figures(out, trained, figures):
    """Write those of some Figures, by the names of their files, that can be drawn of a Trained into the run folder `out`."""
    drawn = {name: figure.draw for name, figure in figures.items() if why_not(trained.networks, figure.needs) is None}
    for name, draw in progress.through(drawn.items(), "figures"):
        with timed_part(name):
            draw(os.path.join(out, name), trained)
