"""Figures of given posteriors: each from arrays, and which arrays of a trained model these are."""

import textwrap

import numpy as np

from avb_tf1.estimation.metric import ENCODER
from avb_tf1.plotting import movie, training_curve
from avb_tf1.plotting.contours import draw_exact_lines
from avb_tf1.plotting.style import EXACT_COLOR, blank, class_color, new_figure, panels_of, plain, rows_and_columns, save
from avb_tf1.runs import run_folder
from avb_tf1.runs.contents import losses_of
from avb_tf1.tasks.given_posterior import measures
from avb_tf1.tasks.trained import Figure
from avb_tf1.tasks.views import N_MOVIE_FRAMES, labels_of_codes, spread_out

_N_BINS = 50
_TOLD = 0.01                  # of samples, that lie outside of the axes
_TAIL = 0.002                 # of exact draws, to either side, that the axes need not show


@plain
def approximate_posteriors(path, z, labels, names, coordinates, exact):
    """Draw samples of q(z|x) in the plane of the first two coordinates, a panel for each x, over what is exact.

    Args:
        path: str, the PNG to write.
        z: [n, dim]; labels: integer [n], the x.
        names: what each x is called.
        coordinates: the names of z's coordinates.
        exact: as of measures.exact_arrays.
    """
    n_rows, n_columns = rows_and_columns(len(names))
    figure = new_figure(max(4.6, 3.1 * n_columns), (3.4 if n_columns > 1 else 4.2) * n_rows + 0.7)
    panels = panels_of(figure, len(names), n_rows, n_columns)
    _draw_each_x(panels, z, labels, names, coordinates, exact, fontsize=10)
    figure.suptitle("\n".join(textwrap.wrap(_in_words(z, exact), 24 * n_columns + 26)), fontsize=10)
    save(figure, path)


def _in_words(z, exact):
    """What draw_samples draws, as a title."""
    if z.shape[1] == 1:
        return "Samples of q(z|x)" + (", line: the exact p(z|x)" if exact else "")
    if "density" in exact:
        return "Samples of q(z|x), lines about 50 % and 95 % of the exact p(z|x)"
    return "Samples of q(z|x)" + (", grey: draws of the exact p(z|x)" if exact else "") + (
        ", two of %d coordinates" % z.shape[1] if z.shape[1] > 2 else "")


@plain
def latent_movie(path, z, labels, iterations, names, coordinates, exact):
    """Write approximate_posteriors through training as a GIF, a frame a snapshot; z: [s, n, dim], iterations: integer [s]."""
    n_rows, n_columns = rows_and_columns(len(names))
    # Panels of about the shape that approximate_posteriors gives them.
    figure = movie.new_figure(max(4.0, 2.6 * n_columns), (4.8 if n_columns == 1 else 3.0) * n_rows, dpi=80)
    panels = panels_of(figure, len(names), n_rows, n_columns)
    figure.subplots_adjust(left=0.16 if n_columns == 1 else 0.06, right=0.98, bottom=0.16, top=0.84, wspace=0.35, hspace=0.5)

    def draw(codes, after):
        _draw_each_x(panels, codes, labels, names, coordinates, exact, fontsize=9)
        if not exact:  # the axes of the last frame
            for label, axes in enumerate(panels):
                last = z[-1][labels == label]
                axes.set_xlim(_limits(last[:, 0]))
                if last.shape[1] > 1:
                    axes.set_ylim(_limits(last[:, 1]))
        figure.suptitle(after, fontsize=10)

    movie.write(path, panels, draw, z, iterations)


def _draw_each_x(panels, z, labels, names, coordinates, exact, fontsize):
    for label, (axes, name) in enumerate(zip(panels, names)):
        draw_samples(axes, z[labels == label], label, coordinates, exact)
        axes.set_title(name if len(names) > 1 else "", fontsize=fontsize)


def draw_samples(axes, z, label, coordinates, exact):
    """Draw samples of one q(z|x), [n, dim], on matplotlib Axes, over the lines or the draws of the exact posterior.

    They are drawn in the plane of the first two coordinates, whose names `coordinates` are; of one coordinate there is a
    histogram. `label` says which x it is, `exact` is as in exact.npz, or {}.
    """
    color = class_color(label)
    if z.shape[1] == 1:
        axes.hist(z[:, 0], bins=_N_BINS, density=True, color=color, alpha=0.6)
        if exact:
            axes.plot(*_line(exact, label, 0), color=EXACT_COLOR)
        axes.set(xlabel=coordinates[0], yticks=[])
        return
    axes.scatter(*z[:, :2].T, s=2, alpha=0.35, color=color, edgecolor="none")
    if "density" in exact:
        draw_exact_lines(axes, *exact["axes"][label], exact["density"][label].T)
    elif exact:
        axes.scatter(*exact["draws"][label][:2000, :2].T, s=1.5, alpha=0.5, color=EXACT_COLOR, edgecolor="none", zorder=0)
    if exact:
        limits = [_limits(values) for values in exact["draws"][label][:, :2].T]
        axes.set(xlim=limits[0], ylim=limits[1])
        lows, highs = np.transpose(limits)
        _tell_outside(axes, [(((z[:, :2] < lows) | (z[:, :2] > highs)).any(axis=1).mean(), "samples")])
    axes.set(xlabel=coordinates[0], ylabel=coordinates[1])


def _line(exact, label, k):
    """The marginal density of the quantity k of an x, as in exact.npz: points [m], density [m]."""
    density = exact["marginal_density"][label][k]
    return np.linspace(*exact["marginal_ends"][label][k], len(density)), density


def _tell_outside(axes, shares):
    """Say on Axes how much of some samples lies outside of them, (share, name) each, if it is _TOLD or more of one."""
    told = ["%s %.0f %%" % (name, 100 * share) for share, name in shares if share >= _TOLD]
    if told:
        axes.annotate("outside: " + ", ".join(told), (0.02, 0.98), xycoords="axes fraction", va="top", fontsize=7)


def common_limits(samples, n):
    """Return what to show of several samples, [., k] each, in the first two of n coordinates: (low, high) of each."""
    ends = np.array([[_limits(column) for column in own[:, :min(n, 2)].T] for own in samples])
    return [(lows.min(), highs.max()) for lows, highs in zip(ends[:, :, 0].T, ends[:, :, 1].T)]


def _limits(values):
    low, high = np.quantile(values, [_TAIL, 1 - _TAIL])
    margin = 0.15 * (high - low) if high > low else 0.5  # of a quantity that has but one value
    return low - margin, high + margin


@plain
def marginals(path, samples, names, exact, names_of_x, colors=None):
    """Draw the marginals of several approximations beside the exact ones, a panel for each quantity, a row of them for each x.

    Args:
        path: str, the PNG to write.
        samples: name of an approximation -> [n_x, n, k].
        names: of the k quantities.
        exact: as of measures.exact_arrays.
        names_of_x: what each x is called.
        colors: name of an approximation -> the number of its colour; None: in turn.
    """
    colors = colors or {name: number for number, name in enumerate(samples)}
    n_x = len(names_of_x)
    rows_of_x, n_columns = rows_and_columns(len(names))
    figure = new_figure(2.6 * n_columns + 0.6, 1.9 * rows_of_x * n_x + 0.5)
    panels = figure.subplots(n_x * rows_of_x, n_columns, squeeze=False)
    for label, panels_of_x in enumerate(panels.reshape(n_x, -1)):
        for k, (axes, name) in enumerate(zip(panels_of_x, names)):
            shown = exact["draws"] if exact else list(samples.values())[-1]
            low, high = _limits(shown[label][:, k])
            bins, outside = np.linspace(low, high, _N_BINS), []
            for title, values in samples.items():
                look, own = {"alpha": 0.6} if len(samples) == 1 else {"histtype": "step"}, values[label][:, k]
                # Of all samples, also of those that are outside.
                weights = np.full(len(own), 1 / (len(own) * (bins[1] - bins[0])))
                axes.hist(own, bins=bins, weights=weights, color=class_color(colors[title]), label=title, **look)
                outside.append((np.mean((own < low) | (own > high)), title))
            if exact:
                axes.plot(*_line(exact, label, k), color=EXACT_COLOR, linewidth=1.5, label="exact")
            axes.set(yticks=[], xlim=(low, high), ylim=(0, None))
            axes.set_title(name if n_x == 1 else "%s, %s" % (names_of_x[label], name), fontsize=9)
            axes.tick_params(labelsize=7)
            _tell_outside(axes, outside)
        blank(panels_of_x[len(names):])
    # Beside the panels if there is room: of several methods it is large.
    spare = panels[-1][-1] if len(names) % n_columns else panels[0][0]
    spare.legend(*panels[0][0].get_legend_handles_labels(), fontsize=7)
    save(figure, path)


def _training_curve(path, trained):
    evidences = [reference.log_evidence for reference in trained.once(measures.references)[0] or ()]
    optima = {"generator_loss": -float(np.mean(evidences))} if evidences and None not in evidences else {}
    training_curve.draw(path, losses_of(trained.monitors), optima)


def _posterior(path, trained):
    problem, (z, labels) = trained.problem, trained.once(measures.latents)
    approximate_posteriors(path, z, labels, problem.observation_names, problem.coordinates, trained.once(measures.exact))


def _marginals(path, trained):
    problem = trained.problem
    samples = measures.quantities_of_each_x(problem, *trained.once(measures.latents))
    marginals(path, {"q": samples}, measures.names_of_quantities(problem), trained.once(measures.exact),
              problem.observation_names)


def _latent_movie(path, trained):
    problem, snapshots = trained.problem, trained.snapshots
    shown = spread_out(len(snapshots["iteration"]), N_MOVIE_FRAMES)
    latent_movie(path, snapshots["z"][shown], labels_of_codes(problem), snapshots["iteration"][shown],
                 problem.observation_names, problem.coordinates, trained.once(measures.exact))


# By their names in a run folder.
FIGURES = {
    run_folder.TRAINING_CURVE: Figure(_training_curve),
    "posterior.png": Figure(_posterior, (ENCODER,)),
    "marginals.png": Figure(_marginals, (ENCODER,)),
    "posterior.gif": Figure(_latent_movie, (ENCODER,)),
}
