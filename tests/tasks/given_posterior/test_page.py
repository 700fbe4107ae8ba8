"""The page of a run of a given posterior: what stands in it, and what it does in a real browser."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
from helpers import assert_one_clear_line, call_script, run_script, vae_config
from pages import (
    all_controls,
    assert_has_contrast,
    assert_ids_are_apart,
    change_metrics,
    data_of,
    element,
    metrics_of,
    page_of,
    set_value,
    table_of,
    text_of,
    unpacked,
    wait_for,
)
from posterior_pages import GAUSSIAN, SHORT, config_of, record_of, several_in
from shared_runs import finished

from avb_tf1.config.loading import load_config
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.problems.registry import problem_of
from avb_tf1.report import comparison, run_page, sweep_page
from avb_tf1.tasks.given_posterior import contents, measures, page, summary
from avb_tf1.tasks.registry import task_of

pytestmark = pytest.mark.slow  # several runs, and a browser


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    return several_in(tmp_path_factory.mktemp("posterior") / "several x")


@pytest.fixture(scope="module")
def schools(tmp_path_factory):
    """The folder of a small run of AVB with adaptive contrast in ten dimensions."""
    return finished(tmp_path_factory.mktemp("posterior") / "schools",
                    config_of("stan_eight_schools", *SHORT, "model.discriminator.n_blocks=1"))


@pytest.fixture(scope="module")
def gaussian(tmp_path_factory):
    """The folder of a small run of a Gaussian, of a posterior with published moments."""
    return finished(tmp_path_factory.mktemp("posterior") / "gaussian",
                    config_of("stan_eight_schools", "problem.kind=eight_schools", *GAUSSIAN))


@pytest.fixture
def copy(several, tmp_path):
    shutil.copytree(str(several), str(tmp_path / "copy"))
    return tmp_path / "copy"


def read(folder):
    config = load_config(str(folder / "config.yaml"))
    return task_of(config).read("label", str(folder), config)


def test_the_page_needs_nothing_else(several, schools, gaussian):
    for folder in (several, schools, gaussian):
        page = page_of(folder)
        assert len(page.encode()) < 8e6 and page.count("plotly.js v") == 1
        assert "default-src 'none'" in page
        markup = re.sub(r"(?s)<script\b.*?</script>", "", page)
        assert "<script>" in page and not re.search(r"<(script|link|img)[^>]*(src|href)=\"(?!data:)", markup)
        assert set(re.findall(r'href="(https?:[^"]+)"', markup)) == {"https://arxiv.org/abs/1701.04722"}


def test_what_was_run(several, gaussian):
    text = text_of(several)
    for words in ("Adversarial Variational Bayes on explaining away: explaining_away, seed 0",
                  "60 iterations on batches of 500.",
                  "tensorflow 1.15.0", "numpy 1.19.5", "SHA-256 of config.yaml", "values of x 5", "4096 of each q(z|x)",
                  "python scripts/train.py --config config.yaml --out explaining_away_again", "inference.vc"):
        assert words in text
    assert " ".join((several / "config.yaml").read_text().split()) in text
    text = text_of(gaussian)
    assert "independent (mean-field)" in text and "Gaussian variational Bayes on eight schools:" in text
    assert "discriminator" not in text[text.index("Learned beside exact"):text.index("What was run, and")]


def test_the_metrics_are_those_of_the_file(several, schools, gaussian):
    for folder in (several, schools, gaussian):
        metrics, (head, *rows) = metrics_of(folder), table_of(folder, "Table of metrics")
        assert head == ["metric", "value", "standard error", "remaining bias", "found by", "in plain words"]
        shown = {row[0]: row[1:5] for row in rows}
        for name, metric in measures.METRICS.items():
            if name in metrics:
                numbers = [metrics.get(name + suffix) for suffix in ("", "_standard_error", "_bias_left")]
                told = ["" if own is None else "%.4f" % own for own in numbers]
                assert shown[metric.title] == told + [metrics["methods"][name]]
            elif name in metrics.get("not_computed", {}):
                assert shown[metric.title][0] == "not computed"
                assert metrics["not_computed"][name] in [row[-1] for row in rows]
            else:
                assert metric.title not in shown
    text = text_of(several)
    metrics = metrics_of(several)
    assert "%.4f ± %.4f KL(q(z|x) || p(z|x)), mean over x best possible: 0" % (
        metrics["inference_gap"], metrics["inference_gap_standard_error"]) in text
    assert "%.4f mean Wasserstein-1 of the marginals exact samples: %.4f" % (
        metrics["wasserstein"], metrics["wasserstein_noise_floor"]) in text
    assert "generator loss %.4f, discriminator loss %.4f" % (metrics["generator_loss"], metrics["discriminator_loss"]) in text
    assert "by the discriminator: no bound" in text_of(schools) and "no bound" not in text_of(gaussian)


def test_each_x_has_its_numbers(several):
    metrics = metrics_of(several)
    _, *rows = table_of(several, "Table of metrics of each x")
    assert [row[0] for row in rows] == ["x = 0", "x = 5", "x = 8", "x = 12", "x = 50"]
    for row, own in zip(rows, metrics["per_x"]):
        assert row[1] == "%.4f" % own["log_evidence"]
        assert row[2] == "%.4f ± %.4f" % (own["elbo"], own["elbo_standard_error"])
    head, *rows = table_of(several, "Table of quantities")
    keys = ["mean", "exact_mean", "standard_deviation", "exact_standard_deviation", "wasserstein", "wasserstein_noise_floor"]
    assert head == ["quantity", "mean", "exact mean", "sd", "exact sd", "W₁", "noise floor"]
    for x, own in enumerate(metrics["per_x"]):
        assert rows[3 * x] == [own["x"]]
        for row, name in zip(rows[3 * x + 1:3 * x + 3], ("z1", "z2")):
            assert row == [name] + ["%.4f" % own["marginals"][name][key] for key in keys]


def test_quantities_are_in_the_problems_order_and_modes_beside_exact_shares(schools):
    metrics, (_, *rows) = metrics_of(schools), table_of(schools, "Table of quantities")
    names = [row[0] for row in rows]
    assert names[:3] == ["mu", "tau", "eta 1"] and names[10] == "|tau|" and len(names) == 19
    assert "-0.0000" not in {cell for row in rows for cell in row}
    share = metrics["modes"]["tau > 0"]
    assert table_of(schools, "Table of modes")[1] == ["tau > 0", "%.3f" % share["share"], "%.3f ± 0.001" % share["exact_share"]]


def test_what_is_published_stands_beside(gaussian):
    head, *rows = table_of(gaussian, "Table of quantities")
    assert head[-2:] == ["published mean", "published sd"]
    shown = {row[0]: row[-2:] for row in rows}
    assert shown["mu"] == ["4.4110", "3.3090"] and shown["theta 1"] == ["6.1510", ""] and shown["eta 1"] == ["", ""]
    assert "posteriordb" in text_of(gaussian)


def test_an_elbo_above_the_evidence_is_warned_of_and_no_other(copy):
    metrics = metrics_of(copy)
    for excess, is_warned in ((0.5, True), (0.0, False)):
        change_metrics(copy, elbo_discriminator=metrics["log_evidence"] + excess, elbo_discriminator_standard_error=0.01)
        sweep_page.write_page(str(copy))
        told = summary.warning(metrics_of(copy), None)
        assert bool(told) == is_warned and ("Warning:" in text_of(copy)) == is_warned
        assert not is_warned or "Warning: " + told in text_of(copy)


def test_infinite_values_are_said(copy):
    content = {name: value for name, value in metrics_of(copy).items()
               if not name.startswith(("elbo_standard", "elbo_bias", "inference_gap_"))}
    files.write_json(str(copy / "metrics.json"), dict(content, elbo=None, inference_gap=None))
    sweep_page.write_page(str(copy))
    rows = {row[0]: row[1] for row in table_of(copy, "Table of metrics")}
    assert (rows["ELBO"], rows["KL(q(z|x) || p(z|x))"]) == ("-infinite", "infinite")


def test_without_a_reference_the_page_says_so(copy):
    """As of a posterior of more dimensions than a grid has, whose exact values can't be had."""
    def without_exact(own):
        kept = {name: value for name, value in own.items() if name in ("elbo", "elbo_standard_error", "x", "methods", "per_x")
                or name.endswith("_loss") or name == "made_by"}
        if "marginals" in own:
            kept["marginals"] = {name: {key: values[key] for key in ("mean", "standard_deviation")}
                                 for name, values in own["marginals"].items()}
        return dict(kept, not_computed=dict.fromkeys(
            ["log_evidence", "inference_gap", "wasserstein", "wasserstein_noise_floor"], measures.NO_REFERENCE))

    metrics = without_exact(metrics_of(copy))
    files.write_json(str(copy / "metrics.json"), dict(metrics, per_x=[without_exact(own) for own in metrics["per_x"]]))
    seen = files.read_arrays(str(copy / "snapshots.npz"))
    files.write_arrays(str(copy / "snapshots.npz"), **{
        name: values for name, values in seen.items() if not name.startswith("inference_gap")})
    (copy / "exact.npz").unlink()
    sweep_page.write_page(str(copy))
    text, data = text_of(copy), data_of(copy)
    assert "the exact posterior is not known; the ELBO is" in text and "exact mean" not in text and "Grey" not in text
    shown, = data["runs"]
    assert (shown["density"], shown["draws"], shown["exactMoments"]) == (None,) * 3
    assert data["losses"]["generator_loss"]["optimum"] is None


def test_what_is_drawn_is_what_the_files_hold(several, schools):
    for folder, dim, n_x in ((several, 2, 5), (schools, 10, 1)):
        data, problem = data_of(folder), problem_of(load_config(str(folder / "config.yaml")))
        seen, latents, exact = (files.read_arrays(str(folder / name)) for name in ("snapshots.npz", "latents.npz", "exact.npz"))
        shown, = data["runs"]
        moments = shown["moments"]
        assert moments["iteration"] == [0, 20, 40, 60] and moments["counts"] == np.bincount(seen["label"]).tolist()
        z = unpacked(moments["z"], "<i2").reshape(4, -1, dim) * moments["scale"]
        assert (np.abs(z - seen["z"]) <= np.array(moments["scale"]) * 0.51).all()
        if dim == 2:
            density, known = unpacked(shown["density"]["z"], "<u2").reshape(n_x, 161, 161), exact["density"].astype(float)
            np.testing.assert_allclose(density / 65535, known / known.max(axis=(1, 2), keepdims=True), atol=1e-5)
            np.testing.assert_allclose(shown["density"]["axes"], exact["axes"][:, :, [0, -1]], rtol=1e-5)
            for own, levels in zip(density.astype(float), shown["density"]["levels"]):
                for level, share in zip(levels, (0.95, 0.5)):
                    assert own[own >= level - 1].sum() / own.sum() == pytest.approx(share, abs=0.01)
            gap = data["groups"][0]["divergence"]["gap"]
            np.testing.assert_allclose(gap["mean"], seen["inference_gap"], rtol=1e-5)
            assert gap["final"] == metrics_of(folder)["inference_gap"]
        else:
            draws = unpacked(shown["draws"]["z"], "<i2").reshape(n_x, 1000, dim) * shown["draws"]["scale"]
            assert (np.abs(draws - exact["draws"][:, :1000, :dim]) <= np.array(shown["draws"]["scale"]) * 0.51).all()
            assert "gap" not in data["groups"][0]["divergence"]
        assert data["losses"]["generator_loss"]["optimum"] == -metrics_of(folder)["log_evidence"]
        for label, k in ((0, 0), (n_x - 1, len(shown["quantities"]) - 1)):
            drawn = shown["marginals"][label][k]
            own = measures.quantities(problem, latents["z"][latents["label"] == label].astype(float))[:, k]
            assert abs(np.subtract(np.histogram(own, 60, drawn["range"])[0], drawn["q"])).sum() <= 4  # of rounding
            for line, known in ((drawn["exact"]["x"], np.linspace(*exact["marginal_ends"][label, k], 161)),
                                (drawn["exact"]["y"], exact["marginal_density"][label, k])):
                np.testing.assert_allclose(line, known, rtol=1e-4, atol=1e-5 * np.abs(known).max())
            assert drawn["exact"]["outside"] <= 0.01


def test_a_folder_without_marginal_densities_has_histograms_of_its_exact_draws(several, tmp_path):
    """As those that were written before there were any."""
    shutil.copytree(str(several), str(tmp_path / "copy"))
    path = str(tmp_path / "copy" / "exact.npz")
    exact = files.read_arrays(path)
    files.write_arrays(path, **{name: exact[name] for name in ("draws", "axes", "density")})
    found = contents.read_exact(read(tmp_path / "copy"))
    for label, k in ((0, 0), (4, 1)):
        low, high = found["marginal_ends"][label, k]
        np.testing.assert_array_equal(found["marginal_ends"][label, k], exact["marginal_ends"][label, k])
        half = (high - low) / 59 / 2
        counts, _ = np.histogram(exact["draws"][label, :, k], 60, (low - half, high + half))
        np.testing.assert_allclose(found["marginal_density"][label, k], counts / 5000 / (2 * half), rtol=1e-4, atol=1e-3)


def test_samples_that_are_not_finite_are_left_out(several, tmp_path):
    shutil.copytree(str(several), str(tmp_path / "copy"))
    path = str(tmp_path / "copy" / "snapshots.npz")
    seen = dict(files.read_arrays(path), inference_gap=np.array([np.inf, np.nan, 1.0, 0.5]))
    seen["z"][1, 3], seen["z"][0, 7, 1] = np.nan, np.inf
    files.write_arrays(path, **seen)
    run = read(tmp_path / "copy")
    data = page._data([("label", [run])], [run], small=False)
    z = unpacked(data["runs"][0]["moments"]["z"], "<i2").reshape(4, -1, 2)
    assert (z[1, 3] == -32768).all() and z[0, 7, 1] == -32768 and (z[2:] != -32768).all()
    json.dumps(data, allow_nan=False)


def test_the_largest_pages_are_small(schools, tmp_path):
    shutil.copytree(str(schools), str(tmp_path / "copy"))
    random_state, path = np.random.RandomState(0), str(tmp_path / "copy" / "snapshots.npz")
    seen = files.read_arrays(path)
    files.write_arrays(path, label=seen["label"], iteration=np.arange(500), z=random_state.standard_normal((500, 1024, 10)))
    sweep_page.write_page(str(tmp_path / "copy"))
    moments = data_of(tmp_path / "copy")["runs"][0]["moments"]
    assert len(moments["iteration"]) == 61 and (moments["iteration"][0], moments["iteration"][-1]) == (0, 499)
    assert len(page_of(tmp_path / "copy").encode()) < 8e6
    # Of very many x and dimensions there are fewer samples, but some of each x.
    label = np.repeat(np.arange(50), 256)
    many = {"label": label, "iteration": np.arange(61), "z": np.zeros((61, len(label), 6))}
    drawn = page._moments(many, 50, page._MAX_CODES)
    assert min(drawn["counts"]) > 0 and len(drawn["z"]) < 2.7 * 1.2 * page._MAX_CODES
    assert "of 1024 samples" not in text_of(schools)


@pytest.mark.parametrize("name, content, words", [
    ("metrics.json", "{", "can't be read"), ("metrics.json", "{}", "doesn't say what it was made by"),
    ("metrics.json", {"elbo": "low"}, "elbo must be a finite number"), ("metrics.json", {"per_x": []}, "doesn't fit"),
    ("metrics.json", {"per_x": 3}, "doesn't fit"),
    ("metrics.json", "marginals", "can't be read: its marginals have no mean of z2"),
    ("metrics.json", "wasserstein", "marginals: wasserstein of z1 must be a finite number"),
    ("metrics.json", {"elbo": None, "elbo_standard_error": 0.1}, "has no standard error"),
    ("metrics.json", "floor", "doesn't fit"), ("metrics.json", "schools", "made by another config"),
    ("timing.json", "[]", "it has no"), ("losses.csv", "", "can't be read"), ("losses.csv", "schools", "doesn't fit|has no"),
    ("snapshots.npz", "schools", "doesn't fit"), ("snapshots.npz", "damaged", "can't be read"),
    ("latents.npz", "schools", "doesn't fit"), ("latents.npz", None, "can't be read"),
    ("exact.npz", "schools", "doesn't fit"), ("exact.npz", "damaged", "can't be read"), ("exact.npz", None, "can't be read")])
def test_a_file_that_is_damaged_or_another_runs_is_named(copy, schools, name, content, words):
    per_x = metrics_of(copy)["per_x"]
    if content is None:
        (copy / name).unlink()
    elif content == "schools":
        shutil.copy(str(schools / name), str(copy / name))
        if name == "losses.csv":
            (copy / name).write_text("iteration,generator_loss\n1,2\n")
    elif content == "floor":
        files.write_json(str(copy / name), {key: value for key, value in metrics_of(copy).items()
                                            if key != "wasserstein_noise_floor"})
    elif content in ("marginals", "wasserstein"):
        if content == "marginals":
            del per_x[1]["marginals"]["z2"]
        else:
            per_x[0]["marginals"]["z1"]["wasserstein"] = None
        change_metrics(copy, per_x=per_x)
    elif isinstance(content, dict):
        change_metrics(copy, **content)
    else:
        (copy / name).write_text(content)
    with pytest.raises(InputError, match="%s: .*(%s)" % (name, words)):
        sweep_page.write_page(str(copy))


def test_report_script(copy):
    page = page_of(copy)
    (copy / "report.html").unlink()
    result = run_script("report.py", copy)
    assert result.returncode == 0 and str(copy / "report.html") in result.stdout, result.stderr
    assert page_of(copy) == page
    (copy / "exact.npz").write_bytes((copy / "exact.npz").read_bytes()[:1000])
    assert_one_clear_line(call_script("report.py", copy), "exact.npz: can't be read")
    (copy / "metrics.json").unlink()
    assert_one_clear_line(call_script("report.py", copy), "not finished")
    with pytest.raises(InputError, match="not finished"):
        run_page.write_run_page(str(copy))


def test_runs_of_given_posteriors_are_compared(several, schools, tmp_path):
    metrics = metrics_of(several)
    table = comparison.markdown(comparison.read_runs([str(several)])).splitlines()
    assert table[:2] == ["| config | metric | obtained | seeds |", "|---|---|---|---|"]
    assert "| explaining_away | ELBO | %.4f | 1 |" % metrics["elbo"] in table
    assert len(table) == 2 + len(set(metrics) & set(measures.METRICS))
    finished(tmp_path / "vae", vae_config("data.batch_size=16"))
    with pytest.raises(InputError, match="vae: a run of another kind of problem than .*: their numbers can't stand in one"):
        comparison.read_runs([str(several), str(tmp_path / "vae")])


@pytest.fixture(scope="module")
def sweep(several, schools, tmp_path_factory):
    """A sweep's folder with two settings of different posteriors, and a run that waits."""
    out = tmp_path_factory.mktemp("posterior") / "sweep"
    for name, folder in (("several", several), ("schools", schools)):
        shutil.copytree(str(folder), str(out / name))
    records = [record_of(several, "several"), record_of(schools, "schools"),
               dict(record_of(several, "other"), status="waiting", metrics={}, fingerprint="")]
    files.write_json(str(out / "sweep.json"), {"command": "", "written": "today", "runs": records})
    assert sweep_page.write_page(str(out)) == (str(out / "report.html"), 0)
    return out


def test_a_sweeps_page(sweep, several, schools):
    text, data = text_of(sweep), data_of(sweep)
    assert "a sweep of 3 runs" in text and "Runs: 2 done, 1 waiting." in text
    head, *rows = table_of(sweep, "Table of settings")
    assert head[:4] == ["setting", "runs done", "log evidence", "ELBO"]
    metrics = metrics_of(several)
    assert rows[0][:4] == ["several", "1 of 1", "%.4f" % metrics["log_evidence"], "%.4f" % metrics["elbo"]]
    assert rows[2][:3] == ["other", "0 of 1", ""]
    assert "different posteriors: their numbers can't be compared" in text and "★" not in text
    assert [row[1] for row in table_of(sweep, "Table of runs")[1:]] == ["done", "done", "waiting"]
    for shown, folder in zip(data["runs"], (several, schools)):
        alone, = data_of(folder)["runs"]
        assert (shown["x"], shown["coordinates"], shown["exactMoments"]) == (
            alone["x"], alone["coordinates"], alone["exactMoments"])
    assert [group["label"] for group in data["groups"]] == ["several", "schools"]
    assert data["groups"][0]["divergence"]["gap"]["final"] == metrics["inference_gap"]
    assert data["losses"]["generator_loss"]["optimum"] is None  # each posterior has its own
    assert len(page_of(sweep).encode()) < 8e6


def test_the_headline_of_an_unknown_posterior_says_whose_elbo_it_is():
    metrics = {"elbo": -11.25, "elbo_standard_error": 0.0625, "methods": {"elbo": "discriminator"}}
    words = "the exact posterior is not known; the ELBO is -11.2500 ± 0.0625"
    assert summary.headline(metrics, 1) == words + " by the discriminator, which is no bound"
    assert summary.headline(dict(metrics, methods={"elbo": "entropy"}), 1) == words


def test_headlines_and_key_numbers():
    metrics = {"log_evidence": -1.0, "elbo": -1.5, "elbo_standard_error": 0.01, "methods": {"elbo": "discriminator"},
               "wasserstein": 0.25, "wasserstein_noise_floor": 0.0125}
    assert summary.headline(metrics, 1).startswith("the marginals of q(z|x) are 0.2500 of their exact")
    assert summary.key_numbers(metrics, 1)[1] == ("-1.5000 ± 0.0100", "ELBO", "by the discriminator: no bound")
    metrics.update(inference_gap=0.02, inference_gap_standard_error=0.004, inference_gap_bias_left=0.01)
    assert summary.headline(metrics, 1).startswith("q(z|x) is 0.0200 ± 0.0040 nats from the posterior; its marginals are")
    metrics.update(inference_gap=-0.017)
    assert summary.headline(metrics, 1).startswith(
        "q(z|x) can't be told from the posterior by its KL divergence, -0.0170 ± 0.0040 nats with a remaining bias of 0.0100; ")
    metrics.update(inference_gap=None)
    assert summary.headline(metrics, 3).startswith("averaged over the 3 x, q(z|x) is infinite nats from the posterior")


def test_axes_show_what_is_exact_and_what_is_near():
    exact = np.linspace(-1, 1, 2001)[:, np.newaxis]
    (low, high), = page._ranges(exact, exact)
    assert -1.3 < low < -1 and 1 < high < 1.3
    (low, high), = page._ranges(exact + 1e6, exact)  # far astray: what is exact stays in sight
    assert low > -1.8 and high < 4
    (low, high), = page._ranges(np.zeros((9, 1)), np.zeros((9, 1)))
    assert low < 0 < high


@pytest.fixture(scope="module")
def line(several, tmp_path_factory):
    """The folder of the first run, as if z had its first coordinate only."""
    out = tmp_path_factory.mktemp("posterior") / "line"
    shutil.copytree(str(several), str(out))
    run = read(several)
    for name, key in (("snapshots", "z"), ("latents", "z"), ("exact", "draws")):
        path = str(out / (name + ".npz"))
        arrays = files.read_arrays(path)
        arrays[key] = arrays[key][..., :1]
        arrays.update({other: arrays[other][:, :1] for other in arrays if other.startswith("marginal")})
        files.write_arrays(path, **{other: arrays[other] for other in arrays if other not in ("axes", "density")})
    problem = dataclasses.replace(run.problem, coordinates=run.problem.coordinates[:1])
    run = dataclasses.replace(run, folder=str(out), problem=problem)
    (out / "report.html").write_text(run_page.rendered(task_of(run.config), run), encoding="utf-8")
    return out


@pytest.mark.parametrize("name, look", [
    ("several", {}), ("several", {"dark": True}), ("several", {"width": 375, "height": 700}), ("schools", {"dark": True}),
    ("schools", {"width": 375, "height": 700}), ("gaussian", {}), ("line", {}), ("line", {"width": 375, "height": 700})])
def test_a_page_opens_without_an_error_or_a_request(driver, request, name, look):
    folder = request.getfixturevalue(name)
    driver.get_log("browser"), driver.requests()
    driver.show(folder, **look)
    driver.keep("posterior-%s-%s.png" % (name, "-".join(look) or "light"))
    assert driver.get_log("browser") == []
    asked = driver.requests()
    assert len(asked) == 1 and asked[0].startswith("file://"), asked
    assert len(driver.find_elements("css selector", ".plot .main-svg")) >= 3
    assert driver.execute_script("return document.scrollingElement.scrollWidth") <= look.get("width", 1100)


def drawn_samples(driver):
    return np.array(driver.execute_script("const {x, y} = document.getElementById('posterior-plot').data.find("
                                          "({name}) => name === 'q'); return x.map((value, i) => [value, y[i]])"))


def test_the_slider_moves_the_samples(driver, several):
    driver.show(several)
    seen = files.read_arrays(str(several / "snapshots.npz"))
    z = seen["z"][:, seen["label"] == 0]
    slider = element(driver, "frame")
    assert element(driver, "frame-text").text == "iteration 60 of 60"
    for frame, key in ((0, "\ue011"), (1, "\ue014"), (3, "\ue010")):  # Home, right, End: as from a keyboard
        slider.send_keys(key)
        assert slider.get_attribute("aria-valuetext") == "iteration %d of 60" % (20 * frame)
        np.testing.assert_allclose(drawn_samples(driver), z[frame], atol=2e-4 * np.abs(seen["z"]).max())
        mean = z[frame].astype(float).mean(axis=0)
        text = element(driver, "posterior-text").text.replace("\u2212", "-")
        shown = re.search(r"256 samples: z1 (\S+) ± .*\(exact (\S+) ± .*\), z2 (\S+) ± ", text).groups()
        np.testing.assert_allclose([float(shown[0]), float(shown[2])], mean, atol=0.006)


def test_play_runs_to_the_end(driver, several):
    driver.show(several)
    button = element(driver, "play")
    words = driver.execute_script("arguments[0].click(); return [...arguments].map(({textContent}) => textContent)",
                                  button, element(driver, "frame-text"))
    assert words == ["Pause", "iteration 0 of 60"]
    wait_for(lambda: element(driver, "frame-text").text == "iteration 60 of 60" and button.text == "Play")


def test_an_x_is_chosen(driver, several):
    driver.show(several)
    seen = files.read_arrays(str(several / "snapshots.npz"))
    contours = "return document.getElementById('posterior-plot').data.filter(({type}) => type === 'contour').map(({z}) => z)"
    before = driver.execute_script(contours)
    set_value(driver, "x-choice", 4)
    np.testing.assert_allclose(drawn_samples(driver), seen["z"][-1][seen["label"] == 4], atol=2e-4 * np.abs(seen["z"]).max())
    assert element(driver, "posterior-text").text.startswith("x = 50: ")
    after, density = driver.execute_script(contours), files.read_arrays(str(several / "exact.npz"))["density"][4]
    assert len(after) == 1 and after != before
    np.testing.assert_allclose(np.array(after[0]) / 65535, density.T / density.max(), atol=1e-4)  # rows go upwards
    assert driver.get_log("browser") == []


def test_coordinates_are_chosen_and_change_places(driver, several, schools):
    driver.show(schools)
    z = files.read_arrays(str(schools / "snapshots.npz"))["z"][-1]
    set_value(driver, "upwards", 9)
    np.testing.assert_allclose(drawn_samples(driver), z[:, [0, 9]], atol=2e-4 * np.abs(z).max())
    set_value(driver, "across", 9)  # the same one: the two change places
    assert element(driver, "upwards").get_attribute("value") == "0"
    np.testing.assert_allclose(drawn_samples(driver), z[:, [9, 0]], atol=2e-4 * np.abs(z).max())
    titles = driver.execute_script("const {xaxis, yaxis} = document.getElementById('posterior-plot')._fullLayout;"
                                   "return [xaxis.title.text, yaxis.title.text]")
    assert titles == ["eta 8", "mu"]
    exact = files.read_arrays(str(schools / "exact.npz"))["draws"][0, :1000]
    grey = driver.execute_script("const {x, y} = document.getElementById('posterior-plot').data[0]; return [x, y]")
    np.testing.assert_allclose(grey, exact[:, [9, 0]].T, atol=2e-4 * np.abs(exact).max())
    # In two dimensions the density turns, too.
    driver.show(several)
    set_value(driver, "across", 1)
    density = files.read_arrays(str(several / "exact.npz"))["density"][0]
    rows = driver.execute_script("return document.getElementById('posterior-plot').data.find(({type}) => type === 'contour').z")
    np.testing.assert_allclose(np.array(rows) / 65535, density / density.max(), atol=1e-4)
    assert driver.get_log("browser") == []


def test_a_marginal_is_chosen(driver, schools, several):
    driver.show(schools)
    set_value(driver, "quantity", 10)
    assert element(driver, "marginals-text").text.startswith("|tau|. Outside of the axes: ")
    bars, line = driver.execute_script(
        "return document.getElementById('marginals-plot').data.map(({x, y}) => [x, y])")
    own = data_of(schools)["runs"][0]["marginals"][0][10]
    width = (own["range"][1] - own["range"][0]) / len(own["q"])
    np.testing.assert_allclose(bars[1], np.array(own["q"]) / (own["n"] * width))
    assert line == [own["exact"]["x"], own["exact"]["y"]] and len(line[0]) == 161
    driver.show(several)
    set_value(driver, "marginal-x", 3)
    assert element(driver, "marginals-text").text.startswith("z1 for x = 12. ")
    assert driver.get_log("browser") == []


def test_one_coordinate_has_histograms(driver, line):
    driver.show(line)
    assert not element(driver, "across").is_displayed()
    bars = "return document.getElementById('posterior-plot').data.map(({type, y}) => [type, y])"
    (kind, last), (other, _) = driver.execute_script(bars)
    assert (kind, other) == ("bar", "scatter")
    own = data_of(line)["runs"][0]["marginals"][0][0]
    seen = files.read_arrays(str(line / "snapshots.npz"))
    z = seen["z"][-1][seen["label"] == 0, 0]
    counts, edges = np.histogram(z, len(own["q"]), own["range"])
    assert np.abs(np.array(last) * 256 * (edges[1] - edges[0]) - counts).sum() < 4.5  # of rounding
    element(driver, "frame").send_keys("\ue011")
    assert driver.execute_script(bars)[0][1] != last and driver.get_log("browser") == []


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast_and_controls_have_names(driver, several, dark):
    driver.show(several, dark=dark)
    assert_has_contrast(driver, dark, "p", "a", "summary", "figcaption", "td", "dt", "#posterior-text")
    controls = all_controls(driver, "input, select, button, [role=img], [role=region]")
    assert len(controls) >= 12
    for control in controls:
        assert control.accessible_name, control.get_attribute("outerHTML")[:200]
    assert_ids_are_apart(driver)


def test_a_run_of_a_sweep_is_chosen(driver, sweep):
    driver.show(sweep)
    driver.keep("sweep_of_given_posteriors.png")
    assert element(driver, "x-choice").is_displayed() and "of 256 samples" in element(driver, "posterior-text").text
    set_value(driver, "run-choice", 1)
    assert not element(driver, "x-choice").is_displayed()
    names = driver.execute_script("return [...document.getElementById('quantity').options].map(({text}) => text)")
    assert names == data_of(sweep)["runs"][1]["quantities"]
    assert element(driver, "posterior-text").text.startswith("mean ± standard deviation of 1024 samples: mu ")
    driver.keep("sweep_of_given_posteriors_other_run.png")
    assert driver.get_log("browser") == []
