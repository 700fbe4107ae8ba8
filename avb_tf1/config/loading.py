"""YAML file -> validated, frozen Config."""

import copy
import difflib
import hashlib
import json
import os

import pydantic

from avb_tf1.config import dataset_config, schema, yaml_input
from avb_tf1.config.schema import config_of_kind, defaults_of
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError, shortened, what_is_wrong

MODEL_FILE = "model.py"  # beside a config.yaml as to_yaml gives it, if its posterior is a Python file's


class OtherConfig(InputError):
    """What was to go on with a config was made by another."""


def load_config(path, overrides=()):
    """Read, override and validate an experiment's config.

    Args:
        path: str, a YAML file.
        overrides: sequence of "KEY=VALUE" strings; KEY is a dotted key that the file has, VALUE is read as YAML.

    A Python file that the config names (problem.path, from the config's folder, in an override too) is run; its text becomes
    part of the config.

    Returns:
        A frozen config, one of those of schema.config_of_kind, by the file's model.kind. A file of images that it names has
        been read, unless data.sha256 stands for it.

    Raises:
        InputError: one line that names the file (or the override), the key and what is allowed; or the file of images, or the
            Python file (a problems.python_file.ModelError), and what is wrong with it.
        TypeError: `path` is no path, or `overrides` is something else.
    """
    if isinstance(overrides, (str, dict)) or not all(isinstance(override, str) for override in overrides):
        raise TypeError("overrides must be a sequence of texts KEY=VALUE, not %r" % (overrides,))
    path = os.fspath(path)
    tree = yaml_input.read_yaml(path)
    if not isinstance(tree, dict):
        raise InputError("%s: must be a mapping of keys to values, not %s" % (path, _kind_of(tree)))
    tree = _filled_in(tree, defaults_of(tree))  # so that they can be overridden
    folder, trees, sources = os.path.dirname(path), [tree], [path]
    for override in overrides:
        source = "--set %s" % override
        try:
            trees.append(_overridden(trees[-1], override, source))
        except InputError:
            _require_no_problem(trees[:1], sources, folder)  # a key that the file lacks is the file's fault
            raise
        sources.append(source)
    _require_no_problem(trees, sources, folder)
    return dataset_config.settled(_class_of(trees[-1]).parse_obj(_with_python_file(trees[-1], folder)), path)


def fingerprint(config):
    """Return the part of a config that decides every bit of a trained model and its metrics.

    All but its name, what only matters to speed, how often the run is saved and looked at, and where a file of images is: its
    digest stands for it.
    """
    tree = config.tree()
    if config.is_of_dataset and config.data.sha256 is not None:
        tree["data"].pop("path", None)
    del tree["name"], tree["training"]["checkpoint_every"], tree["training"]["snapshot_every"]
    tree["runtime"] = {"intra_op_threads": config.runtime.intra_op_threads}
    return tree


def digest_of_fingerprint(config):
    """Return 12 hexadecimal digits that stand for a config's fingerprint."""
    return hashlib.sha256(json.dumps(fingerprint(config), sort_keys=True).encode()).hexdigest()[:12]


def fingerprint_of_weights(config):
    """Return the part of a config that decides every bit of the weights after so many iterations: with constant rates a
    run's length has no part in it.
    """
    tree = fingerprint(config)
    tree.pop("evaluation", None)
    if config.training.linear_decay is None:
        del tree["training"]["n_iterations"]
    return tree


def require_same(found, wanted, path):
    """Raise OtherConfig, naming `path` and the first key that differs, unless two fingerprints are equal."""
    found, wanted = (dict(_flat(defaults_of(tree)), **_flat(tree)) for tree in (found, wanted))
    for key in sorted(set(found) | set(wanted)):
        if found.get(key) != wanted.get(key):
            raise OtherConfig("%s: made by another config: %s is %s there and %s here" % (
                path, key, json.dumps(found.get(key)), json.dumps(wanted.get(key))))


def _flat(tree, prefix=""):
    if not isinstance(tree, dict):
        return {prefix[:-1]: tree}
    return {key: value for word, branch in tree.items() for key, value in _flat(branch, "%s%s." % (prefix, word)).items()}


def to_yaml(config):
    """Return the config, every value of it, as YAML text that load_config reads back to an equal config.

    The Python file, if it has one, is called MODEL_FILE there, and has to be written beside it.
    """
    tree = config.dict()
    if config.python_file is not None:
        tree["problem"]["path"] = MODEL_FILE
    return yaml_input.dump_yaml(tree)


def _with_python_file(tree, folder):
    """The tree with a PythonFile in the place of problem.path, if it has one; raises InputError if that can't be read."""
    problem = tree.get("problem")
    if not isinstance(problem, dict) or problem.get("kind") != "python" or "path" not in problem:
        return tree
    name = problem["path"]
    if not isinstance(name, str) or not name.endswith(".py"):
        raise InputError("problem.path must be a Python file, whose name ends in .py, not %s" % _short(name))
    path = os.path.join(folder, name)
    try:
        with files.opened(path) as file:
            source = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("problem.path: %s is no UTF-8 text" % path)
    except (OSError, ValueError) as error:
        raise InputError("problem.path: %s can't be read: %s" % (path, what_is_wrong(error)))
    return dict(tree, problem=dict(problem, path=schema.PythonFile(path=path, source=source)))


def _filled_in(tree, defaults):
    """The tree with the defaults for what it lacks; what is no mapping there is left as it is."""
    if not isinstance(tree, dict) or not isinstance(defaults, dict):
        return tree
    return dict(tree, **{key: _filled_in(tree[key], own) if key in tree else own for key, own in defaults.items()})


def _overridden(tree, override, source):
    """A copy of the tree, with one value replaced."""
    key, equals, text = override.partition("=")
    if not equals:
        raise InputError("%s: must be KEY=VALUE" % source)
    tree = copy.deepcopy(tree)
    node, words = tree, key.split(".")
    for word in words[:-1]:
        node = node.get(word) if isinstance(node, dict) else None
    if not isinstance(node, dict) or words[-1] not in node:
        raise InputError('%s: unknown key "%s"%s' % (source, key, _suggestion(key, _dotted_keys(tree))))
    node[words[-1]] = yaml_input.parse_yaml(text, source)
    return tree


def _require_no_problem(trees, sources, folder):
    """Raise InputError if the last of the trees is no config; each tree is the one before with what its source changed."""
    problems = _problems(trees[-1], folder)
    if problems:
        n = len(trees) - 1
        while n and problems[0] in _problems(trees[n - 1], folder):
            n -= 1
        raise InputError("%s: %s" % (sources[n], problems[0]))


def _class_of(tree):
    model = tree.get("model")
    kind = model.get("kind") if isinstance(model, dict) else None
    # Without a usable kind the tutorial's model is assumed, whose validation then names what is wrong with the kind.
    classes = config_of_kind(tree)
    return classes.get(kind if isinstance(kind, str) else None, classes["avb"])


def _problems(tree, folder):
    """What is wrong with a tree, in words, what is to be told first coming first. Raises ModelError, as load_config."""
    try:
        tree = _with_python_file(tree, folder)
    except InputError as error:
        return [str(error)]
    try:
        _class_of(tree).parse_obj(tree)
    except pydantic.ValidationError as error:
        # First a kind that is none, which other keys depend on. Then an unknown key: the missing key beside it is most often
        # the same slip of the pen.
        first = ("value_error.discriminated_union.invalid_discriminator", "value_error.extra")
        errors = sorted(error.errors(), key=lambda problem: (*first, problem["type"]).index(problem["type"]))
        return [_describe(problem, tree) for problem in errors]
    return []


def _describe(problem, tree):
    # Where a section is one of several, pydantic's location has the name of the section's class after the key.
    words = [word for word in problem["loc"][:-1] if not _is_class_name(word)] + [str(problem["loc"][-1])]
    value = tree
    for word in words:
        if isinstance(value, dict):
            value = value.get(word)
        elif isinstance(value, list):
            value = value[int(word)]
    if problem["type"].startswith("value_error.discriminated_union") and isinstance(value, dict):
        words.append(problem["ctx"]["discriminator_key"])
        value = value.get(words[-1])
    key = ".".join(words)
    if problem["type"] == "value_error.extra":
        siblings = _field_names(_class_of(tree), problem["loc"][:-1])
        hint = _suggestion(words[-1], siblings, key[:-len(words[-1])]) or "; allowed here: %s" % ", ".join(siblings)
        return 'unknown key "%s"%s' % (key, hint)
    if problem["type"] == "value_error.missing" or problem["type"].endswith("missing_discriminator") and value is None:
        return 'missing key "%s"' % key
    allowed = {
        "type_error.integer": "must be an integer",
        "value_error.strictbool": "must be true or false",
        "type_error.dict": "must be a mapping of keys to values",
        "value_error.discriminated_union.missing_discriminator": "must be a mapping of keys to values",
        "type_error.none.not_allowed": "must have a value",
    }.get(problem["type"], problem["msg"].replace("ensure this value is", "must be"))
    allowed = allowed.replace("ensure this value has", "must have")
    if key == "name":
        allowed = "must be a text of 1 to 100 letters, digits, '.', '_' or '-', the first a letter or digit"
    elif key == "model.kind":
        allowed = "must be one of %s" % ", ".join(sorted(config_of_kind(tree)))
    elif problem["type"] == "value_error.const":
        allowed = "must be one of %s" % ", ".join(problem["ctx"]["permitted"])
    elif problem["type"].endswith("invalid_discriminator"):
        allowed = "must be one of %s" % problem["ctx"]["allowed_values"].replace("'", "")
    # What the keys of a section must be to each other; how long a list must be.
    if problem["type"] == "value_error" and isinstance(value, dict) or problem["type"].startswith("value_error.list."):
        return "%s %s" % (key, allowed)
    return "%s %s, not %s" % (key, allowed, _short(value))


def _is_class_name(word):
    return isinstance(word, str) and word.endswith("Config") and hasattr(schema, word)


def _field_names(config_class, loc):
    for word in loc:
        config_class = getattr(schema, word) if _is_class_name(word) else config_class.__fields__[word].type_
    return list(config_class.__fields__)


def _dotted_keys(tree, prefix=""):
    for word, value in tree.items():
        yield prefix + str(word)
        if isinstance(value, dict):
            yield from _dotted_keys(value, "%s%s." % (prefix, word))


def _suggestion(key, known_keys, prefix=""):
    matches = difflib.get_close_matches(key, list(known_keys), n=1)
    return '; did you mean "%s%s"?' % (prefix, matches[0]) if matches else ""


def _kind_of(value):
    return {str: "a text", type(None): "empty"}.get(type(value), _short(value))


def _short(value):
    """A value in a few words, YAML's own where it is a single one."""
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return shortened(" ".join(yaml_input.dump_yaml(value).replace("\n...", "").split()))
