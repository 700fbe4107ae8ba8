import glob
import os

import pytest
import yaml
from helpers import ROOT, SYNTHETIC, synthetic

from avb_tf1.config.loading import MODEL_FILE, OtherConfig, fingerprint, load_config, require_same, to_yaml
from avb_tf1.ground.errors import InputError


def refusal(overrides=(), path=SYNTHETIC):
    with pytest.raises(InputError) as caught:
        load_config(str(path), overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


def written(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def edited(tmp_path, edit):
    with open(SYNTHETIC) as file:
        tree = yaml.safe_load(file)
    edit(tree)
    return written(tmp_path, yaml.safe_dump(tree))


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
                if os.path.basename(path) != "baselines.yaml"]  # no run's config


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
                                   'n_hidden_layers, n_units, activation, center_input, convolution, spread_output'),
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


def test_two_documents_are_refused(tmp_path):
    assert "a second YAML document begins there" in refusal(path=written(tmp_path, "a: 1\n---\nb: 1\n"))


def test_config_is_frozen():
    with pytest.raises(TypeError):
        synthetic().seed = 1


@pytest.mark.parametrize("override, words", [
    ("seeed=3", ["--set seeed=3", 'did you mean "seed"']),
    ("training.n_iteration=3", ['did you mean "training.n_iterations"']),
    ("seed", ["KEY=VALUE"]),
    ("seed.more=1", ["unknown key"]),
    ("=1", ["unknown key"]),
    ("seed=[", ["--set seed=[", "not a valid config"]),
    ("seed=-1", ["seed must be greater than or equal to 0", "-1"]),
    ("seed=1.5", ["seed must be an integer"]),
    ("seed=true", ["seed must be an integer"]),
    ("seed=2147483648", ["seed must be less than 2147483648"]),
    ("name=../up", ["name must be"]),
    ("name=", ["name must be"]),
    ("data.batch_size=6", ["data.batch_size must be a multiple of 4", "6"]),
    ("data.batch_size=0", ["data.batch_size must be greater than or equal to 1"]),
    ("data.batch_size=-4", ["data.batch_size must be greater"]),
    ("data=3", ["data must be a mapping"]),
    ("data=", ["data must have a value"]),
    ("training.generator={optimizer: adam, myConfig: 1}", ['unknown key "training.generator.myConfig"']),
    ("runtime={FooConfig: 1}", ['unknown key "runtime.FooConfig"']),
    ("data.kind=all", ["data.kind must be one of constant, uniform_labels, shuffled_sample", "all"]),
    ("data={batch_size: 16}", ['missing key "data.kind"']),
    ("data=16", ["data must be a mapping"]),
    ("evaluation.n_samples=1023", ["evaluation.n_samples must be greater than or equal to 1024"]),
    ("evaluation.ais.n_images=5", ['unknown key "evaluation.ais.n_images"']),
    ("data={kind: shuffled_sample, n_samples: 5, batch_size: 8, has_each_image: false, noise: fresh}",
     ["data.batch_size must be at most n_samples"]),
    ("data={kind: shuffled_sample, n_samples: 3, batch_size: 3, has_each_image: true, noise: fresh}",
     ["data.has_each_image must be false for fewer than 4 samples"]),
    ("model.discriminator.kind=residual", ['unknown key "model.discriminator.n_hidden_layers"; allowed here: ', "n_blocks"]),
    ("model.discriminator.n_unitss=3", ['did you mean "model.discriminator.n_units"?']),
    ("training.generator.optimizer=shared", ["training.generator.optimizer must be one of adam, rmsprop, not"]),
    ("training.discriminator={optimizer: adam}", ['missing key "training.discriminator.learning_rate"']),
    ("model.kind=gan", ["model.kind must be one of avb, avb_ac, vae", "gan"]),
    ("model.latent_dim=0", ["model.latent_dim"]),
    ("model.latent_dim=1025", ["model.latent_dim must be less than or equal to 1024"]),
    ("model.encoder.noise_dim=1", ["model.encoder.noise_dim must be at least 2, or q(z|x) has no density", "not 1"]),
    ("model.encoder.n_units=1", ["--set model.encoder.n_units=1: model.encoder.n_units must be at least 3 with relu, or q(z|x) "
                                 "has no density in latent_dim dimensions, not 1"]),
    ("model.encoder.n_units=2", ["model.encoder.n_units must be at least 3 with relu"]),
    ("model.encoder.activation=rleu", ["model.encoder.activation must be one of relu, elu, tanh, leaky_relu", "rleu"]),
    ("model.encoder.center_input=1", ["must be true or false"]),
    ("model.encoder.n_units=[9, 2]", ["model.encoder.n_units must be at least 3 with relu", "not a list"]),
    ("model.decoder.n_units='8'", ["model.decoder.n_units must be an integer"]),
    ("model.decoder.n_units=[8]", ["model.decoder.n_units must be an integer from 1 to 65536, or a list of as many as "
                                   "n_hidden_layers, not a list"]),
    ("model.decoder.n_units=[8, 0]", ["model.decoder.n_units must be an integer from 1 to 65536, or a list"]),
    ("model.decoder.n_units=[8, true]", ["model.decoder.n_units must be an integer from 1 to 65536, or a list"]),
    ("model.decoder.n_units=[8, [8]]", ["model.decoder.n_units must be an integer from 1 to 65536, or a list"]),
    ("model.decoder.n_hidden_layers=-1", ["model.decoder.n_hidden_layers"]),
    ("model.decoder.probability_margin=0.5", ["must be less than 0.5"]),
    ("training.n_iterations=0", ["training.n_iterations must be greater than or equal to 1"]),
    ("training.snapshot_every=0", ["training.snapshot_every must be greater than or equal to 1"]),
    ("training.update=both", ["training.update must be one of simultaneous, generator_first, discriminator_first"]),
    ("training.generator.learning_rate=.nan", ["must be finite"]),
    ("training.generator.learning_rate=.inf", ["must be finite"]),
    ("training.generator.learning_rate=0", ["must be greater than 0"]),
    ("training.generator.learning_rate=1" + "0" * 400, ["is too large"]),
    ("training.generator.learning_rate='0.1'", ["must be a number"]),
    ("training.generator.beta1=1", ["must be less than 1"]),
    ("training.linear_decay={begin: 0.5}", ['missing key "training.linear_decay.end_factor"']),
    ("training.linear_decay=yes", ["training.linear_decay must be a mapping"]),
    ("runtime.intra_op_threads=0", ["runtime.intra_op_threads"]),
])
def test_bad_override_gets_one_clear_line(override, words):
    message = refusal([override])
    for word in words:
        assert word in message


@pytest.mark.parametrize("overrides, words", [
    (["model.encoder.activation=tanh", "model.encoder.n_units=1"], "encoder.n_units must be at least 2, or"),
    (["model.encoder.activation=tanh", "model.encoder.n_units=2"], None),
    (["model.encoder.n_hidden_layers=0", "model.encoder.n_units=1"], None),
    (["model.latent_dim=1", "model.encoder.n_units=1"], "encoder.n_units must be at least 2 with relu"),
    (["model.latent_dim=1", "model.encoder.n_units=2", "model.encoder.noise_dim=1"], None)])
def test_an_encoder_that_can_not_have_a_density_is_refused(overrides, words):
    if words is None:
        synthetic(*overrides)
    else:
        assert words in refusal(overrides)


@pytest.mark.parametrize("n_vectors, noise_dim, n_units, activation, words", [
    (1, 2, 3, "relu", None), (1, 2, 2, "tanh", None), (2, 1, 2, "relu", None), (2, 1, 1, "elu", None),
    (1, 1, 8, "relu", "basis.noise_dim must be at least 2"), (1, 2, 1, "tanh", "basis.n_units must be at least 2, or"),
    (1, 2, 2, "relu", "basis.n_units must be at least 3 with relu"),
    (8, 2, 1, "relu", "basis.n_units must be at least 2 with relu")])
def test_basis_vectors_that_can_not_give_a_density_are_refused(n_vectors, noise_dim, n_units, activation, words):
    path = os.path.join(ROOT, "configs", "recipes", "gdikov_avb_ac.yaml")
    overrides = ["model.encoder.basis={n_vectors: %d, noise_dim: %d, n_hidden_layers: 1, n_units: %d, activation: %s}" % (
        n_vectors, noise_dim, n_units, activation)]
    if words is None:
        load_config(path, overrides)
    else:
        assert "model.encoder." + words in refusal(overrides, path)


def test_unknown_key_in_a_file_names_the_file_and_the_nearest_key(tmp_path):
    def misspell(tree):
        tree["training"]["n_iteration"] = tree["training"].pop("n_iterations")

    path = edited(tmp_path, misspell)
    assert refusal(path=path) == '%s: unknown key "training.n_iteration"; did you mean "training.n_iterations"?' % path


def test_missing_key_in_a_file(tmp_path):
    path = edited(tmp_path, lambda tree: tree["model"]["encoder"].pop("n_units"))
    assert refusal(path=path) == '%s: missing key "model.encoder.n_units"' % path


def test_missing_and_unreadable_files(tmp_path):
    assert "No such file" in refusal(path=tmp_path / "absent.yaml")
    assert "directory" in refusal(path=tmp_path)
    os.mkfifo(str(tmp_path / "fifo"))
    for path in (tmp_path / "fifo", "/dev/zero"):
        assert "Not a regular file" in refusal(path=path)


@pytest.mark.parametrize("text, word", [
    ("[1, 2]", "must be a mapping of keys to values, not a list"),
    ("", "must be a mapping"),
    ("words", "not a text"),
    ("a: b: c", "line 1"),
    ("a: 1\na: 2", "stands twice"),
    ("a: !!python/object/apply:os.system [ls]", "constructor"),
    ("? [1, 2]\n: 3", "a key must be a word"),
    ("a: &x 1\nb: *x", "aliases"),
    ("a: " + "[" * 500 + "]" * 500, "nested deeper"),
    ("a: 2020-13-45", "not a valid config"),
    ("\tx: 1", "not a valid config"),
    (b"\xff\xfe\x00", "UTF-8"),
    ("a: \x07", "not a valid config"),
    ("#" * 200000, "larger than"),
    ("1: 2", "a key must be a word"),
    ("a: !!bool x", "not a valid config"),
    ("a: !!timestamp x", "not a valid config"),
    ("a: !!int ''", "not a valid config"),
], ids=str.split("list empty text syntax duplicate tag complex_key alias deep date tab encoding control large number_key "
                 "bool_tag time_tag int_tag"))
def test_files_that_are_no_config(tmp_path, text, word):
    path = written(tmp_path, text)
    message = refusal(path=path)
    assert str(path) in message and word in message


def test_a_run_folders_config_has_every_value():
    text = to_yaml(load_config(SYNTHETIC))
    assert "n_samples: 524288" in text and "decoder_learning_rate: null" in text and "images: four_images" in text


def test_where_a_value_is_left_out_its_default_is_told():
    default, other = (fingerprint(load_config(SYNTHETIC, overrides)) for overrides in ([], ["evaluation.n_samples=1024"]))
    with pytest.raises(OtherConfig, match="evaluation.n_samples is 1024 there and 524288 here"):
        require_same(other, default, "PATH")
    with pytest.raises(OtherConfig, match="training.decoder_learning_rate is null there and 0.01 here"):
        require_same(default, fingerprint(load_config(SYNTHETIC, ["training.decoder_learning_rate=0.01"])), "PATH")
