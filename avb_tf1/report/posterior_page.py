"""A run of a given posterior as one HTML page that needs nothing else: no network, no other file. Knows no TensorFlow."""

import base64

from avb_tf1.config.loading import to_yaml
from avb_tf1.evaluation.measurement import LOSSES, N_FINAL
from avb_tf1.report import page_parts, posterior_summary, posterior_tables
from avb_tf1.report.posterior_page_data import page_data
from avb_tf1.report.run_summary import count
from avb_tf1.runs import posterior_contents


def write_run_report(folder, config, metrics):
    """Write the page of a run of a given posterior, its config given, as html_report.write_run_report does."""
    run = posterior_contents.read_run("%s, seed %d" % (config.name, config.seed), folder, config, metrics)
    return page_parts.write(folder, _rendered(run))


def _rendered(run):
    config, problem, metrics, model = run.config, run.problem, run.metrics, run.config.model
    columns, marginals = posterior_tables.marginal_table(problem, run.per_x)
    of_x = posterior_tables.rows_of_x(run.per_x) if problem.n_x > 1 else None
    data, python_file = page_data(run), config.python_file
    return page_parts.rendered(
        "posterior.html.j2", "posterior.js", data, run=run, problem=problem,
        title="%s on %s: %s" % (model.method, problem.title, run.label),
        lead="%s on batches of %d." % (count(config.training.n_iterations, "iteration"), config.batch_size),
        warning=posterior_summary.warning(metrics),
        key_numbers=posterior_tables.key_numbers(metrics, problem.n_x),
        headline=posterior_tables.headline(metrics, problem.n_x),
        metric_rows=posterior_tables.metric_rows(metrics), of_x=of_x, columns=columns, marginals=marginals,
        modes=posterior_tables.mode_rows(problem, run.per_x),
        published_sources=sorted({"%s (%s)" % (own.source, own.how) for known in problem.published.values()
                                  for own in known.values()}),
        has_reference=bool(run.exact), has_evidence="log_evidence" in metrics, has_discriminator=model.has_discriminator,
        has_gap="gap" in data["groups"][0]["divergence"],
        final_losses=[(name.replace("_", " "), metrics[name]) for name in LOSSES if name in metrics],
        n_final=count(min(N_FINAL, config.training.n_iterations), "iteration"),
        facts=[("config", config.name), ("posterior", config.problem.kind), ("model", model.kind),
               ("dimensions of z", problem.dim), ("values of x", problem.n_x), ("seed", config.seed),
               ("iterations", config.training.n_iterations), ("batch", config.batch_size),
               ("samples in the evaluation", "%d of each q(z|x)" % config.evaluation.n_samples),
               page_parts.speed(run.timing)] + page_parts.made_with([run.timing]),
        python_file=python_file, python_file_base64=python_file and base64.b64encode(python_file.source.encode()).decode(),
        configs=[("", config.name, to_yaml(config))], **page_parts.how_to_repeat(config))
