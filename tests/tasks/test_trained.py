"""What the tasks make alike of a trained model."""

import math

import numpy as np
import pytest

from avb_tf1.tasks.trained import final_losses, without_infinity


def test_an_infinite_value_of_one_x_is_null():
    assert without_infinity({"elbo": -math.inf, "per_x": [{"elbo": -math.inf, "x": "a"}]}) == {
        "elbo": None, "per_x": [{"elbo": None, "x": "a"}]}


def test_how_far_a_loss_still_moves_is_told_of_80_iterations_or_more():
    random_state = np.random.RandomState(0)
    changes = []
    for _ in range(300):
        loss = np.concatenate([random_state.normal(9, 1, 200), random_state.normal(5, 1, 100), random_state.normal(4, 1, 100)])
        found = final_losses({"generator_loss": loss.astype(np.float32)})
        changes.append((found["generator_loss_change"], found["generator_loss_change_standard_error"]))
    values, errors = np.array(changes).T
    assert np.mean(values) == pytest.approx(-1, abs=0.03) and np.mean(errors) == pytest.approx(np.std(values), rel=0.1)
    assert np.std(values) == pytest.approx(math.sqrt(2 / 100), rel=0.1)
    assert "generator_loss_change" in final_losses({"generator_loss": loss[:80].astype(np.float32)})
    assert "generator_loss_change" not in final_losses({"generator_loss": loss[:79].astype(np.float32)})


def test_the_lowest_loss_is_that_of_whole_windows():
    loss = np.concatenate([np.full(50, -9.0), np.full(100, 4.0), np.full(100, 2.0), np.full(100, 7.0)]).astype(np.float32)
    found = final_losses({"generator_loss": loss})
    assert (found["generator_loss"], found["lowest_generator_loss"]) == (7.0, 2.0)
    mean = pytest.approx((50 * -9 + 10 * 4) / 60)
    assert final_losses({"generator_loss": loss[:60]}) == {"generator_loss": mean, "lowest_generator_loss": mean}
