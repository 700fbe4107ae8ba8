"""The methods that AVB is held against on each problem, as changes of configs, and the settings that were chosen for them."""

import json
import os
from typing import Any, Dict, NamedTuple, Optional, Tuple

from pydantic import constr

from avb_tf1.config import yaml_input
from avb_tf1.config.baselines import parsed
from avb_tf1.config.loading import load_config
from avb_tf1.config.sections import Section, integer, key, number
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError

SETTINGS, CHOSEN = "rivals.yaml", "chosen.yaml"  # in configs/rivals
_RATES = ("training.generator.learning_rate", "training.decoder_learning_rate", "training.discriminator.learning_rate")
_Name = constr(strict=True, regex=r"^[a-z0-9_]+\Z")
_Changes = Dict[str, Any]


class OwnConfig(Section):
    """A method with a config of its own."""

    config: str = key("A file below `configs`, without `.yaml`.")
    changes: _Changes = key("What is changed in it, as by `--set KEY=VALUE`.", default={})


class RivalsOfProblem(OwnConfig):
    """A problem, and the methods that are held against each other on it."""

    methods: str = key("Which group of `methods` above are its own, as changes of `config`.")
    others: Dict[_Name, OwnConfig] = key("By their names, methods with a config of their own.")
    cpu_seconds: number(gt=0, le=100000) = key("CPU seconds of one training, where the methods have equal time.")
    settings_of: _Name = key("The problem whose chosen rates, as factors, are taken there.")


class RivalsConfig(Section):
    """What `make rivals` trains beside AVB, as changes of configs."""

    methods: Dict[_Name, Dict[_Name, _Changes]] = key(
        "Groups of methods: by the group's name and the method's, what is changed in a config, as by `--set KEY=VALUE`.")
    problems: Dict[_Name, RivalsOfProblem] = key("By their names, problems.")


class ChosenSettings(Section):
    """The settings of a method on a problem at equal CPU time."""

    rate_factor: number(gt=0, le=1000) = key("What all learning rates are multiplied by.")
    n_iterations: integer(ge=1, le=1000000000) = key("Iterations in that time.")
    cpu_seconds: Optional[number(ge=0, le=1000000)] = key(
        "CPU seconds of the search's own run; `null`: there was none.", default=None)
    score: Optional[number()] = key("What it was chosen by, the larger the better, of that run.", default=None)


class Rival(NamedTuple):
    """A method on a problem: a config's path, "KEY=VALUE" overrides of it, and what the problem's section says."""

    problem: str
    method: str
    path: str
    overrides: Tuple[str, ...]
    of_problem: RivalsOfProblem

    @property
    def name(self):
        """What a config of it is called."""
        return "%s_%s" % (self.problem, self.method)

    def config(self, ending="", *overrides):
        """Return it as load_config does, with further overrides; it is called as itself and `ending`.

        It runs on one thread, with 30 snapshots and one checkpoint, which changes no result.
        """
        config = load_config(self.path, [*self.overrides, *overrides])
        n = config.training.n_iterations
        return config.copy(update={
            "name": self.name + ending, "runtime": config.runtime.copy(update={"inter_op_threads": 1}),
            "training": config.training.copy(update={"snapshot_every": max(1, n // 30), "checkpoint_every": n})})

    def at(self, rate_factor, n_iterations):
        """Return the overrides that make all its learning rates and its length others."""
        known = {".".join(path): value for path, value in yaml_input.nodes(self.config().dict())}
        return ["training.n_iterations=%d" % n_iterations] + [
            "%s=%r" % (key, min(1.0, known[key] * rate_factor)) for key in _RATES if known.get(key) is not None]


def load_rivals(folder):
    """Return the Rivals of configs/rivals/rivals.yaml, problem -> method -> Rival; `folder` is where the configs are.

    Raises InputError, one line that names the file, the key and its fault.
    """
    path = os.path.join(folder, "rivals", SETTINGS)
    settings = parsed(RivalsConfig, yaml_input.read_yaml(path), path)
    found = {}
    for problem, own in settings.problems.items():
        if own.methods not in settings.methods:
            raise InputError("%s: problems.%s.methods must be one of %s" % (path, problem, ", ".join(settings.methods)))
        if own.settings_of not in settings.problems:
            raise InputError("%s: problems.%s.settings_of must be one of %s" % (path, problem, ", ".join(settings.problems)))
        lacking = _methods_of(settings, own) - _methods_of(settings, settings.problems[own.settings_of])
        if lacking:
            raise InputError("%s: problems.%s.settings_of must be one with all its methods: %s has no %s" % (
                path, problem, own.settings_of, ", ".join(sorted(lacking))))
        of_all = {name: OwnConfig(config=own.config, changes=dict(changes, **own.changes))
                  for name, changes in settings.methods[own.methods].items()}
        found[problem] = {
            name: Rival(problem, name, os.path.join(folder, method.config + ".yaml"),
                        tuple("%s=%s" % (key, json.dumps(value)) for key, value in method.changes.items()), own)
            for name, method in dict(of_all, **own.others).items()}
    return found


def _methods_of(settings, problem):
    return set(problem.others).union(settings.methods.get(problem.methods, ()))


def load_chosen(folder):
    """Return what `make rivals-search` chose, problem -> method -> ChosenSettings; raises InputError as load_rivals does."""
    path = os.path.join(folder, "rivals", CHOSEN)
    if not os.path.isfile(path):
        raise InputError("%s: there is none yet; make rivals-search writes it" % path)
    tree = yaml_input.read_yaml(path)
    if not isinstance(tree, dict) or not all(isinstance(own, dict) for own in tree.values()):
        raise InputError("%s: must have methods below problems, and settings below these; make rivals-search writes it" % path)
    return {problem: {method: parsed(ChosenSettings, settings, "%s: %s.%s" % (path, problem, method))
                      for method, settings in own.items()} for problem, own in tree.items()}


def write_chosen(folder, found):
    """Write what was chosen, problem -> method -> ChosenSettings, for load_chosen; return the path."""
    path = os.path.join(folder, "rivals", CHOSEN)
    lines = ["# The settings of rivals.yaml's methods at equal CPU time, by `make rivals-search`. cpu_seconds and score",
             "# are those of the search's own run: log p(x) of validation images or of all four, or minus KL(q || p(z|x)), or",
             "# minus the mean Wasserstein-1 distance. Without them the rates are those of the problem that settings_of names."]
    for problem, own in found.items():
        lines.append("%s:" % problem)
        lines += ["  %s: %s" % (method, json.dumps(chosen.dict(exclude_none=True)).replace('"', ""))
                  for method, chosen in own.items()]
    files.write_text(path, "\n".join(lines) + "\n")
    return path
