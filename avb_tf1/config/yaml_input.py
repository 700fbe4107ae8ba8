"""Safe reading of small YAML documents from strangers: plain data only, and nothing that can grow when it is read."""

import re

import yaml

from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError

MAX_BYTES = 100000
MAX_DEPTH = 20


class _Refused(yaml.error.MarkedYAMLError):
    """A construct that YAML allows and a config doesn't need."""


class _ConfigLoader(yaml.SafeLoader):
    """SafeLoader without aliases, tags, duplicate keys and deep nesting; it reads plain words by YAML 1.2's core schema.

    PyYAML goes by YAML 1.1, where 010 is 8, 1:30 is 90, 1_0 is 10, 0b11 is 3, on is true, and 1e-3 is a text. Here 010 is 10,
    1e-3 is a float, and the others are texts; so are 0o17 and 0x1f, which the core schema has besides.
    """

    yaml_implicit_resolvers = {}
    depth = 0

    def compose_node(self, parent, index):
        event = self.peek_event()
        if isinstance(event, yaml.events.AliasEvent):
            raise _Refused(None, None, "aliases (*name) are not allowed", event.start_mark)
        if event.tag is not None:
            raise _Refused(None, None, "tags (%s) are not allowed" % event.tag, event.start_mark)
        if any("\ud800" <= character <= "\udfff" for character in getattr(event, "value", "")):
            raise _Refused(None, None, "half a character (a surrogate) is no text", event.start_mark)
        if self.depth >= MAX_DEPTH:
            raise _Refused(None, None, "nested deeper than %d levels" % MAX_DEPTH, event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node, deep=False):
        mapping = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                raise _Refused(None, None, "a key must be a word", key_node.start_mark)
            if key in mapping:
                raise _Refused(None, None, 'the key "%s" stands twice' % key, key_node.start_mark)
            mapping[key] = self.construct_object(value_node, deep=deep)
        return mapping


class _ConfigDumper(yaml.SafeDumper):
    """SafeDumper that quotes texts that either version of YAML would read as something else."""


# Types of plain words: what they look like, and how they may begin. In this order: what is an integer isn't a float.
_WORDS = (("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]), ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
          ("int", r"[-+]?[0-9]+", list("-+0123456789")),
          ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
           list("-+.0123456789")))
for _class in (_ConfigLoader, _ConfigDumper):
    for _name, _pattern, _first in _WORDS:
        _class.add_implicit_resolver("tag:yaml.org,2002:" + _name, re.compile(r"(?:%s)\Z" % _pattern), _first)
_ConfigLoader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))


def dump_yaml(tree):
    """Return plain data as YAML text that parse_yaml reads back."""
    return yaml.dump(tree, Dumper=_ConfigDumper, sort_keys=False, default_flow_style=False)


def parse_yaml(text, source):
    """Return the plain data (dict, list, str, int, float, bool, None) that a YAML text holds.

    Raises InputError if it is no YAML, or has a construct that is refused; names the line, where known, and the `source`, a
    file's path or "--set KEY=VALUE".
    """
    try:
        return yaml.load(text, _ConfigLoader)  # a SafeLoader: plain data only
    except yaml.error.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = " (line %d, column %d)" % (mark.line + 1, mark.column + 1) if mark else ""
        problem = error.problem or error.context
        if problem == "but found another document":
            problem = "a second YAML document begins there; one is allowed"
        raise InputError("%s: not a valid config%s: %s" % (source, where, problem))
    except (yaml.YAMLError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        # PyYAML lets what its constructors stumble over through, e.g. an AttributeError for "!!timestamp x".
        raise InputError("%s: not a valid config: %s" % (source, (str(error).splitlines() or [type(error).__name__])[0]))


def read_yaml(path):
    """Return the plain data in the YAML file at `path`; raises InputError as parse_yaml does, or if it can't be read."""
    try:
        with files.opened(path) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError("%s: can't read the config: %s" % (path, error.strerror))
    if len(content) > MAX_BYTES:
        raise InputError("%s: larger than %d bytes, so not a config" % (path, MAX_BYTES))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("%s: not a text file in UTF-8" % path)
    return parse_yaml(text, path)


def nodes(tree, path=()):
    """Yield (path, value) of every key in nested dicts, a path being a tuple of keys; a section comes before what is in it."""
    for key, value in tree.items():
        yield path + (key,), value
        if isinstance(value, dict):
            yield from nodes(value, path + (key,))
