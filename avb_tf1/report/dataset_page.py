"""A run or a sweep of a data set as one HTML page that needs nothing else: no network, no other file. Knows no TensorFlow."""

from avb_tf1.config.loading import to_yaml
from avb_tf1.evaluation.measurement import LOSSES, N_FINAL
from avb_tf1.report import comparison, dataset_summary, dataset_tables, page_parts, run_summary
from avb_tf1.report.dataset_page_data import page_data
from avb_tf1.report.run_summary import count
from avb_tf1.runs import dataset_contents


def write_run_report(folder, config, metrics):
    """Write the page of a run of a data set, its config given, as html_report.write_run_report does."""
    run = dataset_contents.read_run("%s, seed %d" % (config.name, config.seed), folder, config, metrics)
    problem, metrics, model = run.problem, run.metrics, config.model
    return page_parts.write(folder, _rendered(
        [(config.name, [run])], [run], is_sweep=False,
        title="%s on %s: %s" % (model.method, problem.title, run.label),
        lead="%s on batches of %d." % (count(config.training.n_iterations, "iteration"), config.batch_size),
        warning=dataset_summary.warning(metrics),
        key_numbers=dataset_tables.key_numbers(metrics), headline=dataset_tables.headline(metrics),
        metric_rows=dataset_tables.metric_rows(metrics),
        final_losses=[(name.replace("_", " "), metrics[name]) for name in LOSSES if name in metrics],
        n_final=count(min(N_FINAL, config.training.n_iterations), "iteration"),
        facts=[("config", config.name), ("data", problem.title), ("model", model.kind), ("latent dimensions", model.latent_dim),
               ("seed", config.seed), ("iterations", config.training.n_iterations), ("batch", config.batch_size),
               ("images", "%d for training, %d for validation, %d for testing" % tuple(
                   len(part.labels) for part in (problem.train, problem.validation, problem.test))),
               ("pixels", "%d x %d, binarisation %s" % (*problem.image_shape, problem.binarisation)),
               page_parts.speed(run.timing)] + page_parts.made_with([run.timing]),
        configs=[("", config.name, to_yaml(config))], **page_parts.how_to_repeat(config)))


def rendered_sweep(groups, explored, **context):
    """Return the page of a sweep of data sets as text.

    Args:
        groups: sequence of (label, runs), the runs (dataset_contents.DatasetRun) of each differing in the seed only; not empty.
        explored: the runs whose latent space is shown.
        context: as of html_report.write_sweep_report.
    """
    compared = [comparison.RunGroup(label, runs[0].config, tuple(run.config.seed for run in runs),
                                    tuple(run.metrics for run in runs)) for label, runs in groups]
    warned = [(label, sum(bool(dataset_summary.warning(run.metrics)) for run in runs), len(runs)) for label, runs in groups]
    is_one_data_set = len({(run.problem.digest, run.problem.binarisation) for _, runs in groups for run in runs}) == 1
    settings = dataset_tables.settings_of(context["n_of_setting"], compared, is_one_data_set)
    return _rendered(
        groups, explored, is_sweep=True, settings=settings, is_one_data_set=is_one_data_set,
        has_best=any(mark for _, cells in settings.settings for _, mark in cells),
        n_done={label: len(runs) for label, runs in groups},
        warning="" if not any(n for _, n, _ in warned) else "the discriminator takes the test ELBO for more than the test "
        "log-likelihood, which no ELBO can be, in %s: T has fallen behind the encoder there." % "; ".join(
            "%d of %s of %s" % (n, count(n_runs, "run"), label) for label, n, n_runs in warned if n),
        configs=[("%s, seed %d" % (label, runs[0].config.seed), label, to_yaml(runs[0].config)) for label, runs in groups],
        **context)


def _rendered(groups, explored, is_sweep, **context):
    runs = [run for _, own in groups for run in own]
    problems = {run.problem.title: run.problem for run in runs}
    return page_parts.rendered(
        "dataset.html.j2", "dataset.js", page_data(groups, explored, small=is_sweep), runs=runs, explored=explored,
        is_sweep=is_sweep, datasets=list(problems.values()),
        has_classes=any(len(problem.class_names) > 1 for problem in problems.values()),
        has_discriminator=any(run.config.model.has_discriminator for run in runs),
        has_manifold=any(run.config.model.latent_dim <= 2 for run in explored),
        has_line=any(run.config.model.latent_dim == 1 for run in explored),
        has_plane=any(run.config.model.latent_dim >= 2 for run in explored),
        not_computed=sorted({reason for run in runs for reason in run_summary.not_computed(run.metrics)}), **context)
