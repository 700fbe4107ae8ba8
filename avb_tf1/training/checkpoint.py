"""Save and restore all that a run needs to go on, verified by checksum and fingerprint.

A checkpoint of iteration N is five files: `model-N.index` and `model-N.data-00000-of-00001` (TensorFlow's, with all weights,
Adam slots and powers of beta), `model-N.monitors.npz` (losses so far), `model-N.snapshots.npz` (what was seen of the model so
far) and `model-N.json`, the manifest, which is written last and names the checksums of the others: a checkpoint without a
manifest doesn't exist. TensorFlow's own index file `checkpoint` points to the newest, so that tf.train.load_checkpoint reads
the folder.
"""

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from typing import Any, Dict, List, Tuple

import numpy as np

from avb_tf1.config.fingerprint import fingerprint_of_weights, require_same
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError, what_is_wrong
from avb_tf1.ground.tensorflow import tf

N_KEPT = 2
_MANIFEST = re.compile(r"^model-([0-9]+)\.json\Z")
# TensorFlow tells it where someone types, as in a notebook; it names the link of `restore`, which is gone by then.
logging.getLogger("tensorflow").addFilter(lambda record: "Restoring parameters from" not in record.getMessage())


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint.

    Attributes:
        path: the prefix that tf.train.Saver restores from.
        iteration: int, iterations done.
        monitors: name -> float32 [iteration], as in trainer.TrainingResult.
        snapshots: name -> array, as of snapshots.Snapshots.arrays.
        legs: the stretches of training in one process each that led here: what each was done with (provenance.leg), `first`
            and `last`, its iterations, `seconds` and `cpu_seconds`.
        passed_over: what is wrong with newer checkpoints that can't be used, a text each.
    """

    path: str
    iteration: int
    monitors: Dict[str, np.ndarray]
    snapshots: Dict[str, np.ndarray]
    legs: List[Dict[str, Any]]
    passed_over: Tuple[str, ...]


class NoGoodCheckpoint(InputError):
    """All checkpoints in a folder are damaged; the message says what is wrong with the newest."""


def save(session, saver, folder, iteration, monitors, snapshots, legs, config):
    """Save a checkpoint of a run of `config` into `folder` and remove all but the last two.

    The folder is made if need be; its parent must exist. `session` is a tf.Session, `saver` a tf.train.Saver of all variables;
    iteration, monitors, snapshots and legs are as in Checkpoint. Raises OSError, one line, if it can't be written.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)  # not its parents: a run folder that was removed isn't made again without its config
    stem = "model-%d" % iteration
    with contextlib.ExitStack() as stack:
        try:
            temporary = tempfile.mkdtemp(dir=folder, prefix=files.TEMPORARY_PREFIX)
            stack.callback(shutil.rmtree, temporary, ignore_errors=True)
            saver.save(session, os.path.join(temporary, stem), write_meta_graph=False, write_state=False)
            files.save_arrays(os.path.join(temporary, stem + ".monitors.npz"), np.savez, monitors)
            files.save_arrays(os.path.join(temporary, stem + ".snapshots.npz"), np.savez, snapshots)
        except (tf.errors.OpError, ValueError, OSError) as error:  # ValueError: the folder is gone
            # An OpError's first line: the temporary file, "; " and the reason.
            what = what_is_wrong(error) if isinstance(error, OSError) else str(error).splitlines()[0].split("; ")[-1]
            raise OSError("%s: can't save a checkpoint: %s" % (folder, what))
        digests = {}
        for name in sorted(os.listdir(temporary)):
            digests[name] = _digest(os.path.join(temporary, name))
            with files.replacing(os.path.join(folder, name)) as target:
                os.replace(os.path.join(temporary, name), target)
    manifest = {"iteration": iteration, "sha256": digests, "fingerprint": fingerprint_of_weights(config), "legs": legs}
    files.write_json(os.path.join(folder, stem + ".json"), {"manifest": manifest, "sha256": _digest_of_manifest(manifest)})
    files.write_text(os.path.join(folder, "checkpoint"), 'model_checkpoint_path: "%s"\n' % stem)
    # Later ones are left from before a fall-back to an earlier checkpoint.
    later = [other for other in _iterations(folder) if other > iteration]
    for old in later + [other for other in _iterations(folder) if other <= iteration][N_KEPT:]:
        _remove(folder, old)


def restore(session, saver, path):
    """Restore the variables of a tf.train.Saver in a tf.Session from a checkpoint, whose prefix is `path`."""
    folder, stem = os.path.split(path)
    # TensorFlow takes the path for a pattern and can't find a folder with brackets in its name: reach it by a link.
    with tempfile.TemporaryDirectory() as temporary:
        link = os.path.join(temporary, "checkpoint")
        os.symlink(os.path.abspath(folder), link)
        saver.restore(session, os.path.join(link, stem))


def latest(folder, config):
    """Return the newest good Checkpoint in `folder`, passing over damaged ones, or None if there is none at all.

    Raises NoGoodCheckpoint if all are damaged; InputError if `folder` is none, or if the newest good one belongs to another
    config, and says what differs, or has more iterations behind it than the config wants.
    """
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise InputError("%s: not a folder" % folder)
    problems = []
    for iteration in _iterations(folder):
        path = os.path.join(folder, "model-%d" % iteration)
        try:
            written = files.read_json(path + ".json")
            manifest = written["manifest"]
            if _digest_of_manifest(manifest) != written["sha256"]:
                raise ValueError("it is damaged (its checksum differs)")
            for name, digest in manifest["sha256"].items():
                if _digest(os.path.join(folder, os.path.basename(name))) != digest:
                    raise ValueError("%s is damaged (its checksum differs)" % name)
            if "legs" not in manifest:
                raise ValueError("an earlier version of avb_tf1 saved it")
            saved, legs = manifest["fingerprint"], manifest["legs"]
            monitors, snapshots = (files.read_arrays("%s.%s.npz" % (path, kind)) for kind in ("monitors", "snapshots"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            what = "it has no %s" % error if isinstance(error, KeyError) else what_is_wrong(error)
            problems.append("%s.json: not a good checkpoint: %s" % (path, what))
            continue
        require_same(saved, fingerprint_of_weights(config), path)
        if iteration > config.training.n_iterations:
            raise InputError("%s: has more iterations behind it than the %d of training.n_iterations" % (
                path, config.training.n_iterations))
        return Checkpoint(path, iteration, monitors, snapshots, legs, tuple(problems))
    if problems:
        raise NoGoodCheckpoint(problems[0])
    return None


def newest_iteration(folder):
    """Return how many iterations the newest of the checkpoints in `folder`, good or not, has behind it, or None."""
    return next(iter(_iterations(folder)), None)


def _iterations(folder):
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted((int(match.group(1)) for match in map(_MANIFEST.match, names) if match), reverse=True)


def _remove(folder, iteration):
    stem = "model-%d." % iteration
    # The manifest first: without it the rest is no longer a checkpoint, whenever this is interrupted.
    for name in sorted((name for name in os.listdir(folder) if name.startswith(stem)), key=lambda name: name != stem + "json"):
        with contextlib.suppress(IsADirectoryError):  # in a file's place, and no one's file
            os.remove(os.path.join(folder, name))


def _digest_of_manifest(manifest):
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _digest(path):
    with files.opened(path) as file:
        return hashlib.sha256(file.read()).hexdigest()
