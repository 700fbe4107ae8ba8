import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from avb_tf1.estimation.fitted_density import fitted_densities
from avb_tf1.estimation.likelihoods import Bernoulli


def decoder(dim, sharpness, n_pixels=6):
    weights = sharpness * np.random.RandomState(1).standard_normal((dim, n_pixels))
    return lambda z: expit(z @ weights).astype(np.float32)


def joint(decode, z, image):
    """p(x|z) p(z) as it is written."""
    p = decode(np.float32(z)).astype(np.float64)
    return np.prod(np.where(image == 1, p, 1 - p), axis=1) * norm.pdf(z).prod(axis=1)


def test_densities_in_the_plane_are_those_of_a_direct_grid():
    decode = decoder(2, 3)
    images = np.random.RandomState(2).randint(0, 2, (3, 6)).astype(np.float32)
    samples = np.random.RandomState(3).normal(0, 0.1, (3, 20, 2)).astype(np.float32)
    samples[1, 0] = 4, -3
    axes, density = fitted_densities(Bernoulli(decode), images, samples)
    assert axes.shape == (3, 2, 41) and axes.dtype == np.float32 and density.shape == (3, 41**2)
    np.testing.assert_array_equal(density.max(axis=1), 1)
    everywhere = np.stack(np.meshgrid(*[np.linspace(-6, 6, 301)] * 2), axis=-1).reshape(-1, 2)
    for image, own_axes, own, of_image in zip(images, axes, density, samples):
        for row, column in ((0, 40), (20, 20), (31, 7)):
            here, highest = (joint(decode, np.array([[own_axes[0][c], own_axes[1][r]]]), image)[0]
                             for r, c in ((row, column), np.unravel_index(own.argmax(), (41, 41))))
            assert own[41 * row + column] == pytest.approx(here / highest, rel=1e-5)
        low, high = own_axes[:, 0], own_axes[:, -1]
        assert (of_image >= low).all() and (of_image <= high).all()
        masses = joint(decode, everywhere, image)
        assert masses[((everywhere >= low) & (everywhere <= high)).all(axis=1)].sum() > 0.999 * masses.sum()


def test_a_sharp_density_has_a_small_box_and_its_standard_deviation():
    edge = 40.0  # pixels that say twice whether z < 0.7: between them p(x|z) is a peak
    def decode(z):
        return expit(np.concatenate([edge * (z - 0.7), edge * (0.7 - z)], axis=1)).astype(np.float32)

    axes, density = fitted_densities(Bernoulli(decode), np.ones((1, 2)), np.full((1, 5, 1), 0.7, np.float32))
    axis, own = axes[0, 0].astype(np.float64), density[0]
    assert axes.shape == (1, 1, 161) and density.shape == (1, 161)
    assert axis[-1] - axis[0] < 0.7
    z = np.linspace(-1, 2.4, 100001)
    exact = joint(decode, z[:, np.newaxis], np.ones(2))
    mean, deviation = np.average(z, weights=exact), np.sqrt(np.average((z - 0.7)**2, weights=exact))
    assert np.average(axis, weights=own) == pytest.approx(mean, abs=1e-3)
    assert np.sqrt(np.average((axis - 0.7)**2, weights=own)) == pytest.approx(deviation, rel=1e-2)


def test_a_decoder_that_went_astray_has_no_density():
    axes, density = fitted_densities(Bernoulli(lambda z: np.full((len(z), 4), np.nan, np.float32)), np.ones((2, 4)),
                                     np.full((2, 3, 2), np.nan, np.float32))
    assert np.isfinite(axes).all() and (density == 0).all()
