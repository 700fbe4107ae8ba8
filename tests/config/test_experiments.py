import pickle

import pytest
from config_cases import EACH_KIND, of_kind
from helpers import synthetic

from avb_tf1.config.experiments import (
    EXPERIMENTS,
    DatasetExperiment,
    GivenPosteriorExperiment,
    KnownImagesExperiment,
    require_config,
)
from avb_tf1.config.loading import load_config


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
