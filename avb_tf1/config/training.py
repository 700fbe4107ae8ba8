"""How a model is trained (the section `training`), on which threads (`runtime`), and how it is measured (`evaluation`)."""

from typing import Optional, Union

import pydantic
from pydantic import StrictBool
from typing_extensions import Literal

from avb_tf1.config.sections import DATASET_DEFAULTS, DEFAULTS, GIVEN_DEFAULTS, Section, error_at, integer, key, number


class AdamConfig(Section):
    """Adam, as `tf.train.AdamOptimizer` has it."""

    optimizer: Literal["adam"]
    learning_rate: number(gt=0, le=1) = key("The learning rate; with `linear_decay` the one at the start.")
    beta1: number(ge=0, lt=1) = key("How much of the running mean of the gradients stays in an update.")
    beta2: number(ge=0, lt=1) = key("How much of the running mean of the squared gradients stays in an update.")
    epsilon: number(gt=0, le=1) = key("What is added to the root of the mean of squares, so that nothing is divided by 0.")


class RMSpropConfig(Section):
    """RMSprop without momentum, whose mean square starts at 0, as in Keras."""

    optimizer: Literal["rmsprop"]
    learning_rate: number(gt=0, le=1) = key("The learning rate; with `linear_decay` the one at the start.")
    decay: number(ge=0, lt=1) = key("How much of the running mean of the squared gradients stays in an update.")
    epsilon: number(gt=0, le=1) = key("What is added to the mean of squares, inside its root.")


class SharedOptimizerConfig(Section):
    """The generator's optimiser, the same object: with Adam, its powers of beta then advance with both networks' updates."""

    optimizer: Literal["shared"]


class LinearDecayConfig(Section):
    """How all learning rates fall: they are constant at first, then go down on a line. `null`: they never fall."""

    begin: number(ge=0, lt=1) = key("The fraction of the run after which the rates fall.")
    end_factor: number(ge=0, le=1) = key("What the rates are multiplied by at the end.")


class TrainingConfig(Section):
    """How the model is trained."""

    n_iterations: integer(ge=1, le=1000000000) = key("Iterations, of one generator update each: the tutorial's epochs.")
    linear_decay: Optional[LinearDecayConfig] = ...
    checkpoint_every: integer(ge=1, le=1000000000) = key(
        "Iterations between checkpoints, from which a stopped run goes on. Changes no result.")
    snapshot_every: integer(ge=1, le=1000000000) = key(
        "Iterations between the report's pictures of training; where there would be too many, more. Changes no result.")
    generator_loss_scale: number(gt=0, le=1000) = key(
        "What the loss of encoder and decoder is multiplied by before its gradient is taken.")
    generator: Union[AdamConfig, RMSpropConfig] = key(
        "The generator's optimiser: of all networks but the discriminator.", discriminator="optimizer")
    decoder_learning_rate: Optional[number(gt=0, le=1)] = key(
        "The decoder's own learning rate; `null`: the generator's. It must be `null` with a shared optimiser, and without a "
        "decoder.", default=DEFAULTS["training"]["decoder_learning_rate"])


class KLWarmUpConfig(Section):
    """`kl_weight` times what rises linearly, from `begin` in the first iteration to 1 after `n_iterations`, and stays there."""

    begin: number(ge=0, lt=1) = key("What it is in the first iteration; above 0 with `shared_backward`.")
    n_iterations: integer(ge=1, le=1000000000) = key("Iterations until it is 1.")


class WeightedTrainingConfig(TrainingConfig):
    """Of images, with a KL divergence in the loss."""

    kl_weight: number(gt=0, le=1000) = key(
        "What KL(q(z|x) || p(z)) counts in the loss; with 1 that is minus the ELBO.", default=1.0)
    kl_warm_up: Optional[KLWarmUpConfig] = key(
        "How the KL divergence's part in the loss rises at first; `null`: it is there from the first iteration.", default=None,
        later=True)


class VAETrainingConfig(WeightedTrainingConfig):
    """A VAE's, whose q(z|x) may be a flow."""

    kl: Literal["closed_form", "sampled"] = key(
        "Whether KL(q(z|x) || p(z)) is exact, or an estimate by one sample of q(z|x). With a flow it must be `sampled`.")
    n_importance_samples: integer(ge=1, le=65536) = key(
        "Samples of q(z|x) of each x; with more than one the loss is minus the importance-weighted bound (IWAE) of so many, "
        "and `kl` must be `sampled`, `kl_weight` 1, `kl_warm_up` `null`.", default=1)

    @pydantic.validator("n_importance_samples")
    def _weights_are_of_samples(cls, n_importance_samples, values):
        if n_importance_samples > 1 and (values.get("kl", "sampled") != "sampled" or values.get("kl_weight", 1.0) != 1
                                         or values.get("kl_warm_up") is not None):
            raise ValueError("must be 1 unless kl is sampled, kl_weight 1 and kl_warm_up null")
        return n_importance_samples


class GivenTrainingConfig(TrainingConfig):
    """Of a model of a given posterior, which has no decoder."""

    @pydantic.validator("decoder_learning_rate")
    def _decoder_has_no_rate(cls, rate):
        if rate is not None:
            raise ValueError("must be null: there is no decoder")
        return rate


class GaussianTrainingConfig(GivenTrainingConfig):
    """How a Gaussian, or a flow, is trained."""

    n_importance_samples: integer(ge=1, le=65536) = key(
        "Samples of q(z|x) of each x; with more than one the loss is minus the importance-weighted bound (IWAE) of so many.",
        default=1)


class _AdversarialTrainingConfig(TrainingConfig):
    """With a discriminator T."""

    update: Literal["simultaneous", "generator_first", "discriminator_first"] = key(
        "`simultaneous`: the generator's gradient and the discriminator's first one of an iteration are taken at the same "
        "weights. Else each update sees what those before it have changed.")
    n_discriminator_updates: integer(ge=1, le=1000) = key("Updates of the discriminator in an iteration.")
    discriminator: Union[AdamConfig, RMSpropConfig, SharedOptimizerConfig] = key(
        "The discriminator's optimiser.", discriminator="optimizer")
    shared_backward: StrictBool = key(
        "Whether both networks' gradients come from one backward pass through T on the encoder's samples: faster, with other "
        "last bits. Only with `update: simultaneous`.", default=False)
    discriminator_loss: Literal["cross_entropy", "fenchel_dual"] = key(
        "T's loss: a classifier's cross-entropy, or minus the Fenchel dual of the KL divergence.", default="cross_entropy")

    @pydantic.validator("shared_backward")
    def _shared_backward_is_of_one_step(cls, shared_backward, values):
        if shared_backward and values.get("update", "simultaneous") != "simultaneous":
            raise ValueError("must be false unless update is simultaneous: only then both networks see the same samples")
        return shared_backward

    @pydantic.validator("discriminator")
    def _shared_optimizer_has_one_rate(cls, discriminator, values):
        if discriminator.optimizer == "shared" and values.get("decoder_learning_rate") is not None:
            raise ValueError("can't share the generator's optimizer if decoder_learning_rate is not null")
        return discriminator


class AVBTrainingConfig(WeightedTrainingConfig, _AdversarialTrainingConfig):
    """AVB's, of images."""

    @pydantic.validator("kl_warm_up")
    def _shared_backward_divides_by_its_factor(cls, kl_warm_up, values):
        if kl_warm_up is not None and kl_warm_up.begin == 0 and values.get("shared_backward"):
            raise error_at(cls, "begin", "must be greater than 0 with shared_backward")
        return kl_warm_up


class GivenAVBTrainingConfig(GivenTrainingConfig, _AdversarialTrainingConfig):
    """AVB's, of a given posterior."""


class RuntimeConfig(Section):
    """Threads and faster kernels: what makes training fast. But for `intra_op_threads` none of it changes a result."""

    intra_op_threads: integer(ge=1, le=1024) = key(
        "Threads inside one operation of TensorFlow. More than one changes the last bits, and is slower for small networks.")
    inter_op_threads: integer(ge=0, le=1024) = key("Operations of TensorFlow that run at once; 0: one a core.")
    product_relu_gradient: StrictBool = key("Whether a faster kernel computes the gradient of ReLU; the bits are the same.")
    narrow_weight_gradient: StrictBool = key(
        "Whether a faster product computes the gradient of the weights of layers with few outputs; the bits are the same. Only "
        "where `intra_op_threads` is 1 and the CPU has AVX-512.")
    keep_freed_memory: StrictBool = key("Whether memory that a step frees stays with the process (on Linux, with glibc).")


class EvaluationConfig(Section):
    """How many samples what is measured of the trained model comes from."""

    n_samples: integer(ge=1024, le=16777216) = key("Samples of q(z|x) of each x; of known images on average.")


class ChainsConfig(Section):
    """A sampler's chains."""

    n_chains: integer(ge=2, le=10000) = key("Chains, for each x.")
    n_warmup: integer(ge=2, le=1000000) = key("Steps of each chain in which the step size adapts, and which are then dropped.")
    n_samples: integer(ge=4, le=1000000) = key("Steps of each chain that are kept, after the warm-up.")
    target_acceptance: number(gt=0, lt=1) = key("The mean probability of acceptance that the step size adapts to.")


class HMCConfig(ChainsConfig):
    """Hamiltonian Monte Carlo: chains that begin uniformly between -2 and 2 in each coordinate of z."""

    n_leapfrog_steps: integer(ge=1, le=1000) = key("Leapfrog steps of one trajectory.")


class GivenEvaluationConfig(EvaluationConfig):
    hmc: Optional[HMCConfig] = key(
        "The sampler whose draws q's samples are held against where the exact posterior is not known; `null`: none.",
        default=HMCConfig(**GIVEN_DEFAULTS["evaluation"]["hmc"]))


class AISConfig(Section):
    """Annealed importance sampling, by which log p(x) is found if `latent_dim` is above 2; with fewer it isn't used.

    The cost is as the product of the three.
    """

    n_images: Optional[integer(ge=2, le=1048576)] = key(
        "Test images that are annealed, the same for all models; `null`: all.",
        default=DATASET_DEFAULTS["evaluation"]["ais"]["n_images"])
    n_chains: integer(ge=2, le=8192) = key("Chains of each image.", default=DATASET_DEFAULTS["evaluation"]["ais"]["n_chains"])
    n_steps: integer(ge=2, le=1000000) = key(
        "Temperatures, with one step of each chain at each of them.", default=DATASET_DEFAULTS["evaluation"]["ais"]["n_steps"])


class DatasetEvaluationConfig(Section):
    """How many samples what is measured on the test images comes from."""

    n_samples: integer(ge=2, le=1048576) = key("Samples of q(z|x) of each test image; nearest neighbours take 4096.")
    ais: AISConfig = AISConfig()
