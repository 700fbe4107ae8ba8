"""log p(x) of the 300 test digits under a model that was trained on the others, found in several ways."""

import numpy as np
import pytest
from image_data import image_config
from scipy.special import logsumexp

from avb_tf1.estimation import adaptive_quadrature, quadrature
from avb_tf1.estimation.densities import log_bernoulli, log_prior
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.experiment.run import Experiment, opened_model
from avb_tf1.tasks.data_set import measures
from avb_tf1.tasks.data_set.annealing import annealing
from avb_tf1.training import trainer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained():
    """The networks of a VAE, its config and problem, and the Integrals of its test images."""
    config = image_config("digits_vae", "model.encoder.n_units=64", "model.decoder.n_units=64", "data.batch_size=128",
                          "training.n_iterations=2000", "training.generator.learning_rate=2e-3",
                          "evaluation.ais={n_images: 100, n_chains: 16, n_steps: 150}")
    experiment = Experiment.of(config)
    problem = experiment.problem
    with opened_model(experiment) as (session, model):
        session.run(model.initialize)
        trainer.train(session, model, config.training, [])
        networks = trainer.array_functions(session, model)
        assert networks.likelihood.logits is not None
        yield networks, config, problem, adaptive_quadrature.integrals(networks.likelihood, 2, problem.test_images())


def test_it_was_trained(trained):
    assert trained[3].log_likelihood.mean() > -30


@pytest.mark.parametrize("n_cells", [300, 450])
def test_the_quadrature_agrees_with_uniform_grids(trained, n_cells):
    networks, _, problem, found = trained
    images, side = problem.test_images().astype(np.float64), 13 / n_cells
    points = quadrature.grid((np.arange(n_cells) + 0.5) * side - 6.5, 2)
    total = np.full(len(images), -np.inf)
    for z in np.array_split(points, 20):
        logits = networks.likelihood.logits(z.astype(np.float32)).astype(np.float64)
        joint = logits @ images.T + (log_prior(z) - np.logaddexp(0, logits).sum(axis=1))[:, np.newaxis]
        total = np.logaddexp(total, logsumexp(joint, axis=0))
    differences = total + 2 * np.log(side) - found.log_likelihood
    assert np.abs(differences).max() < 0.01 and abs(differences.mean()) < 1e-3
    assert found.error.max() < adaptive_quadrature.TOLERANCE


def test_the_quadrature_agrees_with_samples_of_the_prior(trained):
    networks, _, problem, found = trained
    images, random_state = problem.test_images(), np.random.RandomState(0)
    moments = np.zeros((2, len(images)))
    for _ in range(20):
        z = random_state.standard_normal((20000, 2)).astype(np.float32)
        ratios = np.exp(log_bernoulli(in_chunks(networks.decode, z), images) - found.log_likelihood)
        moments += ratios.sum(axis=0), (ratios**2).sum(axis=0)
    mean, square = moments / 400000
    errors = np.sqrt((square - mean**2) / 400000)
    assert np.median(errors) < 0.02 and np.abs(mean.mean() - 1) < 0.01
    assert (np.abs(mean - 1) < 4.5 * errors).mean() > 0.98


def test_annealing_agrees_with_the_quadrature(trained):
    networks, config, problem, found = trained
    rows = problem.some_rows("test", config.evaluation.ais.n_images)
    images = problem.test_images()[rows]
    moments = measures.posterior_moments(networks, images, np.random.RandomState(0), 100)
    annealed = annealing(networks, problem, config)(images, *moments)
    deviations = (annealed.log_likelihood - found.log_likelihood[rows]) / annealed.standard_error
    assert abs(deviations.mean()) < 2 * max(deviations.std(), 1) / np.sqrt(100) + annealed.standard_error.mean() / 2
    assert (np.abs(deviations) > 2).sum() < 15
    assert np.median(annealed.standard_error) < 0.1
    assert ((annealed.acceptance > 0.55) & (annealed.acceptance < 0.75)).all()
