"""scripts/setup_venv.sh finds an interpreter by running candidates, fetches one where there is none, and installs quietly."""

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import zipfile

import pytest
from helpers import ROOT


@pytest.fixture
def project(tmp_path):
    """A copy of the script in a project folder with a space in its name, beside an empty home."""
    folder = tmp_path / "my project"
    (folder / "scripts").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    shutil.copy(os.path.join(ROOT, "scripts", "setup_venv.sh"), str(folder / "scripts"))
    for name in ("Makefile", ".gitignore", "ruff.toml", "requirements-uv.lock"):
        shutil.copy(os.path.join(ROOT, name), str(folder))
    return folder


def executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def run(project, *locks, **variables):
    home = project.parent / "home"
    environment = dict({"PATH": "%s:/usr/bin:/bin" % (home / "bin"), "HOME": str(home)}, **variables)
    return subprocess.run([str(project / "scripts" / "setup_venv.sh")] + list(locks), env=environment,
                          capture_output=True, text=True, start_new_session=True)


def works(project):
    version = subprocess.run([str(project / ".venv" / "bin" / "python"), "-m", "pip", "--version"],
                             capture_output=True, text=True).stdout
    return "python 3.7" in version


def wrapper():
    return '#!/bin/sh\nexec "%s" "$@"\n' % os.path.realpath(sys.executable)


# Stands for python3 and for the pip and the uv that it leads to. The step that $FAIL_AT names fails, the one of $KILL_AT is
# killed together with the script; each step writes its name to a file beside the project.
BARE_MACHINE = r"""#!/bin/sh
step() {
    echo "$1" >> "$HOME/../steps"
    if [ "${FAIL_AT:-}" = "$1" ]; then echo "the reason why $1 failed" >&2; exit 1; fi
    if [ "${KILL_AT:-}" = "$1" ]; then kill -9 0; fi
}
case "$*" in
    "-m venv "*)
        mkdir -p "$3/bin"
        cp "$0" "$3/bin/python"
        step venv ;;
    "-m pip install "*" --require-hashes "*" requirements-uv.lock")
        grep -q "^uv==" requirements-uv.lock || exit 1
        cp "$0" "$(dirname "$0")/uv"
        step pip ;;
    "python install 3.7")
        mkdir -p "$UV_PYTHON_INSTALL_DIR/.cache/unpacking"
        step uv
        rmdir "$UV_PYTHON_INSTALL_DIR/.cache/unpacking"
        mkdir -p "$UV_PYTHON_INSTALL_DIR/cpython-3.7.9-stand-in/bin"
        cp "$HOME/fetched" "$UV_PYTHON_INSTALL_DIR/cpython-3.7.9-stand-in/bin/python" ;;
    *) exit 1 ;;
esac
"""

# Stands for a Python 3.7 where making a real environment takes too long.
PYTHON37 = """#!/bin/sh
case "$*" in
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    --version) echo "Python 3.7.9" ;;
esac
"""

no_system_python37 = pytest.mark.skipif(
    subprocess.run(["/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", "command -v python3.7"],
                   stdout=subprocess.DEVNULL).returncode == 0, reason="the system has a Python 3.7")


@pytest.fixture
def bare(project):
    """The project on a machine without Python 3.7, where one can be fetched."""
    home = project.parent / "home"
    executable(home / "bin" / "python3.7", "#!/bin/sh\necho 'no such version' >&2; exit 127\n")
    executable(home / "bin" / "python3", BARE_MACHINE)
    executable(home / "fetched", PYTHON37)
    return project


def steps(project):
    """The steps since the last call."""
    path = project.parent / "steps"
    names = path.read_text().split()
    path.unlink()
    return names


@pytest.mark.slow
@no_system_python37
def test_one_is_fetched_once_where_there_is_none(bare):
    executable(bare.parent / "home" / "fetched", wrapper())
    (bare / ".venv").mkdir()  # a kill may leave them empty
    (bare / ".python37").mkdir()
    result = run(bare)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    told = result.stdout.splitlines()
    assert len(told) == 2
    assert told[0] == "No Python 3.7 found: fetching uv, and with it one, into .python37"
    assert told[1].startswith("Creating .venv with Python 3.7")
    assert steps(bare) == ["venv", "pip", "uv"]
    assert works(bare)
    assert run(bare).stdout == ""


@no_system_python37
def test_an_existing_one_comes_first(bare):
    assert run(bare, PYTHON37="/usr/bin/false").returncode == 1
    executable(bare.parent / "home" / ".pyenv" / "versions" / "3.7.99" / "bin" / "python", PYTHON37)
    assert run(bare).returncode == 0
    assert not (bare / ".python37").exists()


@no_system_python37
def test_a_newer_uv_that_no_longer_offers_it_is_passed_over(bare):
    executable(bare.parent / "home" / "bin" / "uv", "#!/bin/sh\necho 'error: no download found' >&2; exit 2\n")
    result = run(bare)
    assert (result.returncode, result.stderr) == (0, "")
    assert steps(bare) == ["venv", "pip", "uv"]


@no_system_python37
@pytest.mark.parametrize("step", ["venv", "pip", "uv"])
def test_a_failed_fetch_is_one_error_with_the_ways_that_remain(bare, step):
    result = run(bare, FAIL_AT=step)
    assert result.returncode == 1
    assert result.stderr.startswith("error: no working Python 3.7 found, and ")
    assert result.stderr.count("error:") == 1
    for part in ("the reason why %s failed" % step, "python3-venv", "pyenv install 3.7", "conda create", "PYTHON37="):
        assert part in result.stderr
    assert not (bare / ".venv").exists()


@no_system_python37
def test_a_fetched_one_that_does_not_run(bare):
    executable(bare.parent / "home" / "fetched", "#!/bin/sh\necho 'libc is too old' >&2; exit 1\n")
    result = run(bare)
    assert result.returncode == 1
    assert "error: no working Python 3.7 found, and running the fetched one failed:\n    libc is too old\n" in result.stderr


@no_system_python37
@pytest.mark.parametrize("step", ["venv", "pip", "uv"])
def test_a_fetch_that_was_killed_is_made_anew(bare, step):
    assert run(bare, KILL_AT=step).returncode == -signal.SIGKILL
    steps(bare)
    assert run(bare).returncode == 0
    assert steps(bare) == ["venv", "pip", "uv"]
    assert os.listdir(str(bare / ".python37" / "python" / ".cache")) == []
    shutil.rmtree(str(bare / ".venv"))
    assert run(bare).returncode == 0
    assert (bare / ".venv" / "bin" / "python").exists()
    assert not (bare.parent / "steps").exists()


def fake_machine(project, system, machine):
    executable(project.parent / "home" / "bin" / "uname", """#!/bin/sh
case "$1" in
    -s) echo %s ;;
    -m) echo %s ;;
    *) exit 1 ;;
esac
""" % (system, machine))


@pytest.mark.parametrize("system, machine, way", [
    ("Linux", "aarch64", "use an x86-64 machine"), ("Linux", "i686", "use an x86-64 machine"),
    ("Darwin", "arm64", "use an x86-64 machine; Rosetta (arch -x86_64 make ...) is untried, and may lack AVX")])
def test_another_processor_is_refused_before_anything_is_fetched(bare, system, machine, way):
    fake_machine(bare, system, machine)
    environment = {"PATH": "%s:/usr/bin:/bin" % (bare.parent / "home" / "bin"), "HOME": str(bare.parent / "home")}
    for target in ("train", "test", "setup-sweep"):
        made = subprocess.run(["make", target], cwd=str(bare), env=environment, capture_output=True, text=True)
        assert made.returncode == 2 and made.stdout == ""
        told, of_make = made.stderr.splitlines()
        assert told == "error: TensorFlow 1.15 was built for x86-64 processors only, and this one is %s: %s" % (machine, way)
        assert of_make.startswith("make: ***")
    assert run(bare).returncode == 1
    assert not any((bare / name).exists() for name in (".venv", ".python37"))
    assert not (bare.parent / "steps").exists()


@no_system_python37
@pytest.mark.parametrize("system, machine", [("Darwin", "x86_64"), ("FreeBSD", "amd64")])
def test_any_x86_64_is_taken(bare, system, machine):
    fake_machine(bare, system, machine)
    assert run(bare).returncode == 0
    assert steps(bare) == ["venv", "pip", "uv"]


def test_clean_removes_what_was_made(project):
    kept = os.listdir(str(project))
    for name in (".venv", ".python37"):
        (project / name).mkdir()
        assert name in (project / ".gitignore").read_text().splitlines()
    for name in ("avb_tf1", "tests"):
        (project / name).mkdir()
    subprocess.run(["make", "clean"], cwd=str(project), check=True, stdout=subprocess.DEVNULL)
    assert sorted(os.listdir(str(project))) == sorted(kept + ["avb_tf1", "tests"])


def test_the_linter_passes_over_what_was_fetched(project):
    (project / ".python37" / "python").mkdir(parents=True)
    (project / ".python37" / "python" / "its_own.py").write_text("import os\n")
    linter = [sys.executable, "-m", "ruff", "check", "--no-cache", "."]
    assert subprocess.run(linter, cwd=str(project), stdout=subprocess.DEVNULL).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("place", [
    ".pyenv/versions/3.7.99/bin/python", "bin/python3.7", "miniconda3/envs/py37/bin/python"])
def test_found_by_running_it(project, place):
    executable(project.parent / "home" / place, wrapper())
    result = run(project)
    assert result.returncode == 0, result.stderr
    assert works(project)


@pytest.mark.slow
def test_a_shim_that_fails_is_passed_over(project):
    home = project.parent / "home"
    executable(home / "bin" / "python3.7", "#!/bin/sh\nexit 127\n")
    executable(home / "bin" / "uv", '#!/bin/sh\n[ "$*" = "python find 3.7" ] && echo "%s"\n' % os.path.realpath(sys.executable))
    assert run(project).returncode == 0
    assert works(project)


def test_a_wrong_python37_is_refused(project):
    result = run(project, PYTHON37="/usr/bin/false")
    assert result.returncode == 1 and "$PYTHON37 is set to '/usr/bin/false'" in result.stderr


@pytest.mark.parametrize("name", [".venv", ".python37"])
def test_a_folder_of_the_users_own_is_left_alone(project, name):
    (project / name).mkdir()
    (project / name / "mine").write_text("x")
    result = run(project, PYTHON37=os.path.realpath(sys.executable))
    assert result.returncode == 1 and "%s exists and was not made by this script" % name in result.stderr
    assert os.listdir(str(project / name)) == ["mine"]


@pytest.mark.slow
def test_a_lock_is_installed_once_and_again_when_it_changes(project):
    lock = project / "empty.lock"
    lock.write_text("# nothing\n")
    python = os.path.realpath(sys.executable)
    assert "Installing empty.lock" in run(project, "empty.lock", PYTHON37=python).stdout
    assert run(project, "empty.lock").stdout == ""
    lock.write_text("# still nothing\n")
    assert run(project, "empty.lock").stdout == "Installing empty.lock into .venv\n"


def test_the_version_stands_in_one_place(tmp_path):
    shutil.copy(os.path.join(ROOT, "setup.py"), str(tmp_path))
    (tmp_path / "avb_tf1").mkdir()
    (tmp_path / "avb_tf1" / "__init__.py").write_text('"""Words."""\n\nimport absent\n\n__version__ = "7.8.9"\n')
    command = [sys.executable, "setup.py", "--version"]
    result = subprocess.run(command, cwd=str(tmp_path), check=True, capture_output=True, text=True)
    assert result.stdout.split() == ["7.8.9"]


@pytest.mark.slow
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
