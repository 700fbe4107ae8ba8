"""What the authors of the recipes published: value by value, with the file that it was read in. Written from the sources.

The keys are the configs'. What a source doesn't have (a seed, how often we save) is not here.
"""


def _flat(tree, prefix=""):
    if not isinstance(tree, dict):
        return {prefix[:-1]: tree}
    return {key: value for word, branch in tree.items() for key, value in _flat(branch, "%s%s." % (prefix, word)).items()}


def _adam(rate, beta1):
    """The other two are the defaults of TensorFlow, Keras, Chainer and PyTorch alike."""
    return {"optimizer": "adam", "learning_rate": rate, "beta1": beta1, "beta2": 0.999, "epsilon": 1e-8}


def _layers(n, units, activation):
    return {"n_hidden_layers": n, "n_units": units, "activation": activation}


_MARGIN = 1e-6

# https://gist.github.com/poolio/b71eb943d6537d01f46e7b20e9225149, as a script: `params`, generative_network,
# inference_network, data_network (all 2 x 256 ReLU on inputs as they are), one AdamOptimizer(1e-3, beta1=0.5) for both losses,
# one sess.run for both train ops; the decoder is built on p_z and carried to q_z.
_POOLE = {
    "data": {"kind": "constant", "batch_size": 512},
    "model": {
        "kind": "avb", "latent_dim": 2,
        "encoder": dict(_layers(2, 256, "relu"), noise_dim=4, center_input=False),
        "decoder": dict(_layers(2, 256, "relu"), probability_margin=_MARGIN, built_on="prior_sample"),
        "discriminator": dict(_layers(2, 256, "relu"), kind="concat", center_input=False)},
    "training": {
        "update": "simultaneous", "n_discriminator_updates": 1, "linear_decay": None, "generator_loss_scale": 1,
        "generator": _adam(1e-3, 0.5), "discriminator": {"optimizer": "shared"}}}

# LMescheder/AdversarialVariationalBayes ee29153, notebooks/AVB_toy_example.ipynb and VAE_toy_example.ipynb. The likelihood is
# from logits: the margin is ours.
_ELU_64 = _layers(3, 64, "elu")
_MESCHEDER_DATA = {"kind": "uniform_labels", "batch_size": 512}
_MESCHEDER_AVB = {
    "data": _MESCHEDER_DATA,
    "model": {
        "kind": "avb", "latent_dim": 2,
        "encoder": dict(_ELU_64, noise_dim=64, center_input=False),
        "decoder": dict(_ELU_64, built_on="posterior_sample"),
        # net += fully_connected(dnet), five times, from a first layer with ELU; then ELU; at the end the sum of z squared.
        "discriminator": {"kind": "residual", "center_input": False, "n_blocks": 5, "n_units": 256, "activation": "elu",
                          "block_activation": "relu", "squared_norm_factor": 1}},
    "training": {
        "n_iterations": 100000, "update": "generator_first", "n_discriminator_updates": 2, "linear_decay": None,
        "generator_loss_scale": 1, "generator": _adam(2e-5, 0.9), "discriminator": _adam(1e-4, 0.9)}}
_MESCHEDER_VAE = {
    "data": _MESCHEDER_DATA,
    "model": {
        "kind": "vae", "latent_dim": 2,
        "encoder": dict(_ELU_64, center_input=False, spread_output="log_standard_deviation"),  # zlogstd
        "decoder": _ELU_64},
    "training": {
        "n_iterations": 100000, "kl": "sampled",  # 0.5 * square(z_inferred) - zlogstd - 0.5
        "linear_decay": None, "generator_loss_scale": 1, "generator": _adam(2e-5, 0.9)}}

# gdikov/adversarial-variational-bayes ebd692c: launcher.py (rates, batch, epochs), avb/models/networks/architectures.py
# (sizes, where x is centred), avb/data_iterator.py (data), avb/models/losses.py (scale), avb/models/avb.py (order),
# avb/models/networks/decoder.py (margin), avb/models/networks/encoder.py (adaptive contrast).
_RELU_256 = _layers(2, 256, "relu")


def _gdikov_data(batch_size):
    return {"kind": "shuffled_sample", "n_samples": 400, "batch_size": batch_size, "has_each_image": True, "noise": "fresh"}


def _gdikov_training(rate, discriminator_rate):
    return {
        "n_iterations": 200, "update": "generator_first", "n_discriminator_updates": 1, "linear_decay": None,
        "generator_loss_scale": 0.25, "generator": _adam(rate, 0.5), "discriminator": _adam(discriminator_rate, 0.5)}


_GDIKOV_VAE = {
    "data": _gdikov_data(399),  # avb/models/gaussian_vae.py: data_batch[:-1]
    "model": {
        "kind": "vae", "latent_dim": 2,
        "encoder": dict(_RELU_256, center_input=False, spread_output="log_variance"),
        "decoder": dict(_RELU_256, probability_margin=_MARGIN)},
    "training": {
        "n_iterations": 200, "kl": "closed_form", "linear_decay": None, "generator_loss_scale": 1,
        "generator": {"optimizer": "rmsprop", "learning_rate": 1e-3, "decay": 0.9}}}
_GDIKOV_AVB = {
    "data": _gdikov_data(400),
    "model": {
        "kind": "avb", "latent_dim": 2,
        "encoder": dict(_RELU_256, noise_dim=4, center_input=False),
        "decoder": dict(_RELU_256, probability_margin=_MARGIN, built_on="posterior_sample"),
        # Two layers with ReLU on each input; here the second is the output layer.
        "discriminator": dict(_layers(1, 256, "relu"), kind="inner_product", center_input=True, output_activation="relu",
                              output_scale=1)},
    "training": _gdikov_training(8e-4, 8e-4)}
_GDIKOV_AVB_AC = {
    "data": _gdikov_data(400),
    "model": {
        "kind": "avb_ac", "latent_dim": 2,
        "encoder": dict(
            _RELU_256, center_input=True, coefficient_activation="linear", n_moment_samples=100, added_variance=1e-5,
            gradient_through_moments=True, basis=dict(_layers(2, 32, "relu"), n_vectors=8, noise_dim=4)),
        "decoder": dict(_RELU_256, probability_margin=_MARGIN, built_on="posterior_sample"),
        "discriminator": dict(_RELU_256, kind="offset_inner_product", center_input=True, n_factors=4 * 256,
                              output_activation="relu", squared_norm_factor=0.5)},
    "training": _gdikov_training(5e-4, 7e-4)}

# seiya-kumada/avb f31e8c2: constants.py (numbers), dataset.py, sampler.py (noise), encoder.py (Encoder_2), decoder.py
# (Decoder_1), discriminator.py (Discriminator_1), train_2.py (order). The likelihood is from logits: the margin is ours.
_KUMADA = {
    "data": {"kind": "shuffled_sample", "n_samples": int(0.9 * 5000), "batch_size": 500, "has_each_image": False,
             "noise": "drawn_once"},
    "model": {
        "kind": "avb", "latent_dim": 2,
        "encoder": dict(_layers(3, 256, "relu"), noise_dim=2, center_input=True),
        "decoder": dict(_layers(3, 256, "tanh"), built_on="posterior_sample"),
        # Three layers with ReLU on each input; here the third is the output layer.
        "discriminator": dict(_layers(2, 256, "relu"), kind="inner_product", center_input=True, output_activation="relu",
                              output_scale=1 / 256)},
    "training": {
        "n_iterations": 400 * (4500 // 500), "update": "discriminator_first", "n_discriminator_updates": 1,
        "linear_decay": None, "generator_loss_scale": 1, "generator": _adam(1e-3, 0.3), "discriminator": _adam(1e-3, 0.3)}}

# fangleai/Implicit-LVM ac2d587, toy_onehot: models_onehot.py (Encoder, Decoder, Nu; F.leaky_relu's slope is .01),
# train_onehot.py (numbers, losses, order). 4 * num_particles codes; rec is of probabilities as they are, here of their logits.
_LEAKY_64 = _layers(3, 64, "leaky_relu_0.01")
_FANGLEAI = {
    "seed": 0,
    "data": {"kind": "uniform_labels", "batch_size": 4 * 64},
    "model": {
        "kind": "avb", "latent_dim": 2,
        "encoder": dict(_LEAKY_64, noise_dim=2, center_input=False),
        "decoder": dict(_LEAKY_64, probability_margin=0, built_on="posterior_sample"),
        "discriminator": dict(_LEAKY_64, n_hidden_layers=2, kind="concat", center_input=False)},
    "training": {
        "n_iterations": 80000, "update": "discriminator_first", "n_discriminator_updates": 5, "linear_decay": None,
        "generator_loss_scale": 1, "discriminator_loss": "fenchel_dual",
        "generator": _adam(1e-5, 0.9), "discriminator": _adam(1e-5, 0.9)}}

# Mescheder, Nowozin, Geiger 2017, section "Synthetic example", recalled: encoder and decoder of two hidden layers of 512; two
# networks with four hidden layers of 512 each and 512 outputs, combined by an inner product. No rates are given.
_PAPER_AVB = {
    "model": {
        "latent_dim": 2, "encoder": {"n_hidden_layers": 2, "n_units": 512}, "decoder": {"n_hidden_layers": 2, "n_units": 512},
        "discriminator": {"kind": "inner_product", "n_hidden_layers": 4, "n_units": 512}}}
_PAPER_VAE = {"model": {
    "kind": "vae", "latent_dim": 2, "encoder": {"n_hidden_layers": 2, "n_units": 512},
    "decoder": {"n_hidden_layers": 2, "n_units": 512}}}

# LMescheder/AdversarialVariationalBayes ee29153, notebooks/Stan-example.ipynb: param_dim, posterior, adversary, loss_primal,
# popt, dopt, run_training. The network stands for log q; here for T, which lacks log r of the normalised z.
def _stan_example(kind, dim):
    return {
        "problem": {"kind": kind, "batch_size": 512},
        "model": {
            "kind": "avb_ac", "latent_dim": dim,
            "encoder": dict(_layers(2, 128, "elu"), noise_dim=dim, center_input=False, added_standard_deviation=1e-6),
            "discriminator": {"kind": "residual", "center_input": False, "n_blocks": 5, "n_units": 256,
                              "activation": "leaky_relu", "block_activation": "leaky_relu", "squared_norm_factor": 0.5,
                              "starts_at_zero": True}},
        "training": {
            "n_iterations": 10000, "update": "generator_first", "n_discriminator_updates": 2, "linear_decay": None,
            "generator_loss_scale": 1, "generator": _adam(1e-4, 0.5), "discriminator": _adam(2e-4, 0.5)}}


# ltiao/ltiao.github.io.nikola 604b0a8, notes/variational-inference-with-implicit-approximate-inference-models-fhuszars-
# explaining-away-example-pt-1-wip/index.ipynb: NOISE_DIM, BATCH_SIZE, LEARNING_RATE, Dense layers, 3*50 steps of the
# discriminator, four animations of 50 "epochs"; Keras 2.0's Adam. The discriminator of z alone is that of logistic regression.
def _explaining_away_notes(kind, discriminator):
    sizes = _layers(2, [10, 20], "relu")
    return {
        "problem": {"kind": kind, "batch_size": 200},
        "model": {
            "kind": "avb", "latent_dim": 2, "encoder": dict(sizes, noise_dim=3, center_input=False),
            "discriminator": dict(sizes, kind=discriminator, center_input=False)},
        "training": {
            "n_iterations": 4 * 50, "update": "discriminator_first", "n_discriminator_updates": 3 * 50, "linear_decay": None,
            "generator_loss_scale": 1, "generator": _adam(3e-3, 0.9), "discriminator": _adam(3e-3, 0.9)}}


PUBLISHED = {name: _flat(tree) for name, tree in {
    "recipes/poole_gist": _POOLE, "recipes/mescheder_avb": _MESCHEDER_AVB, "recipes/mescheder_vae": _MESCHEDER_VAE,
    "recipes/gdikov_vae": _GDIKOV_VAE, "recipes/gdikov_avb": _GDIKOV_AVB, "recipes/gdikov_avb_ac": _GDIKOV_AVB_AC,
    "recipes/kumada_avb": _KUMADA, "recipes/fangleai_fenchel": _FANGLEAI, "paper_avb": _PAPER_AVB, "paper_vae": _PAPER_VAE,
    "posteriors/stan_eight_schools": _stan_example("stan_eight_schools", 10),
    "posteriors/mescheder_banana": _stan_example("banana", 2), "posteriors/mescheder_donut": _stan_example("donut", 2),
    "posteriors/ltiao_logistic_regression": _explaining_away_notes("logistic_regression", "concat"),
    "posteriors/ltiao_explaining_away": _explaining_away_notes("explaining_away", "sum")}.items()}

# Of the recipes' keys, those that no source gives a value for.
OURS = {name: {"name", "seed", "training.checkpoint_every", "training.snapshot_every"} for name in PUBLISHED}
OURS["recipes/poole_gist"] |= {"training.n_iterations"}
OURS["recipes/fangleai_fenchel"] |= {"model.decoder.likelihood_from"}
OURS["recipes/gdikov_vae"] |= {"training.generator.epsilon"}  # 1e-8, outside the root; the test of RMSprop holds it
for _name in PUBLISHED:
    if _name.startswith("posteriors/"):
        OURS[_name] |= {"evaluation.n_samples"}
for _name in ("recipes/mescheder_avb", "recipes/mescheder_vae", "recipes/kumada_avb"):
    OURS[_name] |= {"model.decoder.probability_margin"}
