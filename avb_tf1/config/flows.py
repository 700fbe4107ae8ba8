"""Normalizing flows (a model's section `flow`): invertible layers between a Gaussian and q(z|x), a section for each family."""

from typing import ClassVar, Union

from typing_extensions import Literal

from avb_tf1.config.networks import HiddenLayersConfig
from avb_tf1.config.sections import Section, integer, number


class FlowConfig(Section):
    """`depth`: layers of the flow; after each the order of the coordinates is reversed.

    `title`: what pages call it; `acts_on`: whether the layers come before the Gaussian's mean and scale, on its noise, or after
    them, on its samples. `min_dim`: latent dimensions that a layer needs. `n_weights`: a layer's own layers with weights.
    """

    title: ClassVar[str]
    acts_on: ClassVar[str] = "noise"
    min_dim: ClassVar[int] = 1
    n_weights: ClassVar[int] = 1

    depth: integer(ge=1, le=64)

    @property
    def n_layers(self):
        """Layers with weights and biases, in all layers of the flow."""
        return self.depth * self.n_weights


class IAFConfig(HiddenLayersConfig, FlowConfig):
    """Inverse autoregressive: each coordinate gets a shift and a gate by those before it; the networks are masked.

    `shift_scale`, `gate_scale`: what the networks' outputs are multiplied by.
    """

    title = "an inverse autoregressive flow"
    acts_on = "samples"
    min_dim = 2

    kind: Literal["iaf"]
    n_hidden_layers: integer(ge=1, le=64)
    shift_scale: number(gt=0, le=10)
    gate_scale: number(gt=0, le=10)

    @property
    def n_weights(self):
        return self.n_hidden_layers + 5  # what sees the context, and two outputs, each of hidden units and of z


class CouplingConfig(HiddenLayersConfig, FlowConfig):
    """Affine: half of the coordinates get a shift and a scale, from e^-max_log_scale to e^max_log_scale, by the others."""

    title = "a coupling flow"
    min_dim = 2

    kind: Literal["coupling"]
    max_log_scale: number(gt=0, le=10)

    @property
    def n_weights(self):
        return self.n_hidden_layers + 1


class SplineConfig(HiddenLayersConfig, FlowConfig):
    """Half of the coordinates go through monotone splines with n_bins pieces between -range and range, by the others."""

    title = "a spline flow"
    min_dim = 2

    kind: Literal["spline"]
    n_bins: integer(ge=2, le=64)
    range: number(ge=1, le=1000)

    @property
    def n_weights(self):
        return self.n_hidden_layers + 1


AnyFlowConfig = Union[tuple(FlowConfig.__subclasses__())]
