"""Obtained beside published or optimal, as text."""

from avb_tf1.published import TUTORIAL_ITERATIONS_PER_SECOND

_ROWS = ("generator_loss", "discriminator_loss", "reconstruction_error", "log_likelihood", "elbo", "inference_gap",
         "kl_posterior_prior", "kl_marginal_prior", "kl_discriminator")


def summary(metrics, optima, timing=None):
    """Return the table that ends a run: each metric beside its optimum, and the speed beside the tutorial's.

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
    return "\n".join(line.rstrip() for line in lines)


def _number(value):
    return "%10s" % "infinite" if value is None else "%10.4f" % value


def count(n, noun):
    """Return e.g. "1 run" or "2 runs"."""
    return "%d %s%s" % (n, noun, "" if n == 1 else "s")
