"""Small configs of data sets, and files of images made of the digits."""

import os

import numpy as np
from helpers import ROOT

from avb_tf1.config.loading import load_config

SMALL = ["model.encoder.n_units=12", "model.decoder.n_units=8", "data.batch_size=64", "training.n_iterations=20",
         "training.checkpoint_every=10", "training.snapshot_every=5"]
FEW = ["evaluation.n_samples=16", "evaluation.ais={n_images: 5, n_chains: 4, n_steps: 5}"]
ADVERSARY = ["model.discriminator.n_units=8", "model.discriminator.n_factors=8"]
BASIS = ["model.encoder.basis={n_vectors: 2, noise_dim: 4, n_hidden_layers: 1, n_units: 8, activation: relu}"]
CONVOLUTION = "{n_channels: [4, 8], kernel_size: 3, stride: 2}"


def image_config_path(name):
    return os.path.join(ROOT, "configs", "images", name + ".yaml")


def image_config(name, *overrides):
    return load_config(image_config_path(name), overrides)


def small_images(name, *overrides):
    """One of the configs of images with few units a layer, batches of 64 and 20 iterations."""
    return image_config(name, *SMALL, *(ADVERSARY if "avb" in name else []), *(BASIS if name.endswith("ac") else []),
                        *FEW, *overrides)


def npz_data(path, more=""):
    return "data={kind: npz, path: '%s', binarisation: dynamic, n_validation: 0, batch_size: 64%s}" % (path, more)


def enlarged_digits(n, seed=0):
    """Digits of three times the size with noise around them, uint8 [n, 28, 28], and their labels."""
    from sklearn.datasets import load_digits

    digits, random_state = load_digits(), np.random.RandomState(seed)
    rows = random_state.randint(len(digits.images), size=n)
    images = np.zeros((n, 28, 28), np.uint8)
    for start in range(0, n, 4096):
        part = images[start:start + 4096]
        part[:, 2:26, 2:26] = 15 * np.kron(digits.images[rows[start:start + 4096]], np.ones((1, 3, 3)))
        part += random_state.randint(0, 16, part.shape).astype(np.uint8)
    return images, digits.target[rows]


def save_mnist(path, n_train, n_test):
    """Write a stand-in for mnist.npz."""
    images, labels = enlarged_digits(n_train + n_test)
    labels = labels.astype(np.uint8)
    np.savez(str(path), x_train=images[:n_train], y_train=labels[:n_train], x_test=images[n_train:], y_test=labels[n_train:])


GAUSSIAN = "{kind: gaussian, mean: %s, log_scale: %s}"
COLOR_CONVOLUTION = ["model.%s.convolution=%s" % (key, CONVOLUTION) for key in ("encoder", "decoder")]
PATCHES = ["data.n_train=1000", "data.n_test=40"]


def small_patches(name, *overrides, as_it_is=False):
    """One of the configs of patches of photographs, with few units, patches and iterations; or only with few patches."""
    if as_it_is:
        return image_config(name, *PATCHES, "data.batch_size=64", *FEW, *overrides)
    return small_images(name, *PATCHES, *overrides)
