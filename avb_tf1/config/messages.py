"""What is wrong with a config, as the one line that its user reads: which key, and what it must be."""

import difflib

import pydantic

from avb_tf1.config import yaml_input
from avb_tf1.config.experiments import experiment_of
from avb_tf1.ground.errors import shortened

# What pydantic calls some errors -> what a key must be.
_ALLOWED = {
    "type_error.integer": "must be an integer",
    "value_error.strictbool": "must be true or false",
    "type_error.dict": "must be a mapping of keys to values",
    "value_error.discriminated_union.missing_discriminator": "must be a mapping of keys to values",
    "type_error.none.not_allowed": "must have a value",
    "type_error.not_none": "must be null",
}
# A kind that is none, which other keys depend on, is told first. Then an unknown key: the missing key beside it is most often
# the same slip of the pen.
_FIRST = ("value_error.discriminated_union.invalid_discriminator", "value_error.extra")


def problems_of(error, tree):
    """Return what a pydantic.ValidationError found wrong with nested dicts: a list of texts, what is to be told first first."""
    errors = list(_single_errors(error.raw_errors, error.model))
    errors.sort(key=lambda single: (*_FIRST, single[-1]["type"]).index(single[-1]["type"]))
    return [_described(*single, tree) for single in errors]


def _single_errors(errors, section, keys=()):
    """Pydantic's nested errors one by one: the section (class) in which each is, its keys from the top, what pydantic says."""
    for error in errors:
        if isinstance(error, list):
            yield from _single_errors(error, section, keys)
        elif isinstance(error.exc, pydantic.ValidationError):
            # Where a section is one of several, pydantic has the name of its class after the key.
            inner = error.exc.model
            words = tuple(word for word in error.loc_tuple() if word != inner.__name__)
            yield from _single_errors(error.exc.raw_errors, inner, keys + words)
        else:
            problem, = pydantic.ValidationError([error], section).errors()
            yield section, keys + problem["loc"], problem


def _described(section, keys, problem, tree):
    value = tree
    for word in keys:
        value = value.get(word) if isinstance(value, dict) else value[word]
    code = problem["type"]
    if code.startswith("value_error.discriminated_union") and isinstance(value, dict):
        keys += (problem["ctx"]["discriminator_key"],)
        value = value.get(keys[-1])
    key = ".".join(map(str, keys))
    if code == "value_error.extra":
        known_keys = list(section.__fields__)
        hint = suggestion(keys[-1], known_keys, key[:-len(keys[-1])]) or "; allowed here: %s" % ", ".join(known_keys)
        return 'unknown key "%s"%s' % (key, hint)
    if code == "value_error.missing" or code.endswith("missing_discriminator") and value is None:
        return 'missing key "%s"' % key
    if key == "name":
        allowed = "must be a text of 1 to 100 letters, digits, '.', '_' or '-', the first a letter or digit"
    elif key == "model.kind" and code != "value_error":
        allowed = "must be one of %s" % ", ".join(sorted(experiment_of(tree).sections_of_kind))
    elif code == "value_error.const":
        allowed = "must be one of %s" % ", ".join(problem["ctx"]["permitted"])
    elif code.endswith("invalid_discriminator"):
        allowed = "must be one of %s" % problem["ctx"]["allowed_values"].replace("'", "")
    else:
        allowed = _ALLOWED.get(code, problem["msg"].replace("ensure this value is", "must be").replace(
            "ensure this value has", "must have"))
    # What the keys of a section must be to each other; how long a list must be.
    if code == "value_error" and isinstance(value, dict) or code.startswith("value_error.list."):
        return "%s %s" % (key, allowed)
    return "%s %s, not %s" % (key, allowed, in_words(value))


def suggestion(key, known_keys, prefix=""):
    """Return a text that asks whether the nearest of the known keys was meant; an empty one if none is near."""
    matches = [known for known in known_keys if key in known.split("_")] or difflib.get_close_matches(key, known_keys, n=1)
    return '; did you mean "%s%s"?' % (prefix, matches[0]) if matches else ""


def in_words(value):
    """Return a value in a few words, YAML's own where it is a single one."""
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return shortened(" ".join(yaml_input.dump_yaml(value).replace("\n...", "").split()))
