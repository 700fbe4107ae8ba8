"""The losses over the iterations of a training."""

import numpy as np
from matplotlib.ticker import AutoLocator

from avb_tf1.plotting.style import new_figure, plain, save

_LOSS_COLORS = {"generator_loss": "#0072B2", "discriminator_loss": "#D55E00"}
_START = 0.05                 # of the iterations, whose losses the axes need not show


@plain
def draw(path, losses, optima):
    """Draw each loss over iterations into the PNG `path`, on axes of its own, with a thin line at its optimum, if known.

    `losses`: name ("generator_loss", "discriminator_loss") -> [n_iterations], nats; `optima`: name -> float, nats.
    """
    figure = new_figure(7, 2.2 * len(losses) + 1.8)
    panels = figure.subplots(len(losses), 1, sharex=True, squeeze=False).ravel()
    for axes, (name, values) in zip(panels, losses.items()):
        axes.plot(np.arange(1, len(values) + 1), values, color=_LOSS_COLORS[name], linewidth=0.8,
                  label=name.replace("_", " "), marker="." if len(values) == 1 else None)
        if name in optima:
            axes.axhline(optima[name], color=_LOSS_COLORS[name], linewidth=0.8, linestyle="--",
                         label="its optimum, %.4f" % optima[name])
        axes.set_ylim(_limits(values, optima.get(name)))
        axes.set_ylabel("nats")
        axes.grid(alpha=0.25)
        axes.legend()
    panels[0].set_title("Training curve")
    panels[-1].set_xlabel("iteration")
    panels[-1].xaxis.set_major_locator(_IterationLocator(max(map(len, losses.values()))))
    save(figure, path)


def _limits(values, optimum):
    """From where to where a loss is drawn: what it is at its start must not flatten the rest of the curve."""
    shown = values[int(len(values) * _START):]
    low, high = shown.min(), shown.max()
    if optimum is not None:
        low, high = min(low, optimum), max(high, optimum)
    margin = 0.05 * (high - low) or 0.05
    return low - margin, high + margin


class _IterationLocator(AutoLocator):
    """Matplotlib's own ticks where they are whole iterations, and the last iteration, in the place of one too near to it."""

    def __init__(self, last):
        super().__init__()
        self.set_params(integer=True, min_n_ticks=1)
        self._last = last

    def tick_values(self, vmin, vmax):
        ticks = super().tick_values(vmin, vmax)
        return np.append(ticks[(ticks >= 0) & (ticks <= self._last - 0.6 * (ticks[1] - ticks[0]))], self._last)
