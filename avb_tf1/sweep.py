"""Many runs on Ray: each an ordinary run folder, kept if it is finished, resumed if it isn't."""

import contextlib
import csv
import io
import os
import secrets
import signal
import socket
import sys
import tarfile
import tempfile
import time

import ray
import tqdm
from ray._raylet import check_health  # what `ray health-check` calls

from avb_tf1 import __version__, comparison, experiment, files, html_report, provenance, run_folder, stopping
from avb_tf1.config import OtherConfig, to_yaml
from avb_tf1.cpu import n_cpus
from avb_tf1.errors import InputError, OneLineError, reason
from avb_tf1.progress import LINE_SECONDS
from avb_tf1.report import count
from avb_tf1.sweep_plan import ADDRESS_SECONDS

_TOKEN = ".sweep-token"
_MAX_RETRIES = 3  # of a run whose worker died
HELD_SECONDS = 120  # that a run's folder may be in use by another process before the run fails
_OBJECT_STORE_BYTES = 200 * 1024**2


class SweepFailed(OneLineError):
    """Some of the sweep's runs failed."""


def run_sweep(runs, out, command, address, n_workers, show_progress):
    """Run what isn't finished yet, write sweep.json and summary.csv as results come in, and report.html before and after.

    Args:
        runs: sequence of sweep_plan.Run.
        out: str, the folder for the run folders; made if need be.
        command: str, the command line that starts this sweep, for its report.
        address: None for a local Ray cluster, or HOST:PORT of one that runs; avb_tf1 must be installed on its machines.
        n_workers: int, runs at once on the local cluster; 0: one a core.
        show_progress: bool.

    Raises:
        InputError: `out` can't be used, is in use by another sweep, or holds a run of another config; no cluster at `address`.
        SweepFailed: a run failed; says how many. The other runs are done.
        stopping.Stopped: a signal came; finished runs and checkpoints are kept.
    """
    if address is not None:
        _require_cluster(address)
    with run_folder.held(out):
        _require_own_files(out)
        records, earlier = {run.name: _Record(run) for run in runs}, []
        for record in records.values():
            # Elsewhere than on this machine a finished run might have to be trained again to be evaluated again.
            earlier += _look_for_results(os.path.join(out, record.run.name), record, evaluate_again=address is None)
        waiting = [run for run in runs if records[run.name].status == "waiting"]
        _write_results(out, command, records, is_going_on=bool(waiting))
        report_path = html_report.write_sweep_report(out)
        print("%s in %s: %d finished, %d to go" % (
            count(len(runs), "run"), out, len(runs) - len(waiting), len(waiting)), flush=True)
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
                with stopping.on_signals() as request, _token(out) as token, _cluster(address, n_workers), \
                        contextlib.closing(_Display(records, show_progress)) as display:
                    _run_all(waiting, records, os.path.abspath(out), command, token, display, request)
                if request.signal_number is not None:
                    raise stopping.Stopped(request.signal_number, "stopped; the same command goes on with the sweep")
            finally:
                for record in records.values():
                    record.stop()
                _write_results(out, command, records, is_going_on=False)
                html_report.write_sweep_report(out)
    failed = [record for record in records.values() if record.status == "failed"]
    print("%s done, %d failed; results in %s, report in %s" % (
        count(len(runs) - len(failed), "run"), len(failed), os.path.join(out, run_folder.SWEEP_SUMMARY), report_path))
    if failed:
        raise SweepFailed("%d of %s failed, the first: %s: %s" % (
            len(failed), count(len(runs), "run"), failed[0].run.name, failed[0].reason))


def _look_for_results(folder, record, evaluate_again):
    """Record a run that is finished already, or can't be begun or gone on with.

    Args:
        evaluate_again: bool; whether a run that other code measured isn't taken for finished.

    Returns:
        What made the run (provenance.read_metrics), alone in a list; an empty list if it isn't finished.

    Raises:
        OtherConfig: the folder holds a run of another config.
    """
    try:
        if run_folder.is_finished(folder, record.run.config):
            metrics, made_by = comparison.read_metrics(folder, record.run.config)
            if not evaluate_again or provenance.is_evaluated_by_this_code(folder, record.run.config):
                record.finish(metrics)
            return [made_by]
    except OtherConfig:
        raise
    except InputError as error:
        record.fail(str(error))
    return []


class _Record:
    """What is known of a run: its status ("waiting", "running", "stopped", "done", "failed"), metrics and reason to fail.

    `iteration` is how far it is, `n_kept` how far it was when this sweep first heard of it.
    """

    def __init__(self, run):
        self.run, self.status, self.metrics, self.reason, self.iteration, self.n_kept = run, "waiting", {}, "", 0, 0

    def reach(self, iteration):
        if self.status == "waiting":
            self.status, self.n_kept = "running", iteration
        self.iteration = iteration

    def finish(self, metrics):
        self.reach(self.run.config.training.n_iterations)
        self.status, self.metrics = "done", metrics

    def stop(self):
        if self.status in ("waiting", "running"):
            self.status = "stopped"

    def fail(self, reason):
        self.status, self.reason = "failed", " ".join(reason.split())


@contextlib.contextmanager
def _token(out):
    """A text in a file of the sweep's folder, by which a worker knows whether it sees this folder."""
    token = secrets.token_hex(16)
    files.write_text(os.path.join(out, _TOKEN), token)
    try:
        yield token
    finally:
        os.remove(os.path.join(out, _TOKEN))


@contextlib.contextmanager
def _cluster(address, n_workers):
    """Ray, started here or joined."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # no report to anyone
    # A local cluster's workers inherit this: they import the package that this process has imported.
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    quiet = dict(log_to_driver=False, logging_level="ERROR")
    try:
        if address is None:
            ray.init(address="local", num_cpus=n_workers or n_cpus(), include_dashboard=False,
                     object_store_memory=_OBJECT_STORE_BYTES, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = "a local Ray cluster can't be started" if address is None else "--address %s: no Ray cluster there" % address
        raise InputError("%s: %s" % (where, error or type(error).__name__))
    try:
        yield
    finally:
        started = [process.process.pid for processes in ray._private.worker._global_node.all_processes.values()
                   for process in processes]
        ray.shutdown()
        for pid in started:  # the raylet's agents and workers, in its group (command_line.begin), may outlive it for minutes
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def _require_cluster(address):
    """Raise InputError unless a Ray cluster answers at HOST:PORT, where Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError("--address %s: must be HOST:PORT" % address)
    deadline = time.monotonic() + ADDRESS_SECONDS
    try:
        socket.create_connection((host, int(port)), timeout=ADDRESS_SECONDS).close()
    except OSError as error:
        raise InputError("--address %s: no Ray cluster there: %s" % (address, error))
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # where check_health shows a traceback each time
            while not check_health(address):
                if time.monotonic() > deadline:
                    raise InputError("--address %s: no Ray cluster there: no answer in %d s" % (address, ADDRESS_SECONDS))
                time.sleep(0.1)
    except RuntimeError as error:  # of another version of Ray
        raise InputError("--address %s: %s" % (address, error))


def _require_own_files(out):
    """Raise InputError if one of the files that a sweep writes into `out` is there and not a sweep's."""
    try:
        own = "avb_tf1" in files.read_json(os.path.join(out, run_folder.SWEEP_STATE))
    except FileNotFoundError:
        own = not any(os.path.lexists(os.path.join(out, name)) for name in run_folder.FILES_OF_SWEEP)
    except (ValueError, TypeError):
        own = False
    if not own:
        raise InputError("%s: the folder holds a %s that is no sweep's" % (out, " or ".join(run_folder.FILES_OF_SWEEP)))


def _run_all(waiting, records, out, command, token, display, request):
    # No run depends on the board: it may die and start again.
    board = _Board.options(num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()
    run_of = {_run_one.remote(run.name, run.config, out, token, __version__, board): run for run in waiting}
    while run_of and request.signal_number is None:
        ready, _ = ray.wait(list(run_of), num_returns=1, timeout=1.0)
        for ref in ready:
            record = records[run_of.pop(ref).name]
            try:
                metrics, problem, archive = ray.get(ref)
            except ray.exceptions.RayError as error:
                metrics, problem, archive = None, _last_line(error), None
            try:
                if archive is not None:
                    _unpack(archive, os.path.join(out, record.run.name), record.run.config)
            except (OneLineError, OSError) as error:
                metrics, problem = None, reason(error)
            if metrics is None:
                record.fail(problem)
            else:
                record.finish(metrics)
            _write_results(out, command, records, is_going_on=True)
        with contextlib.suppress(ray.exceptions.RayError):
            for name, iteration in ray.get(board.read.remote(), timeout=10).items():
                if records[name].status in ("waiting", "running"):
                    records[name].reach(iteration)
        display.update()


@ray.remote
class _Board:
    """How far the runs are: workers write it, the driver reads it."""

    def __init__(self):
        self._iterations = {}

    def report(self, name, iteration):
        self._iterations[name] = iteration

    def read(self):
        return self._iterations


@ray.remote(num_cpus=1, max_retries=_MAX_RETRIES)
def _run_one(name, config, out, token, version, board):
    """Train and evaluate one run, on whatever machine.

    Returns:
        metrics, reason, archive: a dict and "", or None and the reason why the run failed; the finished run folder as the bytes
        of a tar file if this machine doesn't see the sweep's folder, else None.
    """
    if version != __version__:
        return None, "avb_tf1 %s is installed on the worker, %s here" % (__version__, version), None
    with contextlib.ExitStack() as stack:
        shared = _sees(out, token)
        if not shared:
            out = stack.enter_context(tempfile.TemporaryDirectory(prefix="avb_tf1-"))
        folder = os.path.join(out, name)
        try:
            metrics = _trained(folder, config, _Reporter(board, name))
        except stopping.Stopped:
            os._exit(1)  # someone ended this worker: to Ray it has died, and the run goes on in another
        except (OneLineError, OSError, MemoryError) as error:
            return None, reason(error), None
        return metrics, "", None if shared else _packed(folder)


def _trained(folder, config, report):
    """The metrics of the run in `folder`, which is started, gone on with, or finished already."""
    deadline = time.monotonic() + HELD_SECONDS
    while True:
        try:
            return experiment.run_experiment(config, folder, observers=[report])[0]
        except run_folder.FolderInUse as error:  # e.g. by a worker of a sweep that was killed just now
            if time.monotonic() > deadline:
                raise InputError("%s, and has been for %d s" % (error, HELD_SECONDS))
            time.sleep(0.5)


class _Reporter:
    """An observer that tells the board once a second."""

    def __init__(self, board, name):
        self._board, self._name, self._next = board, name, 0.0

    def __call__(self, iteration, _):
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            self._board.report.remote(self._name, iteration)


def _sees(out, token):
    """Whether the folder `out` is the driver's: it holds the token that the driver wrote."""
    try:
        with open(os.path.join(out, _TOKEN), encoding="utf-8") as file:
            return file.read() == token
    except OSError:
        return False


def _packed(folder):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(folder, arcname=".")
    return buffer.getvalue()


def _unpack(archive, folder, config):
    """Put a packed run folder in the place of an unfinished run of the same config, or where nothing is.

    Raises:
        InputError: something else is in `folder`, or it is in use.
    """
    overwrite = os.path.isfile(os.path.join(folder, run_folder.CONFIG))
    with run_folder.claimed(folder, to_yaml(config), overwrite), tempfile.TemporaryDirectory(
            dir=folder, prefix=files.TEMPORARY_PREFIX) as temporary:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as packed:
            members = [member for member in packed.getmembers() if member.isreg() or member.isdir()]
            if any(os.path.isabs(member.name) or ".." in member.name.split("/") for member in members):
                raise OSError("%s: the worker's archive leaves its folder" % folder)
            packed.extractall(temporary, members)
        # The metrics last: they make the run a finished one.
        for member in sorted((member for member in members if member.isreg()),
                             key=lambda member: os.path.basename(member.name) == run_folder.METRICS):
            target = os.path.join(folder, member.name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.replace(os.path.join(temporary, member.name), target)


def _last_line(error):
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _write_results(out, command, records, is_going_on):
    """Replace sweep.json and summary.csv; `is_going_on` tells report.py that the sweep will still write its last page."""
    rows = [dict(run=record.run.name, setting=record.run.setting, config=record.run.config.name, seed=record.run.config.seed,
                 **record.run.values, status=record.status, reason=record.reason) for record in records.values()]
    files.write_json(os.path.join(out, run_folder.SWEEP_STATE), {
        "avb_tf1": __version__, "command": command, "is_going_on": is_going_on,
        "written": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "runs": [dict(row, metrics=record.metrics) for row, record in zip(rows, records.values())]})
    metric_names = sorted({name for record in records.values() for name in record.metrics})
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) + metric_names, lineterminator="\n")
    writer.writeheader()
    for row, record in zip(rows, records.values()):
        writer.writerow(dict(row, **{
            name: comparison.infinity(name) if value is None else value for name, value in record.metrics.items()}))
    files.write_text(os.path.join(out, run_folder.SWEEP_SUMMARY), text.getvalue())


class _Display:
    """The sweep's progress on standard output: a tqdm bar over all iterations on a terminal, elsewhere a line now and then."""

    def __init__(self, records, enabled):
        self._records = records
        self._total = sum(record.run.config.training.n_iterations for record in records.values())
        self._start = self._next = time.monotonic()
        self._enabled = enabled
        self._bar = None
        if enabled and sys.stdout.isatty():
            self._bar = tqdm.tqdm(total=self._total, initial=self._sum("n_kept"), unit="it", file=sys.stdout)

    def _sum(self, attribute):
        return sum(getattr(record, attribute) for record in self._records.values())

    def update(self):
        done = self._sum("iteration")
        n = {status: sum(record.status == status for record in self._records.values())
             for status in ("done", "running", "failed")}
        text = "runs %d/%d done, %d running, %d failed" % (n["done"], len(self._records), n["running"], n["failed"])
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(done - self._bar.n)
        elif self._enabled and time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_SECONDS
            rate = (done - self._sum("n_kept")) / (time.monotonic() - self._start)
            left = "%.1f min left" % ((self._total - done) / rate / 60) if rate else ""
            print("%s  %.1f it/s  %s" % (text, rate, left), flush=True)

    def close(self):
        if self._bar is not None:
            self._bar.close()
