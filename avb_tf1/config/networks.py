"""The networks that a model's section names: encoders, decoders and discriminators."""

from typing import ClassVar, List, Optional, Union

import pydantic
from pydantic import StrictBool, conlist
from typing_extensions import Literal

from avb_tf1.config.sections import MAX_SIZE, Activation, OutputActivation, Section, Size, integer, number


class HiddenLayersConfig(Section):
    """`n_units`: of every hidden layer, or a list of those of each."""

    n_hidden_layers: integer(ge=0, le=64)
    n_units: Union[Size, List[Size]]
    activation: Activation

    @property
    def hidden_sizes(self):
        """Units of each hidden layer, in their order."""
        return self.n_units if isinstance(self.n_units, list) else [self.n_units] * self.n_hidden_layers

    @pydantic.validator("n_units", pre=True)
    def _each_layer_has_a_size(cls, n_units, values):
        if isinstance(n_units, list) and not (len(n_units) == values.get("n_hidden_layers", len(n_units))
                                              and all(type(size) is int and 1 <= size <= MAX_SIZE for size in n_units)):
            raise ValueError("must be an integer from 1 to %d, or a list of as many as n_hidden_layers" % MAX_SIZE)
        return n_units


class _NetworkConfig(HiddenLayersConfig):
    """`n_networks`: how many networks it has of such layers."""

    n_networks: ClassVar[int] = 1

    @property
    def n_layers(self):
        """Layers with weights and biases of their own."""
        return self.n_networks * (self.n_hidden_layers + 1)


class _InputNetworkConfig(_NetworkConfig):
    center_input: StrictBool


class ConvolutionConfig(Section):
    """Convolutional layers, each making an image `stride` times smaller; in a decoder transposed ones, which make it larger.

    `n_channels`: of each layer, in the order in which they come.
    """

    n_channels: conlist(integer(ge=1, le=1024), min_items=1, max_items=8)
    kernel_size: integer(ge=1, le=15)
    stride: integer(ge=1, le=4)


class _ConvolutionalConfig(Section):
    """`convolution`: what comes before the hidden layers of an encoder, after those of a decoder; null in a plain network."""

    convolution: Optional[ConvolutionConfig] = None

    @property
    def n_layers(self):
        return super().n_layers + (0 if self.convolution is None else len(self.convolution.n_channels))


class EncoderConfig(_InputNetworkConfig):
    convolution: ClassVar[None] = None  # of images only

    noise_dim: Size

    @property
    def noise_networks(self):
        """What q(z|x) gets its dimensions from: where networks on the noise are, one of them, and how many there are."""
        return (), self, 1


class ImageEncoderConfig(_ConvolutionalConfig, EncoderConfig):
    """The noise joins after the convolution."""


class _SemiImplicitConfig(Section):
    """`standard_deviation`: of z around what the network makes of x and noise; null: by a second output layer of it."""

    standard_deviation: Optional[number(gt=0, le=1000)] = ...

    @property
    def n_layers(self):
        return super().n_layers + (self.standard_deviation is None)


class SemiImplicitEncoderConfig(_SemiImplicitConfig, ImageEncoderConfig):
    """Of images."""


class GivenSemiImplicitEncoderConfig(_SemiImplicitConfig, EncoderConfig):
    """Of a given posterior."""


class GaussianEncoderConfig(_ConvolutionalConfig, _InputNetworkConfig):
    """`spread_output`: what the second output layer stands for. `n_context`: outputs that a flow's layers see; else null."""

    spread_output: Literal["log_variance", "log_standard_deviation"]
    n_context: Optional[Size] = None

    @property
    def n_layers(self):
        return super().n_layers + 1 + (self.n_context is not None)


class GivenGaussianEncoderConfig(GaussianEncoderConfig):
    """Of a given posterior: without a convolution."""

    convolution: ClassVar[None] = None


class GaussianNetworkConfig(_InputNetworkConfig):
    """The network of a Gaussian of independent coordinates: a mean and a log standard deviation."""

    @property
    def n_layers(self):
        return super().n_layers + 1


class AuxiliaryConfig(GaussianNetworkConfig):
    """q(a|x), of a variable a of so many dimensions that q(z|x, a) sees beside x."""

    dim: Size


class ReverseConfig(GaussianNetworkConfig):
    """p(a|x, z). `sees`: which x: the data's (Maaloe et al. 2016), or one that is drawn from the decoder at z."""

    sees: Literal["x", "reconstruction"]


class BasisConfig(_NetworkConfig):
    """The networks that make the vectors of a noise basis, each from noise_dim numbers of its own."""

    n_vectors: integer(ge=1, le=1024)
    noise_dim: Size


class MomentEncoderConfig(_ConvolutionalConfig, _InputNetworkConfig):
    coefficient_activation: OutputActivation
    basis: BasisConfig
    n_moment_samples: integer(ge=2, le=1048576)
    added_variance: number(ge=0, le=1)
    gradient_through_moments: StrictBool

    @property
    def noise_dim(self):
        return self.basis.n_vectors * self.basis.noise_dim

    @property
    def noise_networks(self):
        return ("basis",), self.basis, self.basis.n_vectors

    @property
    def n_layers(self):
        return super().n_layers + self.basis.n_vectors * (1 + self.basis.n_layers)


class BatchMomentEncoderConfig(EncoderConfig):
    """`added_standard_deviation`: what is added to each x's standard deviation of z in the batch."""

    added_standard_deviation: number(ge=0, le=1)


class DecoderConfig(_ConvolutionalConfig, _NetworkConfig):
    """`likelihood_from: logits`: log p(x|z) is computed from the pixels' logits, so that it is finite and has a gradient
    however sure the decoder is; the margin, which sees to that at a cost to the likelihood, must be 0 then.
    """

    probability_margin: number(ge=0, lt=0.5)
    likelihood_from: Literal["probabilities", "logits"] = "probabilities"

    @pydantic.validator("likelihood_from")
    def _logits_have_no_margin(cls, likelihood_from, values):
        if likelihood_from == "logits" and values.get("probability_margin"):
            raise ValueError("must be probabilities if probability_margin is not 0")
        return likelihood_from


class VAEDecoderConfig(DecoderConfig):
    built_on: ClassVar[str] = "posterior_sample"


class AVBDecoderConfig(DecoderConfig):
    built_on: Literal["posterior_sample", "prior_sample"]


class ConcatDiscriminatorConfig(_InputNetworkConfig):
    kind: Literal["concat"]


class InnerProductDiscriminatorConfig(_InputNetworkConfig):
    """x and z have as many factors as a hidden layer has units."""

    n_networks = 2
    kind: Literal["inner_product"]
    n_units: Size
    output_activation: OutputActivation
    output_scale: number(gt=0, le=1)


class OffsetInnerProductDiscriminatorConfig(_InputNetworkConfig):
    """`all_pairs`: whether it is trained on each x of a batch with all of its prior samples, or with one."""

    n_networks = 4
    kind: Literal["offset_inner_product"]
    n_factors: Size
    output_activation: OutputActivation
    squared_norm_factor: number(ge=-100, le=100)
    all_pairs: StrictBool = False


class ResidualDiscriminatorConfig(Section):
    """`starts_at_zero`: whether the weights of the output layer do, as those of the blocks' second layers."""

    kind: Literal["residual"]
    center_input: StrictBool
    n_blocks: integer(ge=0, le=64)
    n_units: Size
    activation: Activation
    block_activation: Activation
    squared_norm_factor: number(ge=-100, le=100)
    starts_at_zero: StrictBool = False

    @property
    def n_layers(self):
        return 2 + 2 * self.n_blocks


class SumDiscriminatorConfig(_InputNetworkConfig):
    """The hidden layers are those of the network on x, of the one on z, and of the one on the sum of what these end with."""

    kind: Literal["sum"]
    n_hidden_layers: integer(ge=1, le=64)

    @property
    def n_layers(self):
        return 3 * self.n_hidden_layers + 1


DiscriminatorConfig = Union[ConcatDiscriminatorConfig, InnerProductDiscriminatorConfig, OffsetInnerProductDiscriminatorConfig,
                            ResidualDiscriminatorConfig, SumDiscriminatorConfig]
