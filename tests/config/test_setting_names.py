import os

import pytest
from helpers import INNER_PRODUCT, ROOT, synthetic, vae_config

from avb_tf1.config.loading import load_config
from avb_tf1.config.setting_names import setting_names

GENERATOR, DISCRIMINATOR = "training.generator.learning_rate", "training.discriminator.learning_rate"


def rates(generator, discriminator):
    # Here in another order than in the config.
    return synthetic("%s=%s" % (DISCRIMINATOR, discriminator), "%s=%s" % (GENERATOR, generator))


def test_the_name_where_nothing_else_varies():
    assert setting_names([synthetic()]) == ["synthetic"]
    # Neither the seed nor what changes no result.
    same = [synthetic(), synthetic("seed=1"), synthetic("runtime.inter_op_threads=1", "training.snapshot_every=7")]
    assert setting_names(same) == ["synthetic"] * 3


def test_only_what_varies_by_the_shortest_key_in_the_configs_order():
    assert setting_names([synthetic("data.batch_size=8"), synthetic()]) == ["batch_size=8", "batch_size=512"]
    assert setting_names([rates("1e-4", "1e-3"), rates("1", "1e-3")]) == [
        "generator.learning_rate=0.0001", "generator.learning_rate=1"]
    assert setting_names([rates("1e-4", "1e-3"), rates("1e-3", "1e-4")]) == [
        "generator.learning_rate=0.0001, discriminator.learning_rate=0.001",
        "generator.learning_rate=0.001, discriminator.learning_rate=0.0001"]
    # The VAE has one learning rate only.
    assert setting_names([vae_config(), vae_config(GENERATOR + "=0.5")])[1] == "learning_rate=0.5"


@pytest.mark.parametrize("key, default, other", [
    ("training.shared_backward", "false", "true"), ("training.decoder_learning_rate", "null", "0.001"),
    ("evaluation.n_samples", "524288", "2048"), ("training.discriminator_loss", "cross_entropy", "fenchel_dual")])
def test_a_value_that_is_the_default_is_said_too(key, default, other):
    word, configs = key.split(".")[-1], [synthetic(), synthetic("%s=%s" % (key, other))]
    assert setting_names(configs) == ["%s=%s" % (word, value) for value in (default, other)]


def test_what_varies_under_each_name():
    configs = [synthetic(), load_config(os.path.join(ROOT, "configs", "paper_vae.yaml")), synthetic("data.batch_size=8")]
    assert setting_names(configs) == ["synthetic, batch_size=512", "paper_vae", "synthetic, batch_size=8"]


def test_sections_of_different_kinds():
    assert setting_names([synthetic(), synthetic("training.linear_decay={begin: 0.5, end_factor: 0}")]) == [
        "linear_decay=null", "linear_decay={begin: 0.5, end_factor: 0}"]
    # That one has an output_scale and the other hasn't follows from their kinds.
    concat, inner_product = setting_names([synthetic("model.discriminator.n_units=8"), synthetic(*INNER_PRODUCT)])
    assert (concat, inner_product) == ("discriminator.kind=concat", "discriminator.kind=inner_product")
    half = synthetic(*INNER_PRODUCT, "model.discriminator.output_scale=0.5")
    assert setting_names([synthetic(*INNER_PRODUCT), half, synthetic()])[1] == (
        "discriminator.n_units=8, discriminator.kind=inner_product, output_scale=0.5")
