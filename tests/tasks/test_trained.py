"""What the tasks make alike of a trained model."""

import math

from avb_tf1.tasks.trained import without_infinity


def test_an_infinite_value_of_one_x_is_null():
    assert without_infinity({"elbo": -math.inf, "per_x": [{"elbo": -math.inf, "x": "a"}]}) == {
        "elbo": None, "per_x": [{"elbo": None, "x": "a"}]}
