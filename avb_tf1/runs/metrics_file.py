"""metrics.json: a run's metrics and what they were made by. Knows no TensorFlow."""

import json
import math
import os
import sys

from avb_tf1.config.loading import fingerprint, require_same
from avb_tf1.evaluation import held_out, measurement, posterior_measurement
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError, shortened, what_is_wrong
from avb_tf1.problems.known_images.four_images import TABLE_1_METRICS
from avb_tf1.runs import run_folder
from avb_tf1.runs.provenance import code

METRICS = dict(measurement.METRICS, **posterior_measurement.METRICS, **held_out.METRICS)
_KEY = "made_by"  # of metrics.json
_WRITE_AGAIN = "; scripts/evaluate.py --write writes it again"
NOT_COMPUTED = "not_computed"  # of metrics.json: metric -> why it has none
_TEXTS = (NOT_COMPUTED, "methods")  # what has words: the second says how a metric was found
_METHOD = "test_log_likelihood_method"  # the one of them that stands beside its number, as a text
_PARTS = ("marginals", "modes", "per_x")  # of a given posterior's: mappings to numbers, and a list of metrics


def with_made_by(metrics, config, legs):
    """Return the content of metrics.json: the metrics, and under "made_by" the code and the config that they come from."""
    trained_by = sorted({own["training_code"] for own in legs})
    return dict(metrics, **{_KEY: dict(code(), training_code=trained_by, fingerprint=fingerprint(config))})


def split_made_by(content, config, path):
    """Return the metrics in the content of metrics.json, and its "made_by".

    Raises:
        InputError: it doesn't say what made it, or was made by another config; names `path` and what differs.
    """
    metrics = dict(content)
    made_by = metrics.pop(_KEY, None)
    try:
        found, known = made_by["fingerprint"], (made_by["evaluation_code"], made_by["training_code"], made_by["avb_tf1"])
    except (KeyError, TypeError):
        found = known = None
    if not isinstance(found, dict) or not isinstance(known[1], list):
        raise InputError("%s: doesn't say what it was made by%s" % (path, _WRITE_AGAIN))
    require_same(found, fingerprint(config), path)
    return metrics, made_by


def read_metrics(folder, config):
    """Return the metrics of the finished run in `folder`, and their "made_by".

    Raises:
        InputError: metrics.json can't be read, a column of Table 1 is missing, or a metric has a value that is none; says which
            and what. Further, as of split_made_by.
    """
    path = os.path.join(folder, run_folder.METRICS)
    try:
        content = files.read_json(path)
        if not isinstance(content, dict):
            raise ValueError("it is no mapping of metrics to numbers")
    except FileNotFoundError:
        raise InputError("%s: the evaluation is not finished; go on with scripts/train.py --resume" % folder)
    except (OSError, ValueError) as error:
        raise InputError("%s: can't be read: %s%s" % (path, what_is_wrong(error), _WRITE_AGAIN))
    metrics, made_by = split_made_by(content, config, path)
    require_numbers(metrics, path)
    wanted = TABLE_1_METRICS if config.is_of_known_images else ("generator_loss",) if config.is_of_dataset else ("elbo",)
    missing = [name for name in wanted if name not in metrics and name not in metrics.get(NOT_COMPUTED, {})]
    if missing:
        raise InputError("%s: can't be read: it has no %s%s" % (path, ", ".join(missing), _WRITE_AGAIN))
    return metrics, made_by


def is_evaluated_by_this_code(folder, config):
    """Whether the finished run in `folder` has metrics that this code measured; raises InputError as read_metrics."""
    return is_measured_by_this_code(read_metrics(folder, config)[1])


def is_measured_by_this_code(made_by):
    """Whether a run's "made_by", as of read_metrics, names the code that this is for its evaluation."""
    return made_by["evaluation_code"] == code()["evaluation_code"]


def require_numbers(metrics, path):
    """Raise InputError, naming `path`, the metric and its value, unless all of a metrics.json's metrics are numbers.

    Those of measurement.METRICS may be None, which is infinite and has no standard error.
    """
    for key in _TEXTS:
        texts = metrics.get(key, {})
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise InputError("%s: %s must have a text for each metric that it names" % (path, key))
    if not isinstance(metrics.get(_METHOD, ""), str):
        raise InputError("%s: %s must be a text, not %s" % (path, _METHOD, json_value(metrics[_METHOD])))
    for name, value in numbers(metrics).items():
        if name in METRICS and value is None:
            for suffix in ("_standard_error", "_bias_left"):
                if name + suffix in metrics:
                    raise InputError("%s: %s is null, which stands for an infinite one and has no %s, but %s is %s" % (
                        path, name, suffix[1:].replace("_", " "), name + suffix, json_value(metrics[name + suffix])))
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
            raise InputError("%s: %s must be a finite number%s, not %s" % (
                path, name, ", or null for an infinite one" if name in METRICS else "", json_value(value)))
        if name.endswith(("_standard_error", "_bias_left")) and value < 0:
            raise InputError("%s: %s must not be negative, not %s" % (path, name, value))


def numbers(metrics):
    """Return a metrics.json's metrics without what is said of them in words."""
    return {name: value for name, value in metrics.items() if name not in (*_TEXTS, *_PARTS, _METHOD)}


def json_value(value):
    """Return what stands for a value in a JSON file, shortened if it is long."""
    return shortened(json.dumps(value))


def infinity(name):
    """Return the infinity that None stands for in a metric: the one at its bad end."""
    return -math.inf if METRICS[name].is_higher_better else math.inf
