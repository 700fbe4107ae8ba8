"""A latent space that no grid fills: what needs one is left out, and said to be."""

import json
import os

import numpy as np
import pytest
from helpers import small, vae_config

import avb_tf1
from avb_tf1.config.loading import to_yaml
from avb_tf1.estimation.metric import why_not
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.report import comparison, sweep_page
from avb_tf1.runs import metrics_file, run_folder
from avb_tf1.tasks.known_images import published_rows
from avb_tf1.tasks.registry import TASKS, task_of

GRID_METRICS = {"log_likelihood", "inference_gap"}
RUNS = {
    # Of an implicit posterior there is only the discriminator's estimate.
    "avb": (small("model.latent_dim=3"), GRID_METRICS | {"elbo", "kl_posterior_prior", "kl_marginal_prior"}),
    "vae": (vae_config("model.latent_dim=3"), GRID_METRICS | {"kl_marginal_prior"})}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("runs")
    for kind, (config, _) in RUNS.items():
        avb_tf1.run_experiment(config, str(base / kind))
    return {kind: str(base / kind) for kind in RUNS}


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(RUNS))
def test_metrics_say_what_was_not_computed(folders, kind):
    config, missing = RUNS[kind]
    metrics, _ = metrics_file.read_metrics(folders[kind], config, task_of(config))
    assert set(metrics["not_computed"]) == missing and not missing & set(metrics)
    assert metrics["not_computed"]["log_likelihood"] == "needs a grid: latent_dim 1 or 2"
    assert ("kl_discriminator" in metrics) == (kind == "avb")
    assert not os.path.exists(os.path.join(folders[kind], "latent_plane.npz"))
    assert "probabilities" not in files.read_arrays(os.path.join(folders[kind], run_folder.SNAPSHOTS))
    for name in TASKS["known_images"].figures:
        assert os.path.getsize(os.path.join(folders[kind], name)) > 1000


@pytest.mark.slow
def test_a_vaes_elbo_is_exact_all_the_same(folders):
    with avb_tf1.open_run(folders["vae"]) as run:
        x = np.eye(4, dtype=np.float32)
        z = run.sample_posterior(x, 20000, seed=0)
        p = np.stack([run.decode(own) for own in z]).astype(np.float64)
        with pytest.raises(ValueError, match="needs a grid: latent_dim 1 or 2, not 3"):
            run.log_likelihood(x)
        reconstruction = np.mean([np.where(image == 1, np.log(own), np.log1p(-own)).sum(axis=1) for image, own in zip(x, p)])
        # The posterior is Gaussian, so that the samples' moments give its KL.
        mean, variance = z.astype(np.float64).mean(axis=1), z.astype(np.float64).var(axis=1)
        kl = 0.5 * (mean**2 + variance - 1 - np.log(variance)).sum(axis=1).mean()
        assert run.metrics["elbo"] == pytest.approx(reconstruction - kl, abs=0.02)
        assert run.metrics["kl_posterior_prior_standard_error"] == 0


@pytest.mark.slow
def test_finished_runs_are_read_and_compared(folders):
    groups = comparison.read_runs(sorted(folders.values()))
    text = comparison.markdown(groups)
    assert "in 1 of 4 columns, 3 not computed" in text and "in 2 of 4 columns, 2 not computed" in text
    assert "| log-likelihood" not in text
    assert [row.verdict for row in published_rows.rows(groups) if row.metric == "kl_discriminator"] == [""]


@pytest.mark.slow
def test_reasons_that_are_none_are_refused(folders, tmp_path):
    config = RUNS["vae"][0]
    with open(os.path.join(folders["vae"], run_folder.METRICS)) as file:
        content = json.load(file)
    for reasons in (["log_likelihood"], {"log_likelihood": 3}):
        files.write_json(str(tmp_path / run_folder.METRICS), dict(content, not_computed=reasons))
        with pytest.raises(InputError, match="not_computed must have a text for each metric that it names"):
            metrics_file.read_metrics(str(tmp_path), config, task_of(config))


@pytest.mark.slow
def test_the_page_opens_without_a_map(folders):
    browser = pytest.importorskip("browser", reason="needs Selenium")
    if not all(browser.programs()):
        pytest.skip("needs Chromium and ChromeDriver")
    with browser.opened() as driver:
        for folder in folders.values():
            browser.show(driver, os.path.join(folder, run_folder.REPORT))
            text = driver.find_element("tag name", "main").text
            assert "Not computed: log_likelihood, inference_gap: needs a grid" in text
            assert "Of more than two latent dimensions, the first two are drawn." in text and "tint" not in text
            assert driver.find_elements("id", "decoder") == driver.find_elements("id", "tint") == []
            assert driver.execute_script("return document.getElementById('latent-plot').data.length") >= 4
            assert [entry["message"] for entry in driver.get_log("browser")] == []


@pytest.mark.slow
def test_a_map_is_shown_of_those_runs_that_have_one(tmp_path):
    """The page of a sweep over the latent dimension hides the map while a run without one is chosen."""
    browser = pytest.importorskip("browser", reason="needs Selenium")
    if not all(browser.programs()):
        pytest.skip("needs Chromium and ChromeDriver")
    from selenium.webdriver.support.ui import Select

    configs = [small("model.latent_dim=%d" % dim) for dim in (2, 3)]
    records = []
    for config in configs:
        name = "latent_dim=%d" % config.model.latent_dim
        metrics, _ = avb_tf1.run_experiment(config, str(tmp_path / name))
        records.append({"run": name, "setting": name, "config": config.name, "seed": 0, "status": "done", "reason": "",
                        "metrics": metrics, "fingerprint": avb_tf1.config.fingerprint.digest_of_fingerprint(config)})
    files.write_json(str(tmp_path / run_folder.SWEEP_STATE), {
        "avb_tf1": "1", "command": "sweep", "is_going_on": False, "written": "now", "runs": records})
    path, _ = sweep_page.write_page(str(tmp_path))
    with browser.opened() as driver:
        browser.show(driver, path)
        decoder, choice = driver.find_element("id", "decoder"), Select(driver.find_element("id", "run-choice"))
        choice.select_by_visible_text("latent_dim=2, seed 0")  # it is warned of, and not the first
        assert decoder.is_displayed()
        choice.select_by_visible_text("latent_dim=3, seed 0")
        assert not decoder.is_displayed()
        choice.select_by_visible_text("latent_dim=2, seed 0")
        assert decoder.is_displayed()
        assert [entry["message"] for entry in driver.get_log("browser")] == []


def test_its_config_is_accepted_and_written():
    assert "latent_dim: 3" in to_yaml(RUNS["avb"][0])
    assert why_not(None, ()) is None
