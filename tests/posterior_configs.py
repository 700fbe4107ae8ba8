"""Small configs of given posteriors."""

import os

from helpers import ROOT

from avb_tf1.config.loading import load_config

CONFIGS = os.path.join(ROOT, "configs", "posteriors")
SMALL = ["problem.batch_size=20", "model.encoder.n_units=8", "training.n_iterations=12", "training.snapshot_every=6",
         "training.checkpoint_every=6", "evaluation.n_samples=2048"]
ADAM = "{optimizer: adam, learning_rate: 1e-2, beta1: .9, beta2: .999, epsilon: 1e-8}"


def path_of(name):
    return os.path.join(CONFIGS, name + ".yaml")


def small(name, *overrides):
    return load_config(path_of(name), [*SMALL, *overrides])


def avb(*overrides):
    return small("explaining_away", "model.discriminator.n_units=8", *overrides)


def avb_ac(*overrides):
    return small("stan_eight_schools", "model.encoder.n_units=16", "model.discriminator.n_units=8",
                 "model.discriminator.n_blocks=1", *overrides)


def gaussian(kind, latent_dim, covariance, *overrides):
    return load_config(path_of("explaining_away"), [
        "problem={kind: %s, batch_size: 20}" % kind,
        "model={kind: gaussian, latent_dim: %d, covariance: %s}" % (latent_dim, covariance),
        "training={n_iterations: 12, linear_decay: null, checkpoint_every: 6, snapshot_every: 6, generator_loss_scale: 1, "
        "generator: %s}" % ADAM, "evaluation.n_samples=2048", *overrides])
