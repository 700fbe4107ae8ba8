"""A trained model as functions of arrays: all that evaluation, snapshots and figures know of it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable, Optional

import numpy as np

_CHUNK = 16384                # rows that go through a network at once


@dataclass(frozen=True)
class Networks:
    """The trained networks as functions of float32 arrays, for any number n of rows.

    Attributes:
        latent_dim, noise_dim: int.
        encode: (x [n, n_pixels], eps [n, noise_dim]) -> z [n, latent_dim], samples of q(z|x).
        decode: z [n, latent_dim] -> pixel probabilities of p(x|z), [n, n_pixels].
        log_ratio: (x [n, n_pixels], z [n, latent_dim]) -> the discriminator's estimate of log q(z|x) - log p(z), [n, 1]:
            T(x, z), with adaptive contrast plus log r(z|x) - log p(z); None for the VAE.
        posterior_parameters: x [n, n_pixels] -> mean and log-variance of a Gaussian q(z|x), [n, latent_dim] each; None for AVB.
        logits: z [n, latent_dim] -> the pixels' logits, [n, n_pixels], where log p(x|z) is computed from them; else None.
        decoder_weights: () -> the decoder's variables, by name; None where there is no decoder.
        log_joint: (x [n, d], z [n, latent_dim]) -> log p(x, z) of a given posterior, [n], nats; log_prior: z -> log p(z), [n].
    Of a given posterior x is as GivenPosterior.inputs has it, decode is None, and posterior_parameters are the mean and, in the
    log-variance's place, the triangular scale [n, latent_dim, latent_dim].
    """

    latent_dim: int
    noise_dim: int
    encode: Callable
    decode: Optional[Callable]
    log_ratio: Optional[Callable] = None
    posterior_parameters: Optional[Callable] = None
    logits: Optional[Callable] = None
    decoder_weights: Optional[Callable] = None
    log_joint: Optional[Callable] = None
    log_prior: Optional[Callable] = None
    encode_with_density: Optional[Callable] = None
    log_posterior: Optional[Callable] = None

    @property
    def has_density(self):
        """Whether q(z|x) has a density, at its own samples at least."""
        return self.posterior_parameters is not None or self.encode_with_density is not None

    @property
    def decoded(self):
        """The function that log p(x|z) is best computed from, logits or decode, and whether it is the former."""
        return (self.decode, False) if self.logits is None else (self.logits, True)


def in_chunks(function, *arrays):
    """Return function(*arrays), computed for a bounded number of rows at a time, two such parts at once.

    Args:
        function: of arrays that have as many rows each -> an array of so many rows, or a tuple of such arrays.
        arrays: [n, ...] each.
    """
    parts = [[array[start:start + _CHUNK] for array in arrays] for start in range(0, len(arrays[0]), _CHUNK)]
    if len(parts) == 1:
        return function(*parts[0])
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda part: function(*part), parts))
    if isinstance(results[0], tuple):
        return tuple(map(np.concatenate, zip(*results)))
    return np.concatenate(results)
