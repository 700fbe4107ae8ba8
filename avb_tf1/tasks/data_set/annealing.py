"""Annealed importance sampling of log p(x) under a trained decoder, in a graph of its own."""

from avb_tf1.estimation import ais
from avb_tf1.graph import networks as graph_networks

# What log p(x|z) is computed from -> it, and the network that gives it.
_DENSITIES = {
    "probabilities": (ais.bernoulli, graph_networks.decoder),
    "logits": (ais.bernoulli_of_logits, graph_networks.decoder_logits),
    "gaussian": (ais.gaussian, graph_networks.gaussian_decoder)}


def annealing(networks, problem, config):
    """Return the function that measures.Settings has for annealing, by the settings and the seed of a run of a data set.

    log p(x|z) is computed from what the model computes it from.

    Args:
        networks: trained_networks.Networks, whose decoder_weights it takes.
        problem: ImageDataset; config: the run's.

    Returns:
        Function of images, float32 [n, n_values], and of mean and standard deviation of their q(z|x), [n, latent_dim] each ->
        ais.Annealed. The same images have the same estimates; among others, one may have other ones.
    """
    settings, model = config.evaluation.ais, config.model
    density, build = _DENSITIES["gaussian" if model.likelihood.kind == "gaussian" else model.decoder.likelihood_from]
    density = density(lambda z: build(z, problem.n_values, model, problem.image_shape))

    def restore(session, _):
        weights = networks.decoder_weights()
        for variable in session.graph.get_collection("variables"):
            variable.load(weights[variable.op.name], session)

    def annealed(images, mean, scale):
        return ais.anneal(density, restore, images, ais.path_from_posterior(mean, scale), config.seed, settings.n_chains,
                          settings.n_steps)

    return annealed
