"""Images as pictures of pixels, white where a pixel is 0 and black where it is 1; or of real values, as photographs are."""

ON_OR_OFF, REAL = "Greys", "gray"  # colours of pixels that are on or off, and of real values: white is 0 there, black here


def draw_pixels(axes, image, colors=ON_OR_OFF):
    """Draw an image [rows, columns], values in [0, 1], on matplotlib Axes without ticks; return what was drawn.

    One of colour, [rows, columns, 3], has its own.
    """
    axes.set(xticks=[], yticks=[])
    return axes.imshow(image, cmap=colors, vmin=0, vmax=1)


def probability_bar(figure, drawn, panels, shrink):
    """Explain the greys of what draw_pixels drew in a bar below panels of a figure, of the share `shrink` of their width."""
    bar = figure.colorbar(drawn, ax=panels, orientation="horizontal", shrink=shrink, aspect=40)
    bar.set_label("probability that the pixel is on", fontsize=8)
    bar.ax.tick_params(labelsize=8)
