"""MNIST's page, of tiny models of images that look like it, and the shipped recipes."""

import os

import numpy as np
import pytest
from helpers import ROOT, call_script
from image_data import small_images

from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.experiment.run import run_experiment
from avb_tf1.ground.errors import InputError
from avb_tf1.reproduction import mnist

CONFIGS = os.path.join(ROOT, "configs")


@pytest.fixture
def few(tmp_path, monkeypatch):
    """Folders of configs and runs of a VAE and AVB + AC in two and eight dimensions, two seeds of these; all of them made."""
    monkeypatch.setattr(mnist, "DIMS", (2, 8))
    monkeypatch.setattr(mnist, "KINDS", {"vae": "VAE", "avb_ac": "AVB + AC"})
    monkeypatch.setattr(mnist, "SEEDS", {2: (0,), 8: (0, 1)})
    monkeypatch.setattr(mnist, "PARTS", (0.5,))
    configs, runs = tmp_path / "configs", tmp_path / "runs"
    (configs / "images").mkdir(parents=True)
    for dim in mnist.DIMS:
        for kind in mnist.KINDS:
            config = small_images("mnist_%d_%s" % (dim, kind), "data={kind: digits, binarisation: dynamic, n_validation: 0, "
                                  "batch_size: 64}", "evaluation.ais={n_images: 5, n_chains: 2, n_steps: 5}")
            (configs / "images" / ("mnist_%d_%s.yaml" % (dim, kind))).write_text(to_yaml(config))
    found = mnist.MnistRuns(str(configs), str(runs), str(tmp_path))
    for seed in (0, 1):
        out = runs / "configs" / ("seed_%d" % seed)
        mnist.write_configs(found, seed, str(out))
        assert os.listdir(str(out)) == [str(seed)]
        for path in sorted(out.glob("*/*.yaml")):
            config = load_config(str(path), ["seed=%d" % seed])
            run_experiment(config, str(runs / ("%s_seed_%d" % (config.name, seed))))
    return configs, runs


@pytest.mark.slow
def test_the_page_has_the_numbers_of_the_runs(few, tmp_path):
    configs, runs = map(str, few)
    found = mnist.MnistRuns(configs, runs, str(tmp_path))
    mnist.make(found, str(tmp_path))
    page = (tmp_path / "mnist.md").read_text()
    assert "All of its 8 runs are made." in page
    records = {own: found.find(own)[1] for own in mnist.wanted()}
    assert {own.part for own in records} == {1, 0.5} and None not in records.values()
    of_vae, of_ac = ([records[mnist.Wanted(8, kind, seed)] for seed in (0, 1)] for kind in ("vae", "avb_ac"))
    values = [record.values["test_log_likelihood"] for record in of_vae]
    assert "| 8 | VAE | %.2f (%.2f to %.2f) |" % (np.mean(values), min(values), max(values)) in page
    of_each = [np.array([record.values["log_likelihood_of_each"] for record in own]) for own in (of_ac, of_vae)]
    assert of_each[0].shape == (2, 5)
    assert "| 8 | 2 | %+.2f |" % (of_each[0] - of_each[1]).mean() in page
    arrays = np.load(os.path.join(runs, "mnist_8_vae_seed_1", "test_images.npz"))
    taken = ~np.isnan(arrays["log_likelihood"])
    annealed, weighed = (arrays[name][taken] for name in ("log_likelihood", "log_likelihood_importance"))
    errors = np.hypot(*(arrays[name][taken] for name in ("log_likelihood_error", "log_likelihood_importance_error")))
    assert taken.sum() == 5
    error = np.sqrt((errors**2).sum()) / 5
    assert "| 8 | VAE | 1 | %.2f ± " % annealed.mean() in page
    assert "| %+.2f ± %.3f | " % ((weighed - annealed).mean(), error) in page
    assert "-89.6" in page and "| 2 | VAE | " in page
    for name in ("mnist_2_vae_manifold.png", "mnist_8_avb_ac_reconstructions.png"):
        assert "(mnist/%s)" % name in page and (tmp_path / "mnist" / name).stat().st_size > 1000
    for folder in os.listdir(runs):
        os.rename(os.path.join(runs, folder), os.path.join(runs, "gone_" + folder))
    mnist.make(mnist.MnistRuns(configs, runs, str(tmp_path)), str(tmp_path))
    assert (tmp_path / "mnist.md").read_text() == page
    mnist.write_configs(mnist.MnistRuns(configs, runs, str(tmp_path)), 1, str(tmp_path / "left"))
    assert not os.listdir(str(tmp_path / "left"))


def test_differences_are_paired():
    base = np.random.RandomState(0).standard_normal((3, 400)) * 10
    second = base + np.array([[0.1], [0.2], [0.3]])
    mean, over_images, over_seeds = mnist.differences(second, base)
    assert mean == pytest.approx(0.2) and over_images == pytest.approx(0, abs=1e-12)
    assert over_seeds == pytest.approx(0.1 / np.sqrt(3))
    assert np.isnan(mnist.differences(second[:1], base[:1])[2])


def test_all_recipes_have_one_decoder_and_the_papers_binarisation():
    configs = [own.config(CONFIGS) for own in mnist.wanted()]
    assert len(configs) == 28 and len({config.name + str(config.seed) for config in configs}) == 28
    for config in configs:
        assert config.data.binarisation == "dynamic" and config.data.n_validation == 0 and config.evaluation.ais.n_images == 250
        decoder = config.model.decoder.dict()
        decoder.pop("built_on", None)
        assert decoder == {"n_hidden_layers": 2, "n_units": 512, "activation": "relu", "convolution": None,
                           "probability_margin": 0, "likelihood_from": "logits"}


def test_without_a_run_there_is_no_page(tmp_path):
    with pytest.raises(InputError, match="no run of MNIST is finished"):
        mnist.make(mnist.MnistRuns(CONFIGS, str(tmp_path), str(tmp_path)), str(tmp_path))
    result = call_script("mnist.py", "page", "--out", tmp_path / "none")
    assert result.returncode == 2 and "none: not a folder" in result.stderr
