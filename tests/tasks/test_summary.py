"""What is said of a model that went astray, whatever its task."""

import pytest
from helpers import small

from avb_tf1.tasks.registry import TASKS
from avb_tf1.tasks.summary import summary, warning

GOOD = {"generator_loss": 30.0, "lowest_generator_loss": 25.0, "discriminator_loss": 0.6}


@pytest.mark.parametrize("changed, words", [
    ({}, ""),
    ({"generator_loss": 49.9}, ""),
    ({"generator_loss": 50.1}, "the generator loss ended at 50.1000, and had been 25.0000 before: training went astray"),
    ({"generator_loss": 5.1, "lowest_generator_loss": 0.2}, ""),
    ({"generator_loss": 5.3, "lowest_generator_loss": 0.2}, "ended at 5.3000, and had been 0.2000"),
    ({"generator_loss": -1.0, "lowest_generator_loss": -7.0}, ""),
    ({"generator_loss": 1.0, "lowest_generator_loss": -7.0}, "ended at 1.0000, and had been -7.0000"),
    ({"discriminator_loss": 0.021}, ""),
    ({"discriminator_loss": 0.019}, "almost without fail (its loss is 0.0190): T is no estimate of a log ratio any more"),
    ({"test_log_likelihood": -160.0, "test_log_likelihood_numerical_error": 15.9}, ""),
    ({"test_log_likelihood": -160.0, "test_log_likelihood_numerical_error": 16.1},
     "the test log-likelihood of -160 is known to ± 16.1000 only"),
    ({"test_elbo": -160.0, "test_elbo_bias_left": 67.0}, "the test ELBO of -160 is known to ± 67.0000 only"),
    ({"test_elbo": None, "test_elbo_standard_error": None}, ""),
    ({"test_inference_gap": 0.001, "test_inference_gap_standard_error": 0.5}, "")])  # of a difference, as it should be
def test_what_is_warned_of(changed, words):
    told = warning(TASKS["data_set"], dict(GOOD, **changed), None)
    assert words in told and bool(words) is bool(told)


@pytest.mark.parametrize("name", list(TASKS))
def test_every_task_tells_it(name):
    metrics = dict(GOOD, generator_loss=404.0, lowest_generator_loss=114.0, discriminator_loss=0.009, methods={}, marginals={
        "a": {"mean": 1.0}})
    told = warning(TASKS[name], metrics, small())
    assert "404" in told and "0.0090" in told
    assert summary(TASKS[name], metrics, small()).endswith("\nWarning: " + told)
