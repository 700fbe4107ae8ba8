"""The page of runs and sweeps of given posteriors: what its template and its script need. Knows no TensorFlow."""

import base64

from avb_tf1.tasks.given_posterior import tables
from avb_tf1.tasks.given_posterior.contents import parts_of_each_x
from avb_tf1.tasks.given_posterior.page_data import page_data
from avb_tf1.tasks.task import Page


def page(groups, explored, is_sweep):
    """Return the tasks.task.Page; arguments as of the Task's method."""
    runs = [run for _, group in groups for run in group]
    problems = {run.problem.title: run.problem for run in runs}
    data = page_data(groups, explored, small=is_sweep)
    python_files = {run.config.python_file.sha256: run.config.python_file for run in runs if run.config.python_file is not None}
    return Page(data, dict(
        {} if is_sweep else _of_one(runs[0]), posteriors=list(problems.values()),
        has_reference=any("wasserstein" in run.metrics for run in runs),
        has_evidence=any("log_evidence" in run.metrics for run in runs),
        is_gaussian=all(run.config.model.posterior == "free_gaussian" for run in runs),
        has_discriminator=any(run.config.model.has_discriminator for run in runs),
        has_gap=any("gap" in group["divergence"] for group in data["groups"]),
        has_line=any(run.problem.dim == 1 for run in explored), has_plane=any(run.problem.dim > 1 for run in explored),
        has_density=any(shown["density"] for shown in data["runs"]), has_draws=any(shown["draws"] for shown in data["runs"]),
        python_files=list(python_files.values()), encoded=lambda source: base64.b64encode(source.encode()).decode()))


def _of_one(run):
    """What the page of a single run tells besides."""
    problem, metrics, per_x = run.problem, run.metrics, parts_of_each_x(run.metrics)
    titles_of_x, rows_of_x = tables.rows_of_x(per_x) if problem.n_x > 1 else ([], [])
    columns, marginals = tables.marginal_table(problem, per_x)
    return dict(
        run=run, problem=problem, key_numbers=tables.key_numbers(metrics, problem.n_x),
        headline=tables.headline(metrics, problem.n_x), metric_rows=tables.metric_rows(metrics),
        of_x=(["data", *titles_of_x], [("", [(x, *cells) for x, cells in rows_of_x])]),
        marginals=(["quantity", *columns], [(x if problem.n_x > 1 else "", [(name, *cells) for name, cells in rows])
                                            for x, rows in marginals]),
        modes=[(name, x, *shares) for x, name, *shares in tables.mode_rows(problem, per_x)],
        published_sources=sorted({"%s (%s)" % (number.source, number.how) for known in problem.published.values()
                                  for number in known.values()}))
