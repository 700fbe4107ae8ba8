"""The page of a sweep: what stands in it, and which runs; in a browser tests/tasks looks at it."""

import json
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import INNER_PRODUCT, run_script, small, vae_config
from image_pages import SETTINGS, SHORT, run_in, sweep_in, write_sweep
from pages import change_metrics, data_of, metrics_of, page_of, table_of, text_of
from posterior_pages import record_of, several_in
from shared_runs import finished

from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.ground import files
from avb_tf1.report import sweep_page
from avb_tf1.runs import metrics_file, run_folder
from avb_tf1.runs.contents import write_losses
from avb_tf1.tasks.registry import TASKS
from avb_tf1.tasks.trained import final_losses


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_in(tmp_path_factory.mktemp("report") / "my run")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return sweep_in(tmp_path_factory.mktemp("report") / "sweep")


def test_a_sweeps_page(sweep):
    text = text_of(sweep)
    assert "a sweep of 5 runs" in text and "Runs: 3 done, 1 waiting, 1 failed." in text
    assert "python scripts/sweep.py --seeds 0-2" in text
    assert "line, seed 1 , folder line_seed_1: failed: a <b> is not finite" in text  # as text, not as markup
    assert 'href="first_seed_0/report.html"' in page_of(sweep) and 'href="line_seed_1' not in page_of(sweep)
    elbos = [json.loads((sweep / ("first_seed_%d" % seed) / "metrics.json").read_text())["elbo"] for seed in (0, 1)]
    first = SETTINGS["first"]
    assert first + ", 2 seeds: worse than the paper's AVB in " in text and "line, 1 seed: " in text
    assert "ELBO %.4f ± %.4f" % (np.mean(elbos), np.std(elbos, ddof=1)) in text
    assert "As of 2001-02-03 04:05 UTC" in text and "stopped" not in text
    groups = data_of(sweep)["groups"]
    assert [group["label"] for group in groups] == [first, "line"]
    losses = [np.loadtxt(str(sweep / ("first_seed_%d" % seed) / "losses.csv"), delimiter=",", skiprows=1)[:, 1]
              for seed in (0, 1)]
    curve, spread = groups[0]["losses"]["generator_loss"], np.std(losses, axis=0, ddof=1)
    np.testing.assert_allclose(curve["mean"], np.mean(losses, axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.subtract(curve["high"], curve["low"]), 2 * spread, atol=1e-4)
    assert [run["label"] for run in data_of(sweep)["runs"]] == [first + ", seed 0", "line, seed 0", first + ", seed 1"]


def test_a_sweeps_settings_are_rows_and_its_metrics_columns(sweep):
    head, first, line, best, avb, vae = table_of(sweep, "Table of settings")
    assert head == ["setting", "runs done"] + [metric.title for metric in TASKS["known_images"].metrics.values()]
    assert head[2:5] == ["log-likelihood", "reconstruction error (nats per pixel)", "ELBO"] and head[-1] == "inference gap"
    assert (first[:2], line[:2]) == ([SETTINGS["first"], "2 of 2"], ["line", "1 of 3"])
    elbos = [files.read_json(str(sweep / ("first_seed_%d" % seed) / "metrics.json"))["elbo"] for seed in (0, 1)]
    assert first[4].startswith("%.4f ± %.4f" % (np.mean(elbos), np.std(elbos, ddof=1))) and "±" not in line[4]
    assert sorted(("★ best" in first[4], "★ best" in line[4])) == [False, True]
    assert (best[0], best[2], avb[0], avb[4], vae[4]) == (
        "best possible", "-1.3863", "the paper's AVB, recalled", "-1.421", "-1.697")
    runs = table_of(sweep, "Table of runs")
    assert [row[:2] for row in runs[1:]] == [
        [SETTINGS["first"] + ", seed 0", "done"], [SETTINGS["first"] + ", seed 1", "done"], ["line, seed 0", "done"],
        ["line, seed 1", "failed"], ["line, seed 2", "waiting"]]
    assert "%.4f" % elbos[1] in runs[2] and runs[4][2:] == [""] * 7
    # Single runs are folded; what failed isn't, and is in no table.
    page = page_of(sweep)
    assert "<details><summary>Single runs (5)</summary>" in page
    assert "<li>" in page[page.index("What failed or is left out"):page.index("a &lt;b&gt; is not finite")]


def test_a_stopped_sweep_says_so(sweep, tmp_path):
    write_sweep(tmp_path, [
        ("line_seed_0", "stopped", ""), ("line_seed_1", "failed", "reason"), ("line_seed_2", "not begun", "")])
    sweep_page.write_sweep_page(str(tmp_path))
    text = text_of(tmp_path)
    assert "Runs: 1 stopped, 1 not begun, 1 failed. The sweep ended before all of its runs did; the command below" in text
    assert "running" not in text and "As of" not in text


def test_a_sweep_of_which_nothing_is_done(sweep, tmp_path):
    state = json.loads((sweep / "sweep.json").read_text())
    files.write_json(str(tmp_path / "sweep.json"), dict(state, runs=state["runs"][3:]))
    sweep_page.write_sweep_page(str(tmp_path))
    assert "No run is done." in text_of(tmp_path) and "plotly" not in page_of(tmp_path)


@pytest.mark.slow
def test_a_run_that_can_not_be_read_is_left_out_of_its_sweeps_page(sweep, tmp_path):
    copy = tmp_path / "sweep"
    shutil.copytree(str(sweep), str(copy))
    (copy / "first_seed_0" / "latent_plane.npz").write_bytes(b"damaged")
    (copy / "line_seed_0" / "timing.json").write_text("{}")
    sweep_page.write_page(str(copy))
    text = text_of(copy)
    assert "Runs: 1 done, 1 waiting, 1 failed, 2 left out." in text
    result = run_script("report.py", copy)
    assert result.returncode == 0 and result.stdout.endswith("report.html; it leaves out 2 runs, and says why\n")
    assert [row[1:3] for row in table_of(copy, "Table of runs") if row[1] == "left out"] == [["left out", ""]] * 2
    assert "latent_plane.npz: can't be read: it is damaged" in text and "timing.json: can't be read: it has no" in text
    assert SETTINGS["first"] + ", 1 seed: " in text
    assert [drawn["label"] for drawn in data_of(copy)["runs"]] == [SETTINGS["first"] + ", seed 1"]


def test_a_run_that_was_gone_on_with_is_no_longer_its_sweeps(sweep, tmp_path):
    copy = tmp_path / "sweep"
    shutil.copytree(str(sweep), str(copy))
    config = load_config(str(copy / "first_seed_0" / "config.yaml"), ["training.n_iterations=99"])
    (copy / "first_seed_0" / "config.yaml").write_text(to_yaml(config))
    assert sweep_page.write_sweep_page(str(copy)) == (str(copy / "report.html"), 1)
    assert "first_seed_0: holds a run of another config than the sweep's" in text_of(copy)


def test_both_tables_of_a_sweep_show_what_the_folders_hold(sweep, tmp_path):
    copy = tmp_path / "sweep"
    shutil.copytree(str(sweep), str(copy))
    path = str(copy / "line_seed_0" / "metrics.json")
    content = {name: value for name, value in files.read_json(path).items() if name != "elbo_standard_error"}
    files.write_json(path, dict(content, elbo=None, log_likelihood=-1.5))
    sweep_page.write_sweep_page(str(copy))
    for table, name in (("Table of settings", "line"), ("Table of runs", "line, seed 0")):
        row, = (row for row in table_of(copy, table) if row[0] == name)
        assert row[2].startswith("-1.5000") and row[4] == "-infinite"


@pytest.mark.parametrize("end", ["goes on", "is over"])
def test_the_page_of_a_sweep_that_is_going_on(sweep, tmp_path, monkeypatch, end):
    """A run is done while the page is made; if it was the last one, the sweep has written its last page before this one."""
    copy, n_written = tmp_path / "sweep", []
    shutil.copytree(str(sweep), str(copy))
    state = files.read_json(str(copy / "sweep.json"))
    write_text = files.write_text

    def write_late(path, text):
        n_written.append(1)
        if len(n_written) == 1:
            files.write_json(str(copy / "sweep.json"), dict(state, runs=state["runs"][:3], is_going_on=end == "goes on"))
            if end == "is over":
                sweep_page.write_sweep_page(str(copy))
        write_text(path, text)

    files.write_json(str(copy / "sweep.json"), dict(state, is_going_on=True))
    monkeypatch.setattr(files, "write_text", write_late)
    with run_folder.held(str(copy)):
        sweep_page.write_page(str(copy))
    assert ("Runs: 3 done." in text_of(copy)) == (end == "is over")
    assert "a sweep of %d runs" % (3 if end == "is over" else 5) in text_of(copy)


def test_a_model_far_from_sense_is_told(sweep, tmp_path):
    copy = tmp_path / "sweep"
    shutil.copytree(str(sweep), str(copy))

    def texts(*log_likelihoods):
        for seed, value in enumerate(log_likelihoods):
            change_metrics(copy / ("first_seed_%d" % seed), log_likelihood=value, inference_gap=None)
        for folder in (copy / "first_seed_1", copy):
            sweep_page.write_page(str(folder))
            yield text_of(folder)

    words = "Warning: the decoder is worse than one that ignores z, whose log-likelihood can be -2.2493"
    run_text, sweep_text = texts(-2.249, -2.25)
    told = "Warning: 1 of 2 runs of %s; 1 of 1 run of line: %s" % (SETTINGS["first"], words[len("Warning: "):])
    assert words in run_text and told in sweep_text
    # What isn't warned of is what a reader sees first.
    assert [run["label"][-6:] for run in data_of(copy)["runs"]] == ["seed 0", "seed 0", "seed 1"]
    assert data_of(copy)["runs"][0]["label"].startswith(SETTINGS["first"])
    run_text, sweep_text = texts(-2.25, -2.249)
    assert data_of(copy)["runs"][0]["label"] == SETTINGS["first"] + ", seed 1"
    assert "Warning" not in run_text and "1 of 2 runs of " + SETTINGS["first"] in sweep_text
    run_text, sweep_text = texts(-2.249, None)  # infinite
    assert words in run_text and "1 of 2 runs of " + SETTINGS["first"] in sweep_text
    run_text, sweep_text = texts(-2.249, -2.249)
    assert "Warning" not in run_text and "runs of " + SETTINGS["first"] not in sweep_text


def test_of_different_warnings_of_a_setting_the_first_is_told_as_one():
    def run(loss):
        return SimpleNamespace(metrics={"generator_loss": loss, "lowest_generator_loss": 1.4}, config=small())

    told = sweep_page._warning(TASKS["data_set"], [
        ("a", [run(40.1), run(50.2)]), ("b", [run(60.0), run(60.0)]), ("c", [run(2)])])
    of_a, of_b = told.split(" 2 of 2 runs of b: ")
    assert of_a.startswith("2 of 2 runs of a: of the first, the generator loss ended at 40.1000") and "50.2" not in told
    assert of_b.startswith("the generator loss ended at 60.0000") and "runs of c" not in told


@pytest.mark.slow
def test_the_largest_pages_are_small(run, tmp_path):
    random_state, s = np.random.RandomState(0), 500
    noise = dict(
        files.read_arrays(str(run / "snapshots.npz")), iteration=np.arange(s), z=random_state.standard_normal((s, 1024, 2)),
        probabilities=random_state.randint(256, size=(s, 41 * 41, 4), dtype=np.uint8),
        **{name: random_state.standard_normal(s) for name in (
            "kl_posterior_prior", "kl_posterior_prior_standard_error", "kl_discriminator", "kl_discriminator_standard_error")})
    names = ["first_seed_%d" % seed for seed in range(12)]
    for seed, name in enumerate(names):
        os.mkdir(str(tmp_path / name))
        for part in ("timing.json", "latent_plane.npz"):
            shutil.copy(str(run / part), str(tmp_path / name))
        config = small(*SHORT, *INNER_PRODUCT, "seed=%d" % seed, "training.n_iterations=5000")
        files.write_text(str(tmp_path / name / "config.yaml"), to_yaml(config))
        losses = dict(zip(("generator_loss", "discriminator_loss"), np.abs(random_state.standard_normal((2, 5000)))))
        files.write_json(str(tmp_path / name / "metrics.json"), metrics_file.with_made_by(
            dict(metrics_of(run), **final_losses(losses)), config, []))
        write_losses(str(tmp_path / name / "losses.csv"), losses)
        if seed == 0:
            files.write_arrays(str(tmp_path / name / "snapshots.npz"), **noise)
        else:
            shutil.copy(str(tmp_path / names[0] / "snapshots.npz"), str(tmp_path / name))
    write_sweep(tmp_path, [(name, "done", "") for name in names])
    for folder in (tmp_path / names[0], tmp_path):
        sweep_page.write_page(str(folder))
        assert 4.5e6 < len(page_of(folder).encode()) < 6e6
    assert [len(drawn["iteration"]) for drawn in data_of(tmp_path)["runs"]] == [20] * 10
    assert "2 more runs are shown on pages of their own." in text_of(tmp_path)
    iterations = data_of(tmp_path / names[0])["runs"][0]["iteration"]
    assert len(iterations) == 61 and (iterations[0], iterations[-1]) == (0, 499)


def test_a_sweeps_page_shows_one_task_and_leaves_out_the_others(tmp_path):
    several = several_in(tmp_path / "several")
    finished(tmp_path / "vae", vae_config("data.batch_size=16"))
    given, images = record_of(several, "several"), record_of(tmp_path / "vae", "vae")
    for records, words in (([given, images], "Approximate posteriors of explaining away"),
                           ([images, given], "four 2 × 2 images")):
        files.write_json(str(tmp_path / "sweep.json"), {"command": "", "written": "", "runs": records})
        assert sweep_page.write_page(str(tmp_path)) == (str(tmp_path / "report.html"), 1)
        text = text_of(tmp_path)
        assert "left out: a run of another kind of problem than the first; it has a page of its own" in text and words in text
        assert 'href="several/report.html"' in page_of(tmp_path) and 'href="vae/report.html"' in page_of(tmp_path)
