import json
import os
import re
import shutil

import numpy as np
import pytest
from helpers import ROOT, assert_one_clear_line, call_script, run_script
from shared_runs import without_figures

from avb_tf1.config import baselines
from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.page.numbers import RunGroup
from avb_tf1.problems.registry import GIVEN_POSTERIORS
from avb_tf1.reproduction import posterior_comparison, posteriors
from avb_tf1.runs import run_folder

CONFIGS = os.path.join(ROOT, "configs", "posteriors")
BASELINES = os.path.join(CONFIGS, "baselines.yaml")


def written(path, config):
    path.write_text(to_yaml(config))
    return str(path)


def small(name, own_name, *overrides):
    return load_config(os.path.join(CONFIGS, name + ".yaml"), [
        "name=" + own_name, "problem.batch_size=20", "model.encoder.n_units=8", "model.encoder.activation=tanh",
        "model.discriminator.n_units=8", "training.n_iterations=4", "training.snapshot_every=4", "evaluation.n_samples=2048",
        *overrides])


@pytest.fixture(scope="module")
def small_baselines(tmp_path_factory):
    with open(BASELINES) as file:
        text = file.read()
    for old, new in (("n_iterations: 4000", "n_iterations: 300"), ("n_chains: 50", "n_chains: 8"),
                     ("n_warmup: 2000", "n_warmup: 40"), ("n_warmup: 1000", "n_warmup: 40"),
                     ("n_samples: 400", "n_samples: 150"), ("batch_size: 500", "batch_size: 100")):
        assert old in text
        text = text.replace(old, new)
    path = tmp_path_factory.mktemp("baselines") / "baselines.yaml"
    path.write_text(text)
    return str(path)


@pytest.fixture(scope="module")
def compared(tmp_path_factory, small_baselines):
    folder = tmp_path_factory.mktemp("compared")
    arguments = [[written(folder / "a.yaml", small("banana", "a"))], small_baselines, (0, 1), str(folder / "out")]
    with without_figures():
        return arguments, folder / "out", posterior_comparison.compare(*arguments)


@pytest.mark.slow
def test_all_methods_are_trained_and_tabled(compared):
    _, out, comparison = compared
    lines = posterior_comparison.table(comparison)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert [row[0].split(",")[0] for row in rows] == ["method", "---", "*exact*", "a", "mean_field", "full_rank", "HMC", "NUTS"]
    assert rows[2][3] == "1.1527"
    assert {row[1] for row in rows[3:]} == {"0 to 1"}
    for name, row in zip(("a", "mean_field", "full_rank"), rows[3:]):
        kl = []
        for seed in (0, 1):
            with open(out / ("%s_seed_%d" % (name, seed)) / run_folder.METRICS) as file:
                kl.append(json.load(file)["inference_gap"])
        assert row[2] == "%.4f (%.4f to %.4f)" % (sum(kl) / 2, min(kl), max(kl))
    assert {cell for row in rows[-2:] for cell in row[2:4]} == {""}  # samples have no density
    assert re.search(r"(?s)HMC accepts 0\.[78][0-9] of its steps .* the kept draws, .* that, 0\.[89][0-9]\.", " ".join(lines))
    assert all(line in (out / posterior_comparison.COMPARISON).read_text() for line in lines)
    for name in (posterior_comparison.PAIRS, posterior_comparison.MARGINALS):
        assert (out / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_what_is_finished_is_used_again(compared, capsys):
    arguments, _, first = compared
    again = posterior_comparison.compare(*arguments)
    assert capsys.readouterr().out == ""
    assert posterior_comparison.table(again) == posterior_comparison.table(first)


def test_the_largest_distance_is_named_and_a_mean_over_seeds():
    def metrics(*distances):
        return {"per_x": [{"marginals": {name: {"wasserstein": distance} for name, distance in zip("ab", of_x)}}
                          for of_x in distances]}

    group = RunGroup("q", None, (0, 1), (metrics((0.1, 0.2), (0.4, 0.3)), metrics((0.1, 0.6), (0.5, 0.2))))
    assert posterior_comparison.largest(group) == "various 0.500 (0.400 to 0.600)"
    group = RunGroup("q", None, (0, 1), (metrics((0.1, 0.2), (0.4, 0.3)), metrics((0.1, 0.2), (0.5, 0.2))))
    assert posterior_comparison.largest(group) == "a 0.450 (0.400 to 0.500)"
    assert posterior_comparison.largest(RunGroup("q", None, (0,), ({"marginals": {"a": {"mean": 1.0}}},))) == ""


def test_a_sampler_that_never_moved_has_no_effective_sample_size():
    parts = [{"exchanged": 0.4, "acceptance": 0.8, "kept_acceptance": 0.9, "r_hat": r_hat, "n_effective": n}
             for r_hat, n in ((1.1, 500.0), (1.3, None))]
    def words(title):
        if title != "replica exchange":
            for part in parts:
                part.pop("exchanged", None)
        return posterior_comparison._how_it_sampled(RunGroup(title, None, (0,), ({"per_x": parts},)))

    assert words("replica exchange").startswith(
        "Replica exchange accepts 0.80 of its steps at the step size that its warm-up comes to; of the kept draws, whose step "
        "sizes are 0.4 to 1 times that, 0.90; of exchanges between neighbours 0.40. The largest R-hat is 1.300")
    assert words("NUTS").startswith(
        "NUTS accepts 0.80 of its steps at the step size that its warm-up comes to; of the kept draws 0.90. The largest R-hat")
    assert words("HMC") == (
        "HMC accepts 0.80 of its steps at the step size that its warm-up comes to; of the kept draws, whose step sizes are 0.4 "
        "to 1 times that, 0.90. The largest R-hat is 1.300, the smallest effective sample size not known. Its chains have not "
        "come to one distribution (R-hat above 1.05, or a chain that never moved): its row can't be trusted.")
    for r_hats, has_converged in (((1.01, 1.05), True), ((1.01, 1.06), False), ((1.0, None), False)):
        assert posterior_comparison.has_converged([{"per_x": [{"r_hat": r_hat}]} for r_hat in r_hats]) is has_converged


def test_draws_are_used_again_only_with_the_same_settings_and_seed(tmp_path, monkeypatch):
    sampled, settings = [], baselines.load_baselines(BASELINES).hmc

    def sample(name, problem, known, settings, seed):
        sampled.append((settings.n_samples, seed))
        return {"cpu_seconds": 1.0, "wasserstein": float("inf")}, np.zeros((1, 3, 2), np.float32)

    monkeypatch.setattr(posterior_comparison, "_sample", sample)
    problem = GIVEN_POSTERIORS["banana"]
    fewer = settings.copy(update={"n_samples": 8})
    for identity, own, seeds in (("a", settings, (0, 1)), ("a", settings, (1, 0)), ("a", fewer, (0, 2)), ("b", fewer, (0,))):
        method = posterior_comparison.sampled("hmc", problem, identity, None, own, seeds, str(tmp_path))
        assert method.group.seeds == seeds and method.group.metrics[0]["wasserstein"] is None
    assert sampled == [(400, 0), (400, 1), (8, 0), (8, 2), (8, 0)]
    for name, content in (("hmc_seed_0.json", b"[]"), ("hmc_seed_0.json", b"{"), ("hmc_seed_0.npz", b"PK"),
                          ("hmc_seed_0.npz", None), ("hmc_seed_0.json", {"cpu_seconds": -5.0}), ("hmc_seed_0.npz", {"z": 1})):
        del sampled[:]
        if content is None:
            (tmp_path / name).unlink()
        elif name.endswith("json") and isinstance(content, dict):
            files.write_json(str(tmp_path / name), dict(files.read_json(str(tmp_path / name)), **content))
        elif isinstance(content, dict):
            files.write_arrays(str(tmp_path / name), z=np.full((1, 3, 2), np.nan, np.float32))
        else:
            (tmp_path / name).write_bytes(content)
        posterior_comparison.sampled("hmc", problem, "b", None, fewer, (0,), str(tmp_path))
        assert sampled == [(8, 0)]


def test_a_place_that_is_none_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    config = os.path.join(CONFIGS, "banana.yaml")
    result = call_script("compare_posteriors.py", "--config", config, "--out", tmp_path / "file" / "out")
    assert_one_clear_line(result, "file/out: can't be made: Not a directory")
    assert (tmp_path / "file").read_text() == ""


def test_two_python_files_are_two_problems(tmp_path):
    shipped = os.path.join(CONFIGS, "your_own_model")
    for name in ("one", "two"):
        shutil.copy(shipped + ".yaml", str(tmp_path / (name + ".yaml")))
    paths = [str(tmp_path / (name + ".yaml")) for name in ("one", "two")]
    with open(shipped + ".py") as file:
        text = file.read()
    (tmp_path / "your_own_model.py").write_text(text)
    first = load_config(paths[0])
    posterior_comparison._require_one_problem([first, load_config(paths[1], ["name=second"])], paths)
    (tmp_path / "your_own_model.py").write_text(text.replace("NOISE = 1.0", "NOISE = 0.5"))
    other = load_config(paths[1], ["name=second"])
    with pytest.raises(InputError, match="its problem is .*your_own_model.py .SHA-256 [0-9a-f]{12}., that of .*one.yaml"):
        posterior_comparison._require_one_problem([first, other], paths)


def test_a_gaussian_baseline_has_the_problem_and_the_seed_of_the_config():
    config = load_config(os.path.join(CONFIGS, "explaining_away.yaml"), ["seed=3"])
    settings = baselines.load_baselines(BASELINES)
    for covariance, name in (("diagonal", "mean_field"), ("full", "full_rank")):
        own = baselines.gaussian_config(config, settings, covariance)
        assert (own.name, own.seed, own.problem.kind, own.model.latent_dim) == (name, 3, "explaining_away", 2)
        assert own.model.covariance == covariance and own.training == settings.gaussian.training


@pytest.mark.parametrize("first, second, expected", [
    (("banana", "a"), ("donut", "b"), "its problem is donut, that of "),
    (("banana", "a"), ("banana", "a"), "has the name of "),
    (("banana", "mean_field"), None, "the name mean_field is a baseline's"),
])
def test_configs_that_do_not_go_together_are_refused(tmp_path, first, second, expected):
    paths = [written(tmp_path / ("%d.yaml" % number), small(*names)) for number, names in enumerate((first, second)) if names]
    with pytest.raises(InputError, match=expected):
        posterior_comparison.compare(paths, BASELINES, [0], str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("old, new, expected", [
    ("n_chains: 50", "n_chains: 1", "hmc.n_chains"), ("n_chains: 50", "n_chain: 50", "hmc.n_chain"),
    ("hmc:", "mcmc:", "hmc"), ("nuts:", "nutz:", "nuts"), ("max_tree_depth: 6", "max_tree_depth: 11", "nuts.max_tree_depth"),
    ("[1, 0.6, 0.36]", "[1, 0.6, 0.6]",
     "replica_exchange.inverse_temperatures: must be a list of 2 to 100 numbers that fall from 1 and stay above 0"),
    *(("[1, 0.6, 0.36]", text, "replica_exchange.inverse_temperatures: must be a list")
      for text in ("[0.9, 0.6]", "[1]", "[1, 0]", "1", "[1, yes]", "[1, .nan]")),
    ("batch_size: 500", "batch_size: 501", "problem.batch_size"),
])
def test_bad_baselines_are_one_clear_line(tmp_path, old, new, expected):
    with open(BASELINES) as file:
        (tmp_path / "bad.yaml").write_text(file.read().replace(old, new))
    with pytest.raises(InputError, match=expected.replace(".", "[.]")) as error:
        posterior_comparison.compare([os.path.join(CONFIGS, "explaining_away.yaml")], str(tmp_path / "bad.yaml"), [0],
                                     str(tmp_path / "out"))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_model_of_images_is_refused(tmp_path):
    result = run_script("compare_posteriors.py", "--config", os.path.join(ROOT, "configs", "synthetic.yaml"), "--out",
                        str(tmp_path / "out"))
    assert_one_clear_line(result, "a model of images")


def test_the_published_comparison_is_of_every_problem():
    kinds = []
    for names in posteriors.CONFIGS:
        configs = [load_config(os.path.join(CONFIGS, name + ".yaml")) for name in names]
        assert {config.problem.kind for config in configs} == {configs[0].problem.kind}
        assert [config.name for config in configs] == list(names)
        kinds.append(configs[0].problem.kind)
    assert sorted(kinds) == sorted(GIVEN_POSTERIORS)


def test_draws_are_kept_whose_settings_have_a_list(tmp_path):
    path, z = str(tmp_path / "replica_exchange_seed_0"), np.zeros((1, 2, 3), np.float32)
    wanted, metrics = {"settings": {"inverse_temperatures": (1.0, 0.5)}}, {"cpu_seconds": 1.0}
    files.write_arrays(path + ".npz", z=z)
    files.write_json(path + ".json", dict(metrics, made_by=wanted, sha256=posterior_comparison._digest(metrics, z)))
    assert posterior_comparison._is_kept(path, wanted)
    assert not posterior_comparison._is_kept(path, {"settings": {"inverse_temperatures": (1.0, 0.4)}})
