"""A posterior in a Python file of the user's: what is wrong with one is told in a line, and a run has its copy."""

import json
import math
import os
import shutil

import numpy as np
import pytest
from helpers import ROOT, assert_one_clear_line, call_script, run_script, set_options
from pages import data_of, text_of
from scipy import integrate, stats

import avb_tf1
from avb_tf1.config.fingerprint import OtherConfig, fingerprint
from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.estimation import samplers
from avb_tf1.experiment import reevaluation
from avb_tf1.experiment import run as experiment
from avb_tf1.experiment.run import run_experiment
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.problems.given_posterior.python_file import ModelError
from avb_tf1.problems.registry import problem_of
from avb_tf1.report import comparison, sweep_page
from avb_tf1.runs import run_folder
from avb_tf1.tasks.given_posterior.reference import references_if_known
from avb_tf1.tasks.registry import TASKS

HEAD = """import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
tfd = tfp.distributions
"""
# x = a + b + noise: the posterior of (a, b) is a Gaussian, and so is x.
ONE = HEAD + """\
coordinates = ["a", "b"]

def prior():
    return tfd.MultivariateNormalDiag(loc=[0.0, 0.0], scale_diag=[1.0, 2.0])

def log_likelihood(z):
    return tfd.Normal(z[:, 0] + z[:, 1], 0.5).log_prob(1.5)

derived = {"a + b": lambda z: z[:, 0] + z[:, 1]}
modes = {"a > 0": lambda z: z[:, 0] > 0}
"""
SEVERAL = ONE.replace("log_likelihood(z)", "log_likelihood(x, z)").replace("log_prob(1.5)", "log_prob(x[:, 0])") + """
observations = [[0.0], [1.5]]
observation_names = ("nothing", "something")
"""
THREE = HEAD + """coordinates = ["a", "b", "c"]

def prior():
    return tfd.Independent(tfd.StudentT(5.0, tf.zeros(3), 1.0), 1)

def log_likelihood(z):
    return tf.zeros_like(z[:, 0]) + 0 * tf.reduce_sum(z, axis=1)
"""
DRAWS = """
title = "a Student-t, again"

def exact_draws(n, seed):
    return np.random.RandomState(seed).standard_t(5, [n, 3])
"""
SMALL = ["training.n_iterations=20", "training.checkpoint_every=10", "training.snapshot_every=10", "evaluation.n_samples=2048",
         "model.encoder.n_units=8", "model.discriminator.n_units=8", "training.linear_decay=null"]


def written(folder, text, *overrides, name="my_model.py"):
    """The path of a config in the folder that names the file with the text."""
    (folder / name).write_text(text, encoding="utf-8")
    dim = text.split("coordinates = [")[-1].split("]")[0].count(",") + 1
    config = load_config(os.path.join(ROOT, "configs", "posteriors", "banana.yaml"), [
        *SMALL, "name=own", "problem.batch_size=20", *overrides])
    (folder / "own.yaml").write_text(to_yaml(config).replace("kind: banana", "kind: python\n  path: %s" % name).replace(
        "latent_dim: 2", "latent_dim: %d" % dim))
    return str(folder / "own.yaml")


def refusal(folder, text):
    """What load_config says of a file with the text, without the file's path."""
    with pytest.raises(ModelError) as caught:
        load_config(written(folder, text))
    message = str(caught.value)
    assert message.startswith(str(folder / "my_model.py") + ":") and "\n" not in message
    return message[len(str(folder / "my_model.py")) + 1:]


def changed(old, new, text=ONE):
    assert old in text
    return text.replace(old, new)


SCALE = "tfd.MultivariateNormalDiag(loc=[0.0, 0.0], scale_diag=[1.0, 2.0])"
LIKELIHOOD = "tfd.Normal(z[:, 0] + z[:, 1], 0.5).log_prob(1.5)"


@pytest.mark.parametrize("text, words", [  # the example ends with line 14
    (ONE + "def f(:\n", "15: SyntaxError: invalid syntax"),
    (ONE + "1 / 0\n", "15: ZeroDivisionError: division by zero"),
    ("import no_such_module\n" + ONE, "1: ModuleNotFoundError: No module named 'no_such_module'"),
    (ONE + "import sys\nsys.exit(0)\n", "16: SystemExit: 0"),
    (ONE + "tf.enable_eager_execution()\n", "15: ValueError: tf.enable_eager_execution must be called at program startup."),
    (ONE + "open(__file__)\n", "15: NameError: name '__file__' is not defined"),
    (changed("coordinates", "names"), "coordinates is missing"),
    (changed('["a", "b"]', "[]"), "coordinates must be a list of names"),
    (changed('["a", "b"]', '"ab"'), "coordinates must be a list of names"),
    (changed('"b"]', '"$b$"]'), "coordinates must be a list of names"),
    (changed('"b"]', '"a"]'), "coordinates has 'a' twice"),
    (changed("def prior", "def before"), "prior is missing"),
    (ONE + "prior = 1\n", "prior must be a function"),
    (changed("prior()", "prior(z)"), "prior must take ()"),
    (changed(SCALE, "1 / 0"), "8: ZeroDivisionError"),
    (changed(SCALE, "np.zeros(2)"), "prior() gives ndarray: a distribution of tensorflow_probability is wanted"),
    (changed(SCALE, "tfd.Normal([0.0, 0.0], 1.0)"), "prior() has the event shape [] and the batch shape [2]: [2]"),
    (changed("[0.0, 0.0], scale_diag=[1.0, 2.0]", "np.zeros(2)"), "prior() is of float64: float32 is wanted"),
    (changed(SCALE, "tfd.JointDistributionSequential([tfd.Normal(0.0, 1.0)] * 2)"), "prior() is of several parts"),
    (changed("def log_likelihood", "def likelihood"), "log_likelihood is missing"),
    (changed("log_likelihood(z)", "log_likelihood(x, z)"), "observations is missing: the x of log_likelihood(x, z)"),
    (changed("log_likelihood(z)", "log_likelihood()"), "log_likelihood must take (z), as there are no observations"),
    (ONE + "observations = [[1.0]]\n", "log_likelihood must take (x, z), as there are observations"),
    (changed(LIKELIHOOD, "z @ np.ones([3, 1], np.float32)"), "11: ValueError: Dimensions must be equal, but are 2 and 3"),
    (changed("log_prob(1.5)", "log_prob(1.5)[:, tf.newaxis]"),
     "log_likelihood gives the shape [1024, 1] for z [1024, 2]: [1024] is wanted, a number for each row"),
    (changed("log_prob(1.5)", "log_prob(np.zeros([3, 1], np.float32))"), "log_likelihood gives the shape [3, 1024]"),
    (changed(LIKELIHOOD, "tf.reduce_sum(z)"), "log_likelihood gives the shape [] for z [1024, 2]"),
    (changed(LIKELIHOOD, "tf.cast(z[:, 0], tf.float64)"), "log_likelihood gives float64: a float32 tensor is wanted"),
    (changed(LIKELIHOOD, "None"), "log_likelihood gives NoneType: a float32 tensor is wanted"),
    (changed(LIKELIHOOD, "tf.log(z[:, 0])"), "log_likelihood is nan at "),
    (changed(LIKELIHOOD, "1 / tf.nn.relu(z[:, 0])"), "log_likelihood is inf at "),
    (changed(LIKELIHOOD, "tf.log(0 * z[:, 0])"), "the density is 0 (its logarithm -inf) at all of 1024 samples of the prior"),
    (changed(LIKELIHOOD, "tf.round(z[:, 0])"), "log_likelihood is not differentiable with respect to z"),
    (changed(LIKELIHOOD, "tf.norm(0 * z, axis=1)"), "the gradient of the log density is (nan, "),
    (changed(LIKELIHOOD, "z[:, 0] * tf.get_variable('w', [])"), "it makes a tf.Variable (w)"),
    (ONE + "one = tf.constant(1.0)\nlog_likelihood = lambda z: z[:, 0] * one\n", "16: ValueError: a tensor was made outside"),
    (changed(LIKELIHOOD, "tf.linalg.cholesky(z[:, :1, tf.newaxis])[:, 0, 0]"), "InvalidArgumentError: "),
    (changed("[[0.0], [1.5]]", "[0.0, 1.5]", SEVERAL), "observations has the shape [2]: [n_x, d_x] is wanted"),
    (changed("[[0.0], [1.5]]", "[[0.0], [float('nan')]]", SEVERAL), "observations must be finite; row 1 is not"),
    *((changed("[[0.0], [1.5]]", values, SEVERAL), "observations must be real numbers, " + words) for values, words in (
        ("[['1']]", "in rows of one length, not <U1"), ("[[1j]]", "in rows of one length, not complex128"),
        ("np.array([['1970-01-03']], 'M8[D]')", "in rows of one length, not datetime64[D]"),
        ("np.array([[1.0, None]])", "in rows of one length, not object"),
        ("np.ma.masked_array([[9.0], [1.0]], [[True], [False]])", "none of them masked"))),
    (changed('"something"', '"something", "more"', SEVERAL), "observation_names has 3 names for 2 observations"),
    (changed("0.5).log_prob(x[:, 0])", "0.5).log_prob(tf.log(x[:, 0] - 1))", SEVERAL), "log_likelihood for nothing is nan at"),
    (ONE + "title = 1\n", "title must be a text"),
    (ONE + "title = type('S', (str,), {'__html__': lambda self: '<script>'})('x')\n", "title must be a text"),
    (changed('["a", "b"]', "['a', type('S', (str,), {'__html__': lambda self: '<script>'})('b')]"),
     "coordinates must be a list of names"),
    (ONE + "title = '\\udc80x'\n", "title must have at most 2000 characters that can be printed"),
    (ONE + "introduction = 'a\\x1b[31m'\n", "introduction must have at most 2000 characters that can be printed"),
    (ONE + "introduction = 'a' * 2001\n", "introduction must have at most 2000 characters"),
    (ONE + "observations = [[1.0]] * 100000\n", "observations has 100000 rows; at most 1000 are possible"),
    (ONE + "class Own(BaseException):\n    pass\nraise Own('why')\n", "17: Own: why"),
    (ONE + "class Own(Exception):\n    def __str__(self):\n        return 1 / 0\nraise Own\n", "18: Own"),
    (ONE + "raise ValueError('\\x1b[31mred\\x07')\n", "15: ValueError: \\x1b[31mred\\x07"),
    (ONE + "raise ValueError('a' * 10**6)\n", "15: ValueError: " + "a" * 500),
    (ONE + "raise GeneratorExit\n", "15: GeneratorExit"),
    (ONE + "derived = [np.sum]\n", "derived must be a dict"),
    (ONE + "derived = {'a': np.sum}\n", "derived has 'a', which is a coordinate"),
    (ONE + "derived = {'s': np.sum}\n", "derived 's' gives float64 [] for z [1024, 2]: numbers [1024] are wanted"),
    (ONE + "derived = {'s': lambda z: np.sqrt(z[:, 0])}\n", "derived 's' is nan at "),
    (ONE + "derived = {'s': lambda z: z[2, 7]}\n", "15: IndexError"),
    (changed(LIKELIHOOD, "z[:, 0] - tf.reduce_mean(z[:, 0])"),
     "log_likelihood gives another value for a row of z among other rows: each must depend on its own row alone"),
    (changed(LIKELIHOOD, "z[:, 0] + tf.random.normal([])"),
     "log_likelihood gives other values for the same z each time: it must draw and count nothing"),
    (changed("log_prob(x[:, 0])", "log_prob(x[:, 0]) - tf.reduce_max(z)", SEVERAL),
     "log_likelihood for nothing gives another value for a row"),
    (ONE + "derived = {'s': lambda z: z[:, 0] - z[:, 0].mean()}\n", "derived 's' gives another value for a row"),
    (ONE + "derived = {'s': lambda z: z[:, 0] + np.random.standard_normal()}\n", "derived 's' gives other values"),
    (ONE + "modes = {'m': lambda z: z[:, 0] > np.median(z[:, 0])}\n", "modes 'm' gives another value for a row"),
    (ONE + "modes = {'m': lambda z: np.random.random_sample(len(z)) > 0.5}\n", "modes 'm' gives other values for the same z"),
    (ONE + "def doubled(z):\n    z[:, 0] *= 2\n    return z[:, 0]\nderived = {'s': doubled}\n",
     "16: ValueError: output array is read-only"),
    (ONE + "modes = {'m': lambda z: z[:, 0]}\n", "modes 'm' gives float64 [1024] for z [1024, 2]: bool [1024] is wanted"),
    (THREE + "exact_draws = lambda n: 1\n", "exact_draws must take (n, seed)"),
    (THREE + DRAWS.replace("[n, 3]", "[n, 2]"), "exact_draws gives [16, 2] for n = 16: [16, 3] is wanted"),
    (THREE + DRAWS.replace("[n, 3])", "[n, 3]) / 0"), "draws that are not finite"),
], ids=lambda text: "file" if "\n" in text else text[:40])
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_what_is_wrong_with_a_file_is_told_in_one_line(text, words, tmp_path):
    assert words in refusal(tmp_path, text)
    assert sorted(os.listdir(str(tmp_path))) == ["my_model.py", "own.yaml"]


TRANSFORMED = "tfd.TransformedDistribution(%s, tfp.bijectors.%s)"


@pytest.mark.parametrize("prior, words", [
    *(("tfd.%s" % prior, "prior() is a tfd.%s, whose support has bounds: coordinates must be unconstrained. Take the " % (
        prior.split("(")[0])) for prior in (
            "Exponential([1.0, 1.0])", "Gamma([1.0, 2.0], 1.0)", "Beta([2.0, 2.0], 2.0)", "Uniform([0.0, 0.0], 1.0)",
            "LogNormal([0.0, 0.0], 1.0)", "TruncatedNormal([0.0, 0.0], 1.0, -3.0, 3.0)", "HalfNormal([1.0, 1.0])",
            "HalfCauchy([0.0, 0.0], 1.0)", "InverseGamma([2.0, 2.0], 1.0)", "Pareto([2.0, 2.0], 1.0)",
            "VonMises([0.0, 0.0], 1.0)")),
    ("tfd.Poisson([3.0, 3.0])", "prior() is a tfd.Poisson, which has no density: one is needed"),
    ("tfd.Deterministic([3.0, 3.0])", "prior() is a tfd.Deterministic, which has no density"),
    *((TRANSFORMED % ("tfd.Normal([0.0, 0.0], 1.0)", bijector), "the prior is 0 or undefined from about z = (")
      for bijector in ("Exp()", "Softplus()", "Sigmoid()", "Tanh()")),
    # Finite where there is nothing: its log_prob is of both signs.
    (TRANSFORMED % ("tfd.Normal([0.0, 0.0], 1.0)", "AbsoluteValue()"),
     "the prior has no sample with coordinate 1 below 0.00362726, where by its log_prob it has mass: coordinates must be"),
], ids=lambda text: text.split("(")[0] + text[-6:])
def test_a_prior_with_bounds_is_refused(prior, words, tmp_path):
    assert words in refusal(tmp_path, changed(SCALE, "tfd.Independent(%s, 1)" % prior))


@pytest.mark.parametrize("prior, words", [
    ("tfd.Blockwise([tfd.Independent(tfd.Normal([0.0], 1.0), 1), tfd.Independent(tfd.Gamma([2.0], 1.0), 1)])", "a tfd.Gamma,"),
    ("tfd.MixtureSameFamily(tfd.Categorical(probs=[0.5, 0.5]), tfd.Independent(tfd.Exponential([[1.0, 1.0]] * 2), 1))",
     "a tfd.Exponential,"),
    ("tfd.Independent(tfd.Mixture(tfd.Categorical(probs=[[0.5, 0.5]] * 2), [tfd.Normal([0.0, 0.0], 1.0), "
     "tfd.Uniform([0.0, 0.0], 1.0)]), 1)", "a tfd.Uniform,")], ids=["blocks", "family", "mixture"])
def test_a_part_with_bounds_is_refused(prior, words, tmp_path):
    assert words in refusal(tmp_path, changed(SCALE, prior))


OWN = """
class Own(tfd.Normal):
    def _log_prob(self, x):
        return %s


"""


@pytest.mark.parametrize("log_prob, words", [
    ("super()._log_prob(x) + 0.1", "the prior's density integrates to 1.221 instead of 1"),
    ("0 * x", "where by its log_prob it has mass"),
    ("-2 * x**2", "the prior's density integrates to 1.571 instead of 1"),
    *((("tfd.Normal(%s)._log_prob(x)" % other), "the samples of the prior's coordinate 1 are not distributed by its log_prob")
      for other in ("0.0, 1.4", "0.0, 0.5", "0.4, 1.0"))],
    ids=["unnormalised", "flat", "another", "wider", "narrower", "shifted"])
def test_a_density_that_is_not_its_samples_is_refused(log_prob, words, tmp_path):
    text = changed("coordinates =", OWN % log_prob + "coordinates =")
    assert words in refusal(tmp_path, changed(SCALE, "tfd.Independent(Own([0.0, 0.0], 1.0), 1)", text))


@pytest.mark.slow
@pytest.mark.parametrize("prior", [
    "tfd.Cauchy([0.0, 0.0], 1.0)", "tfd.StudentT(0.5, [0.0, 0.0], 1.0)", "tfd.Laplace([0.0, 0.0], 1.0)",
    "tfd.Gumbel([0.0, 0.0], 1.0)", "tfd.Horseshoe([1.0, 1.0])", "tfd.Normal([100.0, -3.0], [1.0, 0.01])",
    TRANSFORMED % ("tfd.Exponential([1.0, 1.0])", "Invert(tfp.bijectors.Exp())"),
    TRANSFORMED % ("tfd.Beta([2.0, 2.0], 3.0)", "Invert(tfp.bijectors.Sigmoid())"),
    # What float32 makes 0 or undefined far out, where there is next to no mass.
    *(TRANSFORMED % (prior, "Invert(tfp.bijectors.Exp())") for prior in (
        "tfd.HalfNormal([1.0, 0.1])", "tfd.Gamma([0.5, 3.0], [0.5, 0.1])", "tfd.InverseGamma([1.0, 3.0], [0.1, 1.0])",
        "tfd.LogNormal([0.0, 0.0], [1.0, 10.0])", "tfd.Chi2([1.0, 3.0])", "tfd.HalfCauchy([0.0, 0.0], 1.0)")),
    *(TRANSFORMED % (prior, "Invert(tfp.bijectors.Sigmoid())") for prior in (
        "tfd.Beta([1.0, 3.0], 1.0)", "tfd.Uniform([0.0, 0.0], 1.0)")),
    # A narrow peak on a wide one.
    "tfd.Mixture(tfd.Categorical(probs=[[0.5, 0.5]] * 2), [tfd.Normal([0.0, 0.0], 1e-3), tfd.Normal([0.0, 0.0], 1.0)])",
])
def test_a_prior_without_bounds_is_taken(prior, tmp_path):
    text = changed(SCALE, "tfd.Independent(%s, 1)" % prior)
    assert load_config(written(tmp_path, text)).model.latent_dim == 2


@pytest.mark.parametrize("text", [
    changed("return tfd.Normal(z[:, 0]", "return tfd.Normal(np.random.randn() + z[:, 0]"),
    changed("def log_likelihood(z):", "seen = []\n\n\ndef log_likelihood(z):\n    seen.append(z)").replace(
        LIKELIHOOD, LIKELIHOOD + " * len(seen)"),
], ids=["a mini-batch", "a counter"])
def test_what_changes_while_a_graph_is_built_is_refused(text, tmp_path):
    words = "log_likelihood gives other values for the same z each time: it must draw and count nothing"
    assert words in refusal(tmp_path, text)


def test_a_file_may_have_dataclasses_and_unsigned_numbers_and_stays_where_it_was_run(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\nimport os\n" + changed(
        "coordinates =", "@dataclass\nclass Own:\n    x: float = 1.0\n\n\nos.chdir('elsewhere')\ncoordinates =") + (
            'derived = {"unsigned": lambda z: (z[:, 0] > 0).astype("uint8")}\n')
    assert list(problem_of(load_config(written(tmp_path, text))).derived) == ["unsigned"]
    assert os.getcwd() == str(tmp_path)


@pytest.mark.parametrize("names, words", [
    ("class L(list):\n    def __len__(self):\n        raise RuntimeError('no length')\n\n\ncoordinates = L(['a', 'b'])\n",
     "RuntimeError: no length"),
    ("class E(BaseException):\n    def __str__(self):\n        raise SystemExit(0)\n\n\nraise E\n", ": E"),
    ("raise type('\\x1b[31m' * 900, (Exception,), {})\n", "\\x1b[31m")], ids=["length", "text", "name"])
def test_what_a_class_of_the_files_own_does_is_told_in_one_line(names, words, tmp_path):
    text = refusal(tmp_path, ONE + names)
    assert words in text and len(text) < 400 and text.isprintable()


@pytest.mark.parametrize("override, words", [
    ("problem.path=nothing.py", "--set problem.path=nothing.py: problem.path: %s/nothing.py can't be read: No such file"),
    ("problem.path=folder.py", "--set problem.path=folder.py: problem.path: %s/folder.py can't be read: Is a directory"),
    ("problem.path=own.yaml", "problem.path must be a Python file, whose name ends in .py, not own.yaml"),
    ("problem.path=3", "problem.path must be a Python file, whose name ends in .py, not 3"),
    ("problem.path={path: a.py, source: ''}", "problem.path must be a Python file, whose name ends in .py, not a mapping"),
    ("problem.path=latin.py", "problem.path: %s/latin.py is no UTF-8 text"),
    ("problem={kind: python, batch_size: 20}", 'missing key "problem.path"'),
    ("model.latent_dim=3", "model.latent_dim must be 2 for %s/my_model.py, not 3"),
    ("problem.batch_size=21", "problem.batch_size must be a multiple of 2, the number of x, not 21"),
])
def test_what_is_wrong_with_the_config_is_told_by_its_key(override, words, tmp_path):
    path = written(tmp_path, SEVERAL)
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "latin.py").write_bytes(b"# \xe9")
    with pytest.raises(InputError) as caught:
        load_config(path, [override])
    assert (words.replace("%s", str(tmp_path))) in str(caught.value)


def test_a_config_is_its_files_text(tmp_path):
    """Not where that is; and as YAML it names what a run folder has."""
    first, second = (load_config(written(tmp_path, text, name=name)) for text, name in ((ONE, "a.py"), (ONE, "b.py")))
    assert fingerprint(first) == fingerprint(second) and problem_of(first) is problem_of(second)
    assert "path: model.py" in to_yaml(first)
    other = load_config(written(tmp_path, ONE + "# another text\n", name="b.py"))
    assert fingerprint(first) != fingerprint(other)
    problem = problem_of(first)
    assert (problem.title, problem.introduction, problem.observation_names) == ("a posterior of your own", "", ("the data",))
    several = problem_of(load_config(written(tmp_path, SEVERAL.replace("observation_names", "unused"))))
    assert several.observation_names == ("x[0]", "x[1]") and several.observations.shape == (2, 1)


def test_references_are_exact(tmp_path):
    """Of the linear model by quadrature; of three dimensions from draws, if there are some."""
    (known,), why_not = references_if_known(problem_of(load_config(written(tmp_path, ONE))))
    assert not why_not
    assert known.log_evidence == pytest.approx(stats.norm(0, math.sqrt(5.25)).logpdf(1.5), abs=2e-6)
    np.testing.assert_allclose(known.mean, np.array([1, 4]) * 1.5 / 5.25, atol=1e-5)
    (known,), why_not = references_if_known(problem_of(load_config(written(tmp_path, THREE + DRAWS))))
    assert not why_not and known.log_evidence is None
    np.testing.assert_allclose(known.covariance, np.eye(3) * 5 / 3, atol=0.06)
    np.testing.assert_allclose(known.mean, 0, atol=0.02)
    assert known.draws(7, np.random.RandomState(0)).shape == (7, 3)
    known, why_not = references_if_known(problem_of(load_config(written(tmp_path, THREE))))
    assert known is None and "a grid has 1 or 2 dimensions, not 3" in why_not


def trained(tmp_path, text, *overrides):
    """The folder of a finished run, and its metrics."""
    path = written(tmp_path, text, *overrides)
    metrics, _ = run_experiment(load_config(path), str(tmp_path / "run"))
    return tmp_path / "run", metrics


def assert_all_can_be_told(out, metrics, capsys):
    """A run that was moved away from its file is evaluated again, opened, and has its page."""
    moved = out.parent / "elsewhere" / "moved"
    moved.parent.mkdir()
    shutil.move(str(out), str(moved))
    os.remove(str(out.parent / "my_model.py"))
    reevaluation.evaluate_run(str(moved), with_ais=False, write=False)
    assert "metrics.json has the same numbers" in capsys.readouterr().out
    page = (moved / "report.html").read_bytes()
    sweep_page.write_page(str(moved))
    assert (moved / "report.html").read_bytes() == page
    for name in TASKS["given_posterior"].figures:
        assert (moved / name).stat().st_size > 3000
    with avb_tf1.open_run(str(moved)) as run:
        n_x = problem_of(run.config).n_x
        assert run.sample_posterior(np.arange(n_x), n=5, seed=0).shape == (n_x, 5, run.config.model.latent_dim)
        if "log_evidence" in metrics:
            assert run.log_likelihood([0]).shape == (1,)
        else:
            with pytest.raises(ValueError, match="exact"):
                run.log_likelihood([0])
    return moved


@pytest.mark.slow
def test_a_run_of_several_x_tells_all(tmp_path, capsys):
    out, metrics = trained(tmp_path, SEVERAL)
    assert (out / "model.py").read_text() == SEVERAL
    for own, x in zip(metrics["per_x"], (0, 1.5)):
        assert own["log_evidence"] == pytest.approx(stats.norm(0, math.sqrt(5.25)).logpdf(x), abs=2e-6)
        assert set(own["marginals"]) == {"a", "b", "a + b"} and set(own["modes"]) == {"a > 0"}
    moved = assert_all_can_be_told(out, metrics, capsys)
    text = text_of(moved)
    assert "something" in text and "save config.yaml and, beside it, model.py" in text and "def log_likelihood(x, z):" in text


@pytest.mark.slow
def test_a_run_of_three_dimensions_without_draws(tmp_path, capsys):
    out, metrics = trained(tmp_path, THREE)
    assert set(metrics["not_computed"]) == {"log_evidence", "inference_gap", "wasserstein", "wasserstein_noise_floor"}
    assert "not 3" in metrics["not_computed"]["log_evidence"] and metrics["methods"]["elbo"] == "discriminator"
    assert set(metrics["marginals"]["c"]) == {"mean", "standard_deviation"}
    assert 0.5 < metrics["two_sample_accuracy"] <= 1 and 0.99 < metrics["hmc_r_hat"] < 1.05
    assert "told from HMC's (R-hat 1." in metrics["good_values"]["two_sample_accuracy"]
    text = text_of(assert_all_can_be_told(out, metrics, capsys))
    words = "the exact posterior is not known; samples of q(z|x) and HMC's are told apart with an accuracy of 0."
    assert words in text and text.index("Did it work?") < text.index(words)


@pytest.mark.slow
def test_a_run_of_three_dimensions_with_draws(tmp_path, capsys):
    out, metrics = trained(tmp_path, THREE + DRAWS)
    assert set(metrics["not_computed"]) == {"log_evidence", "inference_gap"}
    own = metrics["marginals"]["c"]
    assert own["exact_standard_deviation"] == pytest.approx(math.sqrt(5 / 3), rel=0.02) and own["wasserstein"] > 0
    moved = assert_all_can_be_told(out, metrics, capsys)
    text, data = text_of(moved), data_of(moved)
    assert "the marginals of q(z|x) are" in text and "which are exact (by independent draws)" in text and "Dashed" not in text
    shown, = data["runs"]
    assert shown["draws"]["n"] == 1000 and shown["density"] is None and "Grey: draws of the exact posterior" in text
    # Another text in the place of its own is told, and not run.
    (moved / "model.py").write_text(THREE + DRAWS + "open(%r, 'w')\n" % str(tmp_path / "ran"))
    for is_finished in (True, False):
        for look in (lambda: reevaluation.evaluate_run(str(moved), with_ais=False, write=True),
                     lambda: avb_tf1.open_run(str(moved)), lambda: sweep_page.write_page(str(moved)),
                     lambda: experiment.extend(str(moved), [])):
            with pytest.raises(OtherConfig, match="model.py: it was changed since the run was made .* was not run"):
                look()
        if is_finished:
            with pytest.raises(OtherConfig, match="was not run"):
                comparison.read_runs([str(moved)])
            os.remove(str(moved / "metrics.json"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
@pytest.mark.parametrize("draws", ["", DRAWS.replace("[n, 3]", "[n, 2]")])
def test_a_grid_that_fails_loses_no_training(draws, tmp_path):
    """A Cauchy density's tails are too heavy for one; and a quantity without a spread is drawn."""
    heavy = changed(SCALE, "tfd.Independent(tfd.Cauchy([0.0, 0.0], 1.0), 1)").replace(LIKELIHOOD, "0 * z[:, 0]")
    out, metrics = trained(tmp_path, heavy + draws + "derived = {'one': lambda z: np.ones(len(z))}\n")
    if draws:
        assert "but draws" in metrics["not_computed"]["log_evidence"]
        assert (metrics["marginals"]["one"]["exact_standard_deviation"], metrics["marginals"]["one"]["wasserstein"]) == (0, 0)
        assert data_of(out)["runs"][0]["draws"]["n"] == 1000
    else:
        assert metrics["not_computed"]["wasserstein"].startswith("the exact posterior is not known: the density")
        assert ("hmc_r_hat" in metrics) == ("two_sample_accuracy" in metrics) != (
            "two_sample_accuracy" in metrics["not_computed"])


@pytest.mark.slow
def test_without_a_sampler_nothing_is_compared(tmp_path):
    _, metrics = trained(tmp_path, THREE, "evaluation.hmc=null")
    assert not {"two_sample_accuracy", "hmc_r_hat"} & set(metrics) and "two_sample_accuracy" not in metrics["not_computed"]


@pytest.mark.slow
def test_chains_that_disagree_are_not_compared_with(tmp_path):
    few = "{n_chains: 2, n_warmup: 2, n_samples: 4, n_leapfrog_steps: 1, target_acceptance: 0.8}"
    out, metrics = trained(tmp_path, THREE, "evaluation.hmc=" + few)
    assert "two_sample_accuracy" not in metrics and metrics["not_computed"]["two_sample_accuracy"].startswith(
        "the exact posterior is not known, and HMC's chains have not come to one distribution (R-hat ")
    assert "HMC's chains have not come to one distribution" in text_of(out)


@pytest.mark.slow
def test_a_chain_that_never_moves_is_not_compared_with(tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samplers, "sample", lambda *_: samplers.Sampled(
            np.zeros((4, 2, 3), np.float32), 0.0, 0.0, None, np.array([1.0, np.nan, 1.0]), np.ones(3)))
        out, metrics = trained(tmp_path, THREE)
    assert metrics["not_computed"]["two_sample_accuracy"].endswith("(R-hat nan)")
    assert not {"hmc_r_hat", "two_sample_accuracy"} & set(metrics) and "(R-hat nan)" in text_of(out)


@pytest.mark.parametrize("text, is_refused", [
    (ONE.replace("derived =", "derivd ="), True), (ONE.replace("modes =", "mode ="), True), (ONE + "titel = 'mine'\n", True),
    (ONE.replace("modes =", "mode = 3 #"), False), (ONE + "mode = modes\nscales = [1.0]\n", False)])
def test_a_misspelt_name_is_not_left_out_without_a_word(text, is_refused, tmp_path):
    path = written(tmp_path, text)
    if is_refused:
        with pytest.raises(InputError, match=r"did you mean (derived|modes|title)\? If not, give it another name"):
            load_config(path)
    else:
        load_config(path)


@pytest.mark.slow
def test_resuming_needs_the_folder_only(tmp_path):
    """The run's own copy is what is trained on, whatever became of the file: the same bits as without a pause."""
    path = written(tmp_path, ONE)
    whole, run = str(tmp_path / "whole"), str(tmp_path / "run")
    run_experiment(load_config(path), whole)
    short = ["training.n_iterations=10"]
    run_experiment(load_config(path, short), run)
    (tmp_path / "my_model.py").write_text(ONE.replace("1.5", "2.5"))
    with pytest.raises(OtherConfig, match='made by another config: problem.path.sha256 is "'):
        run_experiment(load_config(path, short), run)
    os.remove(str(tmp_path / "my_model.py"))
    experiment.extend(run, ["training.n_iterations=20"])
    run_experiment(load_config(os.path.join(run, "config.yaml")), run)
    for name in ("latents.npz", "losses.csv", "metrics.json", "model.py"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    # Its copy is part of what was trained: another text in its place is told.
    (tmp_path / "run" / "model.py").write_text(ONE.replace("1.5", "2.5"))
    with pytest.raises(OtherConfig, match="model.py: it was changed since the run was made"):
        run_experiment(load_config(os.path.join(run, "config.yaml")), run)


@pytest.mark.slow
def test_the_shipped_example_has_its_evidence(tmp_path):
    """y given the slope is a Gaussian; the slope is integrated by scipy."""
    config = load_config(os.path.join(ROOT, "configs", "posteriors", "your_own_model.yaml"), [*SMALL, "problem.batch_size=20"])
    metrics, _ = run_experiment(config, str(tmp_path / "run"))
    time, measured = np.array([-1, -0.5, 0, 0.5, 1]), np.array([-1.1, -1.6, 0.4, 0.3, 2.0])
    of_data = stats.multivariate_normal(np.zeros(5), np.eye(5) + 4)
    parts = [integrate.quad(lambda slope: of_data.pdf(measured - slope * time) * stats.cauchy.pdf(slope, scale=0.2), *ends)[0]
             for ends in ((-30, 0), (0, 30))]
    assert metrics["log_evidence"] == pytest.approx(math.log(sum(parts)), abs=1e-4)
    assert set(metrics["marginals"]) == {"intercept", "slope", "at time 2"} and "slope > 0.5" in metrics["modes"]


@pytest.mark.long
def test_scripts_train_go_on_and_evaluate(tmp_path):
    path = written(tmp_path, ONE)
    options = ["--config", path, "--out", tmp_path / "run", "--no-progress"]
    assert run_script("train.py", *options, *set_options(["training.n_iterations=10"])).returncode == 0
    (tmp_path / "my_model.py").write_text(ONE.replace("1.5", "2.5"))
    assert_one_clear_line(run_script("train.py", *options), "--resume")
    os.remove(str(tmp_path / "my_model.py"))
    for name, more in (("train.py", ["--no-progress", "--resume"]), ("evaluate.py", []), ("report.py", [])):
        result = run_script(name, *more, tmp_path / "run")
        assert result.returncode == 0, result.stderr
    assert not list(tmp_path.glob("**/__pycache__"))


@pytest.mark.slow
def test_a_bad_file_leaves_nothing_behind(tmp_path):
    path = written(tmp_path, ONE + "raise KeyboardInterrupt\n")
    result = run_script("train.py", "--config", path, "--out", tmp_path / "run")
    assert (result.returncode, result.stderr) == (130, "interrupted\n")
    path = written(tmp_path, changed("log_prob(1.5)", "log_prob(1.5)[:, tf.newaxis]"))
    assert_one_clear_line(call_script("train.py", "--config", path, "--out", tmp_path / "run"), "py: log_likelihood gives")
    assert sorted(os.listdir(str(tmp_path))) == ["my_model.py", "own.yaml"]


def test_a_run_that_was_killed_as_it_began_can_be_begun_again(tmp_path):
    config = load_config(written(tmp_path, ONE))
    texts = run_folder.texts_of(config)
    out = tmp_path / "run"
    out.mkdir()
    files.write_text(str(out / "model.py"), texts["model.py"])
    for _ in range(2):  # the second time there is the config, too
        with run_folder.claimed(str(out), texts, overwrite=False):
            assert sorted(os.listdir(str(out))) == ["config.yaml", "model.py"]
    files.write_text(str(out / "model.py"), "another = 1\n")
    with pytest.raises(InputError, match="--resume"), run_folder.claimed(str(out), texts, overwrite=False):
        pass
    with run_folder.claimed(str(out), texts, overwrite=True):
        assert (out / "model.py").read_text() == ONE
    os.remove(str(out / "config.yaml"))
    files.write_text(str(out / "model.py"), "another = 1\n")
    with pytest.raises(InputError, match="holds no run"), run_folder.claimed(str(out), texts, overwrite=True):
        pass


@pytest.mark.long
def test_a_sweep_trains_it(tmp_path):
    path = written(tmp_path, ONE)
    options = ["--config", path, "--seeds", "0-1", "--out", tmp_path / "sweep", "--no-progress"]
    result = run_script("sweep.py", *options, timeout=300)
    assert result.returncode == 0, result.stderr
    run_experiment(load_config(path, ["seed=1"]), str(tmp_path / "alone"))
    for name in ("metrics.json", "model.py"):
        assert (tmp_path / "sweep" / "own_seed_1" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    assert "log_evidence" in json.loads((tmp_path / "sweep" / "own_seed_0" / "metrics.json").read_text())
    (tmp_path / "my_model.py").write_text(ONE.replace("1.5", "2.5"))
    assert_one_clear_line(run_script("sweep.py", *options, timeout=300), "made by another config: problem.path.sha256")
