"""What the outputs of a decoder mean (a model's section `likelihood`): pixels that are on or off, or real values."""

from typing import ClassVar, Union

import pydantic
from typing_extensions import Literal

from avb_tf1.config.sections import Section, key, number

_LogScale = number(ge=-10, le=10)


class FixedLogScaleConfig(Section):
    """One log standard deviation for all values, which is not learned."""

    n_outputs: ClassVar[int] = 1
    n_variables: ClassVar[int] = 0

    kind: Literal["fixed"]
    value: _LogScale = key("The log standard deviation, nats.")


class _LearnedLogScaleConfig(Section):
    """A log standard deviation that is learned, and stays above a minimum, so that the density is bounded.

    Without that, a decoder whose mean meets a value exactly would be rewarded without end for a smaller and smaller standard
    deviation there: the likelihood has no maximum, and training ends in infinity.
    """

    minimum: _LogScale = key("What a log standard deviation stays above, so that the density is bounded, nats.")


class LearnedLogScaleConfig(_LearnedLogScaleConfig):
    """One log standard deviation for all values, a variable of the decoder's."""

    n_outputs: ClassVar[int] = 1
    n_variables: ClassVar[int] = 1

    kind: Literal["learned"]
    initial: _LogScale = key("What it begins with, nats; above `minimum`.")

    @pydantic.validator("initial")
    def _begins_above_its_bound(cls, initial, values):
        if initial <= values.get("minimum", -11):
            raise ValueError("must lie above minimum")
        return initial


class DecodedLogScaleConfig(_LearnedLogScaleConfig):
    """A log standard deviation for each value, a second output of the decoder's network."""

    n_outputs: ClassVar[int] = 2
    n_variables: ClassVar[int] = 0

    kind: Literal["decoded"]


class BernoulliConfig(Section):
    """Independent pixels that are on or off; `decoder.likelihood_from` says what log p(x|z) is computed from.

    `n_outputs`: the decoder's outputs for each value of x; `n_variables`: its variables besides those of its layers.
    """

    n_outputs: ClassVar[int] = 1
    n_variables: ClassVar[int] = 0

    kind: Literal["bernoulli"]


class GaussianConfig(Section):
    """Independent real values, each a Gaussian's."""

    kind: Literal["gaussian"]
    mean: Literal["sigmoid", "linear"] = key("What makes the mean of the decoder's output: `sigmoid`, from 0 to 1, or nothing.")
    log_scale: Union[FixedLogScaleConfig, LearnedLogScaleConfig, DecodedLogScaleConfig] = key(
        "The log standard deviation.", discriminator="kind")

    @property
    def n_outputs(self):
        return self.log_scale.n_outputs

    @property
    def n_variables(self):
        return self.log_scale.n_variables


class GivenConfig(Section):
    """A given density, of no decoder; no config has this section."""

    kind: Literal["given"] = "given"


BERNOULLI, GIVEN = BernoulliConfig(kind="bernoulli"), GivenConfig()
LikelihoodConfig = Union[BernoulliConfig, GaussianConfig]
