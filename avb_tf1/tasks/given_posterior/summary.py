"""A model of a given posterior beside what is exact, as text. Knows no TensorFlow."""

from avb_tf1.tasks import summary
from avb_tf1.tasks.given_posterior.measures import METRICS

_QUANTITY = {  # of the marginals: key in metrics.json -> title
    "mean": "mean", "exact_mean": "exact", "standard_deviation": "sd", "exact_standard_deviation": "exact", "wasserstein": "W1",
    "wasserstein_noise_floor": "floor"}


def lines(metrics, config):
    """Return lines of text: the metrics, and each x's marginals and modes; nats, the distances in exact standard deviations.

    Args:
        metrics: as in metrics.json; config: the run's.
    """
    def remark(name):
        error = metrics.get(name + "_standard_error")
        return "   (%s%s)" % (metrics["methods"].get(name), "" if error is None else ", ± %.4f" % error)

    found = ["%-26s %10s%s" % (name, _number(metrics[name], name), remark)
             for name, remark in summary.names_and_remarks(metrics, METRICS, config, remark)]
    for of_x in metrics.get("per_x", [metrics]):
        if "x" in of_x:
            found.append("%s: %s" % (of_x["x"], ", ".join(
                "%s %s" % (name, _number(of_x[name], name)) for name in ("log_evidence", "elbo") if name in of_x)))
        found += _marginals(of_x)
    return found


def _number(value, name):
    if value is None:
        return "%s" % METRICS[name].worst if name in METRICS else ""
    return "%.4f" % value


def _marginals(of_x):
    """A line for each quantity: mean and standard deviation beside the exact ones, and the distance beside its noise floor."""
    marginals = of_x["marginals"]
    titles = {key: title for key, title in _QUANTITY.items() if key in next(iter(marginals.values()))}
    found = ["%-12s" % "" + "".join("%10s" % title for title in titles.values())]
    found += ["%-12s" % name + "".join("%10.4f" % (round(values[key], 4) + 0.0) for key in titles)
              for name, values in marginals.items()]
    for name, shares in of_x.get("modes", {}).items():
        exact = ", exactly %.3f" % shares["exact_share"] if "exact_share" in shares else ""
        found.append("P(%s) = %.3f%s" % (name, shares["share"], exact))
    return found


def warning(metrics):
    """Return a sentence if the discriminator's ELBO is above the exact log evidence by more than two standard errors, or ""."""
    evidence, elbo = metrics.get("log_evidence"), metrics.get("elbo_discriminator")
    if evidence is None or elbo is None:
        return ""
    excess = elbo - evidence
    if excess <= 2 * metrics.get("elbo_discriminator_standard_error", 0.0):
        return ""
    return ("the discriminator takes the ELBO for %.4f nats above the exact log evidence, which no ELBO can be: it has fallen "
            "behind, and what it says of q can't be trusted." % excess)
