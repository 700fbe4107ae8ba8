"""What a given posterior's x are to the networks."""

import numpy as np
from conjugate_problem import conjugate

from avb_tf1.problems.given_posterior.plane_posteriors import EXPLAINING_AWAY


def test_inputs_tell_several_x_apart_and_are_empty_for_one():
    np.testing.assert_array_equal(EXPLAINING_AWAY.inputs, np.eye(5))
    assert conjugate()[0].inputs.shape == (1, 0)
