"""Which pages of docs are of this state of the code, and what makes the others again."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from helpers import ROOT, assert_one_clear_line, call_script, small

from avb_tf1.config.loading import load_config
from avb_tf1.ground import stopping
from avb_tf1.ground.errors import InputError
from avb_tf1.reproduction import digits, documents, image_models, rivals
from avb_tf1.reproduction.records import Records
from avb_tf1.reproduction.rivals_search import RivalsRuns
from avb_tf1.runs import provenance, run_folder

CONFIGS = os.path.join(ROOT, "configs")
HERE = provenance.made_by_text([], [small("seed=1"), small("seed=2")])


@pytest.fixture
def docs(tmp_path, monkeypatch):
    """A folder of all pages, of this state of the code, and of two configs each."""
    monkeypatch.setattr(documents, "PAGES", tuple(
        page._replace(configs=lambda configs_folder, docs: [small("seed=2"), small("seed=1")]) for page in documents.PAGES))
    for page in documents.PAGES:
        (tmp_path / page.file).write_text("# A page\n\n%s\n" % HERE)
    return tmp_path


def test_good_pages_are_good(docs, capsys):
    documents.check(str(docs), CONFIGS)
    assert capsys.readouterr().out == "All %d pages are of this state of the code.\n" % len(documents.PAGES)


@pytest.mark.parametrize("text, told", [
    (None, "it is not there"), ("# A page\n", "it doesn't say which code made it"),
    (HERE.replace(provenance.code()["training_code"], "0" * 12), "made by training code 000000000000, evaluation code"),
    (provenance.made_by_text([], [small("seed=1")]), "made with other configs than are here"),
    (HERE.replace(", configs", ""), "made with other configs than are here"),
    (HERE + "\n\n**A draft: seed 0 alone; 3 of 9 rows are missing.**", "a draft: seed 0 alone; 3 of 9 rows are missing"),
    (HERE + " 2 of 9 runs were trained by other code (a) than this (b).", "2 of 9 runs were trained by other code")])
def test_what_is_wrong_with_a_page_is_told_with_what_mends_it(docs, capsys, text, told):
    path = docs / "digits.md"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(InputError, match="1 of 10 pages are not of this state of the code"):
        documents.check(str(docs), CONFIGS)
    line = capsys.readouterr().out
    assert line.startswith("%s: " % path) and told in line and line.endswith("; make digits\n") and line.count("\n") == 1


def text_of(*names):
    with open(os.path.join(ROOT, *names), encoding="utf-8") as file:
        return file.read()


def test_every_page_that_names_its_code_is_among_them_and_has_a_target():
    assert all("\n%s: " % page.target in text_of("Makefile") for page in documents.PAGES)
    assert {name for name in os.listdir(os.path.join(ROOT, "docs")) if name.endswith(".md") and "Made by avb_tf1" in text_of(
        "docs", name)} <= {page.file for page in documents.PAGES}


@pytest.mark.long
def test_a_page_knows_the_configs_of_all_its_runs():
    digests = [page.digest(CONFIGS, os.path.join(ROOT, "docs")) for page in documents.PAGES]
    assert len(set(digests)) == len(digests)
    folder = RivalsRuns(CONFIGS, "", "", os.path.join(ROOT, "docs"))
    n_methods = sum(map(len, folder.rivals.values()))
    assert len(rivals.configs(folder)) == 5 * (n_methods + sum(map(len, folder.chosen.values())))
    assert len(digits.configs(folder)) == 5 * 9 + 3 * 9
    assert len(image_models.ImageRuns(image_models.MNIST, CONFIGS, "", "").configs()) == 28


@pytest.mark.slow
def test_every_run_has_a_place_of_its_own():
    for page in (page for page in documents.PAGES if page.runs is not None):
        runs = page.runs(os.path.join(ROOT, "configs"), "runs")
        assert all(folder.endswith("_seed_%d" % config.seed) and folder.startswith("runs" + os.sep) for config, folder in runs)
        assert len({folder for _, folder in runs}) == len(runs)


def test_what_is_missing_is_swept_with_its_seeds(tmp_path, monkeypatch):
    runs = [(small("seed=%d" % seed, "name=%s" % name), str(tmp_path / "of" / ("called_%s_seed_%d" % (name, seed))))
            for name, seeds in (("a", (0, 1)), ("b", (0, 1)), ("c", (0, 1))) for seed in seeds]
    page = documents.Page("digits.md", "digits", lambda configs, folder: runs, "digits", 1, "kept.csv")
    monkeypatch.setattr(run_folder, "is_finished", lambda folder, config: folder.endswith("called_b_seed_1"))
    found = list(documents.commands(page, "configs", str(tmp_path), "python"))
    *sweeps, last = found
    assert last == ["make", "digits", "RUNS=%s" % tmp_path]
    told = {sweep[sweep.index("--seeds") + 1]: sweep[sweep.index("--config") + 1:sweep.index("--seeds")] for sweep in sweeps}
    assert {seeds: [os.path.basename(path) for path in paths] for seeds, paths in told.items()} == {
        "0,1": ["called_a.yaml", "called_c.yaml"], "0": ["called_b.yaml"]}
    config = load_config(told["0"][0])
    assert config.runtime.inter_op_threads == 1 and config.name == "called_b"
    assert {sweep[-1] for sweep in sweeps} == {str(tmp_path / "of")}


def test_lines_of_other_code_are_away_while_their_runs_are_made_and_come_back_if_they_are_not(tmp_path):
    page, path = documents.Page("digits.md", "digits", None, "digits", 1, "kept.csv"), tmp_path / "kept.csv"
    with documents.of_this_code_alone(page, str(tmp_path)):  # there is none
        assert not path.exists()
    head = "run,config,training_code,evaluation_code,seed,n_iterations,cpu_seconds\n"
    of_this, *of_other = ("a,1,%(training_code)s,%(evaluation_code)s,0,3,4\nb,1,000000000000,%(evaluation_code)s,0,3,4\n"
                          "c,1,%(training_code)s,000000000000,0,3,4\n" % provenance.code()).splitlines(True)
    made = of_this.replace("a,1", "b,2")

    def lines():
        return [line.split(",", 2)[:2] for line in path.read_text().splitlines()[1:]]

    path.write_text(head + of_this + "".join(of_other))
    with pytest.raises(KeyError), documents.of_this_code_alone(page, str(tmp_path)):
        assert lines() == [["a", "1"]]
        path.write_text(head + of_this + made)  # one was made before the failure
        raise KeyError
    assert lines() == [["a", "1"], ["b", "2"], ["c", "1"]]
    with documents.of_this_code_alone(page, str(tmp_path)):
        assert lines() == [["a", "1"], ["b", "2"]]
    assert lines() == [["a", "1"], ["b", "2"]]
    assert Records(str(path), None).drop_other_code() == []


@pytest.mark.slow
def test_a_script_can_run_a_command(tmp_path):
    """Its processes lead a group of their own from the start."""
    code = ("from avb_tf1.ground import command_line; command_line.begin(); from avb_tf1.reproduction import documents; "
            "raise SystemExit(documents.run(['sh', '-c', 'exit 7'], '.'))")
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (7, "")


def test_a_command_is_run_without_the_words_of_a_make_around_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", " -- ARGS=--pages")
    monkeypatch.setenv("MAKEOVERRIDES", "${-*-command-variables-*-}")
    monkeypatch.setenv("ARGS", "--pages")
    monkeypatch.setenv("SEEDS", "7")
    (tmp_path / "Makefile").write_text("SEEDS ?= 0\nall:\n\t@echo '$(ARGS) $(SEEDS)' > told\n\t@exit 3\n")
    assert documents.run(["make", "--silent"], str(tmp_path)) == 2
    assert (tmp_path / "told").read_text() == " 0\n"


def test_a_signal_goes_on_to_all_that_a_command_started(tmp_path):
    text = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: open('told', 'w')); time.sleep(60)"
    (tmp_path / "Makefile").write_text("all:\n\t@%s -c \"%s\"\n" % (sys.executable, text))

    def end_it():
        time.sleep(2)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_it).start()
    with pytest.raises(stopping.Stopped, match="the same command goes on"):
        documents.run(["make", "--silent"], str(tmp_path))
    deadline = time.time() + 10
    while not (tmp_path / "told").exists():
        assert time.time() < deadline
        time.sleep(0.05)


def test_the_script_says_what_it_can_make():
    assert_one_clear_line(call_script("documents.py", "make", "--docs", "."), "--docs: of check only")
    assert_one_clear_line(call_script("documents.py", "make", "--pages", "results.md"), "--pages results.md: must be among")
