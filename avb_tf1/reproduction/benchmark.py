"""How fast training is beside the tutorial's loop, measured in processes that take turns (A B A B ...)."""

import glob
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from avb_tf1.config.loading import load_config
from avb_tf1.ground import command_line, files, stopping
from avb_tf1.ground.cpu import n_cpus
from avb_tf1.ground.errors import InputError
from avb_tf1.runs import run_folder

N_WARM_UP = 100


def run(config_path, n_pairs, n_iterations, overrides):
    """Run the pairs and print what they measured.

    Args:
        config_path: str, that of the tutorial's config.
        n_pairs: int, at least 1.
        n_iterations: int, timed in each process.
        overrides: sequence of "KEY=VALUE" for the package's side.
    """
    _check_counts(n_pairs, n_iterations, config_path, overrides)
    pairs = []
    print("A: the tutorial's loop   B: this package   (%d iterations each)" % n_iterations)
    print("%5s %17s %21s %15s %17s %7s" % ("pair", "it/s A, B", "CPU ms/it A, B", "MB A, B", "start s A, B", "B/A"))
    for number in range(1, n_pairs + 1):
        a, b = (_measured(side, n_iterations, overrides) for side in ("tutorial", "package"))
        pairs.append((a, b))
        print("%5d %8.1f %8.1f %10.2f %10.2f %7.0f %7.0f %8.1f %8.1f %7.2f" % (
            number, a["rate"], b["rate"], a["cpu_ms"], b["cpu_ms"], a["peak_mb"], b["peak_mb"],
            a["start_seconds"], b["start_seconds"], b["rate"] / a["rate"]), flush=True)
    _print_ratios("iterations a second    B/A", [b["rate"] / a["rate"] for a, b in pairs])
    _print_ratios("CPU time an iteration  A/B", [a["cpu_ms"] / b["cpu_ms"] for a, b in pairs])
    _print_ratios("peak memory            B/A", [b["peak_mb"] / a["peak_mb"] for a, b in pairs])
    _print_ratios("start-up               B/A", [b["start_seconds"] / a["start_seconds"] for a, b in pairs])
    bound = _measured("bound", n_iterations, overrides)
    print("bound: %.2f ms of matrix products an iteration at %.0f GFLOP/s on one thread (512x256 by 256x256): "
          "%.0f it/s if nothing else took time, on %d cores in perfect parallel" % (
              bound["ms"], bound["gflops"], bound["n_cpus"] * 1000 / bound["ms"], bound["n_cpus"]))


def run_sweep(config_path, n_rounds, n_iterations, overrides):
    """Run the tutorial's loop, one run of the package, and a sweep of one run a core, in turn; print their throughput.

    Arguments as of run; n_rounds instead of pairs.
    """
    _check_counts(n_rounds, n_iterations, config_path, overrides)
    print("A: the tutorial's loop   B: one run   C: a sweep of one run a core, in all   (%d iterations a run)" % n_iterations)
    print("%5s %26s %7s %7s" % ("round", "it/s A, B, C", "C/A", "C/B"))
    rounds = []
    for number in range(1, n_rounds + 1):
        a, b = (_measured(side, n_iterations, overrides)["rate"] for side in ("tutorial", "package"))
        c = _sweep_rate(config_path, n_iterations, overrides)
        rounds.append((c / a, c / b))
        print("%5d %8.1f %8.1f %8.1f %7.2f %7.2f" % (number, a, b, c, c / a, c / b), flush=True)
    for title, ratios in zip(("C/A", "C/B"), zip(*rounds)):
        _print_ratios(title, ratios)


def _print_ratios(title, ratios):
    print("%s: median %.2f, min %.2f, max %.2f" % (title, statistics.median(ratios), min(ratios), max(ratios)))


def _sweep_rate(config_path, n_iterations, overrides):
    """Iterations a second of all runs together, while as many as there are cores train at once."""
    with tempfile.TemporaryDirectory() as out:
        process = _process("sweep.py", ["--config", config_path, "--out", out, "--seeds", "0-%d" % (n_cpus() - 1),
                                        "--no-progress"], [*overrides, "training.n_iterations=%d" % n_iterations])
        if process.returncode != 0:
            raise OSError("the sweep failed: %s" % process.stderr)
        return sum(files.read_json(path)["iterations_per_second"]
                   for path in glob.glob(os.path.join(out, "*", run_folder.TIMING)))


def _check_counts(n_rounds, n_iterations, config_path, overrides):
    if n_rounds < 1 or n_iterations < 1:
        raise InputError("--pairs and --iterations must be at least 1")
    load_config(config_path, overrides)  # tells about a bad override before anything is run


def _process(script, arguments, overrides):
    arguments = [*arguments, *(word for override in overrides for word in ("--set", override))]
    process = subprocess.Popen([sys.executable, os.path.join(command_line.ROOT, "scripts", script), *arguments],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    stopping.groups.add(process.pid)
    output, errors = process.communicate()
    stopping.groups.remove(process.pid)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def _measured(side, n_iterations, overrides):
    begin = time.time()
    process = _process("benchmark.py", ["--measure", side, "--iterations", str(n_iterations)], overrides)
    if process.returncode != 0:
        sys.stderr.write(process.stderr)
        raise OSError("measuring %s failed" % side)
    result = json.loads(process.stdout)
    if "first_iteration" in result:
        result["start_seconds"] = result["first_iteration"] - begin
    return result


class _Stopwatch:
    """Times the iterations after the warm-up."""

    def __init__(self, n_iterations):
        self._last = N_WARM_UP + n_iterations
        self.result = {}

    def __call__(self, iteration, _=None):
        if iteration == 1:
            self.result["first_iteration"] = time.time()
        elif iteration == N_WARM_UP:
            self._start = time.perf_counter(), time.process_time()
        elif iteration == self._last:
            seconds, cpu_seconds = time.perf_counter() - self._start[0], time.process_time() - self._start[1]
            n_iterations = self._last - N_WARM_UP
            self.result.update(rate=n_iterations / seconds, cpu_ms=1000 * cpu_seconds / n_iterations,
                               peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _measure_tutorial(n_iterations, _, __):
    """The tutorial's loop as it is written: a default Session, one session.run with both losses and both train ops."""
    from matplotlib import pyplot  # noqa: F401 (the tutorial imports it, so its start-up and memory have it)

    from avb_tf1.ground.tensorflow import tf
    from avb_tf1.reproduction import tutorial

    stopwatch = _Stopwatch(n_iterations)
    model = tutorial.build()
    with tf.Session(graph=model.graph) as session:
        session.run(model.initialize)
        generator_losses, discriminator_losses = [], []
        for iteration in range(1, N_WARM_UP + n_iterations + 1):
            g_loss, d_loss, _, _ = session.run(model.losses + model.train_ops)
            generator_losses.append(g_loss)
            discriminator_losses.append(d_loss)
            stopwatch(iteration)
    print(json.dumps(stopwatch.result))


def _measure_package(n_iterations, config_path, overrides):
    """The training path of scripts/train.py, with its event file and its checkpoints."""
    from avb_tf1.experiment.run import Experiment, opened_model, train_in_folder

    config = load_config(config_path, list(overrides) + ["training.n_iterations=%d" % (N_WARM_UP + n_iterations)])
    experiment, stopwatch = Experiment.of(config), _Stopwatch(n_iterations)
    with tempfile.TemporaryDirectory() as out, opened_model(experiment) as (session, model):
        train_in_folder(session, model, experiment, out, None, show_progress=False, observers=[stopwatch])
    print(json.dumps(stopwatch.result))


def _measure_bound(n_iterations, config_path, overrides):
    """An iteration's matrix products alone, at the rate that one thread reaches on the commonest of them."""
    from tensorflow.python.framework.ops import get_stats_for_node_def

    from avb_tf1.graph.builder import build_graph
    from avb_tf1.ground.tensorflow import open_session, tf

    model = build_graph(load_config(config_path, overrides))
    definition = model.graph.as_graph_def()
    nodes = [node for step in model.steps for node in tf.graph_util.extract_sub_graph(definition, [step.train_op.name]).node]
    flops = sum(get_stats_for_node_def(model.graph, node, "flops").value for node in nodes if node.op == "MatMul")
    graph = tf.Graph()
    with graph.as_default():
        product = tf.matmul(tf.Variable(tf.ones([512, 256])), tf.Variable(tf.ones([256, 256]))).op
        initialize = tf.global_variables_initializer()
    with open_session(graph, 1, 1) as session:
        session.run(initialize)
        run = session.make_callable(product)
        for _ in range(N_WARM_UP):
            run()
        start = time.process_time()
        for _ in range(n_iterations):
            run()
        rate = n_iterations * 2 * 512 * 256 * 256 / (time.process_time() - start)
    print(json.dumps({"ms": 1000 * flops / rate, "gflops": rate / 1e9, "n_cpus": n_cpus()}))


SIDES = {"tutorial": _measure_tutorial, "package": _measure_package, "bound": _measure_bound}
