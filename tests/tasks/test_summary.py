"""What is said of a model that went astray, whatever its task."""

import pytest
from helpers import DUAL, small

from avb_tf1.page import numbers
from avb_tf1.tasks.data_set import summary as data_set_summary
from avb_tf1.tasks.given_posterior import summary as given_posterior_summary
from avb_tf1.tasks.registry import TASKS
from avb_tf1.tasks.summary import notes, summary, warning

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
    told = warning(TASKS["data_set"], dict(GOOD, **changed), small())
    assert words in told and bool(words) is bool(told)


def test_a_dual_that_is_low_is_no_reason_to_warn():
    assert warning(TASKS["data_set"], dict(GOOD, discriminator_loss=-1.4), small(*DUAL)) == ""


@pytest.mark.parametrize("name", list(TASKS))
def test_every_task_tells_it(name):
    metrics = dict(GOOD, generator_loss=404.0, lowest_generator_loss=114.0, discriminator_loss=0.009, methods={}, marginals={
        "a": {"mean": 1.0, "standard_deviation": 1.0}})
    told = warning(TASKS[name], metrics, small())
    assert "404" in told and "0.0090" in told
    assert summary(TASKS[name], metrics, small()).endswith("\nWarning: " + told)


@pytest.mark.parametrize("name, metrics, words", [
    ("data_set", {"generator_loss_change": -0.31, "generator_loss_change_standard_error": 0.1},
     ["the generator loss still moves: in the last quarter of training it is lower than in the quarter before, by 0.3100 ± "
      "0.1000 nats."]),
    ("data_set", {"generator_loss_change": 0.31, "generator_loss_change_standard_error": 0.1}, ["is higher than"]),
    ("data_set", {"generator_loss_change": -0.29, "generator_loss_change_standard_error": 0.1}, []),
    ("data_set", {"generator_loss_change": -0.009, "generator_loss_change_standard_error": 0.001}, []),
    ("known_images", {"kl_posterior_prior": 1.4, "kl_discriminator": 1.34, "kl_discriminator_standard_error": 0.01},
     ["T and q(z|x) disagree: the mean KL(q(z|x) || p(z)) is 1.4000, but 1.3400 by the discriminator"]),
    ("known_images", {"kl_posterior_prior": 1.4, "kl_discriminator": 1.36}, []),
    ("known_images", {"kl_posterior_prior": 1.4, "kl_discriminator": 1.3, "kl_posterior_prior_bias_left": 0.04}, []),
    ("known_images", {"kl_posterior_prior": None, "kl_discriminator": 1.3}, []),
    ("given_posterior", {"elbo": -4.0, "elbo_discriminator": -3.8, "methods": {}}, ["the ELBO is -4.0000, but -3.8000 by"]),
    ("given_posterior", {"elbo": -4.0, "elbo_discriminator": -3.8, "methods": {"elbo": "discriminator"}}, []),
    ("given_posterior", {"elbo": -4.0, "elbo_discriminator": -3.8, "log_evidence": -3.9, "methods": {}}, []),  # is warned of
    # Not the error of the choice of images, which both have.
    ("data_set", {"test_elbo": -22.9, "test_elbo_standard_error": 0.4, "test_elbo_numerical_error": 0.01,
                  "test_elbo_discriminator": -22.3, "test_elbo_discriminator_numerical_error": 0.01}, ["test ELBO is -22.9"])])
def test_what_is_noted_of_a_run_that_may_be_far_from_its_end(name, metrics, words):
    told = notes(TASKS[name], metrics, small())
    assert len(told) == len(words) and all(map(str.__contains__, told, words))
    methods = dict.fromkeys(metrics, "samples")
    marginals = {"a": {"mean": 1.0, "standard_deviation": 1.0}}
    text = summary(TASKS[name], dict({"methods": methods, "marginals": marginals}, **metrics), small())
    assert all("Note: " + note in text.splitlines() for note in told)


def test_a_slow_training_has_a_speed():
    assert [numbers.rate(value) for value in (0.0651, 5.25, 9.97, 330.4)] == ["0.065", "5.2", "10", "330"]


def test_a_quantity_that_varies_little_has_the_digits_of_what_it_varies_by():
    shown = given_posterior_summary._without_sign_of_zero
    assert [shown(0.00123456, 3e-5), shown(-1e-9, 3e-5), shown(2.0, 0.5), shown(-1e-6, 0.5)] == [
        "0.0012346", "0.0000000", "2.0000", "0.0000"]


def test_an_elbo_above_log_p_is_told_as_an_error():
    metrics = {"test_log_likelihood": -20.5, "test_inference_gap": -0.42}
    assert "the ELBO is higher by 0.4200 nats, which is an error" in data_set_summary.headline(metrics)
    assert "lower by KL(q(z|x) || p(z|x)), 0.4200 nats" in data_set_summary.headline(dict(metrics, test_inference_gap=0.42))
