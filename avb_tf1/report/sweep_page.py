"""The page of a sweep: one HTML file that needs nothing else, no network and no other file. Knows no TensorFlow."""

import collections
import itertools
import os

from avb_tf1.config.fingerprint import digest_of_fingerprint
from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError, what_is_wrong
from avb_tf1.page import numbers, parts
from avb_tf1.page.numbers import count
from avb_tf1.page.settings_table import settings_table
from avb_tf1.report.comparison import are_of_one_problem
from avb_tf1.report.run_page import write_run_page
from avb_tf1.runs import metrics_file, run_folder
from avb_tf1.tasks.registry import TASKS, task_of
from avb_tf1.tasks.summary import warning

MAX_EXPLORED = 10  # runs of a sweep that its page shows through training
# What sweep.json has of each run.
_RECORD = {"run": str, "setting": str, "config": str, "seed": int, "status": str, "reason": str, "metrics": dict,
           "fingerprint": str}
_STATUSES = ("done", "running", "waiting", "stopped", "not begun", "failed", "left out")


def write_page(folder):
    """Write the page of a run or a sweep, by what the folder holds; the folder is held meanwhile.

    A sweep that is going on holds its folder itself: its page is written all the same, and never in the place of a newer one.

    Returns:
        str, the page's path; int, how many runs that were done the page of a sweep leaves out.

    Raises:
        InputError: the folder holds neither, or a file of it can't be read; FolderInUse: it is a run's, and in use.
    """
    if not os.path.isdir(folder):
        raise InputError("%s: not a folder" % folder)
    if run_folder.is_file(os.path.join(folder, run_folder.CONFIG)):
        with run_folder.reclaimed(folder):
            return write_run_page(folder), 0
    if not os.path.isfile(os.path.join(folder, run_folder.SWEEP_STATE)):
        raise InputError("%s: neither a run folder (it has no %s) nor a sweep's (it has no %s)" % (
            folder, run_folder.CONFIG, run_folder.SWEEP_STATE))
    try:
        with run_folder.held(folder):
            return write_sweep_page(folder)
    except run_folder.FolderInUse:
        while True:
            state = _read_sweep(folder)
            written = write_sweep_page(folder)
            now = _read_sweep(folder)
            # The sweep's own last page comes after it says that it is over: this one may have taken the place of a newer one.
            if now == state or now.get("is_going_on"):
                return written


def write_sweep_page(folder):
    """Write the page of a sweep, with what has come of it so far, into its folder, which the caller or the sweep holds.

    It shows the runs of one task, that of the first run that is done, and leaves out those of others.

    Args:
        folder: str, a sweep's folder, with sweep.json.

    Returns:
        str, the page's path; int, how many runs that were done it leaves out: their folders don't hold them any more, a file of
        them can't be read, or they are of another task.

    Raises:
        InputError: the folder holds no sweep, or its sweep.json can't be read.
    """
    state = _read_sweep(folder)
    records, problems = state["runs"], []
    task, groups = _read_runs(folder, records, problems)
    statuses = [record["status"] for record in records]
    runs = [run for _, group in groups for run in group]
    titles = sorted({run.problem.title for run in runs})
    context = dict(
        is_sweep=True, runs=runs, records=records, problems=problems,
        title="%s%s" % ("%s of %s: a sweep of " % (task.noun, ", ".join(titles)) if task else "A sweep of ",
                        count(len(statuses), "run")),
        lead="Runs: %s." % ", ".join("%d %s" % (statuses.count(status), status) for status in _STATUSES if status in statuses),
        as_of=state["written"] if {"running", "waiting"} & set(statuses) else None,
        facts=[("configs", ", ".join(sorted({record["config"] for record in records}))),
               ("seeds", _ranges(sorted({record["seed"] for record in records}))),
               *(parts.made_with([run.timing for run in runs]) if runs else [])],
        command=state["command"], started_in=state.get("folder"),
        n_of_setting=collections.Counter(record["setting"] for record in records),
        cited=", ".join("%s: SHA-256 of its first config.yaml %s" % (label, parts.digest(group[0].config))
                        for label, group in groups),
        configs=[("%s, seed %d" % (label, group[0].config.seed), label, to_yaml(group[0].config)) for label, group in groups])
    text = parts.rendered(None, {}, **context) if task is None else _rendered(task, groups, context)
    return parts.write(folder, text), statuses.count("left out")


def left_out(n):
    """Return what follows the path of a sweep's page that leaves n runs out: words, or nothing."""
    return "; it leaves out %s, and says why" % count(n, "run") if n else ""


def _rendered(task, groups, context):
    """The page as text, with the groups, (label, Runs that differ in the seed only), of a Task."""
    # Each group's first run, then each one's second, until there are enough; those that went astray come last.
    in_turn = filter(None, itertools.chain.from_iterable(itertools.zip_longest(*(group for _, group in groups))))
    explored = sorted((run for run in in_turn if task.is_drawn_beside(context["runs"][0], run)),
                      key=lambda run: bool(warning(task, run.metrics, run.config)))[:MAX_EXPLORED]
    tables = {label: task.rows([numbers.RunGroup.of(label, group)]) for label, group in groups}
    is_one_problem = are_of_one_problem(task, [(run.config, run.problem) for run in context["runs"]])
    settings = settings_table(context["n_of_setting"], tables, task.metrics, task.starred if is_one_problem else ())
    data, more = task.page(groups, explored, is_sweep=True)
    reasons = (reason for run in context["runs"] for reason in metrics_file.not_computed(run.metrics))
    return parts.rendered(
        task.name, data, explored=explored, settings=settings, n_done={label: len(group) for label, group in groups},
        metrics=task.metrics, is_one_problem=is_one_problem, not_computed=sorted(set(reasons)), warning=_warning(task, groups),
        **dict(context, **more))


def _read_runs(folder, records, problems):
    """The task of a sweep's page, or None if no run is done; and its groups, (label, Runs that differ in the seed only).

    The records of the runs get what the page tells of each; what can't be shown goes to the problems, (record, in words).
    """
    task, runs_of = None, {}
    for record in records:
        runs, path = runs_of.setdefault(record["setting"], []), os.path.join(folder, record["run"])
        record["label"] = "%s, seed %d" % (record["setting"], record["seed"])
        has_page = os.path.isfile(os.path.join(path, run_folder.REPORT))
        record["link"] = "%s/%s" % (record["run"], run_folder.REPORT) if has_page else None
        if record["status"] == "failed":
            problems.append((record, "failed: %s" % record["reason"]))
        elif record["status"] == "done":
            try:
                config = load_config(run_folder.config_path(path))
                if digest_of_fingerprint(config) != record["fingerprint"] or config.seed != record["seed"]:
                    raise InputError("%s: holds a run of another config than the sweep's" % path)
                if task is not None and task_of(config) is not task:
                    raise InputError("a run of another kind of problem than the first; it has a page of its own")
                run = task_of(config).read(record["label"], path, config)
            except InputError as error:
                record.update(status="left out", metrics={})
                problems.append((record, "left out: %s" % error))
            else:
                task, record["metrics"] = task_of(config), run.metrics
                runs.append(run)
    return task, [(setting, runs) for setting, runs in runs_of.items() if runs]


def _warning(task, groups):
    """In which settings how many runs are warned of, and the first warning of each, in words; "" if none is."""
    settings_of = {}
    for label, group in groups:
        warnings = list(filter(None, (warning(task, run.metrics, run.config) for run in group)))
        if warnings:
            told = ("of the first, " if len(set(warnings)) > 1 else "") + warnings[0]
            settings_of.setdefault(told, []).append("%d of %s of %s" % (len(warnings), count(len(group), "run"), label))
    return " ".join("%s: %s" % ("; ".join(settings), told) for told, settings in settings_of.items())


def _read_sweep(folder):
    path = os.path.join(folder, run_folder.SWEEP_STATE)
    try:
        state = files.read_json(path)
        complete = isinstance(state["command"], str) and isinstance(state["written"], str) and state["runs"] and all(
            isinstance(record[name], kind) for record in state["runs"] for name, kind in _RECORD.items()) and all(
                record["status"] in _STATUSES for record in state["runs"]) and len(state["runs"]) == len(
                    {record["run"] for record in state["runs"]})
        for record in state["runs"] if complete else ():
            metrics_file.require_numbers(record["metrics"], path, _task_of_metrics(record["metrics"]))
    except (OSError, ValueError) as error:
        raise InputError("%s: can't be read: %s" % (path, what_is_wrong(error)))
    except (KeyError, TypeError):
        complete = False
    if not complete:
        raise InputError("%s: not written by this version's scripts/sweep.py" % path)
    return state


def _task_of_metrics(metrics):
    """The task that has most of some metrics: sweep.json doesn't name it."""
    return max(TASKS.values(), key=lambda task: len(set(task.metrics) & set(metrics)))


def _ranges(numbers):
    """Sorted numbers as text, those in a row as first-last."""
    spans = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join("%d" % first if first == last else "%d-%d" % (first, last) for first, last in spans)
