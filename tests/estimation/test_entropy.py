"""Divergences by nearest neighbours, of samples whose divergence or density is known."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT
from known_models import IMAGES, normal, relu_codes, sector_encoder
from scipy.spatial import cKDTree
from scipy.special import gammaln

from avb_tf1.estimation import densities, entropy

N = 32768
ANGLE = normal(N, dim=1)


def estimated(samples, labels=None):
    return entropy.kl_from_prior(samples, np.random.RandomState(0), labels)


@pytest.mark.parametrize("mean, std", [
    ([0, 0], [1, 1]), ([0, 0], [0.5, 0.5]), ([0, 0], [2, 0.3]), ([1.5, -1], [1, 1]), ([1, 0.5], [0.2, 0.7])])
def test_kl_of_gaussians(mean, std):
    mean, std = np.array(mean, float), np.array(std, float)
    exact = densities.gaussian_kl_from_prior(mean[np.newaxis], 2 * np.log(std[np.newaxis]))[0]
    assert exact == pytest.approx(0.5 * np.sum(std**2 + mean**2 - 1) - np.log(std).sum(), abs=1e-12)
    estimate = estimated(mean + std * normal(40000))
    assert estimate.standard_error < 0.02
    assert estimate.value == pytest.approx(exact, abs=4 * estimate.standard_error + 0.002)


def test_kl_in_one_dimension():
    estimate = estimated(0.5 * normal(20000, dim=1))
    assert estimate.value == pytest.approx(0.5 * (0.25 - 1) + math.log(2), abs=4 * estimate.standard_error + 0.002)


@pytest.mark.parametrize("dim", [1, 2])
def test_standard_error_is_the_spread_between_samples(dim):
    n_runs = 200
    runs = [estimated(0.3 + 0.7 * normal(500, dim, seed)) for seed in range(n_runs)]
    ratio = np.std([run.value for run in runs]) / np.mean([run.standard_error for run in runs])
    assert abs(ratio - 1) < 3 / math.sqrt(2 * n_runs)  # 15%: three standard errors of a spread


def box(n, dim, seed):
    """Samples of the unit cube, and the exact KL of its uniform density: 1 / 6 + log(2 pi) / 2 a dimension."""
    return np.random.RandomState(seed).random_sample((n, dim)), dim * (1 / 6 + math.log(2 * math.pi) / 2)


@pytest.mark.parametrize("dim, n, at_most", [(1, 256, 0.02), (1, 2000, 0.004), (2, 256, 0.03), (2, 2000, 0.006)])
def test_sharp_borders_make_no_bias(dim, n, at_most):
    """The balls of a border's samples stick out of it: three neighbours alone would be off by .05 and .02 in the plane."""
    exact = box(n, dim, 0)[1]
    runs = [estimated(box(n, dim, seed)[0]) for seed in range(100)]
    bias = np.mean([run.value for run in runs]) - exact
    assert abs(bias) < at_most
    assert abs(bias) < np.mean([run.bias_left for run in runs])


def test_weights_cancel_the_orders_of_bias():
    k = np.arange(1, entropy.N_NEIGHBOURS + 1)
    for dim in (1, 2):
        for n_orders in (1, 2):
            weights = entropy._weights(dim, n_orders)
            assert weights.sum() == pytest.approx(1)
            for order in range(1, n_orders + 1):
                ratios = np.exp(gammaln(k + order / dim) - gammaln(k))
                assert weights @ ratios == pytest.approx(0, abs=1e-8 * ratios.max())


def test_the_bias_that_is_left_is_at_least_its_own_error():
    assert entropy._estimate(1.0, 0.1, -0.3, 0.2) == (1.0, "nearest neighbours", 0.1, 0.3)
    assert entropy._estimate(1.0, 0.1, 0.1, 0.2).bias_left == 0.2


@pytest.mark.parametrize("dim", [1, 2])
def test_neighbouring_samples_share_noise(dim):
    """On a torus, where no sample is nearer to a border than another, and none is more probable."""
    weights, means, n = entropy._weights(dim, 1), [], 400
    for seed in range(600):
        z = np.random.RandomState(seed).random_sample((n, dim))
        distances = cKDTree(z, boxsize=1).query(z, k=entropy.N_NEIGHBOURS + 1)[0][:, 1:]
        means.append(-dim * (np.log(distances) @ weights).mean())
    ratio = n * np.var(means) / entropy._noise(weights)
    assert abs(ratio / entropy._NEIGHBOUR_CORRELATION - 1) < 0.06 + 3 * math.sqrt(2 / 600)


def test_the_number_of_threads_changes_no_bit():
    code = ("import numpy as np; from avb_tf1.estimation import entropy; "
            "z = np.random.RandomState(0).standard_normal((40000, 2)); "
            "print(repr(tuple(entropy.kl_from_prior(z, np.random.RandomState(1)))))")
    texts = {subprocess.run([sys.executable, "-c", code], env=dict(os.environ, PYTHONPATH=ROOT, OPENBLAS_NUM_THREADS=n),
                            stdout=subprocess.PIPE, check=True).stdout for n in ("1", "2")}
    assert len(texts) == 1


def sectors(n, seed, softness=0.0):
    """Samples of four exact sectors, n of each, and their classes; `softness` is the deviation of noise upon them."""
    random_state, labels = np.random.RandomState(seed), np.repeat(np.arange(4), n)
    z = sector_encoder(IMAGES[labels], random_state.standard_normal((4 * n, 2)))
    return np.float32(z + softness * random_state.standard_normal(z.shape)), labels


def test_classes_have_the_weight_of_their_shares():
    z, labels = sectors(3000, 0)
    z, labels = z[:9000], labels[:9000].clip(max=1)  # the last two make one
    estimate = entropy.kl_posterior_prior(z, labels, np.random.RandomState(0))
    assert estimate.value == pytest.approx(math.log(4) / 3 + math.log(2) * 2 / 3, abs=0.03)


@pytest.mark.long
def test_the_kl_of_sectors_is_known_to_a_thousandth():
    runs = []
    for seed in range(6):
        z, labels = sectors(524288, seed)
        random_state = np.random.RandomState(seed)
        runs.append((entropy.kl_posterior_prior(z, labels, random_state), entropy.kl_from_prior(z, random_state, labels)))
    for estimates, exact in zip(zip(*runs), (math.log(4), 0)):
        errors = np.array([estimate.value - exact for estimate in estimates])
        assert all(estimate.standard_error < 1e-3 for estimate in estimates)
        assert abs(errors.mean()) < 5e-4 + 2 * 1e-3 / math.sqrt(len(runs)) and np.abs(errors).max() < 4e-3


def ring(n, width, seed):
    """Samples of a ring, uniform over angle and radius, and log q at each."""
    random_state = np.random.RandomState(seed)
    angle, radius = 2 * math.pi * random_state.random_sample(n), 1 + width * (random_state.random_sample(n) - 0.5)
    return radius[:, np.newaxis] * np.stack([np.cos(angle), np.sin(angle)], 1), -np.log(2 * math.pi * width * radius)


def strip(n, width, seed):
    return np.random.RandomState(seed).random_sample((n, 2)) * [1, width], np.full(n, -math.log(width))


@pytest.mark.parametrize("shape", [ring, strip])
@pytest.mark.parametrize("n_across", [30, 10, 3, 1, 0.3])
def test_where_the_neighbours_reach_across_q_the_bias_is_told(shape, n_across):
    """n_across: about how many samples lie in a square as wide as q. Gaussian and uniform q have none of that bias."""
    n = 16384
    samples, log_q = shape(n, n_across / n * (2 * math.pi if shape is ring else 1), 1)
    log_target = densities.log_prior(samples)
    found = entropy.kl_from(samples, log_target, np.random.RandomState(0))
    error = found.value - (log_q - log_target).mean()
    assert abs(error) < 2 * found.bias_left + 4 * found.standard_error
    for even in (normal(n), np.random.RandomState(0).random_sample((n, 2))):
        assert estimated(even).bias_left < 0.03


def in_part(share, part, rest):
    return np.where(np.random.RandomState(2).random_sample((len(part), 1)) < share, part, rest).astype(np.float32)


WITHOUT_DENSITY = {
    "a point": np.tile([[1.0, 0.5]], (N, 1)),
    "a point of mass .01": in_part(0.01, np.full((N, 2), 0.3), normal(N)),
    "a line": [2, 0.5] + ANGLE * [0.8, 0.6],
    "a short line": [2, 0.5] + 0.1 * ANGLE * [0.8, 0.6],
    "a part of mass .01 on a line beside the rest": in_part(0.01, [0, 5] + ANGLE * [1, 0.3], normal(N)),
    "a part of mass .1 on a line through the rest": in_part(0.1, ANGLE * [1, 0.3], normal(N)),
    "a circle": np.concatenate([np.cos(ANGLE), np.sin(ANGLE)], axis=1),
    "a curve": np.concatenate([np.tanh(2 * ANGLE), np.tanh(ANGLE + 0.5)], axis=1),
    "three ReLU units": relu_codes(N, 3),
    "one dimension, five points": np.random.RandomState(3).randint(0, 5, (N, 1)) * 0.37,
    "one dimension, a point of mass .01": in_part(0.01, np.full((N, 1), 0.3), normal(N, dim=1)),
}
ROTATED = np.array([[0.8, 0.6], [-0.6, 0.8]])
WITH_DENSITY = {
    "a Gaussian": normal(N),
    "a sector": np.abs(normal(N)),
    "a correlation of .9999": normal(N) @ [[1, 0.9999], [0, math.sqrt(1 - 0.9999**2)]],
    "a strip 1000 times as long as wide": [1, 0.5] + (np.random.RandomState(0).random_sample((N, 2)) * [1, 1e-3]) @ ROTATED,
    "a strip 100,000 times as long as wide": [1, 0.5] + (np.random.RandomState(0).random_sample((N, 2)) * [1, 1e-5]) @ ROTATED,
    "a speck": [1, 0.5] + 1e-4 * normal(N),
    "two tanh units": np.tanh(2 * normal(N)) @ [[1, 0.9], [0.9, 1]],
    "one dimension": normal(N, dim=1),
    "one dimension, 0.002 wide": 1 + 0.002 * normal(N, dim=1),
    "few samples, a correlation of .9999": normal(256) @ [[1, 0.9999], [0, math.sqrt(1 - 0.9999**2)]],
    "one dimension, where float32 has few numbers": 1000 + 0.3 * normal(N, dim=1),
    "one dimension, where float32 has very few numbers": 100 + 0.02 * normal(N, dim=1),
    "few samples of a strip": (np.random.RandomState(0).random_sample((256, 2)) * [1, 1e-3]) @ ROTATED,
}


@pytest.mark.parametrize("name", [*WITHOUT_DENSITY, *WITH_DENSITY])
def test_a_part_on_points_or_lines_is_told_from_a_density(name):
    assert entropy.has_density(np.float32({**WITHOUT_DENSITY, **WITH_DENSITY}[name])) == (name in WITH_DENSITY)


def test_equal_float32_numbers_of_a_sharp_density_are_not_taken_for_a_point():
    samples = np.float32(1 + 0.002 * normal(N, dim=1))
    assert np.sum(np.diff(np.sort(samples[:, 0]), n=3) == 0) > 0  # four in a row
    assert estimated(samples).value == pytest.approx(0.002**2 / 2 - math.log(0.002), abs=0.02)
