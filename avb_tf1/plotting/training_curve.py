"""The losses over the iterations of a training."""

import numpy as np
from matplotlib.ticker import AutoLocator

from avb_tf1.plotting.style import new_figure, plain, save

_LOSS_COLORS = {"generator_loss": "#0072B2", "discriminator_loss": "#D55E00"}


@plain
def draw(path, losses, optima):
    """Draw losses over iterations into the PNG `path`, with a thin line at each one's optimum, if that is known.

    `losses`: name ("generator_loss", "discriminator_loss") -> [n_iterations], nats; `optima`: name -> float, nats.
    """
    figure = new_figure(7, 4)
    axes = figure.subplots()
    for name, values in losses.items():
        label = name.replace("_", " ")
        axes.plot(np.arange(1, len(values) + 1), values, color=_LOSS_COLORS[name], linewidth=0.8, label=label,
                  marker="." if len(values) == 1 else None)
        if name in optima:
            axes.axhline(optima[name], color=_LOSS_COLORS[name], linewidth=0.8, linestyle="--",
                         label="its optimum, %.4f" % optima[name])
    # A wild first iteration must not flatten the rest of the curve.
    shown = np.concatenate([values[len(values) // 100:] for values in losses.values()])
    low, high = min([shown.min()] + [optima[name] for name in losses if name in optima]), shown.max()
    margin = 0.05 * (high - low) or 0.05
    axes.set_ylim(low - margin, high + margin)
    axes.set(xlabel="iteration", ylabel="loss (nats)", title="Training curve")
    axes.xaxis.set_major_locator(_IterationLocator(max(map(len, losses.values()))))
    axes.grid(alpha=0.25)
    axes.legend()
    save(figure, path)


class _IterationLocator(AutoLocator):
    """Matplotlib's own ticks where they are whole iterations, and the last iteration, in the place of one too near to it."""

    def __init__(self, last):
        super().__init__()
        self.set_params(integer=True, min_n_ticks=1)
        self._last = last

    def tick_values(self, vmin, vmax):
        ticks = super().tick_values(vmin, vmax)
        return np.append(ticks[(ticks >= 0) & (ticks <= self._last - 0.6 * (ticks[1] - ticks[0]))], self._last)
