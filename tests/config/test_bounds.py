"""From where to where each number of a config may lie: the last values that are allowed, and the first ones that are not."""

import pytest
from config_cases import of_kind
from image_data import image_config_path

from avb_tf1.config.loading import load_config
from avb_tf1.ground.errors import InputError

AVB, CONTRAST, VAE = ("known_images", "avb"), ("known_images", "avb_ac"), ("known_images", "vae")
ALONE = ("known_images", "maximum_likelihood")
SIVI, GIVEN_SIVI, AUXILIARY = ("known_images", "sivi"), ("given_posterior", "sivi"), ("data_set", "auxiliary_vae")
DIGITS, GIVEN_CONTRAST, GAUSSIAN = ("data_set", "avb"), ("given_posterior", "avb_ac"), ("given_posterior", "gaussian")
POSITIVE_RATE, SHARE = (0, 1e-9, 1, 1.001), (-1e-9, 0, 0.999, 1)  # too low, lowest, highest, too high
SIZE, LAYERS, COUNT, SCALE = (0, 1, 65536, 65537), (-1, 0, 64, 65), (0, 1, 1048576, 1048577), (-101, -100, 100, 101)
PATCHES, FIXED = ("patches", "learned"), ("patches", "fixed")  # further configs, beside those of each kind of model
FURTHER = {PATCHES: [], FIXED: ["model.likelihood.log_scale={kind: fixed, value: -1}"]}
LOG_SCALE = (-10.001, -10, 10, 10.001)
BOUNDS = {
    (AVB, "seed"): (-1, 0, 2147483647, 2147483648),
    (AVB, "data.batch_size"): COUNT,
    (CONTRAST, "data.n_samples"): COUNT,
    (DIGITS, "data.n_validation"): (-1, 0, 1000, 1497),  # all of the train images
    (GIVEN_CONTRAST, "problem.batch_size"): COUNT,
    (PATCHES, "data.size"): (1, 2, 128, 129),
    (PATCHES, "data.n_train"): COUNT,
    (PATCHES, "data.n_test"): COUNT,
    (PATCHES, "model.likelihood.log_scale.minimum"): LOG_SCALE,
    (PATCHES, "model.likelihood.log_scale.initial"): LOG_SCALE,
    (FIXED, "model.likelihood.log_scale.value"): LOG_SCALE,
    (AVB, "evaluation.n_samples"): (1023, 1024, 16777216, 16777217),
    (DIGITS, "evaluation.n_samples"): (1, 2, 1048576, 1048577),
    (DIGITS, "evaluation.ais.n_images"): (1, 2, 1048576, 1048577),
    (DIGITS, "evaluation.ais.n_chains"): (1, 2, 8192, 8193),
    (DIGITS, "evaluation.ais.n_steps"): (1, 2, 1000000, 1000001),
    (GAUSSIAN, "evaluation.hmc.n_chains"): (1, 2, 10000, 10001),
    (GAUSSIAN, "evaluation.hmc.n_warmup"): (1, 2, 1000000, 1000001),
    (GAUSSIAN, "evaluation.hmc.n_samples"): (3, 4, 1000000, 1000001),
    (GAUSSIAN, "evaluation.hmc.n_leapfrog_steps"): (0, 1, 1000, 1001),
    (GAUSSIAN, "evaluation.hmc.target_acceptance"): (0, 1e-9, 0.999, 1),
    (AVB, "runtime.intra_op_threads"): (0, 1, 1024, 1025),
    (AVB, "runtime.inter_op_threads"): (-1, 0, 1024, 1025),
    (AVB, "model.latent_dim"): (0, 1, 1024, 1025),
    (AVB, "model.encoder.noise_dim"): SIZE,
    (AVB, "model.encoder.n_hidden_layers"): LAYERS,
    (AVB, "model.discriminator.n_hidden_layers"): LAYERS,
    (VAE, "model.decoder.probability_margin"): (-1e-9, 0, 0.499, 0.5),
    (CONTRAST, "model.encoder.basis.n_vectors"): (0, 1, 1024, 1025),
    (CONTRAST, "model.encoder.basis.noise_dim"): SIZE,
    (CONTRAST, "model.encoder.n_moment_samples"): (1, 2, 1048576, 1048577),
    (CONTRAST, "model.encoder.added_variance"): (-1e-9, 0, 1, 1.001),
    (CONTRAST, "model.discriminator.n_factors"): SIZE,
    (CONTRAST, "model.discriminator.squared_norm_factor"): SCALE,
    (GIVEN_CONTRAST, "model.discriminator.squared_norm_factor"): SCALE,
    (GIVEN_CONTRAST, "model.discriminator.n_blocks"): LAYERS,
    (GIVEN_CONTRAST, "model.discriminator.n_units"): SIZE,
    (GIVEN_CONTRAST, "model.encoder.added_standard_deviation"): (-1e-9, 0, 1, 1.001),
    (AVB, "training.n_iterations"): (0, 1, 1000000000, 1000000001),
    (AVB, "training.checkpoint_every"): (0, 1, 1000000000, 1000000001),
    (AVB, "training.snapshot_every"): (0, 1, 1000000000, 1000000001),
    (AVB, "training.n_discriminator_updates"): (0, 1, 1000, 1001),
    (AVB, "training.generator_loss_scale"): (0, 1e-9, 1000, 1000.1),
    (AVB, "training.kl_weight"): (0, 1e-9, 1000, 1000.1),
    (VAE, "training.kl_weight"): (0, 1e-9, 1000, 1000.1),
    (VAE, "training.n_importance_samples"): (0, 1, 65536, 65537),
    (GAUSSIAN, "training.n_importance_samples"): (0, 1, 65536, 65537),
    (VAE, "model.encoder.n_context"): SIZE,
    (SIVI, "model.n_mixing_samples"): SIZE,
    (SIVI, "model.encoder.standard_deviation"): (0, 1e-9, 1000, 1000.1),
    (GIVEN_SIVI, "model.encoder.standard_deviation"): (0, 1e-9, 1000, 1000.1),
    (AUXILIARY, "model.auxiliary.dim"): SIZE,
    (ALONE, "model.latent_dim"): (0, 1, 2, 3),
    (ALONE, "model.n_prior_samples"): COUNT,
    (AVB, "training.kl_warm_up.begin"): SHARE,
    (VAE, "training.kl_warm_up.n_iterations"): (0, 1, 1000000000, 1000000001),
    (CONTRAST, "model.encoder.initial_deviation"): POSITIVE_RATE,
    (CONTRAST, "model.discriminator.initial_deviation"): POSITIVE_RATE,
    (DIGITS, "model.encoder.convolution.stride"): (0, 1, 4, 5),
    (DIGITS, "model.encoder.convolution.residual.n_layers"): (0, 1, 16, 17),
    (DIGITS, "model.decoder.convolution.residual.n_channels"): (0, 1, 1024, 1025),
    (AVB, "training.decoder_learning_rate"): POSITIVE_RATE,
    (AVB, "training.generator.learning_rate"): POSITIVE_RATE,
    (AVB, "training.generator.epsilon"): POSITIVE_RATE,
    (AVB, "training.generator.beta1"): SHARE,
    (AVB, "training.generator.beta2"): SHARE,
    (AVB, "training.discriminator.learning_rate"): POSITIVE_RATE,
    (GAUSSIAN, "training.generator.learning_rate"): POSITIVE_RATE,
    (GAUSSIAN, "training.generator.decay"): SHARE,
    (GAUSSIAN, "training.generator.epsilon"): POSITIVE_RATE,
    (DIGITS, "training.linear_decay.begin"): SHARE,
    (DIGITS, "training.linear_decay.end_factor"): (-1e-9, 0, 1, 1.001),
}
_CONVOLUTION = "{n_channels: [4, 4], kernel_size: 3, stride: 2, residual: {n_layers: 1, n_channels: 4, wiring: intended}}"
# Sections that no config above has, but some of these keys are in.
SECTIONS = {"training.kl_warm_up": "{begin: .5, n_iterations: 10}", "model.encoder.convolution": _CONVOLUTION,
            "model.decoder.convolution": _CONVOLUTION}


@pytest.mark.parametrize("kind, key", BOUNDS, ids=lambda value: value if isinstance(value, str) else "-".join(value))
def test_bounds(kind, key):
    path, overrides = (image_config_path("patches_vae"), FURTHER[kind]) if kind in FURTHER else of_kind(*kind)
    overrides = overrides + ["%s=%s" % section for section in SECTIONS.items() if key.startswith(section[0] + ".")]

    def is_out_of_bounds(value):
        try:
            load_config(path, [*overrides, "%s=%s" % (key, value)])
        except InputError as error:  # another key's rule may forbid what this one's allows
            return "%s must be " % key in str(error) and any(
                words in str(error) for words in ("less than", "greater than", "an integer from 1 to 4, or a list"))
        return False

    assert [is_out_of_bounds(value) for value in BOUNDS[kind, key]] == [True, False, False, True]
