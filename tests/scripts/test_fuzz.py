"""Generated bad input: one clear line, exit code 2, and nothing of the user's changed."""

import copy
import importlib.util
import os
import shutil
import sys
import threading

import hypothesis.strategies as st
import pytest
import yaml
from helpers import LONGER, ROOT, SYNTHETIC, run_script, set_options
from hypothesis import HealthCheck, given, settings

from avb_tf1.config.loading import load_config
from avb_tf1.experiment import run as experiment
from avb_tf1.ground import command_line, stopping
from avb_tf1.ground.errors import InputError
from avb_tf1.runs import run_folder
from avb_tf1.training import checkpoint

spec = importlib.util.spec_from_file_location("train_script", os.path.join(ROOT, "scripts", "train.py"))
train_script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(train_script)

with open(SYNTHETIC, encoding="utf-8") as file:
    TUTORIAL = yaml.safe_load(file)

LIMITS = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


class Accepted(Exception):
    """Training would have begun."""


def files_below(folder):
    found = {}
    for parent, _, names in os.walk(str(folder)):
        for name in names:
            with open(os.path.join(parent, name), "rb") as file:
                found[os.path.join(parent, name)] = file.read()
    return found


def train(capsys, monkeypatch, *arguments):
    """Run scripts/train.py's main up to where training would begin; return (exit code, or None if it began, stderr)."""
    def begin(*_, **__):
        raise Accepted

    monkeypatch.setattr(sys, "argv", ["train.py"] + [str(argument) for argument in arguments])
    monkeypatch.setattr(experiment, "opened_model", begin)
    monkeypatch.setattr(stopping, "last_word", threading.Lock())  # a process has only one
    capsys.readouterr()
    try:
        command_line.run(train_script.main)
        code = 0
    except SystemExit as end:
        code = end.code
    except Accepted:
        code = None
    return code, capsys.readouterr().err


def assert_refused(code, stderr):
    assert code == 2 and "Traceback" not in stderr, (code, stderr)
    assert stderr.splitlines()[-1].startswith(("error: ", "train.py: error: ")), stderr


def dotted(tree, prefix=()):
    for key, value in tree.items():
        yield prefix + (key,)
        if isinstance(value, dict):
            yield from dotted(value, prefix + (key,))


KEYS = sorted(dotted(TUTORIAL))
BAD = st.one_of(
    st.none(), st.booleans(), st.just([]), st.just({}), st.just({"a": 1}), st.integers(max_value=-1), st.just(10**40),
    st.just(float("nan")), st.just(float("inf")), st.floats(max_value=-1e-9, allow_nan=False),
    st.text(alphabet="abc/\\. \n{}:&*!%", max_size=12), st.lists(st.integers(), max_size=3), st.dates())


@st.composite
def bad_trees(draw):
    tree = copy.deepcopy(TUTORIAL)
    *parents, key = draw(st.sampled_from(KEYS))
    node = tree
    for word in parents:
        node = node[word]
    what = draw(st.sampled_from(["remove", "replace", "misspell", "add"]))
    if what == "remove":
        del node[key]
    elif what == "replace":
        node[key] = draw(BAD)
    elif what == "misspell":
        node[key + draw(st.sampled_from(["s", "_", "x"]))] = node.pop(key)
    else:
        node[draw(st.text(min_size=1, max_size=8))] = 1
    return tree


def is_valid(path):
    try:
        load_config(str(path))
        return True
    except InputError:
        return False


@LIMITS
@given(tree=bad_trees())
def test_bad_configs(tmp_path, capsys, monkeypatch, tree):
    path, out = tmp_path / "config.yaml", tmp_path / "run"
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    if is_valid(path):  # e.g. linear_decay: null put in the place of null
        return
    before = files_below(tmp_path)
    code, stderr = train(capsys, monkeypatch, "--config", path, "--out", out)
    assert_refused(code, stderr)
    assert stderr.count("\n") == 1 and str(path) in stderr
    assert files_below(tmp_path) == before and not out.exists()


@LIMITS
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode),
                         st.text(alphabet="a: -[]{}&*!|>'\"\n\t", max_size=60).map(str.encode)))
def test_files_that_are_no_config(tmp_path, capsys, monkeypatch, content):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    code, stderr = train(capsys, monkeypatch, "--config", path, "--out", tmp_path / "run")
    assert_refused(code, stderr)
    assert stderr.count("\n") == 1 and path.read_bytes() == content and not (tmp_path / "run").exists()


@LIMITS
@given(override=st.one_of(
    st.text(max_size=20), st.builds("{}={}".format, st.sampled_from([".".join(key) for key in KEYS]), st.text(max_size=12)),
    st.builds("{}={}".format, st.text(max_size=12), st.integers())))
def test_bad_overrides(tmp_path, capsys, monkeypatch, override):
    try:
        load_config(SYNTHETIC, [override])
        return
    except InputError:
        pass
    code, stderr = train(capsys, monkeypatch, "--config", SYNTHETIC, "--out", tmp_path / "run", "--set=" + override)
    assert_refused(code, stderr)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", [
    "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "!!python/object/apply:os.system ['touch hacked']", "[" * 100000,
    "{a: " * 5000, "a: !!binary aGk=", "- " * 40000, "x" * 100000000],
    ids=["aliases", "tag", "deep_list", "deep_mapping", "binary", "deep_items", "100_MB"])
def test_hostile_yaml_is_refused(tmp_path, capsys, monkeypatch, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert_refused(*train(capsys, monkeypatch, "--config", path, "--out", tmp_path / "run"))
    assert os.listdir(str(tmp_path)) == ["config.yaml"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("fuzz") / "finished"
    result = run_script("train.py", "--config", SYNTHETIC, "--out", out, "--no-progress", *set_options(LONGER))
    assert result.returncode == 0, result.stderr
    return out


def state_files(folder):
    return sorted(os.path.relpath(path, str(folder)) for path in files_below(folder)
                  if os.path.relpath(path, str(folder)).startswith((run_folder.CONFIG, run_folder.CHECKPOINT + os.sep)))


@pytest.mark.slow
@LIMITS
@given(data=st.data())
def test_damaged_run_folders(finished, tmp_path, capsys, monkeypatch, data):
    """--resume goes on from the newest checkpoint of which nothing is damaged; without one it refuses in one line, but for a
    folder that has none at all, where it starts."""
    out = tmp_path / "run"
    shutil.rmtree(str(out), ignore_errors=True)
    shutil.copytree(str(finished), str(out))
    damaged = data.draw(st.lists(st.sampled_from(state_files(finished)), min_size=1, max_size=4, unique=True))
    for name in damaged:
        content = (out / name).read_bytes()
        how = data.draw(st.sampled_from(["remove", "truncate", "flip", "garbage"]))
        at = data.draw(st.integers(0, len(content) - 2))  # a manifest without its last line break is as good
        if how == "remove":
            (out / name).unlink()
        else:
            (out / name).write_bytes({
                "truncate": content[:at], "garbage": b"\x00garbage\xff",
                "flip": content[:at] + bytes([content[at] ^ 0x11]) + content[at + 1:]}[how])
    before = files_below(out)
    code, stderr = train(capsys, monkeypatch, "--resume", out)
    assert files_below(out) == before
    good = [iteration for iteration in (1450, 1500)
            if not any(os.path.basename(name).startswith("model-%d." % iteration) for name in damaged)]
    if code is None:
        found = checkpoint.latest(str(out / "checkpoint"), load_config(str(out / "config.yaml")))
        assert (found and found.iteration) == max(good, default=None)
    else:
        assert_refused(code, stderr)
        assert stderr.count("\n") == 1
        assert not good or run_folder.CONFIG in damaged
