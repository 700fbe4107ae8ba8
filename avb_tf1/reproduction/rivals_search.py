"""The runs of each method on each problem, and the settings that are chosen for them at equal CPU time."""

import os

import numpy as np

from avb_tf1.config import rivals as settings
from avb_tf1.config.loading import MODEL_FILE, to_yaml
from avb_tf1.config.rivals import ChosenSettings
from avb_tf1.experiment.trained_run import open_run
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.reproduction.paper import Runs
from avb_tf1.runs import contents, run_folder

ITERATIONS, TIME, SEARCH = "equal_iterations", "equal_time", "search"
SEARCHED = ("explaining_away", "banana", "stan_eight_schools", "digits")
RATE_FACTORS = (0.3, 1.0, 3.0, 10.0)  # of all learning rates of a method: the grid that is searched
SEED = 100
_N_VALIDATION = 300
_VALIDATION = "validation.json"  # in a run's folder, what it was measured to have on validation images


def write_configs(configs_folder, runs_folder, comparison, out):
    """Write a config file for each method and problem into the folder `out`, for scripts/sweep.py.

    Args:
        configs_folder: str, where the configs are.
        runs_folder: str, where runs are, from which a search has its lengths.
        comparison: "equal_iterations"; "equal_time", by the chosen settings; or "search", of the problems that are searched the
            grid RATE_FACTORS, at equal CPU time.
        out: str, a folder; made if need be.
    """
    known = settings.load_rivals(configs_folder)
    chosen = settings.load_chosen(configs_folder) if comparison == TIME else {}
    os.makedirs(out, exist_ok=True)
    n = 0
    for rival in (rival for of_problem in known.values() for rival in of_problem.values()):
        for config in _configs(rival, chosen, runs_folder, comparison):
            files.write_text(os.path.join(out, config.name + ".yaml"), to_yaml(config))
            if config.python_file is not None:
                files.write_text(os.path.join(out, MODEL_FILE), config.python_file.source)
            n += 1
    print("%d configs in %s" % (n, out))


def _configs(rival, chosen, runs_folder, comparison):
    if comparison == ITERATIONS:
        return [rival.config()]
    if comparison == TIME:
        return [at_equal_time(rival, chosen)]
    return _grid(rival, runs_folder) if rival.problem in SEARCHED else []


def at_equal_time(rival, chosen, *overrides):
    """Return a Rival's config with the settings that were chosen, as of load_chosen, and overrides.

    Raises InputError if none were.
    """
    found = chosen.get(rival.problem, {}).get(rival.method)
    if found is None:
        raise InputError("configs/rivals/%s lacks %s.%s; make rivals-search writes it" % (
            settings.CHOSEN, rival.problem, rival.method))
    return rival.config("_equal_time", *rival.at(found.rate_factor, found.n_iterations), *overrides)


def _grid(rival, runs_folder):
    """The configs of a Rival's search: with the search's seed and, of a data set, with validation images."""
    n_iterations = _length(rival, runs_folder)
    apart = ["data.n_validation=%d" % _N_VALIDATION] if rival.config().task == "data_set" else []
    return [rival.config("_rates_%g" % factor, *rival.at(factor, n_iterations), *apart, "seed=%d" % SEED)
            for factor in RATE_FACTORS]


def _length(rival, runs_folder):
    """How many iterations a Rival's CPU seconds last, by the pace of its run at equal iterations, seed 0."""
    config = rival.config()
    folder = folder_of(runs_folder, config)
    if not run_folder.is_finished(folder, config):
        raise InputError("%s: no finished run, whose pace lengths are chosen by" % folder)
    seconds = contents.read_timing(folder)["cpu_seconds"]
    return max(1, int(rival.of_problem.cpu_seconds * config.training.n_iterations / seconds))


def folder_of(runs_folder, config):
    """Return where scripts/sweep.py leaves the run of a config."""
    return os.path.join(runs_folder, "%s_seed_%d" % (config.name, config.seed))


def choose(configs_folder, runs_folder):
    """Write configs/rivals/chosen.yaml: of each method's finished search the run with the best score, its rates and length.

    The score is log p(x) of the validation images; of a given posterior minus KL(q || p(z|x)), or where some method's isn't
    known minus the mean Wasserstein distance. A problem that isn't searched has the rates of the one that its settings_of
    names. All lengths are by the pace of a method's run at equal iterations, seed 0.
    """
    known, found = settings.load_rivals(configs_folder), {}
    for problem in SEARCHED:
        configs = {method: _grid(rival, runs_folder) for method, rival in known[problem].items()}
        measured = {method: [_measured(folder_of(runs_folder, config), config) for config in own]
                    for method, own in configs.items()}
        of_all = [metrics for own in measured.values() for metrics in own]
        name, sign = next((name, sign) for name, sign in (
            ("validation_log_likelihood", 1), ("inference_gap", -1), ("wasserstein", -1))
            if all(name in metrics for metrics in of_all))
        found[problem] = {}
        for method, own in configs.items():
            scores = [np.nan if metrics[name] is None else sign * metrics[name] for metrics in measured[method]]
            best = int(np.nanargmax(scores))
            seconds = contents.read_timing(folder_of(runs_folder, own[best]))["cpu_seconds"]
            found[problem][method] = ChosenSettings(
                rate_factor=RATE_FACTORS[best], n_iterations=own[best].training.n_iterations,
                score=round(float(scores[best]), 4), cpu_seconds=round(seconds, 1))
            print("%s, %s: %s" % (problem, method, ", ".join(
                "%g %.4f" % pair for pair in zip(RATE_FACTORS, scores))))
    for problem, of_problem in known.items():
        if problem not in SEARCHED:
            found[problem] = {
                method: ChosenSettings(rate_factor=found[rival.of_problem.settings_of][method].rate_factor,
                                       n_iterations=_length(rival, runs_folder))
                for method, rival in of_problem.items()}
    print("Written to %s" % settings.write_chosen(configs_folder, found))


def _measured(folder, config):
    """The metrics of a run of a search; of a data set, on its validation images."""
    metrics = Runs.read([(config, folder)]).metrics[0]
    if config.task != "data_set":
        return metrics
    path = os.path.join(folder, _VALIDATION)
    if not os.path.isfile(path):
        with open_run(folder) as run:
            files.write_json(path, run.measure("validation"))
    return files.read_json(path)
