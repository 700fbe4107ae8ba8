"""What docs keep of runs: found in folders, written, read again."""

import math
import os

import pytest
from helpers import small

from avb_tf1.config.fingerprint import digest_of_fingerprint
from avb_tf1.estimation.quadrature import GridError
from avb_tf1.experiment.run import run_experiment
from avb_tf1.ground.errors import InputError
from avb_tf1.ground.files import write_json
from avb_tf1.reproduction.records import Records
from avb_tf1.runs.provenance import code
from avb_tf1.tasks.registry import task_of
from avb_tf1.training import trainer


def values(config, folder, metrics):
    return {"log_likelihood": metrics["log_likelihood"], "of": "theta 8, an image", "kl": math.inf,
            "of_each": (0.5, -math.inf)}


SHORT = ("training.n_iterations=2", "data.batch_size=4")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A config, and the folder of its run."""
    config, folder = small(*SHORT), str(tmp_path_factory.mktemp("runs") / "run")
    run_experiment(config, folder, show_progress=False)
    return config, folder


@pytest.mark.slow
def test_a_run_outlives_its_folder(run, tmp_path):
    path, (config, folder) = str(tmp_path / "runs.csv"), run
    found = Records(path, values).find(config, [str(tmp_path / "none"), folder])
    assert found.folder == folder and found.n_iterations == 2 and found.cpu_seconds > 0
    assert found.training_code == code()["training_code"] and found.made_by["training_code"] == [found.training_code]
    records = Records(path, values)
    records.find(config, [folder])
    records.write()
    again = Records(path, values)
    kept = again.find(config, [])
    assert kept.folder is None
    assert kept.values == dict(found.values, log_likelihood=pytest.approx(found.values["log_likelihood"], rel=1e-7))
    assert kept._replace(values=None, cpu_seconds=None) == found._replace(values=None, cpu_seconds=None, folder=None)
    assert kept.cpu_seconds == pytest.approx(found.cpu_seconds, rel=1e-3)
    before = (tmp_path / "runs.csv").read_bytes()
    again.write()
    assert (tmp_path / "runs.csv").read_bytes() == before


def test_a_line_is_of_one_config_and_seed(run, tmp_path):
    path, (config, folder) = str(tmp_path / "runs.csv"), run
    records = Records(path, values)
    records.find(config, [folder])
    records.write()
    for other in ("seed=1", "training.n_iterations=3", "name=other"):
        assert Records(path, values).find(small(*SHORT, other), []) is None
    assert Records(path, values).find(config, []).run == config.name


def test_a_blank_cell_is_no_value(run, tmp_path):
    path, (config, folder) = tmp_path / "runs.csv", run
    records = Records(str(path), values)
    records.find(config, [folder])
    records.write()
    path.write_text(path.read_text().replace(",inf,", ", ,"))
    assert set(Records(str(path), values).find(config, []).values) == {"log_likelihood", "of", "of_each"}


@pytest.mark.slow
def test_a_training_that_diverged_is_kept_as_one_and_not_tried_again(tmp_path, monkeypatch, capsys):
    config = small("training.generator.learning_rate=1", "model.decoder.n_hidden_layers=12", "data.batch_size=4",
                   "model.decoder.probability_margin=0", "training.n_iterations=100")
    out, folder = tmp_path / "out", str(tmp_path / "run")
    with pytest.raises(trainer.DivergenceError):
        run_experiment(config, folder, show_progress=False)
    for kept in (folder, "gone"):
        records = Records(str(tmp_path / "runs.csv"), values)
        found = records.find(config, [kept])
        assert found.has_diverged and "is not finite at iteration" in found.values["diverged"] and found.cpu_seconds > 0
        records.still_to_run([(config, found)], str(out))
        assert os.listdir(str(out)) == [] and "0 of 1 runs are still to be made" in capsys.readouterr().out
    assert Records(str(tmp_path / "none.csv"), values).find(small(*SHORT), [folder]) is None
    monkeypatch.setitem(code(), "evaluation_code", "another")
    assert Records(str(tmp_path / "none.csv"), values).find(config, [folder]).has_diverged
    monkeypatch.setitem(code(), "training_code", "another")  # in which the cause may be mended
    assert all(Records(str(tmp_path / name), values).find(config, [folder]) is None for name in ("none.csv", "runs.csv"))


@pytest.mark.slow
def test_a_run_that_can_not_be_measured_is_tried_again_by_other_code(tmp_path, monkeypatch):
    config, folder = small(*SHORT), str(tmp_path / "run")

    def measure(*_):
        raise GridError("too sharp")

    with monkeypatch.context() as patch:
        patch.setattr(type(task_of(config)), "measure", measure)
        with pytest.raises(GridError):
            run_experiment(config, folder, show_progress=False)
    found = Records(str(tmp_path / "runs.csv"), values).find(config, [folder])
    assert found.values == {"diverged": "too sharp"} and found.n_iterations == 2 and found.cpu_seconds > 0
    with monkeypatch.context() as patch:
        patch.setitem(code(), "evaluation_code", "another")
        assert Records(str(tmp_path / "runs.csv"), values).find(config, [folder]) is None
    run_experiment(config, folder, show_progress=False)
    assert not Records(str(tmp_path / "runs.csv"), values).find(config, [folder]).has_diverged
    assert not (tmp_path / "run" / "diverged.json").exists()


def test_a_finished_run_of_this_code_outlives_one_that_diverged(run, tmp_path):
    config, folder = run
    records = Records(str(tmp_path / "runs.csv"), values)
    records.find(config, [folder])
    (tmp_path / "run").mkdir()
    write_json(str(tmp_path / "run" / "diverged.json"), dict(
        code(), config=digest_of_fingerprint(config), reason="NaN", cpu_seconds=1))
    assert not records.find(config, [str(tmp_path / "run")]).has_diverged
    assert Records(str(tmp_path / "none.csv"), values).find(config, [str(tmp_path / "run")]).has_diverged


def test_what_is_missing_is_written_once_for_all_its_seeds(run, tmp_path, monkeypatch, capsys):
    config, folder = run
    others = [small(*SHORT, "name=other", "seed=%d" % seed) for seed in (3, 5)]

    def wanted(records):
        return [(own, records.find(own, [folder])) for own in (config, *others)]

    out = tmp_path / "out"
    records = Records(str(tmp_path / "runs.csv"), values)
    records.still_to_run(wanted(records), str(out))
    assert [str(path.relative_to(out)) for path in out.rglob("*.yaml")] == ["3,5/other.yaml"]
    assert "2 of 3 runs are still to be made, by the configs in %s\n" % out == capsys.readouterr().out
    (out / "3,5" / "mine.yaml").write_text("mine")
    monkeypatch.setitem(code(), "evaluation_code", "another")
    records = Records(str(tmp_path / "none.csv"), values)
    records.still_to_run(wanted(records)[:1], str(out))
    assert capsys.readouterr().out == (
        "0 of 1 runs are still to be made, by the configs in %s, and 1 to be measured again\n" % out)
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.*")) == [
        "%d/%s.yaml" % (config.seed, config.name), "3,5/mine.yaml"]  # the other is no longer wanted


@pytest.mark.parametrize("text, told", [
    ("run,seed\na,b\n", "config"), ("\0", "line contains NUL"), ("run,seed,config\na,1\n", "another number of columns")])
def test_a_damaged_file_is_told_in_one_line(tmp_path, text, told):
    path = tmp_path / "runs.csv"
    path.write_text(text)
    with pytest.raises(InputError, match="runs.csv: can't be read: .*%s" % told):
        Records(str(path), values)
