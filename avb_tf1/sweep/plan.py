"""Which runs a sweep is made of: the product of configs, seeds and values. Knows no TensorFlow and no Ray."""

import hashlib
import itertools
import json
import re
from dataclasses import dataclass
from typing import Any, Dict

from avb_tf1.config import yaml_input
from avb_tf1.config.experiments import Config
from avb_tf1.config.loading import load_config
from avb_tf1.config.setting_names import setting_names, value_text, varying
from avb_tf1.ground.errors import InputError, shortened
from avb_tf1.runs.run_folder import name_with_seed

MAX_SEED = 2**31 - 1
MAX_RUNS = 100000
ADDRESS_SECONDS = 20  # in which an existing cluster must answer
_MAX_NAME = 180  # of a run's folder, without the seed


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Attributes:
        name: str, the run's folder in the sweep's.
        setting: str, what tells it from the other runs but those of other seeds, as of setting_names.setting_names.
        config: its config; one operation at a time, so that the runs share the cores evenly.
        values: the keys that the sweep varies -> this run's values.
    """

    name: str
    setting: str
    config: Config
    values: Dict[str, Any]


def plan(config_paths, seeds, settings):
    """Return the Runs of a sweep: for each config, each combination of values and each seed.

    Args:
        config_paths: sequence of str.
        seeds: str, e.g. "0-19" or "0,3,8-9".
        settings: sequence of "KEY=V1,V2,...", the values in YAML.

    Raises:
        InputError: a config, the seeds or a setting can't be used, or two runs would have the same name.
    """
    seeds = parse_seeds(seeds)
    choices = {}
    for key, values in map(_parse_setting, settings):
        if key in choices:
            raise InputError("--set %s: given twice; all values of a key go into one, with commas between them" % key)
        choices[key] = values
    n_runs = len(config_paths) * len(seeds)
    for values in choices.values():
        n_runs *= len(values)
    if n_runs > MAX_RUNS:
        raise InputError("%d runs; a sweep has at most %d" % (n_runs, MAX_RUNS))
    planned = []
    for path, *values in itertools.product(config_paths, *choices.values()):
        values = dict(zip(choices, values))
        overrides = ["%s=%s" % (key, json.dumps(value)) for key, value in values.items()] + ["runtime.inter_op_threads=1"]
        config = _loaded(path, overrides, names_file=len(config_paths) > 1)
        planned.append((path, values, [config.copy(update={"seed": seed}) for seed in seeds]))
    first_configs = [configs[0] for _, _, configs in planned]
    names, runs = set(), []
    for (path, values, configs), label, what_varies in zip(planned, setting_names(first_configs), varying(first_configs)):
        name = _folder_name(*what_varies)
        if name in names:
            raise InputError("%s: the sweep would have %s twice: nothing that changes a result tells the two apart%s" % (
                path, label, "; to run both, give the configs different names" if len(set(config_paths)) > 1 else ""))
        names.add(name)
        runs += [Run(name_with_seed(name, config.seed), label, config, values) for config in configs]
    return runs


def _loaded(path, overrides, names_file):
    try:
        return load_config(path, overrides)
    except InputError as error:
        if names_file and not str(error).startswith(path):
            raise InputError("%s: %s" % (path, error))
        raise


def parse_seeds(text):
    """Return the seeds, a list of int, that a text such as "0-19" or "0,3,8-9" stands for."""
    seeds = []
    for part in text.split(","):
        match = re.match(r"\s*([0-9]+)(?:-([0-9]+))?\s*\Z", part)
        if not match:
            raise InputError("--seeds %s: must be seeds and ranges of them, e.g. 0-19 or 0,3,8-9" % shortened(text))
        first, last = int(match.group(1)), int(match.group(2) or match.group(1))
        if max(first, last) > MAX_SEED:
            raise InputError("--seeds %s: the largest seed is %d" % (shortened(text), MAX_SEED))
        if last < first:
            raise InputError("--seeds %s: a range must not end below its beginning" % shortened(text))
        if len(seeds) + last - first >= MAX_RUNS:
            raise InputError("--seeds %s: these are more than %d seeds; a sweep has at most %d runs" % (
                shortened(text), MAX_RUNS, MAX_RUNS))
        seeds += range(first, last + 1)
    if len(set(seeds)) < len(seeds):
        raise InputError("--seeds %s: a seed stands there twice" % shortened(text))
    return seeds


def _parse_setting(setting):
    key, equals, text = setting.partition("=")
    source = "--set %s" % setting
    # Between the brackets a line break, so that a comment at the end is one, and what closes them sooner is told.
    values = yaml_input.parse_yaml("[%s\n]" % text, "%s, read as [%s]" % (source, text))
    if not equals or not isinstance(values, list) or not values:
        raise InputError("%s: must be KEY=V1,V2,..." % source)
    texts = [json.dumps(value, sort_keys=True) for value in values]
    if len(set(texts)) < len(texts):
        raise InputError("%s: a value stands there twice" % source)
    if key in ("seed", "name", "runtime.inter_op_threads"):
        raise InputError("%s: %s can't be varied here" % (source, key))
    return key, values


def _folder_name(name, values):
    """What setting_names.varying gave as a folder's name: as it is if it is short and plain, else its beginning and a hash."""
    text = "_".join(([] if name is None else [name]) + ["%s=%s" % (key, _as_name(value)) for key, value in values.items()])
    return text if len(text) <= _MAX_NAME else "%s-%s" % (text[:_MAX_NAME - 9], _hash(text))


def _as_name(value):
    """The value as part of a folder's name."""
    text = value_text(value)
    plain = re.sub(r"[^A-Za-z0-9.+-]+", "-", text)[:40]
    return plain if plain == text else "%s-%s" % (plain.strip("-"), _hash(text))


def _hash(text):
    return hashlib.sha256(text.encode()).hexdigest()[:8]
