"""What a kind of problem makes of a trained model: the interface of a task, and of what it gives. Knows no TensorFlow.

All that comes after training asks a task; nothing else asks which kind a problem is of. A task is a folder of tasks/ with its
own measures, figures, summary and page; registry.py has the tasks by name. Methods import what they need when they are called:
matplotlib takes most of a second, which no command is to wait for that draws nothing.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Dict, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from avb_tf1.estimation.metric import CALIBRATION, Metric
from avb_tf1.page import numbers
from avb_tf1.problems.registry import problem_of
from avb_tf1.runs import contents, metrics_file, run_folder
from avb_tf1.tasks.trained import final_losses


class Measured(NamedTuple):
    """What was measured of a trained model.

    Attributes:
        metrics: as in metrics.json, but for what made them: name -> number, None where it is infinite.
        arrays: name of an .npz file of the run folder -> its arrays by name.
    """

    metrics: Dict[str, Any]
    arrays: Dict[str, Dict[str, np.ndarray]]


@dataclass(frozen=True)
class Run:
    """What a page tells of a finished run.

    Attributes:
        label: str, what the page calls it.
        folder: str.
        config: the run's; problem: its problem.
        metrics, timing: as in metrics.json and timing.json.
        losses: name -> [n_iterations], of losses.csv.
        curves: name -> [s], what snapshots.npz has one number a snapshot of, the iterations among them.
    """

    label: str
    folder: str
    config: Any
    problem: Any
    metrics: Dict[str, Any]
    timing: Dict[str, Any]
    losses: Dict[str, np.ndarray]
    curves: Dict[str, np.ndarray]


class Page(NamedTuple):
    """A task's part of a page: its template and script are the files page.j2 and page.js of the task's folder.

    Attributes:
        data: what the scripts draw, for JSON; empty for a page without pictures.
        context: what the template needs besides what all pages have (report.run_page, report.sweep_page).
    """

    data: Dict[str, Any]
    context: Dict[str, Any]


class Task:
    """A kind of problem, after training. Where a method has the same Args as another task's, its docstring stands here only.

    Attributes:
        name: str, as a config's `task`, and of the folder in tasks/.
        metrics: name -> estimation.metric.Metric, in the order of a table.
        diagnostics: name -> Metric, what tells of a single run whether it worked (tasks.diagnostics).
        by_discriminator: a metric that T estimates, too, and the metric that is T's estimate of it.
        bounds: of each lower bound among them its name, that of what it is a bound on, and that of the difference.
        required: the metrics that no metrics.json can lack but as "not_computed".
        starred: those of which a sweep's page marks the best mean.
        words: keys of metrics.json, beside "methods" and "not_computed", that are no numbers.
        figures: names of the files that draw a trained model, in the order in which they are told.
        arrays: names of further files of a run folder that only this task writes.
        parts: of the data, besides those of metrics.json, that measure_part measures a model on.
        no_annealing: str, why scripts/evaluate.py --ais has nothing to say of a run; "" if it has: then there is `annealed`.
        noun: str, what several models are, for the title of a sweep's page.
        name_width: int, of the first column of the summary.
    """

    name: str
    metrics: Dict[str, Metric]
    diagnostics: Mapping[str, Metric] = MappingProxyType({})
    by_discriminator: Tuple[str, str]
    bounds: Tuple[Tuple[str, str, str], ...]
    required: Tuple[str, ...]
    starred: Tuple[str, ...]
    words: Tuple[str, ...] = (CALIBRATION,)
    figures: Tuple[str, ...]
    arrays: Tuple[str, ...] = ()
    parts: Tuple[str, ...] = ()
    no_annealing = ""
    noun = "Autoencoders"
    name_width = 26

    @property
    def files(self):
        """All files of a run folder that this task may write besides every run's; --overwrite removes them."""
        return self.figures + self.arrays + tuple(map(run_folder.name_of_part, self.parts))

    # ---- while a model trains ----

    def view(self, networks, problem, random_state):
        """Return what a snapshot of training holds: an object with `look`, which returns arrays by name, and `max_bytes`.

        Args:
            networks: trained_networks.Networks; problem: the task's.
            random_state: numpy RandomState that the noise is drawn from, which is the same for each snapshot.
        """
        raise NotImplementedError

    def iterations_per_epoch(self, config, problem):
        """Return how many iterations a pass through the data has, an int, or None where there are no passes."""
        return None

    # ---- a trained model ----

    def measure(self, trained):
        """Return the Measured of a tasks.trained.Trained: the same each time it is called, and nothing is written.

        Raises:
            trainer.DivergenceError: what the encoder makes is not finite.
            quadrature.GridError: the decoder can't be integrated exactly.
        """
        raise NotImplementedError

    def measure_part(self, trained, part):
        """Return the metrics of a Trained on one of `parts`, as in Measured, but for the losses: for choosing settings.

        Raises as measure does, and InputError where the part is empty.
        """
        raise NotImplementedError

    def write(self, out, trained):
        """Write the arrays and figures of a Trained into the run folder `out`, but for those that measure returns.

        It is called beside measure, which has another thread; nothing is written before it is known that measure won't refuse.
        """
        raise NotImplementedError

    def inputs(self, problem, x):
        """Return what the networks see of a user's x, float32 [n, d]; raises ValueError if it is none of the task's."""
        raise NotImplementedError

    def log_likelihood(self, networks, problem, x, config):
        """Return log p(x), float64 [n], nats, of a user's x, as of inputs.

        Raises:
            ValueError: x is none of the task's, or log p(x) can't be had of this model.
            quadrature.GridError: the decoder is too sharp for the quadrature.
        """
        raise NotImplementedError

    def calibrated(self, networks, problem, random_state, n):
        """Return the metrics of a simulation-based calibration with n pairs of x and z, as of tasks.diagnostics.calibrated.

        {} if x can't be simulated, or there is no q(z|x). `networks` is trained_networks.Networks, `random_state` numpy's.
        """
        return {}

    def annealed(self, config, problem, checkpoint_path):
        """Return log p(x) by annealed importance sampling and its standard error, means over x, floats, nats.

        Args:
            config: the run's; problem: its problem.
            checkpoint_path: the prefix of the checkpoint that has the trained weights.
        """
        raise NotImplementedError

    # ---- runs, read again ----

    def read(self, label, folder, config, metrics=None):
        """Return the Run in a folder, once all its files are known to be good.

        Args:
            label, folder, config: as in Run.
            metrics: as in metrics.json, or None to read them from there.

        Raises:
            InputError: a file of it can't be read, lacks what a page needs or is another run's; names the file.
        """
        losses = contents.read_losses(folder, config)
        if metrics is None:
            metrics, _ = metrics_file.read_metrics(folder, config, self)
            contents.require_fit(all(abs(metrics.get(name, value) - value) <= 1e-4 * (1 + abs(value))
                                     for name, value in final_losses(losses).items()), folder, run_folder.LOSSES)
        run = Run(label, folder, config, problem_of(config), metrics, contents.read_timing(folder), losses, {})
        snapshots = self.read_snapshots(run)
        moments = snapshots["iteration"].shape
        run.curves.update({name: values for name, values in snapshots.items() if values.shape == moments})
        return run

    def read_snapshots(self, run):
        """Return all arrays of a Run's snapshots.npz; raises InputError unless it, the metrics and further files are good."""
        raise NotImplementedError

    def summary(self, metrics, config):
        """Return the lines of text that end a run: what was measured, in nats unless told."""
        raise NotImplementedError

    def warning(self, metrics, config):
        """Return a sentence on a model that went astray, or ""."""
        raise NotImplementedError

    def optima(self, config, problem):
        """Return the best possible values of losses and metrics for a config's model, name -> float, where they are known."""
        return {}

    def identity(self, config, problem):
        """Return what is equal of configs, with their problems, whose numbers can be compared: plain data, as of JSON."""
        raise NotImplementedError

    def is_drawn_beside(self, first, run):
        """Return whether the Run can be chosen on a sweep's page whose first Run that is."""
        return True

    def rows(self, groups):
        """Return the numbers.Rows of some numbers.RunGroups: for each, one for every metric that all its runs have."""
        return [numbers.Row(group, name, metric) for group in groups for name, metric in self.metrics.items()
                if all(name in metrics for metrics in group.metrics)]

    def verdict(self, group):
        """Return how a numbers.RunGroup stands to what is published, a few words; "" where nothing is."""
        return ""

    def page(self, groups, explored, is_sweep) -> Page:
        """Return the Page of a run or a sweep.

        Args:
            groups: sequence of (label, Runs that differ in the seed only); a run's page has one with one run. Not empty.
            explored: the Runs that are shown through training.
            is_sweep: bool.

        Raises:
            InputError: a file of a run can't be read any more.
        """
        raise NotImplementedError

    def facts(self, run) -> Sequence[Tuple[str, Any]]:
        """Return what a run's page tells of its problem and model: (term, value)."""
        raise NotImplementedError
