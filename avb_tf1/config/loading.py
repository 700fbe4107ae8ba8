"""YAML file -> validated, frozen config, and back."""

import copy
import os

import pydantic

from avb_tf1.config import yaml_input
from avb_tf1.config.data import PythonFile
from avb_tf1.config.data_resolution import with_resolved_data
from avb_tf1.config.experiments import experiment_of
from avb_tf1.config.messages import in_words, problems_of, suggestion
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError, what_is_wrong

_MOST_TOLD = 7                # of what else is wrong with one source
MODEL_FILE = "model.py"  # beside a config.yaml as to_yaml gives it, if its posterior is a Python file's


def load_config(path, overrides=()):
    """Read, override and validate an experiment's config; return it frozen, one of experiments.EXPERIMENTS.

    A Python file that the config names (problem.path, from the config's folder, in an override too) is run; its text becomes
    part of the config. A file of images that it names is read, unless data.sha256 stands for it.

    Args:
        path: str, a YAML file.
        overrides: sequence of "KEY=VALUE" strings; KEY is a dotted key, of a section that the file has;
            VALUE is read as YAML.

    Raises:
        InputError: one line that names the file (or the override), the key and what is allowed; or the file of images, or the
            Python file (a problems.given_posterior.python_file.ModelError), and what is wrong with it.
        TypeError: `path` is no path, or `overrides` is something else.
    """
    if isinstance(overrides, (str, dict)) or not all(isinstance(override, str) for override in overrides):
        raise TypeError("overrides must be a sequence of texts KEY=VALUE, not %r" % (overrides,))
    path = os.fspath(path)
    tree = yaml_input.read_yaml(path)
    if not isinstance(tree, dict):
        kinds = {str: "a text", type(None): "empty"}
        raise InputError("%s: must be a mapping of keys to values, not %s" % (path, kinds.get(type(tree)) or in_words(tree)))
    tree = _filled_in(tree, experiment_of(tree).defaults)  # so that they can be overridden
    folder, trees, sources = os.path.dirname(path), [tree], [path]
    for override in overrides:
        source = "--set %s" % override
        key, value = _key_and_value(override, source)
        if key not in map(".".join, dict(yaml_input.nodes(trees[-1]))):
            _config_of(trees[:1], sources, folder)  # a key that the file lacks and must have is the file's fault
        trees.append(_overridden(trees[-1], key, value, source))
        sources.append(source)
    return with_resolved_data(_config_of(trees, sources, folder), path)


def to_yaml(config):
    """Return the config as YAML text that load_config reads back to an equal config, with defaults but those of later keys.

    The Python file, if it has one, is called MODEL_FILE there, and has to be written beside it.
    """
    tree = config.dict()
    if config.python_file is not None:
        tree["problem"]["path"] = MODEL_FILE
    return yaml_input.dump_yaml(tree)


def _filled_in(tree, defaults):
    """The tree with the defaults for what it lacks; what is no mapping there is left as it is."""
    if not isinstance(tree, dict) or not isinstance(defaults, dict):
        return tree
    return dict(tree, **{key: _filled_in(tree[key], value) if key in tree else value for key, value in defaults.items()})


def _key_and_value(override, source):
    key, equals, text = override.partition("=")
    if not equals:
        raise InputError("%s: must be KEY=VALUE" % source)
    return key, yaml_input.parse_yaml(text, source)


def _overridden(tree, key, value, source):
    """A copy of the tree, with one value replaced, or put where there was none: validation knows what a section may have."""
    tree = copy.deepcopy(tree)
    node, words = tree, key.split(".")
    for word in words[:-1]:
        node = node.get(word) if isinstance(node, dict) else None
    if not isinstance(node, dict) or not all(words):
        known_keys = [".".join(path) for path, _ in yaml_input.nodes(tree)]
        raise InputError('%s: unknown key "%s"%s' % (source, key, suggestion(key, known_keys)))
    node[words[-1]] = value
    return tree


def _config_of(trees, sources, folder):
    """The last of the trees as a config; each is the one before with what its source changed. Raises InputError, ModelError."""
    config, problems = _validated(trees[-1], folder)
    if problems:
        n, before = len(trees) - 1, []
        while n:
            before = _validated(trees[n - 1], folder)[1]
            if problems[0] not in before:
                break
            n -= 1
        # All that this source did wrong, but in full, with what is allowed, only the first of it.
        told, *others = (problem for problem in problems if n == 0 or problem not in before)
        missing = "missing key "
        others = [other for other in others if not (other.startswith(missing) and other[len(missing):] in told)]  # misspelt
        words = [told, *(other.split(";")[0] for other in others[:_MOST_TOLD])]
        if len(others) > _MOST_TOLD:
            words.append("%d more" % (len(others) - _MOST_TOLD))
        raise InputError("%s: %s" % (sources[n], "; ".join(words)))
    return config


def _validated(tree, folder):
    """A tree as a config, or None; and what is wrong with it, texts, the first to be told first. Raises ModelError."""
    try:
        tree = _with_python_file(tree, folder)
    except InputError as error:
        return None, [str(error)]
    try:
        return experiment_of(tree).parse_obj(tree), []
    except pydantic.ValidationError as error:
        return None, problems_of(error, tree)


def _with_python_file(tree, folder):
    """The tree with a PythonFile in the place of problem.path, if it has one; raises InputError if that can't be read."""
    problem = tree.get("problem")
    if not isinstance(problem, dict) or problem.get("kind") != "python" or "path" not in problem:
        return tree
    name = problem["path"]
    if not isinstance(name, str) or not name.endswith(".py"):
        raise InputError("problem.path must be a Python file, whose name ends in .py, not %s" % in_words(name))
    path = os.path.join(folder, name)
    try:
        with files.opened(path) as file:
            source = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("problem.path: %s is no UTF-8 text" % path)
    except (OSError, ValueError) as error:
        raise InputError("problem.path: %s can't be read: %s" % (path, what_is_wrong(error)))
    return dict(tree, problem=dict(problem, path=PythonFile(path=path, source=source)))
