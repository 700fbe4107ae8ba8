"""A model of a given posterior beside what is exact, as text. Knows no TensorFlow."""

import math

from avb_tf1.estimation.metric import GOOD
from avb_tf1.page.numbers import number, with_error
from avb_tf1.tasks import summary
from avb_tf1.tasks.given_posterior import measures
from avb_tf1.tasks.given_posterior.contents import parts_of_each_x
from avb_tf1.tasks.given_posterior.measures import METRICS

_STATISTICS = {  # of the marginals: key in metrics.json -> title in text, title on the page
    "mean": ("mean", "mean"), "exact_mean": ("exact", "exact mean"), "standard_deviation": ("sd", "sd"),
    "exact_standard_deviation": ("exact", "exact sd"), "wasserstein": ("W1", "W₁"),
    "wasserstein_noise_floor": ("floor", "noise floor")}
_PLAIN_WORDS = {
    "log_evidence": "log p(x): what no ELBO exceeds, and a perfect q(z|x) reaches",
    "elbo": "a lower bound on log p(x)",
    "elbo_discriminator": "the same by what the discriminator takes for log q(z|x): no bound, if that is wrong",
    "inference_gap": "log p(x) − ELBO: 0 for a perfect q(z|x)",
    "wasserstein": "in standard deviations of the exact marginals: 0 for a perfect q(z|x) with endless samples",
    "wasserstein_noise_floor": "what a perfect q(z|x) would show with as many samples",
}


def lines(metrics, config):
    """Return lines of text: a run's metrics, and each x's marginals and modes; nats, distances in exact standard deviations."""
    def remark(name):
        error = metrics.get(name + "_standard_error")
        return "   (%s%s)" % (metrics["methods"].get(name), "" if error is None else ", ± %.4f" % error)

    found = ["%-26s %10.4f%s" % row for row in summary.values_and_remarks(metrics, METRICS, config, remark)]
    for of_x in parts_of_each_x(metrics):
        if "x" in of_x:
            found.append("%s: %s" % (of_x["x"], ", ".join(
                "%s %.4f" % (name, METRICS[name].value(of_x[name])) for name in ("log_evidence", "elbo") if name in of_x)))
        found += _marginals(of_x)
    return found


def _marginals(of_x):
    """A line for each quantity: mean and standard deviation beside the exact ones, and the distance beside its noise floor."""
    marginals = of_x["marginals"]
    titles = {key: title for key, (title, _) in _STATISTICS.items() if key in next(iter(marginals.values()))}
    found = ["%-12s" % "" + "".join("%10s" % title for title in titles.values())]
    found += ["%-12s" % name + "".join("%10s" % _without_sign_of_zero(values[key], values["standard_deviation"])
                                       for key in titles) for name, values in marginals.items()]
    for name, shares in of_x.get("modes", {}).items():
        exact, error = shares.get("exact_share"), shares.get("exact_share_standard_error")
        beside = "" if exact is None else (
            ", exactly %.3f" % exact if error is None else ", of exact draws %.3f ± %.3f" % (exact, error))
        found.append("P(%s) = %.3f%s" % (name, shares["share"], beside))
    return found


def warning(metrics, config):
    """Return a sentence if the discriminator's ELBO is above the exact log evidence by more than two standard errors, or ""."""
    evidence, elbo = metrics.get("log_evidence"), metrics.get("elbo_discriminator")
    if evidence is None or elbo is None:
        return ""
    excess = elbo - evidence
    if excess <= 2 * metrics.get("elbo_discriminator_standard_error", 0.0):
        return ""
    return ("the discriminator puts the ELBO %.4f nats above the exact log evidence, where no ELBO can be: it has fallen "
            "behind, and what it says of q can't be trusted." % excess)


def metric_rows(metrics):
    """Return the rows of tasks.summary.metric_rows, of a run or of one x, with standard error and remaining bias."""
    methods, words = metrics["methods"], _PLAIN_WORDS
    if methods.get("elbo") == "discriminator":
        words = dict(words, elbo="by the discriminator, as nothing else can tell it: no bound")
    return summary.metric_rows(metrics, METRICS, ("_standard_error", "_bias_left"), lambda name: methods.get(name, ""), words)


def rows_of_x(per_x):
    """Return the titles of the metrics that each x has, and for each x its name and their values as text."""
    names = [name for name in METRICS if all(name in of_x for of_x in per_x)]
    return [METRICS[name].title for name in names], [
        (of_x["x"], [with_error(of_x, name, METRICS[name]) for name in names]) for of_x in per_x]


def marginal_table(problem, per_x):
    """Return the table of the quantities' marginals.

    Args:
        problem: problems.given_posterior.problem.GivenPosterior.
        per_x: as of contents.parts_of_each_x.

    Returns:
        The columns' titles, and for each x its name and its rows: the quantity's name, and its numbers as text.
    """
    names = measures.names_of_quantities(problem)
    kinds = [(key, title) for key, (_, title) in _STATISTICS.items() if key in per_x[0]["marginals"][names[0]]]
    published = [(kind, title) for kind, title in (("mean", "published mean"), ("standard_deviation", "published sd"))
                 if any(kind in own for own in problem.published.values())]
    groups = []
    for x, own in zip(problem.observation_names, per_x):
        rows = []
        for name in names:
            known = problem.published.get(name, {})
            deviation = own["marginals"][name]["standard_deviation"]
            rows.append((name, [_without_sign_of_zero(own["marginals"][name][key], deviation) for key, _ in kinds]
                         + [number(known[kind].value) if kind in known else "" for kind, _ in published]))
        groups.append((x, rows))
    return [title for _, title in kinds + published], groups


def _without_sign_of_zero(value, deviation):
    """A number as text, to 4 decimals or, of a quantity that varies little, to 3 digits of what it varies by.

    An exact mean of 0 is but for rounding, which may be below it.
    """
    digits = 2 - math.floor(math.log10(deviation)) if 0 < deviation < 0.01 else 4
    return "%.*f" % (digits, 0.0 if abs(value) < 0.5 * 10.0**-digits else value)


def mode_rows(problem, per_x):
    """Return the shares of the problem's modes: [(x, mode, share of q, exact share or "")], text."""
    return [(x, name, "%.3f" % own["modes"][name]["share"],
             _exact_share(own["modes"][name]))
            for x, own in zip(problem.observation_names, per_x) for name in problem.modes]


def _exact_share(shares):
    text = "%.3f" % shares["exact_share"] if "exact_share" in shares else ""
    return "%s ± %.3f" % (text, shares["exact_share_standard_error"]) if "exact_share_standard_error" in shares else text


def key_numbers(metrics, n_x):
    """Return the few numbers at the top: [(value, what it is, what is told beside it)], text."""
    numbers = []
    if "wasserstein" not in metrics:  # then nothing else tells how far q is off
        numbers += [(with_error(metrics, name, metric), metric.title, metrics.get(GOOD, {}).get(name, "")) for name, metric in
                    measures.DIAGNOSTICS.items() if name in metrics]
    for name in ("log_evidence", "elbo", "inference_gap", "wasserstein"):
        if name in metrics:
            aside = ""
            if name == "elbo" and metrics["methods"].get(name) == "discriminator":
                aside = "by the discriminator: no bound"
            elif name == "inference_gap":
                aside = "best possible: 0"
            elif name == "wasserstein":
                aside = "exact samples: %s" % number(metrics["wasserstein_noise_floor"])
            of_what = ", mean over x" if n_x > 1 and name != "wasserstein" else ""  # whose title says so of its marginals
            numbers.append((with_error(metrics, name, METRICS[name]), METRICS[name].title + of_what, aside))
    return numbers


def headline(metrics, n_x):
    """Return how far q is from the posterior, in a few words."""
    parts, subject = [], "averaged over the %d x, q(z|x)" % n_x if n_x > 1 else "q(z|x)"
    if "wasserstein" not in metrics:
        by_t = metrics["methods"].get("elbo") == "discriminator"
        told = ["the exact posterior is not known"]
        if "two_sample_accuracy" in metrics:
            told.append("samples of q(z|x) and HMC's are told apart with an accuracy of %s, where 0.5 is chance" % with_error(
                metrics, "two_sample_accuracy", measures.DIAGNOSTICS["two_sample_accuracy"]))
        told.append("the ELBO is %s%s" % (with_error(metrics, "elbo", METRICS["elbo"]),
                                          " by the discriminator, which is no bound" if by_t else ""))
        return "; ".join(told)
    if "inference_gap" in metrics:
        gap, text = metrics["inference_gap"], with_error(metrics, "inference_gap", METRICS["inference_gap"])
        error, bias = (metrics.get("inference_gap" + suffix, 0.0) for suffix in ("_standard_error", "_bias_left"))
        if gap is not None and gap < 2 * error + bias:
            parts.append("%s can't be told from the posterior by its KL divergence, %s nats%s" % (
                subject, text, " with a remaining bias of %s" % number(bias) if bias else ""))
        else:
            parts.append("%s is %s nats from the posterior" % (subject, text))
        subject = "its marginals are"
    else:
        subject = "the marginals of %s are" % subject if n_x == 1 else "averaged over the %d x, q's marginals are" % n_x
    distance, floor = metrics["wasserstein"], metrics["wasserstein_noise_floor"]
    if distance is not None and math.isfinite(distance):
        parts.append("%s %s of their exact standard deviations off, on average, where as many exact samples are %s off" % (
            subject, number(distance), number(floor)))
    return "; ".join(parts)
