"""The page of runs and sweeps of known images: what its template and its script need. Knows no TensorFlow."""

from avb_tf1.page import numbers, parts
from avb_tf1.tasks.known_images import published_rows
from avb_tf1.tasks.known_images.page_data import page_data
from avb_tf1.tasks.task import Page

_KEY_METRICS = ("log_likelihood", "elbo", "kl_marginal_prior")


def page(task, groups, explored, is_sweep):
    """Return the tasks.task.Page; `task` is the Task, the rest as of its method."""
    runs = [run for _, group in groups for run in group]
    compared = [numbers.RunGroup.of(label, group) for label, group in groups]
    data = page_data(groups, explored, small=len(runs) > 1)
    models = [run.config.model for run in runs]
    return Page(data, dict(
        problem=runs[0].problem, has_vae=any(not model.has_discriminator for model in models),
        has_avb=any(model.has_discriminator for model in models), has_codes=any(run["n"] for run in data["runs"]),
        has_plane=any(model.latent_dim >= 2 for model in models), has_line=any(model.latent_dim == 1 for model in models),
        has_more=any(model.latent_dim > 2 for model in models), has_map=any("map" in run for run in data["runs"]),
        few_moments=any(len(run["iteration"]) < run["nMoments"] for run in data["runs"]),
        has_grid=any("log_likelihood" in run.metrics for run in runs),
        has_estimate=any(run.config.model.has_discriminator and "elbo" in run.metrics for run in runs),
        neighbours=any("kl_marginal_prior" in run.metrics for run in runs),
        has_closed_form=any(run.metrics.get("methods", {}).get("kl_posterior_prior") == "closed form" for run in runs),
        bias_left=max((value for run in runs for name, value in run.metrics.items() if name.endswith("_bias_left")),
                      default=None),
        result_groups=[_results(task, group, is_sweep) for group in compared], rule=numbers.RULE,
        headline=published_rows.headline(compared[0]), key_numbers=_key_numbers(task, compared)))


def _results(task, group, is_sweep):
    """A group beside what is published: what it is called, of a sweep, and its rows, as text."""
    rows = []
    for row in task.rows([group]):
        error = row.spread if is_sweep else group.metrics[0].get(row.metric + "_standard_error") or None
        rows.append((row.title, numbers.obtained(row.mean, error), numbers.published_number(row.published),
                     numbers.signed(row.mean - row.published.value) if row.published else "",
                     "" if row.optimum is None else numbers.number(row.optimum), row.verdict))
    told = ", %s: %s" % (numbers.count(len(group.seeds), "seed"), published_rows.headline(group))
    return parts.breakable(group.label) + told if is_sweep else "", rows


def _key_numbers(task, compared):
    """The few numbers at the top, of a page about one setting."""
    if len(compared) != 1:
        return []
    return [(numbers.obtained(row.mean, row.spread), row.title,
             "" if row.optimum is None else "best possible: %s" % numbers.number(row.optimum))
            for row in task.rows(compared) if row.metric in _KEY_METRICS]
