import json

import pytest
from config_cases import EACH_KIND, edited, of_kind, refusal

from avb_tf1.config.loading import load_config
from avb_tf1.config.sections import Section
from avb_tf1.config.yaml_input import nodes


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
    ("data={kind: shuffled_sample, n_samples: 15, batch_size: 8, has_each_image: true, noise: drawn_once}",
     ["data.noise must be fresh unless n_samples are two batches"]),
    ("model.discriminator.kind=residual", ['unknown key "model.discriminator.n_hidden_layers"; allowed here: ', "n_blocks"]),
    ("model.discriminator.n_unitss=3", ['did you mean "model.discriminator.n_units"?']),
    ("training.generator.optimizer=shared", ["training.generator.optimizer must be one of adam, rmsprop, not"]),
    ("training.discriminator={optimizer: adam}", ['missing key "training.discriminator.learning_rate"']),
    ("model.kind=gan", ["model.kind must be one of auxiliary_vae, avb, avb_ac, maximum_likelihood, sivi, vae", "gan"]),
    ("model.latent_dim=0", ["model.latent_dim must be greater than or equal to 1"]),
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
    ("training.linear_decay=[[begin, 0.5], [end_factor, 0]]",
     ["training.linear_decay must be a mapping of keys to values, not a list"]),
    ("model.encoder=[]", ["model.encoder must be a mapping of keys to values, not a list"]),
    ("model=[]", ["model must be a mapping of keys to values, not a list"]),
    ("runtime.intra_op_threads=0", ["runtime.intra_op_threads"]),
])
def test_bad_override_gets_one_clear_line(override, words):
    message = refusal([override])
    for word in words:
        assert word in message


@pytest.mark.parametrize("kind, overrides, words", [
    ("maximum_likelihood", [], "model.kind must not be maximum_likelihood if data.noise is drawn_once"),
    ("vae", ["training.kl=sampled", "training.n_importance_samples=2"],
     "training.n_importance_samples must be 1 if data.noise is drawn_once")])
def test_noise_that_is_drawn_once_is_refused_where_more_is_drawn(kind, overrides, words):
    path, of_it = of_kind("known_images", kind)
    once = "data={kind: shuffled_sample, n_samples: 16, batch_size: 8, has_each_image: true, noise: drawn_once}"
    assert words in refusal([*of_it, *overrides, once], path)


def test_unknown_key_in_a_file_names_the_file_and_the_nearest_key(tmp_path):
    def misspell(tree):
        tree["training"]["n_iteration"] = tree["training"].pop("n_iterations")

    path = edited(tmp_path, misspell)
    assert refusal(path=path) == '%s: unknown key "training.n_iteration"; did you mean "training.n_iterations"?' % path


def test_missing_key_in_a_file(tmp_path):
    path = edited(tmp_path, lambda tree: tree["model"]["encoder"].pop("n_units"))
    assert refusal(path=path) == '%s: missing key "model.encoder.n_units"' % path


def classes_below(section):
    for inner in section.__subclasses__():
        yield inner
        yield from classes_below(inner)


@pytest.mark.parametrize("task, kind", EACH_KIND)
def test_a_bad_key_in_any_section_is_told_without_the_names_of_classes(task, kind):
    path, overrides = of_kind(task, kind)
    sections = {".".join(keys): value for keys, value in nodes(load_config(path, overrides).dict()) if isinstance(value, dict)}
    assert {"model", "training", "training.generator", "runtime"} < set(sections)
    names = [found.__name__ for found in classes_below(Section)]
    for key, section in sections.items():
        message = refusal([*overrides, "%s=%s" % (key, json.dumps(dict(section, zzz=1)))], path)
        assert 'unknown key "%s.zzz"; allowed here: ' % key in message
        assert not [name for name in names if name in message]
