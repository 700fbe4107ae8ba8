from types import SimpleNamespace

import numpy as np
import pytest
from helpers import recipe, small, vae_config
from known_models import decoder

from avb_tf1.estimation import quadrature, trained_networks
from avb_tf1.estimation.likelihoods import Bernoulli
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.tensorflow import open_session
from avb_tf1.problems.known_images.four_images import PROBLEM
from avb_tf1.tasks.known_images.view import PLANE_AXIS, View
from avb_tf1.tasks.views import N_SAMPLES
from avb_tf1.training import snapshots, trainer
from avb_tf1.training.snapshots import Snapshots


def trained(config, with_snapshots=True):
    """Train and return the monitors and, if asked for, the snapshots' arrays and the final networks' output on their noise."""
    model = build_graph(config)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        networks = trainer.array_functions(session, model)
        seen = Snapshots(View(networks, PROBLEM, np.random.RandomState(0)), config.training) if with_snapshots else None
        result = trainer.train(session, model, config.training, [seen] if with_snapshots else [])
        x = PROBLEM.images[PROBLEM.labels(4 * N_SAMPLES)]
        eps = np.random.RandomState(0).standard_normal((len(x), networks.noise_dim)).astype(np.float32)
        return result.monitors, seen and seen.arrays(), networks.encode(x, eps)


@pytest.mark.parametrize("config", [small("training.snapshot_every=8"), vae_config("training.snapshot_every=8")],
                         ids=["avb", "vae"])
def test_the_first_every_eighth_and_the_last_are_taken(config):
    _, arrays, last_z = trained(config)
    assert arrays["iteration"].tolist() == [0, 8, 16, 20]
    assert arrays["z"].shape == (4, 4 * N_SAMPLES, 2) and arrays["z"].dtype == np.float32
    np.testing.assert_array_equal(arrays["z"][-1], last_z)
    assert not np.array_equal(arrays["z"][0], arrays["z"][1])
    assert arrays["probabilities"].shape == (4, len(PLANE_AXIS)**2, 4) and arrays["probabilities"].dtype == np.uint8
    assert ("log_ratio" in arrays) == (config.model.kind == "avb") and ("mean" in arrays) == (config.model.kind == "vae")


@pytest.mark.slow
@pytest.mark.parametrize("config", [
    small("training.snapshot_every=1"), vae_config("training.snapshot_every=1"),
    recipe("gdikov_avb_ac", "training.snapshot_every=1", "training.n_iterations=10")],
    ids=["avb", "vae", "avb_ac"])
def test_training_is_not_disturbed(config):
    with_snapshots, without = trained(config)[0], trained(config, with_snapshots=False)[0]
    for name, values in without.items():
        np.testing.assert_array_equal(with_snapshots[name], values)


def test_however_large_they_are_three_are_kept():
    """The first, the middle one and the last: one more than two besides the first would be too many."""
    view = SimpleNamespace(look=lambda: {"z": np.zeros(1000)}, max_bytes=1)
    seen = Snapshots(view, SimpleNamespace(snapshot_every=1, n_iterations=8))
    for iteration in range(1, 9):
        seen(iteration)
    assert seen.arrays()["iteration"].tolist() == [0, 4, 8]


def test_what_was_seen_is_kept_and_gone_on_with():
    networks = trained_networks.Networks(
        2, 2, encode=lambda x, eps: eps, likelihood=Bernoulli(decoder), log_ratio=lambda x, z: z[:, :1])
    training = small("training.n_iterations=2", "training.snapshot_every=1").training
    whole = Snapshots(View(networks, PROBLEM, np.random.RandomState(5)), training)
    whole(1), whole(2)
    first = Snapshots(View(networks, PROBLEM, np.random.RandomState(5)), training)
    first(1)
    second = Snapshots(View(networks, PROBLEM, np.random.RandomState(5)), training, first.arrays())
    second(2)
    for name, values in whole.arrays().items():
        np.testing.assert_array_equal(second.arrays()[name], values)
    second(2)  # the end again, as where a run of which all was done is gone on with
    assert second.arrays()["iteration"].tolist() == [0, 1, 2]
    arrays = whole.arrays()
    points = quadrature.grid(PLANE_AXIS, 2)
    np.testing.assert_array_equal(points[3 * len(PLANE_AXIS) + 7], [PLANE_AXIS[7], PLANE_AXIS[3]])
    assert np.abs(arrays["probabilities"][0] / 255 - decoder(points)).max() <= 0.5 / 255 + 1e-9
    np.testing.assert_array_equal(arrays["log_ratio"], arrays["z"][:, :, 0])


def test_a_long_run_has_snapshots_further_apart_however_often_it_is_resumed(monkeypatch):
    monkeypatch.setattr(snapshots, "MAX_SNAPSHOTS", 4)
    networks = trained_networks.Networks(
        2, 2, encode=lambda x, eps: eps, likelihood=Bernoulli(decoder), log_ratio=lambda x, z: z[:, :1])

    def iterations(n, stops=(), every=2):
        training, done = small("training.n_iterations=%d" % n, every).training, 0
        seen = Snapshots(View(networks, PROBLEM, np.random.RandomState(0)), training)
        for stop in [*stops, n]:
            for iteration in range(done + 1, stop + 1):
                seen(iteration)
            done = stop
            view = View(networks, PROBLEM, np.random.RandomState(0))
            seen = Snapshots(view, small("training.n_iterations=%d" % n, every).training, seen.arrays())
        return seen.arrays()["iteration"].tolist()

    every = "training.snapshot_every=2"
    assert iterations(8, every=every) == [0, 2, 4, 6, 8]
    assert iterations(9, every=every) == [0, 4, 8, 9]
    assert iterations(17, every=every) == iterations(17, (3, 8, 9, 16), every) == [0, 8, 16, 17]
    assert iterations(32, every=every) == [0, 8, 16, 24, 32]


def test_the_end_of_a_run_that_goes_on_is_no_snapshot_of_its_own():
    networks = trained_networks.Networks(
        2, 2, encode=lambda x, eps: eps, likelihood=Bernoulli(decoder), log_ratio=lambda x, z: z[:, :1])
    short, long = (small("training.snapshot_every=2", "training.n_iterations=%d" % n).training for n in (3, 6))
    seen = Snapshots(View(networks, PROBLEM, np.random.RandomState(0)), short)
    for iteration in (1, 2, 3):
        seen(iteration)
    assert seen.arrays()["iteration"].tolist() == [0, 2, 3]
    view = View(networks, PROBLEM, np.random.RandomState(0))
    assert Snapshots(view, long, seen.arrays()).arrays()["iteration"].tolist() == [0, 2]
