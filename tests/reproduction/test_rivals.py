"""The runs of AVB and its rivals, from configs to a page, on two tiny problems."""

import json
import os
import shutil
import types

import numpy as np
import pytest
from helpers import ROOT, call_script
from image_data import small_images
from pictures import pixels
from shared_runs import without_figures

from avb_tf1.config.loading import load_config
from avb_tf1.config.rivals import ChosenSettings, load_chosen, load_rivals
from avb_tf1.experiment.reevaluation import evaluate_part
from avb_tf1.experiment.run import run_experiment
from avb_tf1.ground import cpu
from avb_tf1.ground.errors import InputError
from avb_tf1.reproduction import rivals, rivals_search
from avb_tf1.runs.provenance import code

SETTINGS = """
methods:
  posteriors:
    full_rank: {}
    coupling:
      model.flow: {kind: coupling, depth: 2, n_hidden_layers: 1, n_units: 8, activation: relu, max_log_scale: 2}
problems:
  banana:
    methods: posteriors
    config: banana_gaussian
    changes: {problem: {kind: banana, batch_size: 20}, training.n_iterations: 30, evaluation.n_samples: 1024}
    others: {avb: {config: banana, changes: {
      problem.batch_size: 20, training.n_iterations: 30, model.encoder.n_units: 8, model.discriminator.n_units: 8,
      evaluation.n_samples: 1024}}}
    cpu_seconds: 0.2
    settings_of: banana
  donut:
    methods: posteriors
    config: banana_gaussian
    changes: {problem: {kind: donut, batch_size: 20}, training.n_iterations: 30, evaluation.n_samples: 1024}
    others: {}
    cpu_seconds: 0.2
    settings_of: banana
"""
BASELINES = ("n_chains: 50", "n_chains: 2", "n_warmup: 2000", "n_warmup: 4", "n_warmup: 1000", "n_warmup: 4",
             "n_samples: 400", "n_samples: 8")


@pytest.fixture(scope="module")
def configs(tmp_path_factory):
    """A folder of configs with two problems and three methods, of which two factors of the rates are searched."""
    folder = tmp_path_factory.mktemp("configs")
    (folder / "rivals").mkdir()
    (folder / "rivals" / "rivals.yaml").write_text(SETTINGS)
    (folder / "posteriors").mkdir()
    for name in ("banana", "banana_gaussian"):
        shutil.copy(os.path.join(ROOT, "configs", "posteriors", name + ".yaml"), str(folder / (name + ".yaml")))
    with open(os.path.join(ROOT, "configs", "posteriors", "baselines.yaml")) as file:
        text = file.read()
    for old, new in zip(BASELINES[::2], BASELINES[1::2]):
        text = text.replace(old, new)
    (folder / "posteriors" / "baselines.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        for module in (rivals, rivals_search):
            patch.setattr(module, "SEARCHED", ("banana",))
            patch.setattr(module, "RATE_FACTORS", (0.5, 2.0))
        yield folder


def train(folder, runs, *overrides):
    """What scripts/sweep.py makes of folders of configs that are called as their seeds."""
    for path in sorted(folder.glob("*/*.yaml")):
        for seed in path.parent.name.split(","):
            config = load_config(str(path), ["seed=" + seed, *overrides])
            with without_figures():
                run_experiment(config, str(runs / ("%s_seed_%d" % (config.name, config.seed))), show_progress=False)


@pytest.fixture(scope="module")
def runs(configs, tmp_path_factory):
    """The folder of all runs: at equal iterations, of the search, and at equal CPU time."""
    folder = tmp_path_factory.mktemp("runs") / "rivals"
    for comparison in ("equal_iterations", "search", "equal_time"):
        if comparison == "equal_time":
            rivals_search.choose(known(configs, folder, folder))
        rivals_search.write_configs(known(configs, folder, folder), comparison, (0,), str(folder / "configs" / comparison))
        train(folder / "configs" / comparison, folder)
    return folder


def known(configs, runs, out, others=None):
    return rivals_search.RivalsRuns(str(configs), str(runs), str(others or runs.parent), str(out))


def make(configs, runs, out, others=None, seeds=(0,)):
    rivals.make(known(configs, runs, out, others), str(others or runs.parent), seeds, str(out))
    return (out / "rivals.md").read_text()


def metrics_of(runs, name, file_name="metrics.json"):
    with open(str(runs / name / file_name)) as file:
        return json.load(file)


@pytest.mark.slow
def test_the_best_of_the_grid_is_chosen(configs, runs):
    chosen = load_chosen(str(configs))
    assert set(chosen) == {"banana", "donut"} and set(chosen["donut"]) == {"full_rank", "coupling"}
    for method, found in chosen["banana"].items():
        of_search = ["banana_%s_rates_%g_seed_100" % (method, factor) for factor in (0.5, 2)]
        scores = [-metrics_of(runs, name)["inference_gap"] for name in of_search]
        best = int(scores[1] > scores[0] + 0.005)
        assert found.rate_factor == (0.5, 2)[best] and found.score == pytest.approx(scores[best], abs=1e-4)
        timings = [metrics_of(runs, name, "timing.json") for name in of_search]
        pace = sum(own["n_trained"] for own in timings) / sum(own["cpu_seconds"] for own in timings)
        assert found.n_iterations == pytest.approx(0.2 * pace, rel=1e-3, abs=1)
        config = load_config(str(runs / "configs" / "equal_time" / "0" / ("banana_%s_equal_time.yaml" % method)))
        assert config.training.n_iterations == found.n_iterations
        rate = load_rivals(str(configs))["banana"][method].config().training.generator.learning_rate
        assert config.training.generator.learning_rate == pytest.approx(rate * found.rate_factor)
    assert chosen["donut"]["coupling"].rate_factor == chosen["banana"]["coupling"].rate_factor
    assert chosen["donut"]["coupling"].score is None


@pytest.mark.slow
def test_the_page_has_the_numbers_of_the_runs(configs, runs, tmp_path):
    page = make(configs, runs, tmp_path)
    assert "**A draft: seed 0 alone.**" in page and page.count("### At equal iterations") == 2
    assert page.count("### At equal CPU time") == 2
    shares = []
    for problem in ("banana", "donut"):
        paths = runs.glob(problem + "_*_equal_time_seed_0/timing.json")
        seconds = [json.loads(path.read_text())["cpu_seconds"] for path in paths]
        shares += list(seconds / np.median(seconds))
    words = " ".join(page.split())
    assert "Their seconds came to %.2f to %.2f times the median on the problem." % (min(shares), max(shares)) in words
    for name, title in (("banana_coupling_seed_0", "coupling flow"), ("donut_full_rank_equal_time_seed_0", "full-rank")):
        own = metrics_of(runs, name)
        row, = (line for line in page.splitlines() if line.startswith("| %s " % title) and "%.4f" % own["elbo"] in line)
        assert "%.4f" % own["log_evidence"] in row and "%.3f" % own["wasserstein"] in row
    assert page.count("\n| HMC") == page.count("\n| NUTS") == 4 and "| replica exchange |" not in page
    assert pixels(tmp_path / "rivals.png").std() > 1
    with pytest.raises(InputError, match="no finished run with seeds 0, 1; scripts/sweep.py makes them"):
        make(configs, runs, tmp_path, seeds=(0, 1))


@pytest.mark.long
def test_runs_of_other_pages_are_taken(configs, runs, tmp_path):
    others = tmp_path / "others"
    moved, own = tmp_path / "rivals", others / "posteriors" / "banana" / "banana_seed_0"
    shutil.copytree(str(runs), str(moved))
    own.parent.mkdir(parents=True)
    shutil.move(str(moved / "banana_avb_seed_0"), str(own))
    assert "**A draft: seed 0 alone.**" in make(configs, moved, tmp_path, others)
    shutil.rmtree(str(own))
    (tmp_path / "rivals.csv").unlink()
    assert "**A draft: seed 0 alone; 1 of 10 trainings are missing.**" in make(configs, moved, tmp_path, others)


@pytest.mark.slow
def test_the_page_needs_no_folders_of_runs_that_are_kept(configs, runs, tmp_path, capsys):
    page = make(configs, runs, tmp_path)
    picture = (tmp_path / "rivals_posteriors.png").read_bytes()
    gone = tmp_path / "gone" / "rivals"
    gone.mkdir(parents=True)
    shutil.copytree(str(runs.parent / "posteriors"), str(tmp_path / "gone" / "posteriors"))  # the samplers' draws
    assert make(configs, gone, tmp_path) == page
    assert "rivals_posteriors.png stays" in capsys.readouterr().out
    assert (tmp_path / "rivals_posteriors.png").read_bytes() == picture
    kept = tmp_path / "rivals.csv"
    lines, here = kept.read_text(), "%(cpu_model)s (%(instruction_set)s)" % cpu.facts()
    kept.write_text("".join(line.replace(here, "Another (sse)") if line.startswith("donut") else line
                            for line in lines.splitlines(True)))
    of_two = make(configs, gone, tmp_path)
    assert "Trained on" not in page and "Trained on several kinds of CPU" in of_two
    for title, on in (("A banana", here), ("A donut", "Another (sse)")):
        assert "\n\n## %s, 2 dimensions\n\nTrained on %s.\n\n" % (title, on) in of_two
    kept.write_text(lines)
    before = load_chosen(str(configs))
    rivals_search.write_configs(known(configs, runs, tmp_path), "search", (0,), str(tmp_path / "search"))  # keeps its runs
    rivals_search.choose(known(configs, gone, tmp_path))
    for problem, of_problem in load_chosen(str(configs)).items():
        for method, found in of_problem.items():
            assert found == before[problem][method]
    out = tmp_path / "configs"
    rivals_search.write_configs(known(configs, gone, tmp_path), "equal_iterations", (0,), str(out))
    assert not os.listdir(str(out))
    rivals_search.write_configs(known(configs, gone, tmp_path), "equal_iterations", (0, 1), str(out))
    assert os.listdir(str(out)) == ["1"]  # seed 0 isn't made once more
    assert len([name for name in os.listdir(str(out / "1")) if name.endswith(".yaml")]) == 5
    kept.write_text("".join(line for line in kept.read_text().splitlines(True) if "_rates_" not in line))
    with pytest.raises(InputError, match="no search is finished"):
        rivals_search.choose(known(configs, gone, tmp_path))
    assert "banana: 6 of 6 runs are missing" in capsys.readouterr().out


@pytest.mark.slow
def test_validation_images_are_measured_once_and_again_after_another_code(tmp_path, monkeypatch):
    config = small_images("digits_vae", "data.n_validation=5", "evaluation.n_samples=4")
    folder = str(tmp_path / "run")
    run_experiment(config, folder, show_progress=False)
    evaluate_part(folder, "validation", write=True)
    with monkeypatch.context() as patch:
        patch.setattr(rivals_search, "open_run", lambda _: pytest.fail("measured again"))
        values = rivals_search._values(config, folder, {})
    assert values["validation_log_likelihood"] < 0
    path = tmp_path / "run" / "validation.json"
    written = path.read_text()
    path.write_text(written.replace(code()["evaluation_code"], "0" * 12))
    assert rivals_search._values(config, folder, {}) == values and json.loads(path.read_text()) == json.loads(written)
    path.write_text("damaged")
    assert rivals_search._values(config, folder, {}) == values


def result(method, seconds, runs, is_doubted=False):
    return rivals._Result(method, rivals.TITLES[method], tuple(runs), (seconds,) * len(runs), is_doubted=is_doubted)


def test_near_is_what_exact_samples_could_be_told_from_no_better():
    results = [result(method, seconds, [{"largest_wasserstein": distance} for distance in distances], method == "nuts")
               for method, seconds, distances in (("avb", 40, (0.02, 0.03)), ("coupling", 10, (0.01, 0.049)),
                                                  ("full_rank", 2, (0.01, 0.06)), ("nuts", 1, (0.01, 0.01)))]
    own = rivals._Compared(None, None, "a banana", {"equal_iterations": [], "equal_time": results}, floor=0.01)
    assert rivals._advice_on_given({"banana": own})[2:] == [
        "| One mode, bent | a banana | CPU time | coupling flow 10, AVB 40 | NUTS 0.010, full-rank Gaussian 0.035 |"]


def test_no_other_is_better_if_some_run_is_as_good():
    def told(*runs):
        results = [result(method, 1, [{"test_log_likelihood": value, "test_inference_gap": -value} for value in values])
                   for method, values in zip(("vae", "avb", "coupling"), runs)]
        results.append(result("maximum_likelihood", 1, [{"test_log_likelihood": 0.0}] * len(runs[0])))
        task = types.SimpleNamespace(name="data_set")
        own = rivals._Compared(None, task, "digits", {"equal_iterations": results, "equal_time": []})
        _, _, row = rivals._advice_on_images({"digits": own})
        return row.split(" | ")[2]

    assert told((-3.0, -2.0), (-2.0, -1.0), (-9.0, -8.0)) == "AVB, VAE"
    assert told((-3.0, -2.0), (-1.9, -1.0), (-9.0, -8.0)) == "AVB"
    assert told((-3.0,), (-1.9,), (-9.0,)) == "one seed: can't be said"


@pytest.mark.parametrize("scores, best", [
    ((-0.3, -0.2, -0.1), 2), ((-0.1, -0.2, -0.3), 0), ((-0.1, -0.104, -0.1), 1), ((-0.1, -0.106, -0.104), 2)])
def test_the_best_run_is_the_one_nearest_to_the_own_rates_if_noise_is_all_between(monkeypatch, scores, best):
    monkeypatch.setattr(rivals_search, "RATE_FACTORS", (0.3, 1.0, 3.1))
    assert rivals_search.best_of(scores) == best


def test_a_length_stays_unless_its_pace_changed():
    old = ChosenSettings(rate_factor=1, n_iterations=1000, score=-1)
    for length, kept in ((900, 1000), (1100, 1000), (899, 899), (1101, 1101)):
        new = ChosenSettings(rate_factor=3, n_iterations=length, score=-0.5)
        assert rivals_search.with_kept_length(new, old) == new.copy(update={"n_iterations": kept})
        assert rivals_search.with_kept_length(new, None) is new


def test_a_search_says_what_it_lacks(configs, tmp_path):
    with pytest.raises(InputError, match="banana_full_rank: no finished run with seed 0, whose pace"):
        rivals_search.write_configs(known(configs, tmp_path, tmp_path), "search", (0,), str(tmp_path / "configs"))


def test_the_script_refuses_a_folder_that_is_none(tmp_path):
    result = call_script("rivals.py", "page", "--out", tmp_path / "none")
    assert result.returncode == 2 and "none: not a folder" in result.stderr
