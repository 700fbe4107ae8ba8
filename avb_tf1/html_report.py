"""A run or a sweep as one HTML page that needs nothing else: no network, no other file. Knows no TensorFlow."""

import base64
import hashlib
import json
import math
import os
import shlex
import zipfile
from dataclasses import dataclass
from typing import Any, Dict

import jinja2
import markupsafe
import numpy as np
from plotly.offline import get_plotlyjs, get_plotlyjs_version

from avb_tf1 import __version__, comparison, files, run_folder
from avb_tf1.config import load_config, to_yaml
from avb_tf1.errors import InputError
from avb_tf1.page_data import page_data
from avb_tf1.published import OPTIMUM
from avb_tf1.schema import Config

MAX_EXPLORED = 10  # runs of a sweep whose latent space its page shows
_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
_METHODS = {"avb": "Adversarial Variational Bayes", "avb_ac": "Adversarial Variational Bayes with adaptive contrast",
            "vae": "Variational autoencoder"}
_KEY_METRICS = {"log_likelihood": "log-likelihood", "elbo": "ELBO", "kl_marginal_prior": "KL(q(z), p(z))"}


@dataclass(frozen=True)
class Run:
    """What a page tells of each finished run.

    Attributes:
        label: str, what the page calls it.
        folder: str.
        config: its config.
        metrics, timing: as in metrics.json and timing.json.
        losses: name -> [n_iterations], of losses.csv.
        snapshots: name -> [s], what snapshots.npz has one number a snapshot of.
    """

    label: str
    folder: str
    config: Config
    metrics: Dict[str, Any]
    timing: Dict[str, Any]
    losses: Dict[str, np.ndarray]
    snapshots: Dict[str, np.ndarray]


@dataclass(frozen=True)
class Explored:
    """The latent space of a run: its label and all arrays of snapshots.npz and latent_plane.npz."""

    label: str
    snapshots: Dict[str, np.ndarray]
    plane: Dict[str, np.ndarray]


def write_run_report(folder, metrics=None):
    """Write the page of a run into its folder.

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
    run = _read_run("%s, seed %d" % (config.name, config.seed), folder, config, metrics)
    title = "%s on four 2 × 2 images: %s" % (_METHODS[config.model.kind], run.label)
    return _write(
        folder, [(config.name, [run])], title=title,
        lead="%d iterations on batches of %d, evaluated exactly." % (config.training.n_iterations, config.data.batch_size),
        facts=[("config", config.name), ("seed", config.seed), ("iterations", config.training.n_iterations),
               ("batch", config.data.batch_size)] + _made_with(run.timing),
        command="python scripts/train.py --config config.yaml --out %s" % shlex.quote("%s_again" % config.name),
        config_base64=base64.b64encode(to_yaml(config).encode()).decode(),
        cited="seed %d, SHA-256 of config.yaml %s" % (config.seed, _digest(config)))


def write_sweep_report(folder):
    """Write the page of a sweep, with what has come of it so far, into its folder.

    Args:
        folder: str, a sweep's folder, with sweep.json.

    Returns:
        str, the page's path.

    Raises:
        InputError: the folder holds no sweep, or a file of it can't be read.
    """
    state = _read_sweep(folder)
    groups = {}
    for record in state["runs"]:
        if record["status"] == "done":
            path = os.path.join(folder, record["run"])
            run = _read_run(record["run"], path, load_config(run_folder.config_path(path)))
            groups.setdefault(record["run"].rpartition("_seed_")[0], []).append(run)
    statuses = [record["status"] for record in state["runs"]]
    seeds = _ranges(sorted({record["seed"] for record in state["runs"]}))
    return _write(
        folder, list(groups.items()),
        title="Adversarial Variational Bayes on four 2 × 2 images: a sweep of %d runs" % len(statuses),
        lead="Runs: " + ", ".join("%d %s" % (statuses.count(status), status)
                       for status in ("done", "running", "waiting", "failed") if status in statuses) + ".",
        facts=[("configs", ", ".join(sorted({record["config"] for record in state["runs"]}))), ("seeds", seeds)] + [
            made for runs in list(groups.values())[:1] for made in _made_with(runs[0].timing)],
        command=state["command"],
        run_table=[_run_row(folder, record) for record in state["runs"]],
        cited="seeds %s, SHA-256 of each first run's config.yaml: %s" % (seeds, ", ".join(
            "%s %s" % (label, _digest(runs[0].config)) for label, runs in groups.items())))


def _read_run(label, folder, config, metrics=None):
    snapshots = _read(folder, run_folder.SNAPSHOTS, files.read_arrays)
    return Run(label, folder, config, metrics or _read(folder, run_folder.METRICS, files.read_json),
               _read(folder, run_folder.TIMING, files.read_json), _read(folder, run_folder.LOSSES, _read_losses),
               {name: values for name, values in snapshots.items() if values.ndim == 1})


def _read(folder, name, reader):
    path = os.path.join(folder, name)
    try:
        return reader(path)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError("%s: can't be read: %s" % (path, error))


def _read_losses(path):
    with open(path, encoding="utf-8") as file:
        names = file.readline().strip().split(",")
        columns = np.loadtxt(file, delimiter=",", ndmin=2).T
    return dict(zip(names[1:], columns[1:]))


def _read_sweep(folder):
    state = _read(folder, run_folder.SWEEP_STATE, files.read_json)
    try:
        complete = isinstance(state["command"], str) and all(
            {"run", "config", "seed", "status", "reason", "metrics"} <= set(record) for record in state["runs"])
    except (KeyError, TypeError):
        complete = False
    if not complete:
        raise InputError("%s: not written by this version's scripts/sweep.py" % os.path.join(folder, run_folder.SWEEP_STATE))
    return state


def _write(folder, groups, **context):
    path = os.path.join(folder, run_folder.REPORT)
    files.write_text(path, _rendered(groups, **context))
    return path


def _rendered(groups, run_table=(), **context):
    """The page as text; groups is a list of (label, runs that differ in the seed only)."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, undefined=jinja2.StrictUndefined)
    runs = [run for _, group in groups for run in group]
    explored = _explored([group for _, group in groups])
    compared = [comparison.RunGroup(group[0].config, tuple(run.config.seed for run in group),
                                    tuple(run.metrics for run in group)) for _, group in groups]
    data = page_data(groups, explored, small=len(runs) > 1) if groups else {}
    return environment.get_template("report.html.j2").render(
        is_sweep=bool(run_table), run_table=run_table, groups=groups, runs=runs, explored=explored, data=data,
        script_data=_script_json(data),
        has_vae=any(run.config.model.kind == "vae" for run in runs),
        has_avb=any(run.config.model.kind != "vae" for run in runs),
        has_plane=any(run.config.model.latent_dim == 2 for run in runs),
        has_line=any(run.config.model.latent_dim == 1 for run in runs),
        tables=[(label, comparison.rows([group])) for group, (label, _) in zip(compared, groups)],
        key_numbers=_key_numbers(compared), version=__version__, plotly_version=get_plotlyjs_version(),
        plotly=markupsafe.Markup(get_plotlyjs()), css=_file("report.css"), js=_file("report.js"),
        to_yaml=to_yaml, number=comparison.number, obtained=comparison.obtained, published=comparison.published_number,
        signed=_signed,
        **context)


def _explored(groups):
    """Of which runs the latent space is shown: each group's first, then each one's second, until there are enough."""
    in_turn = [group[number] for number in range(max(map(len, groups), default=0)) for group in groups if number < len(group)]
    return [Explored(run.label, _read(run.folder, run_folder.SNAPSHOTS, files.read_arrays),
                     _read(run.folder, run_folder.LATENT_PLANE, files.read_arrays)) for run in in_turn[:MAX_EXPLORED]]


def _key_numbers(compared):
    """The few numbers at the top, of a page about one config."""
    if len(compared) != 1:
        return []
    return [(comparison.obtained(*comparison.mean_and_spread(compared[0], name)), title, comparison.number(OPTIMUM[name].value))
            for name, title in _KEY_METRICS.items()]


def _run_row(folder, record):
    page = "%s/%s" % (record["run"], run_folder.REPORT)
    return dict(record, link=page if os.path.isfile(os.path.join(folder, page)) else None)


def _made_with(timing):
    """What of timing.json a reader wants to know."""
    speed = [("speed", "%.0f iterations a second" % timing["iterations_per_second"])] if timing["n_trained"] else []
    versions = [(name, timing[name]) for name in ("avb_tf1", "tensorflow", "tensorflow_probability", "numpy", "python")]
    return speed + [("machine", "%s, %d cores" % (timing["cpu_model"], timing["n_cpus"]))] + versions


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


def _digest(config):
    return hashlib.sha256(to_yaml(config).encode()).hexdigest()


def _script_json(data):
    """JSON that can stand inside a script element."""
    return markupsafe.Markup(json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))


def _file(name):
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
        return markupsafe.Markup(file.read())
