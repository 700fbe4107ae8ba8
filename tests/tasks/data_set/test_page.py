"""The page of a run of a data set: what stands in it, and what it does in a real browser."""

import dataclasses
import re
import shutil

import numpy as np
import pytest
from helpers import run_script, vae_config
from image_data import npz_data, save_mnist, small_images
from pages import (
    all_controls,
    assert_has_contrast,
    assert_ids_are_apart,
    change_metrics,
    data_of,
    element,
    metrics_of,
    page_of,
    picture_of,
    set_value,
    table_of,
    text_of,
    unpacked,
    wait_for,
)
from shared_runs import finished

from avb_tf1.config.fingerprint import digest_of_fingerprint
from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.problems.registry import problem_of
from avb_tf1.report import run_page, sweep_page
from avb_tf1.tasks import task
from avb_tf1.tasks.data_set import measures, summary
from avb_tf1.tasks.registry import TASKS
from avb_tf1.tasks.summary import summary as text_summary

pytestmark = pytest.mark.slow  # several runs, and a browser

SHORT = ["evaluation.n_samples=1024", "training.snapshot_every=5"]


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """The folder of a small run of a VAE with two latent dimensions."""
    return finished(tmp_path_factory.mktemp("dataset") / "plane", small_images("digits_vae", *SHORT))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """The folder of a small run of AVB with adaptive contrast and eight latent dimensions."""
    return finished(tmp_path_factory.mktemp("dataset") / "many", small_images("digits_8_avb_ac", *SHORT))


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """The folder of a small run of a VAE with one latent dimension."""
    return finished(tmp_path_factory.mktemp("dataset") / "line", small_images("digits_vae", "model.latent_dim=1", *SHORT))


@pytest.fixture
def copy(many, tmp_path):
    shutil.copytree(str(many), str(tmp_path / "copy"))
    return tmp_path / "copy"


def seen_in(folder):
    return files.read_arrays(str(folder / "snapshots.npz"))


def change_snapshots(folder, **changes):
    files.write_arrays(str(folder / "snapshots.npz"), **dict(seen_in(folder), **changes))


def tile_of(picture, row, column, gap=0):
    top, left = (8 + gap) * row, (8 + gap) * column
    return picture[top:top + 8, left:left + 8].ravel()


def test_the_page_needs_nothing_else(plane, many, line):
    for folder in (plane, many, line):
        page = page_of(folder)
        assert len(page.encode()) < 8e6 and page.count("plotly.js v") == 1 and "default-src 'none'" in page
        markup = re.sub(r"(?s)<script\b.*?</script>", "", page)
        assert "<script>" in page and not re.search(r"<(script|link|img)[^>]*(src|href)=\"(?!data:)", markup)
        assert set(re.findall(r'href="(https?:[^"]+)"', markup)) == {"https://arxiv.org/abs/1701.04722"}


def test_what_was_run(plane, many):
    text, problem = text_of(many), problem_of(load_config(str(many / "config.yaml")))
    for words in ("Adversarial Variational Bayes", "digits_8_avb_ac, seed 0", "20 iterations on batches of 64.",
                  "latent dimensions 8", "images 1497 for training, 0 for validation, 300 for testing",
                  "pixels 8 x 8, binarisation dynamic", "tensorflow 1.15.0", "SHA-256 of config.yaml", problem.sources,
                  problem.digest, "python scripts/train.py --config config.yaml --out digits_8_avb_ac_again"):
        assert words in text
    assert " ".join((many / "config.yaml").read_text().split()) in text
    text = text_of(plane)
    assert "Here q(z|x) is a Gaussian" in text and "discriminator" not in text


def test_the_metrics_are_those_of_the_file(plane, many):
    for folder in (plane, many):
        metrics, (head, *rows) = metrics_of(folder), table_of(folder, "Table of metrics")
        assert head == ["metric", "value", "numerical error", "sampling error", "remaining bias", "found by",
                        "in plain words"]
        shown = {row[0]: row[1:] for row in rows}
        reason = None
        for name, metric in measures.METRICS.items():
            if name in metrics:
                numbers = [metrics.get(name + suffix)
                           for suffix in ("", "_numerical_error", "_standard_error", "_bias_left")]
                told = ["" if own is None else "%.4f" % own for own in numbers]
                method = metrics["methods"][name]
                if method == "ais":
                    method = "AIS of %d images, %.0f %% of steps accepted" % (
                        metrics["n_annealed_images"], 100 * metrics["test_ais_acceptance"])
                assert shown[metric.title][:5] == told + [method]
            elif name in metrics.get("not_computed", {}):
                why = metrics["not_computed"][name]
                assert shown[metric.title] == ["not computed", "", "", "", "", "as above" if why == reason else why]
                reason = why
            else:
                assert metric.title not in shown
    assert "generator loss %.4f" % metrics_of(plane)["generator_loss"] in text_of(plane)


def test_no_number_passes_for_a_bound(plane, many):
    metrics = metrics_of(plane)
    text = text_of(plane)
    assert "In short: log p(x) of a test image is %.4f nats on average; the ELBO is lower by KL(q(z|x) || p(z|x)), %.4f" % (
        metrics["test_log_likelihood"], metrics["test_inference_gap"]) in text
    assert "no bound" not in text and "Warning" not in text
    metrics, text = metrics_of(many), text_of(many)
    assert "%.4f test ELBO by the discriminator no bound: T may be wrong" % metrics["test_elbo_discriminator"] in text
    assert "In short: log p(x) of a test image is %.4f nats on average." % metrics["test_log_likelihood"] in text
    assert "%.4f test log-likelihood by AIS of %d images, " % (
        metrics["test_log_likelihood"], metrics["n_annealed_images"]) in text


def test_a_discriminator_that_has_fallen_behind_is_warned_of_and_no_other(copy):
    estimate = metrics_of(copy)["test_elbo_discriminator"]
    likelihood = {"test_log_likelihood_numerical_error": 0.1, "test_log_likelihood_bias_left": 0.0,
                  "methods": dict(metrics_of(copy)["methods"], test_log_likelihood="ais"), "not_computed": {
                      "test_elbo": "implicit", "test_inference_gap": "implicit"}}
    error = np.hypot(0.1, metrics_of(copy)["test_elbo_discriminator_numerical_error"])
    for excess, is_warned in ((2.1 * error, True), (1.9 * error, False), (-1.0, False)):
        change_metrics(copy, test_log_likelihood=estimate - excess, **likelihood)
        sweep_page.write_page(str(copy))
        metrics, config = metrics_of(copy), load_config(str(copy / "config.yaml"))
        told = summary.warning(metrics, None)
        assert bool(told) == is_warned and ("Warning:" in text_of(copy)) == is_warned
        assert text_summary(TASKS["data_set"], metrics, config).endswith("Warning: " + told if is_warned else "implicit")
        assert not is_warned or "Warning: " + told in text_of(copy) and "%.4f nats above" % excess in told


def test_infinite_values_are_said(copy):
    metrics = {name: value for name, value in metrics_of(copy).items() if not name.startswith("test_elbo_discriminator_")}
    files.write_json(str(copy / "metrics.json"), dict(metrics, test_elbo_discriminator=None))
    sweep_page.write_page(str(copy))
    assert {row[0]: row[1] for row in table_of(copy, "Table of metrics")}["test ELBO by the discriminator"] == "-infinite"


def test_codes_and_posteriors_are_what_the_files_hold(plane, many, line):
    for folder, dim in ((plane, 2), (many, 8), (line, 1)):
        (run,), seen = data_of(folder)["runs"], seen_in(folder)
        assert (run["dim"], run["n"], run["nMoments"]) == (dim, 300, 5)
        assert [moment["iteration"] for moment in run["moments"]] == [0, 5, 10, 15, 20]
        assert run["labels"] == seen["label"].tolist() and run["classes"] == [str(k) for k in range(10)]
        for moment, z in zip(run["moments"], seen["z"]):
            found = unpacked(moment["z"], "<i2").reshape(-1, dim) * moment["scale"]
            assert (np.abs(found - z) <= np.array(moment["scale"]) * 0.51).all()
        assert ("posterior" in run["moments"][0]) == ("manifold" in run["moments"][0]) == (dim < 3)
        if dim < 3:
            posterior, axes, density = run["moments"][3]["posterior"], seen["density_axes"][3], seen["density"][3]
            found = unpacked(posterior["z"], "<i2").reshape(seen["samples"][3].shape) * posterior["scale"]
            assert (np.abs(found - seen["samples"][3]) <= np.array(posterior["scale"]) * 0.51).all()
            np.testing.assert_array_equal(unpacked(posterior["density"], "u1").reshape(density.shape), density)
            np.testing.assert_allclose(posterior["axes"], axes[:, :, [0, -1]], rtol=1e-5, atol=1e-6)
            for own, levels in zip(density.astype(float), posterior["levels"]):
                for level, share in zip(levels, (0.95, 0.5)):
                    assert own[own > level].sum() < share * own.sum() <= own[own >= level].sum() + 1e-6


def test_pictures_are_what_the_files_hold(plane, line):
    (run,), seen, problem = data_of(plane)["runs"], seen_in(plane), problem_of(load_config(str(plane / "config.yaml")))
    half_a_shade = 255 / 15 / 2 + 1
    for moment, frame in ((run["moments"][0], 0), (run["moments"][-1], 4)):
        pictures = {name: picture_of(moment[name]) for name in ("manifold", "prior", "reconstruction")}
        # z_1 rises to the right and z_2 upwards; the grid's rows are of one z_2 each.
        for row, column in ((0, 0), (0, 14), (13, 2)):
            np.testing.assert_allclose(tile_of(pictures["manifold"], 14 - row, column, gap=1),
                                       seen["manifold"][frame, 15 * row + column], atol=half_a_shade)
        np.testing.assert_allclose(tile_of(pictures["prior"], 1, 2, gap=1), seen["prior"][frame, 6], atol=half_a_shade)
        np.testing.assert_allclose(tile_of(pictures["reconstruction"], 0, 7), seen["reconstruction"][frame, 7],
                                   atol=half_a_shade)
    assert pictures["manifold"].shape == (134, 134) and run["manifoldTiles"] == [15, 15] and run["priorTiles"] == [4, 4]
    images, close = problem.test_images(), picture_of(run["close"]["picture"])
    assert run["close"]["rows"] == seen["image"].tolist()
    for place, (row, name) in enumerate(zip(run["close"]["rows"], run["close"]["names"])):
        np.testing.assert_array_equal(tile_of(close, 0, place), 255 * images[row])
        assert name == "test image %d, class %d" % (row, problem.test.labels[row])
    sheet, across = picture_of(run["images"]["picture"]), run["images"]["across"]
    for row in (0, 123, 299):
        np.testing.assert_array_equal(tile_of(sheet, row // across, row % across), 255 * images[row])
    (run,), seen = data_of(line)["runs"], seen_in(line)
    strip = picture_of(run["moments"][-1]["manifold"])
    assert strip.shape == (8, 224) and run["manifoldTiles"] == [25, 1]
    np.testing.assert_allclose(tile_of(strip, 0, 20, gap=1), seen["manifold"][-1, 20], atol=half_a_shade)


def test_vectors_without_labels(tmp_path):
    """Images of no known shape are drawn as bar codes, and codes in one colour."""
    random_state = np.random.RandomState(0)
    np.savez(str(tmp_path / "a.npz"), train=random_state.rand(80, 9), test=random_state.rand(12, 9))
    config = small_images("digits_vae", npz_data(tmp_path / "a.npz"), *SHORT)
    finished(tmp_path / "run", config)
    (run,), text = data_of(tmp_path / "run")["runs"], text_of(tmp_path / "run")
    assert run["tileAspect"] == 2 and picture_of(run["moments"][-1]["manifold"]).shape == (29, 149)
    assert run["classes"] == ["image"] and run["close"]["names"][3] == "test image 3" and "class" not in text
    assert "on the images of a.npz: digits_vae, seed 0" in text and "pixels 1 x 9" in text


def test_codes_that_are_not_finite_are_left_out(copy):
    z = seen_in(copy)["z"]
    z[1, 3], z[0, 7, 1] = np.nan, np.inf
    change_snapshots(copy, z=z)
    sweep_page.write_page(str(copy))
    found = [unpacked(moment["z"], "<i2").reshape(-1, 8) for moment in data_of(copy)["runs"][0]["moments"]]
    assert (found[1][3] == -32768).all() and found[0][7, 1] == -32768 and (found[2] != -32768).all()


def test_a_page_of_28x28_images_is_small(plane, tmp_path):
    """Pictures of noise take all the room that a page gives them; plain ones leave room for all moments."""
    save_mnist(tmp_path / "mnist.npz", 200, 1100)
    config = small_images("mnist_2_vae", "data.path=%s" % (tmp_path / "mnist.npz"))
    for name in ("timing.json", "losses.csv"):
        shutil.copy(str(plane / name), str(tmp_path / name))
    (tmp_path / "config.yaml").write_text(to_yaml(config), encoding="utf-8")
    random_state, n, problem = np.random.RandomState(0), 28, problem_of(config)

    def write(noise):
        def pictures(*shape):
            return random_state.randint(0, noise + 1, (n, *shape, 784)).astype(np.uint8)

        files.write_arrays(
            str(tmp_path / "snapshots.npz"), iteration=np.arange(n), label=problem.shown_images()[1], image=np.arange(10),
            z=random_state.standard_normal((n, 1024, 2)).astype(np.float32), reconstruction=pictures(10), prior=pictures(16),
            manifold=pictures(225), samples=random_state.standard_normal((n, 10, 256, 2)).astype(np.float32),
            density_axes=np.tile(np.linspace(-1, 1, 41, dtype=np.float32), (n, 10, 2, 1)),
            density=random_state.randint(0, 256, (n, 10, 41**2)).astype(np.uint8))
        run_page.write_run_page(str(tmp_path), metrics_of(plane))
        return [moment["iteration"] for moment in data_of(tmp_path)["runs"][0]["moments"]]

    noisy = write(255)
    assert 7e6 < len(page_of(tmp_path).encode()) < 8e6 and (noisy[0], noisy[-1]) == (0, 27) and len(noisy) > 10
    assert len(noisy) < 28 and write(0) == list(range(28))


@pytest.mark.parametrize("name, content, words", [
    ("metrics.json", "{", "can't be read"), ("metrics.json", "{}", "doesn't say what it was made by"),
    ("metrics.json", {"test_elbo_discriminator": "low"}, "test_elbo_discriminator must be a finite number"),
    ("metrics.json", {"not_computed": {}}, "doesn't fit"), ("metrics.json", {"methods": {}}, "doesn't fit"),
    ("metrics.json", "other", "made by another config"),
    ("timing.json", "[]", "it has no"), ("timing.json", None, "can't be read"),
    ("losses.csv", "", "can't be read"), ("losses.csv", "iteration,generator_loss\n1,2\n", "doesn't fit"),
    ("snapshots.npz", "other", "doesn't fit"), ("snapshots.npz", "damaged", "can't be read"),
    ("snapshots.npz", None, "can't be read"),
    ("snapshots.npz", {"image": np.array([300])}, "doesn't fit"),
    ("snapshots.npz", {"image": np.array([], int)}, "doesn't fit"),
    ("snapshots.npz", {"prior": np.zeros((5, 16, 63), np.uint8)}, "doesn't fit"),
    ("snapshots.npz", {"label": np.zeros(300, int)}, "doesn't fit")])
def test_a_file_that_is_damaged_or_another_runs_is_named(copy, plane, name, content, words):
    if content is None:
        (copy / name).unlink()
    elif content == "other":
        shutil.copy(str(plane / name), str(copy / name))
    elif isinstance(content, dict):
        (change_metrics if name == "metrics.json" else change_snapshots)(copy, **content)
    else:
        (copy / name).write_text(content)
    with pytest.raises(InputError, match="%s: .*(%s)" % (name, words)):
        sweep_page.write_page(str(copy))


@pytest.mark.parametrize("name", ["manifold", "samples", "density_axes", "density", "reconstruction"])
def test_pictures_that_are_missing_or_of_other_shape_are_told(plane, tmp_path, name):
    shutil.copytree(str(plane), str(tmp_path / "copy"))
    seen = seen_in(plane)
    for values, words in ((seen.pop(name), "doesn't fit"), (None, "can't be read: it has no %s" % name)):
        changed = seen if values is None else dict(seen, **{name: values[:, :-1]})
        files.write_arrays(str(tmp_path / "copy" / "snapshots.npz"), **changed)
        with pytest.raises(InputError, match="snapshots.npz: %s" % words):
            sweep_page.write_page(str(tmp_path / "copy"))


def test_report_script(copy):
    page = page_of(copy)
    (copy / "report.html").unlink()
    result = run_script("report.py", copy)
    assert result.returncode == 0 and str(copy / "report.html") in result.stdout, result.stderr
    assert page_of(copy) == page


@pytest.fixture
def sweep(plane, many, line, tmp_path):
    """The folder of a sweep with two settings of two dimensions, one of them with another seed that is still waiting."""
    records = []
    for folder, setting in ((plane, "plane"), (many, "many"), (line, "line")):
        shutil.copytree(str(folder), str(tmp_path / setting))
        records.append({
            "run": setting, "setting": setting, "config": "digits", "seed": 0, "reason": "", "status": "done",
            "metrics": {}, "fingerprint": digest_of_fingerprint(load_config(str(folder / "config.yaml")))})
    records.append(dict(records[0], run="other", seed=1, status="waiting", fingerprint=""))
    files.write_json(str(tmp_path / "sweep.json"), {"command": "scripts/sweep.py", "written": "today", "runs": records})
    return tmp_path


def test_a_sweeps_page(sweep, plane, many):
    assert sweep_page.write_page(str(sweep)) == (str(sweep / "report.html"), 0)
    text, data, metrics = text_of(sweep), data_of(sweep), metrics_of(plane)
    assert "Autoencoders of the 8 × 8 digits: a sweep of 4 runs" in text and "As of today" in text
    head, *rows = table_of(sweep, "Table of settings")
    titles = [metric.title for name, metric in measures.METRICS.items() if name != "test_bits_per_dimension"]  # of real values
    assert head == ["setting", "runs done", *titles[:3], titles[3] + " (no bound)", titles[4]]
    best = max(("plane", "many", "line"), key=lambda name: metrics_of(sweep / name)["test_log_likelihood"])
    assert rows[0][:3] == ["plane", "1 of 2", "%.4f" % metrics["test_log_likelihood"] + " ★ best" * (best == "plane")]
    assert rows[1][:6] == ["many", "1 of 1", "%.4f" % metrics_of(many)["test_log_likelihood"] + " ★ best" * (best == "many"),
                           "", "", "%.4f" % metrics_of(many)["test_elbo_discriminator"]]
    assert "The test ELBO by the discriminator is no bound" in text and "best possible" not in text
    assert [row[1] for row in table_of(sweep, "Table of runs")[1:]] == ["done"] * 3 + ["waiting"]
    assert 'href="plane/report.html"' in page_of(sweep)
    assert [(run["label"], run["dim"], run["n"], "close" in run) for run in data["runs"]] == [
        ("plane, seed 0", 2, 256, False), ("many, seed 0", 8, 256, False), ("line, seed 0", 1, 256, False)]
    assert [group["label"] for group in data["groups"]] == ["plane", "many", "line"]
    assert len(page_of(sweep).encode()) < 8e6


def test_settings_of_different_images_are_not_compared(sweep, monkeypatch):
    sweep_page.write_page(str(sweep))
    assert "★" in text_of(sweep)
    real, configs = task.problem_of, iter("abc")
    monkeypatch.setattr(task, "problem_of",
                        lambda config: dataclasses.replace(real(config), digest=64 * next(configs)))
    sweep_page.write_page(str(sweep))
    assert "★" not in text_of(sweep) and "their numbers can't be compared" in text_of(sweep)


def test_a_run_that_a_sweeps_page_cant_read_is_left_out(sweep):
    (sweep / "line" / "snapshots.npz").write_text("damaged")
    assert sweep_page.write_page(str(sweep)) == (str(sweep / "report.html"), 1)
    assert "left out: %s" % (sweep / "line" / "snapshots.npz") in text_of(sweep)
    assert text_of(sweep).count("★ best") == 1  # not of the ELBO, which no other setting has beside it
    assert len(data_of(sweep)["runs"]) == 2


def test_beside_images_of_the_tutorial_a_data_set_is_left_out(sweep):
    config = vae_config("data.batch_size=16")
    finished(sweep / "vae", config)
    state = files.read_json(str(sweep / "sweep.json"))
    of_images = dict(state["runs"][0], run="vae", setting="vae", metrics={}, fingerprint=digest_of_fingerprint(config))
    files.write_json(str(sweep / "sweep.json"), dict(state, runs=[of_images, *state["runs"]]))
    assert sweep_page.write_page(str(sweep)) == (str(sweep / "report.html"), 3)
    assert [row[:2] for row in table_of(sweep, "Table of settings")[2:5]] == [
        ["plane", "0 of 2"], ["many", "0 of 1"], ["line", "0 of 1"]]
    assert "left out: a run of another kind of problem than the first" in text_of(sweep)
    assert 'href="plane/report.html"' in page_of(sweep)


def test_a_sweeps_page_in_a_browser(driver, sweep):
    sweep_page.write_page(str(sweep))
    driver.show(sweep)
    manifold = element(driver, "manifold").get_attribute("src")
    assert not element(driver, "coordinates").is_displayed()
    set_value(driver, "run-choice", 1)
    assert element(driver, "coordinates").is_displayed() and not element(driver, "manifold-figure").is_displayed()
    set_value(driver, "run-choice", 2)
    assert element(driver, "manifold").get_attribute("src") != manifold and element(driver, "manifold").is_displayed()
    assert driver.get_log("browser") == []


PICTURES = """
const element = id => document.getElementById(id);
const style = name => [...document.querySelectorAll(name)].map(({style}) => style.backgroundImage).join();
const points = id => element(id) && JSON.stringify(element(id).data.map(({x, y, z}) => [x, y, z]));
const source = id => element(id) && element(id).src;
return {latent: points("latent-plot"), posterior: points("posterior-plot"), manifold: source("manifold"),
        prior: source("prior"), inputs: style(".tile.input"), reconstructions: style(".tile.reconstruction")};
"""


def test_the_slider_moves_every_picture(driver, plane, many, line):
    for folder, n_pictures in ((plane, 5), (many, 3), (line, 5)):
        driver.requests()
        driver.show(folder)
        assert driver.requests() == [(folder / "report.html").as_uri()]
        assert element(driver, "frame-text").text == "iteration 20 of 20"
        last = driver.execute_script(PICTURES)
        element(driver, "frame").send_keys("\ue011")
        first = driver.execute_script(PICTURES)
        assert element(driver, "frame-text").text == "iteration 0 of 20"
        changed = {name for name in last if last[name] != first[name]}
        assert len(changed) == n_pictures and "inputs" not in changed
        assert all(driver.execute_script("return [...document.images].map(image => image.naturalWidth > 0)"))
        if folder is plane:
            element(driver, "play").click()
            wait_for(lambda: element(driver, "frame-text").text == "iteration 20 of 20")
            assert driver.execute_script(PICTURES) == last
        assert driver.get_log("browser") == []


def test_what_is_drawn_of_the_codes(driver, plane, many):
    driver.show(plane)
    seen = seen_in(plane)
    traces = "return document.getElementById('latent-plot').data.map(({name, x, y}) => [name, x, y])"
    drawn = driver.execute_script(traces)
    assert [name for name, _, _ in drawn] == ["class %d" % k for k in range(10)] + ["chosen"]
    for k, (_, x, y) in enumerate(drawn[:10]):
        np.testing.assert_allclose(np.array([x, y]).T, seen["z"][-1][seen["label"] == k], atol=1e-3)
    np.testing.assert_allclose(np.ravel(drawn[10][1:]), seen["z"][-1][seen["image"][0]], atol=1e-3)
    driver.show(many)
    seen = seen_in(many)
    for across, upwards in ((5, 1), (5, 7)):
        set_value(driver, "across", across)
        set_value(driver, "upwards", upwards)
        _, x, y = driver.execute_script(traces)[3]
        np.testing.assert_allclose(np.array([x, y]).T, seen["z"][-1][seen["label"] == 3][:, [across, upwards]], atol=1e-3)
    set_value(driver, "upwards", 5)  # the other one moves out of the way
    assert element(driver, "across").get_attribute("value") == "7"
    driver.find_elements("css selector", "#latent-legend input")[2].click()
    visible = "return document.getElementById('latent-plot').data.map(({visible}) => visible)"
    assert driver.execute_script(visible) == [True, True, False] + [True] * 7
    assert driver.find_elements("id", "posterior-plot") == [] and driver.get_log("browser") == []


def test_an_image_is_chosen_by_a_click_or_the_drop_down(driver, plane, line):
    for folder in (plane, line):
        driver.show(folder)
        names = data_of(folder)["runs"][0]["close"]["names"]
        traces = "return document.getElementById('posterior-plot').data.map(({name, x, y, z}) => [name, x, y, z])"
        buttons = driver.find_elements("css selector", "#close-images button")
        assert [button.accessible_name for button in buttons] == names
        seen, found = seen_in(folder), []
        for k, choose in ((4, buttons[4].click), (7, lambda: set_value(driver, "image-choice", 7))):
            choose()
            assert element(driver, "image-choice").get_attribute("value") == str(k)
            assert [button.get_attribute("aria-pressed") for button in buttons].index("true") == k
            assert element(driver, "posterior-text").text.startswith("Shown: %s. Mean" % names[k])
            found.append(driver.execute_script(traces))
            by_name = {name: values for name, *values in found[-1]}
            if folder is plane:
                np.testing.assert_allclose(np.array(by_name["q"][:2]).T, seen["samples"][-1, k], atol=1e-3)
                np.testing.assert_array_equal(np.ravel(by_name["exact"][2]), seen["density"][-1, k])
            else:
                density, axis = np.array(by_name["exact"][1]), seen["density_axes"][-1, k, 0]
                np.testing.assert_allclose(density.sum() * (axis[1] - axis[0]), 1, rtol=1e-4)
                bars = np.array(by_name["q"][1])
                np.testing.assert_allclose(bars.sum() * (axis[-1] - axis[0]) / len(bars), 1, rtol=1e-4)
        assert found[0] != found[1] and driver.get_log("browser") == []


def test_the_pointer_is_told_the_class_and_shown_the_image(driver, plane):
    driver.show(plane)
    driver.execute_script("""
        const plot = document.getElementById("latent-plot"), {x, y, customdata} = plot.data[3];
        const point = {x: x[2], y: y[2], customdata: customdata[2]};
        plot.emit("plotly_click", {event: {clientX: 300, clientY: 300}, points: [point]});""")
    row = np.flatnonzero(seen_in(plane)["label"] == 3)[2]
    assert element(driver, "tooltip-text").text.startswith("class 3, test image %d, (" % row)
    tile = element(driver, "tooltip-image")
    assert tile.is_displayed() and tile.size["width"] == pytest.approx(tile.size["height"], abs=1)
    across = data_of(plane)["runs"][0]["images"]["across"]
    position = driver.execute_script("return arguments[0].style.backgroundPosition", tile)
    shares = [float(share) for share in re.findall(r"([0-9.]+)%", position)]
    down = -(-300 // across)
    np.testing.assert_allclose(shares, [100 * (row % across) / (across - 1), 100 * (row // across) / (down - 1)], rtol=1e-4)


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast_and_controls_have_names(driver, plane, dark):
    driver.show(plane, dark=dark)
    assert_has_contrast(driver, dark, "p", "a", "summary", "figcaption", "td", "dt", "#posterior-text")
    filters = driver.execute_script(
        "return [...document.querySelectorAll('.picture, .tile')].map(own => getComputedStyle(own).filter)")
    assert set(filters) == {"none" if dark else "invert(1)"}
    controls = all_controls(driver, "input, select, button, img, [role=img], [role=region]")
    assert len(controls) >= 20
    for control in controls:
        assert control.accessible_name or not control.is_displayed(), control.get_attribute("outerHTML")[:200]
    assert_ids_are_apart(driver)


def test_a_narrow_page_doesnt_scroll_sideways(driver, plane, many):
    for folder in (plane, many):
        driver.show(folder, width=390)
        assert driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
