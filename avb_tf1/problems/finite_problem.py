"""A distribution of x over a few values, each with a probability."""

import numpy as np


class FiniteProblem:
    """What known_images.problem.ImageProblem and given_posterior.problem.GivenPosterior have in common.

    They have `weights`: a value's probability is its weight, an integer, beside the sum of all; and `inputs`, float32 [n_x, d]:
    what the networks see of each value.
    """

    @property
    def n_x(self):
        return len(self.weights)

    @property
    def _shares(self):
        return np.array(self.weights) / sum(self.weights)

    def labels(self, n):
        """Return labels, int64 [n] or less, ascending: as many as give each value its share exactly."""
        return np.repeat(np.arange(self.n_x), n // sum(self.weights) * np.array(self.weights))

    @property
    def entropy(self):
        """That of x, nats: what codes can tell about it at most."""
        return float(-(self._shares * np.log(self._shares)).sum())

    def mean(self, values):
        """Return the expectation over x of values [n_x], a float."""
        return float((np.asarray(values, np.float64) * self._shares).sum())

    def error_of_mean(self, errors):
        """Return the standard error of mean(values), a float, for values with independent standard errors [n_x]."""
        return float(np.sqrt(((np.asarray(errors) * self._shares)**2).sum()))
