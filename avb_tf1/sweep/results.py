"""What is known of a sweep's runs, and sweep.json and summary.csv, which tell of it."""

import csv
import io
import os
import time

from avb_tf1 import __version__
from avb_tf1.config.fingerprint import OtherConfig, digest_of_fingerprint
from avb_tf1.config.setting_names import value_text
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.runs import metrics_file, run_folder
from avb_tf1.tasks.registry import task_of
from avb_tf1.training import checkpoint


class Record:
    """What is known of a run: its status ("waiting", "running", "stopped", "not begun", "done", "failed"), metrics and reason
    to fail.

    `iteration` is how far it is, `n_kept` how far it was when this sweep first heard of it; None before that. `fingerprint`
    stands for its config in sweep.json; `task` is the run's tasks.task.Task.
    """

    def __init__(self, run):
        self.run, self.status, self.metrics, self.reason, self.iteration, self.n_kept = run, "waiting", {}, "", 0, None
        self.task = task_of(run.config)
        self.fingerprint = digest_of_fingerprint(run.config)  # once: the results are written anew as each run ends

    def begin(self):
        if self.status == "waiting":
            self.status = "running"

    def reach(self, iteration):
        self.begin()
        if self.n_kept is None:
            self.n_kept = iteration
        self.iteration = iteration

    def finish(self, metrics):
        self.reach(self.run.config.training.n_iterations)
        self.status, self.metrics = "done", metrics

    def stop(self):
        waiting = "stopped" if self.iteration else "not begun"
        self.status = {"running": "stopped", "waiting": waiting}.get(self.status, self.status)

    def fail(self, reason):
        self.status, self.reason = "failed", " ".join(reason.split())


def look_for_results(folder, record, evaluate_again):
    """Record a run that is finished already, or can't be begun or gone on with.

    With `evaluate_again`, what other code measured isn't taken for finished. Raises OtherConfig if the folder holds a run of
    another config.

    Returns:
        What made the run (metrics_file.read_metrics), alone in a list; an empty list if it isn't finished.
    """
    try:
        if run_folder.is_finished(folder, record.run.config):
            metrics, made_by = metrics_file.read_metrics(folder, record.run.config, record.task)
            if not evaluate_again or metrics_file.is_measured_by_this_code(made_by):
                record.finish(metrics)
            return [made_by]
        record.n_kept = record.iteration = checkpoint.newest_iteration(os.path.join(folder, run_folder.CHECKPOINT)) or 0
    except OtherConfig:
        raise
    except InputError as error:
        record.fail(str(error))
    return []


def require_own_files(out):
    """Raise InputError if one of the files that a sweep writes into `out` is there and not a sweep's."""
    try:
        own = "avb_tf1" in files.read_json(os.path.join(out, run_folder.SWEEP_STATE))
    except FileNotFoundError:
        own = not any(os.path.lexists(os.path.join(out, name)) for name in run_folder.FILES_OF_SWEEP)
    except (ValueError, TypeError):
        own = False
    if not own:
        raise InputError("%s: the folder holds a %s that is no sweep's" % (out, " or ".join(run_folder.FILES_OF_SWEEP)))


def write_results(out, command, records, is_going_on):
    """Replace sweep.json and summary.csv; `is_going_on` tells report.py that the sweep will still write its last page."""
    rows = [dict(run=record.run.name, setting=record.run.setting, config=record.run.config.name, seed=record.run.config.seed,
                 **record.run.values, status=record.status, reason=record.reason) for record in records.values()]
    files.write_json(os.path.join(out, run_folder.SWEEP_STATE), {
        "avb_tf1": __version__, "command": command, "is_going_on": is_going_on,
        "folder": os.getcwd(), "written": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "runs": [dict(row, metrics=record.metrics, fingerprint=record.fingerprint)
                 for row, record in zip(rows, records.values())]})
    metric_names = sorted({name for record in records.values() for name in metrics_file.numbers(record.metrics, record.task)})
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) + metric_names, lineterminator="\n")
    writer.writeheader()
    for row, record in zip(rows, records.values()):
        values = {key: value_text(value) for key, value in record.run.values.items()}
        metrics, known = metrics_file.numbers(record.metrics, record.task), record.task.metrics
        writer.writerow(dict(row, **values, **{
            name: known[name].value(value) if name in known else value for name, value in metrics.items()}))
    files.write_text(os.path.join(out, run_folder.SWEEP_SUMMARY), text.getvalue())
