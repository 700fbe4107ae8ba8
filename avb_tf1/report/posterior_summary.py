"""A model of a given posterior beside what is exact, as text. Knows no TensorFlow."""

from avb_tf1.evaluation.measurement import LOSSES, N_FINAL
from avb_tf1.evaluation.posterior_measurement import METRICS
from avb_tf1.report import run_summary
from avb_tf1.runs import metrics_file

_QUANTITY = ("mean", "exact_mean", "standard_deviation", "exact_standard_deviation", "wasserstein", "wasserstein_noise_floor")


def summary(metrics, config, timing=None):
    """Return the table that ends a run of a given posterior, and a warning if the discriminator's ELBO passes the evidence.

    Args:
        metrics, timing: as in metrics.json and timing.json; without timing there is no row on speed.
        config: the run's.

    Returns:
        str, lines of plain text; nats, the distances in exact standard deviations.
    """
    window = "   (mean of the last %s)" % run_summary.count(min(N_FINAL, config.training.n_iterations), "iteration")
    lines = []
    for name in (*LOSSES, *METRICS):
        if name in metrics:
            error, method = metrics.get(name + "_standard_error"), metrics["methods"].get(name)
            told = window if name in LOSSES else "   (%s%s)" % (method, "" if error is None else ", ± %.4f" % error)
            lines.append("%-26s %10s%s" % (name, _number(metrics[name], name), told))
    for own in metrics.get("per_x", [metrics]):
        if "x" in own:
            lines.append("%s: %s" % (own["x"], ", ".join(
                "%s %s" % (name, _number(own[name], name)) for name in ("log_evidence", "elbo") if name in own)))
        lines += _marginals(own)
    if timing is not None:
        lines.append("%-26s %10.2f" % ("iterations per second", timing["iterations_per_second"]))
    lines += ["not computed: %s" % reason for reason in run_summary.not_computed(metrics)]
    found = warning(metrics)
    if found:
        lines.append("Warning: " + found)
    return "\n".join(line.rstrip() for line in lines)


def _number(value, name):
    if value is None:
        return "%s" % metrics_file.infinity(name) if name in METRICS else ""
    return "%.4f" % value


def _marginals(own):
    """A line for each quantity: mean and standard deviation beside the exact ones, and the distance beside its noise floor."""
    marginals = own["marginals"]
    keys = [key for key in _QUANTITY if key in next(iter(marginals.values()))]
    titles = {"standard_deviation": "sd", "exact_mean": "exact", "exact_standard_deviation": "exact", "wasserstein": "W1",
              "wasserstein_noise_floor": "floor"}
    lines = ["%-12s" % "" + "".join("%10s" % titles.get(key, key) for key in keys)]
    lines += ["%-12s" % name + "".join("%10.4f" % (round(values[key], 4) + 0.0) for key in keys)
              for name, values in marginals.items()]
    for name, shares in own.get("modes", {}).items():
        exact = ", exactly %.3f" % shares["exact_share"] if "exact_share" in shares else ""
        lines.append("P(%s) = %.3f%s" % (name, shares["share"], exact))
    return lines


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
