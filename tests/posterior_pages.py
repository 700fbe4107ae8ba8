"""Runs of given posteriors that pages are made of."""

import os

from helpers import ROOT
from pages import metrics_of
from shared_runs import finished

from avb_tf1.config.fingerprint import digest_of_fingerprint
from avb_tf1.config.loading import load_config

SHORT = ["training.n_iterations=60", "training.snapshot_every=20", "training.linear_decay=null", "evaluation.n_samples=4096",
         "model.encoder.n_units=16", "model.discriminator.n_units=16"]
GAUSSIAN = ["model={kind: gaussian, latent_dim: 10, covariance: diagonal}",
            "training={n_iterations: 60, linear_decay: null, checkpoint_every: 60, snapshot_every: 20, "
            "generator_loss_scale: 1, generator: {optimizer: adam, learning_rate: 1e-2, beta1: .9, beta2: .999, "
            "epsilon: 1e-8}}",
            "evaluation.n_samples=4096"]


def config_of(name, *overrides):
    return load_config(os.path.join(ROOT, "configs", "posteriors", name + ".yaml"), list(overrides))


def record_of(folder, name):
    """What sweep.json has of a finished run, in the folder `name` of the sweep."""
    config, metrics = load_config(str(folder / "config.yaml")), metrics_of(folder)
    del metrics["made_by"]
    return {"run": name, "setting": name, "config": config.name, "seed": config.seed, "reason": "", "status": "done",
            "metrics": metrics, "fingerprint": digest_of_fingerprint(config)}


def several_in(folder):
    """The folder once it holds a small run of AVB with several x and two coordinates."""
    return finished(folder, config_of("explaining_away", *SHORT))
