"""What a snapshot of a data set's model has: codes of many test images, and a closer look at a few. Knows no TensorFlow."""

import numpy as np
from scipy.special import ndtri

from avb_tf1.estimation import quadrature, trained_networks
from avb_tf1.estimation.fitted_density import fitted_densities

N_CLOSE = 10                  # test images that are looked at closely, at most
N_PRIOR = 16                  # images of prior samples
N_SAMPLES = 256               # of q(z|x) of each image that is looked at closely
_N_MANIFOLD = {1: 25, 2: 15}  # points along an axis, by latent_dim


def close_images(problem):
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


class DatasetView:
    """What is looked at in each snapshot; the noise is the same each time.

    Args:
        networks: trained_networks.Networks.
        problem: image_dataset.ImageDataset.
        random_state: numpy RandomState that the noise is drawn from.
    """

    def __init__(self, networks, problem, random_state):
        self._networks, d = networks, networks.latent_dim
        self._x = problem.shown_images()[0]
        self._close = close_images(problem)
        n_samples = len(self._close) * N_SAMPLES

        def noise(n, dim):
            return random_state.standard_normal((n, dim)).astype(np.float32)

        self._eps = noise(len(self._x), networks.noise_dim)
        self._prior = noise(N_PRIOR, d)
        self._has_grid = quadrature.has_grid(d)
        if self._has_grid:
            self._manifold = quadrature.grid(manifold_axis(d), d).astype(np.float32)
            self._x_of_samples = np.repeat(self._x[self._close], N_SAMPLES, axis=0)
            self._eps_of_samples = noise(n_samples, networks.noise_dim)

    def look(self):
        """Return the arrays of one snapshot by name, as snapshots.Snapshots.arrays has them of a data set."""
        networks = self._networks
        z = trained_networks.in_chunks(networks.encode, self._x, self._eps)
        record = {"z": z}
        if networks.log_ratio is not None:
            record["log_ratio"] = trained_networks.in_chunks(networks.log_ratio, self._x, z)[:, 0]
        record["reconstruction"] = _bytes(networks.decode(z[self._close]))
        record["prior"] = _bytes(networks.decode(self._prior))
        if self._has_grid:
            record["manifold"] = _bytes(networks.decode(self._manifold))
            samples = networks.encode(self._x_of_samples, self._eps_of_samples)
            record["samples"] = samples.reshape(len(self._close), N_SAMPLES, -1)
            record["density_axes"], density = fitted_densities(
                networks.decode, self._x[self._close], record["samples"])
            record["density"] = _bytes(density)
        return record


def _bytes(values):
    """255 times values in [0, 1], uint8."""
    return np.rint(255 * values).astype(np.uint8)
