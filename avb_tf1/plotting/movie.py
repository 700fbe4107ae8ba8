"""Movies of training: GIFs with a frame a snapshot."""

from matplotlib.animation import PillowWriter

from avb_tf1.ground import files, progress
from avb_tf1.plotting import style

_FRAMES_PER_SECOND, _N_LAST_FRAMES = 8, 16  # the last frame stands still for a while


def new_figure(width, height, dpi=100):
    """Return a matplotlib Figure, in inches, whose Axes stay where they are put, frame after frame."""
    return style.new_figure(width, height, dpi, constrained_layout=False)


def write(path, panels, draw, z, iterations):
    """Write a GIF of what the codes are at each snapshot into the file `path`, whole or not at all.

    Args:
        panels: Axes, all of one new_figure, that are emptied before each frame; its other Axes stand still.
        draw: function (codes, after) that draws a frame: z of a snapshot, and the text "after N iterations" for a title.
        z: [s, n, latent_dim], the codes at each snapshot.
        iterations: integer [s], iterations done at each snapshot.
    """
    figure, writer = panels[0].figure, _MovieWriter(fps=_FRAMES_PER_SECOND)
    with files.replacing(path) as temporary, writer.saving(figure, temporary, dpi=figure.dpi):
        for codes, iteration in progress.through(list(zip(z, iterations)), "frames of the movie"):
            for axes in panels:
                _empty(axes)
            draw(codes, "after %d iterations" % iteration)
            writer.grab_frame()


def _empty(axes):
    """Take off what was drawn on Axes, and what limits it set; clear() makes the axes anew, too, a third of a frame's time."""
    for artist in [*axes.collections, *axes.patches, *axes.lines, *axes.texts, *axes.images]:
        artist.remove()
    if axes.get_legend() is not None:
        axes.get_legend().remove()
    axes.set_prop_cycle(None)
    axes.relim()
    axes.autoscale()


class _MovieWriter(PillowWriter):
    """Holds the last frame for a while."""

    def finish(self):
        self._frames += self._frames[-1:] * (_N_LAST_FRAMES - 1)
        super().finish()
