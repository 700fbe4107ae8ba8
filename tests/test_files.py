import os

import pytest

from avb_tf1 import files


def test_text_is_replaced_whole(tmp_path):
    path = str(tmp_path / "a.txt")
    files.write_text(path, "one\n")
    files.write_text(path, "zwei ü\n")
    with open(path, "rb") as file:
        assert file.read() == "zwei ü\n".encode()
    assert os.listdir(str(tmp_path)) == ["a.txt"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = str(tmp_path / "a.txt")
    files.write_text(path, "old")
    with pytest.raises(ZeroDivisionError), files.replacing(path) as temporary:
        with open(temporary, "w") as file:
            file.write("half")
        raise ZeroDivisionError
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(str(tmp_path)) == ["a.txt"]


def test_mode_follows_the_umask(tmp_path):
    previous = os.umask(0o027)
    try:
        files.write_text(str(tmp_path / "a"), "")
    finally:
        os.umask(previous)
    assert os.stat(str(tmp_path / "a")).st_mode & 0o777 == 0o640


def test_json_is_sorted_and_refuses_nan(tmp_path):
    path = str(tmp_path / "a.json")
    files.write_json(path, {"b": 0.1, "a": None})
    assert (tmp_path / "a.json").read_text() == '{\n  "a": null,\n  "b": 0.1\n}\n'
    with pytest.raises(ValueError):
        files.write_json(path, {"a": float("nan")})
