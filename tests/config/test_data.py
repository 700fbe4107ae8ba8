"""Configs of data sets: what is wrong with one is told."""

import os

import pytest
from helpers import ROOT
from image_data import image_config_path

import avb_tf1
from avb_tf1.config.loading import to_yaml
from avb_tf1.ground.errors import InputError


@pytest.mark.parametrize("override, words", [
    ("data.n_validation=1497", "digits_vae.yaml: data.n_validation must be less than 1497, the train images, not 1497"),
    ("data.batch_size=1498", "data.batch_size must be at most 1497"),
    ("data={kind: digits, binarisation: dynamic, n_validation: 1, batch_size: 1497}", "at most 1496"),
    ("data.n_validation=-1", "data.n_validation must be greater than or equal to 0"),
    ("data.binarisation=soft", "data.binarisation must be one of dynamic, static, threshold, none, not soft"),
    ("evaluation.ais.n_chains=1", "evaluation.ais.n_chains must be greater than or equal to 2, not 1"),
    ("evaluation.ais.n_image=3", 'unknown key "evaluation.ais.n_image"; did you mean "evaluation.ais.n_images"?'),
    ("evaluation={n_samples: 64, ais: {n_steps: 1}}", "evaluation.ais.n_steps must be greater than or equal to 2"),
    ("evaluation={ais: {n_steps: 10}}", 'missing key "evaluation.n_samples"'),
    ("evaluation.n_samples=1", "evaluation.n_samples must be greater than or equal to 2"),
    ("data.kind=cifar", "data.kind must be one of constant, uniform_labels, shuffled_sample, digits, mnist, npz, "
     "photo_patches, not cifar"),
    ("data.images=four_images", 'unknown key "data.images"'),
    ("data.path=a.npz", 'unknown key "data.path"'),
    ("data={kind: npz, binarisation: dynamic, n_validation: 0, batch_size: 1}", 'missing key "data.path"'),
    ("data={kind: npz, path: '', binarisation: dynamic, n_validation: 0, batch_size: 1}", "data.path must have at least 1"),
    ("data={kind: mnist, path: null, sha256: ab, binarisation: dynamic, n_validation: 0, batch_size: 1}", "data.sha256"),
])
def test_a_wrong_config_is_told_in_one_line(override, words):
    with pytest.raises(InputError) as error:
        avb_tf1.load_config(image_config_path("digits_vae"), [override])
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", sorted(os.listdir(os.path.join(ROOT, "configs", "images"))))
def test_each_config_can_be_read_back(name, tmp_path):
    config = avb_tf1.load_config(os.path.join(ROOT, "configs", "images", name))
    assert config.name + ".yaml" == name
    (tmp_path / "config.yaml").write_text(to_yaml(config), encoding="utf-8")
    assert avb_tf1.load_config(str(tmp_path / "config.yaml")) == config
