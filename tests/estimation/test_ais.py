import numpy as np
import pytest
from helpers import slow, small, vae_config
from scipy.special import expit
from scipy.stats import multivariate_normal, norm

from avb_tf1.estimation import adaptive_quadrature, ais, quadrature
from avb_tf1.estimation.likelihoods import Bernoulli
from avb_tf1.graph import networks
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.tensorflow import open_session, tf
from avb_tf1.problems.known_images.four_images import PROBLEM
from avb_tf1.training import trainer


def estimated(config, path, n_chains, n_steps):
    """What annealing from the prior makes of the decoder in a checkpoint."""
    return ais.anneal(
        ais.bernoulli(lambda z: networks.decoder(z, PROBLEM.n_pixels, config.model)),
        lambda session, saver: saver.restore(session, path), PROBLEM.images,
        ais.path_from_prior(PROBLEM.n_images, config.model.latent_dim), config.seed, n_chains, n_steps)[:2]


@pytest.mark.slow
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


@pytest.mark.slow
def test_agrees_with_an_integral_of_a_sharp_decoder(tmp_path):
    """All pixels come on at z = 2. A sampler that takes the last temperature's density along is 20 standard errors too low."""
    config = small("model.latent_dim=1", "model.decoder.n_hidden_layers=0")
    model = build_graph(config, is_trained=True)
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


def no_variables(session, saver):
    assert saver is None


def test_a_path_begins_one_and_a_half_times_as_wide_as_the_posterior():
    mean, scale = np.float32([[1, 2]]), np.float32([[0.5, 4]])
    path = ais.path_from_posterior(mean, scale)
    assert [own.tolist() for own in path] == [[[1, 2]], [[0.75, 6]], [[0.5, 4]]]
    assert [own.tolist() for own in ais.path_from_prior(1, 2)] == [[[0, 0]], [[1, 1]], [[1, 1]]]


@pytest.mark.slow
def test_a_coordinate_in_which_q_hardly_varies_is_no_reason_to_begin_at_a_point():
    log_likelihood, x, exact, mean, scale = linear_gaussian(10)
    scale[:, 0] = 1e-7
    found = ais.anneal(log_likelihood, no_variables, x, ais.path_from_posterior(mean, scale), 0, n_chains=64, n_steps=200)
    assert np.abs(found.log_likelihood - exact).max() < 0.5 and (found.standard_error < 0.2).all()


def linear_gaussian(n):
    """Of 10 observed and 8 latent dimensions: log p(x|z) in TensorFlow, n draws of x, log p(x), the moments of p(z|x)."""
    random_state = np.random.RandomState(5)
    w, noise = random_state.standard_normal((8, 10)), 0.5
    x = random_state.standard_normal((n, 8)) @ w + noise * random_state.standard_normal((n, 10))
    exact = multivariate_normal(np.zeros(10), w.T @ w + noise**2 * np.eye(10)).logpdf(x)
    covariance = np.linalg.inv(np.eye(8) + w @ w.T / noise**2)
    scale = np.tile(np.sqrt(np.diag(covariance)), (n, 1))

    def log_likelihood(x, z):
        predicted = tf.tensordot(z, tf.constant(w, tf.float32), 1)
        return (-tf.reduce_sum((x - predicted)**2, axis=-1) / (2 * noise**2)
                - 10 * (np.log(noise) + np.log(2 * np.pi) / 2))

    return log_likelihood, x, exact, x @ w.T @ covariance / noise**2, scale


@pytest.mark.parametrize("start, n_steps, error", [
    ("posterior", 100, 0.1), slow("prior", 500, 0.3), slow("prior, posterior unknown", 500, 0.3)])
def test_agrees_with_a_linear_gaussian_model_of_8_dimensions(start, n_steps, error):
    log_likelihood, x, exact, mean, scale = linear_gaussian(30)
    from_prior = ais.path_from_prior(30, 8)
    path = {"posterior": ais.path_from_posterior(mean, scale), "prior": from_prior._replace(posterior_scale=scale),
            "prior, posterior unknown": from_prior}[start]
    found = ais.anneal(log_likelihood, no_variables, x, path, 0, n_chains=64, n_steps=n_steps)
    deviations = (found.log_likelihood - exact) / found.standard_error
    assert abs(deviations.mean()) < 2.5 * deviations.std() / np.sqrt(30)
    assert np.abs(deviations).max() < 5
    assert np.median(found.standard_error) < error
    assert ((found.acceptance > 0.6) & (found.acceptance < 0.7)).all()
    ends = (found.states - mean) / scale
    assert ends.shape == (64, 30, 8) and abs(ends.mean()) < 0.05 and abs(ends.std() - 1) < 0.05


def random_decoder():
    """One of 2 latent dimensions and 64 pixels, in numpy and in TensorFlow, and 100 images of it."""
    random_state = np.random.RandomState(6)
    w1, b1, w2, b2 = (random_state.standard_normal(shape).astype(np.float32) for shape in ((2, 30), 30, (30, 64), 64))

    def in_numpy(z):
        return expit(np.tanh(z @ w1 + b1) @ w2 + b2)

    def in_tensorflow(z):
        return tf.sigmoid(tf.matmul(tf.tanh(tf.matmul(z, w1) + b1), w2) + b2)

    p = in_numpy(random_state.standard_normal((100, 2)).astype(np.float32))
    return in_numpy, in_tensorflow, (random_state.random_sample(p.shape) < p).astype(np.float32)


@pytest.mark.slow
def test_agrees_with_the_quadrature_on_100_images():
    in_numpy, in_tensorflow, images = random_decoder()
    exact = adaptive_quadrature.integrals(Bernoulli(in_numpy), 2, images)
    scale = np.sqrt(exact.covariance[:, [0, 1], [0, 1]])
    # Not where the posterior is, as an encoder is not right either.
    path = ais.path_from_posterior(exact.mean + 0.3 * scale, 0.8 * scale)
    found = ais.anneal(ais.bernoulli(in_tensorflow), no_variables, images, path, 0, n_chains=32, n_steps=50)
    deviations = (found.log_likelihood - exact.log_likelihood) / found.standard_error
    assert abs(deviations.mean()) < 2 * deviations.std() / 10
    assert 0.8 < deviations.std() < 1.3
    assert np.median(found.standard_error) < 0.1
    assert ((found.acceptance > 0.6) & (found.acceptance < 0.7)).all()


@pytest.mark.slow
def test_follows_from_the_seed_and_goes_through_in_parts(monkeypatch):
    log_likelihood, x, exact, mean, scale = linear_gaussian(5)
    path = ais.path_from_posterior(mean, scale)

    def estimates(seed):
        found = ais.anneal(log_likelihood, no_variables, x, path, seed, 16, 20, n_leapfrog_steps=2)
        assert (np.abs(found.log_likelihood - exact) < 4 * found.standard_error).all() and found.standard_error.max() < 1
        return found.log_likelihood

    first = estimates(2**32 - 1)
    np.testing.assert_array_equal(first, estimates(2**32 - 1))
    assert (first != estimates(7)).all()
    monkeypatch.setattr(ais, "_MAX_CHAINS", 32)
    in_parts = estimates(2**32 - 1)
    np.testing.assert_array_equal(in_parts, estimates(2**32 - 1))


@pytest.mark.slow
def test_pixels_that_can_only_be_off_or_on_leave_it_finite():
    def decode(z):
        return tf.concat([tf.ones_like(z), tf.zeros_like(z), tf.sigmoid(z)], axis=1)

    images = np.float32([[1, 1, 0, 0, 1, 1]])
    found = ais.anneal(ais.bernoulli(decode), no_variables, images, ais.path_from_prior(1, 2), 0, n_chains=500, n_steps=10)
    assert found.log_likelihood[0] == pytest.approx(2 * np.log(0.5), abs=0.02)


@pytest.mark.slow
def test_as_many_gradients_are_taken_as_is_said():
    taken = []

    def count(z):
        taken.append(z.shape[0] * z.shape[1])
        return np.float32(0)

    def log_likelihood(_, z):
        nothing = tf.py_func(count, [z], tf.float32)
        nothing.set_shape([])
        return tf.reduce_sum(-z**2, axis=2) + nothing

    for n_chains in (5, 40):
        taken.clear()
        ais.anneal(log_likelihood, lambda *_: None, np.zeros((3, 1), np.float32), ais.path_from_prior(3, 2), 0, n_chains, 4, 2)
        assert sum(taken) == 3 * ais.n_gradients(n_chains, 4, 2)
