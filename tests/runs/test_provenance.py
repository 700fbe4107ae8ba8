"""What a run says about the code and the machine that made it."""

import ast
import json
import os
import shutil
import subprocess
import sys

import pytest
import shared_runs
from helpers import ROOT, assert_one_clear_line, call_script, run_script, small

from avb_tf1.config.fingerprint import fingerprint
from avb_tf1.config.loading import to_yaml
from avb_tf1.experiment import run as experiment
from avb_tf1.ground import cpu
from avb_tf1.ground.errors import InputError
from avb_tf1.reproduction import paper
from avb_tf1.runs import metrics_file, provenance, run_folder
from avb_tf1.tasks.registry import TASKS
from avb_tf1.training import checkpoint

SOURCE = '"""About it."""\n\ndef f(x):\n    """Twice x."""\n    return 2 * x  # exact\n'


def test_a_digest_changes_with_the_code_and_with_nothing_else():
    same = "def f(x):\n\n    return (2*x)\n"
    assert provenance.digest([SOURCE]) == provenance.digest([same])
    for other in (SOURCE.replace("2 * x", "2 + x"), SOURCE.replace("return", "yield"), SOURCE + "y = 1\n",
                  SOURCE.replace("2 * x", "3 * x"), SOURCE.replace("2 * x", "2.0 * x"), SOURCE.replace("(x)", "(x=1)"),
                  SOURCE.replace("f(x)", "g(x)")):
        assert provenance.digest([SOURCE]) != provenance.digest([other])
    assert provenance.digest([SOURCE, same]) != provenance.digest([SOURCE])


def test_a_digest_is_the_same_in_each_process():
    """A set of texts has another order in each."""
    code = ("from avb_tf1.runs import provenance; "
            "print(provenance.digest([\"def f(x):\\n return x in {'a', 'b', 'c', 'd'} or x == ({1, 2},)\"]))")
    assert len({subprocess.run([sys.executable, "-c", code], env=dict(os.environ, PYTHONPATH=ROOT, PYTHONHASHSEED=seed),
                               stdout=subprocess.PIPE, check=True).stdout for seed in "123"}) == 1


def imported(module):
    """The package's modules that a module of it imports, at its top or in a function."""
    with open(os.path.join(ROOT, "avb_tf1", module + ".py")) as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "avb_tf1":
            base = node.module.replace(".", "/")[len("avb_tf1/"):]
            for name in (alias.name for alias in node.names if alias.name != "__version__"):
                path = os.path.join(base, name)
                yield path if os.path.exists(os.path.join(ROOT, "avb_tf1", path + ".py")) else base


def reached_from(*modules):
    reached, waiting = set(), list(modules)
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting.extend(imported(module))
    return reached


def test_no_module_that_decides_bits_is_left_out():
    """Whatever the graph and the trainer import decides bits, but for types, errors, checks and how a file is opened."""
    def left_out(reached, names):
        return reached - set(provenance.modules_of(names))

    assert left_out(reached_from("graph/builder", "training/trainer"), provenance.TRAINING) == {
        "config/data", "config/experiments", "config/flows", "config/likelihoods", "config/models", "config/networks",
        "config/sections", "config/training",
        # What the trained networks are as functions of arrays, which training makes no use of.
        "estimation/densities", "estimation/likelihoods", "estimation/quadrature", "estimation/trained_networks",
        "estimation/density_grid", "ground/errors", "ground/files", "ground/stopping"}
    tasks = ["tasks/%s/task" % name for name in TASKS]
    measured = {*tasks, "training/snapshots"} | {module for task in tasks for module in imported(task)} | reached_from(
        *("tasks/%s/%s" % (name, module) for name in TASKS for module in ("measures", "view")), "problems/registry")
    assert left_out(measured, provenance.EVALUATION) == {
        "graph/networks", "ground/errors", "ground/files", "ground/progress", "ground/stopping", "ground/tensorflow",
        "runs/run_folder", "tasks/task", "training/checkpoint", "training/trainer",
        # What is read, drawn and told of a run is not measured.
        "tasks/known_images/published_rows", *(
            "tasks/%s/%s" % (name, module) for name in TASKS for module in ("contents", "figures", "page", "summary"))}


@pytest.mark.parametrize("module", ["problems/known_images/four_images", "graph/networks", "training/trainer"])
def test_a_change_anywhere_below_changes_the_digest(tmp_path, monkeypatch, module):
    """A folder stands for what is in its folders, too."""
    shutil.copytree(os.path.join(ROOT, "avb_tf1"), str(tmp_path / "avb_tf1"))
    monkeypatch.setattr(provenance, "_PACKAGE", str(tmp_path / "avb_tf1"))
    before = provenance.digest(provenance._sources(provenance.TRAINING))
    assert before == provenance.code()["training_code"]
    with open(str(tmp_path / "avb_tf1" / (module + ".py")), "a") as file:
        file.write("\nCHANGED = 1\n")
    assert provenance.digest(provenance._sources(provenance.TRAINING)) != before
    assert provenance.code()["training_code"] == before  # what was imported
    with pytest.raises(ValueError, match="no module or folder graph/nothing"):
        provenance.modules_of(["graph/nothing"])


def test_the_instruction_set_is_the_widest_that_the_cpu_has():
    with open("/proc/cpuinfo") as file:
        flags = next(line for line in file if line.startswith("flags")).split()
    wanted = next(name for name in ("avx512f", "avx2", "avx", "sse4_2", "sse4_1") if name in flags)
    assert cpu.facts()["instruction_set"] == wanted


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run of the small config."""
    return shared_runs.finished(tmp_path_factory.mktemp("finished") / "run", small("training.checkpoint_every=5"))


def edited_legs(folder, edit):
    """Rewrite a checkpoint's manifest with other legs, and with the checksum that fits them."""
    for path in folder.glob("checkpoint/model-*.json"):
        manifest = json.loads(path.read_text())["manifest"]
        edit(manifest["legs"])
        path.write_text(json.dumps({"manifest": manifest, "sha256": checkpoint._digest_of_manifest(manifest)}))


def test_metrics_and_timing_say_what_made_them(finished):
    metrics, made_by = metrics_file.read_metrics(str(finished), small("training.checkpoint_every=5"), TASKS["known_images"])
    assert made_by == dict(provenance.code(), training_code=[provenance.code()["training_code"]],
                           cpus=["%(cpu_model)s (%(instruction_set)s)" % cpu.facts()], fingerprint=fingerprint(small()))
    assert set(metrics) == set(json.loads((finished / "metrics.json").read_text())) - {"made_by"}
    timing = json.loads((finished / "timing.json").read_text())
    leg, = timing["legs"]
    assert (leg["first"], leg["last"], timing["n_trained"]) == (1, 20, 20)
    assert {name: timing[name] for name in provenance.leg()} == provenance.leg()


@pytest.mark.slow
def test_killed_after_its_last_checkpoint_a_run_still_knows_its_training(finished, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(str(finished), str(out))
    for name in ("metrics.json", "timing.json", "report.html"):
        (out / name).unlink()
    result = run_script("train.py", "--resume", out)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    before, after = (json.loads((folder / "timing.json").read_text()) for folder in (finished, out))
    assert before.pop("evaluation_seconds") > 0 and after.pop("evaluation_seconds") > 0
    assert before == after and after["n_trained"] == 20 and after["cpu_seconds"] > 0
    assert (out / "metrics.json").read_bytes() == (finished / "metrics.json").read_bytes()


@pytest.mark.slow
def test_another_kind_of_cpu_is_warned_of_and_recorded(finished, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(str(finished), str(out))
    (out / "metrics.json").unlink()
    for path in out.glob("checkpoint/model-20.*"):
        path.unlink()
    edited_legs(out, lambda legs: legs[0].update(cpu_model="Another CPU", instruction_set="avx2"))
    result = run_script("train.py", "--resume", out)
    assert result.returncode == 0, result.stderr
    line, = result.stderr.splitlines()
    assert line.startswith("warning: %s: " % out) and "Another CPU (avx2)" in line
    first, second = json.loads((out / "timing.json").read_text())["legs"]
    assert (first["cpu_model"], first["last"], second["first"], second["last"]) == ("Another CPU", 15, 16, 20)
    assert second["cpu_model"] == cpu.facts()["cpu_model"]


def test_a_checkpoint_of_an_earlier_version_is_named(finished, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(str(finished), str(out))
    for path in out.glob("checkpoint/model-*.json"):
        manifest = json.loads(path.read_text())["manifest"]
        del manifest["legs"]
        path.write_text(json.dumps({"manifest": manifest, "sha256": checkpoint._digest_of_manifest(manifest)}))
    assert_one_clear_line(call_script("evaluate.py", out), "an earlier version of avb_tf1 saved it")


def test_a_config_that_was_edited_after_the_run_is_told(finished, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(str(finished), str(out))
    (out / "config.yaml").write_text(to_yaml(small("training.generator.learning_rate=3e-4")))
    for script in ("compare.py", "report.py"):
        assert_one_clear_line(call_script(script, out), "metrics.json",
                              "training.generator.learning_rate is 0.0002 there and 0.0003 here")
    before = json.loads((finished / "metrics.json").read_text())
    del before["made_by"]
    (out / "metrics.json").write_text(json.dumps(before))
    assert_one_clear_line(call_script("compare.py", out), "metrics.json: doesn't say what it was made by")


@pytest.mark.slow
def test_what_other_code_measured_is_measured_again_and_what_it_trained_is_told(finished, tmp_path, monkeypatch, capsys):
    folder, configs = tmp_path / "runs", tmp_path / "configs"
    configs.mkdir()
    folder.mkdir()
    (configs / "small.yaml").write_text(to_yaml(small("training.checkpoint_every=5")))
    shutil.copytree(str(finished), str(folder / "small_seed_0"))
    wanted = [paper.Wanted("small", "small", (0,))]
    monkeypatch.setattr(experiment, "run_and_report", lambda *args, **kwargs: pytest.fail("run again"))
    made_by, = paper.ensure_runs(str(configs), str(folder), wanted)["small"].made_by
    assert provenance.other_code([made_by]) == [] and capsys.readouterr().out == ""

    # The same run, as if other code had trained and measured it.
    path = folder / "small_seed_0" / "metrics.json"
    own = path.read_bytes()
    content = json.loads(own.decode())
    content["made_by"].update(evaluation_code="0" * 12)
    path.write_text(json.dumps(dict(content, elbo=-99.0)))
    edited_legs(folder / "small_seed_0", lambda legs: legs[0].update(training_code="1" * 12))
    monkeypatch.undo()
    made_by, = paper.ensure_runs(str(configs), str(folder), wanted)["small"].made_by
    assert json.loads(path.read_text()) == dict(
        json.loads(own.decode()), made_by=dict(json.loads(own.decode())["made_by"], training_code=["1" * 12]))
    told = "1 of 1 runs were trained by other code (%s) than this (%s)." % ("1" * 12, provenance.code()["training_code"])
    assert told in capsys.readouterr().out
    assert told in provenance.made_by_text([made_by], [])


def test_a_page_names_the_cpus_that_its_runs_were_trained_on():
    own = {"training_code": [provenance.code()["training_code"]], "evaluation_code": provenance.code()["evaluation_code"]}
    for runs, told in (([dict(own, cpus=["B"]), dict(own, cpus=["A", "B"])], "A and B"), ([dict(own, cpus=["A"])], "A"),
                       ([own, dict(own, cpus=["A"])], "A and a CPU that isn't named"),
                       ([], "%(cpu_model)s (%(instruction_set)s)" % cpu.facts())):
        text = provenance.made_by_text(runs, [])
        assert " on %s, " % told in text
        assert text.endswith("seconds of one don't compare with those of another.") == (" and " in told)


def test_a_run_of_another_config_is_still_refused(finished):
    with pytest.raises(InputError, match="made by another config: seed is 0 there and 1 here"):
        metrics_file.read_metrics(str(finished), small("seed=1"), TASKS["known_images"])
    assert run_folder.is_complete(str(finished))
