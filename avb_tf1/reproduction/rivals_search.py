"""The runs of each method on each problem, and the settings that are chosen for them at equal CPU time."""

import contextlib
import os

import numpy as np

from avb_tf1.config import rivals as settings
from avb_tf1.config.fingerprint import fingerprint, require_same
from avb_tf1.config.rivals import ChosenSettings
from avb_tf1.experiment.trained_run import open_run
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.problems.data_set.problem import VALIDATION
from avb_tf1.reproduction.posterior_comparison import largest_distance
from avb_tf1.reproduction.records import Records
from avb_tf1.runs import metrics_file, run_folder
from avb_tf1.runs.provenance import legs_in
from avb_tf1.tasks.registry import task_of

ITERATIONS, TIME, SEARCH, SETTINGS = "equal_iterations", "equal_time", "search", "settings"
SEARCHED = ("four_images", "explaining_away", "banana", "stan_eight_schools", "digits")
# Problems -> methods whose rates are looked at with as many iterations as their configs have: those of docs/digits.md.
OF_SETTINGS = {"digits": ("vae", "vae_weighted", "coupling", "avb", "avb_ac", "maximum_likelihood"),
               "digits_8": ("vae", "coupling", "avb_ac")}
# Of all learning rates of a method: the grid. 10 was tried, too. It was the best for 4 of 47 methods with SEED, and with seed 0
# three of the five runs that took it went astray, which a search of one seed can't see.
RATE_FACTORS = (0.3, 1.0, 3.0)
SEED = 100
KEPT = "rivals.csv"             # in docs: the Records of all runs
BY_T = "_discriminator"         # ends the name of a Record's value that only T tells
# What a method is chosen by, the first that all methods on a problem have, and the sign with which more is better.
_SCORES = {"validation_log_likelihood": 1, "log_likelihood": 1, "inference_gap": -1, "wasserstein": -1}
# Of each task, what is kept of a run.
_VALUES = {"known_images": ("log_likelihood", "elbo", "inference_gap"),
           "given_posterior": ("log_evidence", "elbo", "inference_gap", "wasserstein"),
           "data_set": ("test_log_likelihood", "test_elbo", "test_elbo_discriminator", "test_inference_gap")}
LARGEST, LARGEST_OF = "largest_wasserstein", "largest_wasserstein_of"
CLOSE = 0.1                     # a share: a length that changes by no more stays, as then do the runs that have it
NOISE = 0.005                   # a difference of scores that is none; of AVB's KL by neighbours it is about the error
_N_VALIDATION = 300


class RivalsRuns:
    """The Rivals, as of config.rivals.load_rivals, and their runs: in folders, and as KEPT has them.

    Attributes:
        rivals: problem -> method -> Rival.
        chosen: what `choose` chose, as of config.rivals.load_chosen; nothing before that.
        configs_folder: str.
    """

    def __init__(self, configs_folder, runs_folder, others_folder, out):
        """Read what is there; raises InputError if the configs or the file can't be used.

        Args:
            configs_folder: str, where the configs are.
            runs_folder: str, where scripts/sweep.py leaves the runs of write_configs.
            others_folder: str, where `make posteriors` and `make digits` leave theirs, which stand for runs of the same
                configs.
            out: str, the folder where KEPT is.
        """
        self.configs_folder, self._runs_folder, self._others_folder = configs_folder, runs_folder, others_folder
        self.rivals = settings.load_rivals(configs_folder)
        is_chosen = os.path.lexists(os.path.join(configs_folder, "rivals", settings.CHOSEN))
        self.chosen = settings.load_chosen(configs_folder) if is_chosen else {}
        self.records = Records(os.path.join(out, KEPT), _values)

    def find(self, rival, config):
        """Return the Record of a run of a Rival's, by its config; None if there is neither a folder nor a line of it."""
        name = os.path.splitext(os.path.basename(rival.path))[0]  # as make posteriors calls it
        return self.records.find(config, [
            run_folder.name_with_seed(os.path.join(*parts), config.seed) for parts in (
                (self._runs_folder, config.name), (self._others_folder, "digits", rival.name),
                (self._others_folder, "posteriors", rival.problem, name))])

    def configs(self, rival, comparison, seeds):
        """Return a Rival's configs in a comparison, one for each seed; of a grid, for each of RATE_FACTORS, with SEED.

        SEARCH is the grid at equal CPU time, SETTINGS that at the config's own length. [] where the problem, or the method,
        isn't searched, or no settings were chosen for it.
        """
        of_seeds = [("seed=%d" % seed,) for seed in seeds]
        if comparison == ITERATIONS:
            return [rival.config("", *own) for own in of_seeds]
        if comparison == TIME:
            chosen = self.chosen.get(rival.problem, {}).get(rival.method)
            return [] if chosen is None else [
                rival.config("_equal_time", *rival.at(chosen.rate_factor, chosen.n_iterations), *own) for own in of_seeds]
        if comparison == SETTINGS:
            is_searched = rival.method in OF_SETTINGS.get(rival.problem, ())
            return self._grid(rival, "_settings_%g", rival.config().training.n_iterations) if is_searched else []
        return self._grid(rival, "_rates_%g", self.length(rival)) if rival.problem in SEARCHED else []

    def _grid(self, rival, ending, n_iterations):
        apart = ["data.n_validation=%d" % _N_VALIDATION] if rival.config().task == "data_set" else []
        return [rival.config(ending % factor, *rival.at(factor, n_iterations), *apart, "seed=%d" % SEED)
                for factor in RATE_FACTORS]

    def length(self, rival):
        """Return how many iterations a Rival's CPU seconds last, by the pace of its run at equal iterations, seed 0.

        Raises InputError if that was not run.
        """
        config = rival.config()
        found = self.find(rival, config)
        if found is None:
            raise InputError("%s: no finished run with seed %d, whose pace lengths are chosen by" % (config.name, config.seed))
        return length_by(rival, [found])


def length_by(rival, records):
    """Return how many iterations a Rival's CPU seconds last, by the pace of some Records."""
    pace = sum(record.n_iterations for record in records) / sum(record.cpu_seconds for record in records)
    return max(1, int(rival.of_problem.cpu_seconds * pace))


def best_of(scores):
    """Return the number of the best of RATE_FACTORS by its score, the larger the better; of equal ones that nearest to 1."""
    equal = [number for number, score in enumerate(scores) if score >= max(scores) - NOISE]
    return min(equal, key=lambda number: abs(np.log(RATE_FACTORS[number])))


def with_kept_length(new, old):
    """Return ChosenSettings with the length of those that were chosen before, or None, if it is within CLOSE of theirs."""
    is_kept = old is not None and abs(new.n_iterations - old.n_iterations) <= CLOSE * old.n_iterations
    return new.copy(update={"n_iterations": old.n_iterations}) if is_kept else new


def values_of(task, metrics):
    """Return what is kept of metrics, as in metrics.json, name -> float or text; what only T tells has BY_T in its name."""
    values, methods = {}, metrics.get("methods", {})
    for name in (*_VALUES[task.name], *_SCORES):
        if name in metrics:
            by_t = methods.get(name) == "discriminator" and not name.endswith(BY_T)
            metric = task.metrics.get(name)
            values[name + BY_T * by_t] = metrics[name] if metric is None else metric.value(metrics[name])
    if task.name == "given_posterior":
        distance = largest_distance(metrics)
        if distance is not None:
            values.update(zip((LARGEST, LARGEST_OF), distance))
    return values


def _values(config, folder, metrics):
    """As of values_of; of a run of a search on a data set, of its validation images."""
    if config.task == "data_set" and config.data.n_validation:
        metrics = _of_validation(config, folder)
    return values_of(task_of(config), metrics)


def _of_validation(config, folder):
    """The metrics of a run's validation images; measured, and written as scripts/evaluate.py --write does, unless this code did
    it before, of the same config.
    """
    path = os.path.join(folder, run_folder.name_of_part(VALIDATION))
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, InputError):
        metrics = files.read_json(path)
        made_by = metrics.pop("made_by")
        require_same(made_by["fingerprint"], fingerprint(config), path)
        if metrics_file.is_measured_by_this_code(made_by):
            return metrics
    with run_folder.reclaimed(folder):
        with open_run(folder) as run:
            metrics = run.measure(VALIDATION)
        metrics_file.write_part(folder, VALIDATION, metrics, config, legs_in(folder))
    return metrics


def write_configs(runs, comparison, seeds, out):
    """Write a config file for each run that is still to be made into the folder `out`, for scripts/sweep.py.

    Args:
        runs: RivalsRuns, of whose folders and records one suffices.
        comparison: "equal_iterations"; "equal_time", by the chosen settings; "search", of the problems that are searched the
            grid RATE_FACTORS, at equal CPU time; or "settings", that grid of OF_SETTINGS at the configs' own length.
        seeds: sequence of int. A config that any of them is still to be run with is written once.
        out: str, a folder; made if need be. Configs of runs that were made are removed from it.

    Raises:
        InputError: no settings were chosen, or a length can't be.
    """
    if comparison == TIME and not runs.chosen:
        settings.load_chosen(runs.configs_folder)  # says that there is none
    wanted = [(config, runs.find(rival, config)) for of_problem in runs.rivals.values() for rival in of_problem.values()
              for config in runs.configs(rival, comparison, seeds)]
    runs.records.still_to_run(wanted, out)


def choose(runs):
    """Write configs/rivals/chosen.yaml: the rates and length of each method's best run of a search, in a RivalsRuns.

    The score is log p(x) of the validation images, of known images that of all; of a given posterior minus KL(q || p(z|x)), or
    where some method's isn't known minus the mean Wasserstein distance. Of runs whose scores differ by NOISE or less the one
    with the factor nearest 1 counts as the best; one that diverged, as the worst. The length is by the pace of the search's
    runs. A problem that isn't searched has the rates of the one that its settings_of names, and a length by the pace of the
    method's run at equal iterations, seed 0; as of with_kept_length. A problem whose search, or that of its settings_of, isn't
    finished stays as the file has it, and is told.
    """
    found = {}
    for problem in SEARCHED:
        grids = {method: runs.configs(rival, SEARCH, ()) for method, rival in runs.rivals[problem].items()}
        records = {method: [runs.find(runs.rivals[problem][method], config) for config in grid]
                   for method, grid in grids.items()}
        n_missing = sum(record is None for own in records.values() for record in own)
        if n_missing:
            print("%s: %d of %d runs are missing" % (problem, n_missing, sum(map(len, records.values()))))
            continue
        good = [record for own in records.values() for record in own if not record.has_diverged]
        name = next(name for name in _SCORES if all(name in record.values for record in good))
        found[problem] = {}
        for method, own in records.items():
            scores = [-np.inf if record.has_diverged else _SCORES[name] * record.values[name] for record in own]
            if not np.isfinite(scores).any():
                raise InputError("%s, %s: all its runs diverged; it needs lower rates in its config" % (problem, method))
            best = best_of(scores)
            found[problem][method] = ChosenSettings(
                rate_factor=RATE_FACTORS[best], n_iterations=length_by(
                    runs.rivals[problem][method], [record for record in own if not record.has_diverged]),
                score=round(scores[best], 4), cpu_seconds=round(own[best].cpu_seconds, 1))
            print("%s, %s: %s" % (problem, method, ", ".join("%g %.4f" % pair for pair in zip(RATE_FACTORS, scores))))
    searched = set(found)
    for problem, of_problem in runs.rivals.items():
        settings_of = next(iter(of_problem.values())).of_problem.settings_of
        if problem not in SEARCHED and settings_of in searched:
            found[problem] = {method: ChosenSettings(rate_factor=found[settings_of][method].rate_factor,
                                                     n_iterations=runs.length(rival))
                              for method, rival in of_problem.items()}
    for problem, of_problem in found.items():
        for method, new in of_problem.items():
            of_problem[method] = with_kept_length(new, runs.chosen.get(problem, {}).get(method))
    runs.records.write()
    if not found:
        raise InputError("no search is finished; scripts/sweep.py makes its runs")
    for problem in (problem for problem in runs.rivals if problem not in found):
        print("%s: %s" % (problem, "as it was chosen before" if problem in runs.chosen else "nothing is chosen"))
    of_all = dict(runs.chosen, **found)
    print("Written to %s" % settings.write_chosen(runs.configs_folder, {
        problem: of_all[problem] for problem in runs.rivals if problem in of_all}))
