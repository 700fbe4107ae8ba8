import numpy as np
import pytest
from conftest import small
from test_networks import vae_config

from avb_tf1 import ais, evaluation, trainer
from avb_tf1.data import one_hot_images
from avb_tf1.graph import build_graph
from avb_tf1.quiet_tensorflow import open_session


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
        exact = evaluation.log_likelihood(decode, 2, one_hot_images())
    estimates, errors = ais.log_likelihood(config, path, n_chains=4000, n_steps=30)
    assert errors.max() < 0.02
    assert np.abs(estimates - exact).max() < 4 * errors.max()
    assert abs(estimates.mean() - exact.mean()) < 0.01
