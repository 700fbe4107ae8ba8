"""Many runs on Ray: each an ordinary run folder, kept if it is finished, resumed if it isn't."""

import collections
import contextlib
import os
import sys
import time

import ray

from avb_tf1.ground import stopping
from avb_tf1.ground.errors import OneLineError, reason
from avb_tf1.page.numbers import count
from avb_tf1.report import sweep_page
from avb_tf1.runs import provenance, run_folder
from avb_tf1.sweep import cluster, results, worker
from avb_tf1.training.progress import ProgressDisplay

STOP_SECONDS = 30  # that a stop waits for running runs to save their checkpoints


class SweepFailed(OneLineError):
    """Some of the sweep's runs failed."""


class SweepDiverged(SweepFailed):
    """Those that failed diverged, all of them: no second start would make them."""

    exit_code = 3


def run_sweep(runs, out, command, address, n_workers, show_progress):
    """Run what isn't finished yet, write sweep.json and summary.csv as results come in, and report.html before and after.

    Args:
        runs: sequence of plan.Run.
        out: str, the folder for the run folders; made if need be.
        command: str, the command line that starts this sweep, for its report.
        address: None for a local Ray cluster, or HOST:PORT of one that runs; avb_tf1 must be installed on its machines.
        n_workers: int, runs at once on the local cluster; 0: one a core.
        show_progress: bool.

    Raises:
        InputError: `out` can't be used, is in use by another sweep, or holds a run of another config; no cluster at `address`.
        SweepFailed: a run failed; says how many. The other runs are done. SweepDiverged if each that failed diverged.
        stopping.Stopped: a signal came; finished runs and checkpoints are kept.
    """
    if address is not None:
        cluster.require_cluster(address)
    with run_folder.held(out):
        results.require_own_files(out)
        run_folder.remove_leftovers(out)
        records, earlier = {run.name: results.Record(run) for run in runs}, []
        for record in records.values():
            # Elsewhere than on this machine a finished run might have to be trained again to be evaluated again.
            earlier += results.look_for_results(os.path.join(out, record.run.name), record, evaluate_again=address is None)
        waiting = [run for run in runs if records[run.name].status == "waiting"]
        results.write_results(out, command, records, is_going_on=bool(waiting))
        report = _write_page(out)
        n = _counts(records)
        print("%s in %s: %d done, %s%d to go" % (
            count(len(runs), "run"), out, n["done"], "%d can't be gone on with, " % n["failed"] if n["failed"] else "",
            len(waiting)), flush=True)
        for line in provenance.other_code(earlier):
            print(line, flush=True)
        if address is None:
            legs = [leg for run in runs for leg in provenance.legs_in(os.path.join(out, run.name))]
            warning = provenance.other_kind_of_cpu(legs)
            if warning:
                print("warning: %s: %s" % (out, warning), file=sys.stderr)
        if waiting:
            try:
                # The signals first: what comes while Ray starts or ends is acted on when it has done so.
                with stopping.on_signals() as request, worker.token_in(out) as token, cluster.joined(address, n_workers), \
                        contextlib.closing(ProgressDisplay(sum(run.config.training.n_iterations for run in runs), show_progress,
                                                           _n_kept(records))) as progress:
                    _run_all(waiting, records, os.path.abspath(out), command, token, progress, request)
                if request.signal_number is not None and set(_counts(records)) & {"running", "waiting"}:
                    raise stopping.Stopped(request.signal_number, "stopped; the same command goes on with the sweep")
            finally:
                for record in records.values():
                    record.stop()
                results.write_results(out, command, records, is_going_on=False)
                report = _write_page(out)
    failed = [record for record in records.values() if record.status == "failed"]
    print("%s done, %d failed; results in %s, %s" % (
        count(len(runs) - len(failed), "run"), len(failed), os.path.join(out, run_folder.SWEEP_SUMMARY), report))
    if failed:
        have_diverged = all(os.path.isfile(os.path.join(out, record.run.name, run_folder.DIVERGED)) for record in failed)
        raise (SweepDiverged if have_diverged else SweepFailed)("%d of %s failed, the first: %s: %s" % (
            len(failed), count(len(runs), "run"), failed[0].run.name, failed[0].reason))


def _write_page(out):
    """Write the sweep's page; returns in words where it is, and what it leaves out."""
    path, n_left_out = sweep_page.write_sweep_page(out)
    return "report in %s%s" % (path, sweep_page.left_out(n_left_out))


def _run_all(waiting, records, out, command, token, progress, request):
    # No run depends on the board: it may die and start again.
    board = worker.Board.options(num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()
    run_of = {worker.run_one.remote(run.name, run_folder.texts_of(run.config), out, token, provenance.code(), board): run
              for run in waiting}
    while run_of and request.signal_number is None:
        ready, _ = ray.wait(list(run_of), num_returns=1, timeout=1.0)
        for ref in ready:
            record = records[run_of.pop(ref).name]
            try:
                metrics, problem, archive = ray.get(ref)
            except ray.exceptions.RayError as error:
                lines = str(error).strip().splitlines() or [type(error).__name__]
                metrics, problem, archive = None, lines[-1], None
            try:
                if archive is not None:
                    worker.unpack(archive, os.path.join(out, record.run.name), run_folder.texts_of(record.run.config))
            except (OneLineError, OSError) as error:
                metrics, problem = None, reason(error)
            if metrics is None:
                record.fail(problem)
            else:
                record.finish(metrics)
            results.write_results(out, command, records, is_going_on=True)
        with contextlib.suppress(ray.exceptions.RayError):
            for name, iteration in ray.get(board.read.remote(), timeout=10).items():
                if records[name].status in ("waiting", "running"):
                    records[name].begin()
                    if iteration is not None:
                        records[name].reach(iteration)
        if progress.is_due():
            progress.show(sum(record.iteration for record in records.values()), _in_words(records), _n_kept(records),
                          is_going_on=_counts(records)["running"] > _n_measured(records))
    if run_of:
        with contextlib.suppress(ray.exceptions.RayError):
            _stop(run_of, records, board)


def _stop(run_of, records, board):
    """Have the runs that train end with a checkpoint each, but for those that don't in STOP_SECONDS."""
    for ref, run in run_of.items():
        if records[run.name].status == "waiting":
            ray.cancel(ref)
    ray.get(board.stop.remote(), timeout=10)
    deadline = time.monotonic() + STOP_SECONDS
    training = list(run_of)
    while training and time.monotonic() < deadline:
        iterations = ray.get(board.read.remote(), timeout=10)
        training = [ref for ref in training
                    if 0 < (iterations.get(run_of[ref].name) or 0) < run_of[ref].config.training.n_iterations]
        if training:
            training = ray.wait(training, num_returns=len(training), timeout=1)[1]


def _in_words(records):
    """How many runs are done, train, are measured after their last iteration, and failed."""
    n, n_measured = _counts(records), _n_measured(records)
    return "runs %d/%d done, %d training, %d being measured, %d failed" % (
        n["done"], len(records), n["running"] - n_measured, n_measured, n["failed"])


def _n_measured(records):
    return sum(record.status == "running" and record.iteration == record.run.config.training.n_iterations
               for record in records.values())


def _n_kept(records):
    return sum(record.n_kept or 0 for record in records.values())


def _counts(records):
    return collections.Counter(record.status for record in records.values())
