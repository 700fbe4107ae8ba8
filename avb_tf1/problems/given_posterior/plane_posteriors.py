"""Posteriors of two parameters: three small inference problems, and two densities of known shape without data."""

import math

import numpy as np

from avb_tf1.problems.given_posterior.problem import GivenPosterior, gaussian_prior

_SAMPLE_PRIOR, _LOG_PRIOR = gaussian_prior(2, 2.0)  # of the two inference problems, as in their sources
_SOURCES = ("inference.vc, Variational Inference using Implicit Models, part %s; as in the notes on it in "
            "ltiao/ltiao.github.io.nikola.")
_POINTS = np.float32([[1.5, 1], [-1.5, 1], [0.5, -1]])
_EXPLAINED = (0, 5, 8, 12, 50)
_STAN_Y = np.float32([[2.8, 0.8, -0.3, 0.7, -0.1, 0.1, 1.8, 1.2]])
_STAN_SAMPLE_PRIOR, _STAN_LOG_PRIOR = gaussian_prior(2, 100.0**2)
_LEAST_LOG_SIGMA = -30.0      # below it log p(x|z) is under -1e25 anyway


def _log_explaining_away(x, z):
    from avb_tf1.ground.tensorflow import tf  # here, as given_posterior's docstring says
    causes = tf.nn.relu(z)
    mean = 3 + tf.reduce_sum(causes * tf.square(causes), axis=1)
    return -tf.log(mean) - x[:, 0] / mean


def _sample_explaining_away(z, seed, name):
    from avb_tf1.ground.tensorflow import tf  # here, as given_posterior's docstring says
    causes = tf.nn.relu(z)
    mean = 3 + tf.reduce_sum(causes * tf.square(causes), axis=1, keepdims=True)
    # 1 - u is above 0, as u is below 1.
    return -mean * tf.log(1 - tf.random.uniform(tf.shape(mean), seed=seed, name=name))


def _log_logistic_regression(x, z):
    from avb_tf1.ground.tensorflow import tf  # here, as given_posterior's docstring says
    return -tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=tf.matmul(z, _POINTS.T)), axis=1)


def _log_stan_gauss(x, z):
    from avb_tf1.ground.tensorflow import tf  # here, as given_posterior's docstring says
    # The wide prior reaches to where 1 / sigma**2 is infinite in float32: it stays what it is at the least log sigma.
    precision = tf.exp(-2 * tf.maximum(z[:, 1:], _LEAST_LOG_SIGMA))
    return tf.reduce_sum(-0.5 * tf.square(x - z[:, :1]) * precision - z[:, 1:] - 0.5 * math.log(2 * math.pi), axis=1)


def _density(log_density, **others):
    """A density of z [n, 2] that is known up to a constant, as a GivenPosterior without data.

    It has no prior. N(0, I) stands in for one, whose scale is about its own (standard deviations .63 to 1.00), and log_density
    minus the Gaussian's for the likelihood: their sum is log_density, and log p(x) the logarithm of its integral.
    """
    sample_prior, log_prior = gaussian_prior(2, 1.0)
    return GivenPosterior(
        coordinates=("a", "b"), observations=np.zeros((1, 0), np.float32), observation_names=("no data",),
        sample_prior=sample_prior, log_prior=log_prior, log_likelihood=lambda _, z: log_density(z) - log_prior(z),
        sources="a notebook of LMescheder/AdversarialVariationalBayes, commit ee29153. The Gaussian in the prior's place is "
                "not from there.", **others)


EXPLAINING_AWAY = GivenPosterior(
    title="explaining away",
    introduction="Either of two causes explains a large observation, an exponential number with the mean 3 + max(0, z1)^3 + "
                 "max(0, z2)^3. One q(z|x) is learned for all five observations.",
    coordinates=("z1", "z2"), observations=np.float32(_EXPLAINED)[:, np.newaxis],
    observation_names=tuple("x = %d" % value for value in _EXPLAINED), sample_prior=_SAMPLE_PRIOR, log_prior=_LOG_PRIOR,
    log_likelihood=_log_explaining_away, sample_likelihood=_sample_explaining_away, sources=_SOURCES % "II")
LOGISTIC_REGRESSION = GivenPosterior(
    title="logistic regression on three points",
    introduction="Two weights of a classifier of three points in the plane, without a bias; x are the points' labels.",
    coordinates=("w1", "w2"), observations=np.float32([[1, 1, 0]]), observation_names=("the labels +, +, −",),
    sample_prior=_SAMPLE_PRIOR, log_prior=_LOG_PRIOR, log_likelihood=_log_logistic_regression, sources=_SOURCES % "I")
STAN_GAUSS = GivenPosterior(
    title="a Gaussian's mean and spread",
    introduction="Mean and log standard deviation of a Gaussian of which there are eight numbers, both with a wide prior, "
                 "N(0, 100²). The larger sigma, the less is mu known: its tails are fat.",
    coordinates=("mu", "log sigma"), observations=_STAN_Y, observation_names=("eight numbers",),
    sample_prior=_STAN_SAMPLE_PRIOR, log_prior=_STAN_LOG_PRIOR, log_likelihood=_log_stan_gauss,
    sources="Notebook Stan-example.ipynb of LMescheder/AdversarialVariationalBayes, commit ee29153, the Stan program of its "
            "Gauss example; data: those of its eight schools. Its TensorFlow function has z / 200 for the priors' z^2 / 20000, "
            "which is not followed.")
BANANA = _density(lambda z: -(z[:, 0] - 1)**2 - (z[:, 1]**2 - z[:, 0])**2, title="a banana",
                  introduction="A density along a bent ridge, proportional to exp(−(a − 1)² − (b² − a)²).")
DONUT = _density(lambda z: -(z[:, 0]**2 + z[:, 1]**2 - 2)**2, title="a donut",
                 introduction="A density along a ring, proportional to exp(−(a² + b² − 2)²).")
