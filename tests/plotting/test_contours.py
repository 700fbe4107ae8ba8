import numpy as np
import pytest
from scipy.stats import norm

from avb_tf1.estimation import quadrature
from avb_tf1.plotting.contours import lowest_of_shares


def test_levels_of_a_gaussian_enclose_its_mass():
    z = quadrature.grid(np.linspace(-5, 5, 401), 2)
    density = norm.pdf(z).prod(axis=1)
    assert lowest_of_shares(density) == pytest.approx([0.05 / (2 * np.pi), 0.5 / (2 * np.pi)], rel=0.01)
