import os

import pytest
from config_cases import refusal
from helpers import ROOT, synthetic

from avb_tf1.config.loading import load_config


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
