"""The worked examples of docs/extending.md, made in a copy of the package as its reader makes them."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT, synthetic
from pictures import pixels

from avb_tf1.config.fingerprint import fingerprint
from avb_tf1.ground import files


def blocks(language):
    with open(os.path.join(ROOT, "docs", "extending.md")) as file:
        return re.findall("```%s\n(.*?)```" % language, file.read(), re.DOTALL)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_examples_work(tmp_path):
    for name in ("avb_tf1", "configs", "scripts"):
        shutil.copytree(os.path.join(ROOT, name), str(tmp_path / name), ignore=shutil.ignore_patterns("__pycache__"))
    examples = blocks("diff")
    assert len(examples) == 4
    for example in examples:
        subprocess.run(["git", "apply", "-"], input=example, text=True, check=True, cwd=str(tmp_path))
    command, = blocks("sh")
    subprocess.run(command.replace("python ", sys.executable + " ", 1), shell=True, check=True, cwd=str(tmp_path))
    out = tmp_path / "runs" / "extended"
    metrics = json.loads((out / "metrics.json").read_text())
    z, labels = (files.read_arrays(str(out / "latents.npz"))[name] for name in ("z", "label"))
    assert np.bincount(labels).tolist() == [2048, 1024, 1024, 1024]
    assert metrics["code_norm"] == pytest.approx(np.linalg.norm(z, axis=1).mean(), abs=0.1)
    assert 0 < metrics["code_norm_standard_error"] < 0.01
    assert pixels(out / "code_norms.png").std() > 1
    assert "images: three_pixels" in (out / "config.yaml").read_text()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "mean norm of the codes" in page and "on three pixels" in page


def test_the_tutorials_images_need_no_key():
    assert "images" not in fingerprint(synthetic())["data"] and synthetic().data.images == "four_images"
