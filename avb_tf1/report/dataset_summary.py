"""A model of a data set of real images, as text. Knows no TensorFlow."""

from avb_tf1.evaluation.measurement import LOSSES, N_FINAL
from avb_tf1.report import run_summary
from avb_tf1.runs import metrics_file

_ERROR = "_standard_error"


def summary(metrics, config, timing=None):
    """Return the table that ends a run of a data set: its losses, then what else was measured.

    Args:
        metrics, timing: as in metrics.json and timing.json; without timing there is no row on speed.
        config: the run's.

    Returns:
        str, lines of plain text; nats an image.
    """
    window = "   (train images; mean of the last %s)" % run_summary.count(
        min(N_FINAL, config.training.n_iterations), "iteration")
    numbers = metrics_file.numbers(metrics)
    lines = []
    for name in sorted(numbers, key=lambda name: name not in LOSSES):
        value = numbers[name]
        if isinstance(value, (int, float)) and not name.endswith(_ERROR):
            error = numbers.get(name + _ERROR)
            told = window if name in LOSSES else "" if error is None else "   (± %.4f)" % error
            lines.append("%-26s %10.4f%s" % (name, value, told))
    if timing is not None:
        lines.append("%-26s %10.2f" % ("iterations per second", timing["iterations_per_second"]))
    return "\n".join(lines + ["not computed: %s" % reason for reason in run_summary.not_computed(metrics)])
