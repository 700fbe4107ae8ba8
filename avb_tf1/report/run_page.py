"""The page of a run: one HTML file that needs nothing else, no network and no other file. Knows no TensorFlow."""

from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.estimation.metric import CALIBRATION, LOSSES, N_FINAL
from avb_tf1.ground.errors import InputError
from avb_tf1.page import parts
from avb_tf1.page.numbers import count, rate
from avb_tf1.runs import metrics_file, run_folder
from avb_tf1.tasks.registry import task_of
from avb_tf1.tasks.summary import diagnostic_rows, notes, warning


def write_run_page(folder, metrics=None):
    """Write the page of a run into its folder, which the caller holds.

    Args:
        folder: str, a run folder with all its files but perhaps metrics.json.
        metrics: its metrics, or None to read them from metrics.json.

    Returns:
        str, the page's path.

    Raises:
        InputError: the folder holds no finished run, or a file of it can't be read.
    """
    config = load_config(run_folder.config_path(folder))
    if metrics is None and not run_folder.is_complete(folder):
        raise InputError("%s: the run is not finished; go on with scripts/train.py --resume" % folder)
    task = task_of(config)
    run = task.read("%s, seed %d" % (config.name, config.seed), folder, config, metrics)
    return parts.write(folder, rendered(task, run))


def rendered(task, run):
    """Return the page of a tasks.task.Run of a Task as text."""
    config, metrics = run.config, run.metrics
    data, context = task.page([(config.name, [run])], [run], is_sweep=False)
    optima = task.optima(config, run.problem)
    return parts.rendered(
        task.name, data, is_sweep=False, runs=[run], explored=[run],
        title="%s on %s: %s" % (config.method, run.problem.title, run.label),
        lead="%s on batches of %d." % (count(config.training.n_iterations, "iteration"), config.batch_size),
        warning=warning(task, metrics, config), notes=notes(task, metrics, config),
        not_computed=metrics_file.not_computed(metrics),
        diagnostics=diagnostic_rows(metrics, task.diagnostics), calibration=metrics.get(CALIBRATION),
        final_losses=[(name.replace("_", " "), metrics[name], optima.get(name))
                      for name in LOSSES if name in metrics],
        n_final=count(min(N_FINAL, config.training.n_iterations), "iteration"),
        facts=[("config", config.name), *task.facts(run), ("seed", config.seed), ("iterations", config.training.n_iterations),
               ("batch", config.batch_size), ("speed", "%s iterations a second" % rate(run.timing["iterations_per_second"])),
               *parts.made_with([run.timing])],
        configs=[("", config.name, to_yaml(config))], **parts.how_to_repeat(config), **context)
