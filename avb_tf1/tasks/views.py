"""What a snapshot of a model of a few x holds: codes of each x, made from the same noise each time."""

import numpy as np

from avb_tf1.estimation.trained_networks import in_chunks

N_SAMPLES = 256                      # a class, ...
_MIN_SAMPLES = 1024                  # ... but so many in all, if there are few classes
N_MOVIE_FRAMES = 41                  # snapshots that a movie shows, at most


def labels_of_codes(problem):
    """Return the classes of the codes that are looked at, int64 [n], ascending: N_SAMPLES of each, on average, or more."""
    return problem.labels(max(problem.n_x * N_SAMPLES, _MIN_SAMPLES))


def spread_out(n, at_most):
    """Return indices of at most `at_most` of n snapshots, evenly spread from the first to the last; int [k]."""
    return np.unique(np.linspace(0, n - 1, min(n, at_most)).round().astype(int))


def encoded(networks, x, eps):
    """Return samples of q(z|x), float32 [n, latent_dim], and log q(z|x) there, float32 [n], nats.

    The latter is None unless q(z|x) has a density but no closed form. Arguments: trained_networks.Networks, x float32 [n, d] as
    they see it, eps float32 [n, noise_dim].
    """
    if networks.encode_with_density is not None and networks.gaussian is None:
        return in_chunks(networks.encode_with_density, x, eps)
    return in_chunks(networks.encode, x, eps), None


def sample_posterior(networks, problem, n_samples, random_state):
    """Draw samples of q(z|x) for each of a problem's x.

    Args:
        networks: trained_networks.Networks.
        problem: problems.finite_problem.FiniteProblem.
        n_samples: int, of each x, on average; each has its share.
        random_state: numpy RandomState.

    Returns:
        z float32 [n_x * n_samples, latent_dim]; labels int64 [n_x * n_samples], ordered by class; log_density as of encoded.
    """
    labels = problem.labels(problem.n_x * n_samples)
    eps = random_state.standard_normal((len(labels), networks.noise_dim)).astype(np.float32)
    z, log_density = encoded(networks, problem.inputs[labels], eps)
    return z, labels, log_density


def codes(networks, x, eps):
    """Return what a snapshot has of codes of x, by name; the arguments are those of encoded.

    Returns:
        dict: z and log_density, what encoded returns, the latter unless it is None; with a discriminator log_ratio float32 [n],
        its estimate of log q(z|x) - log p(z) there, nats. Empty for a model without q(z|x).
    """
    if networks.encode is None:
        return {}
    z, log_density = encoded(networks, x, eps)
    record = {"z": z} if log_density is None else {"z": z, "log_density": log_density}
    if networks.log_ratio is not None:
        record["log_ratio"] = in_chunks(networks.log_ratio, x, z)[:, 0]
    return record


class CodesView:
    """What is looked at in each snapshot of a problem of a few x; arguments: networks, a FiniteProblem, a numpy RandomState."""

    max_bytes = None  # that all snapshots may take; None: training.snapshots has a bound of its own

    def __init__(self, networks, problem, random_state):
        self._networks, self._problem = networks, problem
        self._x = problem.inputs[labels_of_codes(problem)]
        self._eps = random_state.standard_normal((len(self._x), networks.noise_dim or 0)).astype(np.float32)

    def look(self):
        """Return the arrays of one snapshot by name, as of codes."""
        return codes(self._networks, self._x, self._eps)
