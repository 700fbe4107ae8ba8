"""Writing the page of a run or a sweep, by the script and from Python."""

import base64
import html
import json
import os
import re
import shutil

import pytest
from helpers import assert_one_clear_line, call_script, run_script
from image_pages import run_in, sweep_in
from pages import page_of

from avb_tf1.experiment import reevaluation
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.report import sweep_page
from avb_tf1.runs import run_folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_in(tmp_path_factory.mktemp("report") / "my run")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return sweep_in(tmp_path_factory.mktemp("report") / "sweep")


@pytest.mark.slow
def test_the_config_and_the_command_on_the_page_repeat_the_run(run, tmp_path):
    config = re.search(r'download="config.yaml" href="data:application/yaml;base64,([^"]+)"', page_of(run)).group(1)
    (tmp_path / "config.yaml").write_bytes(base64.b64decode(config))
    words = html.unescape(re.search(r'<pre class="command">(.*?)</pre>', page_of(run)).group(1)).split()
    assert words[:2] == ["python", "scripts/train.py"]
    assert run_script("train.py", *words[2:], cwd=tmp_path).returncode == 0
    for name in ("losses.csv", "metrics.json", "snapshots.npz", "config.yaml"):
        assert (tmp_path / words[-1] / name).read_bytes() == (run / name).read_bytes()


@pytest.mark.slow
def test_report_script(run, sweep, tmp_path):
    for folder in (run, sweep):
        page = page_of(folder)
        (folder / "report.html").unlink()
        result = run_script("report.py", folder)
        assert result.returncode == 0 and str(folder / "report.html") in result.stdout, result.stderr
        assert page_of(folder) == page
    assert_one_clear_line(run_script("report.py", tmp_path), "neither a run folder")
    copy = tmp_path / "copy"
    shutil.copytree(str(run), str(copy))
    (copy / "snapshots.npz").write_bytes((run / "snapshots.npz").read_bytes()[:1000])
    assert_one_clear_line(run_script("report.py", copy), "snapshots.npz: can't be read")
    (copy / "metrics.json").unlink()
    assert_one_clear_line(run_script("report.py", copy), "not finished")
    record = json.loads((sweep / "sweep.json").read_text())["runs"][0]
    for elbo in (float("nan"), "low"):
        (tmp_path / "sweep.json").write_text(json.dumps({
            "command": "", "written": "", "runs": [dict(record, metrics={"elbo": elbo})]}))
        assert_one_clear_line(run_script("report.py", tmp_path), "sweep.json: elbo must be a finite number")
    for text in ('{"avb_tf1": "1.0.0", "runs": []}', '{"command": "", "runs": []}', '{"command": "", "runs": [{"run": 3}]}'):
        (tmp_path / "sweep.json").write_text(text)
        with pytest.raises(InputError, match="sweep.json: not written by this version"):
            sweep_page.write_page(str(tmp_path))
    assert_one_clear_line(run_script("report.py", tmp_path / "absent"), "absent: not a folder")
    assert_one_clear_line(run_script("report.py", tmp_path, "--config", run / "config.yaml"), "holds no run")


@pytest.fixture
def written(monkeypatch):
    """Names of the files that are written, each checked to be in a folder that is held meanwhile."""
    names, replacing = [], files.replacing

    def checked(path):
        with pytest.raises(run_folder.FolderInUse), run_folder.held(os.path.dirname(path)):
            pass
        names.append(os.path.basename(path))
        return replacing(path)

    monkeypatch.setattr(files, "replacing", checked)
    return names


def test_the_folder_is_held_while_its_page_and_numbers_are_written_again(run, sweep, written, capsys):
    for folder in (run, sweep):
        sweep_page.write_page(str(folder))
    reevaluation.evaluate_run(str(run), with_ais=False, write=True)
    assert written == ["report.html", "report.html", "metrics.json", "report.html"]


def test_a_run_in_use_keeps_its_page_and_numbers(run):
    before = {name: (run / name).read_bytes() for name in os.listdir(str(run)) if (run / name).is_file()}
    with run_folder.reclaimed(str(run)):
        for arguments in (["report.py", run], ["evaluate.py", run, "--write"]):
            assert_one_clear_line(call_script(*arguments), run, "another run is writing into this folder")
    assert {name: (run / name).read_bytes() for name in os.listdir(str(run)) if (run / name).is_file()} == before


@pytest.mark.long
def test_report_script_trains_what_is_missing(run, tmp_path):
    out = tmp_path / "run"
    for first_words in ("Training synthetic", "Written to"):  # the second time there is nothing to train
        result = run_script("report.py", out, "--config", run / "config.yaml")
        assert result.returncode == 0 and result.stdout.startswith(first_words), result.stderr
    assert (out / "metrics.json").read_bytes() == (run / "metrics.json").read_bytes()
    # A half-done run goes on as its own config says.
    (out / "metrics.json").unlink()
    (tmp_path / "denser.yaml").write_text((run / "config.yaml").read_text().replace("snapshot_every: 20", "snapshot_every: 7"))
    assert run_script("report.py", out, "--config", tmp_path / "denser.yaml").returncode == 0
    assert (out / "snapshots.npz").read_bytes() == (run / "snapshots.npz").read_bytes()
    (tmp_path / "other.yaml").write_text((run / "config.yaml").read_text().replace("seed: 0", "seed: 1"))
    assert_one_clear_line(run_script("report.py", out, "--config", tmp_path / "other.yaml"), "seed is 0 there and 1 here")
