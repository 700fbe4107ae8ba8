"""A GivenPosterior from the names that a Python file of the user's defines.

docs/your_own_model.md tells a user what these are.
"""

import difflib
import inspect
import types

import numpy as np

from avb_tf1.ground.errors import printable, shortened
from avb_tf1.problems.given_posterior import python_checks, python_file
from avb_tf1.problems.given_posterior.problem import GivenPosterior
from avb_tf1.problems.given_posterior.python_checks import LARGEST, UNCONSTRAINED
from avb_tf1.problems.given_posterior.python_file import ModelError, told

_MAX_DIM = 1024
_MAX_OBSERVATIONS = 1000      # each has an exact posterior of its own, which takes a second
_MAX_NAME, _MAX_TEXT = 60, 2000
# What may be left out, and of what kind it is.
_OPTIONAL = {"observations": (list, tuple, np.ndarray), "observation_names": (list, tuple), "title": str, "introduction": str,
             "derived": dict, "modes": dict, "exact_draws": types.FunctionType}
_loaded = {}                  # by the files' texts


def load(source, path):
    """Return the GivenPosterior that a file with the text `source` defines; each text is run once in a process.

    Raises python_file.ModelError if it can't be used: one line that names the file, as `path`, and what is wrong.
    """
    if source not in _loaded:
        names = python_file.names_of(source, path)
        with told(path):  # a name may be of a class of the file's own, which says something else each time
            problem = _File(path, names).posterior()
        python_checks.require_usable(problem, path)
        _loaded[source] = problem
    return _loaded[source]


class _File:
    """What a file defines, checked as far as that takes no TensorFlow."""

    def __init__(self, path, names):
        self._path, self._names = path, names

    def _refuse(self, text, *values):
        raise ModelError("%s: %s" % (self._path, text % values))

    def _require_known(self):
        """Refuse a misspelt name that may be left out, which would be left out without a word."""
        for name, value in self._names.items():
            for meant in difflib.get_close_matches(name, _OPTIONAL, n=1, cutoff=0.8):
                if meant not in self._names and isinstance(value, _OPTIONAL[meant]):
                    self._refuse("%s: did you mean %s? If not, give it another name", name, meant)

    def posterior(self):
        self._require_known()
        path, dim = self._path, len(self._coordinates())
        observations, observation_names = self._observations()
        has_x = "observations" in self._names
        prior, log_likelihood = (self._function(name) for name in ("prior", "log_likelihood"))
        self._require_parameters("prior", prior, "")
        if not has_x and _takes(log_likelihood, 2) and not _takes(log_likelihood, 1):
            self._refuse("observations is missing: the x of log_likelihood(x, z), [n_x, d_x]")
        self._require_parameters("log_likelihood", log_likelihood, "x, z" if has_x else "z")

        def distribution():
            with told(path, "prior"):
                return _checked_prior(prior(), dim, path)

        def sample_prior(n, seed, name):
            from avb_tf1.ground.tensorflow import tf  # here, as given_posterior's docstring says
            with told(path, "prior().sample"):
                return tf.reshape(distribution().sample(n, seed=seed), [n, dim], name=name)

        def log_prior(z):
            with told(path, "prior().log_prob"):
                return distribution().log_prob(z)

        def log_likelihood_of(x, z):
            with told(path, "log_likelihood"):
                return log_likelihood(x, z) if has_x else log_likelihood(z)

        return GivenPosterior(
            title=self._text("title", "a posterior of your own"), introduction=self._text("introduction", ""),
            coordinates=self._coordinates(), observations=observations, observation_names=observation_names,
            sample_prior=sample_prior, log_prior=log_prior, log_likelihood=log_likelihood_of,
            sources="the file model.py in the run's folder.", derived=self._functions("derived", _derived),
            modes=self._functions("modes", _mode), exact_draws=self._exact_draws(dim, has_x))

    def _coordinates(self):
        coordinates = self._names.get("coordinates")
        if coordinates is None:
            self._refuse("coordinates is missing: a list of names, one for each dimension of z")
        self._require_names("coordinates", coordinates)
        if len(coordinates) > _MAX_DIM:
            self._refuse("coordinates has %d names; at most %d are possible", len(coordinates), _MAX_DIM)
        return tuple(coordinates)

    def _require_names(self, what, names):
        if not isinstance(names, (list, tuple)) or not names or not all(_is_name(name) for name in names):
            self._refuse("%s must be a list of names: texts of 1 to %d characters, without $ and line breaks", what, _MAX_NAME)
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            self._refuse("%s has %r twice", what, twice[0])

    def _observations(self):
        """The observations, float32 [n_x, d_x], and their names; of one posterior without an x [1, 0]."""
        if "observations" not in self._names:
            return np.zeros((1, 0), np.float32), ("the data",)
        with told(self._path, "observations"):
            observations = _numbers(self._names["observations"], "observations", self._path)
        if observations.ndim != 2 or not observations.size:
            self._refuse("observations has the shape %s: [n_x, d_x] is wanted, a row for each x", list(observations.shape))
        if len(observations) > _MAX_OBSERVATIONS:
            self._refuse("observations has %d rows; at most %d are possible", len(observations), _MAX_OBSERVATIONS)
        with np.errstate(over="ignore"):
            observations = observations.astype(np.float32)
        is_bad = ~np.isfinite(observations).all(axis=1)
        if is_bad.any():
            self._refuse("observations must be finite; row %d is not", np.flatnonzero(is_bad)[0])
        names = self._names.get("observation_names")
        if names is None:
            return observations, tuple("x[%d]" % row for row in range(len(observations)))
        self._require_names("observation_names", names)
        if len(names) != len(observations):
            self._refuse("observation_names has %d names for %d observations", len(names), len(observations))
        return observations, tuple(names)

    def _text(self, name, default):
        text = self._names.get(name, default)
        if type(text) is not str:  # a class of its own may be more than a text: markup, say
            self._refuse("%s must be a text", name)
        text = " ".join(text[:10 * _MAX_TEXT].split())
        if len(text) > _MAX_TEXT or not text.isprintable():
            self._refuse("%s must have at most %d characters that can be printed", name, _MAX_TEXT)
        return text

    def _function(self, name):
        if name not in self._names:
            self._refuse("%s is missing", name)
        if not callable(self._names[name]):
            self._refuse("%s must be a function", name)
        return self._names[name]

    def _require_parameters(self, name, function, parameters):
        if not _takes(function, len(parameters.split())):
            self._refuse("%s must take (%s)%s", name, parameters, (
                ", as there are observations" if "x" in parameters else ", as there are no observations")
                if name == "log_likelihood" else "")

    def _functions(self, name, wrapped):
        """The functions of arrays z [n, dim] in a dict, `wrapped` each."""
        functions = self._names.get(name, {})
        if not isinstance(functions, dict) or not all(_is_name(key) and callable(functions[key]) for key in functions):
            self._refuse("%s must be a dict: names (texts of 1 to %d characters, without $) -> functions of z", name, _MAX_NAME)
        taken = [key for key in functions if key in self._coordinates()]
        if taken:
            self._refuse("%s has %r, which is a coordinate", name, taken[0])
        return {key: wrapped(function, "%s %r" % (name, key), self._path) for key, function in functions.items()}

    def _exact_draws(self, dim, has_x):
        if "exact_draws" not in self._names:
            return None
        path, function = self._path, self._function("exact_draws")
        self._require_parameters("exact_draws", function, "x_number, n, seed" if has_x else "n, seed")

        def exact_draws(label, n, seed):
            with told(path, "exact_draws"):
                draws = _numbers(function(label, n, seed) if has_x else function(n, seed), "exact_draws", path)
            if draws.shape != (n, dim):
                raise ModelError("%s: exact_draws gives %s for n = %d: %s is wanted" % (path, list(draws.shape), n, [n, dim]))
            if not np.isfinite(draws).all():
                raise ModelError("%s: exact_draws gives draws that are not finite" % path)
            return draws

        return exact_draws


def _numbers(values, what, path):
    """Real numbers as a float64 array; what numpy would make some of without a word is refused."""
    array, is_masked = np.asarray(values), np.ma.is_masked(values)
    if array.dtype.kind not in "biuf" or is_masked:
        raise ModelError("%s: %s must be real numbers, %s" % (
            path, what, "none of them masked" if is_masked else "in rows of one length, not %s" % array.dtype))
    return array.astype(np.float64)


def _is_name(name):
    return type(name) is str and 0 < len(name) <= _MAX_NAME and name.isprintable() and "$" not in name


def _takes(function, n):
    """Whether a function can be called with n positional arguments; what tells nothing of itself can."""
    try:
        inspect.signature(function).bind(*range(n))
    except TypeError:
        return False
    except ValueError:
        pass
    return True


# Distributions of tfd whose support has bounds or a period, and those that have no density.
_BOUNDED = ("Beta", "Chi", "Chi2", "Dirichlet", "Exponential", "Gamma", "GammaGamma", "GeneralizedPareto", "HalfCauchy",
            "HalfNormal", "InverseGamma", "InverseGaussian", "Kumaraswamy", "LKJ", "LogNormal", "Pareto", "RelaxedBernoulli",
            "RelaxedOneHotCategorical", "ExpRelaxedOneHotCategorical", "Triangular", "TruncatedNormal", "Uniform",
            "VectorExponentialDiag", "VonMises", "VonMisesFisher", "Wishart")
_WITHOUT_DENSITY = (
    "Bernoulli", "Binomial", "Categorical", "Deterministic", "DirichletMultinomial", "Empirical", "FiniteDiscrete", "Geometric",
    "Multinomial", "NegativeBinomial", "OneHotCategorical", "Poisson", "PoissonLogNormalQuadratureCompound", "ProbitBernoulli",
    "QuantizedDistribution", "VectorDeterministic", "Zipf")


def _parts(distribution):
    """The distributions that one is put together from, or itself; one that is transformed says nothing of its support."""
    if hasattr(distribution, "distributions"):  # Blockwise
        inner = distribution.distributions
    elif type(distribution).__name__ in ("Independent", "Sample", "BatchReshape"):
        inner = [distribution.distribution]
    elif type(distribution).__name__ == "MixtureSameFamily":
        inner = [distribution.components_distribution]
    elif type(distribution).__name__ == "Mixture":
        inner = distribution.components
    else:
        return [distribution]
    return [part for own in inner for part in _parts(own)]


def _checked_prior(prior, dim, path):
    from avb_tf1.ground.tensorflow import tf, tfd  # here, as given_posterior's docstring says
    if not isinstance(prior, tfd.Distribution):
        raise ModelError("%s: prior() gives %s: a distribution of tensorflow_probability is wanted" % (
            path, printable(shortened(type(prior).__name__))))
    if prior.dtype != tf.float32:
        raise ModelError("%s: prior() is of %s: float32 is wanted" % (
            path, prior.dtype.name if isinstance(prior.dtype, tf.DType) else "several parts; tfd.Blockwise makes one of them"))
    event, batch = (shape.as_list() if shape.ndims is not None else "unknown" for shape in (
        prior.event_shape, prior.batch_shape))
    if event != [dim] or batch != []:
        raise ModelError("%s: prior() has the event shape %s and the batch shape %s: %s, a number for each of the coordinates, "
                         "and [] are wanted; tfd.Independent(..., 1) makes one distribution of a batch" % (
                             path, event, batch, [dim]))
    for part in _parts(prior):
        for names, wrong in ((_BOUNDED, "whose support has bounds: " + UNCONSTRAINED),
                             (_WITHOUT_DENSITY, "which has no density: one is needed")):
            kind = next((name for name in names if isinstance(part, getattr(tfd, name))), None)
            if kind is not None:
                raise ModelError("%s: prior() is a tfd.%s, %s" % (path, kind, wrong))
    return prior


def _derived(function, what, path):
    numbers = _checked(function, what, path, "biuf", "numbers %s are wanted")
    return lambda z: np.nan_to_num(np.clip(numbers(z).astype(np.float64), -LARGEST, LARGEST), nan=LARGEST)


def _mode(function, what, path):
    return _checked(function, what, path, "b", "bool %s is wanted")


def _checked(function, what, path, kinds, wanted):
    """The function of z [n, dim], refusing values that aren't [n] or whose dtype.kind isn't one of `kinds`."""
    def checked(z):
        z = np.asarray(z).view()
        z.flags.writeable = False  # it is the caller's, and the other functions' too
        with told(path, what):
            values = np.asarray(function(z))
        if values.shape != (len(z),) or values.dtype.kind not in kinds:
            raise ModelError("%s: %s gives %s %s for z %s: %s" % (
                path, what, values.dtype, list(values.shape), list(z.shape), wanted % [len(z)]))
        return values

    return checked
