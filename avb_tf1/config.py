"""YAML file -> validated, frozen Config. Every value of an experiment stands in its YAML; nothing here has a default.

The keys, their types and their ranges are the fields below; configs/synthetic.yaml shows them all with their meaning.
"""

import difflib
import json
from typing import Optional, Union

import pydantic
from pydantic import StrictBool, confloat, conint, constr
from typing_extensions import Literal

from avb_tf1 import yaml_input
from avb_tf1.data import N_PIXELS
from avb_tf1.errors import InputError

Activation = Literal["relu", "elu", "tanh", "leaky_relu"]
Size = conint(strict=True, ge=1, le=65536)


def _plain_number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("must be a number")
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("must be finite")
    try:
        return float(value)
    except OverflowError:
        raise ValueError("is too large")


def _number(**bounds):
    """A float that was written as a number: no string, no bool (pydantic's own strict float refuses integers)."""
    class Number(confloat(**bounds)):
        @classmethod
        def __get_validators__(cls):
            yield _plain_number
            yield from super().__get_validators__()

    return Number


class _Section(pydantic.BaseModel):
    class Config:
        extra = "forbid"
        frozen = True


class DataConfig(_Section):
    batch_size: conint(strict=True, ge=N_PIXELS, le=1048576, multiple_of=N_PIXELS)


class _NetworkConfig(_Section):
    n_hidden_layers: conint(strict=True, ge=0, le=64)
    n_units: Size
    activation: Activation


class EncoderConfig(_NetworkConfig):
    noise_dim: Size
    center_input: StrictBool


class GaussianEncoderConfig(_NetworkConfig):
    center_input: StrictBool


class DecoderConfig(_NetworkConfig):
    probability_margin: _number(ge=0, lt=0.5)


class DiscriminatorConfig(_NetworkConfig):
    kind: Literal["concat", "inner_product"]
    center_input: StrictBool


class AVBModelConfig(_Section):
    kind: Literal["avb"]
    latent_dim: conint(strict=True, ge=1, le=2)
    encoder: EncoderConfig
    decoder: DecoderConfig
    discriminator: DiscriminatorConfig

    @pydantic.validator("encoder")
    def _posterior_has_a_density(cls, encoder, values):
        if encoder.noise_dim < values.get("latent_dim", 0):
            raise ValueError("must have a noise_dim of at least latent_dim, or q(z|x) has no density")
        return encoder


class VAEModelConfig(_Section):
    kind: Literal["vae"]
    latent_dim: conint(strict=True, ge=1, le=2)
    encoder: GaussianEncoderConfig
    decoder: DecoderConfig


class AdamConfig(_Section):
    learning_rate: _number(gt=0, le=1)
    beta1: _number(ge=0, lt=1)
    beta2: _number(ge=0, lt=1)
    epsilon: _number(gt=0, le=1)


class LinearDecayConfig(_Section):
    """Constant rate until `begin` (a fraction of the run), then linear down to `end_factor` times the rate."""

    begin: _number(ge=0, lt=1)
    end_factor: _number(ge=0, le=1)


class VAETrainingConfig(_Section):
    n_iterations: conint(strict=True, ge=1, le=1000000000)
    linear_decay: Optional[LinearDecayConfig] = ...
    checkpoint_every: conint(strict=True, ge=1, le=1000000000)
    generator: AdamConfig


class AVBTrainingConfig(VAETrainingConfig):
    update: Literal["simultaneous", "alternating"]
    n_discriminator_updates: conint(strict=True, ge=1, le=1000)
    discriminator: AdamConfig


class RuntimeConfig(_Section):
    intra_op_threads: conint(strict=True, ge=1, le=1024)
    inter_op_threads: conint(strict=True, ge=0, le=1024)
    product_relu_gradient: StrictBool
    narrow_weight_gradient: StrictBool
    keep_freed_memory: StrictBool


class _Experiment(_Section):
    name: constr(strict=True, regex=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
    seed: conint(strict=True, ge=0, lt=2**31)
    data: DataConfig
    runtime: RuntimeConfig


class AVBConfig(_Experiment):
    model: AVBModelConfig
    training: AVBTrainingConfig


class VAEConfig(_Experiment):
    model: VAEModelConfig
    training: VAETrainingConfig


Config = Union[AVBConfig, VAEConfig]
_CONFIG_OF_KIND = {"avb": AVBConfig, "vae": VAEConfig}


def load_config(path, overrides=()):
    """Read, override and validate an experiment's config.

    Args:
        path: str, a YAML file.
        overrides: sequence of "KEY=VALUE" strings; KEY is a dotted key that the file has, VALUE is read as YAML.

    Returns:
        A frozen AVBConfig or VAEConfig, by the file's model.kind.

    Raises:
        InputError: one line that names the file (or the override), the key and what is allowed.
    """
    tree = yaml_input.read_yaml(path)
    if not isinstance(tree, dict):
        raise InputError("%s: must be a mapping of keys to values, not %s" % (path, _kind_of(tree)))
    source_of_key = {}
    for override in overrides:
        key = _override(tree, override)
        source_of_key[key] = "--set %s" % override
    return _validate(tree, path, source_of_key)


def fingerprint(config):
    """Return the part of a config that decides every bit of a run: all but its name and what only matters to speed."""
    tree = config.dict()
    del tree["name"], tree["training"]["checkpoint_every"]
    tree["runtime"] = {"intra_op_threads": config.runtime.intra_op_threads}
    return tree


def require_same(found, wanted, path):
    """Raise InputError, naming `path` and the first key that differs, unless two fingerprints are equal."""
    found, wanted = _flat(found), _flat(wanted)
    for key in sorted(set(found) | set(wanted)):
        if found.get(key) != wanted.get(key):
            raise InputError("%s: made by another config: %s is %s there and %s here" % (
                path, key, json.dumps(found.get(key)), json.dumps(wanted.get(key))))


def _flat(tree, prefix=""):
    if not isinstance(tree, dict):
        return {prefix[:-1]: tree}
    return {key: value for word, branch in tree.items() for key, value in _flat(branch, "%s%s." % (prefix, word)).items()}


def to_yaml(config):
    """Return the config as YAML text that load_config reads back to an equal config."""
    return yaml_input.dump_yaml(config.dict())


def _override(tree, override):
    source = "--set %s" % override
    key, equals, text = override.partition("=")
    if not equals:
        raise InputError("%s: must be KEY=VALUE" % source)
    node, words = tree, key.split(".")
    for word in words[:-1]:
        node = node.get(word) if isinstance(node, dict) else None
    if not isinstance(node, dict) or words[-1] not in node:
        raise InputError('%s: unknown key "%s"%s' % (source, key, _suggestion(key, _dotted_keys(tree))))
    node[words[-1]] = yaml_input.parse_yaml(text, source)
    return key


def _validate(tree, path, source_of_key):
    model = tree.get("model")
    kind = model.get("kind") if isinstance(model, dict) else None
    # Without a usable kind the tutorial's model is assumed, whose validation then names what is wrong with the kind.
    config_class = _CONFIG_OF_KIND.get(kind if isinstance(kind, str) else None, AVBConfig)
    try:
        return config_class.parse_obj(tree)
    except pydantic.ValidationError as error:
        # An unknown key is told first: the missing key beside it is most often the same slip of the pen.
        problems = sorted(error.errors(), key=lambda problem: problem["type"] != "value_error.extra")
        problem = problems[0]
        raise InputError(_describe(problem, tree, path, source_of_key, config_class))


def _describe(problem, tree, path, source_of_key, config_class):
    words = [str(word) for word in problem["loc"]]
    key = ".".join(words)
    source = next((source_of_key[".".join(words[:n])] for n in range(len(words), 0, -1)
                   if ".".join(words[:n]) in source_of_key), path)
    if problem["type"] == "value_error.extra":
        siblings = _field_names(config_class, words[:-1])
        prefix = "".join(word + "." for word in words[:-1])
        hint = _suggestion(key, [prefix + name for name in siblings]) or "; allowed here: %s" % ", ".join(siblings)
        return '%s: unknown key "%s"%s' % (source, key, hint)
    if problem["type"] == "value_error.missing":
        return '%s: missing key "%s"' % (source, key)
    value = tree
    for word in problem["loc"]:
        value = value[word] if isinstance(value, dict) else value
    allowed = {
        "type_error.integer": "must be an integer",
        "value_error.strictbool": "must be true or false",
        "type_error.dict": "must be a mapping of keys to values",
        "type_error.none.not_allowed": "must have a value",
    }.get(problem["type"], problem["msg"].replace("ensure this value is", "must be"))
    if key == "name":
        allowed = "must be 1 to 100 letters, digits, '.', '_' or '-', the first a letter or digit"
    elif key == "model.kind":
        allowed = "must be one of %s" % ", ".join(sorted(_CONFIG_OF_KIND))
    elif problem["type"] == "value_error.const":
        allowed = "must be one of %s" % ", ".join(problem["ctx"]["permitted"])
    return "%s: %s %s, not %s" % (source, key, allowed, _short(value))


def _field_names(config_class, words):
    for word in words:
        config_class = config_class.__fields__[word].type_
    return list(config_class.__fields__)


def _dotted_keys(tree, prefix=""):
    for word, value in tree.items():
        yield prefix + str(word)
        if isinstance(value, dict):
            yield from _dotted_keys(value, "%s%s." % (prefix, word))


def _suggestion(key, known_keys):
    matches = difflib.get_close_matches(key, list(known_keys), n=1)
    return '; did you mean "%s"?' % matches[0] if matches else ""


def _kind_of(value):
    return {list: "a list", str: "a text", type(None): "empty"}.get(type(value), _short(value))


def _short(value):
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
