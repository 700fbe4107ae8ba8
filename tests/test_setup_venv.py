"""scripts/setup_venv.sh finds an interpreter by running candidates, and says what to do when there is none."""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import zipfile

import pytest
from conftest import ROOT


@pytest.fixture
def project(tmp_path):
    """A copy of the script in a project folder with a space in its name, beside an empty home."""
    folder = tmp_path / "my project"
    (folder / "scripts").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    shutil.copy(os.path.join(ROOT, "scripts", "setup_venv.sh"), str(folder / "scripts"))
    return folder


def executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def run(project, *locks, **variables):
    home = project.parent / "home"
    environment = dict({"PATH": "%s:/usr/bin:/bin" % (home / "bin"), "HOME": str(home)}, **variables)
    return subprocess.run([str(project / "scripts" / "setup_venv.sh")] + list(locks), env=environment,
                          capture_output=True, text=True)


def works(project):
    version = subprocess.run([str(project / ".venv" / "bin" / "python"), "-m", "pip", "--version"],
                             capture_output=True, text=True).stdout
    return "python 3.7" in version


def wrapper():
    return '#!/bin/sh\nexec "%s" "$@"\n' % os.path.realpath(sys.executable)


@pytest.mark.skipif(subprocess.run(["/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", "command -v python3.7"],
                                   stdout=subprocess.DEVNULL).returncode == 0, reason="the system has a Python 3.7")
def test_none_found(project):
    executable(project.parent / "home" / "bin" / "python3.7", "#!/bin/sh\necho 'no such version' >&2; exit 127\n")
    result = run(project)
    assert result.returncode == 1
    assert result.stderr.startswith("error: no working Python 3.7 found")
    for way in ("uv", "pyenv install 3.7", "conda create", "PYTHON37="):
        assert way in result.stderr
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("place", ["bin/python3.7", ".pyenv/versions/3.7.99/bin/python", "miniconda3/envs/py37/bin/python"])
def test_found_by_running_it(project, place):
    executable(project.parent / "home" / place, wrapper())
    result = run(project)
    assert result.returncode == 0, result.stderr
    assert works(project)


def test_a_shim_that_fails_is_passed_over(project):
    home = project.parent / "home"
    executable(home / "bin" / "python3.7", "#!/bin/sh\nexit 127\n")
    executable(home / "bin" / "uv", '#!/bin/sh\n[ "$*" = "python find 3.7" ] && echo "%s"\n' % os.path.realpath(sys.executable))
    assert run(project).returncode == 0
    assert works(project)


def test_a_wrong_python37_is_refused(project):
    result = run(project, PYTHON37="/usr/bin/false")
    assert result.returncode == 1 and "$PYTHON37 is set to '/usr/bin/false'" in result.stderr


def test_a_venv_of_the_users_own_is_left_alone(project):
    (project / ".venv").mkdir()
    (project / ".venv" / "mine").write_text("x")
    result = run(project, PYTHON37=os.path.realpath(sys.executable))
    assert result.returncode == 1 and "not made by this script" in result.stderr
    assert os.listdir(str(project / ".venv")) == ["mine"]


def test_a_lock_is_installed_once_and_again_when_it_changes(project):
    lock = project / "empty.lock"
    lock.write_text("# nothing\n")
    python = os.path.realpath(sys.executable)
    assert "Installing empty.lock" in run(project, "empty.lock", PYTHON37=python).stdout
    assert run(project, "empty.lock").stdout == ""
    lock.write_text("# still nothing\n")
    assert run(project, "empty.lock").stdout == "Installing empty.lock into .venv\n"


def test_pip_is_quiet_unless_it_fails(project):
    folder = project.parent / "wheels"
    folder.mkdir()
    wheel = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(str(wheel), "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    # pip warns of the folder that doesn't exist.
    variables = {"PYTHON37": os.path.realpath(sys.executable), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "%s /none" % folder}
    lock = project / "tiny.lock"

    lock.write_text("tiny==1.0 --hash=sha256:%s\n" % ("0" * 64))
    result = run(project, "tiny.lock", **variables)
    assert result.returncode == 1
    assert result.stderr.startswith("error: installing tiny.lock failed:\n")
    assert "Expected sha256 " + "0" * 64 in result.stderr

    lock.write_text("tiny==1.0 --hash=sha256:%s\n" % hashlib.sha256(wheel.read_bytes()).hexdigest())
    result = run(project, "tiny.lock", **variables)
    assert (result.returncode, result.stdout, result.stderr) == (0, "Installing tiny.lock into .venv\n", "")
