"""Run folders whose files hold other things than a run writes: told in one line, or as good, but never a traceback."""

import json
import math

import image_pages
import numpy as np
import posterior_pages
import pytest
from image_data import small_images
from shared_runs import finished

from avb_tf1.config.loading import load_config
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.report import run_page
from avb_tf1.runs import run_folder

MADE = {
    "known_images": image_pages.run_in, "given_posterior": posterior_pages.several_in,
    "data_set": lambda folder: finished(folder, small_images(
        "digits_vae", "evaluation.n_samples=1024", "training.snapshot_every=5"))}


@pytest.fixture(scope="module", params=list(MADE))
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
        for value in ("fast", None, True, -1, 0, math.inf, math.nan, [1]):
            path.write_text(json.dumps(dict(json.loads(whole), **{name: value})))
            assert told(folder).startswith("%s: doesn't fit" % path), (name, value)
    path.write_text(whole)


IMPOSSIBLE = {
    "known_images": {"log_likelihood": 0.1, "reconstruction_error": -0.1, "kl_marginal_prior": -1.5, "inference_gap": -2.0,
                     "classification_accuracy": 1.5},
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
