"""Every method and attribute of the interface of a task, for each task, against a known answer.

Of each task there is a model whose numbers follow on paper; its case has a method for every member of the interface, which
holds what the task says of that model. A task or a member without one fails.
"""

import dataclasses
import math

import fake_runs
import numpy as np
import pytest
from helpers import ROOT, small
from image_data import small_images
from pages import unpacked
from scipy.stats import norm

from avb_tf1.config.loading import load_config
from avb_tf1.estimation.likelihoods import Bernoulli
from avb_tf1.estimation.trained_networks import Networks
from avb_tf1.experiment.run import Experiment, opened_model
from avb_tf1.ground import files, seeds
from avb_tf1.ground.errors import InputError
from avb_tf1.page.numbers import RunGroup
from avb_tf1.problems.known_images.four_images import PROBLEM
from avb_tf1.problems.registry import problem_of
from avb_tf1.tasks.known_images import task as known_images_task
from avb_tf1.tasks.registry import TASKS
from avb_tf1.tasks.task import Run, Task
from avb_tf1.tasks.trained import Trained

MEMBERS = sorted(name for name in {*vars(Task), *Task.__annotations__} if not name.startswith("_"))
FOUR = ["training.n_iterations=4", "training.snapshot_every=2"]
LOG4 = math.log(4)
FINAL = {"generator_loss": 2.5, "discriminator_loss": 3.5}  # the means of 1, 2, 3, 4 and of 2, 3, 4, 5


def stored(folder, name):
    return files.read_arrays(str(folder / name))


def normal(seed, name, *shape):
    """The first draws of a run's random stream."""
    return seeds.stream(seed, name).standard_normal(shape).astype(np.float32)


class Case:
    """What all tasks' cases have in common; `config` and `networks` are each one's own."""

    def __init__(self, folder):
        self.task, self.folder = TASKS[self.name_of_task], folder
        self.config = self.config_in(folder)
        self.problem = problem_of(self.config)
        self.networks, self._made = self.networks_of(self.problem), {}

    def once(self, name, make):
        """What make() returned the first time that it was asked for by this name."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def finished(self):
        return self.once("finished", lambda: fake_runs.finished(self.folder / "run", self.trained()))

    def trained(self):
        return self.once("trained", lambda: fake_runs.trained_of(self.config, self.networks))

    def run(self):
        return self.once("run", lambda: fake_runs.read(self.finished().folder, self.config))

    def shown(self, is_sweep=False):
        """The Page of the run."""
        return self.task.page([("a setting", [self.run()])], [self.run()], is_sweep)

    # ---- alike in all tasks, or in those that don't say otherwise ----

    def parts(self):
        assert self.task.parts == ()

    def measure_part(self):
        with pytest.raises(NotImplementedError):
            self.task.measure_part(self.trained(), "validation")

    def name(self):
        assert self.task.name == self.name_of_task == self.config.task

    def measure(self):
        """Twice the same, and as derived on paper."""
        first, again = self.finished().measured, self.task.measure(self.trained())
        assert first.metrics == again.metrics and first.arrays.keys() == again.arrays.keys()
        for name, arrays in first.arrays.items():
            for key, values in arrays.items():
                np.testing.assert_array_equal(values, again.arrays[name][key])
        assert {name: first.metrics[name] for name in FINAL} == FINAL
        self.is_as_derived(first.metrics, first.arrays)

    def read(self):
        run, metrics = self.run(), self.finished().measured.metrics
        assert isinstance(run, Run) and (run.label, run.folder) == ("a run", str(self.folder / "run"))
        assert run.config is self.config and run.problem is self.problem
        assert run.metrics == metrics and run.timing == fake_runs.TIMING
        assert {name: values.tolist() for name, values in run.losses.items()} == {
            "generator_loss": [1, 2, 3, 4], "discriminator_loss": [2, 3, 4, 5]}
        assert run.curves["iteration"].tolist() == [0, 2, 4] and set(run.curves) == self.curves
        given = self.task.read("a run", str(self.folder / "run"), self.config, {**metrics, "generator_loss": 7.0})
        assert given.metrics["generator_loss"] == 7
        path = self.folder / "run" / "snapshots.npz"
        content = path.read_bytes()
        path.write_bytes(b"damaged")
        with pytest.raises(InputError, match="snapshots.npz: can't be read"):
            fake_runs.read(self.folder / "run", self.config)
        path.write_bytes(content)

    def read_snapshots(self):
        """All arrays, as they were written."""
        written, found = stored(self.finished().folder, "snapshots.npz"), self.task.read_snapshots(self.run())
        assert found.keys() == written.keys()
        for name, values in found.items():
            np.testing.assert_array_equal(values, written[name])

    def write(self):
        """Of the run's files those that the task names, all of them, and the arrays that follow on paper."""
        run = self.finished()
        of_every_run = {"config.yaml", "losses.csv", "timing.json", "metrics.json", "latents.npz", "snapshots.npz"}
        assert set(run.names) == of_every_run | set(self.task.figures + self.task.arrays)
        for name in self.task.figures:
            assert (run.folder / name).read_bytes()[:4] in (b"\x89PNG", b"GIF8")
        assert stored(run.folder, "snapshots.npz")["iteration"].tolist() == [0, 2, 4]
        self.arrays_are_as_derived(run.folder)


class KnownImages(Case):
    """The optimum: q(z|x) = 4 p(z) on a quarter of the plane, which the decoder turns into x, and T = log 4."""

    name_of_task = "known_images"
    curves = {"iteration", "kl_posterior_prior", "kl_posterior_prior_standard_error", "kl_discriminator",
              "kl_discriminator_standard_error"}
    METRICS = {"generator_loss": 1.25, "discriminator_loss": 0.5, "log_likelihood": -1.4, "reconstruction_error": 0.0025,
               "elbo": None, "kl_discriminator": 2.0, "kl_posterior_prior": 1.5, "classification_accuracy": 0.75,
               "not_computed": {"inference_gap": "a reason"}}

    @staticmethod
    def config_in(folder):
        return small(*FOUR, "evaluation.n_samples=8192")

    @staticmethod
    def quarter(z):
        return 2 * (z[:, 0] > 0) + (z[:, 1] > 0)

    def networks_of(self, problem):
        signs = np.float32([[-1, -1], [-1, 1], [1, -1], [1, 1]])
        return Networks(
            2, 2, encode=lambda x, eps: np.abs(eps) * signs[np.argmax(x, axis=1)],
            likelihood=Bernoulli(lambda z: np.where(problem.images[self.quarter(z)] > 0, 1 - 1e-9, 1e-9)),
            log_ratio=lambda x, z: np.full((len(x), 1), LOG4, np.float32))

    def metrics(self):
        assert {name: (metric.title, metric.is_higher_better) for name, metric in self.task.metrics.items()} == {
            "log_likelihood": ("log-likelihood", True),
            "reconstruction_error": ("reconstruction error (nats per pixel)", False),
            "elbo": ("ELBO", True), "kl_marginal_prior": ("KL(q(z) || p(z))", False),
            "kl_posterior_prior": ("mean KL(q(z|x) || p(z))", False),
            "kl_discriminator": ("mean KL(q(z|x) || p(z)) by the discriminator", False),
            "inference_gap": ("inference gap", False)}

    def diagnostics(self):
        assert list(self.task.diagnostics) == [
            "k_hat", "log_likelihood_importance", "k_hat_discriminator", "log_likelihood_importance_discriminator",
            "calibration_distance"]

    def calibrated(self):
        """q is the posterior; without a q there is nothing to calibrate."""
        found = self.task.calibrated(self.networks, self.problem, np.random.RandomState(0), 1000)
        assert found["calibration"]["n_simulated"] == 1000 and list(found["calibration"]["counts"]) == ["z1", "z2"]
        assert all(sum(counts) == 1000 for counts in found["calibration"]["counts"].values())
        assert found["calibration_distance"] < found["calibration"]["limit"]
        assert self.task.calibrated(Networks(2, None, None), self.problem, np.random.RandomState(0), 1000) == {}

    def required(self):
        assert self.task.required == ("log_likelihood", "reconstruction_error", "elbo", "kl_marginal_prior")

    def bounds(self):
        assert self.task.bounds == (("elbo", "log_likelihood", "inference_gap"),)

    def by_discriminator(self):
        assert self.task.by_discriminator == ("kl_posterior_prior", "kl_discriminator")
        assert set(self.task.by_discriminator) <= set(self.task.metrics)

    def starred(self):
        assert self.task.starred == ("log_likelihood", "reconstruction_error", "elbo", "kl_marginal_prior")

    def words(self):
        assert self.task.words == ("calibration",)

    def figures(self):
        assert self.task.figures == ("training_curve.png", "latent_space.png", "reconstructions.png", "latent_space.gif")

    def arrays(self):
        assert self.task.arrays == ("latent_plane.npz",)

    def files(self):
        assert self.task.files == (
            "training_curve.png", "latent_space.png", "reconstructions.png", "latent_space.gif", "latent_plane.npz")

    def no_annealing(self):
        assert self.task.no_annealing == ""

    def noun(self):
        assert self.task.noun == "Autoencoders"

    def name_width(self):
        assert self.task.name_width == 26

    def view(self):
        view = self.task.view(self.networks, self.problem, np.random.RandomState(3))
        record, eps = view.look(), np.random.RandomState(3).standard_normal((1024, 2)).astype(np.float32)
        assert view.max_bytes is None and set(record) == {"z", "log_ratio", "probabilities"}
        signs = np.repeat(np.float32([[-1, -1], [-1, 1], [1, -1], [1, 1]]), 256, axis=0)
        np.testing.assert_array_equal(record["z"], np.abs(eps) * signs)
        np.testing.assert_array_equal(record["log_ratio"], np.full(1024, LOG4, np.float32))
        axis = np.linspace(-4, 4, 41)
        expected = [255 * np.eye(4)[2 * (a > 0) + (b > 0)] for b in axis for a in axis]
        np.testing.assert_array_equal(record["probabilities"], expected)

    def iterations_per_epoch(self):
        assert self.task.iterations_per_epoch(self.config, self.problem) is None

    def is_as_derived(self, metrics, arrays):
        assert arrays == {}
        for name, value in {"log_likelihood": -LOG4, "elbo": -LOG4, "kl_posterior_prior": LOG4, "kl_marginal_prior": 0,
                            "inference_gap": 0, "reconstruction_error": 0}.items():
            error = 4 * metrics.get(name + "_standard_error", 0) + metrics.get(name + "_bias_left", 0) + 1e-4
            assert abs(metrics[name] - value) < error < 0.1, name
        assert metrics["kl_discriminator"] == pytest.approx(LOG4) and metrics["classification_accuracy"] == 1
        assert metrics["n_samples_per_class"] == 8192 and "not_computed" not in metrics
        assert metrics["methods"] == {
            "log_likelihood": "quadrature", "kl_discriminator": "samples", "reconstruction_error": "samples", **{
                name: "nearest neighbours" for name in ("elbo", "kl_posterior_prior", "kl_marginal_prior", "inference_gap")},
            "k_hat_discriminator": "discriminator", "log_likelihood_importance_discriminator": "discriminator"}
        # T is right, and q the posterior.
        assert metrics["log_likelihood_importance_discriminator"] == pytest.approx(-LOG4, abs=1e-6)
        assert metrics["calibration_distance"] < metrics["calibration"]["limit"] and set(metrics["good_values"]) == {
            "k_hat_discriminator", "log_likelihood_importance_discriminator", "calibration_distance"}

    def arrays_are_as_derived(self, folder):
        latents, plane, snapshots = (stored(folder, name) for name in ("latents.npz", "latent_plane.npz", "snapshots.npz"))
        assert latents["label"].tolist() == [label for label in range(4) for _ in range(1280)]
        np.testing.assert_array_equal(np.abs(latents["z"]), np.abs(normal(0, "latents", 5120, 2)))
        np.testing.assert_array_equal(self.quarter(latents["z"]), latents["label"])
        axis = np.linspace(-4, 4, 161)
        points = np.array([[a, b] for b in axis for a in axis])
        np.testing.assert_allclose(plane["axis"], axis)
        labels = self.quarter(points)
        np.testing.assert_allclose(plane["probabilities"], np.eye(4)[labels], atol=1e-8)
        exact = 4 * norm.pdf(points).prod(axis=1) * (np.arange(4)[:, np.newaxis] == labels)
        np.testing.assert_allclose(plane["posterior_density"], exact, atol=1e-4)
        np.testing.assert_allclose(snapshots["kl_discriminator"], LOG4)
        assert np.abs(snapshots["kl_posterior_prior"] - LOG4).max() < 4 * snapshots["kl_posterior_prior_standard_error"].max()

    def inputs(self):
        x = [[1, 0, 0, 1], [0, 0, 0, 0]]
        found = self.task.inputs(self.problem, x)
        assert found.dtype == np.float32 and found.tolist() == x
        with pytest.raises(ValueError, match=r"x must be \[n, 4\] with n at least 1, not \[4\]"):
            self.task.inputs(self.problem, x[0])

    def log_likelihood(self):
        p = np.float32([0.1, 0.2, 0.3, 0.4])
        constant = Networks(2, 2, None, Bernoulli(lambda z: np.tile(p, (len(z), 1))))
        found = self.task.log_likelihood(constant, self.problem, [[1, 1, 0, 0], [0, 0, 0, 1]], self.config)
        np.testing.assert_allclose(found, np.log([0.1 * 0.2 * 0.7 * 0.6, 0.9 * 0.8 * 0.7 * 0.4]), atol=1e-5)
        with pytest.raises(ValueError, match=r"log p\(x\) needs a grid: latent_dim 1 or 2, not 3"):
            self.task.log_likelihood(Networks(3, 3, None, None), self.problem, [[1, 1, 0, 0]], self.config)

    def annealed(self):
        """A decoder with nothing but the last biases: all weights of all chains are p(x) itself."""
        biases, path = np.float32([0.5, -1, 2, 0]), str(self.folder / "model")
        with opened_model(Experiment(self.config, self.problem, self.task)) as (session, model), \
                pytest.MonkeyPatch.context() as patch:
            session.run(model.initialize)
            for variable in model.variables["decoder"]:
                is_last = variable.shape.as_list() == [4]
                variable.load(biases if is_last else np.zeros(variable.shape.as_list(), np.float32), session)
            model.saver.save(session, path)
            patch.setattr(known_images_task, "N_AIS_CHAINS", 8)
            estimate, error = self.task.annealed(self.config, self.problem, path)
        p = 1 / (1 + np.exp(-biases.astype(np.float64)))
        exact = np.mean([np.log(np.where(image == 1, p, 1 - p)).sum() for image in np.eye(4)])
        assert estimate == pytest.approx(exact, abs=1e-5) and error == pytest.approx(0, abs=1e-6)

    def summary(self):
        assert self.task.summary(self.METRICS, self.config) == [
            "                             obtained    optimum",
            "generator_loss                 1.2500     1.3863   (mean of the last 4 iterations)",
            "discriminator_loss             0.5000     0.6255   (mean of the last 4 iterations)",
            "log_likelihood                -1.4000    -1.3863",
            "reconstruction_error           0.0025     0.0000",
            "elbo                        -infinite    -1.3863",
            "kl_posterior_prior             1.5000     1.3863",
            "kl_discriminator               2.0000           ",
            "classification_accuracy        0.7500     1.0000   (codes that give their own image the highest p(x|z))"]

    def warning(self):
        assert self.task.warning(self.METRICS, self.config) == ""
        assert self.task.warning({"log_likelihood": -2.25}, self.config) == (
            "the decoder is worse than one that ignores z, whose log-likelihood can be -2.2493: training went astray, or was "
            "too short.")

    def optima(self):
        found = self.task.optima(self.config, self.problem)
        expected = {"log_likelihood": -LOG4, "elbo": -LOG4, "kl_posterior_prior": LOG4, "kl_marginal_prior": 0,
                    "inference_gap": 0, "reconstruction_error": 0, "generator_loss": LOG4,
                    "discriminator_loss": math.log(5 / 4) + math.log(5) / 4}
        assert found.keys() == expected.keys() and found == pytest.approx(expected, abs=1e-12)

    def identity(self):
        assert self.task.identity(self.config, self.problem) == "four_images"

    def is_drawn_beside(self):
        run = self.run()
        assert self.task.is_drawn_beside(run, run)
        others = run.config.copy(update={"data": run.config.data.copy(update={"images": "three_pixels"})})
        assert not self.task.is_drawn_beside(run, dataclasses.replace(run, config=others))

    def rows(self):
        rows = self.task.rows([RunGroup("a setting", self.config, (0, 1), (
            {"elbo": -1.5, "kl_discriminator": 2.0}, {"elbo": -1.4, "kl_discriminator": 2.5}))])
        assert [(row.metric, row.mean, row.published and row.published.value, row.optimum and round(row.optimum, 4),
                 row.standing, row.verdict) for row in rows] == [
            ("elbo", -1.45, -1.421, -1.3863, "not distinguishable", "not distinguishable from published"),
            ("kl_discriminator", 2.25, None, None, None, "")]
        assert rows[0].spread == pytest.approx(math.sqrt(0.005))

    def verdict(self):
        metrics = {"elbo": -1.5, "elbo_standard_error": 0.01, "log_likelihood": -1.39}
        group = RunGroup("a setting", self.config, (0,), (metrics,))
        assert self.task.verdict(group) == (
            "on the worse side of the paper's AVB in 1 of 4 columns, on the better side in 1, 2 not computed (one run, without "
            "a spread: no verdict)")

    def page(self):
        data, context = self.shown()
        snapshots, (drawn,) = stored(self.finished().folder, "snapshots.npz"), data["runs"]
        assert data["losses"]["generator_loss"] == {"optimum": LOG4} and data["kl_optimum"] == LOG4
        assert data["groups"][0]["losses"]["generator_loss"]["mean"] == [1, 2, 3, 4]
        assert (drawn["iteration"], drawn["counts"], drawn["dim"]) == ([0, 2, 4], [256] * 4, 2)
        z = unpacked(drawn["z"], "<i2").reshape(3, 1024, 2) * drawn["scale"]
        np.testing.assert_allclose(z, snapshots["z"], atol=drawn["scale"])
        np.testing.assert_array_equal(unpacked(drawn["tint"], "u1").reshape(3, 1681, 4), snapshots["probabilities"])
        assert context["problem"] is PROBLEM
        assert {name: context[name] for name in (
            "paper_rows", "has_avb", "has_codes", "has_plane", "has_line", "has_more", "has_map", "few_moments", "has_grid",
            "has_estimate", "neighbours")} == dict(
                paper_rows={"AVB"}, has_avb=True, has_codes=True, has_plane=True, has_line=False, has_more=False, has_map=True,
                few_moments=False, has_grid=True, has_estimate=True, neighbours=True)
        assert [(name, aside) for _, name, aside in context["key_numbers"]] == [
            ("log-likelihood", "best possible: -1.3863"), ("ELBO", "best possible: -1.3863"),
            ("KL(q(z) || p(z))", "best possible: 0.0000")]
        assert context["key_numbers"][0][0] == "-1.3863"
        (label, rows), = context["result_groups"]
        assert label == "" and len(rows) == 7
        assert rows[0][:2] == ("log-likelihood", "-1.3863") and rows[0][4] == "-1.3863"

    def facts(self):
        assert self.task.facts(self.run()) == [("model", "avb"), ("latent dimensions", 2)]


MODEL = """
import tensorflow as tf
import tensorflow_probability as tfp
tfd = tfp.distributions
title = "a sum"
coordinates = ["z"]
observations = [[-1.0], [2.0]]
observation_names = ["low", "high"]

def prior():
    return tfd.MultivariateNormalDiag(loc=[0.0], scale_diag=[1.0])

def log_likelihood(x, z):
    return tfd.Normal(z[:, 0], 1.0).log_prob(x[:, 0])

derived = {"double": lambda z: 2 * z[:, 0]}
modes = {"positive": lambda z: z[:, 0] > 0}
"""


class GivenPosteriorOfASum(Case):
    """x = z + noise: p(z|x) = N(x / 2, 1 / 2), x ~ N(0, 2); q(z|x) is off by a quarter, and T knows its density."""

    name_of_task = "given_posterior"
    curves = {"iteration", "inference_gap", "inference_gap_standard_error"}
    X, MEAN, DEVIATION, OFF = np.array([-1.0, 2.0]), np.array([-0.5, 1.0]), math.sqrt(0.5), 0.25
    EVIDENCE = norm.logpdf(X, 0, math.sqrt(2))
    METRICS = {"generator_loss": 1.25, "elbo": None, "log_evidence": -1.5, "elbo_discriminator": -1.25,
               "elbo_discriminator_standard_error": 0.1, "methods": {"elbo": "samples", "log_evidence": "quadrature",
                                                                     "elbo_discriminator": "discriminator"},
               "marginals": {"z": {"mean": 0.5, "standard_deviation": 0.75}}, "modes": {"positive": {"share": 0.25}}}

    @staticmethod
    def config_in(folder):
        (folder / "model.py").write_text(MODEL)
        return load_config(ROOT + "/configs/posteriors/banana.yaml", [
            "problem={kind: python, path: '%s', batch_size: 20}" % (folder / "model.py"), "model.latent_dim=1", *FOUR,
            "model.encoder.n_units=8", "model.discriminator.n_units=8", "evaluation.n_samples=8192"])

    def networks_of(self, problem):
        mean = np.float32(self.MEAN + self.OFF)

        def log_joint(x, z):
            return norm.logpdf(z[:, 0]) + norm.logpdf(x @ self.X, z[:, 0])

        return Networks(
            1, 4, encode=lambda x, eps: (x @ mean + np.float32(self.DEVIATION) * eps[:, 0])[:, np.newaxis],
            log_ratio=lambda x, z: (norm.logpdf(z[:, 0], x @ mean, self.DEVIATION) - norm.logpdf(z[:, 0]))[:, np.newaxis],
            gaussian=lambda x: ((x @ mean)[:, np.newaxis], np.full((len(x), 1, 1), self.DEVIATION, np.float32)),
            log_joint=log_joint, log_prior=lambda z: norm.logpdf(z[:, 0]),
            log_posterior=lambda x, z: norm.logpdf(z[:, 0], x @ mean, self.DEVIATION))

    def metrics(self):
        assert {name: (metric.title, metric.is_higher_better) for name, metric in self.task.metrics.items()} == {
            "log_evidence": ("log evidence", True), "elbo": ("ELBO", True),
            "elbo_discriminator": ("ELBO by the discriminator", True), "inference_gap": ("KL(q(z|x) || p(z|x))", False),
            "wasserstein": ("mean Wasserstein-1 of the marginals", False),
            "wasserstein_noise_floor": ("the same of exact samples", False)}

    def diagnostics(self):
        assert list(self.task.diagnostics) == [
            "two_sample_accuracy", "calibration_distance", "k_hat", "log_evidence_importance", "k_hat_discriminator",
            "log_evidence_importance_discriminator", "kl_64_squares", "kl_128_squares"]

    def calibrated(self):
        """Its encoder sees which x it is, so that no other x can be simulated."""
        assert self.task.calibrated(self.networks, self.problem, np.random.RandomState(0), 1000) == {}

    def required(self):
        assert self.task.required == ("elbo",)

    def starred(self):
        assert self.task.starred == ("inference_gap", "wasserstein")

    def bounds(self):
        assert self.task.bounds == (("elbo", "log_evidence", "inference_gap"),)

    def by_discriminator(self):
        assert self.task.by_discriminator == ("elbo", "elbo_discriminator")
        assert set(self.task.by_discriminator) <= set(self.task.metrics)

    def words(self):
        assert self.task.words == ("calibration", "marginals", "modes", "per_x")

    def figures(self):
        assert self.task.figures == ("training_curve.png", "posterior.png", "marginals.png", "posterior.gif")

    def arrays(self):
        assert self.task.arrays == ("exact.npz",)

    def files(self):
        assert self.task.files == ("training_curve.png", "posterior.png", "marginals.png", "posterior.gif", "exact.npz")

    def no_annealing(self):
        assert self.task.no_annealing == (
            "a run of a given posterior, whose evidence is known; --ais is for runs of a few known images")

    def noun(self):
        assert self.task.noun == "Approximate posteriors"

    def name_width(self):
        assert self.task.name_width == 26

    def view(self):
        view = self.task.view(self.networks, self.problem, np.random.RandomState(3))
        record, eps = view.look(), np.random.RandomState(3).standard_normal((1024, 4)).astype(np.float32)
        assert view.max_bytes is None and set(record) == {"z", "log_ratio", "log_joint"}
        z = np.repeat(self.MEAN + self.OFF, 512) + self.DEVIATION * eps[:, 0]
        np.testing.assert_allclose(record["z"][:, 0], z, atol=1e-6)
        np.testing.assert_allclose(record["log_joint"], norm.logpdf(z) + norm.logpdf(np.repeat(self.X, 512), z), rtol=1e-5)
        np.testing.assert_allclose(record["log_ratio"], norm.logpdf(eps[:, 0]) - math.log(self.DEVIATION) - norm.logpdf(z),
                                   atol=1e-5)

    def iterations_per_epoch(self):
        assert self.task.iterations_per_epoch(self.config, self.problem) is None

    def is_as_derived(self, metrics, arrays):
        gap = self.OFF**2 / (2 * self.DEVIATION**2)
        assert arrays == {} and metrics["log_evidence"] == pytest.approx(self.EVIDENCE.mean(), abs=1e-4)
        for of_x, evidence in ((metrics, self.EVIDENCE.mean()), *zip(metrics["per_x"], self.EVIDENCE)):
            for name, value in (("elbo", evidence - gap), ("elbo_discriminator", evidence - gap), ("inference_gap", gap)):
                assert abs(of_x[name] - value) < 4 * of_x[name + "_standard_error"] + 1e-4 < 0.05, name
        # A shift is that far in every quantile.
        assert metrics["wasserstein"] == pytest.approx(self.OFF / self.DEVIATION, abs=0.05)
        assert 0 < metrics["wasserstein_noise_floor"] < 0.05
        for of_x, x, mean in zip(metrics["per_x"], ("low", "high"), self.MEAN):
            assert of_x["x"] == x and list(of_x["marginals"]) == ["z", "double"]
            for name, factor in (("z", 1), ("double", 2)):
                found = of_x["marginals"][name]
                assert found["exact_mean"] == pytest.approx(factor * mean, abs=1e-4)
                assert found["exact_standard_deviation"] == pytest.approx(factor * self.DEVIATION, abs=1e-4)
                assert found["mean"] == pytest.approx(factor * (mean + self.OFF), abs=0.05)
                assert found["standard_deviation"] == pytest.approx(factor * self.DEVIATION, abs=0.05)
            shares = of_x["modes"]["positive"]
            assert shares["share"] == pytest.approx(norm.cdf((mean + self.OFF) / self.DEVIATION), abs=0.02)
            assert shares["exact_share"] == pytest.approx(norm.cdf(mean / self.DEVIATION), abs=0.01)
        assert metrics["methods"] == {"log_evidence": "quadrature", "elbo": "samples", "elbo_discriminator": "discriminator",
                                      "inference_gap": "samples", "wasserstein": "samples",
                                      "wasserstein_noise_floor": "samples", "k_hat": "samples",
                                      "log_evidence_importance": "samples", "k_hat_discriminator": "discriminator",
                                      "log_evidence_importance_discriminator": "discriminator"}
        # Gaussians of one width: log-weights are linear in z. T is right, and says the same.
        for end in ("", "_discriminator"):
            error = 5 * metrics["log_evidence_importance%s_standard_error" % end]
            assert metrics["log_evidence_importance" + end] == pytest.approx(self.EVIDENCE.mean(), abs=error)
            assert metrics["k_hat" + end] == max(of_x["k_hat" + end] for of_x in metrics["per_x"]) < 0.5
        best = norm.cdf(self.OFF / self.DEVIATION / 2)
        error = metrics["two_sample_accuracy_standard_error"]
        assert best - 0.02 < metrics["two_sample_accuracy"] < best + 4 * error
        assert "exact ones" in metrics["good_values"]["two_sample_accuracy"]

    def arrays_are_as_derived(self, folder):
        latents, exact, snapshots = (stored(folder, name) for name in ("latents.npz", "exact.npz", "snapshots.npz"))
        assert latents["label"].tolist() == [0] * 4096 + [1] * 4096
        z = np.repeat(self.MEAN + self.OFF, 4096) + self.DEVIATION * normal(0, "latents", 8192, 4)[:, 0]
        np.testing.assert_allclose(latents["z"][:, 0], z, atol=1e-6)
        draws = exact["draws"]
        assert set(exact) == {"draws", "marginal_ends", "marginal_density"} and draws.shape == (2, 5000, 2)
        for label, mean in enumerate(self.MEAN):  # of z and of 2 z, within .2% of the highest
            for k, scale in enumerate((1, 2)):
                points = np.linspace(*exact["marginal_ends"][label, k], 161) / scale
                np.testing.assert_allclose(exact["marginal_density"][label, k] * scale * self.DEVIATION,
                                           norm.pdf((points - mean) / self.DEVIATION), atol=1e-3)
        np.testing.assert_allclose(draws[..., 1], 2 * draws[..., 0], rtol=1e-6)
        np.testing.assert_allclose(draws[..., 0].mean(axis=1), self.MEAN, atol=0.05)
        np.testing.assert_allclose(draws[..., 0].std(axis=1), self.DEVIATION, atol=0.05)
        gap, error = snapshots["inference_gap"], snapshots["inference_gap_standard_error"]
        assert gap.shape == (3,) and (np.abs(gap - 0.0625) < 4 * error).all() and error.max() < 0.1

    def inputs(self):
        assert self.task.inputs(self.problem, [1, 0, 1]).tolist() == [[0, 1], [1, 0], [0, 1]]
        for x in ([2], [-1], [0.0], [], [[0]]):
            with pytest.raises(ValueError, match="numbers of observations, integers"):
                self.task.inputs(self.problem, x)

    def log_likelihood(self):
        found = self.task.log_likelihood(self.networks, self.problem, [1, 0, 1], self.config)
        np.testing.assert_allclose(found, self.EVIDENCE[[1, 0, 1]], atol=1e-4)

    def annealed(self):
        with pytest.raises(NotImplementedError):
            self.task.annealed(self.config, self.problem, "")

    def summary(self):
        assert self.task.summary(self.METRICS, self.config) == [
            "generator_loss                 1.2500   (mean of the last 4 iterations)",
            "log_evidence                  -1.5000   (quadrature)",
            "elbo                             -inf   (samples)",
            "elbo_discriminator            -1.2500   (discriminator, ± 0.1000)",
            "                  mean        sd",
            "z               0.5000    0.7500",
            "P(positive) = 0.250"]

    def warning(self):
        assert self.task.warning(self.METRICS, self.config) == (
            "the discriminator puts the ELBO 0.2500 nats above the exact log evidence, where no ELBO can be: it has "
            "fallen behind, and what it says of q can't be trusted.")
        assert self.task.warning(dict(self.METRICS, elbo_discriminator=-1.31), self.config) == ""

    def optima(self):
        assert self.task.optima(self.config, self.problem) == {}

    def identity(self):
        assert self.task.identity(self.config, self.problem) == self.config.python_file.sha256

    def is_drawn_beside(self):
        assert self.task.is_drawn_beside(self.run(), None)

    def rows(self):
        row, = self.task.rows([RunGroup("a setting", self.config, (0, 1), (
            {"elbo": -1.5, "wasserstein": 0.25}, {"elbo": -2.5}))])
        assert (row.metric, row.mean, row.published, row.optimum, row.standing, row.verdict) == (
            "elbo", -2, None, None, None, "")

    def verdict(self):
        assert self.task.verdict(RunGroup("a setting", self.config, (0,), ({"elbo": -1.5},))) == ""

    def page(self):
        data, context = self.shown()
        snapshots, (drawn,) = stored(self.finished().folder, "snapshots.npz"), data["runs"]
        assert data["losses"]["generator_loss"]["optimum"] == pytest.approx(-self.EVIDENCE.mean(), abs=1e-4)
        assert data["losses"]["discriminator_loss"] == {"optimum": None}
        assert data["groups"][0]["losses"]["discriminator_loss"]["mean"] == [2, 3, 4, 5]
        assert (drawn["x"], drawn["quantities"]) == (("low", "high"), ("z", "double"))
        z = unpacked(drawn["moments"]["z"], "<i2").reshape(3, 1024, 1) * drawn["moments"]["scale"]
        np.testing.assert_allclose(z, snapshots["z"], atol=drawn["moments"]["scale"][0])
        assert np.ravel(drawn["exactMoments"]).tolist() == pytest.approx(
            [-0.5, self.DEVIATION, 1, self.DEVIATION], abs=1e-4)
        assert [sum(own["q"]) <= own["n"] == 4096 for of_x in drawn["marginals"] for own in of_x] == [True] * 4
        assert {name: context[name] for name in (
            "has_reference", "has_evidence", "has_discriminator", "has_gap", "has_line", "has_plane", "has_density",
            "has_draws")} == dict(has_reference=True, has_evidence=True, has_discriminator=True, has_gap=True, has_line=True,
                                  has_plane=False, has_density=False, has_draws=False)
        assert context["posteriors"] == [self.problem] and context["key_numbers"][0] == (
            "%.4f" % self.run().metrics["log_evidence"], "log evidence, mean over x", "")
        assert [source.source for source in context["python_files"]] == [MODEL]
        assert "key_numbers" not in self.shown(is_sweep=True).context

    def facts(self):
        assert self.task.facts(self.run()) == [
            ("posterior", "python"), ("model", "avb"), ("dimensions of z", 1), ("values of x", 2),
            ("samples in the evaluation", "8192 of each q(z|x)")]


class DataSetOfFourPixels(Case):
    """A decoder that ignores z, so that log p(x) is a product; q(z|x) is Gaussian, and T is half a nat everywhere."""

    name_of_task = "data_set"
    curves = {"iteration"}
    P, MAP, DEVIATION = np.float32([0.1, 0.2, 0.3, 0.4]), np.float32([[1, 0], [0, 1], [-1, 0], [0, -1]]), math.exp(-0.5)
    TEST = np.array([[1, 0, 0, 0], [0, 1, 1, 0], [1, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]])
    METRICS = {"generator_loss": 1.25, "test_log_likelihood": -90.5, "test_log_likelihood_numerical_error": 0.25,
               "test_log_likelihood_standard_error": 1.5, "test_elbo": None, "test_elbo_discriminator": -80.5,
               "methods": {"test_log_likelihood": "quadrature", "test_elbo": "nearest neighbours",
                           "test_elbo_discriminator": "discriminator"}}

    @classmethod
    def config_in(cls, folder):
        train = np.random.RandomState(0).randint(0, 2, (10, 2, 2)).astype(np.uint8)
        np.savez(str(folder / "four pixels.npz"), train=255 * train, train_labels=np.arange(10) % 2,
                 test=255 * cls.TEST.reshape(5, 2, 2).astype(np.uint8), test_labels=[1, 0, 1, 0, 0])
        data = "data={kind: npz, path: '%s', binarisation: threshold, n_validation: 0, batch_size: 4}"
        return small_images("digits_avb", data % (folder / "four pixels.npz"), *FOUR, "training.checkpoint_every=4",
                            "evaluation.n_samples=256")

    def networks_of(self, problem):
        return Networks(
            2, 2, encode=lambda x, eps: x @ self.MAP + np.float32(self.DEVIATION) * eps,
            likelihood=Bernoulli(lambda z: np.tile(self.P, (len(z), 1))),
            log_ratio=lambda x, z: np.full((len(x), 1), 0.5, np.float32),
            gaussian=lambda x: (x @ self.MAP, np.full((len(x), 2), -1, np.float32)),
            log_posterior=lambda x, z: norm.logpdf(z, x @ self.MAP, self.DEVIATION).sum(axis=1))

    @property
    def exact(self):
        """log p(x) and KL(q(z|x) || p(z)) of each test image."""
        p = self.P.astype(np.float64)
        log_likelihood = np.log(np.where(self.TEST == 1, p, 1 - p)).sum(axis=1)
        return log_likelihood, 0.5 * (2 * math.exp(-1) + ((self.TEST @ self.MAP)**2).sum(axis=1) - 2 + 2)

    def metrics(self):
        assert {name: (metric.title, metric.is_higher_better) for name, metric in self.task.metrics.items()} == {
            "test_log_likelihood": ("test log-likelihood", True),
            "test_bits_per_dimension": ("bits a dimension of test images", False),
            "test_log_likelihood_importance": ("test log-likelihood by importance sampling", True),
            "test_elbo": ("test ELBO", True), "test_elbo_discriminator": ("test ELBO by the discriminator", True),
            "test_inference_gap": ("KL(q(z|x) || p(z|x)) on test images", False)}

    def diagnostics(self):
        assert list(self.task.diagnostics) == [
            "test_k_hat", "test_k_hat_discriminator", "test_log_likelihood_importance_discriminator", "calibration_distance"]

    def calibrated(self):
        """The decoder ignores z: of its images the prior is the posterior, and q is another."""
        found = self.task.calibrated(self.networks, self.problem, np.random.RandomState(0), 1000)
        assert found["calibration_distance"] > found["calibration"]["limit"]

    def required(self):
        assert self.task.required == ("generator_loss",)

    def starred(self):
        assert self.task.starred == ("test_log_likelihood", "test_elbo")

    def bounds(self):
        assert self.task.bounds == (("test_elbo", "test_log_likelihood", "test_inference_gap"),)

    def by_discriminator(self):
        assert self.task.by_discriminator == ("test_elbo", "test_elbo_discriminator")
        assert set(self.task.by_discriminator) <= set(self.task.metrics)

    def words(self):
        assert self.task.words == ("calibration", "test_log_likelihood_method")

    def figures(self):
        assert self.task.figures == ("training_curve.png", "latent_space.png", "reconstructions.png", "latent_space.gif",
                                     "pairs.png", "manifold.png", "posteriors.png")

    def arrays(self):
        assert self.task.arrays == ("test_images.npz",)

    def files(self):
        assert self.task.files == ("training_curve.png", "latent_space.png", "reconstructions.png", "latent_space.gif",
                                   "pairs.png", "manifold.png", "posteriors.png", "test_images.npz", "validation.json")

    def parts(self):
        assert self.task.parts == ("validation",)

    def measure_part(self):
        """Of the last two of the 10 images, which then are not trained on; none are left of a run without such images."""
        with pytest.raises(InputError, match="there are no validation images: data.n_validation of the run is 0"):
            self.task.measure_part(self.trained(), "validation")
        data = self.config.data.copy(update={"n_validation": 2})
        config = self.config.copy(update={"data": data})
        trained = Trained(config, problem_of(config), self.networks, self.trained().monitors)
        found = self.task.measure_part(trained, "validation")
        images = np.random.RandomState(0).randint(0, 2, (10, 4))[8:]
        log_likelihood = np.log(np.where(images == 1, self.P, 1 - self.P)).sum(axis=1).mean()
        assert found["validation_log_likelihood"] == pytest.approx(log_likelihood, abs=3e-3)
        assert found["n_validation_images"] == 2
        assert found["validation_elbo_discriminator"] == pytest.approx(log_likelihood - 0.5, abs=1e-4)
        assert found["validation_log_likelihood_method"] == "quadrature" and not [name for name in found if "test" in name]
        assert set(found["methods"]) == {
            "validation_log_likelihood", "validation_elbo", "validation_elbo_discriminator", "validation_inference_gap",
            "validation_log_likelihood_importance", "validation_log_likelihood_importance_discriminator"}
        first, *_ = self.task.summary(found, config)
        assert first.split()[:2] == ["validation_log_likelihood", "%.4f" % found["validation_log_likelihood"]]

    def no_annealing(self):
        assert self.task.no_annealing == "a run of a data set; --ais is for runs of a few known images"

    def noun(self):
        assert self.task.noun == "Autoencoders"

    def name_width(self):
        assert self.task.name_width == 30

    def view(self):
        view, random_state = self.task.view(self.networks, self.problem, np.random.RandomState(3)), np.random.RandomState(3)
        record = view.look()
        assert view.max_bytes == 2**25 and set(record) == {
            "z", "log_ratio", "prior", "manifold", "reconstruction", "samples", "density_axes", "density"}
        eps, _, eps_of_samples = (random_state.standard_normal(shape) for shape in ((5, 2), (16, 2), (512, 2)))
        np.testing.assert_allclose(record["z"], self.TEST @ self.MAP + self.DEVIATION * eps, atol=1e-6)
        assert (record["log_ratio"] == 0.5).all()
        for name, n in (("prior", 16), ("manifold", 225), ("reconstruction", 2)):
            np.testing.assert_array_equal(record[name], np.tile(np.rint(255 * self.P), (n, 1)))
        close = np.repeat(self.TEST[[1, 0]], 256, axis=0)  # the first of each class
        np.testing.assert_allclose(record["samples"].reshape(512, 2), close @ self.MAP + self.DEVIATION * eps_of_samples,
                                   atol=1e-6)
        axis_1, axis_2 = record["density_axes"][0].astype(np.float64)
        density = np.exp(-0.5 * (axis_1**2 + axis_2[:, np.newaxis]**2)).ravel()  # p(z|x) = p(z)
        np.testing.assert_allclose(record["density"][0] / 255, density / density.max(), atol=0.003)

    def iterations_per_epoch(self):
        assert self.task.iterations_per_epoch(self.config, self.problem) == 2  # of 10 images in batches of 4

    def is_as_derived(self, metrics, arrays):
        log_likelihood, kl = self.exact
        of_images = {"log_likelihood": log_likelihood, "elbo": log_likelihood - kl, "elbo_discriminator": log_likelihood - 0.5,
                     "log_likelihood_importance_discriminator": log_likelihood - 0.5}
        assert list(arrays) == ["test_images.npz"]
        own = arrays["test_images.npz"]
        names = [*of_images, "log_likelihood_importance"]
        assert set(own) == {*names, *(name + "_error" for name in names), "k_hat", "k_hat_discriminator"}
        limit = 1 - 1 / math.log10(self.config.evaluation.n_samples)
        assert metrics["test_k_hat"] == np.median(own["k_hat"]) and metrics["test_k_hat_share"] == np.mean(own["k_hat"] > limit)
        assert metrics["test_k_hat_discriminator"] == metrics["test_k_hat_discriminator_share"] == 0
        assert np.abs(own["log_likelihood_importance"] - log_likelihood).max() < 1.5
        # q is not the posterior of images that the decoder makes, whatever z.
        assert metrics["calibration_distance"] > metrics["calibration"]["limit"]
        for name, expected in of_images.items():
            np.testing.assert_allclose(arrays["test_images.npz"][name], expected, atol=1e-5)
            assert metrics["test_" + name] == pytest.approx(expected.mean(), abs=1e-5)
            assert metrics["test_%s_standard_error" % name] == pytest.approx(expected.std(ddof=1) / math.sqrt(5), rel=1e-4)
            assert 0 <= metrics["test_%s_numerical_error" % name] < 1e-5
        assert metrics["test_inference_gap"] == pytest.approx(kl.mean(), abs=1e-5)
        assert (metrics["n_test_images"], metrics["test_log_likelihood_method"]) == (5, "quadrature")
        assert metrics["methods"] == {"test_log_likelihood": "quadrature", "test_elbo": "samples",
                                      "test_elbo_discriminator": "discriminator", "test_inference_gap": "samples",
                                      "test_log_likelihood_importance": "samples",
                                      "test_log_likelihood_importance_discriminator": "discriminator"}

    def arrays_are_as_derived(self, folder):
        latents, snapshots = stored(folder, "latents.npz"), stored(folder, "snapshots.npz")
        assert latents["label"].tolist() == snapshots["label"].tolist() == [1, 0, 1, 0, 0]
        expected = self.TEST @ self.MAP + self.DEVIATION * normal(0, "latents", 5, 2)
        np.testing.assert_allclose(latents["z"], expected, atol=1e-6)
        assert snapshots["image"].tolist() == [1, 0] and snapshots["z"].shape == (3, 5, 2)
        np.testing.assert_array_equal(snapshots["z"][0], snapshots["z"][2])

    def write(self):
        """As of all tasks, but without what needs more than a plane: pairs of coordinates."""
        assert "pairs.png" not in self.finished().names
        (self.finished().folder / "pairs.png").write_bytes(b"\x89PNG")
        self.finished().names.append("pairs.png")
        super().write()

    def inputs(self):
        x = [[1, 0, 0, 1], [0, 0, 0, 0]]
        found = self.task.inputs(self.problem, x)
        assert found.dtype == np.float32 and found.tolist() == x
        with pytest.raises(ValueError, match="the pixels of x must be 0 or 1"):
            self.task.inputs(self.problem, [[0.5, 0, 0, 0]])

    def log_likelihood(self):
        found = self.task.log_likelihood(self.networks, self.problem, self.TEST, self.config)
        np.testing.assert_allclose(found, self.exact[0], atol=1e-5)

    def annealed(self):
        with pytest.raises(NotImplementedError):
            self.task.annealed(self.config, self.problem, "")

    def summary(self):
        assert self.task.summary(self.METRICS, self.config) == [
            "generator_loss                     1.2500   (train images; mean of the last 4 iterations)",
            "test_log_likelihood              -90.5000   (quadrature, ± 0.2500; sampling of images ± 1.50)",
            "test_elbo                            -inf   (nearest neighbours)",
            "test_elbo_discriminator          -80.5000   (discriminator)"]

    def warning(self):
        assert self.task.warning(self.METRICS, self.config) == (
            "the discriminator puts the test ELBO 10.0000 nats above the test log-likelihood, where no ELBO can be: T has "
            "fallen behind the encoder, and what it says of q(z|x) can't be trusted.")
        assert self.task.warning(dict(self.METRICS, test_elbo_discriminator=-90.1), self.config) == ""

    def optima(self):
        assert self.task.optima(self.config, self.problem) == {}

    def identity(self):
        assert self.task.identity(self.config, self.problem) == [self.config.data.sha256 or self.problem.digest, "threshold"]

    def is_drawn_beside(self):
        assert self.task.is_drawn_beside(self.run(), None)

    def rows(self):
        rows = self.task.rows([RunGroup("a setting", self.config, (0, 1), (
            {"test_elbo": -90.0, "test_log_likelihood": -80.0}, {"test_elbo": -92.0, "test_log_likelihood": None}))])
        assert [(row.metric, row.mean, row.verdict) for row in rows] == [
            ("test_log_likelihood", -math.inf, ""), ("test_elbo", -91, "")]

    def verdict(self):
        assert self.task.verdict(RunGroup("a setting", self.config, (0,), ({"test_elbo": -90.0},))) == ""

    def page(self):
        data, context = self.shown()
        snapshots, (drawn,) = stored(self.finished().folder, "snapshots.npz"), data["runs"]
        assert data["losses"] == {"generator_loss": {"optimum": None}, "discriminator_loss": {"optimum": None}}
        assert data["groups"][0]["losses"]["generator_loss"]["mean"] == [1, 2, 3, 4]
        assert (drawn["labels"], drawn["classes"], drawn["nMoments"]) == ([1, 0, 1, 0, 0], ("0", "1"), 3)
        assert drawn["manifoldTiles"] == [15, 15] and drawn["priorTiles"] == [4, 4] and drawn["close"]["rows"] == [1, 0]
        assert drawn["close"]["names"] == ["test image 1, class 0", "test image 0, class 1"]
        for moment, z in zip(drawn["moments"], snapshots["z"]):
            found = unpacked(moment["z"], "<i2").reshape(5, 2) * moment["scale"]
            np.testing.assert_allclose(found, z, atol=max(moment["scale"]))
        assert {name: context[name] for name in (
            "has_classes", "has_discriminator", "has_codes", "has_manifold", "has_line", "has_plane")} == dict(
                has_classes=True, has_discriminator=True, has_codes=True, has_manifold=True, has_line=False, has_plane=True)
        assert context["datasets"] == [self.problem] and context["key_numbers"][0] == (
            "%.4f" % self.exact[0].mean(), "test log-likelihood", "by quadrature, ± 0.0000")
        assert "key_numbers" not in self.shown(is_sweep=True).context

    def facts(self):
        assert self.task.facts(self.run()) == [
            ("data", "the images of four pixels.npz"), ("model", "avb"), ("latent dimensions", 2),
            ("images", "10 for training, 0 for validation, 5 for testing"), ("pixels", "2 x 2, binarisation threshold")]


CASES = {case.name_of_task: case for case in (KnownImages, GivenPosteriorOfASum, DataSetOfFourPixels)}


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """The cases by the names of their tasks, each made when it is first asked for."""
    made = {}

    def case_of(name):
        if name not in made:
            made[name] = CASES[name](tmp_path_factory.mktemp(name))
        return made[name]

    return case_of


def test_every_task_has_a_case_and_every_case_a_test_of_each_member():
    assert set(CASES) == set(TASKS)
    for name, case in CASES.items():
        assert [member for member in MEMBERS if not callable(getattr(case, member, None))] == [], name
        assert set(MEMBERS) >= {own for own in vars(type(TASKS[name])) if not own.startswith("_")}, name


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("name", list(TASKS))
def test_what_a_task_says_of_a_model_that_is_known(cases, name, member):
    getattr(cases(name), member)()
