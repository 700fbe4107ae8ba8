"""The four 2x2 images with one pixel on, each flattened to four numbers (tutorial, "Input data"); what is published of them.

Logarithms are natural, values in nats.
"""

import math

import numpy as np

from avb_tf1.problems.known_images.problem import ImageProblem
from avb_tf1.problems.published import Published

PAPER = "Mescheder, Nowozin, Geiger 2017, arXiv 1701.04722v4, Table 1"

_DERIVED = "q(z|x) = 4 p(z) on four disjoint regions of prior mass 1/4"
OPTIMUM = {
    "generator_loss": Published(math.log(4), _DERIVED, "derived"),
    "discriminator_loss": Published(math.log(5 / 4) + math.log(5) / 4, _DERIVED, "derived"),
    "log_likelihood": Published(-math.log(4), _DERIVED, "derived"),
    "elbo": Published(-math.log(4), _DERIVED, "derived"),
    "kl_posterior_prior": Published(math.log(4), _DERIVED, "derived"),
    "kl_marginal_prior": Published(0.0, _DERIVED, "derived"),
    "inference_gap": Published(0.0, _DERIVED, "derived"),
    "reconstruction_error": Published(0.0, _DERIVED, "derived"),
}

# The log-likelihood of the best decoder that ignores z.
IGNORING_Z = Published(math.log(1 / 4) + 3 * math.log(3 / 4), "each pixel on with the probability 1/4", "derived")

TABLE_1_METRICS = ("log_likelihood", "reconstruction_error", "elbo", "kl_marginal_prior")  # its columns
# Table 1 of the paper, by its rows, from each column's value and its rounding. The reconstruction error is per pixel: only then
# does the table add up.
TABLE_1 = {
    row: {name: Published(value, PAPER, "recalled", rounding) for name, (value, rounding) in zip(TABLE_1_METRICS, cells)}
    for row, cells in (("VAE", ((-1.568, 0.5e-3), (88.5e-3, 0.05e-3), (-1.697, 0.5e-3), (0.165, 0.5e-3))),
                       ("AVB", ((-1.403, 0.5e-3), (5.77e-3, 0.005e-3), (-1.421, 0.5e-3), (0.026, 0.5e-3))))}

N_PIXELS = 4
# Image i has pixel i on (row-major in the 2x2 image).
_NAMES = ("top left", "top right", "bottom left", "bottom right")
PROBLEM = ImageProblem(
    images=np.eye(N_PIXELS, dtype=np.float32), weights=(1,) * N_PIXELS, title="four 2 × 2 images", image_shape=(2, 2),
    image_names=_NAMES, pixel_names=_NAMES, image_phrase="%s pixel on",
    introduction="There are four images of 2 × 2 pixels, each with one pixel on.",
    best_possible="Each image owns a quarter of the prior, the clouds fill the prior without a gap, and the log-likelihood is "
                  "−log 4 = −1.3863 nats.",
    optima=OPTIMUM, published=TABLE_1, ignoring_z=IGNORING_Z)
