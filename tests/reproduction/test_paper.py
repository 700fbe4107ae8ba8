import csv
import glob
import itertools
import json
import math
import os
import shutil

import numpy as np
import pytest
from helpers import ROOT, SYNTHETIC, small, vae_config
from pictures import pixels

from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.page import numbers
from avb_tf1.problems.known_images.four_images import OPTIMUM
from avb_tf1.reproduction import figures, paper, pitfalls, recipes, time_to_quality
from avb_tf1.tasks.known_images import measures, published_rows

SEEDS = (0,)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A folder with tiny configs under the real names, and a place for the runs."""
    configs = tmp_path / "configs"
    configs.mkdir()
    monkeypatch.setattr(paper, "SEEDS", SEEDS)
    monkeypatch.setattr(paper, "FEWER_SEEDS", {})
    for name in paper.TABLE_CONFIGS:
        config = vae_config() if name == "paper_vae" else small("training.n_iterations=30" if name == "tuned_avb" else "seed=0")
        (configs / (name + ".yaml")).write_text(to_yaml(config).replace("name: synthetic", "name: " + name))
    return str(configs), str(tmp_path / "runs")


@pytest.mark.slow
def test_missing_runs_are_trained_and_finished_ones_kept(folders, tmp_path, capsys):
    configs, runs = folders
    wanted = [paper.Wanted("synthetic", "synthetic", (0, 1))]
    found = paper.ensure_runs(configs, runs, wanted)
    first = found["synthetic"].folders
    assert [os.path.basename(path) for path in first] == ["synthetic_seed_0", "synthetic_seed_1"]
    assert load_config(os.path.join(first[1], "config.yaml")).seed == 1
    assert "Run 2 of 2, about 0 minutes left" in capsys.readouterr().out
    shutil.rmtree(first[1])
    stamp = os.stat(os.path.join(first[0], "metrics.json")).st_mtime_ns
    assert paper.ensure_runs(configs, runs, wanted) == found
    assert os.stat(os.path.join(first[0], "metrics.json")).st_mtime_ns == stamp
    assert "Run 1 of 1, about 0 minutes left" in capsys.readouterr().out


def latents_of(runs, name):
    latents = files.read_arrays(os.path.join(runs, name + "_seed_0", "latents.npz"))
    return latents["z"], latents["label"]


@pytest.mark.slow
def test_figure_and_table(folders, tmp_path):
    configs, runs = folders
    figure, table = str(tmp_path / "figure.png"), str(tmp_path / "table.md")
    paper.make_figure(configs, runs, figure)
    paper.make_table(configs, runs, table)
    models = [(title, *latents_of(runs, name)) for title, name in (("VAE", "paper_vae"), ("AVB", "paper_avb"))]
    again = str(tmp_path / "again.png")
    figures.figure_5(again, [(*model, np.ones((4, 2, 2))) for model in models], np.array([-3.8, 3.8]),
                     np.eye(4).reshape(4, 2, 2))
    shown, without_densities = pixels(figure), pixels(again)
    np.testing.assert_array_equal(shown[:630], without_densities[:630])
    for left in (0, 630):
        assert (shown[630:, left:left + 630] != without_densities[630:, left:left + 630]).any()
    with open(table, encoding="utf-8") as file:
        text = file.read()
    for name in paper.TABLE_CONFIGS:
        assert "| %s | log-likelihood |" % name in text
        assert "configs/%s.yaml --set seed=N" % name in text
    assert "| paper_vae | %s" % measures.METRICS["kl_discriminator"].title not in text


@pytest.mark.long
def test_recipes(folders, tmp_path, monkeypatch):
    configs, runs = folders
    monkeypatch.setattr(recipes, "CONFIGS", ("synthetic", "paper_vae", "tuned_avb"))
    monkeypatch.setattr(recipes, "SHORTENED", {"tuned_avb": 10})
    monkeypatch.setattr(paper, "SEEDS", (0, 1))
    monkeypatch.setattr(paper, "FEWER_SEEDS", {"paper_vae": (0,)})
    recipes.make_comparison(configs, runs, str(tmp_path))
    models = []
    for name in recipes.CONFIGS:
        metrics = files.read_json(os.path.join(runs, name + "_seed_0", "metrics.json"))
        elbo = numbers.number(metrics["elbo"], measures.METRICS["elbo"])
        cut = "\n10 of 30 iterations" if name == "tuned_avb" else ""
        models.append(("%s\nELBO %s%s" % (name, elbo, cut), *latents_of(runs, name)))
    figures.latent_spaces(str(tmp_path / "again.png"), models, np.eye(4).reshape(4, 2, 2), n_columns=5)
    np.testing.assert_array_equal(pixels(tmp_path / "recipes.png"), pixels(tmp_path / "again.png"))
    with open(str(tmp_path / "recipes.md"), encoding="utf-8") as file:
        text = file.read()
    rows = {cells[1].strip(): [cell.strip() for cell in cells[2:]]
            for cells in (line.split("|") for line in text.splitlines() if line.startswith("| "))}
    assert rows["*paper's AVB*"][:2] == ["-1.4030", "-1.4210"] and rows["*optimum*"][0] == "-1.3863"
    assert rows["synthetic"][7:9] == ["2", "20"] and rows["tuned_avb"][7:9] == ["2", "10 of 30"]
    assert rows["paper_vae"][7] == "1" and "±" not in rows["paper_vae"][0]
    assert rows["paper_vae"][6] == "" and "±" in rows["synthetic"][6]
    for column, metric in ((0, "log_likelihood"), (4, "reconstruction_error")):
        values = []
        for seed in (0, 1):
            with open(os.path.join(runs, "tuned_avb_seed_%d" % seed, "metrics.json")) as file:
                values.append(json.load(file)[metric])
        assert rows["tuned_avb"][column] == "%.4f ± %.4f" % (np.mean(values), np.std(values, ddof=1))
    with open(os.path.join(runs, "paper_vae_seed_0", "timing.json")) as file:
        assert json.load(file)["cpu_seconds"] > 0
    assert "configs/tuned_avb.yaml --set seed=N --set training.n_iterations=10`, N = 0, 1\n" in text


def of_group(values, metric):
    """"mean (smallest to largest)" of how far a metric's values are from the optimum."""
    distances = [OPTIMUM[metric].value - value for value in values]
    return "%.4f (%.4f to %.4f)" % (np.mean(distances), min(distances), max(distances))


@pytest.mark.long
def test_time_to_quality(folders, tmp_path, monkeypatch):
    configs, runs = folders
    monkeypatch.setattr(recipes, "CONFIGS", ("synthetic", "paper_vae"))
    monkeypatch.setattr(time_to_quality, "_LONGER", {"synthetic_30": ("synthetic", ("training.n_iterations=30",))})
    monkeypatch.setattr(paper, "SEEDS", (0, 1))
    time_to_quality.make(configs, runs, str(tmp_path))
    with open(str(tmp_path / "runs.csv"), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = ["synthetic", "paper_vae", "synthetic_30"]
    assert [(row["run"], row["seed"]) for row in rows] == [(name, seed) for name in names for seed in "01"]
    text = "\n".join(lines_of(str(tmp_path / "time_to_quality.md")))
    for name in names:
        elbos = []
        for row in (row for row in rows if row["run"] == name):
            folder = os.path.join(runs, "%s_seed_%s" % (name, row["seed"]))
            metrics = files.read_json(os.path.join(folder, "metrics.json"))
            elbos.append(-math.inf if metrics["elbo"] is None else metrics["elbo"])
            assert row["n_iterations"] == ("30" if name == "synthetic_30" else "20")
            assert float(row["training_cpu_seconds"]) == pytest.approx(
                files.read_json(os.path.join(folder, "timing.json"))["cpu_seconds"], abs=0.051)
            for metric in measures.METRICS:
                for column in (metric, metric + "_standard_error"):
                    assert row[column] == ("" if metrics.get(column) is None else "%.7f" % metrics[column])
        assert "| %s | " % of_group(elbos, "elbo") in text
    assert pixels(tmp_path / "time_to_quality.png").std() > 1


@pytest.mark.long
def test_the_page_of_pitfalls_has_the_numbers_of_its_runs(folders, tmp_path, monkeypatch):
    configs, runs = folders
    monkeypatch.setattr(pitfalls, "SEEDS", (0, 1))
    monkeypatch.setattr(pitfalls, "CASES", {
        "as it is": ("fast_avb", "fast_avb", ()), "less noise": ("less_noise", "fast_avb", ("model.encoder.noise_dim=3",)),
        "a Gaussian": ("fast_vae", "paper_vae", ())})
    pitfalls.make(configs, runs, str(tmp_path))
    text = "\n".join(lines_of(str(tmp_path / "pitfalls.md")))
    for title, (name, _, _) in pitfalls.CASES.items():
        row, = (line for line in text.splitlines() if line.startswith("| %s |" % title))
        found = [files.read_json(os.path.join(runs, "%s_seed_%d" % (name, seed), "metrics.json")) for seed in (0, 1)]
        elbos = [-math.inf if metrics["elbo"] is None else metrics["elbo"] for metrics in found]
        assert "| %.4f (%.4f to %.4f) |" % (np.mean(elbos), min(elbos), max(elbos)) in row
        if name == "fast_vae":
            assert "|  |" in row
        else:
            by_t = [-4 * metrics["reconstruction_error"] - metrics["kl_discriminator"] for metrics in found]
            assert "| %.4f (" % np.mean(by_t) in row
    assert load_config(os.path.join(runs, "less_noise_seed_1", "config.yaml")).model.encoder.noise_dim == 3
    assert pixels(tmp_path / "pitfalls.png").std() > 1


@pytest.mark.slow
def test_the_vaes_seeds_are_drawn_in_the_order_of_their_kl(folders, tmp_path, monkeypatch):
    configs, runs = folders
    monkeypatch.setattr(paper, "SEEDS", (0, 1, 2))
    paper.make_vae_seeds(configs, runs, str(tmp_path / "seeds.png"))
    models = []
    for seed in (0, 1, 2):
        folder = os.path.join(runs, "paper_vae_seed_%d" % seed)
        metrics, latents = (files.read_json(os.path.join(folder, "metrics.json")),
                            files.read_arrays(os.path.join(folder, "latents.npz")))
        title = "seed %d: KL(q(z) || p(z)) %.3f\nELBO %.4f" % (seed, metrics["kl_marginal_prior"], metrics["elbo"])
        models.append((metrics["kl_marginal_prior"], (title, latents["z"], latents["label"])))
    figures.latent_spaces(str(tmp_path / "again.png"), [model for _, model in sorted(models, key=lambda own: own[0])],
                          np.eye(4).reshape(4, 2, 2))
    np.testing.assert_array_equal(pixels(tmp_path / "seeds.png"), pixels(tmp_path / "again.png"))


def published_runs():
    """The lines of docs/runs.csv, dicts of texts."""
    with open(os.path.join(ROOT, "docs", "runs.csv"), encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_no_published_run_has_an_elbo_above_its_log_likelihood():
    runs = published_runs()
    assert {row["run"] for row in runs} >= {os.path.basename(name) for name in recipes.CONFIGS} | {"synthetic_10000"}
    for row in runs:
        if row["elbo"]:  # else minus infinity
            assert float(row["elbo"]) <= float(row["log_likelihood"]) + 2 * float(row["elbo_standard_error"]), row


def test_table_1_is_made_of_the_published_runs():
    table = {tuple(cells[1:3]): cells for cells in ([cell.strip() for cell in row.split("|")] for row in (
        row.replace("\\|", "/") for row in table_of_results(os.path.join("docs", "table_1.md"))))}
    for name in paper.TABLE_CONFIGS:
        for metric in ("log_likelihood", "elbo", "kl_marginal_prior", "reconstruction_error"):
            values = [float(row[metric]) for row in published_runs() if row["run"] == name]
            cells = table[name, measures.METRICS[metric].title.replace("|", "/")]
            assert cells[5] == "%.4f ± %.4f" % (np.mean(values), np.std(values, ddof=1))
            assert float(cells[6]) in [pytest.approx(value, abs=6e-5) for value in values]
            assert int(cells[7]) == len(values) == len(paper.published(name).seeds)
            runs = [{column: float(value) for column, value in row.items() if value and column.startswith(metric)}
                    for row in published_runs() if row["run"] == name]
            config = load_config(os.path.join(ROOT, "configs", name + ".yaml"))
            row, = published_rows.rows([numbers.RunGroup(name, config, tuple(range(len(runs))), tuple(runs))])
            assert cells[8] == row.verdict


def lines_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read().splitlines()


def table_of_results(path):
    """The lines of a Markdown file's one table that begins with "| config | metric |"."""
    lines = lines_of(path)
    start, = (number for number, line in enumerate(lines) if line.startswith("| config | metric |"))
    return list(itertools.takewhile(lambda line: line.startswith("|"), lines[start:]))


def verdicts(path):
    """The lines of a Markdown file that begin with a config's name: what is said of its whole row."""
    return [line for line in lines_of(path) if line.startswith(tuple("- %s: " % name for name in paper.TABLE_CONFIGS))]


def test_the_documents_have_the_tables_numbers_and_verdicts():
    source, copy = os.path.join("docs", "table_1.md"), os.path.join("docs", "results.md")
    table = table_of_results(source)
    assert len(table) == 2 + 5 * 7 - 1 and len(verdicts(source)) == 5
    assert table_of_results(copy) == table
    assert verdicts(copy) == verdicts("README.md") == verdicts(source)
    shown = table_of_results("README.md")
    assert shown == table[:2] + [row for row in table[2:] if row in shown]  # their order too
    assert len(shown) == 2 + 5
    assert {row.split(" | ")[0] for row in shown[2:]} == {"| " + name for name in paper.TABLE_CONFIGS}


def test_every_shipped_config_of_images_is_compared():
    paths = glob.glob(os.path.join(ROOT, "configs", "*.yaml")) + glob.glob(os.path.join(ROOT, "configs", "recipes", "*.yaml"))
    assert sorted(recipes.CONFIGS) == sorted(os.path.relpath(path, os.path.join(ROOT, "configs"))[:-5] for path in paths)


@pytest.mark.slow
def test_a_run_of_another_config_is_not_taken(folders, tmp_path):
    configs, runs = folders
    paper.ensure_runs(configs, runs, [paper.Wanted("synthetic", "synthetic", (0,))])
    path = os.path.join(configs, "synthetic.yaml")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("n_iterations: 20", "n_iterations: 21"))
    with pytest.raises(InputError, match="n_iterations"):
        paper.ensure_runs(configs, runs, [paper.Wanted("synthetic", "synthetic", (0,))])


def test_work_grows_with_what_costs_time():
    base = paper._work(load_config(SYNTHETIC))
    for override in ("training.n_iterations=4000", "data.batch_size=1024"):
        assert paper._work(load_config(SYNTHETIC, [override])) == 2 * base
    assert base < paper._work(load_config(SYNTHETIC, ["training.n_discriminator_updates=2"])) < 2 * base
