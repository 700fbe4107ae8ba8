"""What made a run's numbers: which code, and which kind of CPU. Knows no TensorFlow."""

import ast
import contextlib
import functools
import glob
import hashlib
import os
import pkgutil

from avb_tf1 import __version__, cpu, files, run_folder
from avb_tf1.config import fingerprint, require_same
from avb_tf1.errors import InputError

# The modules that decide a trained model's bits, and those that decide what is measured of it.
TRAINING = (
    "adaptive_contrast", "batches", "cpu", "data", "graph", "networks", "quiet_tensorflow", "speed", "trainer", "updates")
EVALUATION = ("data", "evaluation", "outputs", "snapshots")
_KEY = "made_by"  # of metrics.json


@functools.lru_cache(maxsize=None)
def code():
    """Return the version, and the digests training_code and evaluation_code of what decides bits and measurements."""
    return {"avb_tf1": __version__, "training_code": digest(map(_source, TRAINING)),
            "evaluation_code": digest(map(_source, EVALUATION))}


def digest(sources):
    """Return 12 hexadecimal digits that change with Python sources, but not with their comments, docstrings and layout."""
    result = hashlib.sha256()
    for source in sources:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if (isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Str)
                    and isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))):
                del body[0]
        result.update(ast.dump(tree).encode())
    return result.hexdigest()[:12]


def _source(module):
    return pkgutil.get_data("avb_tf1", module + ".py")


def leg():
    """Return what a stretch of training in this process is done with, for a checkpoint's list of legs."""
    return dict(cpu.facts(), avb_tf1=__version__, training_code=code()["training_code"])


def other_kind_of_cpu(legs):
    """Return a text on those of some legs that another kind of CPU than this machine's trained, or None."""
    here = _kind(cpu.facts())
    others = sorted({_kind(own) for own in legs} - {here})
    if not others:
        return None
    return "trained in part on %s; this is %s: its bits may differ from those of a run on one kind of CPU" % (
        ", ".join(others), here)


def legs_in(folder):
    """Return the legs that the checkpoints in a run folder tell of, as far as they can be read; some may be told twice."""
    legs = []
    for path in glob.glob(os.path.join(glob.escape(folder), run_folder.CHECKPOINT, "model-*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            legs += [own for own in files.read_json(path)["manifest"]["legs"] if _kind(own)]
    return legs


def _kind(own):
    return "%s (%s)" % (own["cpu_model"], own["instruction_set"])


def with_made_by(metrics, config, legs):
    """Return the content of metrics.json: the metrics, and under "made_by" the code and the config that they come from."""
    trained_by = sorted({own["training_code"] for own in legs})
    return dict(metrics, **{_KEY: dict(code(), training_code=trained_by, fingerprint=fingerprint(config))})


def split_made_by(content, config, path):
    """Return the metrics in the content of metrics.json, and its "made_by".

    Raises:
        InputError: it doesn't say what made it, or was made by another config; names `path` and what differs.
    """
    metrics = dict(content)
    made_by = metrics.pop(_KEY, None)
    try:
        found, known = made_by["fingerprint"], (made_by["evaluation_code"], made_by["training_code"], made_by["avb_tf1"])
    except (KeyError, TypeError):
        found = known = None
    if not isinstance(found, dict) or not isinstance(known[1], list):
        raise InputError("%s: doesn't say what it was made by; write it again with scripts/evaluate.py --write" % path)
    require_same(found, fingerprint(config), path)
    return metrics, made_by


def read_metrics(folder, config):
    """Return the metrics of the finished run in `folder`, and their "made_by".

    Raises:
        InputError: metrics.json can't be read, or as of split_made_by.
    """
    path = os.path.join(folder, run_folder.METRICS)
    try:
        content = files.read_json(path)
        if not isinstance(content, dict):
            raise ValueError("it is no mapping of metrics to numbers")
    except (OSError, ValueError) as error:
        raise InputError("%s: can't be read: %s" % (path, error))
    return split_made_by(content, config, path)


def is_evaluated_by_this_code(folder, config):
    """Whether the finished run in `folder` has metrics that this code measured; raises InputError as read_metrics."""
    return read_metrics(folder, config)[1]["evaluation_code"] == code()["evaluation_code"]


def other_code(made_by):
    """Return sentences, none or a few, on those of some runs' "made_by" (as of read_metrics) that name other code than this."""
    sentences = []
    for key, what in (("training_code", "trained"), ("evaluation_code", "measured")):
        own = code()[key]
        others = [found for found in (sorted({entry[key]} if isinstance(entry[key], str) else set(entry[key]))
                                      for entry in made_by) if found != [own]]
        if others:
            sentences.append("%d of %d runs were %s by other code (%s) than this (%s)." % (
                len(others), len(made_by), what, ", ".join(sorted({name for found in others for name in found})), own))
    return sentences


def made_by_text(made_by):
    """Return a sentence on the code that this is, and those of other_code, for a page on some runs."""
    this = "Made by avb_tf1 %(avb_tf1)s, training code %(training_code)s, evaluation code %(evaluation_code)s." % code()
    return " ".join([this] + other_code(made_by))
