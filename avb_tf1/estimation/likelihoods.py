"""p(x|z) of a decoder, as functions of arrays: pixels that are on or off, or independent real values. All in nats.

What log p(x|z) is computed from is known here only. Both kinds have the same methods:

- mean(z): E[x|z], [n, n_values], which is what pictures show.
- sample(z, random_state): draws of x, one for each z, float32 [n, n_values].
- log_prob(x, z): log p(x|z) of pairs, float64 [n]; x is [n, n_values] or [1, n_values].
- log_prob_of_all(x, z): of each z with each of a few x [k, n_values], float64 [n, k].
- terms(z), factors [n, m] and rest float64 [n], and features(x), [k, m], of one type, for products with many x:
  log p(x|z) = factors @ features(x).T + rest. terms raises quadrature.GridError if the decoder's output is none.

z is float32 [n, latent_dim] everywhere. `is_density`: whether p(x|z) is a density, and not a probability.
"""

import math
from dataclasses import dataclass
from typing import Callable, ClassVar, Optional

import numpy as np

from avb_tf1.estimation.densities import (
    IMPOSSIBLE,
    bernoulli_terms,
    bernoulli_terms_of_logits,
    log_bernoulli,
    log_bernoulli_of_pairs,
)
from avb_tf1.estimation.quadrature import GridError
from avb_tf1.estimation.trained_networks import in_chunks

_HALF_LOG_2_PI = math.log(2 * math.pi) / 2


@dataclass(frozen=True)
class Bernoulli:
    """Pixels in {0, 1}, each on with a probability of its own.

    Attributes:
        probabilities: z -> float32 [n, n_pixels].
        logits: z -> float32 [n, n_pixels], where log p(x|z) is computed from them; else None.
        least: nats: log p(x) below it stands for log 0; with logits no pixel is impossible.
    """

    is_density: ClassVar[bool] = False

    probabilities: Callable
    logits: Optional[Callable] = None

    @property
    def least(self):
        return IMPOSSIBLE / 2 if self.logits is None else -math.inf

    def mean(self, z):
        return self.probabilities(z)

    def sample(self, z, random_state):
        on = in_chunks(self.probabilities, z)
        return (random_state.random_sample(on.shape) < on).astype(np.float32)

    def log_prob(self, x, z):
        if self.logits is None:
            return log_bernoulli_of_pairs(self.probabilities(z), x)
        return log_bernoulli_of_pairs(self.logits(z), x, are_logits=True)

    def log_prob_of_all(self, x, z):
        """From probabilities, an impossible pixel takes 1e4."""
        if self.logits is None:
            return log_bernoulli(in_chunks(self.probabilities, z), x)
        log_odds, rest = bernoulli_terms_of_logits(in_chunks(self.logits, z).astype(np.float64))
        return log_odds @ np.asarray(x, np.float64).T + rest[:, np.newaxis]

    def features(self, x):
        return np.asarray(x, np.float64 if self.logits is None else np.float32)

    def terms(self, z):
        """With logits the factors are float32: all pixels are then summed in float32, in half the time."""
        if self.logits is None:
            probabilities = self.probabilities(z)
            if not (probabilities.min() >= 0 and probabilities.max() <= 1):
                raise GridError("the decoder's pixel probabilities are not in [0, 1]")
            return bernoulli_terms(probabilities)
        logits = self.logits(z)
        if not np.isfinite(logits).all():
            raise GridError("the decoder's logits are not finite")
        return bernoulli_terms_of_logits(logits)


@dataclass(frozen=True)
class Gaussian:
    """Real values with a mean and a standard deviation each.

    Attributes:
        mean_and_log_scale: z -> mean and log standard deviation, float32 [n, n_values] each.
    """

    is_density: ClassVar[bool] = True
    least: ClassVar[float] = -math.inf  # a value may be any number of standard deviations from its mean

    mean_and_log_scale: Callable

    def mean(self, z):
        return self.mean_and_log_scale(z)[0]

    def sample(self, z, random_state):
        mean, log_scale = in_chunks(self.mean_and_log_scale, z)
        return (mean + np.exp(log_scale) * random_state.standard_normal(mean.shape)).astype(np.float32)

    def log_prob(self, x, z):
        mean, log_scale = (np.asarray(values, np.float64) for values in self.mean_and_log_scale(z))
        standardised = (x - mean) * np.exp(-log_scale)
        return -(standardised**2 / 2 + log_scale + _HALF_LOG_2_PI).sum(axis=1)

    def log_prob_of_all(self, x, z):
        factors, rest = self._terms(z)
        return factors @ self.features(x).T + rest[:, np.newaxis]

    def features(self, x):
        x = np.asarray(x, np.float64)
        return np.concatenate([x, x**2], axis=1)

    def terms(self, z):
        """In float64: what the squares, written out, come to is small beside what cancels."""
        factors, rest = self._terms(z)
        if not (np.isfinite(rest).all() and np.isfinite(factors).all()):
            raise GridError("the decoder's means or log standard deviations are not finite")
        return factors, rest

    def _terms(self, z):
        mean, log_scale = (np.asarray(values, np.float64) for values in self.mean_and_log_scale(z))
        precision = np.exp(-2 * log_scale)
        rest = -(precision * mean**2 / 2 + log_scale + _HALF_LOG_2_PI).sum(axis=1)
        return np.concatenate([precision * mean, -precision / 2], axis=1), rest


# By a config's model.likelihood.kind.
LIKELIHOODS = {"bernoulli": Bernoulli, "gaussian": Gaussian}
