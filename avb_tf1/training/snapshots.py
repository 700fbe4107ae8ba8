"""What the codes, the decoder and the discriminator look like at chosen iterations of a training. Knows no TensorFlow."""

import itertools
import math

import numpy as np

from avb_tf1.estimation import densities, entropy, quadrature, trained_networks
from avb_tf1.problems.data_set.problem import ImageDataset
from avb_tf1.training.dataset_snapshots import DatasetView

N_SAMPLES = 256                      # a class, ...
_MIN_SAMPLES = 1024                  # ... but so many in all, if there are few classes
MAX_SNAPSHOTS = 2000                 # besides the first; each takes 19 kB in memory and in the checkpoints
_MAX_BYTES = 2**25                   # of a data set's snapshots, which are larger; besides the first, too
PLANE_AXIS = np.linspace(-4, 4, 41)  # coordinates along each axis of the latent space where the decoder is looked at


def labels_of_codes(problem):
    """Return the classes of the codes that are looked at, int64 [n], ascending: N_SAMPLES of each, on average, or more."""
    return problem.labels(max(problem.n_x * N_SAMPLES, _MIN_SAMPLES))


class Snapshots:
    """An observer of training (trainer.train) that looks at the model every few iterations and after the last one.

    Whenever there would be more than MAX_SNAPSHOTS, or than _MAX_BYTES of a data set's, every second one is dropped, and from
    then on half as many are taken. The noise is the same each time, so that a code can be followed through training. None of
    it touches the noise that training draws.

    Args:
        networks: trained_networks.Networks.
        problem: image_problem.ImageProblem, given_posterior.GivenPosterior or image_dataset.ImageDataset.
        random_state: numpy RandomState that the noise is drawn from.
        training: the config's training section.
        earlier: None, or the arrays of a part of this training that is done; without them the model as it is now, before its
            first iteration, is looked at. Those of an earlier version that saw other things are dropped.
    """

    def __init__(self, networks, problem, random_state, training, earlier=None):
        is_of_dataset = isinstance(problem, ImageDataset)
        self._view = (DatasetView if is_of_dataset else _View)(networks, problem, random_state)
        self._training, self._records, self._most = training, {}, MAX_SNAPSHOTS
        seen_now = self._view.look()
        if is_of_dataset:
            self._most = min(self._most, max(2, _MAX_BYTES // sum(values.nbytes for values in seen_now.values())))
        if earlier is None:
            self._keep(0, seen_now)
        elif earlier.keys() == {"iteration", *seen_now}:
            self._records = {name: list(values) for name, values in earlier.items()}
            self._thin_out()

    def __call__(self, iteration, _=None):
        if self._is_due(iteration, iteration) and iteration > (self._records.get("iteration") or [-1])[-1]:
            self._keep(iteration, self._view.look())

    def _is_due(self, iteration, n_done):
        """Whether a snapshot of an iteration is to be kept when n_done iterations are done."""
        spacing = self._training.snapshot_every
        while n_done > self._most * spacing:
            spacing *= 2
        return iteration % spacing == 0 or iteration == self._training.n_iterations

    def _thin_out(self):
        iterations = self._records["iteration"]
        keep = [self._is_due(iteration, iterations[-1]) for iteration in iterations]
        if not all(keep):
            self._records = {name: list(itertools.compress(values, keep)) for name, values in self._records.items()}

    def _keep(self, iteration, seen_now):
        for name, value in dict(seen_now, iteration=np.int64(iteration)).items():
            self._records.setdefault(name, []).append(value)
        self._thin_out()

    def arrays(self):
        """Return what was seen at each of the s snapshots.

        Returns:
            dict: iteration int64 [s], iterations done; z float32 [s, n, latent_dim], codes of the classes labels_of_codes;
            with a decoder and a grid, probabilities uint8 [s, 41**latent_dim, n_pixels], 255 times those of p(x|z) on
            quadrature.grid(PLANE_AXIS, latent_dim); AVB only: log_ratio float32 [s, n], the discriminator's log q(z|x) -
            log p(z) at z; VAE only: mean and log_variance float32 [s, n_images, latent_dim], those of q(z|x); of a given
            posterior log_joint float32 [s, n], log p(x, z) at z.

            Of a data set iteration, z and log_ratio of ImageDataset.shown_images, and of the k close_images: reconstruction
            uint8 [s, k, n_pixels], 255 times the probabilities of p(x|z) at their z; further prior uint8 [s, 16, n_pixels],
            those at z of the prior. With a grid of d = 1 or 2 dimensions manifold uint8 [s, m**d, n_pixels], those on
            quadrature.grid(manifold_axis(d), d); samples float32 [s, k, 256, d] of q(z|x); density_axes float32
            [s, k, d, m] and density uint8 [s, k, m**d], 255 times p(z|x) over its largest value, as of fitted_densities.
        """
        return {name: np.stack(values) for name, values in self._records.items() if values}


class _View:
    """What is looked at in each snapshot of a problem of a few x; arguments as of Snapshots."""

    def __init__(self, networks, problem, random_state):
        self._networks, self._inputs = networks, problem.inputs
        self._x = problem.inputs[labels_of_codes(problem)]
        self._eps = random_state.standard_normal((len(self._x), networks.noise_dim)).astype(np.float32)
        self._plane = None
        if networks.decode is not None and quadrature.has_grid(networks.latent_dim):
            self._plane = quadrature.grid(PLANE_AXIS, networks.latent_dim).astype(np.float32)

    def look(self):
        """Return the arrays of one snapshot by name, as Snapshots.arrays has them."""
        networks = self._networks
        record = {"z": trained_networks.in_chunks(networks.encode, self._x, self._eps)}
        if self._plane is not None:
            probabilities = trained_networks.in_chunks(networks.decode, self._plane)
            record["probabilities"] = np.rint(255 * probabilities).astype(np.uint8)
        if networks.log_ratio is not None:
            record["log_ratio"] = trained_networks.in_chunks(networks.log_ratio, self._x, record["z"])[:, 0]
        if networks.log_joint is not None:
            record["log_joint"] = trained_networks.in_chunks(networks.log_joint, self._x, record["z"])
        elif networks.posterior_parameters is not None:
            record["mean"], record["log_variance"] = networks.posterior_parameters(self._inputs)
        return record


def kl_over_training(arrays, problem):
    """Return the KL divergences at each snapshot, from what Snapshots.arrays returns; nats, means over an ImageProblem's x.

    Returns:
        dict: kl_posterior_prior [s], mean over x of KL(q(z|x) || p(z)), for AVB by nearest neighbours if there is a grid, for
        the VAE in closed form, and kl_posterior_prior_standard_error [s]; AVB only: kl_discriminator [s] and
        kl_discriminator_standard_error [s], what the discriminator takes it for. Infinite or NaN where training went astray.
    """
    if "mean" in arrays:
        pairs = [(problem.mean(densities.gaussian_kl_from_prior(*parameters)), 0.0)
                 for parameters in zip(arrays["mean"], arrays["log_variance"])]
        return _columns("kl_posterior_prior", pairs)
    labels = labels_of_codes(problem)
    discriminator = [densities.mean_and_error(values.astype(np.float64)) for values in arrays["log_ratio"]]
    columns = _columns("kl_discriminator", discriminator)
    if quadrature.has_grid(arrays["z"].shape[2]):
        columns.update(_columns("kl_posterior_prior", [_kl_posterior_prior(z, labels) for z in arrays["z"]]))
    return columns


def _kl_posterior_prior(z, labels):
    if not np.isfinite(z).all():
        return math.nan, 0.0
    estimate = entropy.kl_posterior_prior(z, labels, np.random.RandomState(0))
    return estimate.value, estimate.standard_error


def _columns(name, pairs):
    values, errors = np.array(pairs, np.float64).T
    return {name: values, name + "_standard_error": errors}


def spread_out(n, at_most):
    """Return indices of at most `at_most` of n snapshots, evenly spread from the first to the last; int [k]."""
    return np.unique(np.linspace(0, n - 1, min(n, at_most)).round().astype(int))
