"""A trained model as functions of arrays: all that evaluation, snapshots and figures know of it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Callable, Optional

import numpy as np

BY_BOUND = "samples of a bound"
_CHUNK = 4096                 # rows that go through a network at once: with more, layers leave the cache


@dataclass(frozen=True)
class Networks:
    """The trained networks as functions of float32 arrays, for any number n of rows.

    x is what the networks see: images, [n, n_values], pixels in {0, 1} or real values; of a given posterior which observation
    each row stands for, one-hot [n, n_x], or [n, 0] if there is but one. Densities are in nats.

    Attributes:
        latent_dim: int.
        noise_dim: int; None, as all that is q's, for a model without an approximate posterior.
        encode: (x, eps [n, noise_dim], samples of N(0, I)) -> z [n, latent_dim], samples of q(z|x), the approximate posterior.
        likelihood: p(x|z), likelihoods.Bernoulli or Gaussian; None where it is given.
        log_ratio: (x, z [n, latent_dim]) -> the discriminator's estimate of log q(z|x) - log p(z), [n, 1]: T(x, z), with
            adaptive contrast plus log r(z|x) - log p(z); None without a discriminator.
        gaussian: x -> of a Gaussian q(z|x) mean [n, latent_dim] and log-variance [n, latent_dim] or, of a given
            posterior that isn't amortised, triangular scale [n, latent_dim, latent_dim]; None of others.
        decoder_weights: () -> the decoder's variables, by name; None where there is no decoder.
        log_joint: (x, z [n, latent_dim]) -> log p(x, z), [n], where it is given; log_prior: z -> log p(z), [n], as well.
        encode_with_density: (x, eps) -> z, as of encode, and log q(z|x), [n]; None where that isn't known.
        log_posterior: (x, z [n, latent_dim]) -> log q(z|x), [n]; None where that isn't known at any z.
        density_is_bound: whether encode_with_density gives one that is too high on average, in the place of log q(z|x).
    """

    latent_dim: int
    noise_dim: Optional[int]
    encode: Optional[Callable] = None
    likelihood: Any = None
    log_ratio: Optional[Callable] = None
    gaussian: Optional[Callable] = None
    decoder_weights: Optional[Callable] = None
    log_joint: Optional[Callable] = None
    log_prior: Optional[Callable] = None
    encode_with_density: Optional[Callable] = None
    log_posterior: Optional[Callable] = None
    density_is_bound: bool = False

    @property
    def density_method(self):
        """How a mean over samples of q(z|x) with encode_with_density is called, in metrics.json."""
        return BY_BOUND if self.density_is_bound else "samples"

    @property
    def has_density(self):
        """Whether log q(z|x) is known, at q's own samples at least."""
        return self.gaussian is not None or self.encode_with_density is not None

    @property
    def decode(self):
        """The function z [n, latent_dim] -> E[x|z], [n, n_values], of pixels probabilities; None where p(x|z) is given."""
        return None if self.likelihood is None else self.likelihood.mean


def in_chunks(function, *arrays):
    """Return function(*arrays), computed for a bounded number of rows at a time, two such parts at once.

    `function` takes arrays that have as many rows each, [n, ...], and returns an array of so many rows, or a tuple of such.
    """
    parts = [[array[start:start + _CHUNK] for array in arrays] for start in range(0, len(arrays[0]), _CHUNK)]
    if len(parts) == 1:
        return function(*parts[0])
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda part: function(*part), parts))
    return tuple(map(np.concatenate, zip(*results))) if isinstance(results[0], tuple) else np.concatenate(results)
