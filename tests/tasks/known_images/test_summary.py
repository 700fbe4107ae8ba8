import numpy as np
import pytest
from helpers import small

from avb_tf1.estimation import quadrature
from avb_tf1.problems.known_images.four_images import IGNORING_Z, PROBLEM
from avb_tf1.tasks.registry import TASKS
from avb_tf1.tasks.summary import summary

METRICS = {"generator_loss": 1.4, "elbo": -1.4, "classification_accuracy": 1.0}


def test_the_best_log_likelihood_without_a_code():
    frequencies = PROBLEM.images.mean(axis=0)
    decoders = [frequencies] + [frequencies + step * np.eye(4)[pixel] for step in (-0.02, 0.02) for pixel in range(4)]
    values = [quadrature.log_likelihood(lambda z, p=p: np.tile(p, (len(z), 1)), 1, PROBLEM.images).mean() for p in decoders]
    assert IGNORING_Z.value == pytest.approx(values[0], abs=1e-6) and values[0] == max(values)


@pytest.mark.parametrize("log_likelihood, is_told", [(-1.4, False), (-2.249, False), (-2.25, True), (None, True)])
def test_a_decoder_that_is_worse_than_without_a_code_is_told(log_likelihood, is_told):
    text = summary(TASKS["known_images"], dict(METRICS, log_likelihood=log_likelihood), small())
    warnings = [line for line in text.splitlines() if line.startswith("Warning: ")]
    assert len(warnings) == is_told and all("worse than one that ignores z" in line and "-2.2493" in line for line in warnings)
