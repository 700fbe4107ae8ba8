import os

import pytest
from config_cases import refusal, written


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
    ("a: !!python/object/apply:os.system [ls]", "constructor"),
    ("? [1, 2]\n: 3", "a key must be a word"),
    ("a: &x 1\nb: *x", "aliases"),
    ("a: " + "[" * 500 + "]" * 500, "nested deeper"),
    ("a: 2020-13-45", "not a valid config"),
    ("\tx: 1", "not a valid config"),
    (b"\xff\xfe\x00", "UTF-8"),
    ("a: \x07", "not a valid config"),
    ("#" * 200000, "larger than"),
    ("1: 2", "a key must be a word"),
    ("a: !!bool x", "not a valid config"),
    ("a: !!timestamp x", "not a valid config"),
    ("a: !!int ''", "not a valid config"),
], ids=str.split("list empty text syntax duplicate tag complex_key alias deep date tab encoding control large number_key "
                 "bool_tag time_tag int_tag"))
def test_files_that_are_no_config(tmp_path, text, word):
    path = written(tmp_path, text)
    message = refusal(path=path)
    assert str(path) in message and word in message
