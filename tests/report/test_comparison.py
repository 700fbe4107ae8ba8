import json
import math
import re

import numpy as np
import pytest
from helpers import assert_one_clear_line, call_script, run_script, small, synthetic, vae_config

from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.ground.errors import InputError
from avb_tf1.page import numbers
from avb_tf1.problems.known_images import four_images
from avb_tf1.report import comparison
from avb_tf1.runs import metrics_file
from avb_tf1.tasks.known_images import measures, published_rows

METRICS = {"log_likelihood": -1.4, "reconstruction_error": 0.005, "elbo": -1.42, "kl_marginal_prior": 0.03}


def folder(path, config, **metrics):
    path.mkdir()
    (path / "config.yaml").write_text(to_yaml(config))
    (path / "metrics.json").write_text(json.dumps(metrics_file.with_made_by(dict(METRICS, **metrics), config, [])))
    return str(path)


def cells(table, config, metric):
    row = next(line for line in table.splitlines() if line.startswith("| %s | %s |" % (config, metric.replace("|", "\\|"))))
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)[3:-1]]


def test_mean_and_spread_over_seeds_beside_the_published_number(tmp_path):
    folders = [folder(tmp_path / str(seed), synthetic("seed=%d" % seed), log_likelihood=value)
               for seed, value in enumerate((-1.40, -1.42, -1.44))]
    table = comparison.markdown(comparison.read_runs(folders))
    assert cells(table, "synthetic", "log-likelihood") == [
        "-1.403 (recalled)", "-1.3863", "-1.4200 ± 0.0200", "-1.4400", "3", "not distinguishable from published"]
    assert numbers.RULE in " ".join(table.split()) and "kl_posterior" not in table


def group_of(n, **metrics):
    """A RunGroup of n seeds; a metric is its value, or (mean, standard deviation, standard error of each estimate)."""
    runs = [dict(METRICS) for _ in range(n)]
    for name, value in metrics.items():
        mean, spread, error = value if isinstance(value, tuple) else (value, 0, 0)
        for run, z in zip(runs, math.sqrt((n - 1) / n) * (-1.0)**np.arange(n) if n > 1 else [0]):
            run[name] = None if mean is None else mean + spread * z
            run[name + "_standard_error"] = error
    return numbers.RunGroup("synthetic", synthetic(), tuple(range(n)), tuple(runs))


def test_verdicts_know_that_the_published_number_is_of_one_run():
    def standings(n, spread, error=0.0):
        return [next(row.standing for row in published_rows.rows([group_of(n, kl_marginal_prior=(mean, spread, error))])
                     if row.metric == "kl_marginal_prior") for mean in (0.0872, 0.0266, 0.0264, 0.0166)]

    # 0.0872 is 0.0607 from all that rounds to 0.026; Student's t by a table.
    for n, t in ((2, 12.706), (6, 2.571)):
        least = 0.0607 / t / math.sqrt(1 + 1 / n)
        assert [standings(n, least * factor)[0] for factor in (0.99, 1.01)] == ["worse", "not distinguishable"]
    # However many seeds there are, one run may lie 1.96 times its spread away.
    assert standings(1000, 0.031)[0] == "not distinguishable"
    # What rounds to 0.026 is equal to it, however exact the mean is.
    assert standings(4, 0.0) == ["worse", "worse", "not distinguishable", "better"]
    # 0.0094 - 0.0005 away; the estimates' own errors: 0.02 each, the mean's of four is 0.01, of 25 it is 0.004.
    assert standings(4, 0.0, 0.02)[3] == "not distinguishable" and standings(25, 0.0, 0.02)[3] == "better"
    # A single run is on one side, or not told apart.
    assert standings(1, 0.0, 0.0) == ["on the worse side"] * 2 + ["not distinguishable", "on the better side"]
    biased = group_of(4, elbo=(-1.4, 0.06, 0.08))
    for run, bias in zip(biased.metrics, (0.01, 0.02, 0.03, 0.04)):
        run["elbo_bias_left"] = bias
    one, four, none = (numbers.Row(group, "elbo", measures.METRICS["elbo"]).least_difference for group in (
        group_of(1, elbo=(-1.4, 0.0, 0.08)), biased, group_of(4, elbo=None)))
    assert one == pytest.approx(0.16) and none is None
    assert four == pytest.approx(3.18245 * math.sqrt(0.06**2 * 1.25 + 0.04**2) + 0.025, rel=1e-4)


def test_chance_alone_gives_a_verdict_in_one_of_twenty_columns():
    random_state, published, config = np.random.RandomState(0), four_images.PROBLEM.published["AVB"]["elbo"], synthetic()
    for n in (2, 5):
        told = 0
        for _ in range(2000):
            # The published run's own value, 0.5 away from ours at most, is where the difference is counted from.
            *ours, theirs = published.value + 0.1 * random_state.standard_normal(n + 1)
            runs = tuple(dict(METRICS, elbo=value - theirs + published.value) for value in ours)
            row, = (row for row in published_rows.rows([numbers.RunGroup("", config, tuple(range(n)), runs)])
                    if row.metric == "elbo")
            told += row.standing != "not distinguishable"
        assert 0.03 < told / 2000 < 0.07


def test_the_standard_error_of_a_mean_has_the_spread_and_the_estimates_own():
    error_of_four, error_of_one, none = (numbers.Row(group, "elbo", measures.METRICS["elbo"]).standard_error for group in (
        group_of(4, elbo=(-1.4, 0.06, 0.08)), group_of(1, elbo=(-1.4, 0.0, 0.08)), group_of(1, elbo=None)))
    assert error_of_four == pytest.approx(0.05) and error_of_one == 0.08 and none is None


def test_the_worst_seed_is_the_one_that_is_farthest_from_the_optimum():
    for metric, values, worst in (("elbo", (-1.5, -1.6, -1.4), -1.6), ("reconstruction_error", (0.1, 0.3, 0.2), 0.3)):
        runs = tuple(dict(METRICS, **{metric: value}) for value in values)
        rows = published_rows.rows([numbers.RunGroup("", synthetic(), (0, 1, 2), runs)])
        row, = (row for row in rows if row.metric == metric)
        assert row.worst == worst


def test_a_verdict_speaks_of_the_whole_row():
    one_run = " (one run, without a spread: no verdict)"
    good = dict(log_likelihood=-1.39, elbo=-1.40, reconstruction_error=0.001, kl_marginal_prior=0.01)
    for n, metrics, words in [
            (2, good, "better than the paper's AVB in every column"),
            (1, good, "on the better side of the paper's AVB in every column" + one_run),
            (2, dict(good, elbo=-1.4206), "better than the paper's AVB in 3 of 4 columns, not distinguishable in 1"),
            (2, dict(good, log_likelihood=-2, elbo=-3, reconstruction_error=0.3),
             "worse than the paper's AVB in 3 of 4 columns, better in 1"),
            (2, dict(good, log_likelihood=-2, elbo=-3), "worse than the paper's AVB in 2 of 4 columns, better in 2"),
            (2, dict(log_likelihood=-1.403, elbo=-1.421, reconstruction_error=0.00577, kl_marginal_prior=0.026),
             "not distinguishable from the paper's AVB in every column"),
            (1, dict(good, elbo=None, kl_marginal_prior=None),
             "on the worse side of the paper's AVB in 2 of 4 columns, on the better side in 2, with ELBO -infinite, with "
             "KL(q(z) || p(z)) infinite" + one_run)]:
        group = group_of(n, **metrics)
        assert published_rows.headline(group) == words
        assert "\n- synthetic: %s." % words in comparison.markdown([group])


def test_configs_are_kept_apart_and_in_order(tmp_path):
    folders = [folder(tmp_path / "a", vae_config()), folder(tmp_path / "b", small()),
               folder(tmp_path / "c", small("seed=1", "runtime.inter_op_threads=1")),
               folder(tmp_path / "d", small("training.n_iterations=21"))]
    groups = comparison.read_runs(folders)
    assert [(group.config.model.kind, group.seeds) for group in groups] == [("vae", (0,)), ("avb", (0, 1)), ("avb", (0,))]
    assert "-1.568 (recalled)" in comparison.markdown(groups[:1])


def test_groups_are_called_by_what_varies(tmp_path):
    folders = [folder(tmp_path / str(number), synthetic(*overrides)) for number, overrides in enumerate((
        ["training.generator.learning_rate=1e-3"],
        ["training.generator.learning_rate=1e-3", "seed=1", "runtime.inter_op_threads=1"],
        ["data.batch_size=64"], ["data.batch_size=64", "training.generator.learning_rate=1"]))]
    table = comparison.markdown(comparison.read_runs(folders))
    assert cells(table, "batch_size=512, generator.learning_rate=0.001", "ELBO")[-2] == "2"
    assert "- batch_size=64, generator.learning_rate=1: on the better side of the paper's AVB in " in table
    assert "inter_op_threads" not in table and "synthetic" not in table


def test_infinite_values_are_said(tmp_path):
    table = comparison.markdown(comparison.read_runs([folder(tmp_path / "a", synthetic(), kl_marginal_prior=None, elbo=None)]))
    assert cells(table, "synthetic", "ELBO")[2:] == ["-infinite", "", "1", "on the worse side of published"]
    assert cells(table, "synthetic", "KL(q(z) || p(z))")[2:] == ["infinite", "", "1", "on the worse side of published"]


def test_each_row_has_a_verdict(tmp_path):
    def verdicts(name, **metrics):
        group = comparison.read_runs([folder(tmp_path / name, synthetic(), **metrics)])
        return {row.metric: row.verdict for row in published_rows.rows(group)}

    found = verdicts("a", kl_posterior_prior=1.40, kl_discriminator=1.25, inference_gap=0.02, elbo=None)
    assert found == {
        "log_likelihood": "on the better side of published by 0.0030",
        "reconstruction_error": "on the better side of published by 0.0008",
        "elbo": "on the worse side of published", "kl_marginal_prior": "on the worse side of published by 0.0040",
        "kl_posterior_prior": "0.0137 from the optimum", "kl_discriminator": "lower than nearest neighbours have it by 0.1500",
        "inference_gap": "0.0200 from the optimum"}
    found = verdicts("b", kl_posterior_prior=None, kl_discriminator=1.25)
    assert (found["kl_posterior_prior"], found["kl_discriminator"]) == ("infinite", "lower than nearest neighbours have it")


def test_bad_folders(tmp_path):
    same = [folder(tmp_path / name, synthetic()) for name in "ab"]
    with pytest.raises(InputError, match="b: .*a holds a run of synthetic with seed 0 too"):
        comparison.read_runs(same)
    with pytest.raises(InputError, match="a/: given twice"):
        comparison.read_runs([same[0], same[0] + "/"])
    (tmp_path / "sweep.json").write_text("{}")
    with pytest.raises(InputError, match="a sweep's folder; give the folders of its runs"):
        comparison.read_runs([str(tmp_path)])
    (tmp_path / "a" / "metrics.json").write_text("{")
    with pytest.raises(InputError, match="metrics.json: can't be read"):
        comparison.read_runs(same[:1])


@pytest.mark.parametrize("metrics, words", [
    ([], "it is no mapping"), ({"elbo": -1.4}, "it has no log_likelihood, reconstruction_error, kl_marginal_prior"),
    (dict(METRICS, elbo="low"), "elbo must be a finite number, or null for an infinite one, not \"low\""),
    (dict(METRICS, elbo=math.nan), "elbo must be a finite number, or null for an infinite one, not NaN"),
    (dict(METRICS, elbo=-math.inf), "not -Infinity"), (dict(METRICS, elbo=True), "not true"),
    (dict(METRICS, elbo=10**400), "not 1000"),
    (dict(METRICS, elbo_standard_error=None), "elbo_standard_error must be a finite number, not null"),
    (dict(METRICS, elbo=None, elbo_standard_error=0), "elbo is null, which stands for an infinite one and has "
     "no standard error, but elbo_standard_error is 0"),
    (dict(METRICS, elbo_standard_error=-1), "elbo_standard_error can't be -1: it is at least 0"),
    (dict(METRICS, classification_accuracy=None), "classification_accuracy must be a finite number, not null")])
def test_metrics_that_are_no_numbers_are_named(tmp_path, metrics, words):
    path = folder(tmp_path / "a", synthetic())
    content = metrics_file.with_made_by(metrics, synthetic(), []) if metrics else metrics
    (tmp_path / "a" / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        comparison.read_runs([path])
    assert str(caught.value).startswith("%s/metrics.json: " % path) and words in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_infinities_are_said_with_their_sign():
    assert [numbers.number(None, measures.METRICS[name]) for name in ("elbo", "log_likelihood", "kl_marginal_prior")] == [
        "-infinite", "-infinite", "infinite"]
    assert numbers.number(-math.inf) == "-infinite" and numbers.obtained(math.inf, 0.5) == "infinite"


def test_compare_script(tmp_path):
    result = run_script("compare.py", folder(tmp_path / "a", synthetic()))
    assert result.returncode == 0 and "| synthetic | ELBO |" in result.stdout
    assert_one_clear_line(call_script("compare.py", tmp_path / "absent"), "absent", "no such folder")


def test_a_bar_in_a_cell_does_not_end_it():
    assert comparison.markdown_table(["a|b", "c"], [["1", "KL(q(z|x) || p)"]]) == [
        "| a\\|b | c |", "|---|---|", "| 1 | KL(q(z\\|x) \\|\\| p) |"]


def test_runs_of_different_posteriors_are_said_to_be_no_match(tmp_path):
    configs = [load_config("configs/posteriors/%s.yaml" % name, ["seed=%d" % seed]) for name, seed in (
        ("banana", 0), ("banana", 1), ("donut", 0))]
    words = "The configs are of different problems: their numbers can't be compared."
    for chosen, is_told in ((configs[:2], False), (configs, True)):
        runs = [numbers.RunGroup("%d" % n, config, (config.seed,), ({"elbo": -1.0, "methods": {}},))
                for n, config in enumerate(chosen)]
        assert (words in comparison.markdown(runs)) is is_told
