"""Normalizing flows (a model's section `flow`): invertible layers between a Gaussian and q(z|x), a section for each family."""

from typing import ClassVar, Union

from typing_extensions import Literal

from avb_tf1.config.networks import HiddenLayersConfig
from avb_tf1.config.sections import Section, integer, key, number


class FlowConfig(Section):
    """Invertible layers between a Gaussian and q(z|x).

    `title`: what pages call it; `acts_on`: whether the layers come before the Gaussian's mean and scale, on its noise, or after
    them, on its samples. `min_dim`: latent dimensions that a layer needs. `n_weights`: a layer's own layers with weights.
    """

    title: ClassVar[str]
    acts_on: ClassVar[str] = "noise"
    min_dim: ClassVar[int] = 1
    n_weights: ClassVar[int] = 1

    depth: integer(ge=1, le=64) = key("Layers of the flow; after each the order of the coordinates is reversed.")

    @property
    def n_layers(self):
        """Layers with weights and biases, in all layers of the flow."""
        return self.depth * self.n_weights


class IAFConfig(HiddenLayersConfig, FlowConfig):
    """Inverse autoregressive: each coordinate gets a shift and a gate by those before it; the networks are masked."""

    title = "an inverse autoregressive flow"
    acts_on = "samples"
    min_dim = 2

    kind: Literal["iaf"]
    n_hidden_layers: integer(ge=1, le=64)
    shift_scale: number(gt=0, le=10) = key("What the networks' outputs for the shift are multiplied by.")
    gate_scale: number(gt=0, le=10) = key("What the networks' outputs for the gate are multiplied by, inside its sigmoid.")

    @property
    def n_weights(self):
        return self.n_hidden_layers + 5  # what sees the context, and two outputs, each of hidden units and of z


class CouplingConfig(HiddenLayersConfig, FlowConfig):
    """Affine coupling: one half of the coordinates gets a shift and a scale by the other."""

    title = "a coupling flow"
    min_dim = 2

    kind: Literal["coupling"]
    max_log_scale: number(gt=0, le=10) = key("The log of the scale lies between minus and plus this.")

    @property
    def n_weights(self):
        return self.n_hidden_layers + 1


class SplineConfig(HiddenLayersConfig, FlowConfig):
    """One half of the coordinates goes through monotone rational-quadratic splines by the other."""

    title = "a spline flow"
    min_dim = 2

    kind: Literal["spline"]
    n_bins: integer(ge=2, le=64) = key("Pieces of a spline.")
    range: number(ge=1, le=1000) = key("The pieces lie between minus and plus this; beyond it a coordinate stays as it is.")

    @property
    def n_weights(self):
        return self.n_hidden_layers + 1


AnyFlowConfig = Union[tuple(FlowConfig.__subclasses__())]
