"""What all scripts share, in processes of their own: signals at any moment, and output that no one reads or can show."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from helpers import ROOT, SMALL, SYNTHETIC, run_script, set_options, take_signals

# The full test: AVB_TF1_MOMENTS=40 python -m pytest tests/ground/test_command_line.py -m slow
N_MOMENTS = int(os.environ.get("AVB_TF1_MOMENTS", "2"))
SIGNALS = [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, 143, "stopped by SIGTERM\n"),
           (signal.SIGHUP, 129, "stopped by SIGHUP\n")]
BEGIN = "import sys; sys.path.insert(0, %r); from avb_tf1.ground import command_line; command_line.begin()\n" % ROOT
WAIT = "import time; print('ready', flush=True); time.sleep(60)\n"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONWARNINGS": "error"}


def start(code, **options):
    """A process that runs `code` after command_line.begin; it has printed "ready"."""
    options.setdefault("preexec_fn", take_signals)
    process = subprocess.Popen([sys.executable, "-c", BEGIN + code + WAIT], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               universal_newlines=True, **options)
    assert process.stdout.readline() == "ready\n", process.communicate()
    return process


@pytest.mark.parametrize("number, code, line", SIGNALS)
@pytest.mark.parametrize("before", [
    "",
    # As Ray does.
    "import signal\nfor number in (1, 2, 15): signal.signal(number, lambda *_: sys.exit(1))\n",
    # As ground.tensorflow does while a session is opened.
    "import os, tempfile; held_back = tempfile.TemporaryFile(); os.dup2(held_back.fileno(), 2)\n",
])
def test_a_signal_ends_a_script_in_one_line(number, code, line, before):
    process = start(before)
    process.send_signal(number)
    _, stderr = process.communicate()
    assert (process.returncode, stderr) == (code, line)


def test_how_to_go_on_is_told():
    process = start("from avb_tf1.ground import stopping\nhint = stopping.hint('to go on: \xf6'); hint.__enter__()\n")
    process.send_signal(signal.SIGTERM)
    assert process.communicate()[1] == "stopped by SIGTERM; to go on: \xf6\n"


def test_nohup_is_respected():
    process = start("", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 143


def test_a_file_half_written_is_removed(tmp_path):
    process = start("from avb_tf1.ground import files\n"
                    "writing = files.replacing(%r); writing.__enter__()\n" % str(tmp_path / "a"))
    assert len(os.listdir(str(tmp_path))) == 1
    process.terminate()
    process.communicate()
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize("signals, before", [
    ([signal.SIGTERM], ""), ([signal.SIGINT, signal.SIGINT], "request = stopping.on_signals(); request.__enter__()\n")])
def test_what_was_started_ends_with_the_process(signals, before):
    process = start("from subprocess import DEVNULL, Popen\nfrom avb_tf1.ground import stopping\n"
                    "child = Popen(['sleep', '60'], start_new_session=True, stdout=DEVNULL, stderr=DEVNULL)\n"
                    "stopping.groups.add(child.pid)\n" + before + "print(child.pid, file=sys.stderr)\n")
    child = int(process.stderr.readline())
    for number in signals:
        process.send_signal(number)
        time.sleep(0.3)  # two at once are one
    process.communicate()
    assert process.returncode == 128 + signals[0]
    time.sleep(0.3)
    state = ["Z"]  # as after it was ended, if no one waits for it
    with contextlib.suppress(FileNotFoundError), open("/proc/%d/stat" % child) as file:
        state = file.read().rsplit(")", 1)[1].split()
    assert state[0] == "Z"


def test_a_child_that_sets_itself_up_gets_sigterm_alone():
    """As Ray's processes do; what goes to the script's whole group does not reach them."""
    process = start("from subprocess import DEVNULL, Popen\n"
                    "child = Popen(['sleep', '60'], preexec_fn=lambda: None, stdout=DEVNULL, stderr=DEVNULL)\n"
                    "print(child.pid, file=sys.stderr)\n", start_new_session=True)
    child = int(process.stderr.readline())
    os.killpg(process.pid, signal.SIGINT)
    process.communicate()
    with open("/proc/%d/status" % child) as file:
        blocked = int(re.search(r"SigBlk:\s*(\w+)", file.read()).group(1), 16)
    os.kill(child, signal.SIGTERM)
    assert process.returncode == 130
    assert [bool(blocked >> number - 1 & 1) for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)] == [True, True, False]


@pytest.fixture
def output(tmp_path):
    """A function: the result of a script whose main is `code`, started by `shell`."""
    def run(code, shell='exec "$@"', **environment):
        script = tmp_path / "script.py"
        script.write_text(BEGIN + "def main():\n    %s\ncommand_line.run(main)" % code, encoding="utf-8")
        return subprocess.run(["sh", "-c", shell, "sh", sys.executable, str(script), "ö"], capture_output=True,
                              env=dict(os.environ, **environment))
    return run


def test_what_can_not_be_printed_is_shown_by_its_code(output):
    result = output("print(sys.argv[1], '\\udcc3')", PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"\\xf6 \\udcc3\n", b"")


def test_an_error_steers_no_terminal(output):
    result = output("raise OSError('a \\x1b[31m b\\nc')")
    assert (result.returncode, result.stderr) == (1, b"error: a \\x1b[31m b c\n")


def test_names_are_utf_8_whatever_the_locale(output):
    result = output("print(sys.argv[1], '±')", **ASCII)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"\\xf6 \\xb1\n", b"")


def test_closed_descriptors(output):
    code = "print('out'); print('error', file=sys.stderr); file = open('/dev/null'); assert file.fileno() > 2"
    result = output(code, 'exec "$@" <&- >&- 2>&-')
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_a_full_disk_under_standard_output_is_told(output):
    result = output("print('out')", 'exec "$@" > /dev/full')
    assert (result.returncode, result.stderr) == (1, b"error: standard output: No space left on device\n")


def test_warnings_are_no_errors(output):
    result = output("import warnings; warnings.warn('old', DeprecationWarning); print('done')", PYTHONWARNINGS="error")
    assert (result.returncode, result.stdout) == (0, b"done\n")


def test_a_backend_for_windows_is_of_no_matter(output):
    result = output("from avb_tf1.tasks.known_images import figures; print('done')", MPLBACKEND="nonsense")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"done\n", b"")


def test_python_without_docstrings_is_refused(output):
    result = output("print('done')", PYTHONOPTIMIZE="2")
    assert (result.returncode, result.stdout) == (2, b"") and result.stderr.startswith(b"error: TensorFlow 1.15 can't run")


@pytest.mark.slow
def test_training_goes_on_when_no_one_reads(tmp_path):
    process = subprocess.Popen(
        [sys.executable, os.path.join(ROOT, "scripts", "train.py"), "--config", SYNTHETIC, "--out", str(tmp_path / "run")]
        + set_options(SMALL), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert process.stdout.readline().startswith("Training synthetic")
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == ("", 0)
    assert (tmp_path / "run" / "metrics.json").exists()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a finished run, `run ä`, made without standard output and error, where names are ASCII."""
    folder = tmp_path_factory.mktemp("runs")
    command = [sys.executable, os.path.join(ROOT, "scripts", "train.py"), "--config", SYNTHETIC,
               "--out", str(folder / "run ä")] + set_options(SMALL)
    subprocess.run(["sh", "-c", 'exec "$@" >&- 2>&-', "sh"] + command, env=dict(os.environ, **ASCII), check=True)
    return folder


SCRIPTS = {
    "train.py": ["--config", SYNTHETIC, "--out", "OUT"] + set_options(SMALL),
    "evaluate.py": ["run ä"],
    "report.py": ["run ä"],
    "compare.py": ["run ä"],
    "paper.py": ["figure", "--runs", "OUT", "--out", "figure_5.png"],
    "sweep.py": ["--config", SYNTHETIC, "--seeds", "0", "--out", "OUT", "--workers", "1"] + set_options(
        SMALL + ["training.n_iterations=3000"]),
}


@pytest.mark.parametrize("name", sorted(set(SCRIPTS) | {"benchmark.py", "compare_posteriors.py"}))
def test_a_signal_during_a_scripts_first_import(name):
    code = ("import os, runpy, sys, time\n"
            "class Finder:\n"
            "    def find_spec(self, name, *_):\n"
            "        if name == 'avb_tf1': os.kill(os.getpid(), 2)\n"
            "        if name == 'argparse': time.sleep(20)\n"  # --help would be through before the signal is taken
            "sys.meta_path.insert(0, Finder())\n"
            "sys.argv = [%r, '--help']\n"
            "runpy.run_path(sys.argv[0], run_name='__main__')\n") % os.path.join(ROOT, "scripts", name)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            preexec_fn=take_signals)
    assert (result.returncode, result.stderr) == (130, "interrupted\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["evaluate.py", "report.py", "compare.py", "sweep.py"])
def test_every_script_copes_with_ascii_and_strict_warnings(runs, name):
    if name == "sweep.py":
        pytest.importorskip("ray")
    arguments = [argument.replace("OUT", "sweep ö") for argument in SCRIPTS[name]]
    result = run_script(name, *arguments, cwd=runs, env=dict(os.environ, **ASCII))
    assert (result.returncode, result.stderr) == (0, "")


def has_blocked_signals(process):
    with open("/proc/%d/status" % process.pid) as file:
        return int(re.search(r"SigBlk:\s*(\w+)", file.read()).group(1), 16) & 1 << signal.SIGTERM - 1


def processes_of(tag):
    """Those that have inherited an environment with the tag."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as file:
                if b"AVB_TF1_TEST=%s\0" % tag.encode() in file.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_a_signal_at_a_random_moment(runs, name):
    if name == "sweep.py":
        pytest.importorskip("ray")
    rng, seconds, n_signals = random.Random(0), 20, 0
    while n_signals < N_MOMENTS:
        number, code = [(signal.SIGINT, 130), (signal.SIGTERM, 143)][n_signals % 2]
        out = str(runs / "out")
        shutil.rmtree(out, ignore_errors=True)
        tag = "%d-%d" % (os.getpid(), n_signals)
        begin = time.time()
        process = subprocess.Popen(
            [sys.executable, os.path.join(ROOT, "scripts", name)] + [word.replace("OUT", out) for word in SCRIPTS[name]],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True, cwd=str(runs),
            env=dict(os.environ, AVB_TF1_TEST=tag), start_new_session=True)
        while not has_blocked_signals(process):  # its first line
            time.sleep(0.001)
        try:
            _, stderr = process.communicate(timeout=rng.uniform(0, seconds))
            assert process.returncode == 0, stderr
            seconds = time.time() - begin  # that is how long it takes
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, number)  # as a terminal does
            _, stderr = process.communicate()
            if process.returncode == 0:  # it had done all that there was to do
                continue
            n_signals += 1
            assert process.returncode == code, stderr
            assert re.match(r"(interrupted|stopped)[^\n]*\n\Z", stderr), stderr
        assert processes_of(tag) == []
