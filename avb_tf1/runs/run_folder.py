"""The folder that a run leaves behind: who may write into it, and the names in it. Knows no TensorFlow."""

import contextlib
import fcntl
import glob
import hashlib
import os
import re
import shutil
import stat
import tempfile

from avb_tf1.config import yaml_input
from avb_tf1.config.fingerprint import OtherConfig, fingerprint, require_same
from avb_tf1.config.loading import MODEL_FILE, load_config, to_yaml
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError

CONFIG = "config.yaml"
MODEL = MODEL_FILE  # the text of config.yaml's Python file, if it has one
LOSSES = "losses.csv"
LATENTS = "latents.npz"
SNAPSHOTS = "snapshots.npz"
METRICS = "metrics.json"
TIMING = "timing.json"
DIVERGED = "diverged.json"  # instead of what an evaluation leaves
TRAINING_CURVE = "training_curve.png"
REPORT = "report.html"
CHECKPOINT = "checkpoint"
TENSORBOARD = "tensorboard"

SWEEP_STATE = "sweep.json"  # these in a sweep's folder
SWEEP_SUMMARY = "summary.csv"
FILES_OF_SWEEP = (SWEEP_STATE, SWEEP_SUMMARY, REPORT)

# Of any run, besides the config.
_FILES = (METRICS, LOSSES, LATENTS, SNAPSHOTS, TIMING, DIVERGED, TRAINING_CURVE, REPORT, MODEL)
_LEFTOVER = re.compile(re.escape(files.TEMPORARY_PREFIX) + r"[a-z0-9_]{8}(-|\Z)")  # as tempfile calls them
_FILES_OF_FOLDER = {
    CHECKPOINT: re.compile(r"checkpoint\Z|model-[0-9]+\."),
    TENSORBOARD: re.compile(r"events\.out\.tfevents\."),
}


class FolderInUse(InputError):
    """Another process holds the folder."""



def name_with_seed(name, seed):
    """Return what the folder of a config's run with a seed is called among others: NAME_seed_N."""
    return "%s_seed_%d" % (name, seed)


def name_of_part(part):
    """Return the name of the file of what was measured on a part of the data: validation.json."""
    return part + ".json"


def texts_of(config):
    """Return the texts of the files that a run of a config begins with, by name: CONFIG, and MODEL if it has a Python file."""
    texts = {CONFIG: to_yaml(config)}
    if config.python_file is not None:
        texts[MODEL] = config.python_file.source
    return texts


@contextlib.contextmanager
def claimed(out, texts, overwrite, files_of_tasks=()):
    """Make the folder `out` if need be and hold it for this process; a lock that ends with the process keeps others out.

    Args:
        out: str.
        texts: as of texts_of; CONFIG is written last, which makes `out` a run folder.
        overwrite: bool; if true and `out` is a run folder, the run's files in it are removed, and nothing else. Not needed
            for a run of the same config that was ended before its first checkpoint.
        files_of_tasks: names of the files that runs of some task have besides those of any run; to be overwritten, too.

    Raises:
        InputError: `out` is a file, can't be made or written to, is in use by another run, or isn't empty and either no run
            folder or not to be overwritten. Nothing was changed then.
    """
    made = _make(out)
    try:
        with _held(out):
            is_run = _is_runs_config(os.path.join(out, CONFIG))
            if is_run and (overwrite or _has_only_begun(out, texts)):
                _remove_run(out, files_of_tasks)
            elif not is_run and _holds_other(out, texts):
                raise InputError("%s: the folder is not empty and holds no run (it has no %s of one); give another with --out"
                                 % (out, CONFIG))
            elif is_run:
                raise InputError("%s: the run folder is not empty; pass --resume to go on with the run in it, --overwrite to "
                                 "replace it, or --out for another folder" % out)
            remove_leftovers(out)
            for name in sorted(texts, key=lambda name: name == CONFIG):
                files.write_text(os.path.join(out, name), texts[name])
            yield
    except InputError:
        for folder in made:
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        raise


@contextlib.contextmanager
def reclaimed(out):
    """Hold the folder of an earlier run for this process, to go on with it.

    Raises:
        InputError: `out` is no run folder, can't be written to or is in use by another run.
    """
    config_path(out)
    with _held(out):
        if _is_runs_config(os.path.join(out, CONFIG)):
            remove_leftovers(out)
        yield


@contextlib.contextmanager
def begun_or_gone_on_with(out, config):
    """The context of reclaimed if `out` is a folder of this config's run already, else that of claimed. Gives its own config.

    Raises:
        InputError: as of those, or the folder holds a run of another config; says what differs.
    """
    is_begun = os.path.isfile(os.path.join(out, CONFIG))
    if not is_begun and os.path.isdir(out) and _holds_other(out, texts_of(config)):
        raise InputError("%s: the folder is not empty and holds no run (it has no %s)" % (out, CONFIG))
    with reclaimed(out) if is_begun else claimed(out, texts_of(config), overwrite=False):
        own_config = load_config(config_path(out))
        require_same(fingerprint(own_config), fingerprint(config), out)
        yield own_config


@contextlib.contextmanager
def held(out):
    """Make the folder `out` if need be and hold it for this process; for a folder of many runs.

    Raises:
        InputError: `out` is a file or can't be made or written to; FolderInUse: another process holds it.
    """
    _make(out)
    with _held(out):
        yield


def config_path(out):
    """Return the path of a run folder's config; raises InputError if `out` is no run folder.

    Reading that config runs the folder's MODEL, if there is one. So OtherConfig is raised if it isn't the one that the folder's
    metrics and checkpoints are of.
    """
    path = os.path.join(out, CONFIG)
    if not is_file(path):
        raise InputError("%s: not a run folder (it has no %s); start a run with scripts/train.py --config" % (
            out or "''", CONFIG))
    _require_own_model(out)
    return path


def _require_own_model(out):
    try:
        with files.opened(os.path.join(out, MODEL)) as file:
            found = hashlib.sha256(file.read().decode("utf-8-sig").encode()).hexdigest()
    except (OSError, ValueError):
        return  # load_config tells what is wrong, if it is needed
    for path in [os.path.join(out, METRICS), *glob.glob(os.path.join(glob.escape(out), CHECKPOINT, "model-*.json"))]:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            tree = files.read_json(path)
            made_with = tree.get("made_by", tree.get("manifest"))["fingerprint"]["problem"]["path"]["sha256"]
            if not found.startswith(made_with):
                raise OtherConfig(
                    "%s: it was changed since the run was made (its SHA-256 is %s, but %s in %s), and was not run: bring the "
                    "file of then back, or train anew into another folder" % (
                        os.path.join(out, MODEL), found[:len(made_with)], made_with, path))


def is_file(path):
    """Whether there is a file of that name; raises InputError if its folder may not be looked into."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except PermissionError as error:
        raise InputError("%s: can't be read: %s" % (os.path.dirname(path), error.strerror))
    except (OSError, ValueError):
        return False


def is_complete(out):
    """Whether the run in the folder `out` came to its end."""
    return os.path.isfile(os.path.join(out, METRICS))


def is_finished(out, config):
    """Whether `out` holds the finished run of a config; raises InputError, saying what differs, if it is another config's."""
    path = os.path.join(out, CONFIG)
    if os.path.isfile(path):
        require_same(fingerprint(load_config(path)), fingerprint(config), out)
    return os.path.isfile(path) and is_complete(out)


@contextlib.contextmanager
def _held(out):
    try:
        descriptor = os.open(out, os.O_RDONLY)
    except OSError as error:
        raise InputError("%s: can't open the run folder: %s" % (out, error.strerror))
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse("%s: another run is writing into this folder" % out)
        except OSError as error:
            raise InputError("%s: can't lock the run folder: %s" % (out, error.strerror))
        try:
            tempfile.TemporaryFile(dir=out).close()
        except OSError as error:
            raise InputError("%s: can't write into the run folder: %s" % (out, error.strerror))
        yield
    finally:
        os.close(descriptor)


def _listed(folder):
    try:
        return os.listdir(folder)
    except OSError as error:
        raise InputError("%s: can't read the run folder: %s" % (folder, error.strerror))


def _is_runs_config(path):
    """Whether a file looks like the config of a run, of whatever version: then the run may be replaced."""
    try:
        tree = yaml_input.read_yaml(path)
    except InputError:
        return False
    return isinstance(tree, dict) and {"name", "seed", "model", "training", "runtime"} <= set(tree) and (
        "data" in tree or "problem" in tree)


def _holds_other(out, texts):
    """Whether a folder holds more than what a run that was killed as it began left there."""
    return any(not _LEFTOVER.match(name) and not _has_text(out, name, texts) for name in _listed(out))


def _has_text(out, name, texts):
    try:
        with files.opened(os.path.join(out, name)) as file:
            return name in texts and file.read() == texts[name].encode("utf-8")
    except OSError:
        return False


def _has_only_begun(out, texts):
    """Whether a run folder holds nothing of a run of this config that would be lost if it were begun again."""
    if set(_listed(out)) - {CHECKPOINT, TENSORBOARD, *texts}:
        return False
    checkpoint = os.path.join(out, CHECKPOINT)
    if os.path.lexists(checkpoint) and any(name.endswith(".json") for name in _listed(checkpoint)):
        return False
    return all(_has_text(out, name, texts) for name in texts)


def remove_leftovers(out):
    """Remove the temporary files of a run or a sweep that was killed while it wrote into `out`, which the caller holds."""
    for folder in (out, os.path.join(out, CHECKPOINT)):
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            path = os.path.join(folder, name)
            if _LEFTOVER.match(name) and os.path.isdir(path):
                shutil.rmtree(path, ignore_errors=True)
            elif _LEFTOVER.match(name):
                os.remove(path)


def _make(out):
    """Make `out` and its parents; return those that were made, the innermost first."""
    if not out:
        raise InputError("the folder's name is empty; give another with --out")
    missing = []
    path = os.path.abspath(out)
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    if not os.path.exists(path):
        raise InputError("%s: can't make the run folder: %s is a link to %s, which doesn't exist" % (
            out, path, os.readlink(path)))
    try:
        os.makedirs(out, exist_ok=True)
    except OSError as error:
        for folder in missing:
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        raise InputError("%s: can't make the run folder: %s" % (
            out, "a file stands in its place" if os.path.exists(out) else error.strerror))
    return missing


def _remove_run(out, files_of_tasks):
    for name in (*_FILES, *files_of_tasks):
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(out, name))
    for name, pattern in _FILES_OF_FOLDER.items():
        folder = os.path.join(out, name)
        if os.path.islink(folder):
            os.remove(folder)  # the link, not what it points to
        elif os.path.isdir(folder):
            for entry in os.listdir(folder):
                if pattern.match(entry) and os.path.isfile(os.path.join(folder, entry)):
                    os.remove(os.path.join(folder, entry))
            with contextlib.suppress(OSError):  # something else is in it
                os.rmdir(folder)
    os.remove(os.path.join(out, CONFIG))  # the last: until then it is a run folder
