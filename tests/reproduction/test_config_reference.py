import glob
import os
import re
from typing import Any, Dict, List, Optional, Tuple, Union

import pytest
from config_cases import EACH_KIND, FLOWS, of_kind
from helpers import ROOT
from pydantic import StrictBool, conlist, constr
from typing_extensions import Literal

from avb_tf1.config import yaml_input
from avb_tf1.config.baselines import load_baselines
from avb_tf1.config.loading import load_config
from avb_tf1.config.sections import Section, integer, key, number
from avb_tf1.reproduction import config_reference

PAGE = os.path.join(ROOT, "docs", "config.md")
CONFIGS = os.path.join(ROOT, "configs")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


@pytest.fixture(scope="module")
def tables():
    """The page as a reader has it: heading -> rows, a list of dicts by column, of which the key is without backquotes."""
    found = {}
    for part in re.split(r"\n#{2,3} ", read(PAGE))[1:]:
        heading, *lines = part.splitlines()
        cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines if line.startswith("| ")]
        found[heading.replace("`", "")] = [dict(zip(cells[0], row), key=row[0].strip("`")) for row in cells[1:]]
    return found


def test_the_page_is_what_the_command_writes(tmp_path, capsys):
    out = tmp_path / "config.md"
    config_reference.make(CONFIGS, str(out))
    assert out.read_text(encoding="utf-8") == read(PAGE), "run make config-reference"
    assert capsys.readouterr().out == "Written to %s\n" % out


SECTIONS = list(dict.fromkeys(variant.section for variants in config_reference.places().values() for variant in variants))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_each_key_says_what_it_means(section):
    for name in section.__fields__:
        said = config_reference.meaning(section, name)
        assert said, 'give %s.%s a meaning, by = key("...")' % (section.__name__, name)
        assert re.fullmatch(r"[A-Z`].*\.", said) and len(re.findall(r"[.:]\s+[A-Z`]", said)) <= 3, said
    if {"kind", "optimizer"} & set(section.__fields__):
        said = config_reference.about(section)
        assert said, "give %s a docstring: the page says with it what this kind is" % section.__name__
        assert said.endswith("."), said


def trees():
    """The keys that shipped files and the overrides of config_cases have, nested dicts."""
    for path in glob.glob(os.path.join(CONFIGS, "**", "*.yaml"), recursive=True):
        if os.path.basename(path) not in ("baselines.yaml", "rivals.yaml", "chosen.yaml"):
            yield yaml_input.read_yaml(path)
    for override in [own for task, kind in EACH_KIND for own in of_kind(task, kind)[1]] + [
            "model={flow: %s}" % flow for flow in FLOWS.values()]:
        name, _, value = override.partition("=")
        yield {name: yaml_input.parse_yaml(value, "")}


def test_each_key_of_each_config_stands_in_its_sections_table(tables):
    same = {"model.discriminator.convolution": "model.encoder.convolution",
            "model.decoder.convolution.residual": "model.encoder.convolution.residual"}
    seen = {(".".join(path[:-1]), path[-1]) for tree in trees() for path, _ in yaml_input.nodes(tree)}
    assert len(seen) > 90
    for section, word in seen:
        rows = tables[same.get(section, section) or "A whole config"]
        if section == "training.discriminator" and word != "optimizer":
            rows = tables["training.generator"]
        assert word in [row["key"] for row in rows], (section, word)


def test_a_value_is_among_those_that_its_row_allows(tables):
    """Each integer, number and word of the tutorial's config, by the words of the page."""
    config = load_config(os.path.join(CONFIGS, "synthetic.yaml")).dict()
    n_checked = 0
    for path, value in yaml_input.nodes(config):
        heading = ".".join(path[:-1]).replace("training.discriminator", "training.generator") or "A whole config"
        allowed = [row["value"] for row in tables[heading] if row["key"] == path[-1]]
        if isinstance(value, bool):
            assert "`true` or `false`" in allowed
        elif isinstance(value, (int, float)):
            assert any(is_within(value, words) for words in allowed), (path, allowed)
            n_checked += 1
        elif isinstance(value, str) and path != ("name",):
            assert any("`%s`" % value in words for words in allowed), (path, allowed)
    assert n_checked > 20


def is_within(value, words):
    between = re.match(r"(integer|number), (-?[\d.]+) to (-?[\d.]+)", words)
    if between:
        return float(between.group(2)) <= value <= float(between.group(3))
    bounds = re.findall(r"([<>≤≥]) ([\d.]+)", words)
    compare = {"<": value.__lt__, ">": value.__gt__, "≤": value.__le__, "≥": value.__ge__}
    return bool(bounds) and all(compare[sign](float(bound)) for sign, bound in bounds)


@pytest.mark.parametrize("section, name, where, value, default, words", [
    ("training", "kl_weight", "`avb`, `avb_ac`, `vae`, `auxiliary_vae`, `sivi` of images", "number > 0 and ≤ 1000", "`1`",
     "ELBO"),
    ("training", "n_iterations", "", "integer, 1 to 1000000000", "must be given", "Iterations"),
    ("training", "linear_decay", "", "section [`training.linear_decay`](#traininglinear_decay) or `null`", "must be given",
     "fall"),
    ("training", "decoder_learning_rate", "", "number > 0 and ≤ 1 or `null`", "`null`", "`null`: the generator's"),
    ("model", "latent_dim", "`maximum_likelihood`", "integer, 1 to 2", "must be given", "z"),
    ("model", "known_density", "`avb`, `avb_ac` of given posteriors", "`true` or `false`", "`false`", "T"),
    ("model", "flow", "`vae`, `gaussian`", "section [`model.flow`](#modelflow) or `null`", "`null`", "flow"),
    ("model.encoder", "convolution", "`gaussian`", "`null`", "`null`", "no images"),
    ("model.decoder", "built_on", "`avb`, `avb_ac`", "`posterior_sample` or `prior_sample`", "must be given", "graph_replace"),
    ("model.discriminator", "n_hidden_layers", "`sum`", "integer, 1 to 64", "must be given", "layers"),
    ("data", "path", "`npz`", "text", "must be given", "`.npz`"),
    ("problem", "path", "`python`", "path that ends in `.py`", "must be given", "Python file"),
    ("evaluation", "n_samples", "known images, given posteriors", "integer, 1024 to 16777216", "`524288`", "q(z"),
    ("evaluation.hmc", "n_chains", None, "integer, 2 to 10000", "`50`", "Chains"),
    ("hmc of baselines.yaml", "n_chains", None, "integer, 2 to 10000", "must be given", "Chains"),
    ("A whole config", "evaluation", "data sets", "section [`evaluation`](#evaluation)", "must be given", "test images"),
    ("A whole config", "evaluation", "known images, given posteriors", "section [`evaluation`](#evaluation)",
     "its keys' defaults", ""),
])
def test_some_rows(tables, section, name, where, value, default, words):
    row, = (row for row in tables[section] if row["key"] == name and row.get("where") == where)
    assert (row["value"], row["default"]) == (value, default)
    assert words in row["meaning"]


def test_defaults_are_those_of_a_file_that_lacks_the_key(tmp_path, tables):
    """What load_config puts there, of the tutorial's config without all that has a default."""
    tree = yaml_input.read_yaml(os.path.join(CONFIGS, "synthetic.yaml"))
    del tree["evaluation"], tree["training"]["decoder_learning_rate"]
    path = tmp_path / "config.yaml"
    path.write_text(yaml_input.dump_yaml(tree))
    config = load_config(str(path))
    told = {(heading, row["key"]): row["default"] for heading in ("evaluation", "training", "data") for row in tables[heading]
            if row["default"].startswith("`") and "given" not in row.get("where", "")}
    assert "`%s`" % config.data.images == told["data", "images"]
    assert config.training.decoder_learning_rate is None and told["training", "decoder_learning_rate"] == "`null`"
    assert "`%d`" % config.training.kl_weight == told["training", "kl_weight"]
    assert "`%s`" % config.training.discriminator_loss == told["training", "discriminator_loss"]
    assert {"`%d`" % config.evaluation.n_samples} == {row["default"] for row in tables["evaluation"] if "known" in row["where"]}


def test_other_files_keys_stand_there_too(tables):
    baselines = load_baselines(os.path.join(CONFIGS, "posteriors", "baselines.yaml")).dict()
    for name in ("hmc", "nuts", "replica_exchange", "gaussian"):
        assert [row["key"] for row in tables["%s of baselines.yaml" % name]] == list(baselines[name])
    rivals = yaml_input.read_yaml(os.path.join(CONFIGS, "rivals", "rivals.yaml"))
    keys = {row["key"] for row in tables["problems.NAME of rivals.yaml"]}
    assert all(set(problem) <= keys for problem in rivals["problems"].values())


class Base(Section):
    """The base.

    Of no page.
    """

    told: integer(ge=1) = key("How many.")
    other: number(gt=0)


class Inner(Base):
    kind: Literal["inner"]
    told: integer(ge=1, lt=3)


class Outer(Section):
    """The outer one."""

    inner: Inner
    other: Optional[Inner] = None


def test_a_meaning_is_the_keys_own_or_one_from_above_or_that_of_its_section():
    assert config_reference.meaning(Inner, "told") == "How many."
    assert config_reference.meaning(Inner, "other") == ""
    assert config_reference.meaning(Inner, "kind") == "Which of these it is."
    assert config_reference.meaning(Outer, "inner") == config_reference.meaning(Outer, "other") == "The base."
    assert config_reference.about(Section.__class__("Mute", (Section,), {"__module__": __name__})) == ""


def test_a_meaning_changes_nothing_of_a_key():
    class Plain(Section):
        needed: Optional[integer(ge=1)] = ...
        usual: number(gt=0) = 2.0

    class Told(Section):
        needed: Optional[integer(ge=1)] = key("So.")
        usual: number(gt=0) = key("So.", default=2.0)

    for tree in ({}, {"needed": None}, {"needed": 0}, {"needed": 1, "usual": 3}, {"needed": 1, "usual": "3"}, {"other": 1}):
        outcomes = []
        for section in (Plain, Told):
            try:
                outcomes.append(section.parse_obj(tree).dict(exclude_defaults=True))
            except ValueError as error:
                outcomes.append(error.errors())
        assert outcomes[0] == outcomes[1], tree


SMALL = integer(ge=1, le=2)


@pytest.mark.parametrize("annotation, words", [
    (integer(ge=0, lt=8), "integer, 0 to 7"),
    (integer(ge=2), "integer ≥ 2"),
    (number(), "number"),
    (number(ge=0, lt=0.5), "number ≥ 0 and < 0.5"),
    (number(ge=-1, le=1), "number, -1 to 1"),
    (Optional[number(gt=0, le=1)], "number > 0 and ≤ 1 or `null`"),
    (Union[SMALL, List[SMALL]], "integer, 1 to 2, or a list of such"),
    (Literal["a", "b", "c"], "`a`, `b` or `c`"),
    (Literal[None], "`null`"),
    (Tuple[float, ...], "list, each item: number"),
    (conlist(integer(ge=1, le=9), min_items=1, max_items=8), "list of 1 to 8, each item: integer, 1 to 9"),
    (Dict[str, Any], "mapping"), (StrictBool, "`true` or `false`"), (constr(strict=True), "text"), (str, "text")])
def test_types_in_words(annotation, words):
    assert config_reference.words_of(annotation) == words


def variants(*pairs):
    return [config_reference.Variant(Inner, kind, task) for kind, task in pairs]


KNOWN, DATA, GIVEN = "known images", "data sets", "given posteriors"
EVERYONE = variants(("a", KNOWN), ("a", DATA), ("a", GIVEN), ("b", KNOWN), ("b", DATA), ("c", GIVEN))


@pytest.mark.parametrize("some, words, with_kinds", [
    (EVERYONE, "", "`a`; `b` of images; `c` of given posteriors"),
    (EVERYONE[:2] + EVERYONE[3:5], "images", "`a`, `b` of images"),
    (EVERYONE[2:3] + EVERYONE[5:], "given posteriors", "`a`, `c` of given posteriors"),
    (EVERYONE[3:], "`b`, `c`", "`b` of images; `c` of given posteriors"),
    (EVERYONE[:3], "`a`", "`a`"),
    (EVERYONE[:2], "`a` of images", "`a` of images"),
    (EVERYONE[2:5], "`a` of given posteriors; `b`", "`a` of given posteriors; `b` of images")])
def test_which_configs_have_a_key(some, words, with_kinds):
    assert config_reference.which(some, EVERYONE) == words
    assert config_reference.which(some, EVERYONE, names_kinds=True) == with_kinds


def test_a_long_list_of_kinds_is_said_by_the_one_that_is_missing():
    everyone = variants(*[(kind, KNOWN) for kind in "abcde"])
    assert config_reference.which(everyone[1:], everyone) == "all but `a`"
    assert config_reference.which(everyone[2:], everyone) == "`c`, `d`, `e`"
