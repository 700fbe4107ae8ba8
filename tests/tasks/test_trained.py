"""What the tasks make alike of a trained model."""

import math

import numpy as np
import pytest

from avb_tf1.tasks.trained import final_losses, without_infinity


def test_an_infinite_value_of_one_x_is_null():
    assert without_infinity({"elbo": -math.inf, "per_x": [{"elbo": -math.inf, "x": "a"}]}) == {
        "elbo": None, "per_x": [{"elbo": None, "x": "a"}]}


def test_the_lowest_loss_is_that_of_whole_windows():
    loss = np.concatenate([np.full(50, -9.0), np.full(100, 4.0), np.full(100, 2.0), np.full(100, 7.0)]).astype(np.float32)
    assert final_losses({"generator_loss": loss}) == {"generator_loss": 7.0, "lowest_generator_loss": 2.0}
    mean = pytest.approx((50 * -9 + 10 * 4) / 60)
    assert final_losses({"generator_loss": loss[:60]}) == {"generator_loss": mean, "lowest_generator_loss": mean}
