"""Sweeps on real Ray clusters: the runs are those of scripts/train.py, whatever happens to workers, driver and machines."""

import contextlib
import csv
import json
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from helpers import ROOT, SMALL, SYNTHETIC, assert_one_clear_line, call_script, long, run_script, set_options, slow

from avb_tf1 import __version__
from avb_tf1.config.loading import to_yaml
from avb_tf1.experiment import run as experiment
from avb_tf1.ground import cpu, stopping
from avb_tf1.ground.errors import InputError
from avb_tf1.problems.known_images.four_images import TABLE_1_METRICS
from avb_tf1.runs import metrics_file, provenance, run_folder
from avb_tf1.sweep import plan
from avb_tf1.tasks.known_images.measures import METRICS

driver = pytest.importorskip("avb_tf1.sweep.driver")

SWEEP = os.path.join(ROOT, "scripts", "sweep.py")
RAY = os.path.join(os.path.dirname(sys.executable), "ray")
LONG = SMALL + ["training.n_iterations=1500", "training.checkpoint_every=50"]
SAME = ("losses.csv", "latents.npz", "snapshots.npz", "metrics.json", "latent_space.png", "config.yaml")


def sweep(out, *arguments, overrides=SMALL, seeds="0-1", run=run_script):
    return run("sweep.py", "--config", SYNTHETIC, "--seeds", seeds, "--out", out, *arguments, *set_options(overrides))


def results(folder):
    return {name: (folder / name).read_bytes() for name in SAME}


def rows(out):
    with open(str(out / "summary.csv")) as file:
        return list(csv.DictReader(file))


def folder_of(out, seed):
    """The run folder with that seed; the overrides, all of one value, are no part of its name."""
    return out / ("synthetic_seed_%d" % seed)


def workers(process):
    """Process numbers of the Ray workers that a sweep, a subprocess.Popen, has in a run: no other sweep's on this machine."""
    name = b"ray::" + driver.worker.run_one._function.__name__.encode()
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError), open("/proc/%d/cmdline" % pid, "rb") as file:
            if file.read().startswith(name) and parent(parent(pid)) == process.pid:  # raylet is between the two
                found.append(pid)
    return found


def parent(pid):
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"^PPid:\s*(\d+)", file.read(), re.MULTILINE).group(1))


def wait_for(condition, seconds=120):
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A run folder made by scripts/train.py, with seed 1."""
    out = tmp_path_factory.mktemp("alone") / "run"
    result = run_script("train.py", "--config", SYNTHETIC, "--out", out, "--no-progress", *set_options(
        LONG + ["seed=1", "runtime.inter_op_threads=1"]))
    assert result.returncode == 0, result.stderr
    return out


@pytest.mark.slow
def test_a_sweep_with_a_run_that_fails(tmp_path):
    out = tmp_path / "out"
    result = sweep(out, "--set", "training.generator.learning_rate=1,1e-6", seeds="0", overrides=SMALL + [
        "model.decoder.n_hidden_layers=12", "model.decoder.probability_margin=0", "training.n_iterations=100"])
    assert_one_clear_line(result, "1 of 2 runs failed", "is not finite at iteration", code=3)
    failed, done = rows(out)
    assert (failed["status"], failed["training.generator.learning_rate"]) == ("failed", "1")
    assert "is not finite at iteration" in failed["reason"]
    assert (done["status"], done["reason"]) == ("done", "") and float(done["log_likelihood"]) < -1.38
    with open(str(out / "sweep.json")) as file:
        state = json.load(file)
    assert [run["status"] for run in state["runs"]] == [row["status"] for row in rows(out)] and not state["is_going_on"]
    report = (out / "report.html").read_text()
    assert "is not finite at iteration" in report and "scripts/sweep.py --config" in report
    assert report.count("/report.html\"") == 1  # of the run that was done


def test_what_a_stopped_sweep_leaves_claims_to_be_running_nowhere(tmp_path, monkeypatch):
    def stopped(waiting, records, out, command, *_):
        first, second, third = records.values()
        first.fail("a reason")
        second.reach(3)
        driver.results.write_results(out, command, records, is_going_on=True)
        assert [row["status"] for row in rows(tmp_path)] == ["failed", "running", "waiting"]
        raise stopping.Stopped(signal.SIGINT, "stopped")

    monkeypatch.setattr(driver.cluster, "joined", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(driver, "_run_all", stopped)
    (tmp_path / ".writing-abc_1234-sweep.json").write_text("half")  # of a sweep that was killed
    with pytest.raises(stopping.Stopped):
        driver.run_sweep(plan.plan([SYNTHETIC], "0-2", []), str(tmp_path), "command", None, 0, show_progress=False)
    assert not list(tmp_path.glob(".writing-*"))
    assert [row["status"] for row in rows(tmp_path)] == ["failed", "stopped", "not begun"]
    assert "Runs: 1 stopped, 1 not begun, 1 failed." in (tmp_path / "report.html").read_text()


def test_what_an_earlier_sweep_left_of_a_run_counts_as_begun_and_as_kept(tmp_path):
    run, = plan.plan([SYNTHETIC], "0", [])
    folder = tmp_path / run.name
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "config.yaml").write_text(to_yaml(run.config))
    (folder / "checkpoint" / "model-5.json").write_text("{}")
    record = driver.results.Record(run)
    assert driver.results.look_for_results(str(folder), record, evaluate_again=True) == []
    record.reach(9)
    assert (record.n_kept, record.iteration) == (5, 9)
    record = driver.results.Record(run)
    driver.results.look_for_results(str(folder), record, evaluate_again=True)
    record.stop()
    assert record.status == "stopped"


def test_going_on_on_another_kind_of_cpu_is_told_in_one_line(tmp_path, monkeypatch, capsys):
    runs = plan.plan([SYNTHETIC], "0-2", [])
    kinds = [{"cpu_model": "Another CPU", "instruction_set": "avx2"}, cpu.facts()]
    for run, leg in zip(runs, kinds):
        folder = tmp_path / run.name
        (folder / "checkpoint").mkdir(parents=True)
        (folder / "config.yaml").write_text(to_yaml(run.config))
        (folder / "checkpoint" / "model-5.json").write_text(json.dumps({"manifest": {"legs": [leg]}}))
    (tmp_path / runs[1].name / "checkpoint" / "model-9.json").write_text("damaged")
    monkeypatch.setattr(driver.cluster, "joined", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(driver, "_run_all", lambda *_: None)
    driver.run_sweep(runs, str(tmp_path), "command", None, 0, show_progress=False)
    line, = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: %s: trained in part on Another CPU (avx2); this is " % tmp_path)
    driver.run_sweep(runs[1:], str(tmp_path), "command", None, 0, show_progress=False)
    assert capsys.readouterr().err == ""


def test_bad_input_is_refused_before_anything_starts(tmp_path):
    assert_one_clear_line(sweep(tmp_path / "out", seeds="3-1"), "--seeds 3-1")
    assert_one_clear_line(sweep(tmp_path / "out", "--set", "training.n_iteration=1,2", run=call_script), "did you mean")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("mine")
    assert_one_clear_line(sweep(tmp_path / "file", run=call_script), "file")
    assert (tmp_path / "file").read_text() == "mine"
    for name in ("summary.csv", "report.html"):
        folder = tmp_path / name.split(".")[0]
        folder.mkdir()
        (folder / name).write_text("mine")
        assert_one_clear_line(sweep(folder, run=call_script), "summary.csv or report.html that is no sweep's")
        assert (folder / name).read_text() == "mine"


@pytest.mark.slow
def test_one_and_two_workers_make_the_runs_of_train_py(alone, tmp_path):
    for n_workers in (1, 2):
        out = tmp_path / str(n_workers)
        result = sweep(out, "--workers", n_workers, overrides=LONG)
        assert result.returncode == 0 and result.stderr == "", result.stderr
        assert results(folder_of(out, 1)) == results(alone)
    assert results(folder_of(tmp_path / "1", 0)) == results(folder_of(tmp_path / "2", 0))
    assert [row["status"] for row in rows(out)] == ["done", "done"]
    with open(str(alone / "metrics.json")) as file:
        assert float(rows(out)[1]["log_likelihood"]) == json.load(file)["log_likelihood"]
    # Started again there is nothing to do, and nothing is touched.
    before = os.stat(str(folder_of(out, 0) / "metrics.json")).st_mtime_ns
    result = sweep(out, overrides=LONG)
    assert result.returncode == 0 and "2 done, 0 to go" in result.stdout
    assert os.stat(str(folder_of(out, 0) / "metrics.json")).st_mtime_ns == before


@pytest.mark.parametrize("number", [slow(signal.SIGKILL), long(signal.SIGTERM)])
def test_a_killed_worker_is_replaced_and_its_run_goes_on(alone, tmp_path, number):
    out = tmp_path / "out"
    process = start_sweep(out)
    wait_for(lambda: list(out.glob("*_seed_1/checkpoint/model-*.json")))
    killed = workers(process)
    assert len(killed) == 2
    for pid in killed:
        os.kill(pid, number)
    wait_for(lambda: len(workers(process)) == 2 and not set(workers(process)) & set(killed))
    _, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert results(folder_of(out, 1)) == results(alone)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_sweep_that_was_ended_goes_on_when_it_is_started_again(alone, tmp_path, number):
    out = tmp_path / "out"
    process = start_sweep(out)
    wait_for(lambda: list(out.glob("*_seed_1/checkpoint/model-*.json")))
    assert run_script("report.py", out).returncode == 0
    with open(str(out / "sweep.json")) as file:
        assert json.load(file)["is_going_on"]
    process.send_signal(number)
    _, stderr = process.communicate()
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert stderr == "stopped; the same command goes on with the sweep\n"
        with open(str(out / "sweep.json")) as file:
            assert [run["status"] for run in json.load(file)["runs"]] == ["stopped"] * 2
        assert "Runs: 2 stopped." in (out / "report.html").read_text()
    assert "No run is done." in (out / "report.html").read_text()
    result = sweep(out, overrides=LONG)  # at once: workers of the cluster that the driver had started may still be alive
    assert result.returncode == 0, result.stderr
    assert results(folder_of(out, 1)) == results(alone)
    assert "Runs: 2 done." in (out / "report.html").read_text()


@pytest.mark.long
def test_a_sweep_that_is_stopped_before_the_first_checkpoint_saves_one_of_each_run(tmp_path):
    out = tmp_path / "out"
    process = start_sweep(out, overrides=LONG + ["training.n_iterations=100000", "training.checkpoint_every=100000"])
    wait_for(lambda: len(list(out.glob("*/tensorboard/*"))) == 2)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert len(list(out.glob("*/checkpoint/model-*.json"))) == 2


def start_sweep(out, *arguments, overrides=LONG):
    return subprocess.Popen(
        [sys.executable, SWEEP, "--config", SYNTHETIC, "--seeds", "0-1", "--out", str(out), *arguments,
         *set_options(overrides)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


def n_nodes(port):
    """How many nodes the cluster at the port has; 0 if there is none."""
    status = subprocess.run([RAY, "status", "--address=127.0.0.1:%d" % port], capture_output=True, text=True).stdout
    return len(re.findall(r"\bnode_[0-9a-f]{20,}", status))


@pytest.mark.parametrize("shared_disk", [long(True), slow(False)])
def test_an_existing_cluster_of_two_nodes(alone, tmp_path, shared_disk):
    """Two nodes on this machine; without a shared disk, each sees an empty folder where the driver has the sweep's."""
    out, port = tmp_path / "disk" / "out", 6390 + shared_disk
    out.parent.mkdir()
    hide = [] if shared_disk else ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(out.parent)]
    if hide and subprocess.run(hide + ["true"], capture_output=True).returncode:
        pytest.skip("this user can't make mount namespaces")
    nodes = []
    try:
        for node in (["--head", "--port=%d" % port, "--include-dashboard=false"], ["--address=127.0.0.1:%d" % port]):
            nodes.append(subprocess.Popen(
                hide + [RAY, "start", "--block", "--num-cpus=1", "--object-store-memory=100000000"] + node,
                env=dict(os.environ, PYTHONPATH=ROOT, RAY_USAGE_STATS_ENABLED="0"), start_new_session=True,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            wait_for(lambda: n_nodes(port) == len(nodes))
        result = sweep(out, "--address", "127.0.0.1:%d" % port, overrides=LONG)
    finally:
        for node in reversed(nodes):
            node.terminate()
            node.wait()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGKILL)
    assert result.returncode == 0, result.stderr
    assert results(folder_of(out, 1)) == results(alone)
    assert not [name for name in os.listdir(str(out)) if name.startswith(".")]


@pytest.mark.slow
def test_a_worker_that_reports_keeps_its_core(monkeypatch):
    """Two runs, one core, and a board that answers late: the second begins when the first has ended."""
    ray = driver.ray
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))

    class Late:
        def report(self, name, iteration):
            time.sleep(0.2)
            return False

    def train(board):
        begin = time.time()
        report = driver.worker._Reporter(board, "name", 0)
        while time.time() < begin + 3:
            report(1, None)
            time.sleep(0.001)
        return begin, time.time()

    with driver.cluster.joined(None, 1):
        board = ray.remote(num_cpus=0)(Late).remote()
        run_one = ray.remote(num_cpus=1)(train)
        (_, end), (begin, _) = sorted(ray.get([run_one.remote(board) for _ in range(2)]))
    assert begin >= end


@pytest.mark.parametrize("address", [slow("127.0.0.1:1"), "nowhere", "127.0.0.1:123456", "no.such.host.invalid:6379"])
def test_no_cluster_at_the_address(tmp_path, address):
    run = run_script if address == "127.0.0.1:1" else call_script
    assert_one_clear_line(sweep(tmp_path / "out", "--address", address, run=run), "--address " + address)


def test_a_port_that_never_answers(monkeypatch):
    monkeypatch.setattr(driver.cluster, "ADDRESS_SECONDS", 1)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(10)
        with pytest.raises(InputError, match="no Ray cluster there: no answer in 1 s"):
            driver.cluster.require_cluster("127.0.0.1:%d" % listener.getsockname()[1])


def test_no_config_is_dropped(tmp_path):
    result = sweep(tmp_path / "out", "--config", tmp_path / "absent.yaml", run=call_script)
    assert_one_clear_line(result, "absent.yaml")
    assert_one_clear_line(call_script("sweep.py", "--config", tmp_path / "absent.yaml", "--config", SYNTHETIC, "--seeds", "0",
                                     "--out", tmp_path / "out"), "absent.yaml")


@pytest.mark.parametrize("config", [SYNTHETIC, os.path.join(ROOT, "configs", "posteriors", "your_own_model.yaml")])
def test_a_worker_of_another_version_says_so_whatever_a_config_is_made_of_there(config, tmp_path, monkeypatch):
    run, = plan.plan([config], "0", [])
    sent = []
    with monkeypatch.context() as patch:
        patch.setattr(driver.worker.run_one, "remote", lambda *arguments: sent.append(arguments) or "reference")
        patch.setattr(driver.ray, "wait", lambda references, **_: ([], references))
        request = SimpleNamespace(signal_number=None)

        def stop(*_, **__):
            request.signal_number = 15
            return {}

        board = SimpleNamespace(read=SimpleNamespace(remote=lambda: None))
        patch.setattr(driver.worker.Board, "options", lambda **_: SimpleNamespace(remote=lambda: board))
        patch.setattr(driver.ray, "get", stop)
        patch.setattr(driver, "_stop", lambda *_: None)
        progress = SimpleNamespace(is_due=lambda: False)
        driver._run_all([run], {run.name: driver.results.Record(run)}, str(tmp_path), "", "token", progress, request)
    (name, texts, *rest), = sent
    assert (name, texts) == (run.name, run_folder.texts_of(run.config))
    # Nothing that is sent is of a class of this package: a worker that lacks it could not say which version it has.
    assert b"avb_tf1." not in pickle.dumps((texts, rest[:3]))
    assert driver.worker._config_of(texts).tree() == run.config.tree()
    code, arguments = provenance.code(), ("run", {"config.yaml": "of another version"}, str(tmp_path), "token")
    other = driver.worker.run_one._function(*arguments, dict(code, avb_tf1="0.9"), None)
    assert other == (None, "avb_tf1 %s is installed on the worker, 0.9 here" % __version__, None)
    other = driver.worker.run_one._function(*arguments, dict(code, evaluation_code="1"), None)
    assert other == (None, "the worker has other code of avb_tf1 %s than what started the sweep" % __version__, None)


def test_a_run_folder_in_use_is_waited_for(tmp_path, monkeypatch):
    run, = plan.plan([SYNTHETIC], "0", [])
    folder = str(tmp_path / "run")
    holding = contextlib.ExitStack()
    holding.enter_context(run_folder.held(folder))
    monkeypatch.setattr(driver.worker.time, "sleep", lambda _: holding.close())
    monkeypatch.setattr(experiment, "_run", lambda parts, *_: ({"seed": parts.config.seed}, {}))
    assert driver.worker._trained(folder, run.config, None) == {"seed": 0}

    monkeypatch.setattr(driver.worker, "HELD_SECONDS", -1)
    with run_folder.held(folder), pytest.raises(InputError, match="another run is writing into this folder, and has been for"):
        driver.worker._trained(folder, run.config, None)


def test_a_run_folder_that_can_not_be_read_fails_alone(tmp_path, capsys):
    runs = plan.plan([SYNTHETIC], "0-2", [])
    metrics = {name: -1.5 if METRICS[name].is_higher_better else 1.5 for name in TABLE_1_METRICS}
    content = json.dumps(metrics_file.with_made_by(metrics, runs[2].config, []))
    for run, config, metrics in zip(runs, ("a: b: c", to_yaml(runs[1].config), to_yaml(runs[2].config)),
                                    ("{}", "{", content)):
        (tmp_path / run.name).mkdir()
        (tmp_path / run.name / "config.yaml").write_text(config)
        (tmp_path / run.name / "metrics.json").write_text(metrics)
    with pytest.raises(driver.SweepFailed, match="2 of 3 runs failed, the first: synthetic_seed_0: .*not a valid config"):
        driver.run_sweep(runs, str(tmp_path), "command", None, 1, show_progress=False)
    assert [row["status"] for row in rows(tmp_path)] == ["failed", "failed", "done"]
    assert "metrics.json: can't be read" in rows(tmp_path)[1]["reason"]
    assert "1 run done, 2 failed" in capsys.readouterr().out
    (tmp_path / runs[2].name / "config.yaml").write_text(to_yaml(runs[1].config))
    with pytest.raises(InputError, match="seed is 1 there and 2 here"):
        driver.run_sweep(runs, str(tmp_path), "command", None, 1, show_progress=False)


def test_an_archive_takes_only_the_place_of_an_unfinished_run(tmp_path):
    run, = plan.plan([SYNTHETIC], "0", [])
    finished, folder = tmp_path / "finished", tmp_path / "folder"
    (finished / "checkpoint").mkdir(parents=True)
    for name in ("config.yaml", "metrics.json", "checkpoint/model-9.json"):
        (finished / name).write_text("new")
    archive = driver.worker._packed(str(finished))

    (folder / "checkpoint").mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        driver.worker.unpack(archive, str(folder), run_folder.texts_of(run.config))
    assert sorted(os.listdir(str(folder))) == ["checkpoint", "notes.txt"]

    for name in ("config.yaml", "checkpoint/model-3.json"):
        (folder / name).write_text(to_yaml(run.config))
    driver.worker.unpack(archive, str(folder), run_folder.texts_of(run.config))
    assert sorted(os.listdir(str(folder))) == ["checkpoint", "config.yaml", "metrics.json", "notes.txt"]
    assert os.listdir(str(folder / "checkpoint")) == ["model-9.json"]
    assert (folder / "notes.txt").read_text() == "mine" and (folder / "metrics.json").read_text() == "new"


def test_what_is_measured_after_its_last_iteration_is_told_apart():
    run = SimpleNamespace(config=SimpleNamespace(training=SimpleNamespace(n_iterations=20)))
    states = [("done", 20), ("running", 20), ("running", 20), ("running", 19), ("waiting", 0), ("failed", 3)]
    records = {number: SimpleNamespace(status=status, iteration=iteration, run=run)
               for number, (status, iteration) in enumerate(states)}
    assert driver._in_words(records) == "runs 1/6 done, 1 training, 2 being measured, 1 failed"
