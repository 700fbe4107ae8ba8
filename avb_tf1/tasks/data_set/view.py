"""What a snapshot of a data set's model holds: codes of many test images, and a closer look at a few. Knows no TensorFlow."""

import numpy as np
from scipy.special import ndtri

from avb_tf1.estimation import quadrature
from avb_tf1.estimation.fitted_density import fitted_densities
from avb_tf1.tasks.views import codes

N_CLOSE = 10                  # test images that are looked at closely, at most
N_PRIOR = 16                  # images of prior samples
N_SAMPLES = 256               # of q(z|x) of each image that is looked at closely
_N_MANIFOLD = {1: 25, 2: 15}  # points along an axis, by latent_dim


def images_looked_at(problem):
    """Return the numbers of the test images that are looked at closely, int64 [k]: the first of each class, 10 at most.

    The first 10, if there are no classes. All are among problem.shown_images().
    """
    labels = problem.shown_images()[1]
    if len(problem.class_names) == 1:
        return np.arange(min(N_CLOSE, len(labels)))
    return np.unique(labels, return_index=True)[1][:N_CLOSE]


def manifold_axis(latent_dim):
    """Return the coordinates along each axis at which the decoder is looked at: normal quantiles of (i + 1/2) / m, [m]."""
    m = _N_MANIFOLD[latent_dim]
    return ndtri((np.arange(m) + 0.5) / m)


class View:
    """What is looked at in each snapshot; arguments: networks, an ImageDataset and a numpy RandomState."""

    max_bytes = 2**25  # of all snapshots besides the first: they are larger than those of a few x

    def __init__(self, networks, problem, random_state):
        self._networks, d = networks, networks.latent_dim
        self._x = problem.shown_images()[0]
        self._looked_at = images_looked_at(problem)

        def noise(n, dim):
            return random_state.standard_normal((n, dim or 0)).astype(np.float32)

        self._eps = noise(len(self._x), networks.noise_dim)
        self._prior = noise(N_PRIOR, d)
        self._has_grid = quadrature.has_grid(d)
        if self._has_grid:
            self._manifold = quadrature.grid(manifold_axis(d), d).astype(np.float32)
            self._x_of_samples = np.repeat(self._x[self._looked_at], N_SAMPLES, axis=0)
            self._eps_of_samples = noise(len(self._x_of_samples), networks.noise_dim)

    def look(self):
        """Return the arrays of one snapshot by name, of n shown images (ImageDataset.shown_images) and k images_looked_at.

        Returns:
            dict: z float32 [n, latent_dim], log_ratio and log_density float32 [n], as far as the model has them
            (tasks.views.codes); reconstruction uint8 [k, n_values], 255 times E[x|z], from 0 to 1, at their z; prior
            uint8 [16, n_values], those at z of the prior. With a grid of d = 1 or 2 dimensions manifold uint8 [m**d, n_values],
            those on quadrature.grid(manifold_axis(d), d); samples float32 [k, 256, d] of q(z|x); density_axes float32
            [k, d, m] and density uint8 [k, m**d], 255 times p(z|x) over its largest value, as of fitted_densities. What is made
            from codes is missing without q(z|x).
        """
        networks = self._networks
        record = codes(networks, self._x, self._eps)
        record["prior"] = _bytes(networks.decode(self._prior))
        if self._has_grid:
            record["manifold"] = _bytes(networks.decode(self._manifold))
        if networks.encode is None:
            return record
        record["reconstruction"] = _bytes(networks.decode(record["z"][self._looked_at]))
        if self._has_grid:
            samples = networks.encode(self._x_of_samples, self._eps_of_samples)
            record["samples"] = samples.reshape(len(self._looked_at), N_SAMPLES, -1)
            record["density_axes"], density = fitted_densities(
                networks.likelihood, self._x[self._looked_at], record["samples"])
            record["density"] = _bytes(density)
        return record


def _bytes(values):
    """255 times values in [0, 1], uint8; others are taken for the nearest in it."""
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)
