"""One experiment, from config to run folder: build, train, measure, draw, report."""

import contextlib
import os
import platform
import shlex
import sys
import time
from typing import Any, Dict, NamedTuple

import numpy as np

from avb_tf1.config.experiments import require_config
from avb_tf1.config.fingerprint import digest_of_fingerprint
from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.estimation.quadrature import GridError
from avb_tf1.graph import speed
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground import command_line, files, progress, seeds, stopping
from avb_tf1.ground.errors import InputError
from avb_tf1.ground.tensorflow import open_session, tf, tfp
from avb_tf1.ground.threads import at_once, one_blas_thread
from avb_tf1.page.numbers import count
from avb_tf1.problems.registry import problem_of
from avb_tf1.runs import contents, metrics_file, provenance, run_folder
from avb_tf1.tasks.registry import task_of
from avb_tf1.tasks.summary import summary
from avb_tf1.tasks.task import Task
from avb_tf1.tasks.trained import Trained
from avb_tf1.training import checkpoint, snapshots, trainer
from avb_tf1.training.progress import Progress
from avb_tf1.training.summaries import SummaryLog


class Experiment(NamedTuple):
    """A config, its problem and its task: asked for once, and then passed on."""

    config: Any
    problem: Any
    task: Task

    @classmethod
    def of(cls, config):
        """Return the Experiment of a config; raises InputError if its data can't be read."""
        return cls(config, problem_of(config), task_of(config))


class RunResult(NamedTuple):
    """What run_experiment returns: a pair whose parts have names, and which shows itself in a line.

    Attributes:
        metrics, timing: dicts, as in metrics.json and timing.json.
    """

    metrics: Dict[str, Any]
    timing: Dict[str, Any]

    def __repr__(self):
        return "<RunResult of %s in %.1f s: metrics, timing>" % (
            count(self.timing["n_trained"], "iteration"), self.timing["seconds"])


def run_experiment(config, out, show_progress=False, observers=()):
    """Train and evaluate one model and leave its figures and numbers in a run folder.

    A folder that holds a part of this run is gone on with, from its newest good checkpoint; the result has the same bits either
    way. What of it is finished is not trained again, only evaluated.

    Args:
        config: as of config.loading.load_config.
        out: str, the run folder; made if need be, and held by this process meanwhile.
        show_progress: bool, whether standard output is told how far training is and what is done after it; else nothing is.
        observers: functions called after each iteration with its number, from 1, and a dict of its monitors (floats).

    Returns:
        RunResult: the metrics and the timing.

    Raises:
        trainer.DivergenceError: a loss or a gradient is not finite.
        stopping.Stopped: a signal came, as of a notebook's button that interrupts; a checkpoint was saved, and the same call
            goes on from there.
        quadrature.GridError: the trained decoder can't be integrated exactly.
        InputError: the folder is in use, can't be made, holds something else or a run of another config, or its checkpoints are
            damaged. Nothing was trained then. TypeError: `config` is none.
        OSError: the folder can't be written to.
    """
    require_config(config)
    with run_folder.begun_or_gone_on_with(out, config) as config_of_folder:
        found = last_checkpoint(config_of_folder, out)
        return _run(Experiment.of(config_of_folder), out, found, show_progress, observers)


def last_checkpoint(config, out):
    """Return the newest good Checkpoint of the run in the folder `out`, or None if it has only begun.

    Raises:
        InputError: the run was trained, and none of its checkpoints is good.
    """
    try:
        found = checkpoint.latest(os.path.join(out, run_folder.CHECKPOINT), config)
        if found is None and any(os.path.lexists(os.path.join(out, name)) for name in (run_folder.LOSSES, run_folder.METRICS)):
            raise checkpoint.NoGoodCheckpoint("%s: it was trained, but its checkpoints are gone" % out)
        return found
    except checkpoint.NoGoodCheckpoint as error:
        raise InputError("%s; no good one is left: train again, with scripts/train.py --config %s --out %s --overwrite" % (
            error, shlex.quote(os.path.join(out, run_folder.CONFIG)), shlex.quote(out)))


def _run(experiment, out, found, show_progress, observers=()):
    """run_experiment in a folder that this process holds, from the Checkpoint `found` or, if that is None, from the start."""
    config, problem, task = experiment

    def in_folder(name):
        return os.path.join(out, name)

    with opened_model(experiment) as (session, model):
        result, arrays, legs = train_in_folder(session, model, experiment, out, found, show_progress, observers)
        start = time.perf_counter()
        contents.write_losses(in_folder(run_folder.LOSSES), result.monitors)
        trained = Trained(config, problem, trainer.array_functions(session, model), result.monitors, arrays)

        def measured():
            with progress.shown(show_progress):
                progress.say("Measuring the model and drawing")
                return task.measure(trained)

        with one_blas_thread():
            # Drawing stays in this thread: matplotlib keeps the fonts open for each thread that ever drew.
            with _telling_why_not(config, out, "evaluation", lambda: sum(leg["cpu_seconds"] for leg in legs)):
                _, (metrics, measured_arrays) = at_once(lambda: task.write(out, trained), measured)
            write_arrays(out, measured_arrays)
        timing = _timing(config, legs, time.perf_counter() - start)
        files.write_json(in_folder(run_folder.TIMING), timing)
        write_page(out, metrics)
        # The last: a folder that has it is complete.
        files.write_json(in_folder(run_folder.METRICS), metrics_file.with_made_by(metrics, config, legs))
    return RunResult(metrics, timing)


@contextlib.contextmanager
def _telling_why_not(config, out, stage, cpu_seconds):
    """While a stage of a run lasts: if its numbers are not finite, or can't be measured, diverged.json in `out` says so.

    `stage` is "training" or "evaluation"; cpu_seconds() are those of the training. What is raised is raised again.
    """
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(out, run_folder.DIVERGED))
    try:
        yield
    except (trainer.DivergenceError, GridError) as error:
        files.write_json(os.path.join(out, run_folder.DIVERGED), dict(
            provenance.code(), config=digest_of_fingerprint(config), stage=stage, reason=str(error), cpu_seconds=cpu_seconds()))
        raise


def write_arrays(out, arrays):
    """Write what a task measured into the run folder `out`: arrays, name of an .npz file -> its arrays by name."""
    for name, of_file in arrays.items():
        files.write_arrays(os.path.join(out, name), **of_file)


def write_page(out, metrics=None):
    """Write the page of the run in the folder `out`; its metrics are read from metrics.json if they are None."""
    from avb_tf1.report.run_page import write_run_page  # not before training: what it imports takes a while

    write_run_page(out, metrics)


def _timing(config, legs, evaluation_seconds):
    """The content of timing.json: the legs of the training and their sums, and what the last one was done with."""
    seconds, cpu_seconds = (sum(leg[name] for leg in legs) for name in ("seconds", "cpu_seconds"))
    n_trained = legs[-1]["last"]
    return dict(
        {name: legs[-1][name] for name in provenance.leg()},
        legs=legs, seconds=seconds, cpu_seconds=cpu_seconds, n_trained=n_trained,
        iterations_per_second=n_trained / seconds, evaluation_seconds=evaluation_seconds,
        intra_op_threads=config.runtime.intra_op_threads,
        inter_op_threads=config.runtime.inter_op_threads or legs[-1]["n_cpus"],
        python=platform.python_version(), tensorflow=tf.__version__, tensorflow_probability=tfp.__version__,
        numpy=np.__version__)


def train_in_folder(session, model, experiment, out, found, show_progress, observers=()):
    """Train with checkpoints and event files in `out`, from the Checkpoint `found` or, if that is None, from the start.

    Args:
        session: tf.Session on the graph of `model`, a ModelGraph of the experiment, its variables not yet initialised.
        experiment: Experiment.
        out: str; found: checkpoint.Checkpoint or None.
        show_progress, observers: as of run_experiment.

    Returns:
        trainer.TrainingResult; the arrays of snapshots.Snapshots; the legs of the whole training, as in checkpoint.Checkpoint.

    Raises:
        trainer.DivergenceError: a loss or a gradient became NaN or infinite; diverged.json in `out` says so, too.
        stopping.Stopped: a signal came; a checkpoint was saved.
    """
    config, problem, task = experiment
    legs = earlier_legs = [] if found is None else found.legs
    warning = provenance.other_kind_of_cpu(legs)
    if warning:
        print("warning: %s: %s" % (out, warning), file=sys.stderr)
    if found is None:
        session.run(model.initialize)
    else:
        checkpoint.restore(session, model.saver, found.path)
    n_done = 0 if found is None else found.iteration
    view = task.view(trainer.array_functions(session, model), problem, seeds.stream(config.seed, "snapshots"))
    record = snapshots.Snapshots(view, config.training, found and found.snapshots)
    if n_done == config.training.n_iterations:
        record(n_done)  # not yet, if the run was to be longer

    def save(result):
        nonlocal legs
        last = n_done + result.n_trained
        legs = earlier_legs + [dict(provenance.leg(), first=n_done + 1, last=last, seconds=result.seconds,
                                    cpu_seconds=result.cpu_seconds)]
        checkpoint.save(session, model.saver, os.path.join(out, run_folder.CHECKPOINT), last, result.monitors, record.arrays(),
                        legs, config)

    display = Progress(config.training.n_iterations, show_progress, n_done, task.iterations_per_epoch(config, problem))
    log = SummaryLog(os.path.join(out, run_folder.TENSORBOARD), model.graph, n_done)
    start = time.process_time()
    with _telling_why_not(config, out, "training", lambda: time.process_time() - start), contextlib.closing(display), \
            contextlib.closing(log), stopping.on_signals() as request:
        result = trainer.train(session, model, config.training, [display, log, record, *observers],
                               found and found.monitors, save, lambda: request.signal_number is not None)
    if request.signal_number is not None:
        raise stopping.Stopped(request.signal_number, "stopped after iteration %d of %d; %s" % (
            n_done + result.n_trained, config.training.n_iterations,
            stopping.how_to_go_on() or "to go on: %s" % command_line.resuming_from_python(out)))
    return result, record.arrays(), legs


def ensure_finished(config, out):
    """run_and_report for what isn't finished of a config's run in the folder `out`, or was measured by other code than this.

    Raises:
        InputError: the folder holds a run of another config, or something else.
    """
    if not run_folder.is_finished(out, config) or not metrics_file.is_measured_by_this_code(
            metrics_file.read_metrics(out, config, task_of(config))[1]):
        with run_folder.begun_or_gone_on_with(out, config) as config_of_folder:
            run_and_report(config_of_folder, out, show_progress=True)


def run_and_report(config, out, show_progress):
    """run_experiment in a folder that this process holds, telling on standard output what is trained, gone on with, and at the
    end what came of it and where it is.
    """
    with stopping.hint("to go on: %s" % command_line.resuming(out)):
        experiment = Experiment.of(config)
        found = last_checkpoint(config, out)
        is_trained = found is not None and found.iteration >= config.training.n_iterations
        print("%s %s (%s, seed %d) for %s of batch %d into %s" % (
            "Opening" if is_trained else "Training", config.name, config.model.kind, config.seed,
            count(config.training.n_iterations, "iteration"), config.batch_size, out), flush=True)
        if found is not None:
            for problem in found.passed_over:
                print("warning: %s; going on from the one before" % problem, file=sys.stderr)
            print("It is trained already" if is_trained else "Going on from iteration %d of %d" % (
                found.iteration, config.training.n_iterations), flush=True)
        metrics, timing = _run(experiment, out, found, show_progress)
        print(summary(experiment.task, metrics, config, timing))
        figures = [os.path.join(out, name) for name in experiment.task.figures]
        print("\n".join(["Figures:"] + ["  " + path for path in figures if os.path.exists(path)]))
        print("All of it on one page, to open in a browser:\n  " + os.path.join(out, run_folder.REPORT))


def extend(out, overrides):
    """Change the length of the run in the folder `out`; going on with it then trains the difference.

    Its metrics.json is removed, as it is an unfinished run from now on.

    Args:
        out: str, a run folder.
        overrides: sequence of "KEY=VALUE" strings, as of config.loading.load_config; the only key is training.n_iterations.

    Raises:
        InputError: another key, a length that the run is past, rates that depend on the length, or the folder is in use.
            Nothing was changed then.
    """
    with run_folder.reclaimed(out):
        path = run_folder.config_path(out)
        config, new_config = load_config(path), load_config(path, overrides)
        n_iterations = new_config.training.n_iterations
        same_length = new_config.copy(update={"training": new_config.training.copy(
            update={"n_iterations": config.training.n_iterations})})
        if same_length != config:
            raise InputError("--set %s: with --resume only training.n_iterations can be set" % " --set ".join(overrides))
        if new_config == config:
            return
        if config.training.linear_decay is not None:
            raise InputError("%s: training.n_iterations must stay %d: training.linear_decay spreads the learning rates over "
                             "the whole run, so that those of the iterations that are done would have been others" % (
                                 path, config.training.n_iterations))
        found = last_checkpoint(config, out)
        if found is not None and n_iterations < found.iteration:
            raise InputError("--set %s: training.n_iterations must be at least %d, which are done" % (
                " --set ".join(overrides), found.iteration))
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(out, run_folder.METRICS))  # first: without it the run is an unfinished one
        files.write_text(path, to_yaml(new_config))
        print("%s is to have %d instead of %d iterations, and no %s until it has them" % (
            out, n_iterations, config.training.n_iterations, run_folder.METRICS), flush=True)


@contextlib.contextmanager
def opened_run(folder):
    """Give the Experiment, Checkpoint and trained_networks.Networks of a run; raises InputError unless its training is done."""
    config = load_config(run_folder.config_path(folder))
    found = last_checkpoint(config, folder)
    if found is None or found.iteration < config.training.n_iterations:
        what = "%s: its training is not finished" % folder
        if found is not None and found.passed_over:
            what = found.passed_over[0]
        elif run_folder.is_complete(folder):
            what = "%s: its last checkpoint is missing" % folder
        raise InputError("%s; go on with scripts/train.py --resume" % what)
    experiment = Experiment.of(config)
    with opened_model(experiment, is_trained=True) as (session, model):
        checkpoint.restore(session, model.saver, found.path)
        yield experiment, found, trainer.array_functions(session, model)


@contextlib.contextmanager
def opened_model(experiment, is_trained=False):
    """Give a session and the ModelGraph of an Experiment, its variables not yet initialised; is_trained is build_graph's."""
    runtime = experiment.config.runtime
    if runtime.keep_freed_memory:
        speed.keep_freed_memory()
    model = build_graph(experiment.config, experiment.problem, is_trained)
    with open_session(model.graph, runtime.intra_op_threads, runtime.inter_op_threads) as session:
        yield session, model
