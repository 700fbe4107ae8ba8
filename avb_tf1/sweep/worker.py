"""What runs in Ray's processes: one run of a sweep each, and the board on which they tell how far they are."""

import contextlib
import io
import os
import secrets
import signal
import tarfile
import tempfile
import time

import ray

from avb_tf1.config.loading import load_config
from avb_tf1.experiment.run import run_experiment
from avb_tf1.ground import files, stopping
from avb_tf1.ground.errors import InputError, OneLineError, reason
from avb_tf1.runs import provenance, run_folder
from avb_tf1.tasks.registry import FILES
from avb_tf1.training import checkpoint

_TOKEN = ".sweep-token"
_MAX_RETRIES = 3  # of a run whose worker died
HELD_SECONDS = 120  # that a run's folder may be in use by another process before the run fails


@contextlib.contextmanager
def token_in(out):
    """A text in a file of the sweep's folder, by which a worker knows whether it sees this folder."""
    token = secrets.token_hex(16)
    files.write_text(os.path.join(out, _TOKEN), token)
    try:
        yield token
    finally:
        os.remove(os.path.join(out, _TOKEN))


def _sees(out, token):
    """Whether the folder `out` is the driver's: it holds the token that the driver wrote."""
    try:
        with open(os.path.join(out, _TOKEN), encoding="utf-8") as file:
            return file.read() == token
    except OSError:
        return False


@ray.remote
class Board:
    """How far the runs are, None before an iteration is done: workers write it, the driver reads it. And whether to stop."""

    def __init__(self):
        self._iterations, self._is_stopped = {}, False

    def report(self, name, iteration):
        """Return whether the runs are to stop."""
        self._iterations[name] = iteration
        return self._is_stopped

    def stop(self):
        self._is_stopped = True

    def read(self):
        return self._iterations


@ray.remote(num_cpus=1, max_retries=_MAX_RETRIES)
def run_one(name, texts, out, token, code, board):
    """Train and evaluate one run, on whatever machine.

    Its config comes as run_folder.texts_of has it, not as an object: Ray unpickles the arguments before the versions are
    compared, and another version may lack the object's class.

    Returns:
        metrics, reason, archive: a dict and "", or None and the reason why the run failed; the finished run folder as the bytes
        of a tar file if this machine doesn't see the sweep's folder, else None.
    """
    here = provenance.code()
    if here["avb_tf1"] != code["avb_tf1"]:
        return None, "avb_tf1 %s is installed on the worker, %s here" % (here["avb_tf1"], code["avb_tf1"]), None
    if here != code:
        return None, "the worker has other code of avb_tf1 %s than what started the sweep" % here["avb_tf1"], None
    with contextlib.ExitStack() as stack:
        shared = _sees(out, token)
        if not shared:
            out = stack.enter_context(tempfile.TemporaryDirectory(prefix="avb_tf1-"))
        folder = os.path.join(out, name)
        board.report.remote(name, checkpoint.newest_iteration(os.path.join(folder, run_folder.CHECKPOINT)))
        config = _config_of(texts)
        report = _Reporter(board, name, config.training.n_iterations)
        try:
            metrics = _trained(folder, config, report)
        except stopping.Stopped as stopped:
            if report.is_stopped:
                return None, str(stopped), None
            os._exit(1)  # someone ended this worker: to Ray it has died, and the run goes on in another
        except (OneLineError, OSError, MemoryError) as error:
            return None, reason(error), None
        return metrics, "", None if shared else _packed(folder)


def _config_of(texts):
    with tempfile.TemporaryDirectory(prefix="avb_tf1-") as folder:
        for name, text in texts.items():
            files.write_text(os.path.join(folder, name), text)
        return load_config(os.path.join(folder, run_folder.CONFIG))


def _trained(folder, config, report):
    """The metrics of the run in `folder`, which is started, gone on with, or finished already."""
    deadline = time.monotonic() + HELD_SECONDS
    while True:
        try:
            return run_experiment(config, folder, observers=[report])[0]
        except run_folder.FolderInUse as error:  # e.g. by a worker of a sweep that was killed just now
            if time.monotonic() > deadline:
                raise InputError("%s, and has been for %d s" % (error, HELD_SECONDS))
            time.sleep(0.5)


class _Reporter:
    """An observer that tells the board once a second and after the last iteration, and stops the training if it is told to.

    Attributes:
        is_stopped: bool; whether it was.
    """

    def __init__(self, board, name, n_iterations):
        self._board, self._name, self._n_iterations = board, name, n_iterations
        self._next, self._answer, self.is_stopped = 0.0, None, False

    def __call__(self, iteration, _):
        # A future, which never blocks: where a task calls ray.wait or ray.get Ray gives its core to another task meanwhile.
        if self._answer is not None and self._answer.done():
            with contextlib.suppress(ray.exceptions.RayError):  # the board died, and starts again
                if self._answer.result() and not self.is_stopped:
                    self.is_stopped = True
                    os.kill(os.getpid(), signal.SIGTERM)  # as from outside: training ends with a checkpoint
            self._answer = None
        if time.monotonic() >= self._next or iteration == self._n_iterations:
            self._next = time.monotonic() + 1
            self._answer = self._board.report.remote(self._name, iteration).future()


def _packed(folder):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(folder, arcname=".")
    return buffer.getvalue()


def unpack(archive, folder, texts):
    """Put a packed run folder, run_one's `archive` for its `texts`, in the place of an unfinished run, or where nothing is.

    Raises:
        InputError: something else is in `folder`, or it is in use.
    """
    overwrite = os.path.isfile(os.path.join(folder, run_folder.CONFIG))
    with run_folder.claimed(folder, texts, overwrite, FILES), tempfile.TemporaryDirectory(
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
