"""The four 2x2 images with one pixel on, each flattened to four numbers (tutorial, "Input data")."""

import numpy as np

from avb_tf1.problems.image_problem import ImageProblem
from avb_tf1.problems.published import IGNORING_Z, OPTIMUM, TABLE_1

N_PIXELS = 4
# Image i has pixel i on (row-major in the 2x2 image).
_NAMES = ("top left", "top right", "bottom left", "bottom right")
PROBLEM = ImageProblem(
    images=np.eye(N_PIXELS, dtype=np.float32), weights=(1,) * N_PIXELS, title="four 2 × 2 images", image_shape=(2, 2),
    image_names=_NAMES, pixel_names=_NAMES, image_phrase="%s pixel on",
    introduction="There are four images of 2 × 2 pixels, each with one pixel on.",
    best_possible="Each image owns a quarter of the prior, the clouds fill the prior without a gap, and the log-likelihood is "
                  "−log 4 = −1.3863 nats.",
    optima=OPTIMUM, published=TABLE_1,
    ignoring_z=IGNORING_Z)
