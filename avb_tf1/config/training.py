"""How a model is trained (the section `training`), on which threads (`runtime`), and how it is measured (`evaluation`)."""

from typing import Optional, Union

import pydantic
from pydantic import StrictBool
from typing_extensions import Literal

from avb_tf1.config.sections import DATASET_DEFAULTS, DEFAULTS, GIVEN_DEFAULTS, Section, error_at, integer, later, number


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


class TrainingConfig(Section):
    """`decoder_learning_rate: null`: the generator's."""

    n_iterations: integer(ge=1, le=1000000000)
    linear_decay: Optional[LinearDecayConfig] = ...
    checkpoint_every: integer(ge=1, le=1000000000)
    snapshot_every: integer(ge=1, le=1000000000)
    generator_loss_scale: number(gt=0, le=1000)
    generator: Union[AdamConfig, RMSpropConfig] = pydantic.Field(..., discriminator="optimizer")
    decoder_learning_rate: Optional[number(gt=0, le=1)] = DEFAULTS["training"]["decoder_learning_rate"]


class KLWarmUpConfig(Section):
    """kl_weight times what rises linearly from `begin`, in the first iteration, to 1, after `n_iterations`, and stays there."""

    begin: number(ge=0, lt=1)
    n_iterations: integer(ge=1, le=1000000000)


class WeightedTrainingConfig(TrainingConfig):
    """`kl_weight`: what KL(q(z|x) || p(z)) counts in the loss; with 1 that is minus the ELBO. `kl_warm_up: null`: always."""

    kl_weight: number(gt=0, le=1000) = 1.0
    kl_warm_up: Optional[KLWarmUpConfig] = later(None)


class VAETrainingConfig(WeightedTrainingConfig):
    """`n_importance_samples`: of each x; with more than one the loss is minus the importance-weighted bound of so many."""

    kl: Literal["closed_form", "sampled"]
    n_importance_samples: integer(ge=1, le=65536) = 1

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
    """Of a Gaussian, or a flow. `n_importance_samples`: as of VAETrainingConfig."""

    n_importance_samples: integer(ge=1, le=65536) = 1


class _AdversarialTrainingConfig(TrainingConfig):
    """`shared_backward`: whether the generator's gradients and T's come from one backward pass through T on the encoder's
    samples. That is faster, and the last bits are others. `discriminator_loss`: T's, a classifier's cross-entropy or minus the
    Fenchel dual of the KL divergence.
    """

    update: Literal["simultaneous", "generator_first", "discriminator_first"]
    n_discriminator_updates: integer(ge=1, le=1000)
    discriminator: Union[AdamConfig, RMSpropConfig, SharedOptimizerConfig] = pydantic.Field(..., discriminator="optimizer")
    shared_backward: StrictBool = False
    discriminator_loss: Literal["cross_entropy", "fenchel_dual"] = "cross_entropy"

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
    intra_op_threads: integer(ge=1, le=1024)
    inter_op_threads: integer(ge=0, le=1024)
    product_relu_gradient: StrictBool
    narrow_weight_gradient: StrictBool
    keep_freed_memory: StrictBool


class EvaluationConfig(Section):
    """`n_samples`: of q(z|x), an image, on average."""

    n_samples: integer(ge=1024, le=16777216)


class ChainsConfig(Section):
    """`n_warmup` steps, in which the step size adapts to `target_acceptance`, then `n_samples` of each chain that are kept."""

    n_chains: integer(ge=2, le=10000)
    n_warmup: integer(ge=2, le=1000000)
    n_samples: integer(ge=4, le=1000000)
    target_acceptance: number(gt=0, lt=1)


class HMCConfig(ChainsConfig):
    n_leapfrog_steps: integer(ge=1, le=1000)


class GivenEvaluationConfig(EvaluationConfig):
    """`hmc`: the sampler whose draws q's samples are held against where the exact posterior is not known; null: none."""

    hmc: Optional[HMCConfig] = HMCConfig(**GIVEN_DEFAULTS["evaluation"]["hmc"])


class AISConfig(Section):
    """Annealed importance sampling, which log p(x) is found by if latent_dim is above 2; with fewer it isn't used.

    `n_images`: of so many of the test images, the same for all models; null: of all. `n_chains`: of each image. `n_steps`:
    temperatures. The cost is as the product of the three.
    """

    n_images: Optional[integer(ge=2, le=1048576)] = DATASET_DEFAULTS["evaluation"]["ais"]["n_images"]
    n_chains: integer(ge=2, le=8192) = DATASET_DEFAULTS["evaluation"]["ais"]["n_chains"]
    n_steps: integer(ge=2, le=1000000) = DATASET_DEFAULTS["evaluation"]["ais"]["n_steps"]


class DatasetEvaluationConfig(Section):
    """`n_samples`: of q(z|x), of each test image."""

    n_samples: integer(ge=2, le=1048576)
    ais: AISConfig = AISConfig()
