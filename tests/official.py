"""The networks of LMescheder/AdversarialVariationalBayes ee29153, written down from its files: how many numbers each layer has.

Each product is that of a weight's shape, each other number that of biases; nothing here was made by running either code. df_dim
and gf_dim are 64 (run_avae.py, run_vae.py); filter_strides of 28 pixels are 1, 1, 2, 2, those of 64 pixels 2, 2, 2, 2.
"""

import numpy as np


def _conv0_encoder(z, eps):
    """avb/avb/models/conv0.py: a convolution, and add_linear of the noise to all pixels and channels that it makes."""
    return {
        "convolution_1": 5 * 5 * 1 * 64 + 64, "joined_1": eps * (28 * 28 * 64) + 28 * 28 * 64,
        "convolution_2": 5 * 5 * 64 * 128 + 128, "joined_2": eps * (28 * 28 * 128) + 28 * 28 * 128,
        "convolution_3": 5 * 5 * 128 * 256 + 256, "joined_3": eps * (14 * 14 * 256) + 14 * 14 * 256,
        "convolution_4": 5 * 5 * 256 * 512 + 512, "joined_4": eps * (7 * 7 * 512) + 7 * 7 * 512,
        "output": 7 * 7 * 512 * z + z}


def _conv0_ac_encoder(z, eps, n_basis):
    """avb/avb/models/conv0_ac.py: batch_norm's scale and offset in the place of biases, of all convolutions but the last."""
    layers = {
        "convolution_1": 5 * 5 * 1 * 64 + 2 * 64, "convolution_2": 5 * 5 * 64 * 128 + 2 * 128,
        "convolution_3": 5 * 5 * 128 * 256 + 2 * 256, "convolution_4": 5 * 5 * 256 * 512 + 512,
        "output": 7 * 7 * 512 * z + z}
    for i in range(1, n_basis + 1):
        layers["coefficient_%d" % i] = 7 * 7 * 512 * z + z
        layers["basis_%d" % i] = (eps * 128 + 128) + (128 * 128 + 128) + (128 * 128 + 128) + (128 * z + z)
    return layers


def _conv0_decoder(z):
    """avb/decoders/conv0.py."""
    return {
        "smallest": z * (7 * 7 * 512) + 7 * 7 * 512, "convolution_1": 5 * 5 * 256 * 512 + 256,
        "convolution_2": 5 * 5 * 128 * 256 + 128, "convolution_3": 5 * 5 * 64 * 128 + 64, "output": 5 * 5 * 1 * 64 + 1}


def _conv0_adversary(z):
    """avb/avb/models/conv0.py: theta, s, xonly, zonly."""
    def three_layers(n):
        return (n * 1024 + 1024) + (1024 * 1024 + 1024) + (1024 * 1024 + 1024)

    return {"x": three_layers(784) + 1024 * 8192 + 8192, "z": three_layers(z) + 1024 * 8192 + 8192,
            "x_offset": three_layers(784) + 1024 + 1, "z_offset": three_layers(z) + 1024 + 1}


def _conv1_encoder(z):
    """avb/vae/models/conv1.py: 28, 14, 7, 4 pixels a side."""
    return {
        "convolution_1": 5 * 5 * 1 * 16 + 16, "convolution_2": 5 * 5 * 16 * 32 + 32, "convolution_3": 5 * 5 * 32 * 32 + 32,
        "hidden_1": 4 * 4 * 32 * 800 + 800, "mean": 800 * z + z, "log_standard_deviation": 800 * z + z}


def _conv1_decoder(z):
    """avb/decoders/conv1.py: 4, 7, 14, 28 pixels a side."""
    return {
        "hidden_1": z * 300 + 300, "smallest": 300 * (4 * 4 * 32) + 4 * 4 * 32, "convolution_1": 5 * 5 * 32 * 32 + 32,
        "convolution_2": 5 * 5 * 16 * 32 + 16, "output": 5 * 5 * 1 * 16 + 1}


def _residual(n_channels, is_intended=False):
    """avb/ops.py, add_resnet_conv of 3 layers of 64 channels. As published, 5 * 5 * n_channels * 64 + 64 more are made in each
    layer, which nothing reads; as intended, the second convolution has 64 channels to read."""
    if is_intended:
        return 3 * (5 * 5 * n_channels * 64 + 64 + 5 * 5 * 64 * n_channels + n_channels)
    return 3 * (5 * 5 * n_channels * n_channels + n_channels)


def _conv2_encoder(z, eps, is_intended=False):
    """avb/avb/models/conv2.py, of 64 x 64 pixels with 3 colours: 32, 16, 8, 4 pixels a side."""
    return {
        "convolution_1": 5 * 5 * 3 * 64 + 64, "joined_1": (eps + 1) * 32 * 32 * 64, "residual_1": _residual(64, is_intended),
        "convolution_2": 5 * 5 * 64 * 128 + 128, "joined_2": (eps + 1) * 16 * 16 * 128,
        "residual_2": _residual(128, is_intended),
        "convolution_3": 5 * 5 * 128 * 256 + 256, "joined_3": (eps + 1) * 8 * 8 * 256,
        "residual_3": _residual(256, is_intended),
        "convolution_4": 5 * 5 * 256 * 512 + 512, "joined_4": (eps + 1) * 4 * 4 * 512, "output": 4 * 4 * 512 * z + z}


def _conv2_decoder(z, n_outputs, is_intended=False):
    """avb/decoders/conv2.py, with num_out 2 for a Gaussian likelihood: layers x_0 and x_1, here one of twice the channels."""
    return {
        "smallest": (z + 1) * 4 * 4 * 512,
        "convolution_1": 5 * 5 * 256 * 512 + 256, "residual_1": _residual(256, is_intended),
        "convolution_2": 5 * 5 * 128 * 256 + 128, "residual_2": _residual(128, is_intended),
        "convolution_3": 5 * 5 * 64 * 128 + 64, "residual_3": _residual(64, is_intended),
        "output": n_outputs * (5 * 5 * 3 * 64 + 3)}


def _conv1_adversary(z):
    """avb/avb/models/conv1.py: batch_norm after add_linear, whose biases and the convolution's stay."""
    return {
        "convolution_1": 5 * 5 * 3 * 64 + 64, "joined_1": (z + 1) * 32 * 32 * 64 + 2 * 64,
        "convolution_2": 5 * 5 * 64 * 128 + 128, "joined_2": (z + 1) * 16 * 16 * 128 + 2 * 128,
        "convolution_3": 5 * 5 * 128 * 256 + 256, "joined_3": (z + 1) * 8 * 8 * 256 + 2 * 256,
        "convolution_4": 5 * 5 * 256 * 512 + 512, "joined_4": (z + 1) * 4 * 4 * 512, "output": 4 * 4 * 512 + 1}


# Of configs/official: scope -> layer -> how many numbers are trained.
PARAMETERS = {
    "mnist_8_avb": {
        "encoder": _conv0_encoder(8, 32), "decoder": _conv0_decoder(8), "discriminator": _conv0_adversary(8)},
    "mnist_8_avb_ac": {
        "encoder": _conv0_ac_encoder(8, 32, 16), "decoder": _conv0_decoder(8), "discriminator": _conv0_adversary(8)},
    "mnist_32_avb_ac": {
        "encoder": _conv0_ac_encoder(32, 64, 32), "decoder": _conv0_decoder(32), "discriminator": _conv0_adversary(32)},
    "mnist_8_vae": {"encoder": _conv1_encoder(8), "decoder": _conv1_decoder(8)},
    "mnist_32_vae": {"encoder": _conv1_encoder(32), "decoder": _conv1_decoder(32)},
}
CELEBA = {"encoder": _conv2_encoder(64, 128), "decoder": _conv2_decoder(64, 2), "discriminator": _conv1_adversary(64)}
CELEBA_AS_INTENDED = {
    "encoder": _conv2_encoder(64, 128, True), "decoder": _conv2_decoder(64, 2, True), "discriminator": _conv1_adversary(64)}

# What a config says of experiments/*/run.py and of the modules that it calls, each beside its values.

def _under(prefix, values):
    return {"%s.%s" % (prefix, key): value for key, value in values.items()}


# avb/avb/train.py and avb/vae/train.py: two Adams, or one, of constant rates, all gradients before both updates.
_ADAM = {"optimizer": "adam", "beta1": 0.5, "beta2": 0.999, "epsilon": 1e-8}
_TRAINING = {"n_iterations": 2500000, "linear_decay": None}
_OF_AVB = dict(_under("training", dict(_TRAINING, update="simultaneous", n_discriminator_updates=1)),
               **_under("training.generator", _ADAM), **_under("training.discriminator", _ADAM))
_OF_VAE = dict(_under("training", dict(_TRAINING, kl="closed_form")), **_under("training.generator", _ADAM))

# avb/inputs.py; 784 are a digit's pixels, 20 the batches that are annealed (--test-nais).
_MNIST = {"data.kind": "mnist", "data.binarisation": "dynamic", "data.n_validation": 5000,
          "training.generator_loss_scale": 1 / 784, "model.decoder.likelihood_from": "logits"}
_AVB = dict(_MNIST, **_OF_AVB, **{
    "data.batch_size": 128, "training.generator.learning_rate": 5e-5, "training.discriminator.learning_rate": 1e-4,
    "evaluation.ais.n_images": 20 * 128})
_VAE = dict(_MNIST, **_OF_VAE, **{
    "data.batch_size": 64, "training.generator.learning_rate": 1e-4, "evaluation.ais.n_images": 20 * 64})

# avb/avb/models/conv0.py and conv0_ac.py: the encoders' layers.
_CONV0 = dict(_under("model.encoder", {"center_input": True, "n_hidden_layers": 0, "activation": "elu"}),
              **_under("model.encoder.convolution", {
                  "n_channels": [64, 128, 256, 512], "kernel_size": 5, "stride": [1, 1, 2, 2]}))
_CONV0_ENCODER = dict(_CONV0, **{"model.encoder.noise_enters": "convolutions"})
_CONV0_AC_ENCODER = dict(
    _CONV0, **_under("model.encoder", {
        "convolution.has_batch_norm": True, "coefficient_activation": "elu_of_5_less", "initial_deviation": 1e-5,
        "n_moment_samples": None, "added_variance": 1e-4, "contrast_has_added_variance": False,
        "gradient_through_moments": False}),
    **_under("model.encoder.basis", {"n_hidden_layers": 3, "n_units": 128, "activation": "elu"}))
# avb/decoders/conv0.py: relu is the default of avb/ops.py.
_CONV0_DECODER = dict(_under("model.decoder", {"n_hidden_layers": 0, "activation": "elu", "built_on": "posterior_sample"}),
                      **_under("model.decoder.convolution", {
                          "n_channels": [512, 256, 128, 64], "kernel_size": 5, "stride": [2, 2, 1, 1], "activation": "relu"}))
# avb/avb/models/conv0.py: the adversary.
_CONV0_ADVERSARY = _under("model.discriminator", {
    "kind": "offset_inner_product", "center_input": False, "n_hidden_layers": 3, "n_units": 1024, "activation": "leaky_relu",
    "n_factors": 8192, "output_activation": "elu", "activated_factors": "of_x", "initial_deviation": 1e-5,
    "squared_norm_factor": 0.5})
# avb/vae/models/conv1.py and avb/decoders/conv1.py.
_CONV1 = dict(
    _under("model.encoder", {"center_input": True, "n_hidden_layers": 1, "n_units": 800, "activation": "softplus",
                             "spread_output": "log_standard_deviation"}),
    **_under("model.encoder.convolution", {"n_channels": [16, 32, 32], "kernel_size": 5, "stride": 2}),
    **_under("model.decoder", {"n_hidden_layers": 1, "n_units": 300, "activation": "softplus"}),
    **_under("model.decoder.convolution", {"n_channels": [32, 32, 16], "kernel_size": 5, "stride": 2, "odd_sizes": "exact"}))
# avb/avb/models/conv2.py, avb/decoders/conv2.py, and conv1.py's adversary; avb/ops.py has what a residual layer is.
_RESIDUAL = {"n_layers": 3, "n_channels": 64, "wiring": "published"}
_CONV2 = dict(
    _under("model.encoder", {"center_input": True, "noise_dim": 128, "noise_enters": "convolutions", "n_hidden_layers": 0,
                             "activation": "elu"}),
    **_under("model.encoder.convolution", {"n_channels": [64, 128, 256, 512], "kernel_size": 5, "stride": 2}),
    **_under("model.encoder.convolution.residual", _RESIDUAL),
    **_under("model.decoder", {"n_hidden_layers": 0, "activation": "elu", "built_on": "posterior_sample"}),
    **_under("model.decoder.convolution", {"n_channels": [512, 256, 128, 64], "kernel_size": 5, "stride": 2}),
    **_under("model.decoder.convolution.residual", _RESIDUAL),
    **_under("model.discriminator", {"kind": "convolutional", "center_input": True, "n_hidden_layers": 0, "activation": "elu",
                                     "squared_norm_factor": 0.5}),
    **_under("model.discriminator.convolution", {"n_channels": [64, 128, 256, 512], "kernel_size": 5, "stride": 2,
                                                 "has_batch_norm": True}))


def _annealing(n_steps, n_chains):
    return {"evaluation.ais.n_steps": n_steps, "evaluation.ais.n_chains": n_chains}


def _noise(n_dims, n_vectors):
    return {"model.encoder.basis.noise_dim": n_dims, "model.encoder.basis.n_vectors": n_vectors}


SETTINGS = {
    "mnist_8_avb": dict(_AVB, **_CONV0_ENCODER, **_CONV0_DECODER, **_CONV0_ADVERSARY, **_annealing(1000, 5), **{
        "model.kind": "avb", "model.latent_dim": 8, "model.encoder.noise_dim": 32}),
    "mnist_8_avb_ac": dict(_AVB, **_CONV0_AC_ENCODER, **_CONV0_DECODER, **_CONV0_ADVERSARY, **_annealing(2000, 8),
                           **_noise(32, 16), **{"model.kind": "avb_ac", "model.latent_dim": 8}),
    "mnist_32_avb_ac": dict(_AVB, **_CONV0_AC_ENCODER, **_CONV0_DECODER, **_CONV0_ADVERSARY, **_annealing(2000, 8),
                            **_noise(64, 32), **{"model.kind": "avb_ac", "model.latent_dim": 32}),
    "mnist_8_vae": dict(_VAE, **_CONV1, **_annealing(2000, 8), **{"model.kind": "vae", "model.latent_dim": 8}),
    "mnist_32_vae": dict(_VAE, **_CONV1, **_annealing(2000, 8), **{"model.kind": "vae", "model.latent_dim": 32}),
    "celeba_64_avb": dict(_OF_AVB, **_CONV2, **_annealing(2000, 8), **_under("model.likelihood", {  # experiments/avb_celebA_64
        "kind": "gaussian", "mean": "sigmoid", "log_scale.kind": "decoded", "log_scale.minimum": -10}), **{
        "model.kind": "avb", "model.latent_dim": 64, "data.kind": "npz", "data.binarisation": "none", "data.batch_size": 64,
        "training.generator_loss_scale": 1 / (64 * 64 * 3), "training.generator.learning_rate": 1e-5,
        "training.discriminator.learning_rate": 1e-4, "evaluation.ais.n_images": 20 * 64}),
}


# Of the rest: what is ours or has to be there, of no influence on what is trained; "n_units: []" is "n_hidden_layers: 0" again.
OURS = {"name", "seed", "data.path", "data.sha256", "data.n_validation", "model.encoder.n_units",
        "model.decoder.n_units", "model.discriminator.n_units", "model.decoder.probability_margin", "training.checkpoint_every",
        "training.snapshot_every", "evaluation.n_samples", *_under("runtime", dict.fromkeys([
            "inter_op_threads", "intra_op_threads", "keep_freed_memory", "narrow_weight_gradient", "product_relu_gradient"]))}


def celeba_images(folder, n=12):
    """Overrides that put n images and five for testing in the place of CelebA's, and set none apart."""
    random_state = np.random.RandomState(0)
    train, test = (random_state.randint(0, 256, (n, 64, 64, 3), dtype=np.uint8) for n in (n, 5))
    np.savez(str(folder / "celeba_64.npz"), train=train, test=test)
    return ["data.path=%s" % (folder / "celeba_64.npz"), "data.n_validation=0"]
