"""Figures of several models beside each other, from arrays; each is written to `path`, a PNG."""

import textwrap

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.ticker import LogLocator, NullFormatter

from avb_tf1.plotting.latents import LATENT_LIMIT, class_legend, draw_latents
from avb_tf1.plotting.style import CLASS_COLORS, blank, class_color, new_figure, panels_of, plain, save
from avb_tf1.tasks.data_set.figures import draw_beside, draw_codes, draw_posteriors, draw_tiles
from avb_tf1.tasks.given_posterior.figures import common_limits, draw_samples

_LEAST_DISTANCE = 1e-3        # nats, of what is drawn on a logarithmic axis
_TITLE_HEIGHT = 0.6           # inches
_MARKERS = "osD^vP*Xhd<>p"    # one more than there are colours, so that no two methods have the same pair
_DOTS_DPI = 80                # dots take room in a PNG: of all problems together 3 MB at 150


@plain
def figure_5(path, models, axis, images):
    """Draw the paper's Figure 5, and below it what explains it.

    Top: latent codes, one colour a class. Below: the exact posteriors p(z|x) as filled contours, under samples of q(z|x).

    Args:
        models: sequence of (title, z [n, 2], labels [n], densities [n_classes, m, m] of p(z|x) at (axis[column], axis[row])).
        axis: [m], the densities' coordinates along both axes.
        images: [n_classes, rows, columns], the classes' images, shown in the legend.
    """
    figure = new_figure(4.2 * len(models), 8.4)
    for (title, z, labels, densities), (top, bottom) in zip(models, figure.subplots(2, len(models), squeeze=False).T):
        draw_latents(top, z, labels)
        top.set_title("%s: samples of q(z|x)" % title)
        for density, color in zip(densities, CLASS_COLORS):
            levels = density.max() * np.array([0.05, 0.3, 0.6, 1.0])
            bottom.contourf(axis, axis, density, levels=levels, colors=[_tint(color, share) for share in (0.25, 0.45, 0.65)])
        draw_latents(bottom, z, labels, size=1, alpha=0.9)
        bottom.set_title("%s: exact p(z|x) under samples of q(z|x)" % title)
        class_legend(top, images)
    save(figure, path)


def _tint(color, share):
    """The color with white added until `share` of it is left."""
    return tuple(1 - share * (1 - np.array(to_rgb(color))))


@plain
def rank_histograms(path, cases, n_columns=4):
    """Draw the ranks of the first coordinate in some calibrations, title -> as of tasks.diagnostics.calibrated."""
    n_rows = -(-len(cases) // n_columns)
    figure = new_figure(2.6 * n_columns, 2.2 * n_rows)
    for axes, (title, found) in zip(panels_of(figure, len(cases), n_rows, n_columns), cases.items()):
        counts = np.array(next(iter(found["counts"].values())))
        edges = np.linspace(0, 1, len(counts) + 1)
        axes.axhspan(*found["band"], color="#CCCCCC", linewidth=0)
        axes.bar(edges[:-1], counts, edges[1], align="edge", color=CLASS_COLORS[0], alpha=0.7)
        axes.set(xlim=(0, 1), xticks=(), yticks=(0, found["n_simulated"] // len(counts)))
        axes.set_title(textwrap.fill(title, 26), fontsize=9)
    save(figure, path)


@plain
def latent_spaces(path, models, images, n_columns=4):
    """Draw latent spaces beside each other, on the same axes; codes outside of them are counted in the panel.

    Args:
        models: sequence of (title, z [n, 2], labels [n]).
        images: [n_classes, rows, columns], the classes' images, shown in a legend of its own.
    """
    n_rows = -(-(len(models) + 1) // n_columns)
    figure = new_figure(2.6 * n_columns, 3 * n_rows)
    *panels, of_legend = panels_of(figure, len(models) + 1, n_rows, n_columns)
    for axes, (title, z, labels) in zip(panels, models):
        draw_latents(axes, z, labels, size=1)
        axes.set(xlim=(-LATENT_LIMIT, LATENT_LIMIT), ylim=(-LATENT_LIMIT, LATENT_LIMIT), xlabel="", ylabel="")
        axes.set_title(title, fontsize=9)
        axes.tick_params(labelsize=7)
        outside = np.mean(np.abs(z).max(axis=1) > LATENT_LIMIT)
        if outside:
            text = "%.0f%% outside" % (100 * outside) if outside >= 0.01 else "<1% outside"
            axes.annotate(text, (0.03, 0.03), xycoords="axes fraction", fontsize=7)
    blank([of_legend])
    class_legend(of_legend, images, loc="center")
    save(figure, path)


@plain
def time_to_quality(path, seconds, panels, others):
    """Draw how far runs end from an optimum over what their training takes, both on logarithmic axes.

    Args:
        seconds: name -> float, CPU seconds of a training, on average.
        panels: sequence of (title, name -> distances [n_seeds] in nats, the published distance). Distances below
            _LEAST_DISTANCE are drawn there.
        others: those of the names that are drawn in another colour, and named at the other side.
    """
    figure = new_figure(8 * len(panels), 5.6)
    for axes, (title, distances, published) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
        axes.axhline(published, color="#666666", linewidth=0.8, linestyle="--")
        axes.annotate("the paper's AVB", (0.01, published), xycoords=("axes fraction", "data"), fontsize=8, va="bottom")
        for name, values in distances.items():
            mean, low, high = np.maximum([np.mean(values), np.min(values), np.max(values)], _LEAST_DISTANCE)
            color = class_color(name in others)
            axes.plot([seconds[name]] * 2, [low, high], color=color, linewidth=1.2)
            axes.plot([seconds[name]], [mean], "o", color=color, markersize=4)
            side = 1 if name in others else -1
            axes.annotate(name, (seconds[name], mean), xytext=(5 * side, 0), textcoords="offset points", fontsize=7,
                          ha="left" if side > 0 else "right", va="center")
        axes.set(xscale="log", yscale="log", xlabel="CPU seconds of a training", ylabel="nats", title=title)
        axes.margins(x=0.14, y=0.1)
        axes.grid(alpha=0.25)
    save(figure, path)


@plain
def compared_on_data_set(path, models, images, names):
    """Draw models beside each other, of two latent dimensions: codes, the decoder's images, and posteriors of test images.

    Args:
        models: title -> dict of z [n, 2], label [n], manifold [m**2, rows, columns], and samples [k, n, 2], density_axes
            [k, 2, m] and density [k, m**2] of the k images: of q(z|x) and of the exact p(z|x).
        images: [k, rows, columns], pixels in {0, 1}.
        names: what each class is called.
    """
    figure = new_figure(3.4 * len(models) + 0.4, 3.4 * (2 + len(images)))
    panels = figure.subplots(2 + len(images), len(models), squeeze=False)
    for (title, model), (of_codes, of_manifold, *of_posteriors) in zip(models.items(), panels.T):
        draw_codes(of_codes, model["z"], model["label"], names, LATENT_LIMIT, size=5)
        of_codes.set_title(title)
        manifold = model["manifold"]
        m = round(len(manifold)**0.5)
        draw_tiles(of_manifold, manifold.reshape(m, m, *manifold.shape[1:])[::-1])
        for axes, image, *posterior in zip(of_posteriors, images, model["samples"], model["density_axes"], model["density"]):
            draw_posteriors(axes, *posterior)
            draw_beside(axes, image, 0.77, 0.77)
    save(figure, path)


@plain
def compared_on_given_posteriors(path, problems):
    """Draw the plane of the first two coordinates, a row for each x, a column for each method, over what is exact.

    Args:
        problems: list of (title, names of the x, names of the coordinates, {name of a method: [n_x, n, k]}, exact as in
            exact.npz or {}), drawn below each other; the methods of each fill the width.
    """
    heights = [_TITLE_HEIGHT + 2.3 * len(names) for _, names, _, _, _ in problems]
    n_columns = max(len(samples) for _, _, _, samples, _ in problems)
    figure = new_figure(max(11, 2.2 * n_columns), sum(heights))  # a long name is two inches wide
    parts = figure.subfigures(len(problems), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (title, names, coordinates, samples, exact) in zip(parts, problems):
        part.suptitle(title, fontsize=13)
        rows = part.subplots(len(names), len(samples), squeeze=False)
        for label, (panels, name) in enumerate(zip(rows, names)):
            limits = None if exact else common_limits([values[label] for values in samples.values()], len(coordinates))
            for axes, (method, values) in zip(panels, samples.items()):
                draw_samples(axes, values[label][:, :len(coordinates)], label, coordinates, exact)
                axes.set_title(method if label == 0 else "", fontsize=11)
                axes.locator_params(nbins=5)
                if limits is not None:
                    axes.set(**dict(zip(("xlim", "ylim"), limits)))
                axes.set_ylabel("")
                axes.set_xlabel(axes.get_xlabel() if label == len(names) - 1 else "")
            panels[0].set_ylabel("\n".join([name, *coordinates[1:2]]), fontsize=10)
    save(figure, path, _DOTS_DPI)


@plain
def quality_against_time(path, problems):
    """Draw how good each method is over the CPU seconds of its training, on a logarithmic axis, a panel for each problem.

    Args:
        problems: sequence of (title, metric.Metric, {method: {CPU seconds: (mean, smallest, largest)}}); a method's points are
            joined, and it has one colour and marker in all panels. A metric that is best at 0 has a logarithmic axis.
    """
    methods = list(dict.fromkeys(method for _, _, points in problems for method in points))
    n_rows, is_odd = -(-len(problems) // 2), len(problems) % 2 == 1
    heights, n_legend_columns = [4.2] * n_rows, 2  # the legend has the panel that is left over
    if not is_odd:                                 # or lines of its own
        n_legend_columns = 6
        heights.append(0.25 + 0.25 * -(-len(methods) // n_legend_columns))
    figure = new_figure(12, sum(heights))
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
    panels = [figure.add_subplot(grid[i // 2, i % 2]) for i in range(len(problems))]
    of_legend = figure.add_subplot(grid[-1, 1] if is_odd else grid[-1, :])
    handles = {}
    for axes, (title, metric, points) in zip(panels, problems):
        for method, own in points.items():
            seconds = sorted(own)
            means, lows, highs = np.transpose([own[at] for at in seconds])
            color, marker = class_color(methods.index(method)), _MARKERS[methods.index(method) % len(_MARKERS)]
            handles[method] = axes.errorbar(seconds, means, [means - lows, highs - means], color=color, marker=marker,
                                            markersize=6, linewidth=1, capsize=2)
        axes.set(xscale="log", xlabel="CPU seconds", ylabel=metric.title, title=title)
        logarithmic = [axes.xaxis]
        if not metric.is_higher_better:
            axes.set_yscale("log")
            logarithmic.append(axes.yaxis)
        for axis in logarithmic:
            axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.25)
    blank([of_legend])
    of_legend.legend(list(handles.values()), list(handles), loc="center", ncol=n_legend_columns)
    save(figure, path)
