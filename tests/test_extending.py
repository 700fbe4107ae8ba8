"""The worked examples of docs/extending.md, made in a copy of the package as its reader makes them."""

import ast
import importlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT, synthetic
from pictures import pixels
from scipy.optimize import brentq
from scipy.stats import norm

from avb_tf1.config.fingerprint import fingerprint
from avb_tf1.ground import files
from avb_tf1.ground.tensorflow import tf
from avb_tf1.tasks.task import Task


def blocks(language):
    with open(os.path.join(ROOT, "docs", "extending.md")) as file:
        return re.findall("```%s\n(.*?)```" % language, file.read(), re.DOTALL)


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the package with all examples in it, each of which could have been made alone."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    copy = tmp_path_factory.mktemp("extended")
    for name in ("avb_tf1", "configs", "scripts"):
        shutil.copytree(os.path.join(ROOT, name), str(copy / name), ignore=shutil.ignore_patterns("__pycache__"))
    examples = blocks("diff")
    assert len(examples) == 5
    for options in (["--check"], []):
        for example in examples:
            subprocess.run(["git", "apply", *options, "-"], input=example, text=True, check=True, cwd=str(copy))
    return copy


def run(command, folder):
    subprocess.run(command.replace("python ", sys.executable + " ", 1), shell=True, check=True, cwd=str(folder))


@pytest.mark.slow
def test_the_page_of_keys_tells_of_the_examples(extended):
    run("python scripts/config_reference.py --out keys.md", extended)
    page = (extended / "keys.md").read_text(encoding="utf-8")
    assert "- `gaussian`: The log ratio of a Gaussian" in page and "- `planar`: A shift along one direction" in page
    assert "| `images` | `constant`, `uniform_labels`, `shuffled_sample` | `four_images` or `three_pixels` |" in page


@pytest.mark.slow
def test_the_examples_work(extended):
    command, _ = blocks("sh")
    run(command, extended)
    out = extended / "runs" / "extended"
    metrics = json.loads((out / "metrics.json").read_text())
    z, labels = (files.read_arrays(str(out / "latents.npz"))[name] for name in ("z", "label"))
    assert np.bincount(labels).tolist() == [2048, 1024, 1024, 1024]
    assert metrics["code_norm"] == pytest.approx(np.linalg.norm(z, axis=1).mean(), abs=0.1)
    assert 0 < metrics["code_norm_standard_error"] < 0.01
    assert pixels(out / "code_norms.png").std() > 1
    assert "images: three_pixels" in (out / "config.yaml").read_text()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "mean norm of the codes" in page and "on three pixels" in page


class PlanarFlow:
    """q(z|x) of a trained encoder at each row of x, in numpy: z0 + u tanh(w z0 + b) reversed, z0 ~ N(mean, variance)."""

    def __init__(self, folder, x):
        reader = tf.train.load_checkpoint(str(folder / "checkpoint"))

        def layer(inputs, scope):
            weights, biases = (reader.get_tensor("%s/%s" % (scope, name)) for name in ("weights", "biases"))
            return inputs @ weights.astype(np.float64) + biases

        hidden = 2 * x - 1
        for scope in ("hidden_1", "hidden_2"):
            hidden = np.maximum(layer(hidden, "encoder/" + scope), 0)
        self.mean, log_variance, context = (layer(hidden, "encoder/" + scope) for scope in ("mean", "log_variance", "context"))
        u, self.w, self.b = np.split(layer(context, "flow/layer_1/parameters"), [2, 4], axis=1)
        self.deviation = np.exp(log_variance / 2)
        # Rezende and Mohamed 2015, appendix A.1.
        along = (self.w * u).sum(axis=1, keepdims=True)
        self.u = u + (np.logaddexp(0, along) - 1 - along) * self.w / (self.w**2).sum(axis=1, keepdims=True)

    def forward(self, z0):
        return (z0 + self.u * np.tanh((self.w * z0).sum(axis=1, keepdims=True) + self.b))[:, ::-1]

    def inverse(self, z):
        """Of each row a root: w z = a + w u tanh(a + b) for a = w z0, which rises with a."""
        z, bound = z[:, ::-1], np.abs((self.w * self.u).sum(axis=1)) + 1e-6
        wz, wu, b = (self.w * z).sum(axis=1), (self.w * self.u).sum(axis=1), self.b[:, 0]
        assert (wu > -1).all()
        a = np.array([brentq(lambda a, k=k: a + wu[k] * np.tanh(a + b[k]) - wz[k], wz[k] - bound[k], wz[k] + bound[k],
                             xtol=1e-13) for k in range(len(z))])
        return z - self.u * np.tanh(a + b)[:, np.newaxis]

    def log_det(self, z0, step=1e-5):
        """log |det dz/dz0|, [n], by differences of the flow itself."""
        columns = [(self.forward(z0 + move) - self.forward(z0 - move)) / (2 * step) for move in step * np.eye(z0.shape[1])]
        _, log_det = np.linalg.slogdet(np.stack(columns, axis=2))
        return log_det

    def log_prob(self, z):
        z0 = self.inverse(z)
        return norm.logpdf(z0, self.mean, self.deviation).sum(axis=1) - self.log_det(z0)


@pytest.mark.slow
def test_a_planar_flows_density_is_that_of_the_change_of_variables(extended):
    _, command = blocks("sh")
    smaller = ("model.flow.depth=1", "data.batch_size=128", "model.encoder.n_units=32", "model.decoder.n_units=32",
               "training.n_iterations=400", "training.generator.learning_rate=5e-3", "evaluation.n_samples=16384")
    run(" ".join([command.rstrip("\n"), "--no-progress", *("--set " + override for override in smaller)]), extended)
    out = extended / "runs" / "planar"
    metrics, snapshots = json.loads((out / "metrics.json").read_text()), files.read_arrays(str(out / "snapshots.npz"))
    z, log_density = (snapshots[name][-1].astype(np.float64) for name in ("z", "log_density"))
    flow = PlanarFlow(out, np.eye(4)[snapshots["label"]])
    z0 = flow.inverse(z)
    np.testing.assert_allclose(flow.forward(z0), z, atol=1e-9)
    assert flow.log_det(z0).std() > 0.1  # the layer bends something
    np.testing.assert_allclose(log_density, flow.log_prob(z), atol=1e-4)
    # What is measured is made of it, by its samples.
    log_ratio = flow.log_prob(z) - norm.logpdf(z).sum(axis=1)
    error = np.hypot(metrics["kl_posterior_prior_standard_error"], log_ratio.std() / np.sqrt(len(z)))
    assert metrics["kl_posterior_prior"] == pytest.approx(log_ratio.mean(), abs=4 * error)
    assert snapshots["kl_posterior_prior"][-1] == pytest.approx(log_ratio.mean(), abs=1e-3)
    assert metrics["methods"]["elbo"] == "samples" and 0 < metrics["elbo_standard_error"] < 0.1
    assert metrics["elbo"] == pytest.approx(-4 * metrics["reconstruction_error"] - metrics["kl_posterior_prior"], abs=1e-9)
    assert metrics["elbo"] < metrics["log_likelihood"] + 4 * metrics["elbo_standard_error"]
    assert "kl_discriminator" not in metrics and "not_computed" not in metrics


@pytest.mark.slow
def test_given_posteriors_take_a_planar_flow_too(extended):
    settings = ("model.flow={kind: planar, depth: 2}", "training.n_iterations=20", "training.checkpoint_every=10",
                "training.snapshot_every=10", "problem.batch_size=50", "evaluation.n_samples=4096")
    run(" ".join(["python scripts/train.py --config configs/posteriors/banana_gaussian.yaml --out runs/bent --no-progress",
                  *("--set '%s'" % setting for setting in settings)]), extended)
    metrics = json.loads((extended / "runs" / "bent" / "metrics.json").read_text())
    assert metrics["methods"]["elbo"] == "samples" and metrics["elbo_standard_error"] > 0


def test_the_outline_of_a_task_has_the_methods_of_the_interface():
    block, = blocks("python")
    outline = next(node for node in ast.parse(block).body if isinstance(node, ast.ClassDef))
    theirs = {node.name: [argument.arg for argument in node.args.args] for node in outline.body
              if isinstance(node, ast.FunctionDef)}
    ours = {name: list(inspect.signature(method).parameters) for name, method in vars(Task).items()
            if inspect.isfunction(method)}
    assert theirs == {name: ours.get(name) for name in theirs}
    missing = [name for name in ours if name not in theirs and "NotImplementedError" in inspect.getsource(getattr(Task, name))]
    assert sorted(missing) == ["annealed", "measure_part"]  # which no_annealing, and no parts, stand for
    assigned = {target.id for node in outline.body if isinstance(node, ast.Assign) for target in node.targets}
    assert set(Task.__annotations__) - assigned <= set(vars(Task))
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and "one_of_n" not in node.module:
            for name in node.names:
                module = importlib.import_module(node.module)
                assert hasattr(module, name.name) or importlib.import_module("%s.%s" % (node.module, name.name))


def test_the_tutorials_images_need_no_key():
    assert "images" not in fingerprint(synthetic())["data"] and synthetic().data.images == "four_images"
