"""Run folders whose files hold other things than a run writes: told in one line, or as good, but never a traceback."""

import json
import math

import image_pages
import numpy as np
import posterior_pages
import pytest
from helpers import slow
from image_data import small_images
from shared_runs import finished

from avb_tf1.config.loading import load_config
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.report import comparison, run_page
from avb_tf1.runs import metrics_file, run_folder
from avb_tf1.tasks.registry import TASKS

MADE = {
    "known_images": image_pages.run_in, "given_posterior": posterior_pages.several_in,
    "data_set": lambda folder: finished(folder, small_images(
        "digits_vae", "evaluation.n_samples=1024", "training.snapshot_every=5"))}


@pytest.fixture(scope="module", params=[name if name == "known_images" else slow(name) for name in MADE])
def folder(request, tmp_path_factory):
    return MADE[request.param](tmp_path_factory.mktemp("damaged") / request.param)


def others(name, values):
    """Arrays in the place of one: of texts, complex, with NaN, in another order, of another shape."""
    yield "texts", values.astype(str)
    yield "complex", values.astype(complex)
    yield "empty", values[:0]
    yield "a number", np.float64(3)
    yield "one row more", np.concatenate([values, values[:1]]) if values.ndim else values[np.newaxis]
    if name in ("iteration", "label"):
        yield "floats", np.full(values.shape, np.nan)
        yield "negative", -1 - values
        yield "the other way round", values[::-1]


def told(folder):
    """What is said of the folder by what makes its page; "" if that can be made."""
    try:
        run_page.write_run_page(str(folder))
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 500
        return str(error)
    return ""


@pytest.mark.slow
def test_arrays(folder):
    assert told(folder) == ""
    for path in sorted(folder.glob("*.npz")):
        whole, arrays = path.read_bytes(), files.read_arrays(str(path))
        for name, values in arrays.items():
            for what, other in others(name, values):
                files.write_arrays(str(path), **dict(arrays, **{name: other}))
                said = told(folder)
                assert said.startswith(str(path)) if said else True, (path.name, name, what)
                if what in ("texts", "complex"):
                    kind = "%s must hold real numbers, not" % name
                    assert kind in said or path.name in ("latents.npz", "test_images.npz"), (path.name, name, what)
                if name == "iteration":
                    assert said, what
        path.write_bytes(whole)
    assert told(folder) == ""


def test_timing(folder):
    path = folder / run_folder.TIMING
    whole = path.read_text()
    for name in ("iterations_per_second", "n_trained", "n_cpus"):
        for value in ("fast", None, True, -1, 0, math.inf, math.nan, [1], 10**400, *([1.5] if name.startswith("n_") else [])):
            path.write_text(json.dumps(dict(json.loads(whole), **{name: value})))
            assert told(folder).startswith("%s: doesn't fit" % path), (name, value)
    path.write_text(whole)


LOSSES = {
    "a row without a number": lambda rows: rows[:-1] + [rows[-1].split(",")[0] + ",nan" * rows[0].count(",")],
    "an iteration twice": lambda rows: rows[:-1] + rows[-2:-1],
    "the other way round": lambda rows: rows[:1] + rows[:0:-1],
    "a column more": lambda rows: [row + "," + row.split(",")[1] for row in rows],
    "a number more": lambda rows: rows[:1] + [row + ",1" for row in rows[1:]],
    "other losses": lambda rows: rows[:1] + ["%s%s" % (row.split(",")[0], ",7" * rows[0].count(",")) for row in rows[1:]]}


@pytest.mark.parametrize("what", list(LOSSES))
def test_losses(folder, what):
    path = folder / run_folder.LOSSES
    whole = path.read_text()
    path.write_text("\n".join(LOSSES[what](whole.splitlines())) + "\n")
    assert told(folder).startswith(str(path)), what
    path.write_text(whole)
    assert told(folder) == ""


@pytest.mark.parametrize("name", [run_folder.METRICS, run_folder.TIMING])
@pytest.mark.parametrize("text, words", [
    ("[" * 100000, "it is nested too deep"), ('{"a":' * 3000 + "1" + "}" * 3000, "it is nested too deep"),
    ('{"not_computed": {"a": "\\ud800"}}', "it has a text that can't be encoded: '\\ud800'")])
def test_texts_that_json_can_not_hold(folder, name, text, words):
    path = folder / name
    whole = path.read_text()
    path.write_text(text)
    assert told(folder).startswith("%s: can't be read: %s" % (path, words))
    path.write_text(whole)


def test_a_bound_above_what_it_bounds(folder):
    """Whole numbers too, and in every command."""
    path, task = folder / run_folder.METRICS, load_config(str(folder / run_folder.CONFIG)).task
    whole = path.read_text()
    metrics = json.loads(whole)
    bound, above, difference = TASKS[task].bounds[0]
    for change, name in (({bound: 999}, bound), ({bound: 0.0}, bound), ({difference: metrics[difference] - 3}, difference),
                         ({bound + "_standard_error": 1e200}, bound + "_standard_error")):
        path.write_text(json.dumps(dict(metrics, **change)))
        for say in (told, lambda folder: said_by(lambda: comparison.read_runs([str(folder)]))):
            assert "%s: %s " % (path, name) in say(folder), change
    path.write_text(whole)


def test_annealing_may_come_to_less_than_an_elbo(tmp_path):
    metrics = {"test_elbo": -95.0, "test_log_likelihood": -100.0, "test_inference_gap": -5.0,
               "methods": {"test_log_likelihood": "ais", "test_elbo": "samples"}}
    metrics_file.require_numbers(metrics, "a path", TASKS["data_set"])
    metrics["methods"]["test_log_likelihood"] = "quadrature"
    assert said_by(lambda: metrics_file.require_numbers(metrics, "a path", TASKS["data_set"])).startswith(
        "a path: test_elbo can't be -95.0: test_log_likelihood is -100.0")


def said_by(function):
    with pytest.raises(InputError) as caught:
        function()
    return str(caught.value)


IMPOSSIBLE = {
    "known_images": {"log_likelihood": 0.1, "reconstruction_error": -0.1, "kl_marginal_prior": -1.5, "inference_gap": -2.0,
                     "classification_accuracy": 1.5, "discriminator_loss": -1.0},
    "given_posterior": {"inference_gap": -1.5, "wasserstein": -0.1, "wasserstein_noise_floor": -1.0, "elbo": 999.0},
    "data_set": {"test_log_likelihood": 0.1, "test_elbo": 1.1, "n_test_images": -1, "test_elbo_bias_left": -1.0,
                 "test_importance_effective_sample_size": -1.0, "test_ais_acceptance": 5.0}}


def test_impossible_numbers(folder):
    path = folder / run_folder.METRICS
    whole, task = path.read_text(), load_config(str(folder / run_folder.CONFIG)).task
    for name, value in IMPOSSIBLE[task].items():
        path.write_text(json.dumps(dict(json.loads(whole), **{name: value})))
        assert "%s can't be %s: " % (name, value) in told(folder)
    path.write_text(whole)
    if task == "given_posterior":
        for name, key, value in (("marginals", "wasserstein", -1.0), ("marginals", "standard_deviation", -1.0)):
            metrics = json.loads(whole)
            part = metrics["per_x"][0] if "per_x" in metrics else metrics
            first = next(iter(part[name]))
            part[name][first][key] = value
            path.write_text(json.dumps(metrics))
            assert "%s: %s of %s can't be -1.0: it is at least 0" % (name, key, first) in told(folder)
        path.write_text(whole)
    assert told(folder) == ""
