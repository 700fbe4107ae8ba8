"""Evaluating a finished run again, from its checkpoint and config alone."""

import contextlib
import os
import time

from avb_tf1.config.loading import load_config
from avb_tf1.estimation.metric import CALIBRATION
from avb_tf1.experiment.run import opened_run, write_arrays, write_page
from avb_tf1.ground import files, progress, seeds
from avb_tf1.ground.errors import InputError, OneLineError
from avb_tf1.ground.threads import one_blas_thread, timed
from avb_tf1.runs import metrics_file, run_folder
from avb_tf1.tasks.registry import task_of
from avb_tf1.tasks.summary import summary
from avb_tf1.tasks.trained import Trained


class OtherNumbers(OneLineError):
    """A run's metrics.json doesn't have the numbers of its evaluation."""


def evaluate_run(folder, with_ais, write, with_timing=False):
    """Evaluate a finished run again and tell the numbers on standard output.

    Args:
        folder: str, the run folder.
        with_ais: bool; whether to check log p(x) by annealed importance sampling.
        write: bool; whether to replace the run's metrics.json, what else is measured, and its page.
        with_timing: bool; whether to tell, too, how long each part of the evaluation took.

    Raises:
        InputError: the folder holds no finished run, or is in use and was to be written into; not to be written into, it has no
            metrics.json that can be read; annealing says nothing more of such a run.
        OtherNumbers: metrics.json was to be kept and has other numbers.
    """
    path = os.path.join(folder, run_folder.METRICS)
    config = load_config(run_folder.config_path(folder))  # first, as what holds no run has nothing to go on with
    task = task_of(config)
    if with_ais and task.no_annealing:
        raise InputError("%s: %s" % (folder, task.no_annealing))
    with run_folder.reclaimed(folder) if write else contextlib.nullcontext():
        if not run_folder.is_complete(folder):
            raise InputError("%s: the run is not finished; go on with scripts/train.py --resume" % folder)
        if not write:
            there, _ = metrics_file.read_metrics(folder, config, task)
        start, cpu_start = time.perf_counter(), time.process_time()
        with opened_run(folder) as ((config, problem, _), found, networks), progress.shown(), one_blas_thread(), \
                timed() as parts:
            parts["the graph, built and restored"] = time.perf_counter() - start
            progress.say("Measuring the model")
            metrics, arrays = task.measure(Trained(config, problem, networks, found.monitors))
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        print(summary(task, metrics, config))
        if with_timing:
            print(_timing(parts, seconds, cpu_seconds))
        if write:
            write_arrays(folder, arrays)
            files.write_json(path, metrics_file.with_made_by(metrics, config, found.legs))
            print("Written to %s" % path)
            try:
                write_page(folder)
            except InputError as error:
                print("%s still has the numbers of before: %s" % (os.path.join(folder, run_folder.REPORT), error))
    if with_ais:
        with progress.shown():
            estimate, standard_error = task.annealed(config, problem, found.path)
        by_quadrature = " (by quadrature: %.4f)" % metrics["log_likelihood"] if "log_likelihood" in metrics else ""
        print("log_likelihood by annealed importance sampling: %.4f, standard error %.4f%s" % (
            estimate, standard_error, by_quadrature))
    if not write:
        require_same_numbers(path, there, metrics)


def calibrate(folder, n):
    """Calibrate the q(z|x) of a finished run with n simulated pairs of x and z, and tell the ranks on standard output.

    Raises:
        InputError: the folder holds no trained model, or its x can't be simulated.
    """
    load_config(run_folder.config_path(folder))  # first, as what holds no run has nothing to go on with
    with opened_run(folder) as ((config, problem, task), _, networks), progress.shown(), one_blas_thread():
        progress.say("Simulating %d pairs of x and z" % n)
        found = task.calibrated(networks, problem, seeds.stream(config.seed, "calibration of %d" % n), n)
    if not found:
        raise InputError("%s: nothing to calibrate: it takes a q(z|x), and of a given posterior problem.x: joint" % folder)
    ranks = found[CALIBRATION]
    for name, counts in ranks["counts"].items():
        print("%s: %s" % (name, " ".join(map(str, counts))))
    print("Of exact ranks all counts are from %d to %d, but for 1 of 100 calibrations." % tuple(ranks["band"]))
    print("The distance of the ranks from uniform ones is %.4f; that of exact ones is below %.4f, but for 1 of 100." % (
        found["calibration_distance"], ranks["limit"]))


def _timing(parts, seconds, cpu_seconds):
    """The lines on wall seconds of parts, by name, and of all, beside its CPU seconds."""
    lines = ["%-30s %6.2f s  %3.0f %%" % (name, own, 100 * own / seconds) for name, own in parts.items()]
    return "\n".join(["Evaluated in %.2f s, %.2f CPU s; some parts of it are done at once:" % (seconds, cpu_seconds), *lines])


def evaluate_part(folder, part, write):
    """Measure a finished run on a part of its data that metrics.json has nothing of, and tell the numbers on standard output.

    Args:
        folder: str, the run folder.
        part: str, as of a task's parts, "validation".
        write: bool; whether to write <part>.json into the folder: the metrics and what made them.

    Raises:
        InputError: the folder holds no trained model, or is in use and was to be written into; its task has no such part, or
            the part has no images.
    """
    config = load_config(run_folder.config_path(folder))
    task = task_of(config)
    if part not in task.parts:
        raise InputError("%s: --part %s is for runs of a data set" % (folder, part))
    with run_folder.reclaimed(folder) if write else contextlib.nullcontext():
        with opened_run(folder) as ((config, problem, _), found, networks), progress.shown():
            progress.say("Measuring the model")
            metrics = measured_part(folder, task, Trained(config, problem, networks, found.monitors), part)
        print(summary(task, metrics, config))
        if write:
            print("Written to %s" % metrics_file.write_part(folder, part, metrics, config, found.legs))


def measured_part(folder, task, trained, part):
    """Return the metrics of a Trained on a part of its data, as of the Task's measure_part; an error names the folder."""
    try:
        with one_blas_thread():
            return task.measure_part(trained, part)
    except InputError as error:
        raise InputError("%s: %s" % (folder, error))


def require_same_numbers(path, found, metrics):
    """Say that the metrics `found` in the file `path` are those of an evaluation, or raise OtherNumbers."""
    for name in sorted(set(found) | set(metrics)):
        if name not in found or name not in metrics or found[name] != metrics[name]:
            there, here = (metrics_file.json_value(some[name]) if name in some else "missing" for some in (found, metrics))
            raise OtherNumbers("%s: %s is %s there and %s here; scripts/evaluate.py --write replaces it" % (
                path, name, there, here))
    print("%s has the same numbers" % path)
