"""training.kl_warm_up: what the KL divergence counts in each iteration, on its way to a whole."""

import numpy as np
import pytest
from helpers import small, vae_config
from trainings import assert_same, trained, trained_in_pieces

from avb_tf1.config.fingerprint import fingerprint
from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.config.training import KLWarmUpConfig
from avb_tf1.ground.errors import InputError
from avb_tf1.training import trainer

WARM_UP = "training.kl_warm_up={begin: .25, n_iterations: 6}"


@pytest.mark.parametrize("begin, factors", [(0, [0, 0.25, 0.5, 0.75, 1, 1]), (0.5, [0.5, 0.625, 0.75, 0.875, 1, 1])])
def test_it_rises_linearly_to_1(begin, factors):
    """From 0 as in LMescheder's code: min(step / anneal_steps, 1), with steps from 0 on."""
    warm_up = KLWarmUpConfig(begin=begin, n_iterations=4)
    assert [trainer.kl_factor(iteration, warm_up) for iteration in range(1, 7)] == factors


@pytest.mark.parametrize("config, kl", [
    (small(WARM_UP), "kl_discriminator"), (vae_config(WARM_UP), "kl_posterior_prior"),
    (vae_config(WARM_UP, "training.kl_weight=3"), "kl_posterior_prior")], ids=["avb", "vae", "with a weight"])
def test_the_loss_has_the_warmed_kl_divergence(config, kl):
    monitors, _, _ = trained(config)
    factors = config.kl_weight * np.minimum(1, 0.25 + 0.75 * np.arange(20) / 6)
    np.testing.assert_allclose(monitors["generator_loss"], factors * monitors[kl] - monitors["reconstruction_log_likelihood"],
                               rtol=1e-5, atol=1e-6)
    assert np.abs(monitors[kl]).max() > 1e-2


def test_it_changes_training_until_it_is_over():
    """A factor of 1 from the first iteration on is no warm-up."""
    (plain, weights, _), (warmed, others, _) = trained(vae_config()), trained(vae_config(WARM_UP))
    assert plain["kl_posterior_prior"][0] == warmed["kl_posterior_prior"][0]
    assert not np.array_equal(weights[0], others[0])


@pytest.mark.slow
def test_an_interrupted_run_goes_on_with_the_same_bits(tmp_path):
    config = small(WARM_UP)
    monitors, weights, _ = trained(config)
    assert_same((monitors, weights), trained_in_pieces(config, [3, 5], tmp_path))


def test_one_backward_pass_has_the_same_gradients():
    configs = (small(WARM_UP, "training.n_iterations=3", "training.shared_backward=" + shared) for shared in ("false", "true"))
    (monitors, weights, _), (of_one, others, _) = map(trained, configs)
    for name, values in monitors.items():
        np.testing.assert_allclose(values, of_one[name], rtol=1e-4, atol=1e-6)
    for value, other in zip(weights, others):
        np.testing.assert_allclose(value, other, rtol=1e-3, atol=1e-5)


def test_it_is_part_of_the_config_where_it_is_there(tmp_path):
    config = small(WARM_UP)
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    assert load_config(str(tmp_path / "config.yaml")) == config
    assert fingerprint(config)["training"]["kl_warm_up"] == {"begin": 0.25, "n_iterations": 6}
    assert "warmed up from 0.25 times over 6 iterations" in config.loss
    assert "kl_warm_up" not in to_yaml(small()) and "kl_warm_up" not in fingerprint(small())["training"]


@pytest.mark.parametrize("overrides, words", [
    (["training.kl_warm_up={begin: 0, n_iterations: 6}", "training.shared_backward=true"],
     "training.kl_warm_up.begin must be greater than 0 with shared_backward"),
    (["training.kl_warm_up={begin: 0}"], 'missing key "training.kl_warm_up.n_iterations"')])
def test_what_can_not_be_is_told(overrides, words):
    with pytest.raises(InputError, match=words):
        small(*overrides)


def test_a_bound_of_several_samples_has_none():
    with pytest.raises(InputError, match="training.n_importance_samples must be 1 unless kl is sampled"):
        vae_config(WARM_UP, "training.kl=sampled", "training.n_importance_samples=2")
