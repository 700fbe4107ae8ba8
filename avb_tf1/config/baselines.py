"""The settings of what a model of a given posterior is compared with: Gaussians and samplers."""

from typing import Tuple

import pydantic

from avb_tf1.config import yaml_input
from avb_tf1.config.experiments import GivenPosteriorExperiment
from avb_tf1.config.sections import BatchSize, Section, integer, key
from avb_tf1.config.training import ChainsConfig, GaussianTrainingConfig, HMCConfig
from avb_tf1.ground.errors import InputError


class GaussianBaseline(Section):
    """How both Gaussians, mean-field and full-rank, are trained for any problem."""

    batch_size: BatchSize = key("Samples of q in an iteration, of each x as many.")
    training: GaussianTrainingConfig


class NUTSConfig(ChainsConfig):
    """The No-U-Turn sampler, whose trajectories end where they turn back."""

    max_tree_depth: integer(ge=1, le=10) = key("A trajectory has at most 2 to the power of this, less 1, leapfrog steps.")


class ReplicaExchangeConfig(HMCConfig):
    """HMC with replicas of each chain at several temperatures, whose neighbours exchange states: for problems with modes."""

    inverse_temperatures: Tuple[float, ...] = key(
        "The powers of p(x, z) that the replicas sample: 2 to 100 numbers that fall from 1 and stay above 0. The draws are the "
        "first replica's.")

    @pydantic.validator("inverse_temperatures", pre=True)
    def _they_fall_from_1(cls, values):
        if not (isinstance(values, list) and 2 <= len(values) <= 100 and all(type(own) in (int, float) for own in values)
                and values[0] == 1 and values[-1] > 0 and all(low < high for high, low in zip(values, values[1:]))):
            raise ValueError("must be a list of 2 to 100 numbers that fall from 1 and stay above 0")
        return values


class BaselinesConfig(Section):
    """What `scripts/compare_posteriors.py` puts beside the models of its configs."""

    gaussian: GaussianBaseline
    hmc: HMCConfig
    nuts: NUTSConfig
    replica_exchange: ReplicaExchangeConfig


def load_baselines(path):
    """Read a YAML file of baselines and validate it; raises InputError, one line that names the file, the key and its fault."""
    tree = yaml_input.read_yaml(path)
    return parsed(BaselinesConfig, tree if isinstance(tree, dict) else {}, path)


def gaussian_config(config, baselines, covariance):
    """Return the config of a Gaussian for the problem, the seed, evaluation and runtime of a given posterior's config.

    `baselines` is a BaselinesConfig, `covariance` "diagonal" or "full". Raises InputError if the problem's x can't share the
    baselines' batch.
    """
    gaussian = baselines.gaussian
    tree = dict(
        config.dict(), name="mean_field" if covariance == "diagonal" else "full_rank",
        problem=dict(config.problem.dict(), batch_size=gaussian.batch_size),
        model={"kind": "gaussian", "latent_dim": config.model.latent_dim, "covariance": covariance},
        training=gaussian.training.dict())
    return parsed(GivenPosteriorExperiment, tree, "the baselines' gaussian section")


def parsed(section, tree, where):
    """Return a tree, nested dicts, as a section, a class; raises InputError, one line that begins with the text `where`."""
    try:
        return section.parse_obj(tree)
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        raise InputError("%s: %s: %s" % (where, ".".join(map(str, problem["loc"])), problem["msg"]))
