"""Densities of arrays."""

import math

import numpy as np
import pytest
from known_models import IMAGES

from avb_tf1.estimation import densities


def test_log_bernoulli():
    p = np.array([[0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0]])
    values = densities.log_bernoulli(p, IMAGES[:2])
    assert values[0, 0] == pytest.approx(math.log(0.1 * 0.8 * 0.7 * 0.6))
    assert values[1, 0] == 0 and math.exp(values[1, 1]) == 0
