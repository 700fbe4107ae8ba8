"""A run or a sweep as one HTML page that needs nothing else: no network, no other file. Knows no TensorFlow."""

import collections
import math
import os

from avb_tf1.config.loading import digest_of_fingerprint, load_config, to_yaml
from avb_tf1.evaluation.measurement import LOSSES, N_FINAL
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError, what_is_wrong
from avb_tf1.problems.registry import problem_of
from avb_tf1.report import comparison, dataset_page, page_parts, posterior_page, run_summary
from avb_tf1.report.page_data import page_data
from avb_tf1.report.run_summary import count
from avb_tf1.report.settings_table import settings_table
from avb_tf1.runs import dataset_contents, metrics_file, run_contents, run_folder

MAX_EXPLORED = 10  # runs of a sweep whose latent space its page shows
NOT_OF_POSTERIORS = ("a sweep of given posteriors has no page; each run has its own, and %s has the numbers of all"
                     % run_folder.SWEEP_SUMMARY)
# What sweep.json has of each run.
_RECORD = {"run": str, "setting": str, "config": str, "seed": int, "status": str, "reason": str, "metrics": dict,
           "fingerprint": str}
_STATUSES = ("done", "running", "waiting", "stopped", "not begun", "failed", "left out")
_KEY_METRICS = ("log_likelihood", "elbo", "kl_marginal_prior")


def write_report(folder):
    """Write the page of a run or a sweep, by what the folder holds; the folder is held meanwhile.

    A sweep that is going on holds its folder itself: its page is written all the same, and never in the place of a newer one.

    Returns:
        str, the page's path; int, as of write_sweep_report.

    Raises:
        InputError: the folder holds neither, or as of write_run_report and write_sweep_report; FolderInUse: it is a run's.
    """
    if not os.path.isdir(folder):
        raise InputError("%s: not a folder" % folder)
    if run_folder.is_file(os.path.join(folder, run_folder.CONFIG)):
        with run_folder.reclaimed(folder):
            return write_run_report(folder), 0
    if not os.path.isfile(os.path.join(folder, run_folder.SWEEP_STATE)):
        raise InputError("%s: neither a run folder (it has no %s) nor a sweep's (it has no %s)" % (
            folder, run_folder.CONFIG, run_folder.SWEEP_STATE))
    try:
        with run_folder.held(folder):
            return write_sweep_report(folder)
    except run_folder.FolderInUse:
        while True:
            state = _read_sweep(folder)
            written = write_sweep_report(folder)
            now = _read_sweep(folder)
            # The sweep's own last page comes after it says that it is over: this one may have taken the place of a newer one.
            if now == state or now.get("is_going_on"):
                return written


def write_run_report(folder, metrics=None):
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
    if metrics is None:
        page_parts.require_finished(folder)
    if config.is_of_dataset:
        return dataset_page.write_run_report(folder, config, metrics)
    if not config.model.is_of_images:
        return posterior_page.write_run_report(folder, config, metrics)
    run = run_contents.read_run("%s, seed %d" % (config.name, config.seed), folder, config, metrics)
    problem = problem_of(config)
    known = problem.optima_of(config.model)
    title = "%s on %s: %s" % (config.model.method, problem.title, run.label)
    return page_parts.write(folder, _rendered(
        [(config.name, [run])], is_sweep=False, title=title,
        lead="%s on batches of %d." % (count(config.training.n_iterations, "iteration"), config.batch_size),
        warning=run_summary.warning(run.metrics, config),
        facts=[("config", config.name), ("model", config.model.kind), ("latent dimensions", config.model.latent_dim),
               ("seed", config.seed), ("iterations", config.training.n_iterations), ("batch", config.batch_size),
               page_parts.speed(run.timing)] + page_parts.made_with([run.timing]),
        final_losses=[(name.replace("_", " "), run.metrics[name], known[name].value if name in known else None)
                      for name in LOSSES if name in run.metrics],
        n_final=count(min(N_FINAL, config.training.n_iterations), "iteration"),
        **page_parts.how_to_repeat(config)))


def write_sweep_report(folder):
    """Write the page of a sweep, with what has come of it so far, into its folder, which the caller or the sweep holds.

    Args:
        folder: str, a sweep's folder, with sweep.json.

    Returns:
        str, the page's path; int, how many runs that were done it leaves out: their folders don't hold them any more, or they
        are of given posteriors, or of data sets beside runs of the few images.

    Raises:
        InputError: the folder holds no sweep, a file of it can't be read, or its runs are of given posteriors, which no such
            page shows.
    """
    state = _read_sweep(folder)
    runs_of, problems, without_page = {}, [], False
    for record in state["runs"]:
        runs, path = runs_of.setdefault(record["setting"], []), os.path.join(folder, record["run"])
        record["label"] = "%s, seed %d" % (record["setting"], record["seed"])
        has_page = os.path.isfile(os.path.join(path, run_folder.REPORT))
        record["link"] = "%s/%s" % (record["run"], run_folder.REPORT) if has_page else None
        if record["status"] == "failed":
            problems.append((record, "failed: %s" % record["reason"]))
        elif record["status"] == "done":
            try:
                config = load_config(run_folder.config_path(path))
                if digest_of_fingerprint(config) != record["fingerprint"]:
                    raise InputError("%s: holds a run of another config than the sweep's" % path)
                if not config.model.is_of_images:
                    without_page = True
                    raise InputError("a run of a given posterior, which a sweep's page doesn't show; it has a page of its own")
                contents = dataset_contents if config.is_of_dataset else run_contents
                runs.append(contents.read_run(record["label"], path, config))
                record["metrics"] = runs[-1].metrics
            except InputError as error:
                record.update(status="left out", metrics={})
                problems.append((record, "left out: %s" % error))
    groups = [(setting, runs) for setting, runs in runs_of.items() if runs]
    if without_page and not groups:
        raise InputError("%s: %s" % (folder, NOT_OF_POSTERIORS))
    of_datasets = bool(groups) and all(runs[0].config.is_of_dataset for _, runs in groups)
    if not of_datasets:
        groups, others = ([group for group in groups if group[1][0].config.is_of_dataset == is_other]
                          for is_other in (False, True))
        for record in state["runs"]:
            if record["status"] == "done" and record["setting"] in dict(others):
                record.update(status="left out", metrics={})
                problems.append((record, "left out: a run of a data set, which a page of other images doesn't show; it has a "
                                 "page of its own"))
    statuses = [record["status"] for record in state["runs"]]
    seeds = _ranges(sorted({record["seed"] for record in state["runs"]}))
    titles = sorted({problem_of(runs[0].config).title for _, runs in groups})
    context = dict(
        title="Autoencoders%s: a sweep of %s" % (" of %s" % ", ".join(titles) if titles else "", count(len(statuses), "run")),
        lead="Runs: %s." % ", ".join("%d %s" % (statuses.count(status), status) for status in _STATUSES if status in statuses),
        as_of=state["written"] if {"running", "waiting"} & set(statuses) else None,
        facts=[("configs", ", ".join(sorted({record["config"] for record in state["runs"]}))), ("seeds", seeds)] + (
            page_parts.made_with([run.timing for _, runs in groups for run in runs]) if groups else []),
        command=state["command"], started_in=state.get("folder"), records=state["runs"], problems=problems,
        n_of_setting=collections.Counter(record["setting"] for record in state["runs"]),
        cited=", ".join("%s: SHA-256 of its first config.yaml %s" % (label, page_parts.digest(runs[0].config))
                        for label, runs in groups))
    text = (dataset_page.rendered_sweep(groups, _in_turn(groups), **context) if of_datasets else
            _rendered(groups, is_sweep=True, **context))
    path = page_parts.write(folder, text)
    return path, statuses.count("left out")


def left_out(n):
    """Return what follows the path of a sweep's page that leaves n runs out: words, or nothing."""
    return "; it leaves out %s, and says why" % count(n, "run") if n else ""


def _read_sweep(folder):
    path = os.path.join(folder, run_folder.SWEEP_STATE)
    try:
        state = files.read_json(path)
        complete = isinstance(state["command"], str) and isinstance(state["written"], str) and state["runs"] and all(
            isinstance(record[name], kind) for record in state["runs"] for name, kind in _RECORD.items())
        for record in state["runs"] if complete else ():
            metrics_file.require_numbers(record["metrics"], path)
    except (OSError, ValueError) as error:
        raise InputError("%s: can't be read: %s" % (path, what_is_wrong(error)))
    except (KeyError, TypeError):
        complete = False
    if not complete:
        raise InputError("%s: not written by this version's scripts/sweep.py" % path)
    return state


def _rendered(groups, is_sweep, **context):
    """The page as text; groups is a list of (label, runs that differ in the seed only)."""
    runs = [run for _, group in groups for run in group]
    explored = [run_contents.explored(run) for run in _in_turn(groups)]
    compared = [comparison.RunGroup(label, group[0].config, tuple(run.config.seed for run in group),
                                    tuple(run.metrics for run in group)) for label, group in groups]
    data = page_data(groups, explored, small=len(runs) > 1) if groups else {}
    tables = {group.label: comparison.rows([group]) for group in compared}
    settings = settings_table(context["n_of_setting"], tables) if is_sweep and tables else None
    return page_parts.rendered(
        "report.html.j2", "report.js", data, is_sweep=is_sweep, groups=groups, runs=runs, explored=explored,
        has_vae=any(not run.config.model.has_discriminator for run in runs),
        has_avb=any(run.config.model.has_discriminator for run in runs),
        has_plane=any(run.config.model.latent_dim >= 2 for run in runs),
        has_line=any(run.config.model.latent_dim == 1 for run in runs),
        has_more=any(run.config.model.latent_dim > 2 for run in runs),
        has_map=any(run.plane is not None for run in explored),
        few_moments=any(len(shown["iteration"]) < len(run.snapshots["iteration"])
                        for shown, run in zip(data["runs"], explored)) if groups else False,
        has_grid=any("log_likelihood" in run.metrics for run in runs),
        has_estimate=any(run.config.model.has_discriminator and "elbo" in run.metrics for run in runs),
        neighbours=any("kl_marginal_prior" in run.metrics for run in runs),
        bias_left=max((value for run in runs for name, value in run.metrics.items() if name.endswith("_bias_left")),
                      default=None),
        not_computed=sorted({reason for run in runs for reason in run_summary.not_computed(run.metrics)}),
        tables=tables, settings=settings, n_done={group.label: len(group.seeds) for group in compared}, rule=comparison.RULE,
        headlines={group.label: comparison.headline(group) for group in compared},
        astray=_astray(groups), problem=problem_of(runs[0].config) if runs else None,
        key_numbers=_key_numbers(compared, len(context["n_of_setting"]) if is_sweep else 1),
        configs=[("%s, seed %d" % (label, group[0].config.seed) if is_sweep else "", label, to_yaml(group[0].config))
                 for label, group in groups],
        published=comparison.published_number, signed=_signed, **context)


def _in_turn(groups):
    """Of which runs the latent space is shown: each group's first, then each one's second, until there are enough."""
    groups = [runs for _, runs in groups]
    in_turn = [group[number] for number in range(max(map(len, groups), default=0)) for group in groups if number < len(group)]
    return in_turn[:MAX_EXPLORED]


def _key_numbers(compared, n_settings):
    """The few numbers at the top, of a page about one setting."""
    if len(compared) != 1 or n_settings > 1:
        return []
    return [(comparison.obtained(row.mean, row.spread), row.title,
             "" if row.optimum is None else "best possible: %s" % comparison.number(row.optimum))
            for row in comparison.rows(compared) if row.metric in _KEY_METRICS]


def _astray(groups):
    """In which settings how many runs are warned of: (label, "1 of 2 runs")."""
    found = [(label, sum(bool(run_summary.warning(run.metrics, run.config)) for run in group), len(group))
             for label, group in groups]
    return [(label, "%d of %s" % (n, count(n_runs, "run"))) for label, n, n_runs in found if n]


def _ranges(numbers):
    """Sorted numbers as text, those in a row as first-last."""
    parts = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join("%d" % first if first == last else "%d-%d" % (first, last) for first, last in parts)


def _signed(value):
    """A difference with its sign; nothing if it is infinite, as the value itself says so."""
    return "%+.4f" % value if math.isfinite(value) else ""
