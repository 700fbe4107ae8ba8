"""The table that ends a run, as text: what all tasks' have alike. Knows no TensorFlow."""

from avb_tf1.estimation.metric import LOSSES, N_FINAL
from avb_tf1.page.numbers import count
from avb_tf1.runs import metrics_file


def summary(task, metrics, config, timing=None):
    """Return the table that ends a run: what was measured, the speed, what could not be computed and why, and any warning.

    Args:
        task: the tasks.task.Task of the config.
        metrics, timing: as in metrics.json and timing.json; without timing there is no row on speed.
        config: the run's.

    Returns:
        str, lines of plain text; in nats unless told.
    """
    lines = list(task.summary(metrics, config))
    if timing is not None:
        lines.append("%-*s %10.2f%s" % (
            task.name_width, "iterations per second", timing["iterations_per_second"], task.speed_remark))
    lines += ["not computed: %s" % reason for reason in metrics_file.not_computed(metrics)]
    warning = task.warning(metrics, config)
    if warning:
        lines.append("Warning: " + warning)
    return "\n".join(line.rstrip() for line in lines)


def names_and_remarks(metrics, known, config, remark_of=lambda name: "", of_what=""):
    """Return which rows a summary has, and what stands behind each: the losses, and those of the task's metrics that there are.

    Args:
        metrics: as in metrics.json; known: the task's, by name.
        config: the run's.
        remark_of: function of a metric's name -> str.
        of_what: str, what is told first of the losses.
    """
    window = "   (%smean of the last %s)" % (of_what, count(min(N_FINAL, config.training.n_iterations), "iteration"))
    return [(name, window if name in LOSSES else remark_of(name)) for name in (*LOSSES, *known) if name in metrics]
