"""How far the nearest-neighbour estimate of KL(q(z|x) || p(z)) is off at the optimum: codes of four exact sectors, known KL.

    .venv/bin/python docs/knn_bias.py
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

from avb_tf1.estimation.entropy import kl_posterior_prior
from avb_tf1.problems.known_images.four_images import OPTIMUM, PROBLEM

SIGNS = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])  # of the quadrant that an image owns

for n_samples, n_draws in ((256, 100), (524288, 8)):
    errors = []
    for seed in range(n_draws):
        labels = PROBLEM.labels(4 * n_samples)
        random_state = np.random.RandomState(seed)
        z = np.float32(np.abs(random_state.standard_normal((len(labels), 2))) * SIGNS[labels])
        errors.append(kl_posterior_prior(z, labels, random_state).value - OPTIMUM["kl_posterior_prior"].value)
    print("%6d samples an image, seeds 0 to %d: off by %+.4f, standard error %.4f" % (
        n_samples, n_draws - 1, np.mean(errors), np.std(errors, ddof=1) / np.sqrt(n_draws)))
