"""The kinds of model (the section `model`), each put together from parts that graph has.

config.experiments says which kinds a task has.
"""

from typing import ClassVar, Optional, Tuple

import pydantic
from pydantic import StrictBool
from typing_extensions import Literal

from avb_tf1.config import likelihoods, networks
from avb_tf1.config.flows import AnyFlowConfig
from avb_tf1.config.sections import Section, error_at, integer, key

_DISCRIMINATOR = "The discriminator T(x, z), which learns log q(z|x) - log p(z) by telling codes from samples of the prior."


class ModelConfig(Section):
    """The model: what approximates p(z|x), and its networks.

    `posterior`, `likelihood.kind`, `divergence` and `objective` name one of graph.posteriors etc., which the graph is made of.
    `method` and `paper_row`: what pages call it, and which of the paper's models it stands beside.
    """

    method: ClassVar[str]
    paper_row: ClassVar[str]
    posterior: ClassVar[str]
    divergence: ClassVar[str]
    objective: ClassVar[str] = "elbo"
    loss: ClassVar[str] = "minus the ELBO"  # in words
    about: ClassVar[str] = ""  # what q(z|x) is, in words, if pages don't say it otherwise
    has_discriminator: ClassVar[bool] = False
    density_is_bound: ClassVar[bool] = False  # whether q's log density is one that is too high on average

    kind: str = key("Which model it is.")
    latent_dim: integer(ge=1, le=1024) = key("Dimensions of z; of a given posterior as many as it has.")

    @property
    def network_sections(self):
        """Variable scope -> the section of the network in it."""
        scopes = ("encoder", "auxiliary", "reverse", "flow", "decoder", "discriminator")
        return {scope: getattr(self, scope) for scope in scopes if getattr(self, scope, None) is not None}

    @property
    def further_variables(self):
        """Variable scope -> how many variables the network in it has besides its layers' weights and biases."""
        return {"decoder": self.likelihood.n_variables} if "decoder" in self.network_sections else {}

    @property
    def has_encoder(self):
        """Whether there is an approximate posterior q(z|x)."""
        return "encoder" in self.network_sections

    @property
    def noise_dim(self):
        """The dimensions of the noise that a sample of q(z|x) is made from."""
        return self.latent_dim


class ImageModelConfig(ModelConfig):
    """A model of images, with a decoder."""

    likelihood: likelihoods.LikelihoodConfig = key(
        "What the decoder's outputs mean: the probabilities that pixels are on, or real values.", default=likelihoods.BERNOULLI,
        discriminator="kind", later=True)

    @pydantic.validator("decoder", check_fields=False)
    def _logits_and_margin_are_of_pixels(cls, decoder, values):
        if getattr(values.get("likelihood"), "kind", None) == "gaussian":
            if decoder.probability_margin:
                raise error_at(cls, "probability_margin", "must be 0 if the likelihood is gaussian: there are no probabilities")
            if decoder.likelihood_from != "probabilities":
                raise error_at(cls, "likelihood_from", "must be left out if the likelihood is gaussian: there are no logits")
        return decoder


class _AdversarialModelConfig(ModelConfig):
    """Adversarial Variational Bayes: q(z|x) is implicit, by an encoder of x and noise; a discriminator tells its density."""

    method = "Adversarial Variational Bayes"
    posterior = "implicit"
    divergence = "adversarial"
    has_discriminator = True

    @property
    def noise_dim(self):
        return self.encoder.noise_dim

    @pydantic.validator("encoder", check_fields=False)
    def _posterior_has_a_density(cls, encoder, values):
        where, network, n_networks = encoder.noise_networks
        least = -(-values.get("latent_dim", 0) // n_networks)
        # Each ReLU unit of the first layer is off on a half space of the noise.
        n_off = int(network.activation == "relu")
        if network.noise_dim < least:
            key, words = "noise_dim", "must be at least %d" % least
        elif network.hidden_sizes and min(network.hidden_sizes) < least + n_off:
            key, words = "n_units", "must be at least %d%s" % (least + n_off, " with relu" * n_off)
        else:
            return encoder
        raise error_at(cls, (*where, key), "%s, or q(z|x) has no density in latent_dim dimensions" % words)


class AVBModelConfig(ImageModelConfig, _AdversarialModelConfig):
    paper_row = "AVB"
    kind: Literal["avb"]
    encoder: networks.ImageEncoderConfig
    decoder: networks.AVBDecoderConfig
    discriminator: networks.DiscriminatorConfig = key(_DISCRIMINATOR, discriminator="kind")


class AVBACModelConfig(AVBModelConfig):
    """AVB with adaptive contrast: T compares codes, normalised by the moments of q(z|x), with samples of N(0, I)."""

    method = "Adversarial Variational Bayes with adaptive contrast"
    posterior = "implicit_with_moments"
    kind: Literal["avb_ac"]
    encoder: networks.MomentEncoderConfig


class _FlowingModelConfig(ModelConfig):
    """A Gaussian, or with `flow` what its layers make of one: the Gaussian is the flow of no layers."""

    flow: Optional[AnyFlowConfig] = key(
        "A normalizing flow: invertible layers that make more of the Gaussian; `null`: none.", default=None,
        discriminator="kind")

    @property
    def about(self):
        words = "what %s makes of a Gaussian: invertible layers, through which its density is known"
        return words % self.flow.title if self.flow else ""

    @pydantic.validator("flow")
    def _flow_has_coordinates(cls, flow, values):
        if flow is not None and values.get("latent_dim", flow.min_dim) < flow.min_dim:
            raise error_at(cls, "kind", "needs a latent_dim of at least %d if it is %s" % (flow.min_dim, flow.kind))
        return flow


class VAEModelConfig(ImageModelConfig, _FlowingModelConfig):
    """A variational autoencoder: q(z|x) is a Gaussian with independent coordinates or, with `flow`, what that makes of one."""

    paper_row = "VAE"
    kind: Literal["vae"]
    encoder: networks.GaussianEncoderConfig
    decoder: networks.VAEDecoderConfig

    @property
    def method(self):
        return "Variational autoencoder" + (" with " + self.flow.title if self.flow else "")

    @property
    def posterior(self):
        return "flow" if self.flow else "gaussian"

    @property
    def divergence(self):
        return "sampled" if self.flow else "gaussian"

    @pydantic.validator("encoder")
    def _context_is_a_flows(cls, encoder, values):
        _require_context(cls, encoder, values)
        return encoder


def _require_context(section, encoder, values):
    """Raise what a validator in `section` raises unless an encoder has n_context with a flow, and none without."""
    if "flow" in values and (encoder.n_context is None) != (values["flow"] is None):
        words = "must be null without a flow" if encoder.n_context else "must be an integer with a flow"
        raise error_at(section, "n_context", words)


class _SemiImplicitModelConfig(ModelConfig):
    """Semi-implicit: q(z|x) is a Gaussian around what a network makes of x and noise; its density is only bounded."""

    method = "Semi-implicit variational inference"
    posterior = "semi_implicit"
    divergence = "sampled"
    density_is_bound = True
    about = ("a mixture: a Gaussian around what a network makes of x and noise; its density is bounded by a mean over further "
             "samples of the noise")
    kind: Literal["sivi"]
    n_mixing_samples: integer(ge=1, le=65536) = key(
        "Further samples of the noise, whose mean density bounds that of q(z|x); evaluation takes 512 at least.")

    @property
    def noise_dim(self):
        return self.encoder.noise_dim + self.latent_dim


class SIVIModelConfig(_SemiImplicitModelConfig, ImageModelConfig):
    paper_row = "none"
    encoder: networks.SemiImplicitEncoderConfig
    decoder: networks.VAEDecoderConfig


class AuxiliaryVAEModelConfig(ImageModelConfig):
    """A VAE with an auxiliary variable a: q(z|x) is a mixture over a, whose density is bounded by a network of p(a|x, z)."""

    method = "Variational autoencoder with an auxiliary variable"
    paper_row = "VAE"
    posterior = "auxiliary"
    divergence = "sampled"
    density_is_bound = True
    about = ("a mixture: a Gaussian given x and an auxiliary variable a, itself a Gaussian's; its density is bounded by a "
             "network that tells a from z")
    kind: Literal["auxiliary_vae"]
    encoder: networks.GaussianEncoderConfig
    auxiliary: networks.AuxiliaryConfig
    reverse: networks.ReverseConfig
    decoder: networks.VAEDecoderConfig

    @property
    def noise_dim(self):
        return self.auxiliary.dim + self.latent_dim

    @pydantic.validator("encoder")
    def _context_is_a_flows(cls, encoder):
        _require_context(cls, encoder, {"flow": None})
        return encoder


class MaximumLikelihoodModelConfig(ImageModelConfig):
    """A decoder without q(z|x), trained by log p(x) over samples of the prior."""

    method = "Maximum likelihood by prior samples"
    paper_row = "none"
    posterior = None
    divergence = None
    objective = "marginal_likelihood"
    loss = "minus log p(x) by samples of the prior"
    noise_dim: ClassVar[None] = None
    kind: Literal["maximum_likelihood"]
    latent_dim: integer(ge=1, le=2)
    n_prior_samples: integer(ge=1, le=1048576) = key("Samples of the prior in an update, the same for all x of a batch.")
    decoder: networks.VAEDecoderConfig


class _GivenModelConfig(ModelConfig):
    """The model of a given posterior: no decoder. `takes_x`: which values of problem.x it can have."""

    likelihood: ClassVar[likelihoods.GivenConfig] = likelihoods.GIVEN
    takes_x: ClassVar[Tuple[str, ...]] = ("observed",)


class GivenAVBModelConfig(_AdversarialModelConfig, _GivenModelConfig):
    takes_x = ("observed", "joint")
    kind: Literal["avb"]
    encoder: networks.EncoderConfig
    discriminator: networks.DiscriminatorConfig = key(_DISCRIMINATOR, discriminator="kind")
    known_density: StrictBool = key(
        "Whether T has the given density as a part, so that its network learns log q(z|x) - log p(z|x), up to a constant. Not "
        "with `discriminator.all_pairs`.", default=False)

    @pydantic.validator("discriminator")
    def _x_is_no_image(cls, discriminator):
        if discriminator.kind == "convolutional":
            raise error_at(cls, "kind", "must be concat, inner_product, offset_inner_product, residual or sum: x is no image")
        return discriminator

    @pydantic.validator("known_density")
    def _density_is_of_one_pair(cls, known_density, values):
        if known_density and getattr(values.get("discriminator"), "all_pairs", False):
            raise ValueError("must be false with discriminator.all_pairs")
        return known_density


class GivenAVBACModelConfig(GivenAVBModelConfig):
    """AVB with adaptive contrast: T compares codes, normalised by the batch's moments of each x, with samples of N(0, I)."""

    method = "Adversarial Variational Bayes with adaptive contrast"
    posterior = "implicit_with_batch_moments"
    takes_x = ("observed",)
    kind: Literal["avb_ac"]
    encoder: networks.BatchMomentEncoderConfig


class GaussianModelConfig(_FlowingModelConfig, _GivenModelConfig):
    """q(z|x) is a Gaussian, whose parameters are free for each x or an encoder's; with `flow`, what that makes of one."""

    n_layers: ClassVar[int] = 1  # mean and scale are two variables, as weights and biases of a layer
    kind: Literal["gaussian"]
    covariance: Literal["diagonal", "full"] = key("`diagonal` is mean-field, `full` is full-rank, and goes without an encoder.")
    encoder: Optional[networks.GivenGaussianEncoderConfig] = None

    @pydantic.validator("encoder")
    def _variances_are_of_coordinates(cls, encoder, values):
        if encoder is not None:
            if values.get("covariance") == "full":
                raise ValueError("must be null if covariance is full")
            _require_context(cls, encoder, values)
        return encoder

    @property
    def takes_x(self):
        return ("observed",) if self.encoder is None else ("joint",)

    @property
    def method(self):
        return "Variational Bayes with " + self.flow.title if self.flow else "Gaussian variational Bayes"

    @property
    def posterior(self):
        kind = "flow" if self.flow else "gaussian"
        return kind if self.encoder else "free_" + kind

    @property
    def divergence(self):
        return "sampled" if self.flow or self.encoder else "entropy"

    @property
    def network_sections(self):
        return dict({"encoder": self}, **super().network_sections)  # without an encoder the variables are its own


class GivenSIVIModelConfig(_SemiImplicitModelConfig, _GivenModelConfig):
    encoder: networks.GivenSemiImplicitEncoderConfig
