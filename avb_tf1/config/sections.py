"""What the sections of a config are made of: types of values, and what stands for the few keys that may be left out.

Each key says what it means, by `key`; docs/config.md shows all of them, as `make config-reference` writes it.
"""

import pydantic
from pydantic import confloat, conint
from pydantic.error_wrappers import ErrorWrapper
from pydantic.errors import DictError
from typing_extensions import Literal

# What stands for keys that a config need not have: those that configs once lacked; then of given posteriors, of data sets.
DEFAULTS = {"data": {"images": "four_images"}, "training": {"decoder_learning_rate": None},
            "evaluation": {"n_samples": 524288}}
GIVEN_DEFAULTS = {"training": DEFAULTS["training"], "evaluation": dict(DEFAULTS["evaluation"], hmc={
    "n_chains": 50, "n_warmup": 2000, "n_samples": 400, "n_leapfrog_steps": 10, "target_acceptance": 0.8})}
DATASET_DEFAULTS = {"training": DEFAULTS["training"],
                    "evaluation": {"ais": {"n_images": None, "n_chains": 16, "n_steps": 500}}}


def key(meaning, default=..., **options):
    """Return what stands behind a key of a Section and its type: a pydantic.Field with the meaning as its description.

    A class below that gives the key another type need not say it again. Nor does a key whose value is one section, whose
    docstring begins with its meaning, nor one that says which of several sections it is, such as `kind`.

    Args:
        meaning: str, a sentence or two for docs/config.md, in Markdown.
        default: what stands for it in a file without it; without one a file must have it.
        options: further ones of pydantic.Field. `later=True`: of a key that configs once lacked; where it has its default, a
            section's dict() is as it was then.
    """
    return pydantic.Field(default, description=meaning, **options)


def integer(**bounds):
    """An int within bounds (ge, gt, le, lt); no bool and no float."""
    return conint(strict=True, **bounds)


def number(**bounds):
    """A float within bounds that was written as a number: no string, no bool (pydantic's own strict float refuses integers)."""
    class Number(confloat(**bounds)):
        @classmethod
        def __get_validators__(cls):
            yield _plain_number
            yield from super().__get_validators__()

    return Number


def _plain_number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("must be a number")
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("must be finite")
    try:
        return float(value)
    except OverflowError:
        raise ValueError("is too large")


# leaky_relu has TensorFlow's slope, .2; PyTorch's is .01.
Activation = Literal["relu", "elu", "tanh", "leaky_relu", "leaky_relu_0.01", "softplus"]
OutputActivation = Literal["linear", "relu", "elu", "tanh", "leaky_relu", "leaky_relu_0.01", "softplus"]
CoefficientActivation = Literal["linear", "relu", "elu", "tanh", "leaky_relu", "leaky_relu_0.01", "softplus", "elu_of_5_less"]
MAX_SIZE = 65536
Size = integer(ge=1, le=MAX_SIZE)
BatchSize = integer(ge=1, le=1048576)


def error_at(section, key, text):
    """What a validator in `section`, a class, raises of what is wrong below its field: at `key`, a str or a tuple of them."""
    return pydantic.ValidationError([ErrorWrapper(ValueError(text), key)], section)


class Section(pydantic.BaseModel, extra="forbid", frozen=True):
    """A mapping of a YAML file: frozen, with its own keys and no others."""

    @classmethod
    def validate(cls, value):
        if not isinstance(value, (dict, cls)):
            raise DictError  # pydantic takes a list, of pairs or empty, for a mapping
        return super().validate(value)

    def dict(self, **options):
        """Return it as pydantic does, nested dicts, but without the keys of `later` that have their defaults."""
        tree = super().dict(**options)
        for name, field in self.__fields__.items():
            if field.field_info.extra.get("later") and getattr(self, name) == field.default:
                tree.pop(name, None)
        return tree

    def whole(self):
        """Return it as nested dicts with all its keys, those of `later`, too."""
        return {name: value.whole() if isinstance(value, Section) else value for name, value in self}
