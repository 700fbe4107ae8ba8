"""docs/config.md: every key of a config, with what it may be, its default and its meaning, all from the sections in config."""

import os
import re
from typing import Any, Dict, List, NamedTuple, Tuple, Type, Union

from pydantic import ConstrainedFloat, ConstrainedInt, ConstrainedList, StrictBool
from typing_extensions import Literal, get_args, get_origin

from avb_tf1.config.baselines import BaselinesConfig
from avb_tf1.config.data import PythonFile
from avb_tf1.config.experiments import EXPERIMENTS
from avb_tf1.config.loading import load_config
from avb_tf1.config.rivals import ChosenSettings, RivalsConfig
from avb_tf1.config.sections import Section
from avb_tf1.config.setting_names import value_text
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.report.comparison import markdown_page, markdown_table

_CHOOSERS = ("kind", "optimizer")  # keys that say which of several sections it is
_TASKS = {"known_images": "known images", "data_set": "data sets", "given_posterior": "given posteriors"}
_ORDER = ("data", "problem", "model", "training", "evaluation", "runtime")  # of an experiment's sections, on the page
# Other files: where their sections begin, and what is said of them.
_OTHER_FILES = {
    ("baselines.yaml",): (
        BaselinesConfig, "The file [configs/posteriors/baselines.yaml](../configs/posteriors/baselines.yaml): what "
        "`scripts/compare_posteriors.py` puts beside the models of its configs."),
    ("rivals.yaml",): (
        RivalsConfig, "The file [configs/rivals/rivals.yaml](../configs/rivals/rivals.yaml): what `make rivals` trains beside "
        "AVB, as changes of configs."),
    ("chosen.yaml", "PROBLEM", "METHOD"): (
        ChosenSettings, "The file `configs/rivals/chosen.yaml`, which `make rivals-search` writes: the settings of a method on "
        "a problem, at equal CPU time."),
}
_REQUIRED = "must be given"

_START = """# Every key of a config

A config is a YAML file that says all of an experiment: what is trained on, the model, its training, its evaluation. The folder
[configs/](../configs) has them; [synthetic.yaml](../configs/synthetic.yaml) is the tutorial's, with a comment on nearly each
line. To make your own, copy the one that is nearest, or change a few of its keys for one run:

```
python scripts/train.py --config configs/synthetic.yaml --set seed=3 --set training.n_iterations=500
python scripts/train.py --config configs/synthetic.yaml --set 'training.linear_decay={begin: 0.5, end_factor: 0.01}'
```

- `--set KEY=VALUE` sets one key. A dot in `KEY` leads into a section. `VALUE` is read as YAML: `1e-3` is a number, `null` is
  nothing, `[40, 60]` a list.
- `--set 'KEY={...}'` puts a whole section there, with all of its keys; the quotes keep it from the shell. To change the `kind`
  of a section set all of it: other kinds have other keys.
- Several of them apply in turn, and only what comes of all of them is checked.

Nothing is trained with a config that is wrong: one line says what is, and the exit code is 2.

```
%s
```

A key with a default may be left out. Most keys have none, so that a file shows what decides its numbers; a run's own
`config.yaml` leaves out no key but some that came with later versions, where they have their defaults."""

_HOW_TO_READ = """There are three tasks: *known images* (the four 2x2 images), *data sets* of real images, *given posteriors*;
by *images* the first two are meant. A column *where* says which configs have a key, by the section's own `kind` or `optimizer`
or else by `model.kind`; an empty cell: all that have the section."""

_WRONG = ("training.n_iteration=500", "training.n_iterations=0", "model.encoder.activation=sigmoid")


class Variant(NamedTuple):
    """A section that may stand at a place of a config.

    Attributes:
        section: class.
        kind: str, what it is chosen by: its own kind or optimizer, or else the model's kind; "" where nothing is chosen.
        task: str, of which experiments it is, a value of _TASKS; "" in another file.
        defaults: what a file of theirs need not have there, a nested dict.
    """

    section: Type[Section]
    kind: str = ""
    task: str = ""
    defaults: Dict[str, Any] = {}


class Row(NamedTuple):
    """A key of some Variants of one place, of which all that is said is the same."""

    key: str
    variants: Tuple[Variant, ...]
    value: str
    default: str
    meaning: str


def make(configs_folder, path):
    """Write the page to `path`; `configs_folder` is where the configs are."""
    files.write_text(path, page(configs_folder))
    print("Written to %s" % path)


def page(configs_folder):
    """Return the text of the page; `configs_folder` is where the configs are."""
    body = _Page()
    return markdown_page(_START % "\n".join(_refusals(os.path.join(configs_folder, "synthetic.yaml"))), "## Sections",
                         body.outline(), _HOW_TO_READ, *body.blocks(), "Written by `make config-reference`.")


def _refusals(path):
    """What is said of some wrong values of a config."""
    for override in _WRONG:
        try:
            load_config(path, [override])
        except InputError as error:
            yield "error: %s" % error


# Where sections may stand.


def places():
    """Return where sections may stand, a tuple of keys -> the Variants there, a list; after each section come those in it.

    The empty tuple is the config of an experiment. Another file's begin with its name. NAME stands for any name.
    """
    found = {}
    for experiment in EXPERIMENTS:
        _add(found, (), Variant(experiment, "", _TASKS[experiment.task], experiment.defaults))
    index = {path: _ORDER.index(path[0]) if len(path) == 1 else n for n, path in enumerate(found)}
    in_order = sorted(found, key=lambda path: [index[path[:n + 1]] for n in range(len(path))])
    found = {path: _by_kind(found[path]) for path in in_order}
    for path, (section, _) in _OTHER_FILES.items():
        _add(found, path, Variant(section))
    return found


def _add(found, path, variant):
    found.setdefault(path, []).append(variant)
    for name in variant.section.__fields__:
        for section, kind in _sections_at(variant, name):
            _add(found, _below(path, variant.section, name),
                 Variant(section, kind, variant.task, variant.defaults.get(name) or {}))


def _by_kind(variants):
    kinds = list(dict.fromkeys(variant.kind for variant in variants))
    return sorted(variants, key=lambda variant: kinds.index(variant.kind))


def _below(path, section, name):
    """The path of the sections that a key of a section at `path` has."""
    return path + ((name, "NAME") if get_origin(section.__fields__[name].annotation) is dict else (name,))


def _sections_at(variant, name):
    """The sections that a key of a Variant may have, each with what it is chosen by."""
    field = variant.section.__fields__[name]
    if name in ("model", "training") and hasattr(variant.section, "sections_of_kind"):
        return [(pair[name == "training"], kind) for kind, pair in variant.section.sections_of_kind.items()]
    chooser = field.discriminator_key
    return [(section, kind) for section in _sections_in(field.annotation)
            for kind in ([variant.kind] if chooser is None else get_args(section.__fields__[chooser].annotation))]


def _sections_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [] if annotation is PythonFile else [annotation]
    return [section for part in get_args(annotation) for section in _sections_in(part)]


# What is said of a key.


def meaning(section, name):
    """Return what a key of a section means, "" if that isn't said: by the class, one above it, or the section that it has."""
    for cls in section.__mro__:
        field = getattr(cls, "__fields__", {}).get(name)
        if field is not None and field.field_info.description:
            return field.field_info.description
    if name in _CHOOSERS:
        return "Which of these it is."
    sections = _sections_in(section.__fields__[name].annotation)
    return about(sections[0]) if len(sections) == 1 else ""


def about(section):
    """Return the first paragraph of a section's docstring, or of the class above it that has one; "" if none has."""
    docstrings = [vars(cls).get("__doc__") for cls in section.__mro__[:section.__mro__.index(Section)]]
    return " ".join(next(filter(None, docstrings), "").split("\n\n")[0].split())


def rows(path, variants, link=lambda path: ""):
    """Return the Rows of a place, a list; `link`: a function from a path to what stands for the section there."""
    chooser = next((name for name in _CHOOSERS if name in variants[0].section.__fields__), None)
    names = dict.fromkeys(name for variant in variants for name in variant.section.__fields__ if name != chooser)
    found = {}
    for name in sorted(names, key=lambda name: _ORDER.index(name) if not path and name in _ORDER else -1):
        for variant in variants:
            field = variant.section.__fields__.get(name)
            if field is not None:
                value = _value(field, _below(path, variant.section, name), link)
                said = name, value, _default(field, variant.defaults), meaning(variant.section, name)
                found.setdefault(said, []).append(variant)
    result = []
    if chooser is not None:
        kinds = dict.fromkeys(kind for variant in variants for kind in get_args(variant.section.__fields__[chooser].annotation))
        result.append(Row(chooser, tuple(variants), _any_of(["`%s`" % kind for kind in kinds]), _REQUIRED,
                          meaning(variants[0].section, chooser)))
    return result + [Row(name, tuple(own), value, default, text) for (name, value, default, text), own in found.items()]


def _value(field, path, link):
    """What a key may be, in words; `path` and `link` are for the section that it has, if it has one."""
    if not _sections_in(field.annotation):
        return words_of(field.annotation)
    words = "sections by name, each %s" if get_origin(field.annotation) is dict else "section %s"
    return words % link(path) + (" or `null`" if field.allow_none else "")


def words_of(annotation):
    """Return in words what a type of a section's key allows."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _any_of(["`%s`" % value_text(value) for value in parts])
    if origin is Union and parts == (parts[0], List[parts[0]]):
        return words_of(parts[0]) + ", or a list of such"
    if origin is Union:
        return _any_of(["`null`" if part is type(None) else words_of(part) for part in parts])
    if origin in (list, tuple):
        return "list, each item: %s" % words_of(parts[0])
    if origin is dict:
        return "mapping"
    if annotation is StrictBool:
        return "`true` or `false`"
    if annotation is PythonFile:
        return "path that ends in `.py`"
    if issubclass(annotation, ConstrainedList):
        return "list of %d to %d, each item: %s" % (annotation.min_items, annotation.max_items, words_of(annotation.item_type))
    if issubclass(annotation, ConstrainedInt):
        return "integer" + _range(annotation)
    if issubclass(annotation, float):
        return "number" + (_range(annotation) if issubclass(annotation, ConstrainedFloat) else "")
    if issubclass(annotation, str):
        return "text"
    raise TypeError("no words for %r" % annotation)


def _range(number):
    """The bounds of a constrained number; an empty text if it has none."""
    above, low, below, high = number.gt, number.ge, number.lt, number.le
    if issubclass(number, int) and below is not None:
        below, high = None, below - 1
    if low is not None and high is not None:
        return ", %s to %s" % (value_text(low), value_text(high))
    bounds = [(">", above), ("≥", low), ("<", below), ("≤", high)]
    words = " and ".join("%s %s" % (sign, value_text(bound)) for sign, bound in bounds if bound is not None)
    return words and " " + words


def _any_of(words):
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _default(field, defaults):
    """What stands for a key that a file lacks, in words; `defaults`: of the Variant that it is of."""
    value = defaults.get(field.name, ... if field.required else field.default)
    if isinstance(value, Section) and value.__fields_set__:
        given = sorted(value.__fields_set__)
        return "`{%s}`" % ", ".join("%s: %s" % (name, value_text(getattr(value, name))) for name in given)
    its_keys = [own for section in _sections_in(field.annotation) for own in section.__fields__.values()]
    if isinstance(value, (dict, Section)) and its_keys:
        given = value if isinstance(value, dict) else value.__fields_set__
        return _REQUIRED if any(own.required and own.name not in given for own in its_keys) else "its keys' defaults"
    return _REQUIRED if value is ... else "`%s`" % value_text(value)


def which(some, variants, names_kinds=False):
    """Return in words which of the Variants of a place some of them are; "" if all, unless it is to name their kinds."""
    those, everyone = (list(dict.fromkeys((own.kind, own.task) for own in group)) for group in (some, variants))
    every_task, tasks = ([task for task in _TASKS.values() if task in {own for _, own in pairs}] for pairs in (everyone, those))
    if not names_kinds:
        if set(those) == set(everyone):
            return ""
        if set(those) == {pair for pair in everyone if pair[1] in tasks}:
            return _tasks_in_words(tasks)

    def tasks_of(kind, pairs):
        return [task for task in every_task if (kind, task) in pairs]

    kinds, every_kind = (list(dict.fromkeys(kind for kind, _ in pairs)) for pairs in (those, everyone))
    # Tasks are named where a kind isn't meant in all that have it, or, of a list of kinds, where not all have it.
    named = {_tasks_in_words(tasks_of(kind, those)) for kind in kinds
             if tasks_of(kind, those) != (every_task if names_kinds else tasks_of(kind, everyone))}
    if not names_kinds and not named and len(kinds) == len(every_kind) - 1 > 3:
        return "all but `%s`" % next(kind for kind in every_kind if kind not in kinds)
    of_tasks = {}
    for kind in kinds:
        words = _tasks_in_words(tasks_of(kind, those))
        of_tasks.setdefault(" of " + words if words in named else "", []).append("`%s`" % kind)
    return "; ".join(", ".join(names) + words for words, names in of_tasks.items())


def _tasks_in_words(tasks):
    return "images" if tasks == ["known images", "data sets"] else ", ".join(tasks)


# The page.


class _Page:
    """The places, and at which of them each section is described: the first that has it with the same to be said.

    Attributes:
        places: path -> Variants; homes: path -> for each of them the path at which it is described.
    """

    def __init__(self):
        self.places, self.homes, first = places(), {}, {}
        for path, variants in self.places.items():
            self.homes[path] = [first.setdefault(_content(path, variant), path) for variant in variants]

    def outline(self):
        """Lines that name all sections of an experiment's config, with links to them."""
        paths = [path for path in self.places if path and path[0] in _ORDER]
        lines = []
        for top in (path for path in paths if len(path) == 1):
            inner = [_link(path, "`%s`" % ".".join(path[1:])) for path in paths
                     if path[:1] == top and path != top and self._home(path) == path]
            lines.append("- %s%s" % (_link(top), inner and ", in it " + ", ".join(inner) or ""))
        return lines

    def blocks(self):
        """The blocks of all places, from top to bottom."""
        found = []
        for path, variants in self.places.items():
            if path == next(iter(_OTHER_FILES)):
                found.append("## Other files\n\nNo run's config, but read by the commands that they are for.")
            if self._home(path) == path:
                level = "##" if not path or len(path) == 1 and path not in _OTHER_FILES else "###"
                found += ["%s %s" % (level, _title(path)), self._introduction(path), self._kinds(path, variants),
                          self._table(path, variants)]
        return filter(None, found)

    def _home(self, path):
        """Where the reader of a path finds what may stand there."""
        homes = set(self.homes[path])
        return homes.pop() if len(homes) == 1 else path

    def _link_from(self, path):
        """A link to what may stand at a path, and which of it that is, if there is more."""
        home = self._home(path)
        if home == path:
            return _link(path)
        contents = [_content(path, variant) for variant in self.places[path]]
        label = which([own for own in self.places[home] if _content(home, own) in contents], self.places[home])
        return _link(home) + (label and " of " + label)

    def _introduction(self, path):
        """What a place is part of, and which others are described with it."""
        if not path or path in _OTHER_FILES:
            return _OTHER_FILES[path][1] if path else ""
        above = next(path[:n] for n in range(len(path) - 1, -1, -1) if path[:n] in self.places)
        having = [own for own in self.places[above] if any(
            _sections_in(field.annotation) and _below(above, own.section, name) == path
            for name, field in own.section.__fields__.items())]
        label = which(having, self.places[above])
        sentences = ["Part of %s%s." % (_link(above), label and " of " + label)] if above else [label and "Of %s." % label]
        others = [_title(own) for own in self.places if own != path and self._home(own) == path]
        return " ".join(filter(None, sentences + [others and "The same may stand in %s." % ", ".join(others)]))

    def _kinds(self, path, variants):
        """Lines on what there is to choose from, if there is."""
        if not any(name in _CHOOSERS for name in variants[0].section.__fields__):
            return []
        said = {}
        for variant, home in zip(variants, self.homes[path]):
            said.setdefault(about(variant.section) if home == path else "as of %s." % _link(home), []).append(variant)
        return ["- %s: %s" % (which(own, variants, names_kinds=True), text) for text, own in said.items()]

    def _table(self, path, variants):
        its_own = [variant for variant, home in zip(variants, self.homes[path]) if home == path]
        found = [row for row in rows(path, variants, self._link_from)
                 if row.key in _CHOOSERS or any(variant is own for variant in row.variants for own in its_own)]
        columns = {"key": ["`%s`" % row.key for row in found], "where": [which(row.variants, variants) for row in found],
                   "value": [row.value for row in found], "default": [row.default for row in found],
                   "meaning": [row.meaning for row in found]}
        if not any(columns["where"]):
            del columns["where"]
        return markdown_table(columns, zip(*columns.values()))


def _content(path, variant):
    """All that is said of a section."""
    return variant.section, tuple((row.key, row.value, row.default, row.meaning) for row in rows(path, [variant]))


def _title(path):
    """What the section at a path is called."""
    if not path:
        return "A whole config"
    if path[:1] in [start[:1] for start in _OTHER_FILES]:
        return "`%s` of `%s`" % (".".join(path[1:]), path[0]) if path[1:] else "`%s`" % path[0]
    return "`%s`" % ".".join(path)


def _link(path, text=None):
    """A link to the heading of a path; GitHub's anchors are the words of it."""
    title = _title(path)
    return "[%s](#%s)" % (text or title, re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-"))
