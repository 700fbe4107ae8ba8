"""The methods beside AVB: what their configs share with its, and what is said of a bad file."""

import os
import shutil

import pytest
from helpers import ROOT

from avb_tf1.config.rivals import ChosenSettings, load_chosen, load_rivals, write_chosen
from avb_tf1.ground.errors import InputError

CONFIGS = os.path.join(ROOT, "configs")


@pytest.fixture(scope="module")
def rivals():
    return load_rivals(CONFIGS)


def configs_of(rivals, problem):
    return {method: rival.config() for method, rival in rivals[problem].items()}


def test_each_table_has_its_rows(rivals):
    flows = {"iaf", "coupling", "spline", "iwae", "sivi", "avb_ac"}
    for problem, of_problem in rivals.items():
        is_images = of_problem["iwae"].of_problem.methods == "images"
        others = {"vae", "vae_weighted", "auxiliary_vae", "auxiliary_reconstruction"} if is_images else {"full_rank"}
        assert flows | others <= set(of_problem), problem
    assert {"four_images", "digits", "digits_8", "explaining_away", "logistic_regression", "banana", "donut", "eight_schools",
            "stan_eight_schools", "stan_gauss", "your_own_model"} == set(rivals)
    assert "maximum_likelihood" in rivals["digits"] and "maximum_likelihood" in rivals["four_images"]
    # Theirs is AVB + AC: where the paper, or our config, has no AVB without.
    assert {problem for problem in rivals if "avb" not in rivals[problem]} == {
        "digits_8", "eight_schools", "stan_eight_schools", "stan_gauss", "your_own_model"}


@pytest.mark.parametrize("problem", ["banana", "digits"])
def test_iaf_is_that_of_the_official_repository(rivals, problem):
    model = rivals[problem]["iaf"].config().model
    assert model.flow.dict() == {"kind": "iaf", "depth": 8, "n_hidden_layers": 1, "n_units": 128, "activation": "elu",
                                 "shift_scale": 0.1, "gate_scale": 0.01}
    assert problem == "banana" or model.encoder.n_context == 32


def test_methods_of_a_problem_have_its_data_its_decoder_and_its_length(rivals):
    for problem in rivals:
        first, *others = configs_of(rivals, problem).values()
        for config in others:
            assert config.training.n_iterations == first.training.n_iterations, config.name
            assert config.batch_size == first.batch_size, config.name
            assert config.model.latent_dim == first.model.latent_dim, config.name
            if config.task == "given_posterior":
                assert config.problem.dict(exclude={"path"}) == first.problem.dict(exclude={"path"})
            else:
                assert config.data == first.data
                own, decoder = config.model.decoder.dict(), first.model.decoder.dict()
                own.pop("built_on", None)
                assert own == decoder, config.name
                rates = config.training.decoder_learning_rate or config.training.generator.learning_rate
                assert rates == first.training.decoder_learning_rate, config.name


def test_a_config_runs_on_one_thread_under_its_own_name(rivals):
    config = rivals["banana"]["spline"].config("_b", "seed=3")
    assert (config.name, config.seed, config.model.flow.kind) == ("banana_spline_b", 3, "spline")
    assert config.runtime.inter_op_threads == 1
    assert (config.training.snapshot_every, config.training.checkpoint_every) == (333, 10000)


def test_all_rates_are_multiplied(rivals):
    def rates(training):
        return [training.generator.learning_rate, training.decoder_learning_rate, training.discriminator.learning_rate]

    rival = rivals["digits"]["avb"]
    training = rival.config("", *rival.at(0.5, 1234)).training
    assert training.n_iterations == 1234 and rates(training) == [rate / 2 for rate in rates(rival.config().training)]
    rival = rivals["banana"]["full_rank"]
    assert rival.config("", *rival.at(200, 1)).training.generator.learning_rate == 1


def test_what_was_chosen_is_read_as_it_was_written(tmp_path):
    found = {"banana": {"iaf": ChosenSettings(rate_factor=0.25, n_iterations=7, cpu_seconds=1.5, score=-0.01),
                        "avb": ChosenSettings(rate_factor=2, n_iterations=9)}}
    (tmp_path / "rivals").mkdir()
    with pytest.raises(InputError, match="chosen.yaml: there is none yet; make rivals-search writes it"):
        load_chosen(str(tmp_path))
    assert write_chosen(str(tmp_path), found) == str(tmp_path / "rivals" / "chosen.yaml")
    assert load_chosen(str(tmp_path)) == found


@pytest.mark.parametrize("text, words", [
    ("", "must have methods below problems"), ("banana:\n", "must have methods below problems"),
    ("banana: {avb: {rate_factor: 0, n_iterations: 1}}\n", "banana.avb"), ("- banana\n", "must have")])
def test_a_bad_file_of_choices_is_told_in_one_line(tmp_path, text, words):
    (tmp_path / "rivals").mkdir()
    (tmp_path / "rivals" / "chosen.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_chosen(str(tmp_path))
    assert "chosen.yaml" in str(caught.value) and words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("old, new, words", [
    ("    cpu_seconds: 40\n", "    cpu_seconds: none\n", "cpu_seconds"),
    ("    cpu_seconds: 40\n", "", "cpu_seconds: field required"),
    ("methods: posteriors", "methods: posterior", "methods must be one of posteriors, images"),
    ("settings_of: banana", "settings_of: bananas", "settings_of must be one of"),
    ("settings_of: banana", "settings: banana", "settings_of: field required"),
    ("settings_of: banana", "settings_of: stan_gauss", "must be one with all its methods: stan_gauss has no avb"),
])
def test_a_bad_file_is_told_in_one_line(tmp_path, old, new, words):
    shutil.copytree(os.path.join(CONFIGS, "rivals"), str(tmp_path / "rivals"))
    path = tmp_path / "rivals" / "rivals.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError) as caught:
        load_rivals(str(tmp_path))
    assert str(path) in str(caught.value) and words in str(caught.value) and "\n" not in str(caught.value)
