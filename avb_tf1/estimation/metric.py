"""What a metric is: its title, what it needs of a model, which end of it is the bad one; and the names of the losses."""

import math
from dataclasses import dataclass
from typing import Callable, NamedTuple, Optional, Tuple

from avb_tf1.estimation import quadrature
from avb_tf1.estimation.densities import mean_and_error
from avb_tf1.estimation.entropy import Estimate

LOSSES = ("generator_loss", "discriminator_loss")  # what an optimiser minimises, as far as a model has it
N_FINAL = 100                 # iterations whose mean is the final loss
LOWEST_LOSS = "lowest_generator_loss"  # in metrics.json: the lowest mean over so many iterations
GOOD = "good_values"          # in metrics.json: name of a diagnostic -> what a good value is, a sentence
CALIBRATION = "calibration"   # in metrics.json: the histograms of ranks (tasks.diagnostics.calibrated)
LOSS_CHANGE = "generator_loss_change"  # in metrics.json: its mean over the last quarter less that over the one before


class Need(NamedTuple):
    """What a metric or a figure can't do without.

    Attributes:
        is_met: function of trained_networks.Networks -> bool.
        otherwise: str, why it isn't computed where the need isn't met; "" if there is no such quantity then.
    """

    is_met: Callable
    otherwise: str = ""


GRID = Need(lambda networks: quadrature.has_grid(networks.latent_dim), "needs a grid: latent_dim 1 or 2")
ENCODER = Need(lambda networks: networks.encode is not None, "the model has no approximate posterior q(z|x)")
DISCRIMINATOR = Need(lambda networks: networks.log_ratio is not None)
DENSITY = Need(
    lambda networks: networks.has_density or quadrature.has_grid(networks.latent_dim),
    "q(z|x) is implicit, and nearest neighbours estimate its density with a bias that is known for latent_dim 1 or 2 only")


@dataclass(frozen=True)
class Metric:
    """A metric of a task.

    Attributes:
        title: str, what it is called in a table.
        needs: the Needs without which it isn't computed; what is told is the first that isn't met.
        is_higher_better: bool.
        note: str, what stands behind the title where no words can stand beside the number.
        measure: function of the task's samples -> Estimate; None where all are measured together.
        least, most: floats, what a finite value can be: an estimate of what is at least 0 may be somewhat below.
        most_without: str, the name of a metric beside which there is no `most`; "": there always is.
        good: str, of a diagnostic what a good value is (tasks.diagnostics.good_values).
    """

    title: str
    needs: Tuple[Need, ...] = ()
    is_higher_better: bool = False
    note: str = ""
    measure: Optional[Callable] = None
    least: float = -math.inf
    most: float = math.inf
    most_without: str = ""
    good: str = ""

    @property
    def worst(self):
        """The infinity that None stands for in metrics.json: the one at the metric's bad end."""
        return -math.inf if self.is_higher_better else math.inf

    def value(self, value):
        """Return a value of metrics.json as a float, None as the infinity that it stands for."""
        return self.worst if value is None else value


def why_not(networks, needs):
    """Return why what has some Needs can't be had of a model: "" if it has no such quantity; None if it can be had."""
    unmet = [need.otherwise for need in needs if not need.is_met(networks)]
    return unmet[0] if unmet else None


def computable(networks, metrics):
    """Return which of `metrics`, name -> Metric, can be computed of trained_networks.Networks, and why others can't.

    The former is a list of names, in their order; the latter a dict of name -> reason, of those that a reader would miss.
    """
    reasons = {name: why_not(networks, metric.needs) for name, metric in metrics.items()}
    return [name for name, why in reasons.items() if why is None], {name: why for name, why in reasons.items() if why}


def sample_mean(values):
    """Return an Estimate that is the mean of values [n] at independent samples."""
    mean, error = mean_and_error(values)
    return Estimate(mean, "samples", error)


def flat(estimates):
    """Return Estimates by name as metrics.json has them, a dict.

    name -> value, with `<name>_standard_error` and `<name>_bias_left` where they are known and the value is finite; and
    "methods" -> name -> how it was found.
    """
    metrics, methods = {}, {}
    for name, (value, method, *errors) in estimates.items():
        metrics[name], methods[name] = value, method
        if math.isfinite(value):
            metrics.update({name + suffix: error for suffix, error in zip(("_standard_error", "_bias_left"), errors)
                            if error is not None})
    return dict(metrics, methods=methods)
