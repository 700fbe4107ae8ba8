"""What may happen to a run, done to real training processes: they end with the same bytes or with one clear line."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import (
    LONGER,
    ROOT,
    SMALL,
    SYNTHETIC,
    assert_one_clear_line,
    call_script,
    long,
    run_script,
    set_options,
    slow,
    small,
    take_signals,
)
from shared_runs import finished

from avb_tf1.config.loading import load_config
from avb_tf1.runs import run_folder
from avb_tf1.training import checkpoint

# The full test: AVB_TF1_KILLS=30 python -m pytest tests/scripts/test_faults.py -m slow
N_KILLS = int(os.environ.get("AVB_TF1_KILLS", "2"))
TRAIN = os.path.join(ROOT, "scripts", "train.py")


def start(*arguments):
    return subprocess.Popen([sys.executable, "-u", TRAIN] + [str(argument) for argument in arguments],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                            preexec_fn=take_signals)


def results(folder):
    """The bytes of all that must be the same however often a run was interrupted."""
    names = ["config.yaml", "losses.csv", "latents.npz", "snapshots.npz", "latent_plane.npz", "metrics.json",
             "training_curve.png", "latent_space.png", "reconstructions.png", "latent_space.gif", "checkpoint/checkpoint",
             "checkpoint/model-1500.data-00000-of-00001", "checkpoint/model-1500.index"]
    manifest = json.loads((folder / "checkpoint" / "model-1500.json").read_text())["manifest"]
    assert manifest["legs"][-1]["last"] == 1500  # they tell how long each stretch took
    return dict({name: (folder / name).read_bytes() for name in names}, manifest=dict(manifest, legs=[]))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nothing happened to, and the seconds it took."""
    out = tmp_path_factory.mktemp("faults") / "whole"
    begin = time.time()
    result = run_script("train.py", "--config", SYNTHETIC, "--out", out, "--no-progress", *set_options(LONGER))
    assert result.returncode == 0, result.stderr
    return out, time.time() - begin


def wait_for(condition, process):
    deadline = time.time() + 60
    while not condition():
        assert process.poll() is None and time.time() < deadline, process.communicate()
        time.sleep(0.01)


def has_checkpoint(out):
    return lambda: any(re.match(r"model-\d+\.json", name) for name in os.listdir(str(out / "checkpoint"))
                       ) if (out / "checkpoint").is_dir() else False


def started(out, *more):
    """A training process that has saved its first checkpoint."""
    process = start("--config", SYNTHETIC, "--out", out, "--no-progress", *set_options(LONGER), *more)
    wait_for(has_checkpoint(out), process)
    return process


def resumed(out):
    result = run_script("train.py", "--resume", out, "--no-progress")
    assert result.returncode == 0, result.stderr
    return results(out)


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_bytes(whole, tmp_path):
    folder, seconds = whole
    out = tmp_path / "run"
    rng = random.Random(0)
    kills = 0
    while kills < N_KILLS:
        resume = (out / "config.yaml").exists()
        process = start("--no-progress", *(
            ["--resume", out] if resume else ["--config", SYNTHETIC, "--out", out] + set_options(LONGER)))
        try:
            _, stderr = process.communicate(timeout=rng.uniform(0.1, 1.1) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
            continue
        assert process.returncode == 0, stderr
        assert results(out) == results(folder)
        shutil.rmtree(str(out))
    if not (out / "config.yaml").exists():
        assert run_script("train.py", "--config", SYNTHETIC, "--out", out, *set_options(LONGER)).returncode == 0
    assert resumed(out) == results(folder)
    assert sorted(os.listdir(str(out))) == sorted(os.listdir(str(folder)))


@pytest.mark.parametrize("number, code", [slow(signal.SIGINT, 130), long(signal.SIGTERM, 143), long(signal.SIGHUP, 129)])
def test_a_signal_saves_and_tells_how_to_resume(whole, tmp_path, number, code):
    out = tmp_path / "my run [1]"
    process = started(out)
    process.send_signal(number)
    _, stderr = process.communicate()
    assert process.returncode == code
    match = re.match(r"stopped after iteration (\d+) of \d+; to go on: (.*)\n\Z", stderr)
    assert match, stderr
    assert (out / "checkpoint" / ("model-%s.json" % match.group(1))).exists()
    assert not (out / "metrics.json").exists()
    assert resumed(out) == results(whole[0])


@pytest.mark.long
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(whole, tmp_path):
    out = tmp_path / "run"
    process = started(out)
    wait_for((out / "checkpoint" / "model-150.json").exists, process)
    process.kill()
    process.communicate()
    newest = max((out / "checkpoint").glob("model-*.index"), key=lambda path: int(path.stem.split("-")[1]))
    newest.write_bytes(newest.read_bytes()[:100])
    assert resumed(out) == results(whole[0])


@pytest.mark.long
def test_a_complete_run_resumes_to_itself(whole, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(str(whole[0]), str(out))
    assert resumed(out) == results(whole[0])
    before, after = (json.loads((folder / "timing.json").read_text()) for folder in (whole[0], out))
    assert dict(before, evaluation_seconds=0) == dict(after, evaluation_seconds=0)


def test_another_config_is_refused(tmp_path):
    out = finished(tmp_path / "run", small())
    text, metrics = (out / "config.yaml").read_text(), (out / "metrics.json").read_bytes()
    (out / "config.yaml").write_text(text.replace("latent_dim: 2", "latent_dim: 1"))
    result = call_script("train.py", "--resume", out)
    assert_one_clear_line(result, "model.latent_dim is 2 there and 1 here")
    assert (out / "metrics.json").read_bytes() == metrics


@pytest.mark.slow
def test_a_second_run_into_the_folder_is_refused(tmp_path):
    out = tmp_path / "run"
    process = started(out)
    try:
        assert_one_clear_line(run_script("train.py", "--resume", out), "another run is writing into this folder")
        assert_one_clear_line(call_script("train.py", "--config", SYNTHETIC, "--out", out, "--overwrite"), "another run")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_the_folder_removed_during_a_run(tmp_path):
    out = tmp_path / "run"
    process = started(out)
    shutil.rmtree(str(out), ignore_errors=True)
    shutil.rmtree(str(out), ignore_errors=True)  # a file may have been written meanwhile
    _, stderr = process.communicate()
    assert process.returncode == 1, stderr
    assert stderr.startswith("error: ") and stderr.count("\n") == 1, stderr


def test_a_second_sigint_does_not_wait():
    """In a process that is no script's it raises KeyboardInterrupt; tests/ground/test_command_line.py has a script's."""
    script = ("import sys, time; sys.path.insert(0, %r); from avb_tf1.ground import stopping\n"
              "with stopping.on_signals() as request:\n"
              "    print('ready', flush=True)\n"
              "    try:\n"
              "        while True:  # an iteration that never ends\n"
              "            time.sleep(0.01)\n"
              "            if request.signal_number: print('asked', flush=True)\n"
              "    except KeyboardInterrupt: sys.exit(3)" % ROOT)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == b"asked\n"
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 3


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None or subprocess.run(
    ["unshare", "-rm", "true"], stderr=subprocess.DEVNULL).returncode != 0, reason="can't mount a file system")
def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path):
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    # The event file and the losses in the checkpoints grow until the disk is full.
    script = "mount -t tmpfs -o size=1500k tmpfs '%s'; \"$@\"; code=$?; cp -r '%s' '%s'; exit $code" % (
        disk, disk / "run", kept)
    result = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", sys.executable, TRAIN, "--config", SYNTHETIC, "--out", str(disk / "run"),
         "--no-progress"] + set_options(SMALL + [
             "training.n_iterations=200000", "training.checkpoint_every=50", "training.snapshot_every=1000"]),
        capture_output=True, text=True)
    assert result.returncode == 1, result.stderr
    assert re.match(r"error: [^\n]*: No space left on device\n\Z", result.stderr), result.stderr
    config = load_config(str(kept / "config.yaml"))
    found = checkpoint.latest(str(kept / run_folder.CHECKPOINT), config)
    assert found.iteration > 0 and np.isfinite(found.monitors["generator_loss"]).all()
