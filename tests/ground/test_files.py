import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT

from avb_tf1.ground import files


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


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs a file system of its own")
def test_arrays_on_a_full_disk(tmp_path):
    code = ("import sys; sys.path.insert(0, %r); import numpy; from avb_tf1.ground import files\n"
            "try: files.write_arrays(sys.argv[1], x=numpy.random.rand(100000))\n"
            "except OSError as error: print(error.filename, error.strerror)" % ROOT)
    result = subprocess.run(
        ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=100k tmpfs "$1" && exec "$2" -c "$3" "$1/x.npz"', "sh",
         str(tmp_path), sys.executable, code], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("%s No space left on device\n" % (tmp_path / "x.npz"), "")


def test_arrays_come_back_and_damage_is_told(tmp_path, capfd):
    path, arrays = tmp_path / "a.npz", {"x": np.arange(2000.0), "y": np.float32([[1, 2]])}
    files.write_arrays(str(path), **arrays)
    found = files.read_arrays(str(path))
    assert sorted(found) == ["x", "y"]
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values)
    whole = path.read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="damaged"):
            files.read_arrays(str(path))
    random_state = np.random.RandomState(0)
    n_told = 0
    for _ in range(300):
        place, bit = random_state.randint(len(whole)), 1 << random_state.randint(8)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1:])
        try:
            files.read_arrays(str(path))
        except (ValueError, OSError):
            n_told += 1
    assert n_told > 200  # the rest are bits that no one reads
    assert capfd.readouterr() == ("", "")
