"""What made a run's numbers: which code, and which kind of CPU. Knows no TensorFlow."""

import contextlib
import datetime
import functools
import glob
import hashlib
import os
import types

from avb_tf1 import __version__
from avb_tf1.config.fingerprint import digest_of_configs
from avb_tf1.ground import cpu, files
from avb_tf1.runs import run_folder

# What decides a trained model's bits, and what is measured of it: modules, and folders, which stand for all below them; a star
# stands for every task.
TRAINING = ("graph", "ground/cpu", "ground/seeds", "ground/tensorflow", "problems", "training/trainer")
EVALUATION = ("estimation", "ground/seeds", "ground/threads", "problems", "tasks/*/measures", "tasks/*/task", "tasks/*/view",
              "tasks/data_set/annealing", "tasks/diagnostics", "tasks/given_posterior/reference", "tasks/trained",
              "tasks/views", "training/snapshots")
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@functools.lru_cache(maxsize=None)
def code():
    """Return the version, and the digests training_code and evaluation_code of what decides bits and measurements."""
    return {"avb_tf1": __version__, "training_code": _training_code(), "evaluation_code": digest(_HERE[EVALUATION])}


@functools.lru_cache(maxsize=None)
def _training_code():
    return digest(_HERE[TRAINING])


def digest(sources):
    """Return 12 hexadecimal digits that change with Python sources, but not with their comments, docstrings and layout."""
    result = hashlib.sha256()
    for source in sources:
        # To byte code: a syntax tree says the same, but to write it down takes ten times as long, and training waits for it.
        result.update(_content(compile(source, "", "exec", dont_inherit=True, optimize=2)).encode())
    return result.hexdigest()[:12]


def _content(compiled):
    """What a code object does, as text, without where it stands; asserts and docstrings were left out of it."""
    constants = [_content(value) if isinstance(value, types.CodeType) else
                 sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value) for value in compiled.co_consts]
    return repr((compiled.co_name, compiled.co_flags, compiled.co_argcount, compiled.co_kwonlyargcount, compiled.co_code,
                 compiled.co_names, compiled.co_varnames, compiled.co_freevars, compiled.co_cellvars, constants))


def modules_of(names):
    """Return the modules that names of TRAINING or EVALUATION stand for: sorted paths below the package, without ".py".

    Raises:
        ValueError: a name stands for none.
    """
    found = set()
    for name in names:
        path = os.path.join(_PACKAGE, name)
        modules = glob.glob(path + ".py") + glob.glob(os.path.join(path, "**", "*.py"), recursive=True)
        if not modules:
            raise ValueError("there is no module or folder %s in avb_tf1" % name)
        found.update(os.path.relpath(module, _PACKAGE)[:-len(".py")] for module in modules)
    return sorted(found)


def _sources(names):
    for module in modules_of(names):
        with open(os.path.join(_PACKAGE, module + ".py"), "rb") as file:
            yield file.read()


# As the sources are now, while the modules are imported: a long run ends hours after, when they may have been edited.
_HERE = {names: list(_sources(names)) for names in (TRAINING, EVALUATION)}


def leg():
    """Return what a stretch of training in this process is done with, for a checkpoint's list of legs."""
    return dict(cpu.facts(), avb_tf1=__version__, training_code=_training_code())


def other_kind_of_cpu(legs):
    """Return a text on those of some legs that another kind of CPU than this machine's trained, or None."""
    here = _kind(cpu.facts())
    others = [kind for kind in kinds_of_cpu(legs) if kind != here]
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


def kinds_of_cpu(legs):
    """Return what some legs were trained on, a sorted list of texts: a CPU's model (its widest instruction set)."""
    return sorted(set(map(_kind, legs)))


def _kind(own):
    return "%s (%s)" % (own["cpu_model"], own["instruction_set"])


def other_code(made_by):
    """Return sentences, a list, on those of some runs' "made_by" (metrics_file.read_metrics) that name other code than this."""
    sentences = []
    for key, what in (("training_code", "trained"), ("evaluation_code", "measured")):
        own = code()[key]
        others = [found for found in (sorted({entry[key]} if isinstance(entry[key], str) else set(entry[key]))
                                      for entry in made_by) if found != [own]]
        if others:
            sentences.append("%d of %d runs were %s by other code (%s) than this (%s)." % (
                len(others), len(made_by), what, ", ".join(sorted({name for found in others for name in found})), own))
    return sentences


def made_by_text(made_by, configs):
    """Return a sentence on the code that this is, the CPUs that runs were trained on and the date, one on CPUs of several
    kinds, and those of other_code.

    `configs` are those that a page wants runs of, whether it has them or not, of which a digest is told.
    """
    this = "Made by avb_tf1 %(avb_tf1)s, training code %(training_code)s, evaluation code %(evaluation_code)s" % code()
    cpus = cpus_of(made_by)
    here = ", configs %s on %s, %s." % (
        digest_of_configs(configs), " and ".join(cpus or [_kind(cpu.facts())]), datetime.date.today())
    several = ["Trained on several kinds of CPU: seconds of one don't compare with those of another."] * (len(cpus) > 1)
    return " ".join([this + here] + several + other_code(made_by))


def cpus_of(made_by):
    """Return the CPUs that some runs' "made_by" name, a sorted list; runs of earlier versions name none."""
    return sorted({name for entry in made_by for name in entry.get("cpus") or ["a CPU that isn't named"]})
