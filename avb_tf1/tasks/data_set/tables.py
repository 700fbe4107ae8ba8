"""The tables of the page of models of a data set, as rows of text. Knows no TensorFlow."""

from avb_tf1.page.numbers import number
from avb_tf1.runs import metrics_file
from avb_tf1.tasks.data_set.measures import METRICS
from avb_tf1.tasks.data_set.summary import found_by

_LIKELIHOOD, _BY_IMPORTANCE, _ELBO, _BY_DISCRIMINATOR, _GAP = METRICS
NO_BOUND = "no bound: T may be wrong"
_PLAIN_WORDS = {
    _LIKELIHOOD: "log p(x): how well the decoder and the prior explain images that they were not trained on; higher is better",
    _BY_IMPORTANCE: "log p(x) once more, from samples of q(z|x): too low where q misses some of the posterior",
    _ELBO: "a lower bound on log p(x), by the true density of q(z|x); higher is better",
    _BY_DISCRIMINATOR: "the same with the discriminator's T for log q(z|x) − log p(z): " + NO_BOUND,
    _GAP: "test log-likelihood − test ELBO: 0 where q(z|x) is the exact posterior; lower is better",
}
_ASIDES = {_BY_IMPORTANCE: "a second opinion", _ELBO: "a lower bound on the log-likelihood", _BY_DISCRIMINATOR: NO_BOUND,
           _GAP: "best possible: 0"}
_SUFFIXES = ("_numerical_error", "_standard_error", "_bias_left")


def metric_rows(metrics):
    """Return a row for each metric: [(title, value, numerical error, error of a larger set, bias left, method, words)].

    All are text; of a metric that was not computed the value says so, and the last column why.
    """
    rows, reasons = [], metrics.get(metrics_file.NOT_COMPUTED, {})
    for name, metric in METRICS.items():
        if name in metrics:
            errors = [number(metrics[name + suffix]) if name + suffix in metrics else "" for suffix in _SUFFIXES]
            rows.append((metric.title, number(metrics[name], metric), *errors,
                         found_by(name, metrics), _PLAIN_WORDS[name]))
        elif name in reasons:
            rows.append((metric.title, "not computed", "", "", "", "", reasons[name]))
    return rows


def key_numbers(metrics):
    """Return the few numbers at the top: [(value, what it is, what is told beside it)], text."""
    numbers = []
    for name, metric in METRICS.items():
        if name in metrics:
            found = "by %s%s" % (found_by(name, metrics), "" if name + "_numerical_error" not in metrics else (
                ", ± %s" % number(metrics[name + "_numerical_error"])))
            aside = found if name == _LIKELIHOOD else _ASIDES[name] if name == _BY_DISCRIMINATOR else (
                "%s; %s" % (_ASIDES[name], found))
            numbers.append((number(metrics[name], METRICS[name]), metric.title, aside))
    return numbers


def headline(metrics):
    """Return what the model makes of a test image, in a few words."""
    words = "log p(x) of a test image is %s nats on average" % number(metrics[_LIKELIHOOD], METRICS[_LIKELIHOOD])
    if _GAP in metrics:
        words += "; the ELBO is %s below it, as q(z|x) is not quite the posterior" % number(metrics[_GAP], METRICS[_GAP])
    return words
