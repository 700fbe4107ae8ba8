"""How long training takes until a model is better than the paper's AVB in every column of its Table 1."""

import tempfile
import time

from avb_tf1.config.loading import load_config
from avb_tf1.estimation import quadrature
from avb_tf1.ground.errors import InputError
from avb_tf1.page.numbers import median_and_range
from avb_tf1.problems.known_images.four_images import TABLE_1
from avb_tf1.tasks.known_images import measures
from avb_tf1.tasks.registry import task_of

N_CHECKS = 40                 # of a config's own length, at equal distances
N_SAMPLES = 65536             # of q(z|x), an image, in a check
_TARGET = TABLE_1["AVB"]


class _Passed(Exception):
    """Every column was passed."""


class _Checks:
    """An observer of training that looks every few iterations whether all columns are passed; then it ends the training.

    Attributes:
        seconds, cpu_seconds: of training, without the checks; iteration: the last that was looked at.
    """

    def __init__(self, networks, problem, n_iterations, random_state):
        self._networks, self._problem, self._every = networks, problem, max(1, n_iterations // N_CHECKS)
        self._random_state = random_state
        self.seconds = self.cpu_seconds = 0.0

    def __call__(self, iteration, _=None):
        if iteration == 1:
            self._start()  # with the second iteration: for the first one TensorFlow prepares the graph
        elif iteration % self._every == 0:
            self.seconds += time.perf_counter() - self._since[0]
            self.cpu_seconds += time.process_time() - self._since[1]
            self.iteration = iteration
            if self._is_passed():
                raise _Passed
            self._start()

    def _start(self):
        self._since = time.perf_counter(), time.process_time()

    def _is_passed(self):
        try:
            found = quadrature.log_likelihood(self._networks.decode, self._networks.latent_dim, self._problem.images)
        except quadrature.GridError:
            return False
        if self._problem.mean(found) <= _TARGET["log_likelihood"].value:
            return False
        metrics = measures.evaluate(self._networks, self._problem, self._random_state, N_SAMPLES, lambda: found)
        sign = {name: 1 if measures.METRICS[name].is_higher_better else -1 for name in _TARGET}
        return all(sign[name] * metrics[name] > sign[name] * published.value for name, published in _TARGET.items())


def require_measurable(config, path):
    """Raise InputError unless a config, of a file, is of the paper's four images, with an exact log p(x)."""
    if task_of(config).name != "known_images" or not quadrature.has_grid(config.model.latent_dim):
        raise InputError("%s: only models of the four images with latent_dim 1 or 2 can be held against the paper's row" % path)


def measure(config_path, overrides):
    """Train a model of the four images until it has passed; return what that took.

    Returns:
        dict: iterations, int, or None if it never passed; seconds and cpu_seconds, of training with its event file, snapshots
        and checkpoints, without start-up and without the checks.
    """
    from avb_tf1.experiment.run import Experiment, opened_model, train_in_folder
    from avb_tf1.ground.seeds import stream
    from avb_tf1.training.trainer import array_functions

    config = load_config(config_path, overrides)
    experiment, passed = Experiment.of(config), False
    with tempfile.TemporaryDirectory() as out, opened_model(experiment) as (session, model):
        checks = _Checks(array_functions(session, model), experiment.problem, config.training.n_iterations,
                         stream(config.seed, "evaluation"))
        try:
            train_in_folder(session, model, experiment, out, None, show_progress=False, observers=[checks])
        except _Passed:
            passed = True
    return {"iterations": checks.iteration if passed else None, "seconds": checks.seconds, "cpu_seconds": checks.cpu_seconds}


def table(of_configs, loops, n_iterations):
    """Return the lines of a Markdown table of what measure found.

    Args:
        of_configs: config's name -> what measure returned, for each seed.
        loops: name of a loop -> its {"rate", "cpu_ms"}, one for each seed, measured in turn with these.
        n_iterations: int, of a loop, whose time is the unit.
    """
    lines = ["| until passed, median (smallest to largest) | passed | iterations | seconds | CPU seconds | %s |" % " | ".join(
        "%s of %d iterations of %s" % (what, n_iterations, name) for name in loops for what in ("times", "CPU times")),
        "|---" * (5 + 2 * len(loops)) + "|"]
    for name, found in of_configs.items():
        passed = [number for number, own in enumerate(found) if own["iterations"] is not None]
        cells = [name, "%d of %d" % (len(passed), len(found))]
        if passed:
            cells += [median_and_range([found[number][key] for number in passed], form)
                      for key, form in (("iterations", "%.0f"), ("seconds", "%.1f"), ("cpu_seconds", "%.1f"))]
            for loop in loops.values():
                units = [(n_iterations / own["rate"], n_iterations * own["cpu_ms"] / 1000) for own in loop]
                cells += [median_and_range([found[number]["seconds"] / units[number][0] for number in passed], "%.2f"),
                          median_and_range([found[number]["cpu_seconds"] / units[number][1] for number in passed], "%.2f")]
        else:
            cells += [""] * (3 + 2 * len(loops))
        lines.append("| %s |" % " | ".join(cells))
    return lines
