"""The pages of docs that have numbers: which are of one state of the code, and what makes the others again."""

import contextlib
import os
import re
import signal
import subprocess
import time
from typing import Callable, NamedTuple, Optional

from avb_tf1.config.fingerprint import digest_of_configs
from avb_tf1.ground import stopping
from avb_tf1.ground.errors import InputError
from avb_tf1.reproduction import (
    diagnostics,
    digits,
    image_models,
    paper,
    pitfalls,
    posteriors,
    recipes,
    rivals,
    time_to_quality,
)
from avb_tf1.reproduction.records import Records, write_config
from avb_tf1.reproduction.rivals_search import RivalsRuns
from avb_tf1.runs import provenance, run_folder

# What make puts into the environment of what it starts; the last ones are the Makefile's own.
OF_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "ARGS", "CONFIG", "DIR", "RUNS", "SEEDS")
_MADE_BY = re.compile(
    r"Made by avb_tf1 \S+, training code ([0-9a-f]{12}), evaluation code ([0-9a-f]{12})(?:, configs ([0-9a-f]{12}))?")
_NOT_WHOLE = re.compile(r"\*\*(A draft[^*]*)\*\*|\d+ of \d+ runs were (?:trained|measured) by other code")


class Page(NamedTuple):
    """A page of docs.

    Attributes:
        file: str; target: str, of make, which writes it.
        runs: what runs it needs: function (configs folder, runs folder) -> sequence of (config, run folder); None where the
            target itself makes them on all cores.
        runs_folder: str, where the target looks for them, below the folder of all runs.
        cpu_minutes: int, what making it from nothing takes, roughly, for the forecast.
        kept: str, the CSV file that keeps its runs, or "".
        configs: function (configs folder, folder of the page) -> the configs of all its runs; None: those of `runs` are all.
    """

    file: str
    target: str
    runs: Optional[Callable]
    runs_folder: str
    cpu_minutes: int
    kept: str = ""
    configs: Optional[Callable] = None

    def digest(self, configs_folder, docs):
        """Return the digest of its configs, as provenance.made_by_text has it."""
        return digest_of_configs(self.configs(configs_folder, docs) if self.configs is not None else (
            config for config, _ in self.runs(configs_folder, "")))


def _runs(wanted):
    return lambda configs_folder, runs_folder: paper.runs_of(configs_folder, runs_folder, wanted())


def _of_rivals(function):
    return lambda configs_folder, docs: function(RivalsRuns(configs_folder, "", "", docs))


def _of_images(name):
    return lambda configs_folder, docs: image_models.ImageRuns(image_models.PAGES[name], configs_folder, "", docs).configs()


# In the order in which they are made: the rivals' has the digits' runs, and the digits' what the rivals' has at equal time.
PAGES = (
    Page("table_1.md", "table", _runs(paper.wanted_of_table), "table", 90),
    Page("recipes.md", "recipes", _runs(recipes.wanted_runs), "table", 100),
    Page("time_to_quality.md", "time", _runs(time_to_quality.wanted_runs), "table", 30),
    Page("pitfalls.md", "pitfalls", _runs(pitfalls.wanted_runs), "table", 20),
    Page("posteriors.md", "posteriors", posteriors.runs, "posteriors", 110),
    Page("diagnostics.md", "diagnostics", _runs(diagnostics.wanted_runs), "diagnostics", 10),
    Page("rivals.md", "rivals", digits.runs, "digits", 920, "rivals.csv", _of_rivals(rivals.configs)),
    Page("digits.md", "digits", digits.runs, "digits", 60, "rivals.csv", _of_rivals(digits.configs)),
    Page("patches.md", "patches", None, "patches", 90, "patches.csv", _of_images("patches")),
    Page("mnist.md", "mnist", None, "mnist", 1400, "mnist.csv", _of_images("mnist")))


def faults(docs, configs_folder):
    """Return what is not of this state of the code in the folder `docs`: Page -> a text on what is wrong with it.

    A page is good if training and evaluation code, as it names them, are this code's, its runs' configs those in
    `configs_folder`, no run of it is other code's, and it is no draft.
    """
    found = {}
    for page in PAGES:
        path = os.path.join(docs, page.file)
        if not os.path.isfile(path):
            found[page] = "it is not there"
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        named, here, not_whole = _MADE_BY.search(text), provenance.code(), _NOT_WHOLE.search(text)
        if named is None:
            found[page] = "it doesn't say which code made it"
        elif named.groups()[:2] != (here["training_code"], here["evaluation_code"]):
            found[page] = "made by training code %s, evaluation code %s; here they are %s, %s" % (
                *named.groups()[:2], here["training_code"], here["evaluation_code"])
        elif named.group(3) != page.digest(configs_folder, docs):
            found[page] = "made with other configs than are here"
        elif not_whole:
            found[page] = (not_whole.group(1) or not_whole.group(0)).strip(" .").replace("A draft", "a draft", 1)
    return found


def check(docs, configs_folder):
    """Print what is wrong with the pages in the folder `docs`, and which command mends it; arguments as of faults.

    Raises InputError if anything is.
    """
    found = faults(docs, configs_folder)
    for page, what in found.items():
        print("%s: %s; make %s" % (os.path.join(docs, page.file), what, page.target))
    if found:
        raise InputError("%d of %d pages are not of this state of the code; make documents makes them again" % (
            len(found), len(PAGES)))
    print("All %d pages are of this state of the code." % len(PAGES))


def prepare(page, configs_folder, runs_folder):
    """Write the configs of a Page's runs that are still to be trained, for scripts/sweep.py, which trains as many at once as
    there are cores, each on one thread.

    Args:
        runs_folder: str, where the page's runs are or will be.

    Returns:
        A list of (paths of configs, seeds, a text as scripts/sweep.py takes it, the folder of their runs): a sweep each.
    """
    if page.runs is None:
        return []
    missing = {}
    for config, folder in page.runs(configs_folder, runs_folder):
        if not run_folder.is_finished(folder, config):
            name = os.path.basename(folder)[:-len(run_folder.name_with_seed("", config.seed))]
            missing.setdefault((os.path.dirname(folder), name), {})[config.seed] = config
    sweeps = {}
    for (folder, name), of_seeds in missing.items():
        config = of_seeds[min(of_seeds)]
        config = config.copy(update={"name": name, "runtime": config.runtime.copy(update={"inter_op_threads": 1})})
        sweeps.setdefault((folder, ",".join(map(str, sorted(of_seeds)))), []).append(
            write_config(config, os.path.join(folder, "configs")))
    return [(tuple(paths), seeds, folder) for (folder, seeds), paths in sweeps.items()]


def trainings(page, configs_folder, runs_folder, python):
    """Yield the commands that train a Page's runs, as far as they are missing. Arguments as of commands."""
    for paths, seeds, folder in prepare(page, configs_folder, os.path.join(runs_folder, page.runs_folder)):
        yield [python, os.path.join("scripts", "sweep.py"), "--config", *paths, "--seeds", seeds, "--out", folder]


@contextlib.contextmanager
def of_this_code_alone(page, docs):
    """While this context lasts, a Page's CSV file in the folder `docs` lacks what other code trained or measured.

    If it ends by an exception, those lines come back of which the file has no other: what was to be in their place isn't made.
    """
    path = os.path.join(docs, page.kept)
    if not page.kept or not os.path.exists(path):
        yield
        return
    records = Records(path, None)
    dropped = records.drop_other_code()
    if dropped:
        records.write()
    try:
        yield
    except BaseException:
        records = Records(path, None)
        records.add(dropped)
        records.write()
        raise


def commands(page, configs_folder, runs_folder, python):
    """Yield the commands, lists of words, that make a Page again; the next is to be run after the one before it.

    Args:
        configs_folder: str, where the configs are.
        runs_folder: str, the folder of all runs of this state of the training code.
        python: str, the interpreter.
    """
    yield from trainings(page, configs_folder, runs_folder, python)
    yield ["make", page.target, "RUNS=" + runs_folder]


def run(command, folder):
    """Run a command, a list of words, in a folder, to its end; return its exit code.

    A signal that ends this process goes on to all that the command started, which have time to save what they did; then
    stopping.Stopped is raised. Nothing of a make around this process is handed on: its ARGS are this process's own.
    """
    environment = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    with stopping.on_signals() as request:
        process = subprocess.Popen(command, cwd=folder, env=environment, preexec_fn=_lead_a_group)
        stopping.groups.add(process.pid)
        while process.poll() is None and request.signal_number is None:
            time.sleep(0.1)
        if request.signal_number is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, request.signal_number)
        code = process.wait()
        stopping.groups.remove(process.pid)
    if request.signal_number is not None:
        raise stopping.Stopped(request.signal_number, "stopped; the same command goes on")
    return code


def _lead_a_group():
    """In a new process: be one that os.killpg reaches, and take signals that a script blocks (command_line.begin), as a make
    doesn't unblock them itself."""
    os.setpgid(0, 0)  # no session of its own: a script's processes lead a group before they come here, which forbids that
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stopping.SIGNALS)


def forecast(pages, n_cores):
    """Return about how many hours some Pages take from nothing, as a text."""
    return "%.1f hours on %d cores" % (sum(page.cpu_minutes for page in pages) / 60 / n_cores, n_cores)


def runs_folder_of(runs_folder):
    """Return where runs of this state of the training code are, below the folder of all runs: others don't count."""
    return os.path.join(runs_folder, "of_code_" + provenance.code()["training_code"])

