"""Opening sessions in processes of all kinds: threads, no standard error, and TensorFlow switched to version 2."""

import os
import subprocess
import sys

import pytest
from helpers import ROOT

IMPORTS = "import os, sys, threading; import numpy as np; from avb_tf1.ground.tensorflow import open_session, tf\n"


def told(code, **options):
    """What a process says that runs the code: its standard output and standard error."""
    result = subprocess.run([sys.executable, "-c", IMPORTS + code], env=dict(os.environ, PYTHONPATH=ROOT), capture_output=True,
                            text=True, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout, result.stderr


@pytest.mark.slow
def test_two_threads_leave_standard_error_where_it_was():
    code = """
def opens():
    for _ in range(150):
        with open_session(tf.Graph(), 1, 1):
            pass
before = os.fstat(2)
threads = [threading.Thread(target=opens) for _ in range(2)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
assert (os.fstat(2).st_dev, os.fstat(2).st_ino) == (before.st_dev, before.st_ino)
os.write(2, b"heard")
"""
    assert told(code) == ("", "heard")


@pytest.mark.slow
@pytest.mark.parametrize("closing", ["sys.stderr = None", "sys.stderr.close()", "os.close(2)"])
def test_a_session_needs_no_standard_error(closing):
    code = closing + """
with open_session(tf.Graph(), 1, 1) as session:
    print(session.graph.finalized)
if "os.close" in %r:  # it stays closed
    try:
        os.fstat(2)
    except OSError as error:
        print(error.strerror)
""" % closing
    assert told(code)[0] == "False\n" + "Bad file descriptor\n" * ("os.close" in closing)


@pytest.mark.slow
@pytest.mark.parametrize("switch", [
    "v2_tensorshape", "resource_variables", "control_flow_v2", "v2_behavior"])
def test_what_is_switched_to_version_2_is_named(switch):
    code = """
import avb_tf1
tf.enable_%s()
try:
    avb_tf1.build_graph(avb_tf1.load_config(%r))
except avb_tf1.ground.errors.InputError as error:
    print(error)
""" % (switch, os.path.join(ROOT, "configs", "synthetic.yaml"))
    name = "v2_tensorshape" if switch == "v2_behavior" else switch
    assert told(code)[0] == ("tf.enable_%s() was called in this process, alone or by tf.enable_v2_behavior(): call "
                             "tf.disable_%s() first\n" % (name, name))


@pytest.mark.slow
def test_two_threads_draw_and_leave_the_users_settings():
    code = """
import matplotlib, tempfile
from avb_tf1.plotting import training_curve
matplotlib.rcParams["lines.linewidth"] = 7.5
folder, failed = tempfile.mkdtemp(), []
def draws(name):
    try:
        for _ in range(6):
            training_curve.draw(os.path.join(folder, name), {"generator_loss": np.arange(50.0)}, {"generator_loss": 1.0})
    except BaseException as error:
        failed.append(error)
threads = [threading.Thread(target=draws, args=("%d.png" % n,)) for n in range(3)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
same = len({open(os.path.join(folder, "%d.png" % n), "rb").read() for n in range(3)}) == 1
print(failed, same, matplotlib.rcParams["lines.linewidth"])
"""
    assert told(code) == ("[] True 7.5\n", "")
