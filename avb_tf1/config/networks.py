"""The networks that a model's section names: encoders, decoders and discriminators."""

from typing import ClassVar, List, Optional, Union

import pydantic
from pydantic import StrictBool, conlist
from typing_extensions import Literal

from avb_tf1.config.sections import (
    MAX_SIZE,
    Activation,
    CoefficientActivation,
    OutputActivation,
    Section,
    Size,
    integer,
    later,
    number,
)

_MAX_STRIDE = 4
_Channels = integer(ge=1, le=1024)
_InitialDeviation = number(gt=0, le=1)


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


class ResidualConfig(Section):
    """What a convolutional layer but the last is followed by: `n_layers` times the activation, then convolutions whose output
    is added to what they see; stride 1.

    `wiring: intended`: one to `n_channels` with the activation, and one back. `published`: one only, as in add_resnet_conv of
    LMescheder/AdversarialVariationalBayes ee29153 (avb/ops.py), where the second is given what the first should have been, so
    that nothing reads the first; its weights aren't made here.
    """

    n_layers: integer(ge=1, le=16)
    n_channels: _Channels
    wiring: Literal["published", "intended"]

    @property
    def n_convolutions(self):
        return self.n_layers * (2 if self.wiring == "intended" else 1)


class ConvolutionConfig(Section):
    """Convolutional layers, each making an image `stride` times smaller; in a decoder transposed ones, which make it larger.

    `n_channels`: of each layer, in the order in which they come. `stride`: of each layer, or a list of those of each.
    """

    has_batch_norm: ClassVar[bool] = False

    n_channels: conlist(_Channels, min_items=1, max_items=8)
    kernel_size: integer(ge=1, le=15)
    stride: Union[integer(ge=1, le=_MAX_STRIDE), List[integer(ge=1, le=_MAX_STRIDE)]]
    residual: Optional[ResidualConfig] = later(None)

    @pydantic.validator("stride", pre=True)
    def _each_layer_has_a_stride(cls, stride, values):
        strides = stride if isinstance(stride, list) else [stride]
        if not all(type(one) is int and 1 <= one <= _MAX_STRIDE for one in strides) or (
                isinstance(stride, list) and len(stride) != len(values.get("n_channels", stride))):
            raise ValueError("must be an integer from 1 to %d, or a list of as many as n_channels" % _MAX_STRIDE)
        return stride

    @property
    def strides(self):
        """Of each layer, in their order."""
        return self.stride if isinstance(self.stride, list) else [self.stride] * len(self.n_channels)

    @property
    def n_layers(self):
        """Layers with weights and biases of their own."""
        n_residual = 0 if self.residual is None else self.residual.n_convolutions
        return len(self.n_channels) + n_residual * (len(self.n_channels) - 1)


class NormalizedConvolutionConfig(ConvolutionConfig):
    """`has_batch_norm`: whether each layer but the last is normalised by the batch's moments, before its activation."""

    has_batch_norm: StrictBool = later(False)

    @property
    def n_normalized(self):
        return len(self.n_channels) - 1 if self.has_batch_norm else 0


class TransposedConvolutionConfig(ConvolutionConfig):
    """`activation`: of all but the last, which has none; null: that of the network, which the smallest image has anyway.

    `odd_sizes`: where a size is no multiple of the stride: `cut_off`, what is over at the lower and right edge; `exact`: none
    is made, as by tf.nn.conv2d_transpose.
    """

    activation: Optional[Activation] = later(None)
    odd_sizes: Literal["cut_off", "exact"] = later("cut_off")


class _ConvolutionalConfig(Section):
    """`convolution`: what comes before the hidden layers of an encoder, after those of a decoder; null in a plain network."""

    convolution: Optional[ConvolutionConfig] = None

    @property
    def n_layers(self):
        return super().n_layers + (0 if self.convolution is None else self.convolution.n_layers)


class _NormalizedConvolutionalConfig(_ConvolutionalConfig):
    """`n_joined`: how many of its layers another input enters, too, by weights and biases of its own."""

    convolution: Optional[NormalizedConvolutionConfig] = None

    n_joined: ClassVar[int] = 0

    @property
    def n_layers(self):
        return super().n_layers + self.n_joined

    @property
    def n_further_variables(self):
        """Of normalised layers: a scale and an offset, which where nothing joins it is in the place of the biases."""
        n_normalized = 0 if self.convolution is None else self.convolution.n_normalized
        return n_normalized * (2 if self.n_joined else 1)


class _JoinedByNoiseConfig(_NormalizedConvolutionalConfig):
    """`noise_enters`: where the noise joins: after the convolution, or in each of its layers, added by weights of its own."""

    noise_enters: Literal["hidden_layers", "convolutions"] = later("hidden_layers")

    @pydantic.validator("noise_enters")
    def _convolutions_are_there(cls, noise_enters, values):
        if noise_enters == "convolutions" and "convolution" in values and values["convolution"] is None:
            raise ValueError("must be hidden_layers unless there is a convolution")
        return noise_enters

    @property
    def n_joined(self):
        return len(self.convolution.n_channels) if self.noise_enters == "convolutions" else 0


class EncoderConfig(_InputNetworkConfig):
    convolution: ClassVar[None] = None  # of images only
    noise_enters: ClassVar[str] = "hidden_layers"

    noise_dim: Size

    @property
    def noise_networks(self):
        """What q(z|x) gets its dimensions from: where networks on the noise are, one of them, and how many there are."""
        return (), self, 1


class ImageEncoderConfig(_JoinedByNoiseConfig, EncoderConfig):
    """Of images."""


class _SemiImplicitConfig(Section):
    """`standard_deviation`: of z around what the network makes of x and noise; null: by a second output layer of it."""

    standard_deviation: Optional[number(gt=0, le=1000)] = ...

    @property
    def n_layers(self):
        return super().n_layers + (self.standard_deviation is None)


class SemiImplicitEncoderConfig(_SemiImplicitConfig, _ConvolutionalConfig, EncoderConfig):
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


class MomentEncoderConfig(_NormalizedConvolutionalConfig, _InputNetworkConfig):
    """`coefficient_activation: elu_of_5_less`: elu(a - 5) + 1, which is positive, and begins near 0.

    `n_moment_samples`: what the basis' moments are taken from; null: from the batch's own samples. `initial_deviation`: of the
    weights of z_0, from a truncated normal; null: Xavier's. `contrast_has_added_variance`: whether log r(z|x) has the
    added_variance that codes are normalised with, too: without it, it is no density's, but its gradient is the same as long as
    none passes through the moments.
    """

    coefficient_activation: CoefficientActivation
    basis: BasisConfig
    n_moment_samples: Optional[integer(ge=2, le=1048576)] = ...
    added_variance: number(ge=0, le=1)
    gradient_through_moments: StrictBool
    initial_deviation: Optional[_InitialDeviation] = later(None)
    contrast_has_added_variance: StrictBool = later(True)

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

    convolution: Optional[TransposedConvolutionConfig] = None
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
    activated_factors: ClassVar[str] = "all"
    initial_deviation: ClassVar[None] = None

    kind: Literal["inner_product"]
    n_units: Size
    output_activation: OutputActivation
    output_scale: number(gt=0, le=1)


class OffsetInnerProductDiscriminatorConfig(_InputNetworkConfig):
    """`all_pairs`: whether it is trained on each x of a batch with all of its prior samples, or with one.

    `activated_factors`: whether output_activation is that of all factors, or of x's alone. `initial_deviation`: of the weights
    of the last layers of x's factors and of both offsets, from a truncated normal; null: Xavier's.
    """

    n_networks = 4
    kind: Literal["offset_inner_product"]
    n_factors: Size
    output_activation: OutputActivation
    squared_norm_factor: number(ge=-100, le=100)
    all_pairs: StrictBool = False
    activated_factors: Literal["all", "of_x"] = later("all")
    initial_deviation: Optional[_InitialDeviation] = later(None)


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


class ConvolutionalDiscriminatorConfig(_NormalizedConvolutionalConfig, _InputNetworkConfig):
    """Convolutions of x, each of which a layer of z is added to; then hidden layers."""

    kind: Literal["convolutional"]
    convolution: NormalizedConvolutionConfig
    squared_norm_factor: number(ge=-100, le=100)

    @property
    def n_joined(self):
        return len(self.convolution.n_channels)


DiscriminatorConfig = Union[ConcatDiscriminatorConfig, InnerProductDiscriminatorConfig, OffsetInnerProductDiscriminatorConfig,
                            ResidualDiscriminatorConfig, SumDiscriminatorConfig, ConvolutionalDiscriminatorConfig]
