"""Eight schools (Rubin 1981): one effect for each school, about a mean mu and with a spread tau that are inferred, too.

Non-centred: theta_j = mu + tau eta_j with eta_j ~ N(0, 1), and y_j ~ N(theta_j, sigma_j) with sigma_j known. Given mu and tau
the eta_j are independent Gaussians, and without them y_j ~ N(mu, sigma_j**2 + tau**2), so that all that is to be integrated
numerically is two-dimensional. There are two of it: the canonical one, and one by the author of the paper with a tau of either
sign.
"""

import math
from functools import partial

import numpy as np

from avb_tf1.problems.given_posterior.problem import GaussianEffects, GivenPosterior, gaussian_prior, log_gaussian
from avb_tf1.problems.published import Published

_N_SCHOOLS = 8
_ETA = tuple("eta %d" % school for school in range(1, _N_SCHOOLS + 1))
_THETA = tuple("theta %d" % school for school in range(1, _N_SCHOOLS + 1))
_LOG_2_PI = math.log(2 * math.pi)


def _problem(y, sigma, log_prior_outer, tau_of, derived_tau, **others):
    """A GivenPosterior of the eight schools.

    Args:
        y, sigma: what was observed in each school, and its known standard error.
        log_prior_outer: log p(u), float64 [n], of u float64 [n, 2], mu and what tau is made from.
        tau_of: u's second column -> tau, in arrays.
        derived_tau: name -> function of u's second column, in arrays.
        others: what is given to GivenPosterior as it is.
    """
    sigma = np.array(sigma)
    derived = {name: partial(lambda function, z: function(z[:, 1]), function) for name, function in derived_tau.items()}
    for school, name in enumerate(_THETA):
        derived[name] = partial(lambda school, z: z[:, 0] + tau_of(z[:, 1]) * z[:, 2 + school], school)

    def log_joint(x, u):
        with np.errstate(over="ignore", divide="ignore"):  # far out variances are infinite, and the density is 0
            variance = sigma**2 + tau_of(u[:, 1:])**2
            terms = -0.5 * ((x - u[:, :1])**2 / variance + np.log(variance) + _LOG_2_PI)
            return terms.sum(axis=1) + log_prior_outer(u)

    def conditional(x, u):
        tau = tau_of(u[:, 1:])
        variance = sigma**2 + tau**2
        return tau * (x - u[:, :1]) / variance, sigma / np.sqrt(variance)

    def derived_moments(x, u):
        mean, deviation = conditional(x, u)
        tau = tau_of(u[:, 1:])
        of_tau = np.stack([function(u[:, 1]) for function in derived_tau.values()], axis=1)
        return (np.concatenate([of_tau, u[:, :1] + tau * mean], axis=1),
                np.concatenate([np.zeros_like(of_tau), (tau * deviation)**2], axis=1))

    return GivenPosterior(
        observations=np.float32([y]), observation_names=("the eight schools' estimates",), derived=derived,
        effects=GaussianEffects(2, log_joint, conditional, derived_moments), **others)


# The paper's author's: all of z is N(0, 1), and tau may be negative.
_STAN_SIGMA = (0.8, 0.5, 0.8, 0.6, 0.5, 0.6, 0.5, 0.4)
_STAN_SAMPLE_PRIOR, _STAN_LOG_PRIOR = gaussian_prior(2 + _N_SCHOOLS, 1.0)
STAN_EIGHT_SCHOOLS = _problem(
    y=(2.8, 0.8, -0.3, 0.7, -0.1, 0.1, 1.8, 1.2), sigma=_STAN_SIGMA,
    log_prior_outer=lambda u: -0.5 * (u**2).sum(axis=1) - _LOG_2_PI, tau_of=lambda tau: tau, derived_tau={"|tau|": np.abs},
    title="eight schools with a spread of either sign",
    introduction="Eight schools' effects are normal about a mean mu with a spread tau, which may be negative here: (tau, eta) "
                 "and (-tau, -eta) mean the same, so that the posterior has two modes.",
    coordinates=("mu", "tau", *_ETA), modes={"tau > 0": lambda z: z[:, 1] > 0},
    log_likelihood=lambda x, z: log_gaussian(x, z[:, :1] + z[:, 1:2] * z[:, 2:], _STAN_SIGMA),
    sources="Mescheder, Nowozin, Geiger 2017, the experiment on variational inference; data and recipe: notebook "
            "Stan-example.ipynb of LMescheder/AdversarialVariationalBayes, commit ee29153. The data are not Rubin's.",
    sample_prior=_STAN_SAMPLE_PRIOR, log_prior=_STAN_LOG_PRIOR)


# The canonical one, with log tau for the positive tau.
_SIGMA = (15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0)
_SCALE = 5.0                  # of the priors of mu and tau


def _log_half_cauchy(log_tau, softplus):
    """The log-density of log tau where tau is half-Cauchy(0, 5), the Jacobian of the logarithm included."""
    ratio = log_tau - math.log(_SCALE)
    return math.log(2 / math.pi) + ratio - softplus(2 * ratio)  # log(1 + (tau / 5)**2), safe for any tau


def _log_prior_outer(u):
    of_mu = -0.5 * ((u[:, 0] / _SCALE)**2 + _LOG_2_PI) - math.log(_SCALE)
    return of_mu + _log_half_cauchy(u[:, 1], partial(np.logaddexp, 0))


def _sample_prior(n, seed, name):
    from avb_tf1.ground.tensorflow import tf  # here, as given_posterior's docstring says
    with tf.name_scope(name):
        normal = tf.random.normal([n, 2 + _N_SCHOOLS], seed=seed)
        # log tau from a normal number of the same rank. log(tau / 5) is symmetric about 0: the tail that the number is in, of
        # mass p at most 1/2, is that of tan(pi / 2 p), which no rounding takes to 0 or infinity.
        tail = tf.math.erfc(tf.abs(normal[:, 1:2]) / math.sqrt(2)) / 2
        log_tau = math.log(_SCALE) - tf.sign(normal[:, 1:2]) * tf.log(tf.tan(math.pi / 2 * tail))
        return tf.concat([_SCALE * normal[:, :1], log_tau, normal[:, 2:]], axis=1)


def _log_prior(z):
    from avb_tf1.ground.tensorflow import tf  # here, as given_posterior's docstring says
    return (log_gaussian(z[:, :1], 0.0, _SCALE) + _log_half_cauchy(z[:, 1], tf.nn.softplus)
            + log_gaussian(z[:, 2:], 0.0, 1.0))


def _log_likelihood(x, z):
    from avb_tf1.ground.tensorflow import tf  # here, as given_posterior's docstring says
    return log_gaussian(x, z[:, :1] + tf.exp(z[:, 1:2]) * z[:, 2:], _SIGMA)


_POSTERIORDB = "stan-dev/posteriordb, commit 28f8d3d, 10,000 reference draws of eight_schools_noncentered"


def _published():
    moments = {"mu": (4.411, 3.309), "tau": (3.602, 3.199), "log tau": (0.808, 1.174)}
    moments.update(zip(_THETA, [(mean,) for mean in (6.151, 4.940, 3.906, 4.796, 3.614, 4.051, 6.317, 4.884)]))
    return {quantity: {statistic: Published(value, _POSTERIORDB, "read", 0.5e-3)
                       for statistic, value in zip(("mean", "standard_deviation"), values)}
            for quantity, values in moments.items()}


EIGHT_SCHOOLS = _problem(
    y=(28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0), sigma=_SIGMA,
    log_prior_outer=_log_prior_outer, tau_of=np.exp, derived_tau={"tau": np.exp},
    title="eight schools",
    introduction="Eight schools' effects are normal about a mean mu with a spread tau, half-Cauchy a priori. The data hardly "
                 "tell small values of tau apart: log tau has a long left tail.",
    coordinates=("mu", "log tau", *_ETA), sample_prior=_sample_prior, log_prior=_log_prior, log_likelihood=_log_likelihood,
    sources="Rubin 1981, Estimation in parallel randomized experiments; model: eight_schools_noncentered of "
            "stan-dev/posteriordb, commit 28f8d3d, with log tau for tau.",
    published=_published())
