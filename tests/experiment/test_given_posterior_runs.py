"""Whole runs of models of given posteriors: in pieces, what they leave, evaluated again."""

import json

import numpy as np
import pytest
from conjugate_problem import conjugate
from helpers import assert_one_clear_line, call_script, run_script
from posterior_configs import avb, avb_ac, gaussian
from trainings import assert_same, trained, trained_in_pieces

import avb_tf1
from avb_tf1.graph.builder import build_graph
from avb_tf1.tasks.registry import TASKS


@pytest.mark.slow
@pytest.mark.parametrize("config", [avb(), avb_ac(), gaussian("logistic_regression", 2, "full")],
                         ids=["avb", "avb_ac", "gaussian"])
def test_a_run_in_pieces_has_the_same_bits(config, tmp_path):
    model = build_graph(config)
    whole = trained(config, model=model)
    assert_same(whole, trained(config, 4))  # on another graph
    assert_same(whole, trained_in_pieces(config, [5], tmp_path, model))


def test_a_full_gaussian_finds_the_posterior_that_is_one(monkeypatch):
    """Of a linear model the posterior is a Gaussian: nothing is left between the ELBO and the evidence."""
    from avb_tf1.problems.registry import GIVEN_POSTERIORS
    problem, mean, covariance, evidence = conjugate()
    monkeypatch.setitem(GIVEN_POSTERIORS, "banana", problem)
    config = gaussian("banana", 2, "full", "training.n_iterations=1500", "problem.batch_size=256",
                      "training.linear_decay={begin: 0.3, end_factor: 0.01}")
    monitors, (learned_mean, scale), _ = trained(config)
    np.testing.assert_allclose(learned_mean, [mean], atol=0.02)
    assert np.mean(monitors["generator_loss"][-100:]) == pytest.approx(-evidence, abs=0.02)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    metrics, _ = avb_tf1.run_experiment(avb("model.encoder.n_units=64"), str(out))
    assert {name: json.loads((out / "metrics.json").read_text())[name] for name in metrics} == metrics
    return out


@pytest.mark.slow
def test_a_run_leaves_its_numbers_and_figures(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {"log_evidence", "elbo", "elbo_standard_error", "inference_gap", "per_x"} <= set(metrics)
    assert [own["x"] for own in metrics["per_x"]] == ["x = 0", "x = 5", "x = 8", "x = 12", "x = 50"]
    for own, evidence in zip(metrics["per_x"], (-1.4424, -2.7836, -3.4826, -4.2615, -7.2839)):
        assert own["log_evidence"] == pytest.approx(evidence, abs=6e-5)
        assert set(own["marginals"]["z1"]) == {"mean", "standard_deviation", "exact_mean", "exact_standard_deviation",
                                               "wasserstein", "wasserstein_noise_floor"}
    assert metrics["elbo"] == pytest.approx(np.mean([own["elbo"] for own in metrics["per_x"]]))
    for name in TASKS["given_posterior"].figures:
        assert (folder / name).stat().st_size > 5000
    exact = np.load(str(folder / "exact.npz"))
    assert exact["draws"].shape == (5, 5000, 2) and exact["density"].shape == (5, 161, 161)
    cell = np.prod(exact["axes"][:, :, 1] - exact["axes"][:, :, 0], axis=1)
    np.testing.assert_allclose(exact["density"].sum(axis=(1, 2)) * cell, 1, atol=0.01)
    snapshots = np.load(str(folder / "snapshots.npz"))
    assert list(snapshots["iteration"]) == [0, 6, 12] and snapshots["z"].shape == (3, 1280, 2)
    assert np.isfinite(snapshots["inference_gap"]).all()


@pytest.mark.slow
def test_a_run_is_evaluated_again_and_opened(folder):
    result = run_script("evaluate.py", folder)
    assert result.returncode == 0 and "metrics.json has the same numbers" in result.stdout, result.stderr
    assert "x = 50: log_evidence -7.2839" in result.stdout
    with avb_tf1.open_run(str(folder)) as run:
        z = run.sample_posterior(np.arange(5), n=7, seed=0)
        assert z.shape == (5, 7, 2) and run.log_ratio(np.repeat(1, 7), z[1]).shape == (7,)
        np.testing.assert_allclose(run.log_likelihood([0, 4]), [-1.4424, -7.2839], atol=6e-5)
        for call in (lambda: run.decode(z[0]), lambda: run.sample_posterior([5], 1, 0), lambda: run.log_likelihood([0.5])):
            with pytest.raises(ValueError):
                call()


@pytest.mark.slow
def test_what_is_of_images_only_refuses_in_one_line(folder):
    assert_one_clear_line(call_script("evaluate.py", folder, "--ais"), "given posterior")
