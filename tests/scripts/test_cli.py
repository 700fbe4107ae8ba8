"""scripts/train.py as a user runs it: in a process of its own, from another folder."""

import glob
import json
import os
import pty
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from helpers import ROOT, SMALL, SYNTHETIC, assert_one_clear_line, call_script, run_script, set_options
from pictures import pixels
from PIL import Image

from avb_tf1.config.loading import load_config
from avb_tf1.experiment import reevaluation
from avb_tf1.experiment.run import opened_run
from avb_tf1.ground import files, seeds
from avb_tf1.ground.tensorflow import tf
from avb_tf1.plotting import training_curve
from avb_tf1.problems.known_images.four_images import OPTIMUM
from avb_tf1.tasks.known_images import figures

TRAIN = os.path.join(ROOT, "scripts", "train.py")
SAME_EACH_TIME = ("config.yaml", "losses.csv", "latents.npz", "snapshots.npz", "latent_plane.npz", "metrics.json",
                  "latent_space.png", "latent_space.gif", "training_curve.png")


def content(folder, name):
    with open(str(folder / name), "rb") as file:
        return file.read()


def losses(folder):
    return np.loadtxt(str(folder / "losses.csv"), delimiter=",", skiprows=1)


def test_output_is_what_a_user_wants_to_read(tutorial_run):
    out, result = tutorial_run
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Training synthetic (avb, seed 0) for 600 iterations of batch 512")
    assert any(line.startswith("iteration 600/600  generator ") for line in lines)
    assert len([line for line in lines if line.endswith("(mean of the last 100 iterations)")]) == 2
    for word in ("generator_loss", "1.3863", "discriminator_loss", "0.6255", "reconstruction_error", "iterations per second",
                 str(out / "latent_space.png")):
        assert word in result.stdout


def test_losses_csv(tutorial_run):
    out, _ = tutorial_run
    lines = content(out, "losses.csv").decode().splitlines()
    assert lines[0] == "iteration,generator_loss,discriminator_loss"
    table = losses(out)
    np.testing.assert_array_equal(table[:, 0], np.arange(1, 601))
    # Nine significant digits give each float32 back.
    reader = tf.train.load_checkpoint(str(out / "checkpoint"))
    assert reader.has_tensor("encoder/hidden_1/weights")
    monitors = np.load(str(out / "checkpoint" / "model-600.monitors.npz"), allow_pickle=False)
    np.testing.assert_array_equal(np.float32(table[:, 1]), monitors["generator_loss"])
    np.testing.assert_array_equal(np.float32(table[:, 2]), monitors["discriminator_loss"])


def test_losses_approach_their_optima(tutorial_run):
    table = losses(tutorial_run[0])
    assert table[0, 1] > 2.5 and 1.3 < table[0, 2] < 1.5
    assert 1.3 < table[-50:, 1].mean() < 1.8
    assert 0.6 < table[-50:, 2].mean() < 0.85


def test_latents(tutorial_run):
    with np.load(str(tutorial_run[0] / "latents.npz"), allow_pickle=False) as latents:
        assert sorted(latents.files) == ["label", "z"]
        assert (latents["z"].dtype, latents["z"].shape) == (np.float32, (5120, 2))
        assert latents["label"].dtype.kind == "i"
        np.testing.assert_array_equal(np.bincount(latents["label"]), [1280] * 4)


def test_metrics_and_timing(tutorial_run):
    out, _ = tutorial_run
    text = content(out, "metrics.json").decode()
    metrics = json.loads(text)
    assert list(metrics) == sorted(metrics)
    table = losses(out)
    assert metrics["generator_loss"] == pytest.approx(table[-100:, 1].mean(), rel=1e-6)
    assert metrics["discriminator_loss"] == pytest.approx(table[-100:, 2].mean(), rel=1e-6)
    assert 0.7 < metrics["classification_accuracy"] <= 1
    assert 0 < metrics["reconstruction_error"] < 0.2
    assert metrics["elbo"] <= metrics["log_likelihood"] + 3 * metrics["elbo_standard_error"]
    timing = json.loads(content(out, "timing.json").decode())
    assert timing["iterations_per_second"] == pytest.approx(600 / timing["seconds"])
    assert {"python", "tensorflow", "tensorflow_probability", "numpy", "cpu_model", "intra_op_threads",
            "inter_op_threads"} <= set(timing)


def test_figures_show_the_runs_own_numbers(tutorial_run, tmp_path):
    """tests/tasks/known_images/test_figures.py looks at what each kind of figure shows of the arrays that it is given."""
    out, images = tutorial_run[0], np.eye(4).reshape(4, 2, 2)
    latents, seen = (files.read_arrays(str(out / name)) for name in ("latents.npz", "snapshots.npz"))
    z, labels = latents["z"], latents["label"]
    with opened_run(str(out)) as (_, _, networks):
        means = [networks.decode(z[labels == label]).mean(axis=0) for label in range(4)]
        prior = networks.decode(np.float32(seeds.stream(0, "prior images").standard_normal((16, 2))))
    table = losses(out)
    training_curve.draw(str(tmp_path / "training_curve.png"), {
        "generator_loss": table[:, 1], "discriminator_loss": table[:, 2]},
        {"generator_loss": 2 * np.log(2), "discriminator_loss": OPTIMUM["discriminator_loss"].value})
    figures.latent_space(str(tmp_path / "latent_space.png"), z, labels, images)
    figures.reconstructions(str(tmp_path / "reconstructions.png"), images, np.reshape(means, (4, 2, 2)),
                            prior.reshape(16, 2, 2))
    for name in ("training_curve.png", "latent_space.png", "reconstructions.png"):
        np.testing.assert_allclose(pixels(out / name), pixels(tmp_path / name), atol=2)  # sums in another order
    with Image.open(str(out / "latent_space.gif")) as movie:
        assert movie.n_frames == len(seen["iteration"]) == 13


def test_checkpoint(tutorial_run):
    reader = tf.train.load_checkpoint(str(tutorial_run[0] / "checkpoint"))
    shapes = reader.get_variable_to_shape_map()
    assert all(name.startswith(("encoder/", "decoder/", "discriminator/")) for name in shapes)
    assert len([name for name in shapes if "Adam" not in name and "adam" not in name]) == 18


def test_tensorboard(tutorial_run):
    path, = glob.glob(str(tutorial_run[0] / "tensorboard" / "*"))
    steps = {}
    for event in tf.train.summary_iterator(path):
        for value in event.summary.value:
            steps.setdefault(value.tag, []).append((event.step, value.simple_value))
    assert sorted(steps) == ["discriminator_loss", "generator_loss", "kl_discriminator", "reconstruction_log_likelihood"]
    table = losses(tutorial_run[0])
    assert [step for step, _ in steps["generator_loss"]] == [1] + list(range(10, 601, 10))
    for step, value in steps["generator_loss"]:
        assert value == np.float32(table[step - 1, 1])


@pytest.mark.long
def test_a_run_is_calibrated_by_a_command(tutorial_run, tmp_path):
    result = call_script("evaluate.py", tutorial_run[0], "--calibration", "200")
    assert result.returncode == 0, result.stderr
    *_, first, second, band, distance = result.stdout.splitlines()
    for line, name in ((first, "z1: "), (second, "z2: ")):
        assert line.startswith(name) and sum(map(int, line[len(name):].split())) == 200
    assert "but for 1 of 100 calibrations" in band and distance.startswith("The distance of the ranks from uniform ones is 0.")
    assert_one_clear_line(call_script("evaluate.py", tutorial_run[0], "--calibration", "99"), "must be from 100 to 1000000")
    assert_one_clear_line(call_script("evaluate.py", tutorial_run[0], "--calibration", "200", "--ais"), "takes no other option")
    assert_one_clear_line(call_script("evaluate.py", tmp_path, "--calibration", "200"), "not a run folder")


@pytest.mark.slow
def test_evaluation_from_the_checkpoint_alone_gives_the_same_numbers(tutorial_run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(str(tutorial_run[0]), str(copy))
    (copy / "losses.csv").unlink()
    (copy / "latents.npz").unlink()
    result = run_script("evaluate.py", copy)
    assert result.returncode == 0, result.stderr
    assert "metrics.json has the same numbers" in result.stdout
    expected = content(copy, "metrics.json")
    with pytest.raises(reevaluation.OtherNumbers) as caught:
        reevaluation.require_same_numbers("PATH", {"elbo": None, "a": 1.0}, {"elbo": -1.25, "a": 1.0})
    assert str(caught.value) == "PATH: elbo is null there and -1.25 here; scripts/evaluate.py --write replaces it"
    assert caught.value.exit_code == 1
    (copy / "metrics.json").unlink()
    assert_one_clear_line(run_script("evaluate.py", copy), "the run is not finished", "--resume")
    (copy / "metrics.json").write_text("{}")
    result = run_script("evaluate.py", copy, "--write")
    assert result.returncode == 0 and "report.html still has the numbers of before" in result.stdout  # without losses.csv
    assert content(copy, "metrics.json") == expected
    assert_one_clear_line(run_script("evaluate.py", tmp_path), "not a run folder")
    (tmp_path / "config.yaml").write_text("a: 1\n")
    assert_one_clear_line(run_script("evaluate.py", tmp_path), 'unknown key "a"')


@pytest.mark.long
def test_the_folders_config_repeats_the_run(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    assert run_script("train.py", "--config", SYNTHETIC, "--out", first, "--no-progress", *set_options(SMALL)).returncode == 0
    repeat = ["--config", first / "config.yaml", "--set", "runtime.inter_op_threads=1"]
    assert run_script("train.py", *repeat, "--out", second, "--no-progress").returncode == 0
    for name in SAME_EACH_TIME[1:]:
        assert content(first, name) == content(second, name), name
    assert load_config(str(first / "config.yaml"), ["runtime.inter_op_threads=1"]) == load_config(str(second / "config.yaml"))

    before = {name: content(first, name) for name in SAME_EACH_TIME}
    refused = run_script("train.py", *repeat, "--out", first)
    assert_one_clear_line(refused, first, "--overwrite")
    assert {name: content(first, name) for name in SAME_EACH_TIME} == before

    replaced = run_script("train.py", *repeat, "--out", first, "--overwrite", "--no-progress", "--set", "seed=1")
    assert replaced.returncode == 0 and "iteration 20/20" not in replaced.stdout
    assert content(first, "losses.csv") != before["losses.csv"]
    assert yaml.safe_load(content(first, "config.yaml"))["seed"] == 1


@pytest.mark.slow
def test_a_terminal_gets_a_bar_with_both_losses_and_the_folder_the_configs_name(tmp_path):
    ours, theirs = pty.openpty()
    arguments = [sys.executable, TRAIN, "--config", SYNTHETIC, "--set", "name=mine"] + set_options(SMALL)
    with subprocess.Popen(arguments, stdout=theirs, stderr=theirs, cwd=str(tmp_path)) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other side was closed
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    assert process.returncode == 0
    assert b"100%" in shown and re.search(rb"generator [0-9]+\.[0-9]{4}  discriminator [0-9]+\.[0-9]{4}", shown)
    assert b"iteration 20/20" not in shown
    assert (tmp_path / "runs" / "mine" / "metrics.json").exists()


@pytest.mark.parametrize("arguments, words", [
    (["--config", "absent.yaml"], ["absent.yaml", "No such file"]),
    (["--config", "list.yaml"], ["list.yaml", "must be a mapping"]),
    (["--config", "bad.yaml"], ["bad.yaml", "not a valid config"]),
    (["--config", SYNTHETIC, "--set", "seeed=1"], ["seeed", 'did you mean "seed"']),
    (["--config", SYNTHETIC, "--set", "data.batch_size=6"], ["data.batch_size", "multiple of 4"]),
    (["--config", SYNTHETIC, "--set", "model.encoder.activation=rlu"], ["model.encoder.activation", "relu, elu, tanh"]),
    (["--config", SYNTHETIC, "--set", "training.generator.learning_rate=.nan"], ["learning_rate", "finite"]),
    (["--config", SYNTHETIC, "--out", "list.yaml"], ["list.yaml", "a file stands in its place"]),
    (["--config", SYNTHETIC, "--out", "list.yaml/below"], ["list.yaml", "Not a directory"]),
    (["--config", SYNTHETIC, "--out", "/proc/self/fdinfo/run"], ["can't make the run folder"]),
    (["--config", SYNTHETIC, "--out", ""], ["name is empty"]),
])
def test_bad_input_is_refused_in_one_line(tmp_path, arguments, words):
    (tmp_path / "list.yaml").write_text("[1, 2]")
    (tmp_path / "bad.yaml").write_text("a: b: c")
    run = run_script if words == ["name is empty"] else call_script
    result = run("train.py", *arguments, cwd=tmp_path)
    assert_one_clear_line(result, *words)
    assert result.stdout == ""
    assert sorted(os.listdir(str(tmp_path))) == ["bad.yaml", "list.yaml"]
    assert (tmp_path / "list.yaml").read_text() == "[1, 2]"


def test_bad_usage_exits_with_2(tmp_path):
    assert_one_clear_line(run_script("train.py", cwd=tmp_path), "--config", "is required")
    assert_one_clear_line(call_script("train.py", "--config", SYNTHETIC, "--sead", 1, cwd=tmp_path), "unrecognized", "--sead")


def test_resume_takes_no_other_config(tmp_path):
    assert_one_clear_line(call_script("train.py", "--resume", tmp_path, "--out", tmp_path / "other", cwd=tmp_path),
                          "--resume takes no")
    assert_one_clear_line(run_script("train.py", "--resume", tmp_path), tmp_path, "not a run folder")
    assert_one_clear_line(call_script("train.py", "--resume", tmp_path / "absent"), "absent", "not a run folder")


@pytest.mark.slow
def test_divergence_exits_with_1(tmp_path):
    result = run_script("train.py", "--config", SYNTHETIC, "--out", tmp_path / "run", "--no-progress", *set_options(
        SMALL + ["training.generator.learning_rate=1", "training.generator.beta1=0", "training.generator.beta2=0",
                 "training.generator.epsilon=1e-40", "model.decoder.n_hidden_layers=12", "training.n_iterations=2000",
                 "model.decoder.probability_margin=0"]))
    assert_one_clear_line(result, "not finite at iteration", code=1)
