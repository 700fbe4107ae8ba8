"""The benchmark: that it measures what it says. No time is asserted."""

import os
import runpy
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT, SMALL, SYNTHETIC, run_script

from avb_tf1.config.loading import load_config
from avb_tf1.reproduction import benchmark, peers, time_to_pass


@pytest.mark.slow
def test_the_trainer_and_its_bare_graph_are_timed_in_turn(capfd):
    found = benchmark.SIDES["package"](benchmark.N_PER_BLOCK, SYNTHETIC, SMALL)
    assert set(found) == {"first_iteration", "rate", "cpu_ms", "peak_mb", "bare"} and set(found["bare"]) == {"rate", "cpu_ms"}
    assert all(value > 0 for value in [*found["bare"].values(), found["rate"], found["cpu_ms"]])


def test_memory_is_that_of_the_process_itself():
    """Though the one that starts it holds far more."""
    held = bytearray(300 * 2 ** 20)
    code = "import avb_tf1.reproduction.benchmark as own; before = own.peak_mb(); own.held = bytearray(100 * 2 ** 20); " \
           "print(before, own.peak_mb())"
    printed = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, cwd=ROOT).stdout
    before, after = map(float, printed.split())
    assert before < len(held) / 2 ** 20 and 95 < after - before < 110


def test_the_peers_have_the_tutorials_sizes():
    module, config = runpy.run_path(os.path.join(ROOT, "benchmarks", "peers.py")), load_config(SYNTHETIC)
    model, training = config.model, config.training
    assert (module["BATCH"], module["NOISE_DIM"], module["LATENT_DIM"], module["MARGIN"]) == (
        config.batch_size, model.encoder.noise_dim, model.latent_dim, model.decoder.probability_margin)
    for name, sizes in module["LAYERS"].items():
        assert list(sizes[1:-1]) == getattr(model, name).hidden_sizes
    for name, rate in module["RATES"].items():
        optimizer = getattr(training, name)
        assert (rate, module["BETA1"], module["BETA2"], module["EPSILON"]) == (
            optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.epsilon)
    assert set(module["PEERS"]) == set(peers.NAMES)


@pytest.mark.slow
def test_peers_are_left_out_with_a_line_where_there_is_no_python_for_them(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "_ENVIRONMENT", str(tmp_path / "environment"))
    monkeypatch.setattr(peers, "_INTERPRETERS", ("no-such-python", sys.executable))
    assert peers.environment() == (None, "no Python 3.11 or later")
    monkeypatch.setattr(peers, "_is_new_enough", lambda name: name == sys.executable)
    monkeypatch.setattr(peers, "_FOLDER", str(tmp_path))
    python, why_not = peers.environment()
    assert python is None and "failed: " in why_not and "requirements-peers.txt" in why_not


def test_a_config_that_never_passes_says_so():
    found = time_to_pass.measure(SYNTHETIC, SMALL + ["training.n_iterations=3"])
    assert found["iterations"] is None and found["seconds"] > 0 and found["cpu_seconds"] > 0


@pytest.mark.slow
def test_training_ends_when_every_column_is_passed(monkeypatch):
    published = {name: own.value for name, own in time_to_pass.TABLE_1["AVB"].items()}
    better = dict(log_likelihood=-1.40, reconstruction_error=0.005, elbo=-1.42, kl_marginal_prior=0.02)

    def passed(metrics):
        likelihoods = np.full(4, metrics["log_likelihood"])
        monkeypatch.setattr(time_to_pass.quadrature, "log_likelihood", lambda *_: likelihoods)
        monkeypatch.setattr(time_to_pass.measures, "evaluate", lambda *_: metrics)
        return time_to_pass.measure(SYNTHETIC, SMALL + ["training.n_iterations=80"])["iterations"]

    assert passed(better) == 2  # the first look
    assert [passed(dict(better, **{name: published[name]})) for name in better] == [None] * 4


def test_a_table_of_multiples_of_a_loop():
    ran = [{"iterations": 30, "seconds": 4.0, "cpu_seconds": 6.0}, {"iterations": None, "seconds": 9.0, "cpu_seconds": 9.0},
           {"iterations": 50, "seconds": 2.0, "cpu_seconds": 3.0}]
    never = [dict(own, iterations=None) for own in ran]
    loops = {"a loop": [{"rate": 100.0, "cpu_ms": 15.0}, {"rate": 1.0, "cpu_ms": 1.0}, {"rate": 50.0, "cpu_ms": 30.0}]}
    head, _, first, second = time_to_pass.table({"x": ran, "y": never}, loops, 200)
    assert "times of 200 iterations of a loop | CPU times of 200 iterations of a loop" in head
    assert first == ("| x | 2 of 3 | 40 (30 to 50) | 3.0 (2.0 to 4.0) | 4.5 (3.0 to 6.0) | 1.25 (0.50 to 2.00) | "
                     "1.25 (0.50 to 2.00) |")
    assert second == "| y | 0 of 3 |  |  |  |  |  |"


@pytest.mark.slow
def test_what_the_benchmark_refuses():
    for arguments, what in ((["--turns", "0"], "--turns and --iterations must be at least 1"),
                            (["--set", "data.batch_size=0"], "data.batch_size"),
                            (["--time-to-pass", "nowhere.yaml"], "nowhere.yaml"),
                            (["--time-to-pass", SYNTHETIC, "--seeds", "-1"], "seed"),
                            (["--time-to-pass", os.path.join(ROOT, "configs", "posteriors", "banana.yaml")],
                             "only models of the four images with latent_dim 1 or 2")):
        result = run_script("benchmark.py", *arguments)
        assert result.returncode == 2 and what in result.stderr and "Traceback" not in result.stderr
