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
    key,
    number,
)

_MAX_STRIDE = 4
_Channels = integer(ge=1, le=1024)
_InitialDeviation = number(gt=0, le=1)


class HiddenLayersConfig(Section):
    n_hidden_layers: integer(ge=0, le=64) = key("Fully connected hidden layers, before the output layer.")
    n_units: Union[Size, List[Size]] = key("Units of every hidden layer, or a list of those of each.")
    activation: Activation = key(
        "What follows each hidden layer, and each convolution if there are any. `leaky_relu` has TensorFlow's slope, .2, "
        "`leaky_relu_0.01` PyTorch's.")

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
    center_input: StrictBool = key("Whether the network sees 2x - 1 in the place of x.")


class ResidualConfig(Section):
    """Layers of the activation and convolutions of stride 1, whose output is added to what they see. `null`: none.

    `wiring: intended`: one convolution to `n_channels` with the activation, and one back. `published`: one only, as in
    add_resnet_conv of LMescheder/AdversarialVariationalBayes ee29153 (avb/ops.py), where the second is given what the first
    should have been, so that nothing reads the first; its weights aren't made here.
    """

    n_layers: integer(ge=1, le=16) = key("Such layers after each convolution but the last.")
    n_channels: _Channels = key("Channels within such a layer.")
    wiring: Literal["published", "intended"] = key(
        "`intended`: a convolution to `n_channels` with the activation, and one back. `published`: the second alone, as in the "
        "code of the paper's author, where nothing reads the first.")

    @property
    def n_convolutions(self):
        return self.n_layers * (2 if self.wiring == "intended" else 1)


class ConvolutionConfig(Section):
    """Convolutional layers before the hidden ones of an encoder; in a decoder transposed ones, after them. `null`: none."""

    has_batch_norm: ClassVar[bool] = False

    n_channels: conlist(_Channels, min_items=1, max_items=8) = key(
        "Channels of each layer, in the order in which they come. In a decoder the first are those of the smallest image.")
    kernel_size: integer(ge=1, le=15) = key("Pixels a side of what a layer's weights see.")
    stride: Union[integer(ge=1, le=_MAX_STRIDE), List[integer(ge=1, le=_MAX_STRIDE)]] = key(
        "How many times smaller a layer makes the image; in a decoder, larger. Of every layer, or a list of those of each.")
    residual: Optional[ResidualConfig] = key("What each layer but the last is followed by; `null`: nothing.", default=None,
                                             later=True)

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
    """Convolutional layers before the hidden ones. `null`: none."""

    has_batch_norm: StrictBool = key(
        "Whether each layer but the last is normalised by the batch's moments, before its activation.", default=False,
        later=True)

    @property
    def n_normalized(self):
        return len(self.n_channels) - 1 if self.has_batch_norm else 0


class TransposedConvolutionConfig(ConvolutionConfig):
    """Transposed convolutions after the hidden layers. `null`: none."""

    activation: Optional[Activation] = key(
        "What follows each layer but the last, which has none; `null`: the network's, which the smallest image has anyway.",
        default=None, later=True)
    odd_sizes: Literal["cut_off", "exact"] = key(
        "Sizes that are no multiple of the stride: `cut_off`, what is over at the lower and right edge; `exact`: none.",
        default="cut_off", later=True)


class _ConvolutionalConfig(Section):

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
    """An encoder of x and noise, which may join each convolution."""

    noise_enters: Literal["hidden_layers", "convolutions"] = key(
        "Where the noise joins: after the convolution, or in each of its layers, added by weights of its own.",
        default="hidden_layers", later=True)

    @pydantic.validator("noise_enters")
    def _convolutions_are_there(cls, noise_enters, values):
        if noise_enters == "convolutions" and "convolution" in values and values["convolution"] is None:
            raise ValueError("must be hidden_layers unless there is a convolution")
        return noise_enters

    @property
    def n_joined(self):
        return len(self.convolution.n_channels) if self.noise_enters == "convolutions" else 0


class EncoderConfig(_InputNetworkConfig):
    """The encoder: a network of x and noise, whose outputs are samples of q(z|x)."""

    convolution: ClassVar[None] = None  # of images only
    noise_enters: ClassVar[str] = "hidden_layers"

    noise_dim: Size = key(
        "Dimensions of the noise, of N(0, I), that joins x, after the convolution if there is one. AVB needs at least "
        "`latent_dim`.")

    @property
    def noise_networks(self):
        """What q(z|x) gets its dimensions from: where networks on the noise are, one of them, and how many there are."""
        return (), self, 1


class ImageEncoderConfig(_JoinedByNoiseConfig, EncoderConfig):
    pass


class _SemiImplicitConfig(Section):
    """The encoder: a network of x and noise, whose outputs are the means of Gaussians that q(z|x) is a mixture of."""

    standard_deviation: Optional[number(gt=0, le=1000)] = key(
        "The standard deviation of z around what the network makes of x and noise; `null`: a second output layer gives it.")

    @property
    def n_layers(self):
        return super().n_layers + (self.standard_deviation is None)


class SemiImplicitEncoderConfig(_SemiImplicitConfig, _ConvolutionalConfig, EncoderConfig):
    pass


class GivenSemiImplicitEncoderConfig(_SemiImplicitConfig, EncoderConfig):
    pass


class GaussianEncoderConfig(_ConvolutionalConfig, _InputNetworkConfig):
    """The encoder: a network of x, whose outputs are mean and spread of a Gaussian with independent coordinates."""

    spread_output: Literal["log_variance", "log_standard_deviation"] = key("What the output layer for the spread stands for.")
    n_context: Optional[Size] = key(
        "Further outputs, which a flow's layers see of x; it must be `null` without a flow, an integer with one.", default=None)

    @property
    def n_layers(self):
        return super().n_layers + 1 + (self.n_context is not None)


class GivenGaussianEncoderConfig(GaussianEncoderConfig):
    """The encoder, where `problem.x` is `joint`; `null` where it is `observed`: mean and covariance are free for each x."""

    convolution: Literal[None] = key("There are no images.", default=None)


class GaussianNetworkConfig(_InputNetworkConfig):
    """The network of a Gaussian of independent coordinates: a mean and a log standard deviation."""

    @property
    def n_layers(self):
        return super().n_layers + 1


class AuxiliaryConfig(GaussianNetworkConfig):
    """The network of q(a|x), of an auxiliary variable a, which the encoder sees beside x."""

    dim: Size = key("Dimensions of a.")


class ReverseConfig(GaussianNetworkConfig):
    """The network of p(a|x, z), by which the density of q(z|x) is bounded."""

    sees: Literal["x", "reconstruction"] = key(
        "Which x the network sees: the data's (Maaloe et al. 2016), or one that is drawn from the decoder at z.")


class BasisConfig(_NetworkConfig):
    """The networks that make the vectors v_i(eps_i) of the noise basis, each of noise of its own."""

    n_vectors: integer(ge=1, le=1024) = key("Vectors, and so networks.")
    noise_dim: Size = key("Dimensions of each vector's noise; all together must be at least `latent_dim`.")


class MomentEncoderConfig(_NormalizedConvolutionalConfig, _InputNetworkConfig):
    """The encoder: z is z_0(x) plus the sum of a_i(x) v_i(eps_i), so that a few draws of v_i tell the moments of q(z|x)."""

    coefficient_activation: CoefficientActivation = key(
        "What follows the layers that make the coefficients a_i(x); `elu_of_5_less`: elu(a - 5) + 1, which begins near 0.")
    basis: BasisConfig
    n_moment_samples: Optional[integer(ge=2, le=1048576)] = key(
        "Draws of each v_i, in each update, that tell its mean and variance; `null`: those of the batch's own samples.")
    added_variance: number(ge=0, le=1) = key("What is added to the variance of q(z|x) that the draws of v_i tell.")
    gradient_through_moments: StrictBool = key("Whether the loss's gradient passes through the mean and variance of q(z|x).")
    initial_deviation: Optional[_InitialDeviation] = key(
        "What the weights of z_0 have at first as standard deviation, of a truncated normal; `null`: they are Xavier's.",
        default=None, later=True)
    contrast_has_added_variance: StrictBool = key(
        "Whether log r(z|x) has the added variance that codes are normalised with, too. Without it, it is no density's, but "
        "its gradient is the same as long as none passes through the moments.", default=True, later=True)

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
    added_standard_deviation: number(ge=0, le=1) = key(
        "What is added to the standard deviations of q(z|x), which the batch's own samples of each x tell.")


class DecoderConfig(_ConvolutionalConfig, _NetworkConfig):
    """The decoder: a network of z, whose outputs are the logits of p(x|z), independent pixels that are on or off."""

    convolution: Optional[TransposedConvolutionConfig] = None
    probability_margin: number(ge=0, lt=0.5) = key(
        "A pixel's probability lies between this margin and 1 minus it, so that log p(x|z) is finite.")
    likelihood_from: Literal["probabilities", "logits"] = key(
        "What log p(x|z) is computed from. By `logits` it is finite, and has a gradient, however sure the decoder is; "
        "`probability_margin` must be 0 then.", default="probabilities")

    @pydantic.validator("likelihood_from")
    def _logits_have_no_margin(cls, likelihood_from, values):
        if likelihood_from == "logits" and values.get("probability_margin"):
            raise ValueError("must be probabilities if probability_margin is not 0")
        return likelihood_from


class VAEDecoderConfig(DecoderConfig):
    built_on: ClassVar[str] = "posterior_sample"


class AVBDecoderConfig(DecoderConfig):
    built_on: Literal["posterior_sample", "prior_sample"] = key(
        "Which z the decoder is first built on: by `prior_sample`, graph_replace then puts the posterior sample there, which "
        "gives the same values.")


class ConcatDiscriminatorConfig(_InputNetworkConfig):
    """One network on x and z, side by side."""

    kind: Literal["concat"]


class InnerProductDiscriminatorConfig(_InputNetworkConfig):
    """The inner product of what a network on x and one on z end with: as many outputs as a hidden layer has units."""

    n_networks = 2
    activated_factors: ClassVar[str] = "all"
    initial_deviation: ClassVar[None] = None

    kind: Literal["inner_product"]
    n_units: Size = key("Units of every hidden layer, and outputs of both networks.")
    output_activation: OutputActivation = key("What follows the outputs whose inner product is taken.")
    output_scale: number(gt=0, le=1) = key("What the inner product is multiplied by.")


class OffsetInnerProductDiscriminatorConfig(_InputNetworkConfig):
    """The inner product, and added to it a network on x alone, one on z alone, and a multiple of the sum of z squared."""

    n_networks = 4
    kind: Literal["offset_inner_product"]
    n_factors: Size = key("Outputs of the two networks whose inner product is taken.")
    output_activation: OutputActivation = key("What follows the outputs whose inner product is taken.")
    squared_norm_factor: number(ge=-100, le=100) = key("What the sum of z squared, which is added to T, is multiplied by.")
    all_pairs: StrictBool = key(
        "Whether T is trained on each x of a batch with all of its prior samples; else with one.", default=False)
    activated_factors: Literal["all", "of_x"] = key(
        "Whether `output_activation` follows all factors, or x's alone.", default="all", later=True)
    initial_deviation: Optional[_InitialDeviation] = key(
        "What the weights of the last layers of x's factors and of both offsets have at first as standard deviation, of a "
        "truncated normal; `null`: they are Xavier's.", default=None, later=True)


class ResidualDiscriminatorConfig(Section):
    """One network on x and z, side by side, of residual blocks of two layers; a multiple of the sum of z squared is added."""

    kind: Literal["residual"]
    center_input: StrictBool = key("Whether the network sees 2x - 1 in the place of x.")
    n_blocks: integer(ge=0, le=64) = key("Blocks, after a first layer.")
    n_units: Size = key("Units of the first layer, and of both layers of each block.")
    activation: Activation = key("What follows the first layer, and the sum of each block and its input.")
    block_activation: Activation = key("What follows the first layer of each block; the second has no activation.")
    squared_norm_factor: number(ge=-100, le=100) = key("What the sum of z squared, which is added to T, is multiplied by.")
    starts_at_zero: StrictBool = key(
        "Whether the output layer's weights are 0 at first, as those of the blocks' second layers always are.", default=False)

    @property
    def n_layers(self):
        return 2 + 2 * self.n_blocks


class SumDiscriminatorConfig(_InputNetworkConfig):
    """A network on x, one on z, and one on the sum of what these end with; all three have these hidden layers."""

    kind: Literal["sum"]
    n_hidden_layers: integer(ge=1, le=64)

    @property
    def n_layers(self):
        return 3 * self.n_hidden_layers + 1


class ConvolutionalDiscriminatorConfig(_NormalizedConvolutionalConfig, _InputNetworkConfig):
    """Convolutions of x, each of which a layer of z is added to; then hidden layers."""

    kind: Literal["convolutional"]
    convolution: NormalizedConvolutionConfig = key("Convolutional layers before the hidden ones.")
    squared_norm_factor: number(ge=-100, le=100) = key(
        "What the sum of z squared, which is added to T, is multiplied by.")

    @property
    def n_joined(self):
        return len(self.convolution.n_channels)


DiscriminatorConfig = Union[ConcatDiscriminatorConfig, InnerProductDiscriminatorConfig, OffsetInnerProductDiscriminatorConfig,
                            ResidualDiscriminatorConfig, SumDiscriminatorConfig, ConvolutionalDiscriminatorConfig]
