"""Normalizing flows in numpy, float64: each way there by its formulas, densities by differences of it, and no code of ours."""

import numpy as np
from scipy.special import expit
from scipy.stats import norm


def elu(values):
    return np.where(values > 0, values, np.expm1(np.minimum(values, 0)))


def relu(values):
    return np.maximum(values, 0)


class Weights:
    """The variables of a flow's layer, by the end of their names."""

    def __init__(self, weights, number):
        self._weights, self._layer = weights, "flow/layer_%d/" % number

    def of(self, scope):
        return [self._weights["%s%s/%s" % (self._layer, scope, name)] for name in ("weights", "biases")]

    def linear(self, inputs, scope, allowed=1.0):
        weights, biases = self.of(scope)
        return inputs @ (weights * allowed) + biases


def iaf(z, context, weights, config):
    """The formulas of LMescheder's apply_iaf and iaf_layer, of one hidden layer or more."""
    dim = z.shape[1]
    sees = np.arange(1, dim + 1)
    hidden, of_inputs = z, sees
    for number, size in enumerate(config.hidden_sizes, 1):
        degree = np.array([1 + unit % (dim - 1) for unit in range(size)])
        allowed = np.array([[float(unit >= own) for unit in degree] for own in of_inputs])
        own = weights.linear(hidden, "hidden_%d" % number, allowed)
        hidden = elu(own + (weights.linear(context, "context") if number == 1 else 0))
        of_inputs = degree
    to_output = np.array([[float(unit < own) for own in sees] for unit in of_inputs])
    skip = np.array([[float(i < j) for j in range(dim)] for i in range(dim)])
    m = config.shift_scale * (weights.linear(hidden, "shift", to_output) + weights.linear(z, "shift_of_z", skip))
    s = 1 + config.gate_scale * (weights.linear(hidden, "gate", to_output) + weights.linear(z, "gate_of_z", skip))
    return expit(s) * z + (1 - expit(s)) * m


def conditioner(z, context, weights, config):
    hidden = np.column_stack([z[:, :z.shape[1] // 2], context])
    for number in range(1, config.n_hidden_layers + 1):
        hidden = relu(weights.linear(hidden, "hidden_%d" % number))
    return weights.linear(hidden, "output")


def coupling(z, context, weights, config):
    shift, raw = np.split(conditioner(z, context, weights, config), 2, axis=1)
    n = z.shape[1] // 2
    scale = np.exp(config.max_log_scale * np.tanh(raw / config.max_log_scale))
    return np.column_stack([z[:, :n], z[:, n:] * scale + shift])


def spline(z, context, weights, config):
    """Durkan et al. 2019, equations 4 and 5, a coordinate and a row after the other."""
    n, k, bound = z.shape[1] // 2, config.n_bins, config.range
    outputs = conditioner(z, context, weights, config).reshape(len(z), -1, 3 * k - 1)
    image = z.copy()

    def knots(raw):
        share = np.exp(raw - raw.max())
        return -bound + 2 * bound * np.append(0, np.cumsum(1e-2 + (1 - k * 1e-2) * share / share.sum()))

    for row in range(len(z)):
        for column, raw in enumerate(outputs[row], n):
            x, y = knots(raw[:k]), knots(raw[k:2 * k])
            inner = 1e-2 + (1 - 1e-2) * np.logaddexp(0, raw[2 * k:] + np.log(np.e - 1))
            slope = np.concatenate([[1], inner, [1]])
            value = z[row, column]
            if abs(value) < bound:
                b = np.searchsorted(x, value, side="right") - 1
                steep, xi = (y[b + 1] - y[b]) / (x[b + 1] - x[b]), (value - x[b]) / (x[b + 1] - x[b])
                image[row, column] = y[b] + (y[b + 1] - y[b]) * (steep * xi**2 + slope[b] * xi * (1 - xi)) / (
                    steep + (slope[b + 1] + slope[b] - 2 * steep) * xi * (1 - xi))
    return image


FAMILIES = {"iaf": iaf, "coupling": coupling, "spline": spline}


class Flow:
    """q(z|x) at n rows of x: `mean` [n, dim] and `scale` [n, dim, dim] of its Gaussian, `context` [n, any], all variables."""

    def __init__(self, config, weights, mean, scale, context):
        self.config, self.weights, self.mean, self.scale, self.context = config, weights, mean, scale, context

    def _gaussian(self, z):
        return self.mean + np.einsum("nij,nj->ni", self.scale, z)

    def forward(self, eps):
        z = self._gaussian(eps) if self.config.kind == "iaf" else eps
        for number in range(1, self.config.depth + 1):
            z = FAMILIES[self.config.kind](z, self.context, Weights(self.weights, number), self.config)[:, ::-1]
        return z if self.config.kind == "iaf" else self._gaussian(z)

    def log_prob(self, eps, step=1e-6):
        """log q(z|x) at z = forward(eps), [n]: the Gaussian's less log |det dz/deps| by differences."""
        columns = [(self.forward(eps + move) - self.forward(eps - move)) / (2 * step) for move in step * np.eye(eps.shape[1])]
        _, log_det = np.linalg.slogdet(np.stack(columns, axis=2))
        return norm.logpdf(eps).sum(axis=1) - log_det
