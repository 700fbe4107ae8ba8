"""Runs in the kernel of a notebook: what is seen of them, and that one that was interrupted is gone on with."""

import contextlib
import os
import re

import pytest
from helpers import ROOT, SYNTHETIC, small
from jupyter_client.manager import start_new_kernel

from avb_tf1.experiment.run import run_experiment

pytestmark = pytest.mark.slow
SETTINGS = ["training.n_iterations=60", "training.snapshot_every=8"]


class Kernel:
    """A kernel whose cells are run by `run`; attributes: manager, client."""

    def __init__(self, folder):
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join([ROOT, os.path.join(ROOT, "tests")]),
                           IPYTHONDIR=str(folder / "ipython"))
        self.manager, self.client = start_new_kernel(cwd=str(folder), env=environment)

    def run(self, code, on_print=None):
        """Run a cell; return its outputs, a list of (type, content). `on_print`: called with what each print sends."""
        # Without stop_on_error a kernel doesn't abort, unseen, a cell that comes soon after one that failed.
        cell, outputs = self.client.execute(code, stop_on_error=False), []
        while True:
            message = self.client.get_iopub_msg(timeout=600)
            if message["parent_header"].get("msg_id") != cell:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return outputs
            if kind in ("stream", "display_data", "execute_result", "error"):
                outputs.append((kind, content))
            if kind == "stream" and on_print is not None:
                on_print(content["text"])

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    with contextlib.closing(Kernel(tmp_path_factory.mktemp("notebook"))) as kernel:
        assert kernel.run("import os, time\nimport avb_tf1\nfrom helpers import small\n"
                          "config = small(%s)" % ", ".join(map(repr, SETTINGS))) == []
        yield kernel


def shown(outputs):
    """The representations of what a cell shows, by MIME type, a dict for each."""
    return [content["data"] for kind, content in outputs if kind in ("display_data", "execute_result")]


def printed(outputs):
    return "".join(content["text"] for kind, content in outputs if kind == "stream")


def error_of(outputs):
    error, = (content for kind, content in outputs if kind == "error")
    return error


def test_a_run_that_is_interrupted_is_gone_on_with_by_the_same_call(kernel, tmp_path):
    folder = kernel.run("os.getcwd()")[-1][1]["data"]["text/plain"].strip("'")

    def interrupt(text):
        if "here" in text:
            kernel.manager.interrupt_kernel()
            with open(os.path.join(folder, "interrupted"), "w"):
                pass

    observer = ("def wait(iteration, _):\n"
                "    if iteration == 30:\n"
                "        print('here', flush=True)\n"
                "        while not os.path.exists('interrupted'): time.sleep(0.01)\n")
    outputs = kernel.run(observer + "avb_tf1.run_experiment(config, 'run', show_progress=True, observers=[wait])", interrupt)
    line, = error_of(outputs)["traceback"]
    told = re.fullmatch(r"Stopped: stopped after iteration 30 of 60; to go on: (avb_tf1\.run_experiment\(.*\))", line)
    assert told, line
    assert [data for data in shown(outputs) if "application/vnd.jupyter.widget-view+json" in data]
    outputs = kernel.run(told.group(1))
    assert shown(outputs)[-1]["text/plain"].startswith("<RunResult of 60 iterations"), outputs
    run_experiment(small(*SETTINGS), str(tmp_path / "run"))
    for name in ("losses.csv", "latents.npz", "metrics.json", "snapshots.npz"):
        with open(os.path.join(folder, "run", name), "rb") as file:
            assert file.read() == (tmp_path / "run" / name).read_bytes(), name


def test_a_second_interrupt_does_not_wait_and_leaves_the_kernel_alive(kernel):
    def interrupt(text):
        if "here" in text or "again" in text:
            kernel.manager.interrupt_kernel()

    observer = ("def never_ends(iteration, _):\n"
                "    print('here', flush=True)\n"
                "    time.sleep(1)\n"
                "    print('again', flush=True)\n"
                "    time.sleep(600)\n")
    outputs = kernel.run(observer + "avb_tf1.run_experiment(config, 'other', observers=[never_ends])", interrupt)
    assert error_of(outputs)["ename"] == "KeyboardInterrupt"
    outputs = kernel.run("print(avb_tf1.run_experiment(config, 'other'))")
    assert printed(outputs).startswith("<RunResult of 60 iterations")


def test_an_opened_run_shows_its_metrics_and_figures(kernel):
    kernel.run("avb_tf1.run_experiment(config, 'third')")
    outputs = kernel.run("run = avb_tf1.open_run('third')\nrun")
    assert printed(outputs) == ""  # none of TensorFlow's own
    data, = shown(outputs)
    assert data["text/plain"].startswith("<TrainedRun of third") and "<td>log-likelihood</td>" in data["text/html"]
    assert [set(data) - {"text/plain"} for data in shown(kernel.run("run.show()"))] == [{"image/png"}] * 3 + [{"image/gif"}]
    outputs = kernel.run("run.show('report.html')\nrun.close()")
    assert printed(outputs) == "" and '<iframe srcdoc="' in shown(outputs)[0]["text/html"]


def test_bad_input_is_one_line(kernel):
    outputs = kernel.run("avb_tf1.load_config(%r, ['sed=3'])" % SYNTHETIC)
    line, = error_of(outputs)["traceback"]
    assert line.startswith("InputError: ") and "sed" in line and "did you mean" in line
