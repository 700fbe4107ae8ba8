import numpy as np
import pytest
from helpers import small, vae_config
from scipy.special import expit
from scipy.stats import norm

from avb_tf1.evaluation import ais, quadrature
from avb_tf1.graph import networks
from avb_tf1.graph.builder import build_graph
from avb_tf1.problems.four_images import PROBLEM
from avb_tf1.quiet_tensorflow import open_session
from avb_tf1.training import trainer


def estimated(config, path, n_chains, n_steps):
    """What ais.log_likelihood makes of the decoder in a checkpoint."""
    return ais.log_likelihood(
        lambda z: networks.decoder(z, PROBLEM.n_pixels, config.model), lambda session, saver: saver.restore(session, path),
        PROBLEM.images, config.model.latent_dim, config.seed, n_chains, n_steps)


@pytest.mark.parametrize("config", [
    small("data.batch_size=64", "model.encoder.n_units=32", "model.decoder.n_units=32", "training.n_iterations=400",
          "training.generator.learning_rate=3e-3"),
    vae_config()], ids=["avb", "vae"])
def test_agrees_with_the_quadrature(config, tmp_path):
    model = build_graph(config)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        trainer.train(session, model, config.training, [])
        path = model.saver.save(session, str(tmp_path / "model"))
        decode = trainer.array_functions(session, model).decode
        exact = quadrature.log_likelihood(decode, 2, PROBLEM.images)
    estimates, errors = estimated(config, path, n_chains=4000, n_steps=30)
    assert errors.max() < 0.02
    assert np.abs(estimates - exact).max() < 4 * errors.max()
    assert abs(estimates.mean() - exact.mean()) < 0.01


def test_agrees_with_an_integral_of_a_sharp_decoder(tmp_path):
    """All pixels come on at z = 2. With a kernel that remembers the last temperature's density, 20 standard errors too low."""
    config = small("model.latent_dim=1", "model.decoder.n_hidden_layers=0")
    model = build_graph(config)
    with open_session(model.graph, 1, 1) as session:
        session.run(model.initialize)
        for variable, value in zip(model.variables["decoder"], (np.full((1, 4), 8), np.full(4, -16))):
            variable.load(value, session)
        path = model.saver.save(session, str(tmp_path / "model"))
    z, margin = np.linspace(-10, 10, 100001), config.model.decoder.probability_margin
    p = margin + (1 - 2 * margin) * expit(8 * z - 16)
    exact = np.log(np.trapz(p * (1 - p)**3 * norm.pdf(z), z))
    estimates, errors = estimated(config, path, n_chains=20000, n_steps=30)
    assert errors.max() < 0.015
    assert np.abs(estimates - exact).max() < 4 * errors.max()
