"""Obtained beside published or optimal, as text."""

from avb_tf1.published import IGNORING_Z, TUTORIAL_ITERATIONS_PER_SECOND

_ROWS = ("generator_loss", "discriminator_loss", "reconstruction_error", "log_likelihood", "elbo", "inference_gap",
         "kl_posterior_prior", "kl_marginal_prior", "kl_discriminator")


def summary(metrics, optima, timing=None):
    """Return the table that ends a run: each metric beside its optimum, the speed beside the tutorial's, and any warning.

    Args:
        metrics, timing: as in metrics.json and timing.json; without timing there is no row on speed.
        optima: as of published.optima.

    Returns:
        str, lines of plain text; losses and log-likelihoods in nats per example, the reconstruction error per pixel.
    """
    lines = ["%-26s %10s %10s" % ("", "obtained", "optimum")]
    for name in _ROWS:
        if name in metrics:
            optimum = "%10.4f" % optima[name].value if name in optima else ""
            lines.append("%-26s %s %s" % (name, _number(metrics[name]), optimum))
    lines.append("%-26s %s %10.4f" % ("classification_accuracy", _number(metrics["classification_accuracy"]), 1))
    if timing is not None and timing["n_trained"]:
        lines.append("%-26s %10.2f   (the tutorial's: %.2f, on its author's machine)" % (
            "iterations per second", timing["iterations_per_second"], TUTORIAL_ITERATIONS_PER_SECOND.value))
    if warning(metrics):
        lines.append("Warning: " + warning(metrics))
    return "\n".join(line.rstrip() for line in lines)


def warning(metrics):
    """Return a sentence on a model that ended far from sense, or "": its decoder is worse than the best that ignores z."""
    if metrics["log_likelihood"] is not None and metrics["log_likelihood"] >= IGNORING_Z.value:
        return ""
    return ("the decoder is worse than one that ignores z, whose log-likelihood can be %.4f: training went astray, or was too "
            "short." % IGNORING_Z.value)


def _number(value):
    return "%10s" % "infinite" if value is None else "%10.4f" % value
