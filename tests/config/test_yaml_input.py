import os

import pytest
from config_cases import refusal, written
from helpers import SYNTHETIC, run_script

from avb_tf1.config.loading import load_config
from avb_tf1.config.yaml_input import dump_yaml, parse_yaml
from avb_tf1.ground.errors import InputError
from avb_tf1.sweep.plan import parse_seeds, plan


def test_two_documents_are_refused(tmp_path):
    assert "a second YAML document begins there" in refusal(path=written(tmp_path, "a: 1\n---\nb: 1\n"))


def test_missing_and_unreadable_files(tmp_path):
    assert "No such file" in refusal(path=tmp_path / "absent.yaml")
    assert "directory" in refusal(path=tmp_path)
    os.mkfifo(str(tmp_path / "fifo"))
    for path in (tmp_path / "fifo", "/dev/zero"):
        assert "Not a regular file" in refusal(path=path)


@pytest.mark.parametrize("text, word", [
    ("[1, 2]", "must be a mapping of keys to values, not a list"),
    ("", "must be a mapping"),
    ("words", "not a text"),
    ("a: b: c", "line 1"),
    ("a: 1\na: 2", "stands twice"),
    ("a: !!python/object/apply:os.system [ls]", "tags (tag:yaml.org,2002:python/object/apply:os.system) are not allowed"),
    ("? [1, 2]\n: 3", "a key must be a word"),
    ("a: &x 1\nb: *x", "aliases"),
    ("a: " + "[" * 500 + "]" * 500, "nested deeper"),
    ("\tx: 1", "not a valid config"),
    (b"\xff\xfe\x00", "UTF-8"),
    ("a: \x07", "not a valid config"),
    ("#" * 200000, "larger than"),
    ("1: 2", "a key must be a word"),
    ('a: "\\ud800.npz"', "half a character (a surrogate) is no text"),
    ('"\\udc80": 1', "half a character (a surrogate) is no text"),
    ("a: !!int 010", "tags (tag:yaml.org,2002:int) are not allowed"),
    ("a: ! 5", "tags (!) are not allowed"),
    ("!own {a: 1}", "tags (!own) are not allowed"),
], ids=str.split("list empty text syntax duplicate tag complex_key alias deep tab encoding control large number_key half "
                 "half_key int_tag plain_tag own_tag"))
def test_files_that_are_no_config(tmp_path, text, word):
    path = written(tmp_path, text)
    message = refusal(path=path)
    assert str(path) in message and word in message


@pytest.mark.parametrize("text, value", [
    ("010", 10), ("-010", -10), ("+5", 5), ("00", 0), ("1e-3", 1e-3), ("1.", 1.0), (".5", 0.5), ("5.e3", 5000.0),
    ("1E3", 1000.0), ("true", True), ("FALSE", False), ("~", None), ("null", None), ("", None), (".inf", float("inf"))])
def test_plain_words_are_those_of_yaml_1_2(text, value):
    found = parse_yaml(text, "a source")
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", [
    "1:30", "1:30.5", "1_000", "1_0.5", "0b11", "0o17", "0x1f", "on", "off", "yes", "No", "y", "2020-01-01", "2020-13-45", "=",
    "<<", "1e", "e5", "0.1e", "1.2.3", "--5", "\uff11\uff12", "'010'", "'true'", "'~'"])
def test_all_else_is_a_text(text):
    found = parse_yaml(text, "a source")
    assert found == text.strip("'")
    assert parse_yaml(dump_yaml({"a": found}), "a source") == {"a": found}


@pytest.mark.parametrize("text", ["1:30", "1_0", "0b11", "0o17", "0x1f", "'3'"])
def test_what_is_no_decimal_is_no_integer_at_any_door(tmp_path, text):
    with open(SYNTHETIC) as file:
        in_file = written(tmp_path, file.read().replace("\nseed: 0", "\nseed: " + text))
    shown = text.strip("'") if "x" not in text else text
    for message in (refusal(path=in_file), refusal(["seed=" + text])):
        assert "seed must be an integer, not" in message and shown.strip("'") in message
    with pytest.raises(InputError, match="must be an integer"):
        plan([SYNTHETIC], "0", ["training.n_iterations=" + text])
    with pytest.raises(InputError, match="must be seeds"):
        parse_seeds(text)


def test_scripts_take_decimal_integers_only(tmp_path):
    for command in (["sweep.py", "--config", SYNTHETIC, "--seeds", "0", "--out", tmp_path / "out", "--workers", "1_0"],
                    ["benchmark.py", "--turns", "0x1f"]):
        result = run_script(*command)
        assert result.returncode == 2 and "invalid integer value" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_leading_zero_is_a_zero_at_every_door(tmp_path):
    with open(SYNTHETIC) as file:
        in_file = written(tmp_path, file.read().replace("\nseed: 0", "\nseed: 010"))
    assert load_config(in_file).seed == load_config(SYNTHETIC, ["seed=010"]).seed == 10 == parse_seeds("010")[0]
    assert [run.config.training.n_iterations for run in plan([SYNTHETIC], "0", ["training.n_iterations=010,020"])] == [10, 20]
