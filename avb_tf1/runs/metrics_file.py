"""metrics.json: a run's metrics and what they were made by. Knows no TensorFlow."""

import json
import math
import os
import re

from avb_tf1.config.fingerprint import fingerprint, require_same
from avb_tf1.estimation.metric import CALIBRATION, GOOD
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError, shortened, what_is_wrong
from avb_tf1.runs import run_folder
from avb_tf1.runs.provenance import code, kinds_of_cpu

_KEY = "made_by"  # of metrics.json
_WRITE_AGAIN = "; scripts/evaluate.py --write writes it again"
NOT_COMPUTED = "not_computed"  # of metrics.json: metric -> why it has none
_TEXTS = (NOT_COMPUTED, "methods", GOOD)  # what has words: the second says how a metric was found


def with_made_by(metrics, config, legs):
    """Return the content of metrics.json: the metrics, and under "made_by" the code, CPU and config that they come from."""
    trained_by = sorted({own["training_code"] for own in legs})
    return dict(metrics, **{_KEY: dict(
        code(), training_code=trained_by, cpus=kinds_of_cpu(legs), fingerprint=fingerprint(config))})


def write_part(folder, part, metrics, config, legs):
    """Write what was measured on a part of a run's data into its folder, in the form of metrics.json; return the path."""
    path = os.path.join(folder, run_folder.name_of_part(part))
    files.write_json(path, with_made_by(metrics, config, legs))
    return path


def read_metrics(folder, config, task):
    """Return the metrics of the finished run in `folder`, and their "made_by".

    Args:
        folder: str; config: the run's.
        task: the tasks.task.Task of the config.

    Raises:
        InputError: metrics.json can't be read, a metric that the task requires is missing, or one has a value that is none;
            it doesn't say what made it, or was made by another config. Says which and what.
    """
    path = os.path.join(folder, run_folder.METRICS)
    try:
        metrics = files.read_json(path)
        if not isinstance(metrics, dict):
            raise ValueError("it is no mapping of metrics to numbers")
    except FileNotFoundError:
        raise InputError("%s: the evaluation is not finished; go on with scripts/train.py --resume" % folder)
    except (OSError, ValueError) as error:
        raise InputError("%s: can't be read: %s%s" % (path, what_is_wrong(error), _WRITE_AGAIN))
    made_by = metrics.pop(_KEY, None)
    try:
        found, known = made_by["fingerprint"], (made_by["evaluation_code"], made_by["training_code"], made_by["avb_tf1"])
    except (KeyError, TypeError):
        found = known = None
    if not isinstance(found, dict) or not isinstance(known[1], list):
        raise InputError("%s: doesn't say what it was made by%s" % (path, _WRITE_AGAIN))
    require_same(found, fingerprint(config), path)
    require_numbers(metrics, path, task)
    if not config.has_dual:  # a cross-entropy
        _require_within((0, math.inf), metrics.get("discriminator_loss", 0.0), "discriminator_loss", path)
    missing = [name for name in task.required if name not in metrics and name not in metrics.get(NOT_COMPUTED, {})]
    if missing:
        raise InputError("%s: can't be read: it has no %s%s" % (path, ", ".join(missing), _WRITE_AGAIN))
    return metrics, made_by


def is_measured_by_this_code(made_by):
    """Whether a run's "made_by", as of read_metrics, names the code that this is for its evaluation."""
    return made_by["evaluation_code"] == code()["evaluation_code"]


_LARGEST = 1e100  # whose square is finite
_ROUNDING = 1e-4  # of a difference: more than what 1.x took the means of two metrics from apart
# Of numbers that are no metrics of a task themselves, by what is in their names.
_RANGES = (
    (r"_error$|_error of |_bias_left$|_effective_sample_size$|^n_|: (exact_)?standard_deviation of |: wasserstein",
     (0, math.inf)),
    (r"_acceptance$|_accuracy$|: (exact_)?share of ", (0, 1)))


def require_numbers(metrics, path, task):
    """Raise InputError, naming `path`, the metric and its value, unless all of a metrics.json's metrics are numbers.

    Those of task.metrics and task.diagnostics may be None, which is infinite and has no standard error. What task.words names
    is left to the task.
    """
    for key in _TEXTS:
        texts = metrics.get(key, {})
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise InputError("%s: %s must have a text for each metric that it names" % (path, key))
    known = dict(task.metrics, **task.diagnostics)
    for name, value in numbers(metrics, task).items():
        if name in known and value is None:
            for suffix in ("_standard_error", "_bias_left"):
                if name + suffix in metrics:
                    raise InputError("%s: %s is null, which stands for an infinite one and has no %s, but %s is %s" % (
                        path, name, suffix[1:].replace("_", " "), name + suffix, json_value(metrics[name + suffix])))
            continue
        if value is None and name.endswith("_standard_error") and metrics.get("n_test_images") == 1:
            continue  # one image tells nothing of others
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= _LARGEST:
            raise InputError("%s: %s must be a finite number%s, not %s" % (
                path, name, ", or null for an infinite one" if name in known else "", json_value(value)))
        _require_within(_range(name, known, metrics), value, name, path)
    if CALIBRATION in metrics and not _is_calibration(metrics[CALIBRATION]):
        raise InputError("%s: %s must have n_simulated, limit, band and the counts of each coordinate" % (path, CALIBRATION))
    for bound, above, difference in task.bounds:
        _require_bound(metrics, bound, above, difference, path)


def _is_calibration(found):
    """Whether that is as of tasks.diagnostics.calibrated."""
    try:
        counts = list(found["counts"].values())
        numbers = [found["n_simulated"], *found["band"], *(count for of_one in counts for count in of_one)]
        return 0 < found["limit"] < 1 and len(found["band"]) == 2 and all(counts) and all(
            type(number) is int and number >= 0 for number in numbers)
    except (TypeError, KeyError, AttributeError):
        return False


def _require_within(limits, value, name, path):
    """Raise InputError unless a metric's value is between its limits, lowest and highest."""
    low, high = limits
    if not low <= value <= high:
        raise InputError("%s: %s can't be %s: it is %s" % (path, name, value, (
            "at most %g" % high if low == -math.inf else "at least %g" % low if high == math.inf else
            "from %g to %g" % (low, high))))


def _require_bound(metrics, bound, above, difference, path):
    """Raise InputError if a lower bound is far above what it bounds, or if their difference is another one.

    An ELBO by the discriminator is no bound, and annealing may come to much less than log p(x).
    """
    low, high, methods = metrics.get(bound), metrics.get(above), metrics.get("methods", {})
    if low is None or high is None or methods.get(bound) == "discriminator":
        return
    error = sum(errors_beside_each_other(metrics, bound, above))
    if methods.get(above) != "ais" and low > high + 0.1 + 10 * error:
        raise InputError("%s: %s can't be %s: %s is %s, and their errors are %.3g" % (path, bound, low, above, high, error))
    found = metrics.get(difference)
    if found is not None and not abs(high - low - found) <= _ROUNDING * (1 + abs(high) + abs(low)):
        raise InputError("%s: %s can't be %s: %s is %s and %s %s" % (path, difference, found, above, high, bound, low))


def errors_beside_each_other(metrics, *names):
    """Return the errors that some metrics have beside each other, a list of floats: sampling errors and remaining biases.

    Where the first has a numerical error, its standard error is that of the choice of test images, which all have alike.
    """
    suffixes = ("_numerical_error" if names[0] + "_numerical_error" in metrics else "_standard_error", "_bias_left")
    return [metrics.get(name + suffix) or 0.0 for name in names for suffix in suffixes]


def _range(name, known, metrics):
    """What a finite number of that name can be beside other metrics, lowest and highest; `known`: name -> Metric."""
    if name in known:
        return known[name].least, math.inf if known[name].most_without in metrics else known[name].most
    return next((limits for pattern, limits in _RANGES if re.search(pattern, name)), (-math.inf, math.inf))


def numbers(metrics, task):
    """Return a metrics.json's metrics without what is said of them in words."""
    return {name: value for name, value in metrics.items() if name not in (*_TEXTS, *task.words)}


def not_computed(metrics):
    """Return a text on each reason for which metrics are missing in a metrics.json: their names, and the reason."""
    reasons = metrics.get(NOT_COMPUTED, {})
    return ["%s: %s" % (", ".join(name for name in reasons if reasons[name] == reason), reason)
            for reason in dict.fromkeys(reasons.values())]


def json_value(value):
    """Return what stands for a value in a JSON file, shortened if it is long."""
    return shortened(json.dumps(value))
