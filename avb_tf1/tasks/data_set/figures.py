"""Figures of data sets of real images: each from arrays, and which arrays of a trained model these are."""

import numpy as np
from matplotlib import cm, patheffects
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from scipy.stats import norm

from avb_tf1.estimation.metric import ENCODER, GRID, Need
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.plotting import movie, training_curve
from avb_tf1.plotting.contours import draw_exact_lines
from avb_tf1.plotting.latents import draw_circles, draw_latents, latent_limit
from avb_tf1.plotting.pixels import ON_OR_OFF, REAL, draw_pixels, probability_bar
from avb_tf1.plotting.style import EXACT_COLOR, class_color, new_figure, panels_of, plain, rows_and_columns, save
from avb_tf1.runs import run_folder
from avb_tf1.runs.contents import losses_of
from avb_tf1.tasks.data_set import view
from avb_tf1.tasks.trained import Figure
from avb_tf1.tasks.views import N_MOVIE_FRAMES, spread_out

N_COORDINATES = 4             # of more than two, that are drawn
N_MEAN = 16                   # samples that the mean of an implicit q(z|x) is taken from, to choose them

NO_GRID = Need(lambda networks: not GRID.is_met(networks))
PLANE = Need(lambda networks: networks.latent_dim == 2)

_MAX_NAMES = 20               # classes that a legend has
_NAME_ROOM = 0.12             # of how far the axes reach: classes whose codes lie nearer together have but the legend
_MAX_BANDS = 40               # of classes whose names an axis has
_SHORT = 3                    # letters of names that stand among the codes
_MAX_LETTERS = 14             # of a class's name
_MAX_ROW = 8                  # pixels of an image of one row; longer ones are folded
_SLENDEREST = 3               # how much longer than wide an image is drawn at most
_GAP = 0.06                   # between images, of their shorter side
_BETWEEN = "#c3d3e6"          # the colour there


@plain
def latent_space(path, z, labels, names):
    """Draw codes by class over circles at 1, 2 and 3 sigma of the prior, with short names where the classes lie apart.

    Args:
        path: str, the PNG to write.
        z: [n, latent_dim], one or two dimensions; with one each class gets a band of its own.
        labels: integer [n], rows of names.
        names: what each class is called; but one of images without classes.
    """
    has_legend = len(names) > 1 and z.shape[1] == 2
    widths = [6, 0.7 + 0.07 * max(len(_short(name)) for name in names)] if has_legend else [6]
    figure = new_figure(sum(widths), 6.3)
    axes, *beside = figure.subplots(1, len(widths), gridspec_kw={"width_ratios": widths}, squeeze=False)[0]
    draw_codes(axes, z, labels, names, latent_limit(z), size=9)
    axes.set_title("Latent space: codes of %d test images" % len(z))
    if has_legend:
        _class_legend(beside[0], names, "center left")
    save(figure, path)


@plain
def latent_movie(path, z, labels, iterations, names, coordinates):
    """Write codes z [s, n, 1 or 2] through training as a GIF, a frame a snapshot: after so many iterations, integer [s].

    labels, integer [n], are rows of names, those of the classes; coordinates are the names of the one or two coordinates.
    """
    figure, is_plane, limit = movie.new_figure(5.8, 4.5), z.shape[2] == 2, latent_limit(z[-1])
    axes = figure.add_axes([0.11, 0.11, 0.65, 0.82] if is_plane else [0.2, 0.11, 0.76, 0.82])
    if is_plane:
        _class_legend(figure.add_axes([0.77, 0.11, 0.22, 0.82]), names, "center left")

    def draw(codes, after):
        draw_codes(axes, codes, labels, names, limit, size=5, with_names=False)
        axes.set(**dict(zip(("xlabel", "ylabel"), coordinates)))
        axes.set_title("Latent space " + after, fontsize=10)

    movie.write(path, [axes], draw, z, iterations)


@plain
def pairs(path, z, labels, names, coordinates, variances, n_of_all):
    """Draw codes by class in the planes of pairs of coordinates, and histograms of each under the prior's density.

    Args:
        path: str, the PNG to write.
        z: [n, k], the chosen coordinates of codes; labels: integer [n], rows of names.
        names: what each class is called.
        coordinates: what the k coordinates are called.
        variances: [k], over test images, of the mean of q(z|x) in each.
        n_of_all: int, how many coordinates there are to choose from.
    """
    k = z.shape[1]
    figure = new_figure(2.3 * k + 0.4, 2.3 * k + 0.4)
    panels = figure.subplots(k, k, squeeze=False)
    limit = latent_limit(z)
    points = np.linspace(-limit, limit, 401)
    for row, column in np.ndindex(k, k):
        axes = panels[row, column]
        if row < column:
            axes.set_axis_off()
            continue
        if row == column:
            axes.hist(z[:, row], bins=np.linspace(-limit, limit, 41), density=True, color="0.75")
            axes.plot(points, norm.pdf(points), color=EXACT_COLOR, linewidth=1)
            axes.set(xlim=(-limit, limit), yticks=[], box_aspect=1)
            axes.set_title("%s: variance of the means %.2f" % (coordinates[row], variances[row]), fontsize=8)
        else:
            draw_codes(axes, z[:, [column, row]], labels, names, limit, size=6, with_names=False)
        axes.set(xlabel=coordinates[column] if row == k - 1 else "",
                 ylabel=coordinates[row] if column == 0 and row > 0 else "")
        axes.tick_params(labelsize=7)
    which = "all %d coordinates" % k if k == n_of_all else (
        "the %d of %d coordinates in which the means of q(z|x) differ most" % (k, n_of_all))
    figure.suptitle("Codes of %d test images: %s,\nand histograms of each under the prior's density" % (len(z), which),
                    fontsize=10)
    _class_legend(panels[0, -1], names, "upper right")
    save(figure, path)


@plain
def manifold(path, images, axis, colors=ON_OR_OFF):
    """Draw what the decoder makes of each point of a grid over the latent space: z_1 to the right, z_2 upwards.

    Args:
        path: str, the PNG to write.
        images: [m**d, rows, columns] or, of colour, [m**d, rows, columns, 3], E[x|z] at the points of quadrature.grid(axis, d),
            d being 1 or 2.
        axis: [m].
        colors: of plotting.pixels; those of real values, REAL, which images of colour have.
    """
    m, note = len(axis), _folding(images)
    images = visible(images)
    n_rows = len(images) // m
    cells = images.reshape(n_rows, m, *images.shape[1:])[::-1]
    width = 8 if n_rows > 1 else 14
    figure = new_figure(width, (width - 0.9) * (cells.shape[2] * n_rows) / (cells.shape[3] * m) + (1.3 if note else 1.05))
    axes = figure.subplots()
    _, (ys, xs) = draw_tiles(axes, cells, colors)
    every, quantiles = slice(None, None, 2), np.array(["%.2f" % value for value in axis])
    axes.set(xticks=xs[every], xticklabels=quantiles[every], xlabel="$z_1$, quantiles of the prior")
    if n_rows > 1:
        axes.set(yticks=ys[every], yticklabels=quantiles[::-1][every], ylabel="$z_2$, quantiles of the prior")
    axes.set_title("Decoder: %s of the pixels at each z%s" % ("probabilities" if colors == ON_OR_OFF else "means", note))
    save(figure, path)


@plain
def reconstructions(path, images, decoded, prior, titles, colors=ON_OR_OFF):
    """Draw images, what the decoder makes of a code of each, and what it makes of samples of the prior.

    Args:
        path: str, the PNG to write.
        images: [k, rows, columns] or, of colour, [k, rows, columns, 3].
        decoded: as many, E[x|z] of a code z of each.
        prior: n such images, E[x|z] of samples of the prior; n even.
        titles: what each of the k images is called.
        colors: as of manifold; a bar explains those of pixels that are on or off.
    """
    k, n_prior = len(images), len(prior)
    images_and_decoded, of_prior = np.stack([visible(images), visible(decoded)]), visible(prior)
    of_prior = of_prior.reshape(2, n_prior // 2, *of_prior.shape[1:])
    widths = [max(k, 4), n_prior / 2]  # a title needs the room of 4 images
    height = 1.5 * min(1, of_prior.shape[2] / of_prior.shape[3])
    figure = new_figure(0.7 * sum(widths) + 1, height + (1.8 if colors == ON_OR_OFF else 1.1))
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": widths})
    _, (ys, xs) = draw_tiles(left, images_and_decoded, colors)
    left.set_xticks(xs)
    left.set_xticklabels([_short(title, 11) for title in titles], fontsize=7)
    left.set_yticks(ys)
    left.set_yticklabels(["x", "p(x|z)" if colors == ON_OR_OFF else "E[x|z]"], fontsize=8)
    left.tick_params(length=0)
    left.set_title("test images and\ntheir reconstructions" + _folding(images), fontsize=9)
    drawn, _ = draw_tiles(right, of_prior, colors)
    right.set_title("decoded from %d samples of the prior" % n_prior, fontsize=9)
    if colors == ON_OR_OFF:
        probability_bar(figure, drawn, [left, right], shrink=0.4)
    save(figure, path)


@plain
def posteriors(path, images, samples, axes_of_density, density, titles, colors=ON_OR_OFF):
    """Draw lines about 50 % and 95 % of the exact p(z|x) under samples of q(z|x), a panel for each image, the image beside it.

    Args:
        path: str, the PNG to write.
        images: [k, rows, columns] or, of colour, [k, rows, columns, 3].
        samples: [k, n, 2].
        axes_of_density, density: [k, 2, m] and [k, m**2], as of fitted_density.fitted_densities, in any unit.
        titles: what each of the k images is called.
        colors: as of manifold.
    """
    n_rows, n_columns = rows_and_columns(len(images))
    figure = new_figure(max(4.2, 2.9 * n_columns), 3.5 * n_rows + 0.5)
    panels = panels_of(figure, len(images), n_rows, n_columns)
    for number, (axes, image, title) in enumerate(zip(panels, visible(images), titles)):
        draw_posteriors(axes, samples[number], axes_of_density[number], density[number])
        axes.set(xlabel="$z_1$", ylabel="$z_2$" if number % n_columns == 0 else "")
        axes.annotate(_short(title), (0.26, 1.14), xycoords="axes fraction", va="center", fontsize=10)
        draw_beside(axes, image, 0, 1.03, colors).set_anchor("SW")
    figure.suptitle("Exact p(z|x), lines about 50 %% and 95 %% of it,%sunder samples of q(z|x)" % (
        " " if n_columns > 2 else "\n"), fontsize=11)
    save(figure, path)


def draw_posteriors(axes, samples, axes_of_density, density):
    """Draw samples [n, 2] of one q(z|x) on matplotlib Axes, over lines about 50 % and 95 % of the exact p(z|x).

    Its density, in any unit, is [m**2] at the points of axes_of_density [2, m], row by row.
    """
    axes.use_sticky_edges = False  # samples at the density's edge are to be seen whole
    axes.scatter(*samples.T, s=4, alpha=0.5, color=class_color(0), edgecolor="none")
    draw_exact_lines(axes, *axes_of_density, density.reshape(2 * [axes_of_density.shape[1]]))
    axes.tick_params(labelsize=7)
    axes.locator_params(nbins=5)


def draw_beside(axes, image, x, y, colors=ON_OR_OFF):
    """Draw a small image [rows, columns(, 3)], its lower left corner at (x, y) of Axes, in their sizes; return its own Axes."""
    inset = axes.inset_axes([x, y, 0.22, 0.22])
    draw_tiles(inset, image[np.newaxis, np.newaxis], colors)
    return inset


def visible(images):
    """Return images [n, rows, columns(, 3)] in a form in which they can be seen, with other numbers of rows and columns.

    A long row of pixels is folded into lines of about a square, with NaN for what is missing in the last; pixels of an image
    that is still slender are drawn longer.
    """
    n, rows, columns, *colors = images.shape
    side = _line(images)
    if side < columns:
        rows, whole = -(-columns // side), np.full((n, side * -(-columns // side), *colors), np.nan)
        whole[:, :columns] = images[:, 0]
        images, columns = whole.reshape(n, rows, side, *colors), side
    images = np.repeat(images, max(1, -(-columns // (_SLENDEREST * rows))), axis=1)
    return np.repeat(images, max(1, -(-rows // (_SLENDEREST * columns))), axis=2)


def _line(images):
    """How many pixels each line of the images has as they are drawn."""
    _, rows, columns, *_ = images.shape
    return int(np.ceil(np.sqrt(columns))) if rows == 1 and columns > _MAX_ROW else columns


def _folding(images):
    """What a title says of images that are folded."""
    columns, line = images.shape[2], _line(images)
    return "" if line == columns else ",\nrows of %d pixels in lines of %d" % (columns, line)


def draw_tiles(axes, cells, colors=ON_OR_OFF):
    """Draw images [n_rows, n_columns, h, w(, 3)], values in [0, 1] or NaN, beside and below each other, in colours of
    plotting.pixels; return what was drawn, and where the middles of the rows and of the columns are.
    """
    scale = -(-24 // max(cells.shape[2:4]))  # so that a gap of a few pixels is a narrow one
    cells = cells.repeat(scale, axis=2).repeat(scale, axis=3)
    (n_rows, n_columns), sizes, of_color = cells.shape[:2], cells.shape[2:4], [(0, 0)] * (cells.ndim - 4)
    gap = max(1, round(_GAP * min(sizes)))
    spaced = np.pad(cells.astype(float), [(0, 0), (0, 0), (gap, 0), (gap, 0), *of_color], "constant", constant_values=np.nan)
    picture = np.concatenate(np.concatenate(spaced, axis=1), axis=1)
    picture = np.pad(picture, [(0, gap), (0, gap), *of_color], "constant", constant_values=np.nan)
    if of_color:
        picture = np.where(np.isnan(picture), to_rgb(_BETWEEN), picture)
    colors = cm.get_cmap(colors).copy()
    colors.set_bad(_BETWEEN)
    middles = [gap + (size - 1) / 2 + np.arange(n) * (size + gap) for n, size in zip((n_rows, n_columns), sizes)]
    return draw_pixels(axes, picture, colors), middles


def draw_codes(axes, z, labels, names, limit, size, with_names=True):
    """Scatter codes [n, 1 or 2] of classes labels [n], on top of each other as they come, so that no class hides the others."""
    if z.shape[1] == 1:
        draw_latents(axes, z, labels, size=size, alpha=0.7, limit=limit)
        if len(names) > 1:
            shown = np.arange(0, len(names), 1 + len(names) // _MAX_BANDS)
            axes.set_yticks(shown + 0.4)
            axes.set_yticklabels([_short(names[label]) for label in shown], fontsize=7)
        return
    draw_circles(axes, limit)
    axes.scatter(*z.T, s=size, alpha=0.7, color=[class_color(label) for label in labels], edgecolor="none")
    if with_names and 1 < len(names) <= _MAX_NAMES and max(map(len, names)) <= _SHORT:
        shown = np.unique(labels)
        middles = np.array([_middle(z[labels == label]) for label in shown])
        gaps = np.abs(middles[:, np.newaxis] - middles).max(axis=2)[np.triu_indices(len(shown), 1)]
        for label, middle in zip(shown, middles) if gaps.min(initial=np.inf) > _NAME_ROOM * limit else ():
            axes.annotate(names[label], middle, ha="center", va="center", fontsize=11,
                          fontweight="bold", color=class_color(label), path_effects=[
                              patheffects.withStroke(linewidth=3, foreground="white")], annotation_clip=True)


def _middle(z):
    """The one of codes [n, d] that is nearest to their median, where there may be none."""
    return z[np.argmin(((z - np.median(z, axis=0))**2).sum(axis=1))]


def _short(name, n=_MAX_LETTERS):
    return name if len(name) <= n else name[:n - 1] + "…"


def _class_legend(axes, names, loc):
    """Draw nothing but a legend of the classes, if there are several, on Axes, and not more for its sake."""
    axes.set_axis_off()
    if len(names) == 1:
        return
    entries = [Line2D([], [], color=class_color(label), marker="o", linestyle="", label=_short(name))
               for label, name in enumerate(names[:_MAX_NAMES])]
    if len(names) > _MAX_NAMES:
        entries.append(Line2D([], [], linestyle="", label="and %d more" % (len(names) - _MAX_NAMES)))
    axes.legend(handles=entries, title="class", fontsize=8, title_fontsize=8, loc=loc).set_in_layout(False)


def widest_coordinates(networks, x, random_state):
    """Return the coordinates of z that tell images apart most, by the variance over images of the mean of q(z|x).

    Args:
        networks: trained_networks.Networks; random_state: numpy RandomState.
        x: float32 [n, n_pixels].

    Returns:
        int64 [k], at most N_COORDINATES, those of the largest variance, ascending by number; their variances, float64 [k]. A
        mean is that of N_MEAN samples where q(z|x) has no closed form, the variance then less what the samples add to it.
    """
    if networks.gaussian is not None:
        variances = np.var(networks.gaussian(x)[0], axis=0, dtype=np.float64)
    else:
        z = np.array([in_chunks(networks.encode, x, random_state.standard_normal(
            (len(x), networks.noise_dim)).astype(np.float32)) for _ in range(N_MEAN)], np.float64)
        variances = np.maximum(z.mean(axis=0).var(axis=0) - z.var(axis=0, ddof=1).mean(axis=0) / N_MEAN, 0)
    chosen = np.sort(np.argsort(-variances, kind="stable")[:N_COORDINATES])
    return chosen, variances[chosen]


def _widest(trained):
    return widest_coordinates(trained.networks, trained.problem.shown_images()[0], trained.stream("coordinates"))


def _latent_space(path, trained):
    problem = trained.problem
    latent_space(path, trained.snapshots["z"][-1], problem.shown_images()[1], problem.class_names)


def _pairs(path, trained):
    problem, (chosen, variances) = trained.problem, trained.once(_widest)
    pairs(path, trained.snapshots["z"][-1][:, chosen], problem.shown_images()[1], problem.class_names,
          _names_of(chosen), variances, trained.networks.latent_dim)


def _latent_movie(path, trained):
    problem, networks, snapshots = trained.problem, trained.networks, trained.snapshots
    chosen = np.arange(networks.latent_dim) if GRID.is_met(networks) else trained.once(_widest)[0][:2]
    shown = spread_out(len(snapshots["iteration"]), N_MOVIE_FRAMES)
    latent_movie(path, snapshots["z"][shown][:, :, chosen], problem.shown_images()[1],
                 snapshots["iteration"][shown], problem.class_names, _names_of(chosen))


def _manifold(path, trained):
    manifold(path, _last(trained, "manifold"), view.manifold_axis(trained.networks.latent_dim), _colors(trained.problem))


def _reconstructions(path, trained):
    images, titles = _images_looked_at(trained.problem)
    reconstructions(path, images, _last(trained, "reconstruction"), _last(trained, "prior"), titles, _colors(trained.problem))


def _posteriors(path, trained):
    images, titles = _images_looked_at(trained.problem)
    samples, axes, density = (trained.snapshots[name][-1] for name in ("samples", "density_axes", "density"))
    posteriors(path, images, samples, axes, density, titles, _colors(trained.problem))


def _colors(problem):
    return ON_OR_OFF if problem.is_binary else REAL


def _names_of(coordinates):
    return ["$z_{%d}$" % (coordinate + 1) for coordinate in coordinates]


def _last(trained, name):
    """Images of the last snapshot, pixels from 0 to 1, as they are drawn."""
    return trained.problem.drawn(trained.snapshots[name][-1] / 255)


def _images_looked_at(problem):
    """The images that are looked at closely, as they are drawn, and what each is called: its class or, without any, its number.
    """
    numbers, (images, labels) = view.images_looked_at(problem), problem.shown_images()
    titles = ["image %d" % number for number in numbers] if len(problem.class_names) == 1 else [
        problem.class_names[label] for label in labels[numbers]]
    return problem.drawn(images[numbers]), titles


# By their names in a run folder.
FIGURES = {
    run_folder.TRAINING_CURVE: Figure(lambda path, trained: training_curve.draw(path, losses_of(trained.monitors), {})),
    "latent_space.png": Figure(_latent_space, (GRID, ENCODER)),
    "pairs.png": Figure(_pairs, (NO_GRID, ENCODER)),
    "manifold.png": Figure(_manifold, (GRID,)),
    "reconstructions.png": Figure(_reconstructions, (ENCODER,)),
    "posteriors.png": Figure(_posteriors, (PLANE, ENCODER)),
    "latent_space.gif": Figure(_latent_movie, (ENCODER,)),
}
