import pickle

import pytest
from config_cases import EACH_KIND, of_kind
from helpers import ALL_PAIRS, synthetic
from image_data import image_config_path
from posterior_configs import avb, path_of

from avb_tf1.config.experiments import (
    EXPERIMENTS,
    DatasetExperiment,
    GivenPosteriorExperiment,
    KnownImagesExperiment,
    require_config,
)
from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.ground.errors import InputError


def test_config_is_frozen():
    with pytest.raises(TypeError):
        synthetic().seed = 1


def test_no_kind_of_model_is_left_out_below():
    assert {(experiment.task, kind) for experiment in EXPERIMENTS for kind in experiment.sections_of_kind} == set(EACH_KIND)


@pytest.mark.parametrize("task, kind", EACH_KIND)
def test_a_config_of_each_kind_of_model_is_one_of_three_experiments(task, kind):
    config = load_config(*of_kind(task, kind))
    assert type(config) is {"known_images": KnownImagesExperiment, "data_set": DatasetExperiment,
                            "given_posterior": GivenPosteriorExperiment}[task]
    assert (config.task, config.model.kind) == (task, kind)
    assert (type(config.model), type(config.training)) == config.sections_of_kind[kind]
    require_config(config)
    sent = pickle.loads(pickle.dumps(config))
    assert sent == config and type(sent) is type(config) and type(sent.model) is type(config.model)
    assert config.copy(update={"seed": 7}).model == config.model != config.training


def test_equal_configs_have_equal_hashes():
    assert len({synthetic(), synthetic(), synthetic("seed=1")}) == 2


def test_what_is_no_config_is_refused():
    for other in (synthetic().dict(), synthetic().model, None):
        with pytest.raises(TypeError, match="config must be what load_config returns"):
            require_config(other)


@pytest.mark.parametrize("override, words", [
    ("problem.kind=nothing", "problem.kind must be one of"),
    ("model.latent_dim=3", "model.latent_dim must be 2"),
    ("problem.batch_size=21", "problem.batch_size must be a multiple of 5"),
    ("model.encoder.noise_dim=1", "model.encoder.noise_dim must be at least 2"),
    ("model.kind=vae", "model.kind must be one of avb, avb_ac, gaussian, sivi"),
    ("training.decoder_learning_rate=1e-3", "training.decoder_learning_rate must be null"),
    ("problem.path=a.py", 'unknown key "problem.path"'),
])
def test_bad_values_are_told_by_their_key(override, words):
    with pytest.raises(InputError) as caught:
        load_config(path_of("explaining_away"), [override])
    assert words in str(caught.value)


@pytest.mark.parametrize("path, overrides, words", [
    (image_config_path("digits_avb_ac"), ("data.batch_size=1", "model.encoder.n_moment_samples=null"),
     "model.encoder.n_moment_samples must be a number if data.batch_size is 1"),
    (path_of("eight_schools"), ("problem.batch_size=1",), "model.kind must not be avb_ac with a problem.batch_size of one")])
def test_one_sample_has_no_moments(path, overrides, words):
    with pytest.raises(InputError) as caught:
        load_config(path, overrides)
    assert words in str(caught.value)
    load_config(path, [override.replace("batch_size=1", "batch_size=2") for override in overrides])


def test_a_known_density_is_of_one_pair():
    with pytest.raises(InputError, match="model.known_density must be false with discriminator.all_pairs"):
        load_config(path_of("eight_schools"), ALL_PAIRS)


def test_a_config_has_a_problem_or_data(tmp_path):
    text = to_yaml(avb()) + "data: {images: four_images, kind: constant, batch_size: 512}\n"
    (tmp_path / "both.yaml").write_text(text)
    with pytest.raises(InputError, match='unknown key "data"'):
        load_config(str(tmp_path / "both.yaml"))
