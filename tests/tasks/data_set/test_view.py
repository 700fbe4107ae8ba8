import dataclasses

import numpy as np
import pytest
from image_data import small_images
from scipy.stats import norm

from avb_tf1.estimation.likelihoods import Bernoulli
from avb_tf1.estimation.trained_networks import Networks
from avb_tf1.experiment import run as experiment
from avb_tf1.experiment.run import Experiment, opened_model
from avb_tf1.problems.data_set.problem import ImageDataset, Part
from avb_tf1.problems.registry import problem_of
from avb_tf1.tasks.data_set.view import View, images_looked_at
from avb_tf1.training import snapshots, trainer
from avb_tf1.training.snapshots import Snapshots


def dataset(labels, class_names, n_pixels=4):
    intensities = np.random.RandomState(0).rand(len(labels), n_pixels).round().astype(np.float32)
    part = Part(intensities, np.array(labels))
    return ImageDataset("images", (1, n_pixels), part, part, part, class_names, "threshold", "", "")


@pytest.mark.parametrize("labels, class_names, expected", [
    ([2, 0, 2, 1, 0], "abc", [1, 3, 0]),
    ([2, 0, 2], "abc", [1, 0]),  # none of the second class
    ([0] * 4, ("image",), [0, 1, 2, 3]),
    ([0] * 15, ("image",), list(range(10))),
    (list(range(14)), "abcdefghijklmn", list(range(10))),
    ([0] * 1024 + [1], "ab", [0]),  # whose code is not shown
])
def test_the_first_image_of_each_class_is_looked_at_closely(labels, class_names, expected):
    assert images_looked_at(dataset(labels, tuple(class_names))).tolist() == expected


def networks(dim):
    """q(z|x) = N(means of x, 0.3^2), and pixels that are functions of z."""
    def decode(z):
        return np.concatenate([norm.cdf(z), norm.cdf(-z)] * (4 // (2 * dim)), axis=1).astype(np.float32)

    return Networks(dim, dim, encode=lambda x, eps: x[:, :dim] + np.float32(0.3) * eps, likelihood=Bernoulli(decode))


@pytest.mark.parametrize("dim, m", [(1, 25), (2, 15)])
def test_each_array_is_what_the_networks_give(dim, m):
    problem, nets = dataset([1, 0, 1, 0, 2], ("a", "b", "c")), networks(dim)
    training = small_images("digits_vae", "training.n_iterations=2", "training.snapshot_every=1").training
    seen = Snapshots(View(nets, problem, np.random.RandomState(4)), training)
    seen(1), seen(2)
    arrays = seen.arrays()
    assert arrays["iteration"].tolist() == [0, 1, 2]
    for name, shape, dtype in (
            ("z", (5, dim), np.float32), ("reconstruction", (3, 4), np.uint8), ("prior", (16, 4), np.uint8),
            ("manifold", (m**dim, 4), np.uint8), ("samples", (3, 256, dim), np.float32)):
        assert arrays[name].shape == (3,) + shape and arrays[name].dtype == dtype
        np.testing.assert_array_equal(arrays[name][0], arrays[name][2])
    random_state = np.random.RandomState(4)
    x, close = problem.test.intensities, [1, 0, 4]
    z = nets.encode(x, random_state.standard_normal((5, dim)).astype(np.float32))
    np.testing.assert_array_equal(arrays["z"][0], z)
    prior = random_state.standard_normal((16, dim))
    samples = nets.encode(np.repeat(x[close], 256, axis=0), random_state.standard_normal((768, dim)).astype(np.float32))
    np.testing.assert_array_equal(arrays["samples"][0].reshape(-1, dim), samples)
    quantiles = norm.ppf((np.arange(m) + 0.5) / m)
    manifold = quantiles[:, np.newaxis] if dim == 1 else np.array([[a, b] for b in quantiles for a in quantiles])
    for name, of_z in (("reconstruction", z[close]), ("prior", prior), ("manifold", manifold)):
        assert np.abs(arrays[name][0] / 255 - nets.decode(of_z)).max() <= 0.5 / 255 + 1e-6
    axes, density = arrays["density_axes"][0], arrays["density"][0]
    points = axes[0].T if dim == 1 else np.array([[a, b] for b in axes[0, 1] for a in axes[0, 0]])
    p = nets.decode(points).astype(np.float64)
    exact = np.prod(np.where(x[1] == 1, p, 1 - p), axis=1) * norm.pdf(points).prod(axis=1)
    assert density.dtype == np.uint8 and np.abs(density[0] / 255 - exact / exact.max()).max() <= 0.5 / 255 + 1e-5


def test_of_more_dimensions_there_is_no_grid():
    nets = dataclasses.replace(networks(2), latent_dim=3, encode=lambda x, eps: np.pad(eps, ((0, 0), (0, 1))),
                               likelihood=Bernoulli(lambda z: np.full((len(z), 4), 0.5, np.float32)))
    seen = Snapshots(View(nets, dataset([0, 1], ("a", "b")), np.random.RandomState(0)), small_images("digits_vae").training)
    assert set(seen.arrays()) == {"iteration", "z", "reconstruction", "prior"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits_vae", "digits_avb"])
def test_training_is_not_disturbed(name):
    config, monitors = small_images(name, "training.snapshot_every=3"), []
    for with_snapshots in (True, False):
        with opened_model(Experiment.of(config)) as (session, model):
            session.run(model.initialize)
            networks, observers = trainer.array_functions(session, model), []
            if with_snapshots:
                observers.append(Snapshots(View(networks, problem_of(config), np.random.RandomState(0)), config.training))
            monitors.append(trainer.train(session, model, config.training, observers).monitors)
    for key, values in monitors[0].items():
        np.testing.assert_array_equal(values, monitors[1][key])


def test_what_an_earlier_version_saw_less_of_is_dropped():
    problem, training = dataset([0, 1], ("a", "b")), small_images("digits_vae", "training.n_iterations=20").training
    earlier = Snapshots(View(networks(2), problem, np.random.RandomState(0)), training).arrays()
    del earlier["manifold"]
    seen = Snapshots(View(networks(2), problem, np.random.RandomState(0)), training, earlier)
    assert seen.arrays() == {}
    for iteration in (18, 19, 20):
        seen(iteration)
    assert seen.arrays()["iteration"].tolist() == [20]
    longer = small_images("digits_vae", "training.n_iterations=27", "training.snapshot_every=8").training
    seen = Snapshots(View(networks(2), problem, np.random.RandomState(0)), longer, seen.arrays())
    assert seen.arrays() == {}
    for iteration in range(21, 28):
        seen(iteration)
    assert seen.arrays()["iteration"].tolist() == [24, 27]


def test_snapshots_of_many_dimensions_stay_small(monkeypatch):
    config = small_images("digits_vae", "model.latent_dim=32", "training.n_iterations=100", "training.snapshot_every=1")
    n_bytes = 4 * 300 * 32 + 26 * 64  # codes, reconstructions and images of the prior
    monkeypatch.setattr(View, "max_bytes", 10 * n_bytes)
    with opened_model(Experiment.of(config)) as (session, model):
        session.run(model.initialize)
        view = View(experiment.trainer.array_functions(session, model), problem_of(config), np.random.RandomState(0))
        seen = snapshots.Snapshots(view, config.training)
        for iteration in range(1, 101):
            seen(iteration)
    iterations = seen.arrays()["iteration"]
    assert iterations[0] == 0 and iterations[-1] == 100 and 6 <= len(iterations) <= 11
    assert sum(values.nbytes for values in seen.arrays().values()) == (n_bytes + 8) * len(iterations)
