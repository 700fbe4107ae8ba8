"""A posterior that is given: the joint density of parameters z and data x is known, and q(z) or q(z|x) is to be learned.

TensorFlow is imported inside the functions that build tensors: a config is read with the problems at hand, but without
TensorFlow.
"""

import math
from dataclasses import dataclass, field
from typing import Callable, Dict, Optional, Tuple

import numpy as np

from avb_tf1.problems.finite_problem import FiniteProblem
from avb_tf1.problems.published import Published


@dataclass(frozen=True)
class GaussianEffects:
    """Part of z in closed form: given u, the first coordinates of z, and x, the others are independent Gaussians.

    All are functions of float64 arrays, x [d_x] and u [n, d_u].

    Attributes:
        n_outer: int, d_u.
        log_joint: (x, u) -> log p(u, x), the others integrated out, [n], nats.
        conditional: (x, u) -> mean and standard deviation of the others given u and x, [n, dim - d_u] each.
        derived: (x, u) -> mean and variance given u and x of the problem's derived quantities, [n, n_derived] each.
    """

    n_outer: int
    log_joint: Callable
    conditional: Callable
    derived: Callable


@dataclass(frozen=True)
class GivenPosterior(FiniteProblem):
    """A prior p(z) and a likelihood p(x|z), both known, and the values of x whose posteriors p(z|x) are wanted.

    Both densities are normalised, in nats: log p(x) = log of the prior's expectation of p(x|z).

    Attributes:
        title: str, what it is called in a sentence.
        introduction: a sentence or two for a reader.
        coordinates: the names of z's dim coordinates.
        observations: float32 [n_x, d_x], the observed x. Several where one q(z|x) is learned for all of them; with d_x = 0
            there are no data, only a density.
        observation_names: what each of the n_x is called.
        sample_prior: (n, seed, name) -> tensor float32 [n, dim], independent samples of the prior; seed: int, the op seed;
            name: str, of the op or the scope.
        log_prior: tensor z float32 [n, dim] -> log p(z), float32 [n].
        log_likelihood: (x float32 [n, d_x], z float32 [n, dim]), tensors -> log p(x|z) of each pair of rows, float32 [n].
        sample_likelihood: (z tensor float32 [n, dim], seed, name) -> tensor float32 [n, d_x], a sample of p(x|z) for each z, as
            sample_prior; None where it can't be had.
        is_amortised: whether the networks see x itself, and are trained on x from the joint density, rather than see which of
            the observations it is.
        sources: where the problem and its published recipe come from.
        derived: further quantities of interest by their names, each a function of z float64 [n, dim] -> float64 [n].
        modes: parts of the space, each a function of z [n, dim] -> bool [n], whose probabilities are of interest.
        effects: what can be integrated out in closed form, or None. A posterior of more than two dimensions has an exact
            reference by quadrature only if no more than two of them are left.
        exact_draws: (number of an x, n, seed) -> n independent draws of its posterior, float64 [n, dim]; or None.
        published: name of a coordinate or a derived quantity -> "mean" or "standard_deviation" of its posterior -> what is
            published.
    """

    title: str
    introduction: str
    coordinates: Tuple[str, ...]
    observations: np.ndarray
    observation_names: Tuple[str, ...]
    sample_prior: Callable
    log_prior: Callable
    log_likelihood: Callable
    sources: str
    sample_likelihood: Optional[Callable] = None
    is_amortised: bool = False
    derived: Dict[str, Callable] = field(default_factory=dict)
    modes: Dict[str, Callable] = field(default_factory=dict)
    effects: Optional[GaussianEffects] = None
    exact_draws: Optional[Callable] = None
    published: Dict[str, Dict[str, Published]] = field(default_factory=dict)

    def __post_init__(self):
        if self.observations.ndim != 2 or self.observations.dtype != np.float32:
            raise ValueError("the observations of %s must be float32 [n_x, d_x]" % self.title)
        if len(self.observation_names) != len(self.observations):
            raise ValueError("%s has %d observations and %d names of them" % (
                self.title, len(self.observations), len(self.observation_names)))

    @property
    def dim(self):
        return len(self.coordinates)

    @property
    def weights(self):
        """As of FiniteProblem: each x as often."""
        return (1,) * len(self.observations)

    @property
    def inputs(self):
        """What the networks see of each x, float32 [n_x, d]: which it is, d = n_x, or 0 if there is but one; x if amortised."""
        if self.is_amortised:
            return self.observations
        return np.eye(self.n_x, dtype=np.float32)[:, :self.n_x if self.n_x > 1 else 0]

    def log_joint(self, x, z):
        """Return the tensor log p(x, z), float32 [n], nats, for tensors x float32 [n, d_x] and z float32 [n, dim]."""
        return self.log_likelihood(x, z) + self.log_prior(z)


def gaussian_prior(dim, variance):
    """Return sample_prior and log_prior of N(0, variance I) in dim dimensions, as GivenPosterior has them."""

    def sample_prior(n, seed, name):
        from avb_tf1.ground.tensorflow import tf  # here, as the module's docstring says
        return math.sqrt(variance) * tf.random.normal([n, dim], seed=seed, name=name)

    return sample_prior, lambda z: log_gaussian(z, 0.0, math.sqrt(variance))


def log_gaussian(values, mean, standard_deviation):
    """Return the tensor log N(values; mean, diag(standard_deviation**2)), float32 [n], nats.

    values: tensor float32 [n, d]; mean: the same, or what broadcasts to it; standard_deviation: float, or float array [d].
    """
    from avb_tf1.ground.tensorflow import tf  # here, as the module's docstring says
    # The constants are summed in float64, so that they are rounded once.
    scale = np.float32(standard_deviation)
    constants = np.log(scale.astype(np.float64)) + 0.5 * math.log(2 * math.pi)
    constant = float(np.broadcast_to(constants, (values.shape[1].value,)).sum())
    return -0.5 * tf.reduce_sum(tf.square((values - mean) / scale), axis=1) - np.float32(constant)
