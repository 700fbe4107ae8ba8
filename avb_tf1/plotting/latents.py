"""Codes in the latent space, one colour a class, over the prior's circles, and a legend of the classes' images."""

import numpy as np
from matplotlib import patches
from matplotlib.legend_handler import HandlerBase

from avb_tf1.plotting.style import class_color

LATENT_LIMIT = 4.0            # how far from 0 axes reach at least
_SPECK = 0.01                 # of the axes' width: codes that are closer together look like one dot
_PIXEL_OFF, _PIXEL_EDGE = "#f2f2f2", "#666666"


def latent_limit(z):
    """Return how far from 0 the axes of a latent space reach for the codes z [n, latent_dim] to be seen, at least 4 sigma."""
    return max(LATENT_LIMIT, 1.05 * float(np.abs(z[np.isfinite(z)]).max(initial=0)))


def draw_latents(axes, z, labels, size=2, alpha=0.5, limit=None):
    """Scatter codes [n, latent_dim] of classes labels [n] on matplotlib Axes, with the prior's circles below them.

    The axes reach to `limit`, or as far as the codes if it is None. Codes of one dimension have a band for each class.
    """
    limit = limit or latent_limit(z)
    if z.shape[1] == 1:
        _draw_one_dimension(axes, z[:, 0], labels, limit, size, alpha)
        return
    draw_circles(axes, limit)
    for label in np.unique(labels):
        axes.scatter(*z[labels == label].T[:2], s=size, alpha=alpha, color=class_color(label), edgecolor="none")
    _ring_specks(axes, z, labels, limit)


def draw_circles(axes, limit):
    """Draw the plane that codes are drawn on, with the prior's circles at 1, 2 and 3 sigma; it reaches to `limit`."""
    for radius in (1, 2, 3):
        axes.add_patch(patches.Circle((0, 0), radius, fill=False, color="0.75", linewidth=0.8, zorder=0))
        axes.annotate(r"%d$\sigma$" % radius, (radius * np.sqrt(0.5),) * 2, color="0.55", fontsize=7, zorder=0)
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="$z_1$", ylabel="$z_2$", aspect="equal")


def _ring_specks(axes, z, labels, limit):
    """Draw rings about classes whose codes, nearly all, look like one dot; each of a size of its own, as they may coincide."""
    found = False
    for label in np.unique(labels):
        codes = z[(labels == label) & np.isfinite(z).all(axis=1)]
        if len(codes) and np.ptp(np.percentile(codes, [5, 95], axis=0), axis=0).max() < _SPECK * 2 * limit:
            axes.plot(*np.median(codes, axis=0), "o", color=class_color(label), fillstyle="none", markersize=10 + 5 * label,
                      markeredgewidth=1.5)
            found = True
    if found:
        axes.annotate("ring: nearly all codes of an image", (0.03, 0.97), xycoords="axes fraction", va="top", fontsize=7)


def _draw_one_dimension(axes, z, labels, limit, size, alpha):
    for sigma in (-3, -2, -1, 1, 2, 3):
        axes.axvline(sigma, color="0.75", linewidth=0.8, zorder=0)
    for label in np.unique(labels):
        codes = z[labels == label]
        height = label + 0.8 * (0.618034 * np.arange(len(codes)) % 1)  # spread over the band, with no randomness
        axes.scatter(codes, height, s=size, alpha=alpha, color=class_color(label), edgecolor="none")
    axes.set(xlim=(-limit, limit), xlabel="$z_1$", yticks=[])


def class_legend(axes, images, loc="upper right"):
    """Give Axes a legend that shows each class's image in the class's colour."""
    entries = [patches.Patch(color=class_color(label)) for label in range(len(images))]
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
