"""Arrays in, figure files out. No TensorFlow, no window: every figure is drawn on Agg and written whole."""

import itertools

import numpy as np
from matplotlib import patches, style
from matplotlib.animation import PillowWriter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerBase
from matplotlib.ticker import AutoLocator

from avb_tf1.ground import files

# One colour a class; the first four are of Okabe and Ito's palette, distinguishable in the common kinds of colour blindness.
CLASS_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8C564B", "#7F7F7F", "#BCBD22", "#9467BD",
                "#17BECF", "#E377C2")
_LOSS_COLORS = {"generator_loss": "#0072B2", "discriminator_loss": "#D55E00"}
_PIXEL_OFF, _PIXEL_EDGE = "#f2f2f2", "#666666"
_LATENT_LIMIT = 4.0
_LEAST_DISTANCE = 1e-3  # nats, of what is drawn on a logarithmic axis
_SPECK = 0.01  # of the axes' width: codes that are closer together look like one dot
_DPI = 150
plain = style.context("default")  # whatever the user's own matplotlibrc says: the same config gives the same picture
FRAMES_PER_SECOND, _N_LAST_FRAMES = 8, 16  # of a movie; the last frame stands still for a while


@plain
def training_curve(path, losses, optima):
    """Draw losses over iterations, with a thin line at each one's optimum, if that is known.

    Args:
        path: str, the PNG to write.
        losses: name ("generator_loss", "discriminator_loss") -> [n_iterations], nats.
        optima: name -> float, nats.
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


@plain
def latent_space(path, z, labels, images):
    """Draw posterior samples as the tutorial does, one colour a class, over circles at the prior's 1, 2 and 3 sigma.

    Args:
        path: str, the PNG to write.
        z: [n, latent_dim]; with one latent dimension each class gets a band of its own.
        labels: integer [n], the classes.
        images: [n_classes, rows, columns], the classes' images, shown in the legend.
    """
    figure = new_figure(6, 6)
    axes = figure.subplots()
    draw_latents(axes, z, labels)
    axes.set_title("Latent space" if z.shape[1] <= 2 else "Latent space, the first two of %d dimensions" % z.shape[1])
    class_legend(axes, images)
    save(figure, path)


@plain
def latent_movie(path, z, labels, iterations, images):
    """Write the latent space through training as a GIF, a frame a snapshot.

    Args:
        path: str, the GIF to write.
        z: [s, n, latent_dim], the codes at each snapshot.
        labels: integer [n], the classes.
        iterations: integer [s], iterations done at each snapshot.
        images: [n_classes, rows, columns], the classes' images, shown in the legend.
    """
    figure = Figure(figsize=(4.4, 4.5), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes([0.13, 0.11, 0.84, 0.82])
    limit = latent_limit(z[-1])
    writer = MovieWriter(fps=FRAMES_PER_SECOND)
    with files.replacing(path) as temporary, writer.saving(figure, temporary, dpi=100):
        for codes, iteration in zip(z, iterations):
            axes.clear()
            draw_latents(axes, codes, labels, size=4, alpha=0.7, limit=limit)
            axes.set_title("Latent space after %d iterations" % iteration, fontsize=10)
            class_legend(axes, images)
            writer.grab_frame()


class MovieWriter(PillowWriter):
    """Holds the last frame for a while."""

    def finish(self):
        self._frames += self._frames[-1:] * (_N_LAST_FRAMES - 1)
        super().finish()


def latent_limit(z):
    """Return how far from 0 the axes of a latent space reach for the codes z [n, latent_dim] to be seen, at least 4 sigma."""
    return max(_LATENT_LIMIT, 1.05 * float(np.abs(z[np.isfinite(z)]).max(initial=0)))


@plain
def reconstructions(path, images, mean_reconstructions, prior_reconstructions):
    """Draw inputs, their mean reconstructions, and images decoded from prior samples, as pictures of pixels.

    Args:
        path: str, the PNG to write.
        images: [n_classes, rows, columns], pixels in [0, 1].
        mean_reconstructions: [n_classes, rows, columns], pixel probabilities.
        prior_reconstructions: [16, rows, columns], pixel probabilities.
    """
    figure = new_figure(7.6, 3.2)
    left, right = figure.subfigures(1, 2, width_ratios=[1.6, 1])
    left.suptitle("input (top), mean reconstruction (bottom)", fontsize=9)
    pairs = left.subplots(2, len(images), squeeze=False)
    for axes, image in zip(pairs.ravel(), np.concatenate([images, mean_reconstructions])):
        drawn = _draw_image(axes, image)
    bar = left.colorbar(drawn, ax=pairs, orientation="horizontal", shrink=0.6, aspect=40)
    bar.set_label("probability that the pixel is on", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    right.suptitle("decoded from 16 prior samples", fontsize=9)
    for axes, image in zip(right.subplots(4, 4).ravel(), prior_reconstructions):
        _draw_image(axes, image)
    save(figure, path)


@plain
def figure_5(path, models, axis, images):
    """Draw the paper's Figure 5, and below it what explains it.

    Top: latent codes, one colour a class. Below: the exact posteriors p(z|x) as filled contours, under samples of q(z|x).

    Args:
        path: str, the PNG to write.
        models: sequence of (title, z [n, 2], labels [n], densities [n_classes, m, m] of p(z|x) at (axis[column], axis[row])).
        axis: [m], the densities' coordinates along both axes.
        images: [n_classes, rows, columns], the classes' images, shown in the legend.
    """
    figure = new_figure(4.2 * len(models), 8.4)
    for column, (title, z, labels, densities) in enumerate(models):
        top, bottom = (figure.add_subplot(2, len(models), row * len(models) + column + 1) for row in (0, 1))
        draw_latents(top, z, labels)
        top.set_title("%s: samples of q(z|x)" % title)
        for density, color in zip(densities, CLASS_COLORS):
            levels = density.max() * np.array([0.05, 0.3, 0.6, 1.0])
            bottom.contourf(axis, axis, density, levels=levels, colors=[_tint(color, share) for share in (0.25, 0.45, 0.65)])
        draw_latents(bottom, z, labels, size=1, alpha=0.9)
        bottom.set_title("%s: exact p(z|x) under samples of q(z|x)" % title)
        class_legend(top, images)
    save(figure, path)


@plain
def latent_spaces(path, models, images, n_columns=4):
    """Draw latent spaces beside each other, on the same axes; codes outside of them are counted in the panel.

    Args:
        path: str, the PNG to write.
        models: sequence of (title, z [n, 2], labels [n]).
        images: [n_classes, rows, columns], the classes' images, shown in a legend of its own.
        n_columns: int.
    """
    n_rows = -(-(len(models) + 1) // n_columns)
    figure = new_figure(2.6 * n_columns, 3 * n_rows)
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes, (title, z, labels) in zip(panels, models):
        draw_latents(axes, z, labels, size=1)
        axes.set(xlim=(-_LATENT_LIMIT, _LATENT_LIMIT), ylim=(-_LATENT_LIMIT, _LATENT_LIMIT), xlabel="", ylabel="")
        axes.set_title(title, fontsize=9)
        axes.tick_params(labelsize=7)
        outside = np.mean(np.abs(z).max(axis=1) > _LATENT_LIMIT)
        if outside:
            text = "%.0f%% outside" % (100 * outside) if outside >= 0.01 else "<1% outside"
            axes.annotate(text, (0.03, 0.03), xycoords="axes fraction", fontsize=7)
    for axes in panels[len(models):]:
        axes.set_axis_off()
    class_legend(panels[len(models)], images, loc="center")
    save(figure, path)


@plain
def time_to_quality(path, seconds, panels, others):
    """Draw how far runs end from an optimum over what their training takes, both on logarithmic axes.

    Args:
        path: str, the PNG to write.
        seconds: name -> float, CPU seconds of a training, on average.
        panels: sequence of (title, name -> distances [n_seeds] in nats, the published distance). Distances below
            _LEAST_DISTANCE are drawn there.
        others: those of the names that are drawn in another colour, and told at the other side.
    """
    figure = new_figure(8 * len(panels), 5.6)
    for axes, (title, distances, published) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
        axes.axhline(published, color="#666666", linewidth=0.8, linestyle="--")
        axes.annotate("the paper's AVB", (0.01, published), xycoords=("axes fraction", "data"), fontsize=8, va="bottom")
        for name, values in distances.items():
            mean, low, high = (max(value, _LEAST_DISTANCE) for value in (np.mean(values), np.min(values), np.max(values)))
            color = CLASS_COLORS[name in others]
            axes.plot([seconds[name]] * 2, [low, high], color=color, linewidth=1.2)
            axes.plot([seconds[name]], [mean], "o", color=color, markersize=4)
            side = 1 if name in others else -1
            axes.annotate(name, (seconds[name], mean), xytext=(5 * side, 0), textcoords="offset points", fontsize=7,
                          ha="left" if side > 0 else "right", va="center")
        axes.set(xscale="log", yscale="log", xlabel="CPU seconds of a training", ylabel="nats", title=title)
        axes.margins(x=0.14, y=0.1)
        axes.grid(alpha=0.25)
    save(figure, path)


def _tint(color, share):
    """The color (hexadecimal) with white added until `share` of it is left."""
    rgb = np.array([int(color[i:i + 2], 16) for i in (1, 3, 5)]) / 255
    return tuple(1 - share * (1 - rgb))


def draw_latents(axes, z, labels, size=2, alpha=0.5, limit=None):
    """Scatter latents [n, latent_dim] of classes labels [n] on a matplotlib Axes, with the prior's circles below them.

    The axes reach to `limit`, or as far as the latents if it is None.
    """
    limit = limit or latent_limit(z)
    if z.shape[1] == 1:
        _draw_one_dimension(axes, z[:, 0], labels, limit, size, alpha)
        return
    for radius in (1, 2, 3):
        axes.add_patch(patches.Circle((0, 0), radius, fill=False, color="0.75", linewidth=0.8, zorder=0))
        axes.annotate(r"%d$\sigma$" % radius, (radius * np.sqrt(0.5),) * 2, color="0.55", fontsize=7, zorder=0)
    for label, color in _classes(labels):
        axes.scatter(*z[labels == label].T[:2], s=size, alpha=alpha, color=color, edgecolor="none")
    _ring_specks(axes, z, labels, limit)
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="$z_1$", ylabel="$z_2$", aspect="equal")


def _classes(labels):
    """The classes among labels, each with its color."""
    return [(label, CLASS_COLORS[label % len(CLASS_COLORS)]) for label in np.unique(labels)]


def _ring_specks(axes, z, labels, limit):
    """Draw rings about classes whose codes, nearly all, look like one dot; each of a size of its own, as they may coincide."""
    found = False
    for label, color in _classes(labels):
        own = z[(labels == label) & np.isfinite(z).all(axis=1)]
        if len(own) and np.ptp(np.percentile(own, [5, 95], axis=0), axis=0).max() < _SPECK * 2 * limit:
            axes.plot(*np.median(own, axis=0), "o", color=color, fillstyle="none", markersize=10 + 5 * label,
                      markeredgewidth=1.5)
            found = True
    if found:
        axes.annotate("ring: nearly all codes of an image", (0.03, 0.97), xycoords="axes fraction", va="top", fontsize=7)


def _draw_one_dimension(axes, z, labels, limit, size, alpha):
    for sigma in (-3, -2, -1, 1, 2, 3):
        axes.axvline(sigma, color="0.75", linewidth=0.8, zorder=0)
    for label, color in _classes(labels):
        own = z[labels == label]
        height = label + 0.8 * (np.arange(len(own)) % 97) / 97  # spread over the band, with no randomness
        axes.scatter(own, height, s=size, alpha=alpha, color=color, edgecolor="none")
    axes.set(xlim=(-limit, limit), xlabel="$z_1$", yticks=[])


def class_legend(axes, images, loc="upper right"):
    """Give Axes a legend that shows each class's image in the class's colour."""
    entries = [patches.Patch(color=color) for _, color in zip(images, itertools.cycle(CLASS_COLORS))]
    handlers = {entry: _ImageHandler(image) for entry, image in zip(entries, images)}
    axes.legend(entries, [""] * len(entries), handler_map=handlers, title="x", loc=loc,
                handlelength=1.6, handleheight=1.6, handletextpad=0, borderpad=0.6, labelspacing=0.5)


class _ImageHandler(HandlerBase):
    """Draws an image as a legend's key: the pixels that are on have the entry's colour."""

    def __init__(self, image):
        super().__init__()
        self._image = image

    def create_artists(self, legend, handle, x, y, width, height, fontsize, transform):
        n_rows, n_columns = self._image.shape
        side = min(width / n_columns, height / n_rows)
        return [
            patches.Rectangle(
                (x + column * side, y + (n_rows - 1 - row) * side), side, side, transform=transform, linewidth=0.6,
                facecolor=handle.get_facecolor() if on else _PIXEL_OFF, edgecolor=_PIXEL_EDGE)
            for (row, column), on in np.ndenumerate(self._image)]


def _draw_image(axes, image):
    axes.set(xticks=[], yticks=[])
    return axes.imshow(image, cmap="Greys", vmin=0, vmax=1)


def new_figure(width, height):
    """Return a matplotlib Figure, in inches, that no window shows."""
    figure = Figure(figsize=(width, height), constrained_layout=True, dpi=_DPI)
    FigureCanvasAgg(figure)
    return figure


def save(figure, path, dpi=_DPI):
    """Write a figure into the file `path`, whole or not at all."""
    with files.replacing(path) as temporary:
        figure.savefig(temporary, dpi=dpi)
