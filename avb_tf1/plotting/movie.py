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
        panels: Axes, all of one new_figure, that are cleared before each frame; its other Axes stand still.
        draw: function (codes, after) that draws a frame: z of a snapshot, and the text "after N iterations" for a title.
        z: [s, n, latent_dim], the codes at each snapshot.
        iterations: integer [s], iterations done at each snapshot.
    """
    figure, writer = panels[0].figure, _MovieWriter(fps=_FRAMES_PER_SECOND)
    with files.replacing(path) as temporary, writer.saving(figure, temporary, dpi=figure.dpi):
        for codes, iteration in progress.through(list(zip(z, iterations)), "frames of the movie"):
            for axes in panels:
                axes.clear()
            draw(codes, "after %d iterations" % iteration)
            writer.grab_frame()


class _MovieWriter(PillowWriter):
    """Holds the last frame for a while."""

    def finish(self):
        self._frames += self._frames[-1:] * (_N_LAST_FRAMES - 1)
        super().finish()
