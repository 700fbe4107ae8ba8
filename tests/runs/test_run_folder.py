import os
import subprocess
import sys

import pytest
from helpers import ROOT, synthetic

from avb_tf1.config.loading import to_yaml
from avb_tf1.ground.errors import InputError
from avb_tf1.runs import run_folder

CONFIG = "{name: x, seed: 3, data: {}, model: {kind: avb}, training: {}, runtime: {}}\n"


def claim(path, overwrite=False):
    with run_folder.claimed(str(path), {"config.yaml": CONFIG}, overwrite):
        return sorted(os.listdir(str(path)))


def refusal(path, overwrite=False):
    with pytest.raises(InputError) as caught:
        claim(path, overwrite)
    return str(caught.value)


def test_makes_the_folder_and_its_parents(tmp_path):
    assert claim(tmp_path / "a" / "b c") == ["config.yaml"]
    assert (tmp_path / "a" / "b c" / "config.yaml").read_text() == CONFIG


def test_a_run_that_was_ended_before_its_first_checkpoint_may_be_begun_again(tmp_path):
    assert claim(tmp_path) == ["config.yaml"]
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "events.out.tfevents.1.host").write_text("x")
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "model-9.index").write_text("x")
    assert claim(tmp_path) == ["config.yaml"]
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "model-9.json").write_text("x")
    assert "--overwrite" in refusal(tmp_path)
    (tmp_path / "checkpoint" / "model-9.json").unlink()
    (tmp_path / "config.yaml").write_text(CONFIG.replace("3", "4"))
    assert "--overwrite" in refusal(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "notes.txt").write_text("mine")
    assert "--overwrite" in refusal(tmp_path)


def test_names_that_are_no_folders(tmp_path):
    assert "name is empty" in refusal("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "link", tmp_path / "link" / "below"):
        assert "nowhere, which doesn't exist" in refusal(path)
    os.mkfifo(str(tmp_path / "fifo"))
    assert "a file stands in its place" in refusal(tmp_path / "fifo")


def test_an_empty_folder_is_taken(tmp_path):
    assert claim(tmp_path) == ["config.yaml"]


def test_a_folder_with_anything_in_it_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert "holds no run" in refusal(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_overwrite_removes_the_run_and_nothing_else(tmp_path):
    for name in ("config.yaml", "metrics.json", "notes.txt", "checkpoint/model-3.json", "checkpoint/checkpoint",
                 "checkpoint/mine", "tensorboard/events.out.tfevents.1.host"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(CONFIG)
    assert claim(tmp_path, overwrite=True) == ["checkpoint", "config.yaml", "notes.txt"]
    assert os.listdir(str(tmp_path / "checkpoint")) == ["mine"]


@pytest.mark.parametrize("name", ["report.html", "config.yaml"])
def test_overwrite_takes_nothing_from_a_folder_that_is_no_runs(tmp_path, name):
    (tmp_path / name).write_text("mine: 1")
    assert "holds no run" in refusal(tmp_path, overwrite=True)
    assert (tmp_path / name).read_text() == "mine: 1"


def test_a_file_in_its_place(tmp_path):
    (tmp_path / "file").write_text("mine")
    assert "a file stands in its place" in refusal(tmp_path / "file", overwrite=True)
    assert "can't make" in refusal(tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that no one can write to")
def test_a_folder_that_can_not_be_written_to():
    assert "can't" in refusal("/proc/self/fdinfo/run")
    assert "can't" in refusal("/proc/self/task", overwrite=True)


def test_a_second_run_is_refused_until_the_first_ends(tmp_path):
    hold = ("import sys; sys.path.insert(0, %r); from avb_tf1.runs import run_folder\n"
            "with run_folder.claimed(%r, %r, False): print('held', flush=True); sys.stdin.read()" % (
                ROOT, str(tmp_path), {"config.yaml": CONFIG}))
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        assert "another run" in refusal(tmp_path)
        holder.kill()
    assert claim(tmp_path, overwrite=True) == ["config.yaml"]


def test_overwrite_removes_a_link_and_not_what_it_points_to(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "model-1.json").write_text("x")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text(CONFIG)
    (tmp_path / "run" / "checkpoint").symlink_to(tmp_path / "elsewhere")
    assert claim(tmp_path / "run", overwrite=True) == ["config.yaml"]
    assert (tmp_path / "elsewhere" / "model-1.json").exists()


def test_leftovers_of_a_killed_run_are_swept_away(tmp_path):
    (tmp_path / ".writing-abc_1234-config.yaml").write_text("half")
    assert claim(tmp_path) == ["config.yaml"]


def test_files_that_only_look_like_leftovers_stay(tmp_path):
    for name in (".writing-notes.txt", ".writing-abc_1234-config.yaml"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "a.txt").write_text("mine")
    with pytest.raises(InputError, match="holds no run"):
        claim(tmp_path)
    (tmp_path / "config.yaml").write_text("a: 1")  # of something else
    with pytest.raises(InputError, match="holds no run"):
        claim(tmp_path, overwrite=True)
    assert len(os.listdir(str(tmp_path))) == 4


def test_another_projects_folder_is_no_run(tmp_path):
    (tmp_path / "config.yaml").write_text("model: resnet50\ntraining: {epochs: 90}\nseed: 1\n")
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(InputError, match="holds no run"):
        claim(tmp_path, overwrite=True)
    assert sorted(os.listdir(str(tmp_path))) == ["config.yaml", "metrics.json"]


def test_finished_means_finished_with_this_config(tmp_path):
    config = synthetic()
    assert not run_folder.is_finished(str(tmp_path), config)
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    assert not run_folder.is_finished(str(tmp_path), config)
    (tmp_path / "metrics.json").write_text("{}")
    assert run_folder.is_finished(str(tmp_path), config)
    with pytest.raises(InputError, match="seed is 0 there and 1 here"):
        run_folder.is_finished(str(tmp_path), synthetic("seed=1"))
