"""The page of runs and sweeps of a data set: what its template and its script need. Knows no TensorFlow."""

from avb_tf1.tasks.data_set import tables
from avb_tf1.tasks.data_set.page_data import page_data
from avb_tf1.tasks.task import Page


def page(groups, explored, is_sweep):
    """Return the tasks.task.Page; arguments as of the Task's method."""
    runs = [run for _, group in groups for run in group]
    problems = {run.problem.title: run.problem for run in runs}
    models, shown = [run.config.model for run in runs], [run.config.model for run in explored]
    context = {} if is_sweep else dict(
        key_numbers=tables.key_numbers(runs[0].metrics), headline=tables.headline(runs[0].metrics),
        metric_rows=tables.metric_rows(runs[0].metrics))
    return Page(page_data(groups, explored, small=is_sweep), dict(
        context, datasets=list(problems.values()),
        has_classes=any(len(problem.class_names) > 1 for problem in problems.values()),
        is_gaussian=all(model.posterior == "gaussian" for model in models),
        has_discriminator=any(model.has_discriminator for model in models), has_codes=all(model.has_encoder for model in shown),
        has_manifold=any(model.latent_dim <= 2 for model in shown), has_line=any(model.latent_dim == 1 for model in shown),
        has_plane=any(model.latent_dim >= 2 for model in shown)))
