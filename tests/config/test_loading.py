import glob
import os

import pytest
from config_cases import edited, of_kind, refusal, written
from helpers import ROOT, SYNTHETIC, synthetic

from avb_tf1.config import yaml_input
from avb_tf1.config.fingerprint import fingerprint
from avb_tf1.config.loading import MODEL_FILE, load_config, to_yaml


def test_the_tutorials_values():
    config = synthetic()
    assert (config.name, config.data.batch_size, config.training.n_iterations) == ("synthetic", 512, 2000)
    assert (config.model.latent_dim, config.model.encoder.noise_dim) == (2, 4)
    for network in (config.model.encoder, config.model.decoder, config.model.discriminator):
        assert (network.n_hidden_layers, network.n_units, network.activation) == (2, 256, "relu")
    assert (config.model.encoder.center_input, config.model.discriminator.center_input) == (False, True)
    assert config.model.decoder.probability_margin == 1e-6
    for optimizer, rate in ((config.training.generator, 2e-4), (config.training.discriminator, 1e-3)):
        assert optimizer.dict() == {"optimizer": "adam", "learning_rate": rate, "beta1": 0.5, "beta2": 0.999, "epsilon": 1e-8}


CONFIG_FILES = [path for path in glob.glob(os.path.join(ROOT, "configs", "**", "*.yaml"), recursive=True)
                if os.path.basename(path) not in ("baselines.yaml", "rivals.yaml", "chosen.yaml",  # no run's config
                                                  "celeba_64_avb.yaml")]  # of images that a user has


@pytest.mark.parametrize("path", CONFIG_FILES, ids=os.path.basename)
def test_shipped_configs_load_under_their_own_name_and_survive_a_round_trip(path, tmp_path):
    config = load_config(path)
    assert config.name == os.path.splitext(os.path.basename(path))[0]
    if config.python_file is not None:
        (tmp_path / MODEL_FILE).write_text(config.python_file.source)
    again = load_config(str(written(tmp_path, to_yaml(config))))
    assert again == config or config.python_file is not None and fingerprint(again) == fingerprint(config)


def test_a_name_that_looks_like_a_number_survives_a_round_trip(tmp_path):
    config = synthetic('name="1e5"')
    assert load_config(str(written(tmp_path, to_yaml(config)))) == config


def test_overrides_are_read_as_yaml():
    config = synthetic("seed=3", "training.generator.learning_rate=1e-3", "training.linear_decay={begin: .5, end_factor: 0}")
    assert config.seed == 3
    assert config.training.generator.learning_rate == 1e-3
    assert config.training.linear_decay.begin == 0.5


@pytest.mark.parametrize("overrides, message", [
    (["seed=1", "model.kind=vae"], '--set model.kind=vae: unknown key "model.encoder.noise_dim"; allowed here: '
                                   'n_hidden_layers, n_units, activation, center_input, convolution, spread_output, n_context; '
                                   'unknown key "model.decoder.built_on"; unknown key "model.discriminator"; unknown key '
                                   '"training.discriminator"; unknown key "training.n_discriminator_updates"; unknown key '
                                   '"training.update"; missing key "model.encoder.spread_output"; missing key "training.kl"'),
    (["model.encoder.noise_dim=1"], "--set model.encoder.noise_dim=1: model.encoder.noise_dim must be at least 2, or q(z|x) "
                                    "has no density in latent_dim dimensions, not 1"),
    (["seed=true", "seed=-1", "name=a"], "--set seed=-1: seed must be greater than or equal to 0, not -1"),
    (["name=true"], "--set name=true: name must be a text of 1 to 100 letters, digits, '.', '_' or '-', the first a letter or "
                    "digit, not true"),
    (["seed=null"], "--set seed=null: seed must have a value, not null"),
    (["seed={a: 1}"], "--set seed={a: 1}: seed must be an integer, not a mapping"),
    (["training.generator=[1]"], "--set training.generator=[1]: training.generator must be a mapping of keys to values, "
                                 "not a list")])
def test_an_override_is_blamed_for_what_it_breaks_in_yamls_own_words(overrides, message):
    assert refusal(overrides) == message


def test_the_file_is_blamed_for_what_it_lacks(tmp_path):
    path = edited(tmp_path, lambda tree: tree.pop("seed"))
    assert refusal(["seed=1"], path) == '%s: missing key "seed"' % path


def test_a_run_folders_config_has_every_value():
    text = to_yaml(load_config(SYNTHETIC))
    assert "n_samples: 524288" in text and "decoder_learning_rate: null" in text and "images: four_images" in text


@pytest.mark.parametrize("kind, override, found", [
    (("known_images", "avb_ac"), "model.discriminator.all_pairs=true", lambda config: config.model.discriminator.all_pairs),
    (("known_images", "vae"), "model.decoder.likelihood_from=probabilities",
     lambda config: config.model.decoder.likelihood_from == "probabilities"),
    (("given_posterior", "avb"), "model.known_density=true", lambda config: config.model.known_density),
    (("given_posterior", "avb_ac"), "training.discriminator_loss=fenchel_dual", lambda config: config.has_dual),
    (("data_set", "vae"), "model.encoder.convolution=null", lambda config: config.model.encoder.convolution is None),
    (("data_set", "vae"), "evaluation.ais={n_images: 7}", lambda config: config.evaluation.ais.n_images == 7)])
def test_what_the_schema_knows_can_be_set(kind, override, found, tmp_path):
    path, overrides = of_kind(*kind)
    plain = load_config(path, overrides).tree()
    without = tmp_path / "config.yaml"  # as a file may be, without a key that need not be there
    without.write_text(yaml_input.dump_yaml(plain))
    key = override.partition("=")[0]
    assert key not in [".".join(words) for words, _ in yaml_input.nodes(plain)]
    assert found(load_config(str(without), [override]))
    assert "unknown key \"%ss\"; did you mean \"%s\"?" % (key, key) in refusal([override.replace("=", "s=", 1)], without)
