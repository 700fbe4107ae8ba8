"""The page of a run and of a sweep: what stands in it, and what it does in a real browser."""

import base64
import io
import json
import re
import shutil
import types

import numpy as np
import pytest
from helpers import slow, small
from image_pages import SETTINGS, line_in, run_in, sweep_in
from pages import (
    all_controls,
    assert_has_contrast,
    change_metrics,
    data_of,
    element,
    page_of,
    set_value,
    text_of,
    unpacked,
    wait_for,
)
from PIL import Image
from shared_runs import finished

from avb_tf1.config.loading import load_config
from avb_tf1.estimation import quadrature
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.page import numbers
from avb_tf1.problems.known_images.four_images import PROBLEM, TABLE_1_METRICS
from avb_tf1.report import run_page, sweep_page
from avb_tf1.runs.contents import read_losses
from avb_tf1.tasks.known_images import page
from avb_tf1.tasks.registry import TASKS
from avb_tf1.tasks.trained import final_losses
from avb_tf1.tasks.views import labels_of_codes

LABELS = labels_of_codes(PROBLEM)
CLASSES = ["top left", "top right", "bottom left", "bottom right"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_in(tmp_path_factory.mktemp("report") / "my run")


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    return line_in(tmp_path_factory.mktemp("report") / "line")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return sweep_in(tmp_path_factory.mktemp("report") / "sweep")


@pytest.fixture(scope="module")
def shortest(tmp_path_factory):
    """The folder of a run of one iteration; of the encoder's 8 ReLU units often 7 are off, so that its KL is infinite."""
    return finished(tmp_path_factory.mktemp("report") / "shortest", small("training.n_iterations=1"))


def test_the_page_needs_nothing_else(run, sweep):
    for folder in (run, sweep):
        page = page_of(folder)
        assert len(page.encode()) < 6e6 and page.count("plotly.js v") == 1
        assert "default-src 'none'" in page
        markup = re.sub(r"(?s)<script\b.*?</script>", "", page)
        assert "<script>" in page and not re.search(r"<(script|link|img)[^>]*(src|href)=\"(?!data:)", markup)
        assert set(re.findall(r'href="(https?:[^"]+)"', markup)) == {"https://arxiv.org/abs/1701.04722"}


def test_what_was_run(run):
    text = text_of(run)
    for words in ("synthetic, seed 0", "60 iterations on batches of 16.", "tensorflow 1.15.0", "numpy 1.19.5",
                  "SHA-256 of config.yaml"):
        assert words in text
    assert " ".join((run / "config.yaml").read_text().split()) in text
    assert text.index("Obtained beside published") < text.index("Training Losses") < text.index("tensorflow 1.15.0")
    timing = json.loads((run / "timing.json").read_text())
    assert timing["cpu_model"] in text


def test_obtained_stands_beside_published(run, line):
    metrics = json.loads((run / "metrics.json").read_text())
    text = text_of(run)
    elbo = metrics["elbo"]
    assert "ELBO %.4f ± %.4f -1.421 (recalled) %+.4f -1.3863 on the worse side of published by %.4f" % (
        elbo, metrics["elbo_standard_error"], elbo + 1.421, abs(elbo + 1.421)) in text
    assert "log-likelihood %.4f -1.403 (recalled)" % metrics["log_likelihood"] in text
    assert "In short: on the worse side of the paper's AVB in every column (one run, without a spread: no verdict)." in text
    assert numbers.RULE in text
    assert "p(z)) by the discriminator" in text and "its AVB" in text
    assert "Means over the last 60 iterations: generator" in text
    losses = "generator loss %.4f (optimum 1.3863), discriminator loss %.4f (optimum 0.6255). Accuracy: %.4f of the codes give"
    assert losses % tuple(
        metrics[name] for name in ("generator_loss", "discriminator_loss", "classification_accuracy")) in text
    text = text_of(line)
    assert "-1.568 (recalled)" in text and "its VAE" in text
    assert "iscriminator" not in text[text.index("Obtained beside"):text.index("Training Losses")]
    assert "height means nothing" in text and "rings" not in text


def test_infinite_values_are_said(shortest):
    metrics = json.loads((shortest / "metrics.json").read_text())
    infinite = {"elbo", "inference_gap", "kl_marginal_prior", "kl_posterior_prior"}
    assert {name for name, value in metrics.items() if value is None} == infinite
    assert not {name + "_standard_error" for name in infinite} & set(metrics)
    text = text_of(shortest)
    assert "ELBO -infinite -1.421 (recalled) -1.3863 on the worse side of published " in text
    assert "with ELBO -infinite, with KL(q(z) || p(z)) infinite (one run, without a spread: no verdict)" in text
    assert "mean KL(q(z|x) || p(z)) infinite 1.3863 infinite" in text


def test_a_moment_whose_kl_is_not_finite_is_told(run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(str(run), str(copy))
    snapshots = files.read_arrays(str(copy / "snapshots.npz"))
    snapshots["kl_posterior_prior"][1:3] = np.inf, np.nan
    files.write_arrays(str(copy / "snapshots.npz"), **snapshots)
    sweep_page.write_page(str(copy))
    assert text_of(copy).count("not finite") == 2


def test_codes_that_are_not_finite_are_left_out(run, tmp_path):
    snapshots, plane = (files.read_arrays(str(run / name)) for name in ("snapshots.npz", "latent_plane.npz"))
    snapshots["z"][-1, 5], snapshots["z"][-1, 6, 0] = np.inf, np.nan
    drawn = page._drawn("label", 2, snapshots, plane, small=False)
    z = unpacked(drawn["z"], "<i2").reshape(4, 1024, 2)[-1]
    assert (z[5] == -32768).all() and z[6].tolist()[0] == -32768 and (z[7:] != -32768).all()
    finite = np.abs(snapshots["z"][np.isfinite(snapshots["z"])]).max()
    assert drawn["scale"] == pytest.approx(finite / 32767)
    json.dumps(drawn, allow_nan=False)


def test_what_is_drawn_is_what_the_files_hold(run):
    data = data_of(run)
    snapshots, plane = (files.read_arrays(str(run / name)) for name in ("snapshots.npz", "latent_plane.npz"))
    drawn, = data["runs"]
    assert drawn["iteration"] == [0, 20, 40, 60]
    z = unpacked(drawn["z"], "<i2").reshape(4, 1024, 2) * drawn["scale"]
    assert np.abs(z - snapshots["z"]).max() <= drawn["scale"]
    np.testing.assert_array_equal(unpacked(drawn["tint"], "u1").reshape(4, 41 * 41, 4), snapshots["probabilities"])
    assert np.abs(unpacked(drawn["map"], "u1").reshape(161 * 161, 4) / 255 - plane["probabilities"]).max() < 0.002
    density = unpacked(drawn["density"], "<u2").reshape(4, 161 * 161)
    for own, levels in zip(density.astype(float), drawn["levels"]):
        for level, share in zip(levels, (0.95, 0.5)):
            assert own[own >= level - 1].sum() / own.sum() == pytest.approx(share, abs=0.01)
    divergence = data["groups"][0]["divergence"]
    for key, name in (("posterior", "kl_posterior_prior"), ("discriminator", "kl_discriminator")):
        np.testing.assert_allclose(divergence[key]["mean"], snapshots[name], rtol=1e-5)
        np.testing.assert_allclose(np.subtract(divergence[key]["high"], divergence[key]["low"]),
                                   4 * snapshots[name + "_standard_error"], atol=1e-4)


def test_a_groups_divergence_is_that_of_the_moments_which_all_its_runs_have():
    def seen(iterations, values):
        snapshots = {"iteration": np.array(iterations), "kl_posterior_prior": np.array(values, float),
                     "kl_posterior_prior_standard_error": np.zeros(len(values))}
        return types.SimpleNamespace(
            metrics={"kl_posterior_prior": values[-1], "log_likelihood": -1.4}, losses={"generator_loss": np.ones(4)},
            curves=snapshots, config=small())

    runs = [seen([0, 2, 4], [5, 6, 7]), seen([0, 1, 3, 4], [1, 0, 0, 3])]
    curves = page._curves(TASKS["known_images"], "label", runs, 10, True)
    assert curves["divergence"] == {"iteration": [0, 4], "n_moments": 2, "posterior": {
        "mean": [3, 5], "low": [pytest.approx(3 - 8**0.5, rel=1e-5), pytest.approx(5 - 8**0.5, rel=1e-5)],
        "high": [pytest.approx(3 + 8**0.5, rel=1e-5), pytest.approx(5 + 8**0.5, rel=1e-5)], "final": 5}}


def test_every_second_point_of_a_grid_is_a_grid():
    axis = np.linspace(-4, 4, 41)
    for dim in (1, 2):
        thinned = page._thinned(quadrature.grid(axis, dim)[np.newaxis], dim, 2)
        np.testing.assert_array_equal(thinned[0], quadrature.grid(axis[::2], dim))


@pytest.mark.parametrize("name, content, words", [
    ("metrics.json", {name: float("nan") for name in TABLE_1_METRICS}, "must be a finite number.*, not NaN"),
    ("metrics.json", "{", "can't be read"), ("metrics.json", "{}", "doesn't say what it was made by"),
    ("metrics.json", "3", "can't be read"),
    ("timing.json", "[]", "it has no"), ("losses.csv", "", "can't be read"),
    ("losses.csv", "iteration,generator_loss,discriminator_loss\n1,2,3\n", "doesn't fit the run's config.yaml"),
    ("losses.csv", "iteration,generator_loss\n1,x\n", "can't be read"),
    ("metrics.json", "line", "made by another config"), ("losses.csv", "line", "doesn't fit"),
    ("snapshots.npz", "line", "doesn't fit"), ("latent_plane.npz", "line", "doesn't fit")])
def test_a_file_that_is_damaged_or_another_runs_is_named(run, line, tmp_path, name, content, words):
    copy = tmp_path / "copy"
    shutil.copytree(str(run), str(copy))
    if content == "line":
        shutil.copy(str(line / name), str(copy / name))
    elif isinstance(content, dict):
        (copy / name).write_text(json.dumps(dict(files.read_json(str(copy / name)), **content)))
    else:
        (copy / name).write_text(content)
    with pytest.raises(InputError, match="%s: .*%s" % (name, words)):
        run_page.write_run_page(str(copy))


def on_screen(driver, plot, x, y):
    """Scroll a plot into view; return where a place in it, given in the plot's own units, is in the window."""
    # The scroll event, which hides the tooltip, comes with a later frame: it must be over before the pointer moves.
    driver.execute_async_script(
        "const [plot, done] = arguments; plot.scrollIntoView({block: 'center'});"
        "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))", element(driver, plot))
    return driver.execute_script(
        "const [name, x, y] = arguments, plot = document.getElementById(name), {xaxis, yaxis} = plot._fullLayout;"
        "const box = plot.getBoundingClientRect();"
        "return [box.left + xaxis._offset + xaxis.l2p(x), box.top + yaxis._offset + yaxis.l2p(y)]", plot, x, y)


def point_at(driver, plot, x, y):
    """Move the pointer to a place in a plot."""
    from selenium.webdriver import ActionChains

    left, top = on_screen(driver, plot, x, y)
    chain = ActionChains(driver, duration=0)
    for step in (4, 0):  # a pointer that arrives, not one that appears
        chain.w3c_actions.pointer_action.move_to_location(int(round(left)) + step, int(round(top)) + step)
    chain.perform()


def pixels(driver, name):
    return driver.execute_script("return [...arguments[0].children].map(pixel => getComputedStyle(pixel).backgroundColor)",
                                 element(driver, name))


def places(driver):
    """Where the dots of the latent space are on the screen."""
    return driver.execute_script("return [...document.querySelectorAll('#latent-plot .scatterlayer .point')].map("
                                 "dot => dot.getAttribute('transform'))")


@pytest.mark.parametrize("name, look", [
    ("run", {}), ("run", {"dark": True}), ("run", {"width": 375, "height": 700}), ("line", {}), ("shortest", {}),
    ("sweep", {"dark": True}), ("sweep", {"width": 375, "height": 700})])
def test_a_page_opens_without_an_error_or_a_request(driver, request, name, look):
    folder = request.getfixturevalue(name)
    driver.get_log("browser"), driver.requests()
    driver.show(folder, **look)
    driver.execute_script("document.getElementById('posterior').click(); document.getElementById('codes').click()")
    driver.keep("%s-%s.png" % (name, "-".join(look) or "light"))
    assert driver.get_log("browser") == []
    asked = driver.requests()
    assert len(asked) == 1 and asked[0].startswith("file://"), asked
    plots = driver.find_elements("css selector", ".plot .main-svg")
    assert len(plots) >= 4
    width = driver.execute_script("return document.scrollingElement.scrollWidth")
    assert width <= look.get("width", 1100)


def test_the_slider_moves_the_dots(driver, run):
    driver.show(run)
    z = files.read_arrays(str(run / "snapshots.npz"))["z"]
    slider = element(driver, "frame")
    assert element(driver, "frame-text").text == "iteration 60 of 60"
    seen = []
    for frame, key in ((0, "\ue011"), (1, "\ue014"), (3, "\ue010")):  # Home, right, End: as from a keyboard
        slider.send_keys(key)
        assert element(driver, "frame-text").text == "iteration %d of 60" % (20 * frame)
        assert slider.get_attribute("aria-valuetext") == "iteration %d of 60" % (20 * frame)
        drawn = driver.execute_script("return document.getElementById('latent-plot').data.map(trace => [trace.x, trace.y])")
        drawn = np.swapaxes(np.array(drawn[:4]), 1, 2).reshape(-1, 2)
        np.testing.assert_allclose(drawn, z[frame], atol=2e-4 * np.abs(z).max())
        centre = ["%.2f" % value for value in z[frame][LABELS == 1].mean(axis=0)]  # noqa: SIM300
        assert "top right (%s, %s)," % tuple(centre) in element(driver, "centres").text.replace("\u2212", "-")
        seen.append(places(driver))
        assert len(seen[-1]) == 1024
    assert sum(a != b for a, b in zip(seen[0], seen[1])) > 900 and sum(a != b for a, b in zip(seen[1], seen[2])) > 900


def test_play_runs_to_the_end(driver, run):
    driver.show(run)
    button = element(driver, "play")
    # In one call: on a busy machine it may be over before a second one asks.
    words = driver.execute_script("arguments[0].click(); return [...arguments].map(({textContent}) => textContent)",
                                  button, element(driver, "frame-text"))
    assert words == ["Pause", "iteration 0 of 60"]
    wait_for(lambda: element(driver, "frame-text").text == "iteration 60 of 60" and button.text == "Play")


def test_pointing_at_a_dot_shows_its_class_and_image(driver, run):
    driver.show(run)
    z = files.read_arrays(str(run / "snapshots.npz"))["z"][-1]
    seen = 0
    for label in range(4):
        own = label == LABELS
        index = np.flatnonzero(own)[np.argmax(np.abs(z[own]).max(axis=1))]
        others = np.abs(z[~own] - z[index]).max(axis=1).min()
        if others < 0.1 or np.abs(z[index]).max() > 3.9:  # another class's dot may be nearer to the pointer
            continue
        point_at(driver, "latent-plot", 3.99, 3.99)  # away from all dots
        wait_for(lambda: not element(driver, "tooltip").is_displayed())
        point_at(driver, "latent-plot", *map(float, z[index]))
        wait_for(lambda label=label: element(driver, "tooltip-text").text.startswith(CLASSES[label] + " pixel on, z = ("))
        assert element(driver, "tooltip").is_displayed()
        colors = pixels(driver, "tooltip-image")
        assert [color != "rgb(255, 255, 255)" for color in colors] == [pixel == label for pixel in range(4)]
        seen += 1
    assert seen
    driver.keep("hover.png")


def test_pointing_at_the_map_shows_what_it_decodes_to(driver, run):
    driver.show(run)
    plane = files.read_arrays(str(run / "latent_plane.npz"))
    axis, probabilities = plane["axis"], plane["probabilities"].reshape(161, 161, 4)
    point_at(driver, "map-plot", -2, 1.5)

    def probed():
        text = element(driver, "probe-text").text.replace("\u2212", "-")
        return (*map(float, re.search(r"z = \((.*), (.*)\)", text).groups()), text)

    wait_for(lambda: np.abs(np.subtract(probed()[:2], [-2, 1.5])).max() < 0.051)  # the nearest point of the grid
    x, y, text = probed()
    shown = [float(value) for value in re.findall(r"(?:left|right) ([0-9.]+[0-9])", text)]
    expected = probabilities[np.argmin(np.abs(axis - y)), np.argmin(np.abs(axis - x))]
    np.testing.assert_allclose(shown, expected, atol=0.011)
    assert element(driver, "tooltip").is_displayed() and len(pixels(driver, "tooltip-image")) == 4


def test_a_tap_tells_what_pointing_does_and_moves_no_axes(driver, run):
    z = files.read_arrays(str(run / "snapshots.npz"))["z"][-1]
    dot = z[np.argmin(np.abs(z).max(axis=1))]
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 1})
    try:
        driver.show(run, width=375, height=800)
        x_range = "return document.getElementById(arguments[0])._fullLayout.xaxis.range"
        for plot, place, name, told in (("latent-plot", dot, "tooltip-text", " pixel on, z = ("),
                                        ("map-plot", [-2, 1.5], "probe-text", "z = (\u22122.00, 1.50) decodes to")):
            before = driver.execute_script(x_range, plot)
            for _ in range(2):
                x, y = on_screen(driver, plot, *map(float, place))
                driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
                driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
                wait_for(lambda name=name, told=told: told in driver.execute_script(
                    "return document.getElementById(arguments[0]).textContent", name))
                assert driver.execute_script(x_range, plot) == before
    finally:
        driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_the_map_from_a_keyboard(driver, run):
    driver.show(run)
    plane = files.read_arrays(str(run / "latent_plane.npz"))
    plot = element(driver, "map-plot")
    plot.send_keys("\ue014\ue013")  # right, up
    assert "z = (1.10, 1.10)" in element(driver, "probe-text").text
    set_value(driver, "z1", -3.05)
    set_value(driver, "z2", 0.125)
    text = element(driver, "probe-text").text
    assert text.startswith("z = (\u22123.05, 0.1")
    shown = [float(value) for value in re.findall(r"(?:left|right) ([0-9.]+[0-9])", text)]
    assert len(shown) == 4 and max(shown) <= 1
    nearest = quadrature.grid(plane["axis"], 2)
    nearest = np.argmin(np.abs(nearest - [-3.05, 0.15]).sum(axis=1))
    np.testing.assert_allclose(shown, plane["probabilities"][nearest], atol=0.02)


def test_exact_posteriors_on_request(driver, run, line):
    for folder, kind, n in ((run, "contour", 4), (line, "scatter", 8)):  # a curve and its edge for each
        driver.show(folder)
        count = "return document.getElementById('map-plot').data.filter(trace => trace.type === '%s').length" % kind
        before = driver.execute_script(count)
        for difference in (n, 0):
            driver.execute_script("document.getElementById('posterior').click()")
            assert driver.execute_script(count) == before + difference


def test_a_run_of_a_sweep_is_chosen(driver, sweep):
    driver.show(sweep)
    first = places(driver)
    set_value(driver, "run-choice", 2)
    assert len(places(driver)) == 512 and places(driver) != first
    set_value(driver, "run-choice", 1)
    assert not element(driver, "z2-row").is_displayed() and "z = 1.00" in element(driver, "probe-text").text
    assert driver.get_log("browser") == []


def tick_labels(driver, plot):
    return driver.execute_script("return [...document.querySelectorAll(`#${arguments[0]} [class^=x][class$=tick] text`)].map("
                                 "tick => Number(tick.textContent))", plot)


def test_ticks_are_whole_iterations_with_the_last_one(driver, run, shortest):
    for folder, last in ((run, 60), (shortest, 1)):
        driver.show(folder)
        for plot in ("training-plot", "divergence-plot"):
            ticks = tick_labels(driver, plot)
            assert ticks[-1] == last and ticks == sorted(set(ticks)) and len(ticks) > 1
    driver.show(run)
    # Zoomed in there are others, and back again the first ones.
    before = tick_labels(driver, "training-plot")
    driver.execute_script("Plotly.relayout('training-plot', {'xaxis.range': [51.5, 60.5]})")
    wait_for(lambda: tick_labels(driver, "training-plot")[0] == 52)
    assert tick_labels(driver, "training-plot")[-1] == 60
    driver.execute_script("document.querySelector('#training-plot [data-val=reset]').click()")
    wait_for(lambda: tick_labels(driver, "training-plot") == before)


def box_of(driver, selector):
    return driver.execute_script("const {left, right, top, bottom} = document.querySelector(arguments[0])"
                                 ".getBoundingClientRect(); return [left, right, top, bottom]", selector)


@pytest.mark.parametrize("width", [375, 1100])
def test_legends_are_whole_and_clear_of_the_toolbar(driver, sweep, width):
    driver.show(sweep, width=width)
    for name in ("training", "divergence"):
        legend, bar = box_of(driver, "#%s-legend" % name), box_of(driver, "#%s-plot .modebar" % name)
        assert legend[3] <= bar[2]
        entries = driver.find_elements("css selector", "#%s-legend label" % name)
        assert [entry.text for entry in entries] == [SETTINGS["first"], "line"]
        assert driver.execute_script("return [...document.querySelectorAll('.legend label, .chosen-run')].every(entry => "
                                     "entry.scrollWidth <= entry.clientWidth || getComputedStyle(entry).display === 'inline')")
        assert all(box_of(driver, "#%s-legend label:nth-child(%d)" % (name, n))[1] <= width for n in (1, 2))
    assert [text.text for text in driver.find_elements("css selector", ".chosen-run")] == [SETTINGS["first"] + ", seed 0"] * 2
    assert len(driver.find_elements("css selector", "#decoder .classes .image")) == 4


def test_a_legends_entry_switches_its_lines_off(driver, sweep):
    driver.show(sweep)
    count = "return document.querySelectorAll('#training-plot .scatterlayer .js-line[d]').length"
    before = driver.execute_script(count)
    box = driver.find_element("css selector", "#training-legend input")
    box.click()
    wait_for(lambda: driver.execute_script(count) < before)
    assert driver.switch_to.active_element == box  # which stays in focus, for a keyboard
    box.click()
    wait_for(lambda: driver.execute_script(count) == before)


def test_what_went_astray_does_not_set_the_axes(driver, sweep, tmp_path):
    copy = tmp_path / "sweep"
    shutil.copytree(str(sweep), str(copy))
    for name, log_likelihood in (("first_seed_0", -1.5), ("first_seed_1", -1.5), ("line_seed_0", -13.8)):
        change_metrics(copy / name, log_likelihood=log_likelihood, elbo=None, inference_gap=None)
    lines = (copy / "line_seed_0" / "losses.csv").read_text().splitlines()
    last = "%d%s" % (len(lines) - 1, ",8e8" * lines[0].count(","))
    files.write_text(str(copy / "line_seed_0" / "losses.csv"), "\n".join(lines[:-1] + [last, ""]))
    line = str(copy / "line_seed_0")
    change_metrics(copy / "line_seed_0", **final_losses(read_losses(line, load_config(line + "/config.yaml"))))
    sweep_page.write_sweep_page(str(copy))
    assert "A setting whose runs are all warned of is switched off at first." in text_of(copy)
    driver.show(copy)
    top = "return document.getElementById('training-plot')._fullLayout.yaxis.range[1]"
    sane, wild = driver.find_elements("css selector", "#training-legend input")
    assert sane.is_selected() and not wild.is_selected() and driver.execute_script(top) < 10
    wild.click()
    wait_for(lambda: driver.execute_script(top) > 1e7)
    wild.click()
    wait_for(lambda: driver.execute_script(top) < 10)


def brightness_at_the_edge(driver, region):
    """How bright the last pixels of a region are, above its first row's text."""
    _, right, top, _ = box_of(driver, region)
    png = driver.execute_cdp_cmd("Page.captureScreenshot", {})["data"]
    with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
        return np.asarray(picture.convert("L"), float)[int(top) + 2:int(top) + 5, int(right) - 4:int(right) - 1].mean()


def test_a_table_that_scrolls_shows_it(driver, sweep):
    driver.show(sweep, width=375, height=700)
    region = "[aria-label='Table of settings']"
    driver.execute_script("document.querySelector(arguments[0]).scrollIntoView()", region)
    assert driver.execute_script("const {scrollWidth, clientWidth, tabIndex} = document.querySelector(arguments[0]);"
                                 "return scrollWidth > clientWidth && tabIndex === 0", region)
    shaded = brightness_at_the_edge(driver, region)
    driver.execute_script("document.querySelector(arguments[0]).scrollLeft = 1e6", region)
    assert shaded < 230 and brightness_at_the_edge(driver, region) > 250
    # What tells the settings apart stays in sight, whole.
    left, right, _, _ = box_of(driver, region + " tbody th")
    assert left >= 0 and right < 200
    assert driver.find_element("css selector", region + " tbody th").text.replace("\n", "") == SETTINGS["first"]


def test_codes_in_one_place_are_ringed(driver, run, tmp_path):
    copy = tmp_path / "collapsed"
    shutil.copytree(str(run), str(copy))
    snapshots = files.read_arrays(str(run / "snapshots.npz"))
    collapsed = (LABELS == 1) | (LABELS == 2)  # noqa: SIM300
    snapshots["z"][-1, collapsed] = [1.5, -0.5]
    snapshots["z"][-1, np.flatnonzero(collapsed)[:9]] = 3  # a few astray don't matter
    files.write_arrays(str(copy / "snapshots.npz"), **snapshots)
    run_page.write_run_page(str(copy))
    driver.show(copy)
    element(driver, "codes").click()
    for plot in ("latent-plot", "map-plot"):
        # The map has a ring at the point that is probed, too.
        rings = driver.execute_script("return document.getElementById(arguments[0]).data.filter(({marker, x}) => "
                                      "marker && marker.symbol === 'circle-open' && x.length && x[0] !== 1)"
                                      ".map(({x, y, marker}) => [x, y, marker.size])", plot)
        assert [(x, y) for x, y, _ in rings] == [([pytest.approx(1.5, abs=0.001)], [pytest.approx(-0.5, abs=0.001)])] * 2
        assert rings[0][2] < rings[1][2]
    assert element(driver, "centres").text.count("(nearly a point)") == 2
    driver.keep("collapsed.png")
    driver.show(run)
    assert "nearly a point" not in element(driver, "centres").text


@pytest.mark.parametrize("dark", [False, slow(True)])
def test_text_has_contrast_and_controls_have_names(driver, run, dark):
    driver.show(run, dark=dark)
    assert_has_contrast(driver, dark, "p", "a", "summary", "figcaption", "td", "dt")
    assert_has_contrast(driver, dark, "#latent-plot .xtick text", name="fill")
    controls = all_controls(driver, "input, select, button, [role=img], [role=application], [role=region]")
    assert len(controls) >= 10
    for control in controls:
        assert control.accessible_name, control.get_attribute("outerHTML")[:200]
