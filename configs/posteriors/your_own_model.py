"""A straight line through five measurements, with a heavy-tailed prior on its slope; docs/your_own_model.md explains it."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

TIME = np.float32([-1.0, -0.5, 0.0, 0.5, 1.0])
MEASURED = np.float32([-1.1, -1.6, 0.4, 0.3, 2.0])  # made up
NOISE = 1.0                   # standard deviation of a measurement

title = "a line with a heavy-tailed slope"
introduction = "The slope is probably about 0, but if it isn't it may be anything: a Cauchy distribution, of scale .2."
coordinates = ["intercept", "slope"]


def prior():
    return tfd.Blockwise([
        tfd.MultivariateNormalDiag(loc=[0.0], scale_diag=[2.0]),
        tfd.Independent(tfd.StudentT(df=1.0, loc=[0.0], scale=[0.2]), 1)])


def log_likelihood(z):
    mean = z[:, :1] + z[:, 1:] * TIME
    return tf.reduce_sum(tfd.Normal(mean, NOISE).log_prob(MEASURED), axis=1)


derived = {"at time 2": lambda z: z[:, 0] + 2 * z[:, 1]}
modes = {"slope > 0.5": lambda z: z[:, 1] > 0.5}
