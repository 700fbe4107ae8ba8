import json

import pytest
from conftest import assert_one_clear_line, run_script, small, synthetic
from test_networks import vae_config

from avb_tf1 import comparison
from avb_tf1.config import to_yaml
from avb_tf1.errors import InputError

METRICS = {"log_likelihood": -1.4, "reconstruction_error": 0.005, "elbo": -1.42, "kl_marginal_prior": 0.03}


def folder(path, config, **metrics):
    path.mkdir()
    (path / "config.yaml").write_text(to_yaml(config))
    (path / "metrics.json").write_text(json.dumps(dict(METRICS, **metrics)))
    return str(path)


def cells(table, config, metric):
    row = next(line for line in table.splitlines() if line.startswith("| %s | %s |" % (config, metric)))
    return [cell.strip() for cell in row.split("|")[3:-1]]


def test_mean_and_spread_over_seeds_beside_the_published_number(tmp_path):
    folders = [folder(tmp_path / str(seed), synthetic("seed=%d" % seed), log_likelihood=value)
               for seed, value in enumerate((-1.40, -1.42, -1.44))]
    table = comparison.markdown(comparison.read_runs(folders))
    assert cells(table, "synthetic", "log-likelihood") == ["-1.4030 (recalled)", "-1.3863", "-1.4200 ± 0.0200", "3"]
    assert "synthetic: log-likelihood is -1.4200 ± 0.0200, the paper's -1.4030 within twice the spread." in table
    assert "kl_posterior" not in table


def test_verdicts_know_what_is_better(tmp_path):
    group = comparison.read_runs([folder(tmp_path / "a", synthetic(), log_likelihood=-1.39, elbo=-1.5,
                                         reconstruction_error=0.001, kl_marginal_prior=0.05)])
    table = comparison.markdown(group)
    assert "log-likelihood is -1.3900, better than the paper's -1.4030 by 0.0130." in table
    assert "ELBO is -1.5000, worse than the paper's -1.4210 by 0.0790." in table
    assert "reconstruction error (nats per pixel) is 0.0010, better than" in table
    assert "KL(q(z), p(z)) is 0.0500, worse than" in table


def test_configs_are_kept_apart_and_in_order(tmp_path):
    folders = [folder(tmp_path / "a", vae_config()), folder(tmp_path / "b", small()),
               folder(tmp_path / "c", small("seed=1", "runtime.inter_op_threads=1")),
               folder(tmp_path / "d", small("training.n_iterations=21"))]
    groups = comparison.read_runs(folders)
    assert [(group.config.model.kind, group.seeds) for group in groups] == [("vae", (0,)), ("avb", (0, 1)), ("avb", (0,))]
    assert "-1.5680 (recalled)" in comparison.markdown(groups[:1])


def test_groups_are_called_by_what_varies(tmp_path):
    folders = [folder(tmp_path / str(number), synthetic(*overrides)) for number, overrides in enumerate((
        ["training.generator.learning_rate=1e-3"],
        ["training.generator.learning_rate=1e-3", "seed=1", "runtime.inter_op_threads=1"],
        ["data.batch_size=64"], ["data.batch_size=64", "training.generator.learning_rate=1"]))]
    table = comparison.markdown(comparison.read_runs(folders))
    assert cells(table, "batch_size=512, generator.learning_rate=0.001", "ELBO")[-1] == "2"
    assert "- batch_size=64, generator.learning_rate=1: ELBO is" in table
    assert "inter_op_threads" not in table and "synthetic" not in table


def test_infinite_values_are_said(tmp_path):
    table = comparison.markdown(comparison.read_runs([folder(tmp_path / "a", synthetic(), kl_marginal_prior=None, elbo=None)]))
    assert "ELBO is infinite, worse than" in table
    assert cells(table, "synthetic", "KL(q(z), p(z))")[2] == "infinite"
    assert "by infinite" not in table


def test_each_row_has_a_verdict(tmp_path):
    def verdicts(name, **metrics):
        group = comparison.read_runs([folder(tmp_path / name, synthetic(), **metrics)])
        return {row.metric: row.verdict for row in comparison.rows(group)}

    found = verdicts("a", kl_posterior_prior=1.40, kl_discriminator=1.25, inference_gap=0.02, elbo=None)
    assert found == {
        "log_likelihood": "better than the paper's -1.4030 by 0.0030",
        "reconstruction_error": "better than the paper's 0.0058 by 0.0008",
        "elbo": "worse than the paper's -1.4210", "kl_marginal_prior": "worse than the paper's 0.0260 by 0.0040",
        "kl_posterior_prior": "0.0137 from the optimum", "kl_discriminator": "lower than the true one by 0.1500",
        "inference_gap": "0.0200 from the optimum"}
    found = verdicts("b", kl_posterior_prior=None, kl_discriminator=1.25)
    assert (found["kl_posterior_prior"], found["kl_discriminator"]) == ("infinite", "lower than the true one")


def test_bad_folders(tmp_path):
    same = [folder(tmp_path / name, synthetic()) for name in "ab"]
    with pytest.raises(InputError, match="with seed 0 too"):
        comparison.read_runs(same)
    (tmp_path / "a" / "metrics.json").write_text("{")
    with pytest.raises(InputError, match="can't read the metrics"):
        comparison.read_runs(same[:1])
    (tmp_path / "a" / "metrics.json").write_text(json.dumps(dict(METRICS, elbo="low")))
    with pytest.raises(InputError, match="numbers"):
        comparison.read_runs(same[:1])


def test_compare_script(tmp_path):
    result = run_script("compare.py", folder(tmp_path / "a", synthetic()))
    assert result.returncode == 0 and "| synthetic | ELBO |" in result.stdout
    assert_one_clear_line(run_script("compare.py", tmp_path / "absent"), "absent", "not a finished run")
