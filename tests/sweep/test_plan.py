import os
import re

import pytest
from helpers import ROOT, SYNTHETIC

from avb_tf1.ground.errors import InputError
from avb_tf1.sweep.plan import parse_seeds, plan

VAE = os.path.join(ROOT, "configs", "paper_vae.yaml")


def test_seeds():
    assert parse_seeds("0-3") == [0, 1, 2, 3]
    assert parse_seeds("7") == [7]
    assert parse_seeds("0, 3,8-9") == [0, 3, 8, 9]


@pytest.mark.parametrize("text, words", [
    ("", "must be seeds"), ("a", "must be seeds"), ("1-", "must be seeds"), ("-1", "must be seeds"), ("1.5", "must be seeds"),
    ("3-1", "must not end below its beginning"), ("0-2,1", "stands there twice"),
    ("0-4294967296", "the largest seed is 2147483647"), ("9" * 1000, "the largest seed is 2147483647"),
    ("0-1000000000", "more than 100000 seeds"), ("0-99999,100000", "more than 100000 seeds")])
def test_bad_seeds_are_refused(text, words):
    with pytest.raises(InputError, match="--seeds .*%s" % words) as caught:
        parse_seeds(text)
    assert len(str(caught.value)) < 200


def test_a_sweep_is_the_product_of_configs_values_and_seeds():
    runs = plan([SYNTHETIC, VAE], "0-1", ["training.generator.learning_rate=1e-4,2e-4,1e-3"])
    assert len(runs) == len({run.name for run in runs}) == 2 * 2 * 3
    first = runs[0]
    assert first.name == "synthetic_generator.learning_rate=0.0001_seed_0"
    assert first.setting == "synthetic, generator.learning_rate=0.0001"
    assert (first.config.seed, first.config.training.generator.learning_rate) == (0, 1e-4)
    assert first.values == {"training.generator.learning_rate": 1e-4}
    assert {run.config.runtime.inter_op_threads for run in runs} == {1}
    assert {run.config.name for run in runs} == {"synthetic", "paper_vae"}


def test_folders_are_named_by_what_varies():
    settings = [
        "training.discriminator.learning_rate=1e-3", "training.generator.learning_rate=1e-4,1e-3", "data.batch_size=8,16"]
    assert [run.name for run in plan([SYNTHETIC], "0", settings)] == [
        "batch_size=%d_generator.learning_rate=%s_seed_0" % (size, rate) for rate in ("0.0001", "0.001") for size in (8, 16)]
    assert [run.name for run in plan([SYNTHETIC], "0-1", settings[:1])] == ["synthetic_seed_0", "synthetic_seed_1"]


def test_long_names_are_cut_and_stay_apart(tmp_path):
    long = tmp_path / "long.yaml"
    with open(SYNTHETIC) as file:
        long.write_text(file.read().replace("name: synthetic", "name: " + 100 * "a"))
    keys = ["training.%s.beta%d" % (network, number) for network in ("generator", "discriminator") for number in (1, 2)]
    names = [run.name for run in plan([SYNTHETIC, str(long)], "2147483647", [key + "=0.123456789,0.2" for key in keys])]
    assert len(set(names)) == 2 * 2**4 and 180 < max(map(len, names)) < 200


def test_a_value_may_be_a_section():
    runs = plan([SYNTHETIC], "0", ["training.linear_decay=null,{begin: 0.5, end_factor: 0.1}"])
    assert [run.config.training.linear_decay is None for run in runs] == [True, False]
    assert len({run.name for run in runs}) == 2


def test_names_keep_signs_and_tell_long_values_apart():
    recipe = os.path.join(ROOT, "configs", "recipes", "mescheder_avb.yaml")
    runs = plan([recipe], "0", ["model.discriminator.squared_norm_factor=-1,1"])
    assert [run.name for run in runs] == ["squared_norm_factor=%d_seed_0" % value for value in (-1, 1)]
    section = "{kind: concat, center_input: true, n_hidden_layers: 2, activation: relu, n_units: %d}"
    runs = plan([SYNTHETIC], "0", ["model.discriminator=%s,%s" % (section % 8, section % 16)])
    assert [run.name for run in runs] == ["discriminator.n_units=%d_seed_0" % value for value in (8, 16)]


@pytest.mark.parametrize("settings, words", [
    (["training.n_iterations"], "must be KEY=V1,V2"),
    (["training.n_iterations="], "must be KEY=V1,V2"),
    (["training.n_iterations=1,0"], "training.n_iterations must be"),
    (["training.n_iterationss=1"], "did you mean"),
    (["seed=1,2"], "--set seed=1,2: seed can't be varied here"),
    (["name=a,b"], "name can't be varied"),
    (["runtime.inter_op_threads=1,2"], "runtime.inter_op_threads can't be varied"),
    (["training.n_iterations=5,5"], "a value stands there twice"),
    (["training.n_iterations=2020-01-01"], "training.n_iterations must be an integer, not '2020-01-01'"),
    (["training.n_iterations=[1,2"], r"read as \[\[1,2\]: not a valid config"),
    (["data.batch_size=8] #"], r"read as \[8\] #\]: not a valid config")])
def test_bad_settings_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        plan([SYNTHETIC], "0", settings)


def test_a_setting_that_one_of_several_configs_lacks_names_it():
    vae = os.path.join(ROOT, "configs", "paper_vae.yaml")
    with pytest.raises(InputError, match="^%s: --set training.discriminator.learning_rate=0.1: unknown key" % re.escape(vae)):
        plan([SYNTHETIC, vae], "0", ["training.discriminator.learning_rate=1e-1"])
    with pytest.raises(InputError, match="--set data.batch_size: given twice"):
        plan([SYNTHETIC], "0", ["data.batch_size=64", "data.batch_size=128"])


def test_what_can_not_be_told_apart_is_refused(tmp_path):
    copy = tmp_path / "copy.yaml"
    with open(SYNTHETIC) as file:
        copy.write_text(file.read())
    with pytest.raises(InputError, match="copy.yaml: .* synthetic twice: .*give the configs different names"):
        plan([SYNTHETIC, str(copy)], "0", [])
    with pytest.raises(InputError, match="nothing that changes a result tells the two apart$"):
        plan([SYNTHETIC], "0", ["training.snapshot_every=50,100"])
    other = tmp_path / "other.yaml"
    with open(SYNTHETIC) as file:
        other.write_text(file.read().replace("batch_size: 512", "batch_size: 8"))
    assert [run.name for run in plan([SYNTHETIC, str(other)], "0", [])] == ["batch_size=512_seed_0", "batch_size=8_seed_0"]
