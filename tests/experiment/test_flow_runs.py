"""Whole runs of models whose q(z|x) has a density, or that have none: what is measured of them, and opened again."""

import json
import os
import pathlib

import numpy as np
import pytest
from config_cases import EACH_KIND, FLOWS, of_kind, with_flow
from helpers import ROOT, long, run_script, slow, small, vae_config
from image_data import small_images
from pages import text_of
from scipy.stats import norm
from shared_runs import stopped_and_gone_on_with, without_figures

import avb_tf1
from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.tasks.registry import TASKS
from avb_tf1.tasks.summary import summary

SHORT = ["training.n_iterations=20", "training.checkpoint_every=10", "training.snapshot_every=10"]
BANANA = os.path.join(ROOT, "configs", "posteriors", "banana_gaussian.yaml")
CONFIGS = {
    "known_images": lambda: vae_config(*with_flow("coupling"), *SHORT, "training.kl_weight=.6"),
    "data_set": lambda: small_images("digits_vae", *with_flow("iaf"), *SHORT, "training.n_importance_samples=3"),
    "given_posterior": lambda: load_config(BANANA, [
        "model.flow=" + FLOWS["spline"], *SHORT, "problem.batch_size=50", "evaluation.n_samples=4096"])}


@pytest.fixture(scope="module", params=[
    slow("known_images"), slow("data_set"), long("given_posterior")])
def run(request, tmp_path_factory):
    """A VAE whose KL counts .6 times with a coupling flow, one by the importance-weighted bound with an IAF, a spline flow."""
    folder = str(tmp_path_factory.mktemp(request.param) / "run")
    avb_tf1.run_experiment(CONFIGS[request.param](), folder, show_progress=False)
    with avb_tf1.open_run(folder) as opened:
        yield opened


def test_the_elbo_is_by_samples_of_its_density(run):
    name = "test_elbo" if run.config.task == "data_set" else "elbo"
    assert run.metrics["methods"][name] == "samples" and run.metrics[name + "_standard_error"] > 0
    assert "not_computed" not in run.metrics
    if run.config.task == "known_images":  # unweighted
        assert run.metrics["elbo"] == pytest.approx(
            -4 * run.metrics["reconstruction_error"] - run.metrics["kl_posterior_prior"], abs=1e-9)


def test_the_page_says_what_q_is_and_what_was_minimised(run):
    told = text_of(pathlib.Path(run.folder))
    assert run.config.model.about in told and run.config.loss in told
    assert run.config.loss.endswith({
        "known_images": "taken 0.6 times", "data_set": "importance-weighted bound of 3 samples"}.get(run.config.task, ""))


def contents(folder):
    """What of a run's folder, a pathlib.Path, depends on no time."""
    return [(folder / name).read_bytes() for name in ("losses.csv", "metrics.json")]


@pytest.mark.slow
def test_a_stopped_training_goes_on_with_the_same_bits(run, tmp_path):
    assert contents(stopped_and_gone_on_with(tmp_path / "run", run.config)) == contents(pathlib.Path(run.folder))


def test_its_density_is_told_at_any_z(run):
    x = {"known_images": np.eye(4)[:1], "given_posterior": np.array([0])}.get(run.config.task)
    if x is None:
        x = run._problem.test_images()[:1]
    samples = run.sample_posterior(x, 4000, seed=0)[0]
    middle, reach, axis = samples.mean(axis=0), 2 * np.abs(samples - samples.mean(axis=0)).max(axis=0), np.linspace(-1, 1, 301)
    z = np.stack(np.meshgrid(*(middle[:, np.newaxis] + reach[:, np.newaxis] * axis), indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(run.log_posterior(np.repeat(x, len(z), axis=0), z).astype(np.float64))
    assert density.sum() * np.prod(reach * (axis[1] - axis[0])) == pytest.approx(1, abs=1e-3)
    # KL(q || p), by the density, for the same q.
    if run.config.task == "known_images":
        log_ratio = [run.log_posterior(np.tile(own, (4000, 1)), z) - norm.logpdf(z).sum(axis=1)
                     for own, z in zip(np.eye(4), run.sample_posterior(np.eye(4), 4000, seed=1))]
        error = np.std(log_ratio) / np.sqrt(np.size(log_ratio))
        assert run.metrics["kl_posterior_prior"] == pytest.approx(np.mean(log_ratio), abs=5 * error)


@pytest.mark.slow
def test_log_p_of_x_is_annealed_from_a_flow_in_eight_dimensions(tmp_path):
    config = small_images("digits_vae", *with_flow("spline"), *SHORT, "model.latent_dim=8")
    with without_figures():
        metrics, _ = avb_tf1.run_experiment(config, str(tmp_path / "run"), show_progress=False)
    assert metrics["test_log_likelihood_method"] == "ais" and metrics["methods"]["test_elbo"] == "samples"
    assert metrics["test_elbo"] < metrics["test_log_likelihood_importance"] < 0
    # Hardly trained, p(z|x) is near the prior, and so both estimates are near each other.
    assert metrics["test_log_likelihood"] == pytest.approx(metrics["test_log_likelihood_importance"], abs=1)


@pytest.mark.long
def test_a_sweep_makes_the_same_runs(tmp_path):
    pytest.importorskip("ray")
    configs = {"weighted": CONFIGS["data_set"](), "alone": load_config(*of_kind("data_set", "maximum_likelihood"))}
    paths = []
    for name, config in configs.items():
        paths.append(tmp_path / (name + ".yaml"))
        paths[-1].write_text(to_yaml(config.copy(update={"name": name})))
    result = run_script("sweep.py", "--config", *paths, "--seeds", "0", "--out", tmp_path / "sweep")
    assert result.returncode == 0, result.stderr
    for name, path in zip(configs, paths):
        with without_figures():
            avb_tf1.run_experiment(load_config(str(path)), str(tmp_path / name), show_progress=False)
        assert contents(tmp_path / "sweep" / (name + "_seed_0")) == contents(tmp_path / name)


@pytest.mark.slow
def test_an_implicit_posterior_has_no_density_to_tell(tmp_path):
    folder = str(tmp_path / "run")
    avb_tf1.run_experiment(small(*SHORT, "evaluation.n_samples=1024"), folder, show_progress=False)
    with avb_tf1.open_run(folder) as opened, pytest.raises(ValueError, match="kind avb has no log q"):
        opened.log_posterior(np.eye(4), np.zeros((4, 2)))


@pytest.mark.parametrize("case", [
    (slow if case in (("known_images", "auxiliary_vae"), ("data_set", "sivi")) else long)(case, id="-".join(case))
    for case in EACH_KIND if case[1] in ("sivi", "auxiliary_vae")])
def test_a_bound_is_called_one(case, tmp_path):
    path, overrides = of_kind(*case)
    smaller = ["evaluation.n_samples=%d" % (16 if case[0] == "data_set" else 1024)]
    config = load_config(path, overrides + smaller)
    folder = str(tmp_path / "run")
    avb_tf1.run_experiment(config, folder, show_progress=False)
    with open(os.path.join(folder, "metrics.json")) as file:
        metrics = json.load(file)
    name = "test_elbo" if case[0] == "data_set" else "elbo"
    assert metrics["methods"][name] == "samples of a bound" and metrics[name] is not None
    told = summary(TASKS[case[0]], metrics, config)
    assert "Note: of the density of q(z|x) a bound is known" in told
    with open(os.path.join(folder, "report.html"), encoding="utf-8") as file:
        page = file.read().replace("&#39;", "'")
    assert config.model.about in page and "a bound is known: the ELBO is at least" in page
    with avb_tf1.open_run(folder) as opened, pytest.raises(ValueError, match="has no log q"):
        opened.log_posterior(np.array([0]), np.zeros((1, 2)))


@pytest.mark.slow
@pytest.mark.parametrize("task", [task for task, kind in EACH_KIND if kind == "maximum_likelihood"])
def test_a_decoder_alone_is_measured_as_far_as_it_goes(task, tmp_path):
    folder, config = str(tmp_path / "run"), load_config(*of_kind(task, "maximum_likelihood"))
    avb_tf1.run_experiment(config, folder, show_progress=False)
    assert contents(stopped_and_gone_on_with(tmp_path / "in pieces", config)) == contents(tmp_path / "run")
    with open(os.path.join(folder, "metrics.json")) as file:
        metrics = json.load(file)
    name = "test_log_likelihood" if task == "data_set" else "log_likelihood"
    assert metrics[name] < 0 and set(metrics["not_computed"].values()) == {"the model has no approximate posterior q(z|x)"}
    assert config.loss in text_of(tmp_path / "run")
    with avb_tf1.open_run(folder) as opened:
        n = np.prod(opened._problem.image_shape)
        assert opened.decode(np.zeros((3, 2))).shape == (3, n)
        assert (opened.log_likelihood(np.eye(n)[:2]) < 0).all()
        with pytest.raises(ValueError, match="has no q"):
            opened.sample_posterior(np.eye(n)[:1], 1, seed=0)
