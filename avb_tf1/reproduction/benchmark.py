"""How fast this package is beside the tutorial's loop, its own bare graph, and the same model in JAX and PyTorch.

All are measured in processes that take turns (A B C A B C ...), as other work on the machine comes and goes.
"""

import glob
import json
import os
import resource
import sys
import tempfile
import time

from avb_tf1.config.loading import load_config
from avb_tf1.ground import command_line, cpu, files
from avb_tf1.ground.errors import InputError
from avb_tf1.page.numbers import median_and_range
from avb_tf1.reproduction import peers, time_to_pass
from avb_tf1.runs import provenance, run_folder

N_WARM_UP = 100
N_PER_BLOCK = 100             # iterations in a row, of the trainer and of the bare graph in turn
SHARED = "training.shared_backward=true"
_AIS_CHAINS, _AIS_STEPS, _N_PRODUCTS = 20000, 8, 10
# What is timed by iterations, in the order of a turn: name -> what it is. Some are measured in one process.
_TITLES = {
    "tutorial": "the tutorial's loop",
    "package": "`scripts/train.py`",
    "bare": "its bare graph",
    "shared": "`scripts/train.py` with `training.shared_backward`",
    "shared_bare": "its bare graph",
    "sweep": "a sweep of one run a core, all runs together",
    "jax_scan": "JAX, a scan of 100 iterations",
    "jax_step": "JAX, an iteration a call",
    "torch": "PyTorch, eager",
}
# What is compared: a name of the above, and another one. More than 1: the first is the faster.
_RATIOS = (("package", "tutorial"), ("package", "bare"), ("shared", "shared_bare"), ("shared", "package"),
           ("package", "jax_scan"), ("shared", "jax_scan"))


def run(config_path, fast_config_path, n_turns, n_iterations, overrides):
    """Measure and print everything but the time to quality.

    Args:
        config_path: str, that of the tutorial's config; fast_config_path: of the run whose evaluation is timed.
        n_turns: int, at least 1.
        n_iterations: int, timed in each process, in blocks of N_PER_BLOCK.
        overrides: sequence of "KEY=VALUE" for the tutorial's config, on the package's side.
    """
    if n_turns < 1 or n_iterations < 1:
        raise InputError("--turns and --iterations must be at least 1")
    config = load_config(config_path, overrides)  # tells about a bad override before anything is run
    print("%s\n%d CPUs; %d turns of %d iterations each" % (
        provenance.made_by_text([], [config]), cpu.n_cpus(), n_turns, n_iterations), flush=True)
    peer_python, why_not = peers.environment()
    if why_not:
        print("JAX and PyTorch are left out: %s" % why_not, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        fast_run = os.path.join(folder, "run")
        _process("train.py", ["--config", fast_config_path, "--out", fast_run, "--no-progress"], ())
        turns, others = [], []
        for number in range(1, n_turns + 1):
            turns.append(_turn(config_path, peer_python, n_iterations, overrides))
            others.append(dict(_evaluated(fast_run), **_measured("ais", n_iterations, ())))
            print("turn %d: %s" % (number, "  ".join("%s %.0f" % (name, own["rate"]) for name, own in turns[-1].items())),
                  flush=True)
        timing = files.read_json(os.path.join(fast_run, run_folder.TIMING))
    _print_rates(turns)
    _print_ratios(turns)
    _print_others(others, timing, os.path.basename(fast_config_path))


def run_time_to_pass(config_path, reaching, seeds, overrides):
    """Measure and print how long configs train until they are better than the paper's AVB, as multiples of the tutorial.

    Args:
        config_path: str, the tutorial's config, whose n_iterations are the unit.
        reaching: paths of configs.
        seeds: sequence of int; for each of them all configs and both loops are measured, in turn.
        overrides: sequence of "KEY=VALUE" for `reaching`.
    """
    n_iterations = load_config(config_path).training.n_iterations
    found, loops = {path: [] for path in reaching}, {"the tutorial's loop": [], "`synthetic`": []}
    names = [load_config(path).name for path in reaching]
    if len(set(names)) < len(names):
        raise InputError("--time-to-pass: two configs are called %s: a row of the table is called as its config" % next(
            name for name in names if names.count(name) > 1))
    for path in reaching:
        for seed in seeds:
            time_to_pass.require_measurable(load_config(path, [*overrides, "seed=%d" % seed]), path)
    for seed in seeds:
        for name, side in zip(loops, ("tutorial", "package")):
            loops[name].append(_measured(side, 500, ()))
        for path in reaching:
            found[path].append(_measured("time_to_pass", 0, [*overrides, "seed=%d" % seed], path))
            print("seed %d, %s: %s" % (seed, os.path.basename(path), found[path][-1]), flush=True)
    print("\n".join(time_to_pass.table(
        dict(zip(names, found.values())), loops, n_iterations)))


def _turn(config_path, peer_python, n_iterations, overrides):
    """What _TITLES are measured as in one turn: name -> {"rate": iterations a second, "cpu_ms": CPU time of one}."""
    found = {"tutorial": _measured("tutorial", n_iterations, overrides)}
    for name, bare, more in (("package", "bare", []), ("shared", "shared_bare", [SHARED])):
        own = _measured("package", n_iterations, [*overrides, *more])
        found[bare] = own.pop("bare")
        found[name] = own
    rate = _sweep_rate(config_path, n_iterations, overrides)
    if rate is not None:
        found["sweep"] = {"rate": rate}
    for peer in peers.NAMES if peer_python else ():
        found[peer] = peers.measured(peer_python, peer, n_iterations, N_WARM_UP)
    return {name: found[name] for name in _TITLES if name in found}


def _sweep_rate(config_path, n_iterations, overrides):
    """Iterations a second of all runs together, while as many as there are cores train at once; None without Ray."""
    try:
        import ray  # noqa: F401
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as out:
        _process("sweep.py", ["--config", config_path, "--out", out, "--seeds", "0-%d" % (cpu.n_cpus() - 1),
                              "--no-progress"], [*overrides, "training.n_iterations=%d" % n_iterations])
        return sum(files.read_json(path)["iterations_per_second"]
                   for path in glob.glob(os.path.join(out, "*", run_folder.TIMING)))


def _evaluated(folder):
    """Wall and CPU seconds of scripts/evaluate.py on a run, the whole process."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    _process("evaluate.py", [folder], ())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"evaluation": time.perf_counter() - start,
            "evaluation_cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def _print_rates(turns):
    columns = (("iterations a second", "rate", "%.0f"), ("CPU ms an iteration", "cpu_ms", "%.1f"),
               ("peak MB", "peak_mb", "%.0f"), ("seconds to the first iteration", "start_seconds", "%.1f"))
    print("\n| median (smallest to largest) | %s |\n|%s" % (" | ".join(title for title, _, _ in columns), "---|" * 5))
    for name in turns[0]:
        cells = [median_and_range([turn[name][key] for turn in turns], form) if key in turns[0][name] else ""
                 for _, key, form in columns]
        print("| %s | %s |" % (_TITLES[name], " | ".join(cells)))


def _print_ratios(turns):
    print("\n| how many times as fast, median (smallest to largest) | by the clock | by CPU time |\n|---|---|---|")
    for name, other in _RATIOS:
        if name in turns[0] and other in turns[0]:
            of_cpu = [turn[other]["cpu_ms"] / turn[name]["cpu_ms"] for turn in turns]
            of_clock = [turn[name]["rate"] / turn[other]["rate"] for turn in turns]
            print("| %s over %s | %s | %s |" % (
                _TITLES[name], _TITLES[other], median_and_range(of_clock, "%.2f"), median_and_range(of_cpu, "%.2f")))
    if "sweep" in turns[0]:
        bounds = [turn["sweep"]["rate"] * turn["package"]["cpu_ms"] / (1000 * cpu.n_cpus()) for turn in turns]
        print("| %s, over %d cores that do nothing but one run's work | %s | |" % (
            _TITLES["sweep"], cpu.n_cpus(), median_and_range(bounds, "%.2f")))


def _print_others(others, timing, config_name):
    """`others`: of each turn what _evaluated and _measure_ais return; `timing`: timing.json of the run that is evaluated."""
    def of(key, form="%.1f"):
        return median_and_range([own[key] for own in others], form)

    print("\n%s: training %.1f s, %.1f CPU s; its evaluation, figures and page %.1f s (once)" % (
        config_name, timing["seconds"], timing["cpu_seconds"], timing["evaluation_seconds"]))
    print("scripts/evaluate.py of it: %s s, %s CPU s" % (of("evaluation"), of("evaluation_cpu")))
    print("annealed importance sampling of log p(x), %d chains, %d temperatures: %s s, %s CPU s; its decoder's products alone "
          "%s CPU s; over these: %s" % (_AIS_CHAINS, _AIS_STEPS, of("ais"), of("ais_cpu"), of("ais_products"), median_and_range(
              [own["ais_cpu"] / own["ais_products"] for own in others], "%.2f")))


def _process(script, arguments, overrides):
    arguments = [*arguments, *(word for override in overrides for word in ("--set", override))]
    return peers.output_of([sys.executable, os.path.join(command_line.ROOT, "scripts", script), *arguments])


def _measured(side, n_iterations, overrides, config_path=None):
    """What a process of its own, scripts/benchmark.py --measure, finds of one of SIDES."""
    begin = time.time()
    of_config = [] if config_path is None else ["--time-to-pass", config_path]
    output = _process("benchmark.py", ["--measure", side, "--iterations", str(n_iterations), *of_config], overrides)
    result = json.loads(output)
    if "first_iteration" in result:
        result["start_seconds"] = result.pop("first_iteration") - begin
    return result


class _Stopwatch:
    """An observer of training that times the iterations after the warm-up; `result` is what it found.

    between: None, or a function that is called after each N_PER_BLOCK of them, whose time doesn't count.
    """

    def __init__(self, n_iterations, between=None):
        self._last, self._between = N_WARM_UP + n_iterations, between
        self._seconds = self._cpu_seconds = 0.0
        self.result = {}

    def __call__(self, iteration, _=None):
        if iteration == 1:
            self.result["first_iteration"] = time.time()
        elif iteration == N_WARM_UP:
            self._start()
        elif iteration > N_WARM_UP and ((iteration - N_WARM_UP) % N_PER_BLOCK == 0 or iteration == self._last):
            seconds, cpu_seconds = time.perf_counter() - self._since[0], time.process_time() - self._since[1]
            self._seconds, self._cpu_seconds = self._seconds + seconds, self._cpu_seconds + cpu_seconds
            if self._between is not None:
                self._between()
            self._start()
        if iteration == self._last:
            n_iterations = self._last - N_WARM_UP
            self.result.update(rate=n_iterations / self._seconds, cpu_ms=1000 * self._cpu_seconds / n_iterations,
                               peak_mb=peak_mb())

    def _start(self):
        self._since = time.perf_counter(), time.process_time()


def peak_mb():
    """The most memory that this process held, MiB. Linux's `ru_maxrss` begins with what the process that started it held."""
    if sys.platform == "darwin":  # bytes there
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2 ** 20
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


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
    return stopwatch.result


def _measure_package(n_iterations, config_path, overrides):
    """The training path of scripts/train.py, with event file, checkpoints and snapshots, and its bare graph, block by block.

    The bare graph is the same one in the same session, of which nothing but the losses is asked.
    """
    from avb_tf1.experiment.run import Experiment, opened_model, train_in_folder

    config = load_config(config_path, list(overrides) + ["training.n_iterations=%d" % (N_WARM_UP + n_iterations)])
    experiment = Experiment.of(config)
    with tempfile.TemporaryDirectory() as out, opened_model(experiment) as (session, model):
        run_bare, spent = _bare(session, model), []

        def some_bare():
            start, cpu_start = time.perf_counter(), time.process_time()
            for _ in range(N_PER_BLOCK):
                run_bare()
            spent.append((time.perf_counter() - start, time.process_time() - cpu_start))

        stopwatch = _Stopwatch(n_iterations, between=some_bare)
        train_in_folder(session, model, experiment, out, None, show_progress=False, observers=[stopwatch])
    seconds, cpu_seconds = (sum(own) / (len(spent) * N_PER_BLOCK) for own in zip(*spent))
    return dict(stopwatch.result, bare={"rate": 1 / seconds, "cpu_ms": 1000 * cpu_seconds})


def _bare(session, model):
    """A function that runs an iteration of a ModelGraph and fetches its losses, nothing else."""
    if model.parts.batch.of_iteration is not None or model.parts.batch.iteration is not None:
        raise InputError("--set: a bare graph can be timed only where the batch depends on no iteration")
    inputs = [] if model.learning_rate_factor is None else [model.learning_rate_factor]
    steps = [session.make_callable([step.train_op, *step.monitors.values()], inputs) for step in model.steps]
    return lambda: [step(*[1.0] * len(inputs)) for step in steps]


def _measure_ais(_, config_path, overrides):
    """Annealing of log p(x) under a decoder of the config, drawn at random, and the products that it can't do without."""
    import numpy as np

    from avb_tf1.estimation import ais
    from avb_tf1.graph import networks, speed
    from avb_tf1.ground.tensorflow import open_session, tf
    from avb_tf1.problems.registry import problem_of

    config = load_config(config_path, overrides)
    problem, model = problem_of(config), config.model
    speed.keep_freed_memory()
    density = ais.bernoulli(lambda z: networks.decoder(z, problem.n_pixels, model))

    def restore(session, _):
        for variable in session.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES):
            shape = variable.shape.as_list()
            variable.load(np.random.RandomState(0).standard_normal(shape) / np.sqrt(shape[0]), session)

    start, cpu_start = time.perf_counter(), time.process_time()
    path = ais.path_from_prior(problem.n_images, model.latent_dim)
    ais.anneal(density, restore, problem.images, path, config.seed, _AIS_CHAINS, _AIS_STEPS)
    found = {"ais": time.perf_counter() - start, "ais_cpu": time.process_time() - cpu_start}
    shapes = []
    with tf.Graph().as_default() as graph:
        z = tf.zeros([_AIS_CHAINS, 1, model.latent_dim])
        gradient = tf.gradients(density(tf.constant(problem.images[:1]), z), z)[0]
        for node in tf.graph_util.extract_sub_graph(graph.as_graph_def(), [gradient.op.name]).node:
            if node.op == "MatMul":
                op = graph.get_operation_by_name(node.name)
                shapes.append(([tensor.shape.as_list() for tensor in op.inputs],
                               [op.get_attr(name) for name in ("transpose_a", "transpose_b")]))
    with tf.Graph().as_default() as graph:
        products = [tf.matmul(*[tf.Variable(tf.ones(shape)) for shape in of_inputs], *transposed).op
                    for of_inputs, transposed in shapes]
        initialize = tf.global_variables_initializer()
    with open_session(graph, 1, 1) as session:
        session.run(initialize)
        run_products = session.make_callable(products)
        run_products()
        cpu_start = time.process_time()
        for _ in range(_N_PRODUCTS):
            run_products()
        cpu_seconds = (time.process_time() - cpu_start) / (_N_PRODUCTS * _AIS_CHAINS)
    return dict(found, ais_products=cpu_seconds * problem.n_images * ais.n_gradients(_AIS_CHAINS, _AIS_STEPS))


SIDES = {"tutorial": _measure_tutorial, "package": _measure_package, "ais": _measure_ais,
         "time_to_pass": lambda _, config_path, overrides: time_to_pass.measure(config_path, overrides)}


def measure(side, config_path, n_iterations, overrides):
    """Print what one of SIDES measures in this process, as JSON."""
    print(json.dumps(SIDES[side](n_iterations, config_path, overrides)))
