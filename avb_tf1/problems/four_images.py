"""The four 2x2 images with one pixel on, each flattened to four numbers (tutorial, "Input data")."""

import numpy as np

from avb_tf1.problems.image_problem import ImageProblem
from avb_tf1.problems.published import IGNORING_Z, OPTIMUM, TABLE_1

N_PIXELS = 4
# Image i has pixel i on (row-major in the 2x2 image).
PROBLEM = ImageProblem(np.eye(N_PIXELS, dtype=np.float32), (1,) * N_PIXELS, "four 2 × 2 images", OPTIMUM, TABLE_1, IGNORING_Z)


def problem_of(config):
    """Return the ImageProblem that a config is about; today that is the same for all."""
    return PROBLEM
