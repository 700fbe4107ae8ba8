"""Figures of given posteriors, from arrays: samples of q(z|x) beside what is exact. As plotting, no TensorFlow, no window."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from avb_tf1.ground import files
from avb_tf1.plotting import CLASS_COLORS, FRAMES_PER_SECOND, MovieWriter, new_figure, plain, save

_EXACT = "#444444"
_SHARES = (0.95, 0.5)         # of the exact probability that its two lines enclose
_COLUMNS = 5
_N_BINS = 50
_PAIRS_DPI = 80               # dots take room in a PNG: of all problems together 3 MB at 150
_TAIL = 0.002                 # of exact draws, to either side, that the axes need not show


def lowest_of_shares(density):
    """Return the heights above which a density on a grid, [...], has each of _SHARES of its sum; ascending."""
    heights = np.sort(density.ravel())[::-1]
    sums = np.cumsum(heights, dtype=np.float64)
    return [heights[min(np.searchsorted(sums, share * sums[-1]), len(heights) - 1)] for share in _SHARES]


@plain
def posterior(path, z, labels, names, coordinates, exact):
    """Draw samples of q(z|x) in the plane of the first two coordinates, a panel for each x, over what is exact.

    Args:
        path: str, the PNG to write.
        z: [n, dim]; labels: integer [n], the x.
        names: what each x is called.
        coordinates: the names of z's coordinates.
        exact: as of posterior_outputs.exact_arrays, or {}.
    """
    n_columns = min(len(names), _COLUMNS)
    n_rows = -(-len(names) // n_columns)
    figure = new_figure(max(4.2, 3.1 * n_columns), (3.4 if n_columns > 1 else 4.2) * n_rows)
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for label, (axes, name) in enumerate(zip(panels, names)):
        draw_plane(axes, z[labels == label], label, coordinates, exact)
        axes.set_title(name, fontsize=10)
    for axes in panels[len(names):]:
        axes.set_axis_off()
    save(figure, path)


def draw_plane(axes, z, label, coordinates, exact):
    """Draw samples of one q(z|x), [n, dim], on matplotlib Axes, over the contours or the draws of the exact posterior."""
    color = CLASS_COLORS[label % len(CLASS_COLORS)]
    if z.shape[1] == 1:
        axes.hist(z[:, 0], bins=_N_BINS, density=True, color=color, alpha=0.6)
        if exact:
            axes.hist(exact["draws"][label][:, 0], bins=_N_BINS, density=True, histtype="step", color=_EXACT)
        axes.set(xlabel=coordinates[0], yticks=[])
        return
    axes.scatter(*z[:, :2].T, s=2, alpha=0.35, color=color, edgecolor="none")
    if "density" in exact:
        density = exact["density"][label]
        axes.contour(exact["axes"][label][0], exact["axes"][label][1], density.T, levels=lowest_of_shares(density),
                     colors=_EXACT, linewidths=0.9)
    elif exact:
        axes.scatter(*exact["draws"][label][:2000, :2].T, s=1.5, alpha=0.5, color=_EXACT, edgecolor="none", zorder=0)
    if exact:
        for setter, values in zip((axes.set_xlim, axes.set_ylim), exact["draws"][label][:, :2].T):
            setter(*_limits(values))
    axes.set(xlabel=coordinates[0], ylabel=coordinates[1])


def _limits(values):
    low, high = np.quantile(values, [_TAIL, 1 - _TAIL])
    margin = 0.15 * (high - low) if high > low else 0.5  # of a quantity that has but one value
    return low - margin, high + margin


@plain
def marginals(path, samples, names, exact, labels_of_x):
    """Draw the marginals of several approximations beside the exact ones, a panel for each quantity, a row of them for each x.

    Args:
        path: str, the PNG to write.
        samples: name of an approximation -> [n_x, n, k].
        names: of the k quantities.
        exact: [n_x, m, k] or None.
        labels_of_x: what each x is called.
    """
    n_x = len(labels_of_x)
    n_columns = min(len(names), _COLUMNS)
    rows_of_x = -(-len(names) // n_columns)
    figure = new_figure(2.6 * n_columns + 0.6, 1.9 * rows_of_x * n_x + 0.5)
    panels = figure.subplots(n_x * rows_of_x, n_columns, squeeze=False)
    for label in range(n_x):
        own = panels[label * rows_of_x:(label + 1) * rows_of_x].ravel()
        for k, (axes, name) in enumerate(zip(own, names)):
            of_all = [values[label][:, k] for values in samples.values()] + ([] if exact is None else [exact[label][:, k]])
            low, high = _limits(of_all[-1])
            bins = np.linspace(low, high, _N_BINS)
            if exact is not None:
                axes.hist(exact[label][:, k], bins=bins, density=True, color="0.85", label="exact")
            for color, (title, values) in zip(CLASS_COLORS, samples.items()):
                axes.hist(values[label][:, k], bins=bins, density=True, histtype="step", color=color, label=title)
            axes.set(yticks=[], xlim=(low, high))
            axes.set_title(name if n_x == 1 else "%s, %s" % (labels_of_x[label], name), fontsize=9)
            axes.tick_params(labelsize=7)
        for axes in own[len(names):]:
            axes.set_axis_off()
    # Beside the panels if there is room: of several methods it is large.
    spare = panels[-1][-1] if len(names) % n_columns else panels[0][0]
    spare.legend(*panels[0][0].get_legend_handles_labels(), fontsize=7)
    save(figure, path)


@plain
def pairs(path, problems):
    """Draw the plane of the first two coordinates, a row for each x, a column for each method, over what is exact.

    Args:
        path: str, the PNG to write.
        problems: list of (names of the x, names of the coordinates, {name of a method: [n_x, n, k]}, exact as of
            posterior_outputs.exact_arrays or {}), drawn below each other.
    """
    n_columns = max(len(samples) for _, _, samples, _ in problems)
    n_rows = sum(len(names) for names, _, _, _ in problems)
    figure = new_figure(2.1 * n_columns + 0.4, 2.1 * n_rows + 0.4)
    rows = iter(figure.subplots(n_rows, n_columns, squeeze=False))
    for names, coordinates, samples, exact in problems:
        for label, name in enumerate(names):
            own = next(rows)
            for axes, (title, values) in zip(own, samples.items()):
                draw_plane(axes, values[label][:, :len(coordinates)], label, coordinates, exact)
                axes.set_title(title if label == 0 else "", fontsize=9)
                axes.tick_params(labelsize=6)
                axes.set(xlabel="", ylabel="")
            own[0].set_ylabel("%s\n%s" % (name, ", ".join(coordinates[:2])), fontsize=8)
            for axes in own[len(samples):]:
                axes.set_axis_off()
    save(figure, path, _PAIRS_DPI)


@plain
def movie(path, z, labels, iterations, names, coordinates, exact):
    """Write `posterior` through training as a GIF, a frame a snapshot; z: [s, n, dim], iterations: integer [s]."""
    n = len(names)
    figure = Figure(figsize=(max(4.0, 2.6 * min(n, _COLUMNS)), 3.4 * -(-n // _COLUMNS)), dpi=80)
    FigureCanvasAgg(figure)
    panels = figure.subplots(-(-n // _COLUMNS), min(n, _COLUMNS), squeeze=False).ravel()
    figure.subplots_adjust(left=0.16 if n == 1 else 0.06, right=0.98, bottom=0.16, top=0.84, wspace=0.35, hspace=0.5)
    writer = MovieWriter(fps=FRAMES_PER_SECOND)
    with files.replacing(path) as temporary, writer.saving(figure, temporary, dpi=80):
        for codes, iteration in zip(z, iterations):
            for label, name in enumerate(names):
                panels[label].clear()
                draw_plane(panels[label], codes[labels == label], label, coordinates, exact)
                panels[label].set_title(name, fontsize=9)
            figure.suptitle("after %d iterations" % iteration, fontsize=10)
            writer.grab_frame()
