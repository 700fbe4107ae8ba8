"""What all figures have in common: no window, the same look whatever the user's settings, colours, panels, whole files."""

import functools
import threading

from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from avb_tf1.ground import files

# One colour a class; the first four are of Okabe and Ito's palette, distinguishable in the common kinds of colour blindness.
CLASS_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8C564B", "#7F7F7F", "#BCBD22", "#9467BD",
                "#17BECF", "#E377C2")
EXACT_COLOR = "#444444"       # of what is exact, beside samples
_N_COLUMNS = 5                # of panels, at most
_DPI = 150
_drawing = threading.RLock()  # matplotlib's settings and its parser of texts are the whole process's


def plain(draw):
    """Return a function that draws, such that whatever the user's settings are, the same config gives the same picture.

    They are put back after it. One thread draws at a time, another one waits.
    """
    @functools.wraps(draw)
    def plainly(*args, **options):
        with _drawing, style.context("default"):
            return draw(*args, **options)

    return plainly


def class_color(label):
    """Return the colour of a class, an integer; those beyond the last colour have the first ones again."""
    return CLASS_COLORS[label % len(CLASS_COLORS)]


class _Figure(Figure):
    """A Figure whose layout is freed: matplotlib 3.5 leaves cycles that go through arrays, where no collector finds them."""

    def execute_constrained_layout(self, renderer=None):
        grids = super().execute_constrained_layout(renderer)
        for grid in (grids or {}).values():
            if hasattr(grid, "children"):
                grid.children[...] = None
        return grids


def new_figure(width, height, dpi=_DPI, constrained_layout=True):
    """Return a matplotlib Figure, in inches, that no window shows."""
    figure = _Figure(figsize=(width, height), constrained_layout=constrained_layout, dpi=dpi)
    FigureCanvasAgg(figure)
    return figure


def rows_and_columns(n):
    """Return in how many rows and columns n panels stand, at most 5 in a row."""
    n_columns = min(n, _N_COLUMNS)
    return -(-n // n_columns), n_columns


def panels_of(figure, n, n_rows, n_columns):
    """Return Axes for n panels of a figure, row by row; what is left over of its n_rows and n_columns is blank."""
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    blank(panels[n:])
    return panels[:n]


def blank(panels):
    """Draw no axes on Axes that are left over."""
    for axes in panels:
        axes.set_axis_off()


def save(figure, path, dpi=_DPI):
    """Write a figure into the file `path`, whole or not at all."""
    with files.replacing(path) as temporary:
        figure.savefig(temporary, dpi=dpi)
