"""The tables of the page of models of a data set, as rows of text. Knows no TensorFlow."""

import functools

from avb_tf1.page.numbers import number
from avb_tf1.tasks import pages
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


def metric_rows(metrics):
    """Return the rows of tasks.pages.metric_rows, with numerical error, error of a larger set and bias left."""
    return pages.metric_rows(metrics, METRICS, ("_numerical_error", "_standard_error", "_bias_left"),
                             functools.partial(found_by, metrics=metrics), _PLAIN_WORDS)


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
