"""The sections of a config: their keys, types and ranges. Every value stands in the YAML file; only DEFAULTS may be left out.

configs/synthetic.yaml shows the keys of the tutorial's experiment with their meaning, configs/recipes the others.
"""

import hashlib
from typing import ClassVar, List, Optional, Union

import pydantic
from pydantic import StrictBool, confloat, conint, conlist, constr
from pydantic.error_wrappers import ErrorWrapper
from typing_extensions import Literal

from avb_tf1.problems.data_set.datasets import KINDS
from avb_tf1.problems.registry import GIVEN_POSTERIORS, IMAGE_PROBLEMS, given_posterior

# What stands for keys that a config need not have: those that configs once lacked. The second of data sets.
DEFAULTS = {"data": {"images": "four_images"}, "training": {"decoder_learning_rate": None},
            "evaluation": {"n_samples": 524288}}
DATASET_DEFAULTS = {"training": DEFAULTS["training"],
                    "evaluation": {"ais": {"n_images": None, "n_chains": 16, "n_steps": 500}}}
Activation = Literal["relu", "elu", "tanh", "leaky_relu"]
OutputActivation = Literal["linear", "relu", "elu", "tanh", "leaky_relu"]
_MAX_SIZE = 65536
Size = conint(strict=True, ge=1, le=_MAX_SIZE)
BatchSize = conint(strict=True, ge=1, le=1048576)
LatentDim = conint(strict=True, ge=1, le=1024)


def _plain_number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("must be a number")
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("must be finite")
    try:
        return float(value)
    except OverflowError:
        raise ValueError("is too large")


def number(**bounds):
    """A float that was written as a number: no string, no bool (pydantic's own strict float refuses integers)."""
    class Number(confloat(**bounds)):
        @classmethod
        def __get_validators__(cls):
            yield _plain_number
            yield from super().__get_validators__()

    return Number


def _chosen_by(key):
    """A field that is one of several sections; the value of `key` in it says which."""
    return pydantic.Field(..., discriminator=key)


class Section(pydantic.BaseModel):
    class Config:
        extra = "forbid"
        frozen = True


class _DataConfig(Section):
    """`images`: which problem the images are of."""

    images: Literal[tuple(IMAGE_PROBLEMS)] = DEFAULTS["data"]["images"]


class ConstantDataConfig(_DataConfig):
    kind: Literal["constant"]
    batch_size: BatchSize

    @pydantic.validator("batch_size")
    def _batch_can_be_shared_out(cls, batch_size, values):
        n_shares = sum(IMAGE_PROBLEMS[values["images"]].weights) if "images" in values else 1
        if batch_size % n_shares:
            raise ValueError("must be a multiple of %d" % n_shares)
        return batch_size


class UniformLabelsDataConfig(_DataConfig):
    kind: Literal["uniform_labels"]
    batch_size: BatchSize


class ShuffledSampleDataConfig(_DataConfig):
    """`noise: drawn_once`: the encoder's noise and the prior sample too, a row for each image, are drawn before training."""

    kind: Literal["shuffled_sample"]
    n_samples: BatchSize
    batch_size: BatchSize
    has_each_image: StrictBool
    noise: Literal["fresh", "drawn_once"]

    @pydantic.validator("batch_size")
    def _sample_has_a_batch(cls, batch_size, values):
        if batch_size > values.get("n_samples", batch_size):
            raise ValueError("must be at most n_samples")
        return batch_size

    @pydantic.validator("has_each_image")
    def _sample_has_room(cls, has_each_image, values):
        if has_each_image and "images" in values and "n_samples" in values:
            n_images = IMAGE_PROBLEMS[values["images"]].n_images
            if values["n_samples"] < n_images:
                raise ValueError("must be false for fewer than %d samples" % n_images)
        return has_each_image


class _DatasetConfig(Section):
    """A data set of real images, in mini-batches, shuffled before each pass; see problems.image_dataset and image_datasets.

    `binarisation`: how pixels become binary. `n_validation`: how many of the train images, from the end, are set apart.
    Of a file: `path`, an absolute one once load_config has read it; `sha256`, what stands for its arrays, which load_config
    fills in if it is null, so that a run goes on only with the data that it was begun with.
    """

    path: ClassVar[None] = None
    sha256: ClassVar[None] = None

    binarisation: Literal["dynamic", "static", "threshold"]
    n_validation: conint(strict=True, ge=0, le=1048576)
    batch_size: BatchSize


_Path = constr(strict=True, min_length=1)
_Digest = constr(strict=True, regex=r"^[0-9a-f]{64}\Z")


class DigitsDataConfig(_DatasetConfig):
    kind: Literal["digits"]


class MnistDataConfig(_DatasetConfig):
    """`path: null` stands for the place where Keras keeps it, and downloads it to."""

    kind: Literal["mnist"]
    path: Optional[_Path] = None
    sha256: Optional[_Digest] = None


class NpzDataConfig(_DatasetConfig):
    kind: Literal["npz"]
    path: _Path
    sha256: Optional[_Digest] = None


class NamedProblemConfig(Section):
    """A given posterior in the place of data: which, and how many samples of q an iteration has, of each x as many."""

    kind: Literal[tuple(GIVEN_POSTERIORS)]
    batch_size: BatchSize


class PythonFile(Section):
    """What loading.load_config reads problem.path to be: the path, for messages, and the text, which is part of the config."""

    path: str
    source: str

    @property
    def sha256(self):
        return hashlib.sha256(self.source.encode()).hexdigest()


class PythonProblemConfig(Section):
    """As NamedProblemConfig; `path`: the Python file that has the posterior, from the config's folder."""

    kind: Literal["python"]
    path: PythonFile
    batch_size: BatchSize


DatasetConfig = Union[DigitsDataConfig, MnistDataConfig, NpzDataConfig]
DataConfig = Union[ConstantDataConfig, UniformLabelsDataConfig, ShuffledSampleDataConfig, DatasetConfig]
ProblemConfig = Union[NamedProblemConfig, PythonProblemConfig]


class _NetworkConfig(Section):
    """`n_units`: of every hidden layer, or a list of those of each."""

    n_hidden_layers: conint(strict=True, ge=0, le=64)
    n_units: Union[Size, List[Size]]
    activation: Activation

    @property
    def n_layers(self):
        """Layers with weights and biases of their own."""
        return self.n_hidden_layers + 1

    @property
    def hidden_sizes(self):
        """Units of each hidden layer, in their order."""
        return self.n_units if isinstance(self.n_units, list) else [self.n_units] * self.n_hidden_layers

    @pydantic.validator("n_units", pre=True)
    def _each_layer_has_a_size(cls, n_units, values):
        if isinstance(n_units, list) and not (len(n_units) == values.get("n_hidden_layers", len(n_units))
                                              and all(type(size) is int and 1 <= size <= _MAX_SIZE for size in n_units)):
            raise ValueError("must be an integer from 1 to %d, or a list of as many as n_hidden_layers" % _MAX_SIZE)
        return n_units


class _InputNetworkConfig(_NetworkConfig):
    center_input: StrictBool


class ConvolutionConfig(Section):
    """Convolutional layers, each making an image `stride` times smaller; in a decoder transposed ones, which make it larger.

    `n_channels`: of each layer, in the order in which they come.
    """

    n_channels: conlist(conint(strict=True, ge=1, le=1024), min_items=1, max_items=8)
    kernel_size: conint(strict=True, ge=1, le=15)
    stride: conint(strict=True, ge=1, le=4)


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
        """What q(z|x) gets its dimensions from: where the network on the noise is, itself, and how many there are of it."""
        return (), self, 1


class ImageEncoderConfig(_ConvolutionalConfig, EncoderConfig):
    """The noise joins after the convolution."""


class GaussianEncoderConfig(_ConvolutionalConfig, _InputNetworkConfig):
    """`spread_output`: what the second output layer stands for."""

    spread_output: Literal["log_variance", "log_standard_deviation"]

    @property
    def n_layers(self):
        return super().n_layers + 1


class BasisConfig(_NetworkConfig):
    """The networks that make the vectors of a noise basis, each from noise_dim numbers of its own."""

    n_vectors: conint(strict=True, ge=1, le=1024)
    noise_dim: Size


class MomentEncoderConfig(_ConvolutionalConfig, _InputNetworkConfig):
    coefficient_activation: OutputActivation
    basis: BasisConfig
    n_moment_samples: conint(strict=True, ge=2, le=1048576)
    added_variance: number(ge=0, le=1)
    gradient_through_moments: StrictBool

    @property
    def noise_dim(self):
        return self.basis.n_vectors * self.basis.noise_dim

    @property
    def noise_networks(self):
        """As EncoderConfig's: z is linear in the basis vectors."""
        return ("basis",), self.basis, self.basis.n_vectors

    @property
    def n_layers(self):
        return super().n_layers + self.basis.n_vectors * (1 + self.basis.n_layers)


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

    kind: Literal["inner_product"]
    n_units: Size
    output_activation: OutputActivation
    output_scale: number(gt=0, le=1)

    @property
    def n_layers(self):
        return 2 * super().n_layers


class OffsetInnerProductDiscriminatorConfig(_InputNetworkConfig):
    """`all_pairs`: whether it is trained on each x of a batch with all of its prior samples, or with one."""

    kind: Literal["offset_inner_product"]
    n_factors: Size
    output_activation: OutputActivation
    squared_norm_factor: number(ge=-100, le=100)
    all_pairs: StrictBool = False

    @property
    def n_layers(self):
        return 4 * super().n_layers


class ResidualDiscriminatorConfig(Section):
    """`starts_at_zero`: whether the weights of the output layer do, as those of the blocks' second layers."""

    kind: Literal["residual"]
    center_input: StrictBool
    n_blocks: conint(strict=True, ge=0, le=64)
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
    n_hidden_layers: conint(strict=True, ge=1, le=64)

    @property
    def n_layers(self):
        return 3 * self.n_hidden_layers + 1


DiscriminatorConfig = Union[ConcatDiscriminatorConfig, InnerProductDiscriminatorConfig, OffsetInnerProductDiscriminatorConfig,
                            ResidualDiscriminatorConfig, SumDiscriminatorConfig]


class _ModelConfig(Section):
    """What the graph is made of: `posterior`, `likelihood`, `divergence` and `objective` name one of graph.posteriors etc.

    `paper_row`: which of the paper's models it stands beside.
    """

    method: ClassVar[str]
    paper_row: ClassVar[str]
    posterior: ClassVar[str]
    divergence: ClassVar[str]
    likelihood: ClassVar[str] = "bernoulli"
    objective: ClassVar[str] = "elbo"
    has_discriminator: ClassVar[bool] = False
    is_of_images: ClassVar[bool] = True

    @property
    def network_sections(self):
        """Variable scope -> the section of the network in it."""
        return {"encoder": self.encoder, "decoder": self.decoder}

    @property
    def has_encoder(self):
        """Whether there is an approximate posterior q(z|x)."""
        return "encoder" in self.network_sections

    @property
    def noise_dim(self):
        """The dimensions of the noise that a sample of q(z|x) is made from."""
        return self.encoder.noise_dim


class _AdversarialModelConfig(_ModelConfig):
    """What AVB's models of images and of given posteriors have in common: an encoder of noise and a discriminator."""

    method: ClassVar[str] = "Adversarial Variational Bayes"
    posterior: ClassVar[str] = "implicit"
    divergence: ClassVar[str] = "adversarial"
    has_discriminator: ClassVar[bool] = True

    @property
    def network_sections(self):
        return dict(super().network_sections, discriminator=self.discriminator)

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
        error = ValueError("%s, or q(z|x) has no density in latent_dim dimensions" % words)
        raise pydantic.ValidationError([ErrorWrapper(error, (*where, key))], cls)


class AVBModelConfig(_AdversarialModelConfig):
    paper_row: ClassVar[str] = "AVB"
    kind: Literal["avb"]
    latent_dim: LatentDim
    encoder: ImageEncoderConfig
    decoder: AVBDecoderConfig
    discriminator: DiscriminatorConfig = _chosen_by("kind")


class AVBACModelConfig(AVBModelConfig):
    method: ClassVar[str] = "Adversarial Variational Bayes with adaptive contrast"
    posterior: ClassVar[str] = "implicit_with_moments"
    kind: Literal["avb_ac"]
    encoder: MomentEncoderConfig


class VAEModelConfig(_ModelConfig):
    method: ClassVar[str] = "Variational autoencoder"
    paper_row: ClassVar[str] = "VAE"
    posterior: ClassVar[str] = "gaussian"
    divergence: ClassVar[str] = "gaussian"
    kind: Literal["vae"]
    latent_dim: LatentDim
    encoder: GaussianEncoderConfig
    decoder: VAEDecoderConfig

    @property
    def noise_dim(self):
        return self.latent_dim


class BatchMomentEncoderConfig(EncoderConfig):
    """`added_standard_deviation`: what is added to each x's standard deviation of z in the batch."""

    added_standard_deviation: number(ge=0, le=1)


class _GivenModelConfig(_ModelConfig):
    """The model of a given posterior: no decoder."""

    likelihood: ClassVar[str] = "given"
    is_of_images: ClassVar[bool] = False

    @property
    def network_sections(self):
        return {"encoder": self.encoder}


class GivenAVBModelConfig(_AdversarialModelConfig, _GivenModelConfig):
    """`known_density`: whether the discriminator has the given density as a part, beside its network."""

    kind: Literal["avb"]
    latent_dim: LatentDim
    encoder: EncoderConfig
    discriminator: DiscriminatorConfig = _chosen_by("kind")
    known_density: StrictBool = False

    @pydantic.validator("known_density")
    def _density_is_of_one_pair(cls, known_density, values):
        if known_density and getattr(values.get("discriminator"), "all_pairs", False):
            raise ValueError("must be false with discriminator.all_pairs")
        return known_density


class GivenAVBACModelConfig(GivenAVBModelConfig):
    method: ClassVar[str] = "Adversarial Variational Bayes with adaptive contrast"
    posterior: ClassVar[str] = "implicit_with_batch_moments"
    kind: Literal["avb_ac"]
    encoder: BatchMomentEncoderConfig


class GaussianModelConfig(_GivenModelConfig):
    """`covariance: diagonal` is mean-field, `full` full-rank; mean and covariance are free for each x."""

    method: ClassVar[str] = "Gaussian variational Bayes"
    posterior: ClassVar[str] = "free_gaussian"
    divergence: ClassVar[str] = "entropy"
    kind: Literal["gaussian"]
    latent_dim: LatentDim
    covariance: Literal["diagonal", "full"]

    @property
    def network_sections(self):
        return {"encoder": self}

    @property
    def n_layers(self):
        """As of a network: mean and scale are two variables."""
        return 1

    @property
    def noise_dim(self):
        return self.latent_dim


class AdamConfig(Section):
    optimizer: Literal["adam"]
    learning_rate: number(gt=0, le=1)
    beta1: number(ge=0, lt=1)
    beta2: number(ge=0, lt=1)
    epsilon: number(gt=0, le=1)


class RMSpropConfig(Section):
    """`epsilon` is added to the mean square, inside the root."""

    optimizer: Literal["rmsprop"]
    learning_rate: number(gt=0, le=1)
    decay: number(ge=0, lt=1)
    epsilon: number(gt=0, le=1)


class SharedOptimizerConfig(Section):
    """The generator's optimiser, the same object: with Adam, its powers of beta then advance with both networks' updates."""

    optimizer: Literal["shared"]


class LinearDecayConfig(Section):
    """Constant rate until `begin` (a fraction of the run), then linear down to `end_factor` times the rate."""

    begin: number(ge=0, lt=1)
    end_factor: number(ge=0, le=1)


class _TrainingConfig(Section):
    """`decoder_learning_rate: null`: the generator's."""

    n_iterations: conint(strict=True, ge=1, le=1000000000)
    linear_decay: Optional[LinearDecayConfig] = ...
    checkpoint_every: conint(strict=True, ge=1, le=1000000000)
    snapshot_every: conint(strict=True, ge=1, le=1000000000)
    generator_loss_scale: number(gt=0, le=1000)
    generator: Union[AdamConfig, RMSpropConfig] = _chosen_by("optimizer")
    decoder_learning_rate: Optional[number(gt=0, le=1)] = DEFAULTS["training"]["decoder_learning_rate"]


class VAETrainingConfig(_TrainingConfig):
    kl: Literal["closed_form", "sampled"]


def _require_no_decoder_rate(cls, rate):
    if rate is not None:
        raise ValueError("must be null: there is no decoder")
    return rate


class GaussianTrainingConfig(_TrainingConfig):
    """The entropy of a Gaussian is a closed form: nothing else to choose."""

    _decoder_has_no_rate = pydantic.validator("decoder_learning_rate", allow_reuse=True)(_require_no_decoder_rate)


class AVBTrainingConfig(_TrainingConfig):
    update: Literal["simultaneous", "generator_first", "discriminator_first"]
    n_discriminator_updates: conint(strict=True, ge=1, le=1000)
    discriminator: Union[AdamConfig, RMSpropConfig, SharedOptimizerConfig] = _chosen_by("optimizer")

    @pydantic.validator("discriminator")
    def _shared_optimizer_has_one_rate(cls, discriminator, values):
        if discriminator.optimizer == "shared" and values.get("decoder_learning_rate") is not None:
            raise ValueError("can't share the generator's optimizer if decoder_learning_rate is not null")
        return discriminator


class GivenAVBTrainingConfig(AVBTrainingConfig):
    _decoder_has_no_rate = pydantic.validator("decoder_learning_rate", allow_reuse=True)(_require_no_decoder_rate)


class RuntimeConfig(Section):
    intra_op_threads: conint(strict=True, ge=1, le=1024)
    inter_op_threads: conint(strict=True, ge=0, le=1024)
    product_relu_gradient: StrictBool
    narrow_weight_gradient: StrictBool
    keep_freed_memory: StrictBool


class EvaluationConfig(Section):
    """`n_samples`: of q(z|x), an image, on average."""

    n_samples: conint(strict=True, ge=1024, le=16777216)


class AISConfig(Section):
    """Annealed importance sampling, which log p(x) is found by if latent_dim is above 2; with fewer it isn't used.

    `n_images`: of so many of the test images, the same for all models; null: of all. `n_chains`: of each image. `n_steps`:
    temperatures. The cost is as the product of the three.
    """

    n_images: Optional[conint(strict=True, ge=2, le=1048576)] = DATASET_DEFAULTS["evaluation"]["ais"]["n_images"]
    n_chains: conint(strict=True, ge=2, le=8192) = DATASET_DEFAULTS["evaluation"]["ais"]["n_chains"]
    n_steps: conint(strict=True, ge=2, le=1000000) = DATASET_DEFAULTS["evaluation"]["ais"]["n_steps"]


class DatasetEvaluationConfig(Section):
    """`n_samples`: of q(z|x), of each test image."""

    n_samples: conint(strict=True, ge=2, le=1048576)
    ais: AISConfig = AISConfig()


class _Experiment(Section):
    """`task`: what kind of problem it is of, by its name in tasks.registry and problems.registry. `batch_kind`: which of
    graph.batches an iteration's batch is made by.
    """

    task: ClassVar[str]

    name: constr(strict=True, regex=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
    seed: conint(strict=True, ge=0, lt=2**31)

    is_of_dataset: ClassVar[bool] = False  # of a problems.image_dataset.ImageDataset

    @property
    def is_of_known_images(self):
        """Whether it is of a problems.image_problem.ImageProblem."""
        return self.model.is_of_images and not self.is_of_dataset

    @property
    def python_file(self):
        """The PythonFile that has the posterior, or None."""
        return None

    def tree(self):
        """Return it as nested dicts, without what DEFAULTS has; of a file there is a digest."""
        return self.dict(exclude_defaults=True)


class _ImageExperiment(_Experiment):
    data: DataConfig = _chosen_by("kind")
    evaluation: EvaluationConfig = EvaluationConfig(**DEFAULTS["evaluation"])
    runtime: RuntimeConfig

    task: ClassVar[str] = "known_images"

    @property
    def batch_kind(self):
        return self.data.kind

    @property
    def batch_size(self):
        return self.data.batch_size


class _GivenExperiment(_Experiment):
    task: ClassVar[str] = "given_posterior"
    batch_kind: ClassVar[str] = "each_x"

    problem: ProblemConfig = _chosen_by("kind")
    evaluation: EvaluationConfig = EvaluationConfig(**DEFAULTS["evaluation"])
    runtime: RuntimeConfig

    @property
    def batch_size(self):
        return self.problem.batch_size

    @property
    def python_file(self):
        return self.problem.path if self.problem.kind == "python" else None

    def tree(self):
        tree = super().tree()
        if self.python_file is not None:
            tree["problem"]["path"] = {"sha256": self.python_file.sha256[:12]}
        return tree

    @pydantic.validator("problem")
    def _batch_can_be_shared_out(cls, problem):
        n_shares = given_posterior(problem).n_x
        if problem.batch_size % n_shares:
            error = ValueError("must be a multiple of %d" % n_shares)
            raise pydantic.ValidationError([ErrorWrapper(error, "batch_size")], cls)
        return problem

    @pydantic.validator("model", check_fields=False)
    def _latent_dim_is_the_problems(cls, model, values):
        if "problem" in values:
            problem = values["problem"]
            dim = given_posterior(problem).dim
            if model.latent_dim != dim:
                error = ValueError("must be %d for %s" % (dim, problem.path.path if problem.kind == "python" else problem.kind))
                raise pydantic.ValidationError([ErrorWrapper(error, "latent_dim")], cls)
        return model


class AVBConfig(_ImageExperiment):
    model: AVBModelConfig
    training: AVBTrainingConfig


class AVBACConfig(_ImageExperiment):
    model: AVBACModelConfig
    training: AVBTrainingConfig


class VAEConfig(_ImageExperiment):
    model: VAEModelConfig
    training: VAETrainingConfig


class AVBDatasetConfig(AVBConfig):
    is_of_dataset: ClassVar[bool] = True
    task: ClassVar[str] = "data_set"
    evaluation: DatasetEvaluationConfig


class AVBACDatasetConfig(AVBACConfig):
    is_of_dataset: ClassVar[bool] = True
    task: ClassVar[str] = "data_set"
    evaluation: DatasetEvaluationConfig


class VAEDatasetConfig(VAEConfig):
    is_of_dataset: ClassVar[bool] = True
    task: ClassVar[str] = "data_set"
    evaluation: DatasetEvaluationConfig


class GivenAVBConfig(_GivenExperiment):
    model: GivenAVBModelConfig
    training: GivenAVBTrainingConfig


class GivenAVBACConfig(_GivenExperiment):
    model: GivenAVBACModelConfig
    training: GivenAVBTrainingConfig


class GaussianConfig(_GivenExperiment):
    model: GaussianModelConfig
    training: GaussianTrainingConfig


Config = Union[AVBConfig, AVBACConfig, VAEConfig, AVBDatasetConfig, AVBACDatasetConfig, VAEDatasetConfig, GivenAVBConfig,
               GivenAVBACConfig, GaussianConfig]
CONFIG_OF_KIND = {"avb": AVBConfig, "avb_ac": AVBACConfig, "vae": VAEConfig}
DATASET_CONFIG_OF_KIND = {"avb": AVBDatasetConfig, "avb_ac": AVBACDatasetConfig, "vae": VAEDatasetConfig}
GIVEN_CONFIG_OF_KIND = {"avb": GivenAVBConfig, "avb_ac": GivenAVBACConfig, "gaussian": GaussianConfig}


def config_of_kind(tree):
    """Return the Config classes that a tree, as read from a file, may be, by model.kind."""
    if "problem" in tree:
        return GIVEN_CONFIG_OF_KIND
    return DATASET_CONFIG_OF_KIND if _names_dataset(tree) else CONFIG_OF_KIND


def defaults_of(tree):
    """Return what stands for keys that a tree, as read from a file, need not have: nested dicts."""
    if "problem" in tree:
        return {key: defaults for key, defaults in DEFAULTS.items() if key != "data"}
    return DATASET_DEFAULTS if _names_dataset(tree) else DEFAULTS


def _names_dataset(tree):
    data = tree.get("data")
    kind = data.get("kind") if isinstance(data, dict) else None
    return isinstance(kind, str) and kind in KINDS


def require_config(config):
    """Raise TypeError unless this is what load_config returns."""
    classes = [own for of_kind in (CONFIG_OF_KIND, DATASET_CONFIG_OF_KIND, GIVEN_CONFIG_OF_KIND) for own in of_kind.values()]
    if type(config) not in classes:
        raise TypeError("config must be what load_config returns, not %r" % (config,))
