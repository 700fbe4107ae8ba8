"""A config of each kind of model, and what load_config says of a bad one."""

import os

import pytest
import yaml
from helpers import ROOT, SYNTHETIC

from avb_tf1.config.loading import load_config
from avb_tf1.ground.errors import InputError

_GAUSSIAN = [
    "model={kind: gaussian, latent_dim: 2, covariance: full}",
    "training={n_iterations: 20, linear_decay: null, checkpoint_every: 10, snapshot_every: 5, generator_loss_scale: 1, "
    "generator: {optimizer: rmsprop, learning_rate: 1e-3, decay: 0.9, epsilon: 1e-8}, decoder_learning_rate: null}"]
_ADAM = "{optimizer: adam, learning_rate: 1e-3, beta1: .9, beta2: .999, epsilon: 1e-8}"
# A flow of each family, as a config's section model.flow.
FLOWS = {
    "iaf": "{kind: iaf, depth: 2, n_hidden_layers: 1, n_units: 16, activation: elu, shift_scale: .1, gate_scale: .01}",
    "coupling": "{kind: coupling, depth: 3, n_hidden_layers: 1, n_units: 16, activation: relu, max_log_scale: 2}",
    "spline": "{kind: spline, depth: 2, n_hidden_layers: 1, n_units: 16, activation: relu, n_bins: 5, range: 4}",
}
PLAIN_TRAINING = ("training={n_iterations: 20, linear_decay: null, checkpoint_every: 10, snapshot_every: 5, "
                   "generator_loss_scale: 1, generator: %s}" % _ADAM)


def with_flow(family, *overrides):
    """Overrides that put a flow of a family between a VAE's Gaussian and its z; of a given posterior's without the last two."""
    return ["model.flow=" + FLOWS[family], "model.encoder.n_context=4", "training.kl=sampled", *overrides]


_NETWORK = "n_hidden_layers: 1, n_units: 16, activation: relu, center_input: true"
SIVI = ("kind: sivi, latent_dim: 2, n_mixing_samples: 7, encoder: {noise_dim: 3, standard_deviation: null, %s}" % _NETWORK)
AUXILIARY = ("kind: auxiliary_vae, latent_dim: 2, encoder: {spread_output: log_variance, %s}, auxiliary: {dim: 3, %s}, "
             "reverse: {sees: reconstruction, %s}" % (_NETWORK, _NETWORK, _NETWORK))


def _of_images(model):
    return ["model={%s, decoder: {n_hidden_layers: 1, n_units: 16, activation: relu, probability_margin: 1e-6}}" % model,
            PLAIN_TRAINING]


def _of_posterior(model):
    return ["model={%s}" % model, PLAIN_TRAINING]


def _maximum_likelihood(likelihood_from):
    decoder = "n_hidden_layers: 1, n_units: 16, activation: relu, probability_margin: 0, likelihood_from: " + likelihood_from
    return ["model={kind: maximum_likelihood, latent_dim: 2, n_prior_samples: 64, decoder: {%s}}" % decoder, PLAIN_TRAINING]


# By task and model.kind: the file's name below configs, and overrides.
EACH_KIND = {
    ("known_images", "avb"): ("synthetic", []),
    ("known_images", "avb_ac"): ("recipes/gdikov_avb_ac", []),
    ("known_images", "vae"): ("paper_vae", []),
    ("known_images", "maximum_likelihood"): ("paper_vae", _maximum_likelihood("probabilities")),
    ("data_set", "maximum_likelihood"): ("images/digits_vae", _maximum_likelihood("logits")),
    ("known_images", "sivi"): ("paper_vae", _of_images(SIVI)),
    ("data_set", "sivi"): ("images/digits_vae", _of_images(SIVI)),
    ("given_posterior", "sivi"): ("posteriors/banana", _of_posterior(SIVI)),
    ("known_images", "auxiliary_vae"): ("paper_vae", _of_images(AUXILIARY)),
    ("data_set", "auxiliary_vae"): ("images/digits_vae", _of_images(AUXILIARY)),
    ("data_set", "avb"): ("images/digits_avb", []),
    ("data_set", "avb_ac"): ("images/digits_avb_ac", []),
    ("data_set", "vae"): ("images/digits_vae", []),
    ("given_posterior", "avb"): ("posteriors/banana", []),
    ("given_posterior", "avb_ac"): ("posteriors/eight_schools", []),
    ("given_posterior", "gaussian"): ("posteriors/banana", _GAUSSIAN),
}


def of_kind(task, kind):
    """The path of the config in EACH_KIND, and its overrides."""
    name, overrides = EACH_KIND[task, kind]
    return os.path.join(ROOT, "configs", name + ".yaml"), overrides


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
