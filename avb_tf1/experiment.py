"""One experiment, from config to run folder: graph, training, evaluation, figures."""

import contextlib
import os
import platform
import shlex
import time

import numpy as np

from avb_tf1 import (
    __version__,
    ais,
    checkpoint,
    evaluation,
    files,
    outputs,
    report,
    run_folder,
    snapshots,
    speed,
    stopping,
    trainer,
)
from avb_tf1.config import load_config, to_yaml
from avb_tf1.data import one_hot_images
from avb_tf1.errors import InputError
from avb_tf1.graph import build_graph
from avb_tf1.progress import Progress
from avb_tf1.published import optima
from avb_tf1.quiet_tensorflow import n_cpus, open_session, tf, tfp
from avb_tf1.summaries import SummaryLog

N_AIS_CHAINS, N_AIS_STEPS = 50000, 8  # with sharp decoders more chains help more than more steps


def run_experiment(config, out, show_progress, observers=()):
    """Train and evaluate one model and leave its figures and numbers in a run folder.

    Goes on from the newest good checkpoint in the folder, if there is one; the result has the same bits either way.

    Args:
        config: as of config.load_config.
        out: str, the run folder with its config.yaml, held by this process (run_folder.claimed or reclaimed).
        show_progress: bool.
        observers: functions called after each iteration, as of trainer.train.

    Returns:
        The metrics and the timing, as in metrics.json and timing.json.

    Raises:
        trainer.DivergenceError: a loss or a gradient is not finite.
        stopping.Stopped: a signal came; a checkpoint was saved.
        evaluation.GridError: the trained decoder can't be integrated exactly.
        InputError: the folder's checkpoints are damaged or belong to another config.
        OSError: the folder can't be written to.
    """
    def in_folder(name):
        return os.path.join(out, name)

    found = checkpoint.latest(in_folder(run_folder.CHECKPOINT), config)
    with opened_model(config) as (session, model):
        result, seen = train(session, model, config, out, found, show_progress, observers)
        start = time.perf_counter()
        outputs.write_losses(in_folder(run_folder.LOSSES), result.monitors)
        networks = trainer.array_functions(session, model)
        z, labels = outputs.sample_latents(networks, config.seed)
        files.write_arrays(in_folder(run_folder.LATENTS), z=z, label=labels)
        files.write_arrays(in_folder(run_folder.SNAPSHOTS), label=snapshots.LABELS, **seen, **snapshots.kl_over_training(seen))
        outputs.draw_figures(out, networks, result.monitors, seen, z, labels, config)
        log_likelihoods = evaluation.log_likelihood(networks.decode, networks.latent_dim, one_hot_images())
        files.write_arrays(in_folder(run_folder.LATENT_PLANE), **outputs.latent_plane(networks, log_likelihoods))
        metrics = outputs.measure(networks, result.monitors, z, labels, config.seed, log_likelihoods)
        timing = dict(_machine(config.runtime), seconds=result.seconds, cpu_seconds=result.cpu_seconds,
                      n_trained=result.n_trained,
                      iterations_per_second=result.n_trained / result.seconds,
                      evaluation_seconds=time.perf_counter() - start)
        if result.n_trained or not os.path.exists(in_folder(run_folder.TIMING)):
            files.write_json(in_folder(run_folder.TIMING), timing)
        outputs.write_report(out, metrics)
        files.write_json(in_folder(run_folder.METRICS), metrics)  # the last: a folder that has it is complete
    return metrics, timing


def train(session, model, config, out, found, show_progress, observers=()):
    """Train with checkpoints and event files in `out`, from the Checkpoint `found` or, if that is None, from the start.

    Returns what trainer.train does and the arrays of snapshots.Snapshots; raises as trainer.train does, further
    stopping.Stopped.
    """
    if found is None:
        session.run(model.initialize)
    else:
        checkpoint.restore(session, model.saver, found.path)
    n_done = 0 if found is None else found.iteration
    seen = snapshots.Snapshots(trainer.array_functions(session, model), outputs.stream(config.seed, "snapshots"),
                               config.training, found and found.snapshots)

    def save(iteration, monitors):
        checkpoint.save(session, model.saver, os.path.join(out, run_folder.CHECKPOINT), iteration, monitors, seen.arrays(),
                        config)

    progress = Progress(config.training.n_iterations, show_progress, n_done)
    log = SummaryLog(os.path.join(out, run_folder.TENSORBOARD), model.graph, n_done)
    with contextlib.closing(progress), contextlib.closing(log), stopping.on_signals() as request:
        result = trainer.train(session, model, config.training, [progress, log, seen, *observers],
                               found and found.monitors, save, lambda: request.signal_number is not None)
    if request.signal_number is not None:
        raise stopping.Stopped(request.signal_number, "stopped after iteration %d; go on with --resume %s" % (
            n_done + result.n_trained, shlex.quote(out)))
    return result, seen.arrays()


def ensure_finished(config, out):
    """run_and_report for what isn't finished of a config's run in the folder `out`.

    Raises:
        InputError: the folder holds a run of another config, or something else.
    """
    if not run_folder.is_finished(out, config):
        with run_folder.begun_or_gone_on_with(out, to_yaml(config)) as own_config:
            run_and_report(own_config, out, show_progress=True)


def run_and_report(config, out, show_progress):
    """run_experiment, telling on standard output what is trained, and at the end what came of it and where it is."""
    print("Training %s (%s, seed %d) for %d iterations of batch %d into %s" % (
        config.name, config.model.kind.upper().replace("_", "-"), config.seed, config.training.n_iterations,
        config.data.batch_size, out), flush=True)
    metrics, timing = run_experiment(config, out, show_progress)
    print(report.summary(metrics, optima(config.model.kind), timing))
    print("\n".join(["Figures:"] + ["  " + os.path.join(out, name) for name in run_folder.FIGURES]))
    print("All of it on one page, to open in a browser:\n  " + os.path.join(out, run_folder.REPORT))


@contextlib.contextmanager
def opened_run(folder):
    """Give the config, the checkpoint and the trained networks (evaluation.Networks) of a finished run.

    Raises:
        InputError: the folder holds no finished training.
    """
    config = load_config(run_folder.config_path(folder))
    found = checkpoint.latest(os.path.join(folder, run_folder.CHECKPOINT), config)
    if found is None or found.iteration < config.training.n_iterations:
        raise InputError("%s: its training is not finished; go on with scripts/train.py --resume" % folder)
    with opened_model(config) as (session, model):
        checkpoint.restore(session, model.saver, found.path)
        yield config, found, trainer.array_functions(session, model)


def evaluate_run(folder, with_ais, write):
    """Evaluate a finished run again and tell the numbers on standard output.

    Args:
        folder: str, the run folder.
        with_ais: bool; whether to check log p(x) by annealed importance sampling.
        write: bool; whether to replace the run's metrics.json.
    """
    path = os.path.join(folder, run_folder.METRICS)
    with run_folder.reclaimed(folder) if write else contextlib.nullcontext():
        if write and not run_folder.is_complete(folder):
            raise InputError("%s: its evaluation is not finished; go on with scripts/train.py --resume" % folder)
        with opened_run(folder) as (config, found, networks):
            metrics = outputs.measure(networks, found.monitors, *outputs.sample_latents(networks, config.seed), config.seed)
        if write:
            files.write_json(path, metrics)
    print(report.summary(metrics, optima(config.model.kind)))
    if write:
        print("Written to %s" % path)
        try:
            outputs.write_report(folder)
        except InputError as error:
            print("%s still has the numbers of before: %s" % (os.path.join(folder, run_folder.REPORT), error))
    else:
        try:
            with open(path, encoding="utf-8") as file:
                same = file.read() == files.json_text(metrics)
            print("%s %s" % (path, "has the same numbers" if same else "has other numbers; --write replaces them"))
        except (OSError, ValueError) as error:
            print("%s can't be read: %s" % (path, error))
    if with_ais:
        estimates, errors = ais.log_likelihood(config, found.path, N_AIS_CHAINS, N_AIS_STEPS)
        print("log_likelihood by annealed importance sampling: %.4f, standard error %.4f (by quadrature: %.4f)" % (
            np.mean(estimates), np.sqrt(np.sum(errors**2)) / len(errors), metrics["log_likelihood"]))


@contextlib.contextmanager
def opened_model(config):
    """Give a session and the config's ModelGraph, its variables not yet initialised."""
    if config.runtime.keep_freed_memory:
        speed.keep_freed_memory()
    model = build_graph(config)
    with open_session(model.graph, config.runtime.intra_op_threads, config.runtime.inter_op_threads) as session:
        yield session, model


def _machine(runtime):
    return {
        "cpu_model": _cpu_model(),
        "n_cpus": n_cpus(),
        "intra_op_threads": runtime.intra_op_threads,
        "inter_op_threads": runtime.inter_op_threads or n_cpus(),
        "avb_tf1": __version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "tensorflow_probability": tfp.__version__,
        "numpy": np.__version__,
    }


def _cpu_model():
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
