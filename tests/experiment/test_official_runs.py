"""The configs of configs/official as they are, for three iterations: they are trained, measured, and drawn.

Smaller are the batches of AVB, the data, and what evaluation takes: an iteration of the whole takes 15 s of a core, and each
pass of an image through AVB's encoder or decoder 482 million products.
"""

import functools
import json
import os

import numpy as np
import pytest
from helpers import ROOT, long, slow
from image_data import save_mnist
from official import PARAMETERS, celeba_images

import avb_tf1
from avb_tf1.estimation import ais
from avb_tf1.tasks import diagnostics

FEW = ["training.n_iterations=3", "training.checkpoint_every=3", "training.snapshot_every=3", "evaluation.n_samples=2",
       "evaluation.ais={n_images: 5, n_chains: 2, n_steps: 10}"]  # one chain would have no error


def measure_less(monkeypatch):
    monkeypatch.setattr(ais, "_N_ADAPTING_STEPS", 3)  # else 200, of ten leapfrog steps each
    # Else 2000, each of which is encoded 99 times.
    monkeypatch.setattr(diagnostics, "calibrated_on_images", functools.partial(diagnostics.calibrated_on_images, n=4))


@pytest.mark.parametrize("name", [
    (slow if name == "mnist_8_vae" else long)(name) for name in sorted(PARAMETERS)])
def test_an_official_config_is_trained_and_measured(name, tmp_path, monkeypatch):
    measure_less(monkeypatch)
    save_mnist(tmp_path / "mnist.npz", 5064, 10)
    batch = [] if name.endswith("vae") else ["data.batch_size=8"]
    config = avb_tf1.load_config(os.path.join(ROOT, "configs", "official", name + ".yaml"),
                                 ["data.path=%s" % (tmp_path / "mnist.npz"), *FEW, *batch])
    metrics, _ = avb_tf1.run_experiment(config, str(tmp_path / "run"))
    assert metrics["test_log_likelihood_method"] == "ais" and metrics["n_annealed_images"] == 5
    assert -800 < metrics["test_log_likelihood"] < -100 and 300 < metrics["generator_loss"] < 800
    assert 0 < metrics["test_ais_acceptance"] <= 1
    with np.load(str(tmp_path / "run" / "latents.npz")) as latents:
        assert latents["z"].shape == (10, config.model.latent_dim) and np.isfinite(latents["z"]).all()
    saved = os.listdir(str(tmp_path / "run" / "checkpoint"))
    assert "model-3.json" in saved
    with open(str(tmp_path / "run" / "metrics.json")) as file:
        assert json.load(file)["made_by"]["fingerprint"]["training"]["n_iterations"] == 3


@pytest.mark.long
def test_celebas_config_is_trained_and_measured(tmp_path, monkeypatch):
    measure_less(monkeypatch)
    config = avb_tf1.load_config(os.path.join(ROOT, "configs", "official", "celeba_64_avb.yaml"),
                                 [*celeba_images(tmp_path), "data.batch_size=4", *FEW])
    metrics, _ = avb_tf1.run_experiment(config, str(tmp_path / "run"))
    assert metrics["n_annealed_images"] == 5 and np.isfinite(metrics["test_log_likelihood"])
    # Of noise without order the best density is 1 at every value, 8 bits; a decoder that was hardly trained has less.
    assert metrics["test_bits_per_dimension"] > 8
