"""The three experiments, one for each task: known images, a given posterior, a data set of images.

A new kind of model is a section in config.models and a line in its task's `sections_of_kind`, with its section of training.
"""

from typing import ClassVar, Dict, Tuple, Type, Union

import pydantic
from pydantic import constr

from avb_tf1.config import models, training
from avb_tf1.config.data import DataConfig, ProblemConfig
from avb_tf1.config.sections import DATASET_DEFAULTS, DEFAULTS, GIVEN_DEFAULTS, Section, error_at, integer, key
from avb_tf1.problems.data_set.datasets import KINDS
from avb_tf1.problems.registry import given_posterior


class _Experiment(Section):
    task: ClassVar[str]  # the name of its tasks.task.Task
    sections_of_kind: ClassVar[Dict[str, Tuple[Type[models.ModelConfig], Type[training.TrainingConfig]]]]  # by model.kind
    defaults: ClassVar[Dict[str, dict]]  # what stands for keys that a file need not have
    python_file: ClassVar[None] = None  # a given posterior's may be a PythonFile

    name: constr(strict=True, regex=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z") = key(
        "What the run is called: up to 100 letters, digits, `.`, `_` and `-`. Its folder is `runs/NAME`, unless `--out` says "
        "otherwise.")
    seed: integer(ge=0, lt=2**31) = key(
        "What weights, batches, noise and evaluation are drawn with. The same config and seed give the same bits, on one kind "
        "of CPU.")

    @pydantic.root_validator(pre=True)
    def _choose_sections(cls, tree):
        """Put beside the values of model and training the sections that _read_chosen_section reads them as, by model.kind."""
        model = tree.get("model")
        kind = model.get("kind") if isinstance(model, dict) else None
        # Without a usable kind the first is assumed, AVB, whose validation then names what is wrong with the kind.
        sections = cls.sections_of_kind.get(kind if isinstance(kind, str) else None, next(iter(cls.sections_of_kind.values())))
        return dict(tree, **{key: (section, tree[key]) for key, section in zip(("model", "training"), sections) if key in tree})

    @pydantic.validator("model", "training", pre=True, check_fields=False)
    def _read_chosen_section(cls, section_and_value):
        section, value = section_and_value
        return None if value is None else section.validate(value)

    @property
    def is_importance_weighted(self):
        """Whether the loss is minus a bound of several samples of q(z|x) at once."""
        return getattr(self.training, "n_importance_samples", 1) > 1

    @property
    def kl_weight(self):
        """What KL(q(z|x) || p(z)) counts in the loss."""
        return getattr(self.training, "kl_weight", 1.0)  # a given posterior's training has none

    @property
    def kl_warm_up(self):
        """The section by which the KL divergence's weight rises at first, or None."""
        return getattr(self.training, "kl_warm_up", None)

    @property
    def has_dual(self):
        """Whether the discriminator's loss is the Fenchel dual's: minus a lower bound on a KL divergence, of any sign."""
        return getattr(self.training, "discriminator_loss", "cross_entropy") == "fenchel_dual"

    @property
    def objective(self):
        """Which of graph.objectives makes the loss."""
        return "importance_weighted" if self.is_importance_weighted else self.model.objective

    @property
    def loss(self):
        """What encoder and decoder minimise, in words."""
        if self.is_importance_weighted:
            return "minus the importance-weighted bound of %d samples" % self.training.n_importance_samples
        words = "" if self.kl_weight == 1 else ", with KL(q(z|x) || p(z)) taken %g times" % self.kl_weight
        if self.kl_warm_up is not None:
            words += ", whose KL(q(z|x) || p(z)) is warmed up from %g times over %d iterations" % (
                self.kl_warm_up.begin, self.kl_warm_up.n_iterations)
        return self.model.loss + words

    @property
    def method(self):
        """What pages call it."""
        return self.model.method + (", importance-weighted" if self.is_importance_weighted else "") + (
            ", by the Fenchel dual" if self.has_dual else "")

    def tree(self, with_defaults=False):
        """Return it as nested dicts, of a Python file a digest; without what is as the sections' defaults have it, or whole."""
        return self.whole() if with_defaults else self.dict(exclude_defaults=True)


class _ImageExperiment(_Experiment):
    """A model of images. `batch_kind`: which of graph.batches makes a batch."""

    sections_of_kind = {"avb": (models.AVBModelConfig, training.AVBTrainingConfig),
                        "avb_ac": (models.AVBACModelConfig, training.AVBTrainingConfig),
                        "vae": (models.VAEModelConfig, training.VAETrainingConfig),
                        "auxiliary_vae": (models.AuxiliaryVAEModelConfig, training.WeightedTrainingConfig),
                        "sivi": (models.SIVIModelConfig, training.WeightedTrainingConfig),
                        "maximum_likelihood": (models.MaximumLikelihoodModelConfig, training.TrainingConfig)}

    data: DataConfig = key("The images that the model is trained on.", discriminator="kind")
    evaluation: Section  # its place among the keys; each of the two says which it is
    runtime: training.RuntimeConfig
    model: models.ModelConfig
    training: training.TrainingConfig

    @pydantic.validator("model")
    def _moments_are_of_two_samples(cls, model, values):
        encoder = getattr(model, "encoder", None)
        if getattr(encoder, "n_moment_samples", 0) is None and "data" in values and values["data"].batch_size < 2:
            raise error_at(cls, ("encoder", "n_moment_samples"), "must be a number if data.batch_size is 1: it has no variance")
        return model

    @pydantic.validator("model")
    def _likelihood_draws_anew(cls, model, values):
        if model.objective == "marginal_likelihood" and getattr(values.get("data"), "noise", None) == "drawn_once":
            raise error_at(cls, "kind", "must not be maximum_likelihood if data.noise is drawn_once: it draws anew")
        return model

    @pydantic.validator("training")
    def _importance_weights_draw_anew(cls, its_training, values):
        if getattr(its_training, "n_importance_samples", 1) > 1 and getattr(values.get("data"), "noise", None) == "drawn_once":
            raise error_at(cls, "n_importance_samples", "must be 1 if data.noise is drawn_once: it draws anew")
        return its_training

    @pydantic.validator("training")
    def _flow_has_no_closed_form(cls, its_training, values):
        if getattr(values.get("model"), "flow", None) and its_training.kl != "sampled":
            raise error_at(cls, "kl", "must be sampled with a flow")
        return its_training

    @pydantic.validator("training")
    def _shared_backward_takes_rows_apart(cls, its_training, values):
        discriminator = getattr(values.get("model"), "discriminator", None)
        if discriminator is not None and its_training.shared_backward and getattr(discriminator, "n_further_variables", 0):
            raise error_at(cls, "shared_backward", "must be false if the discriminator has batch normalisation")
        return its_training

    @property
    def batch_kind(self):
        return self.data.kind

    @property
    def batch_size(self):
        return self.data.batch_size


class KnownImagesExperiment(_ImageExperiment):
    """A model of a few images, each of which is known: what is measured is exact."""

    task = "known_images"
    defaults = DEFAULTS

    evaluation: training.EvaluationConfig = training.EvaluationConfig(**DEFAULTS["evaluation"])

    @pydantic.validator("model")
    def _pixels_are_on_or_off(cls, model):
        if model.likelihood.kind != "bernoulli":
            raise error_at(cls, ("likelihood", "kind"), "must be bernoulli: the known images have pixels that are on or off")
        return model


class DatasetExperiment(_ImageExperiment):
    """A model of a data set of real images, measured on its test images."""

    task = "data_set"
    defaults = DATASET_DEFAULTS

    evaluation: training.DatasetEvaluationConfig

    @pydantic.validator("model")
    def _likelihood_is_of_the_values(cls, model, values):
        if "data" in values and (model.likelihood.kind == "gaussian") != values["data"].is_real:
            raise error_at(cls, "likelihood", "must be of kind %s" % (
                "gaussian if data.binarisation is none" if values["data"].is_real else
                "bernoulli unless data.binarisation is none"))
        return model


class GivenPosteriorExperiment(_Experiment):
    """An approximation of a posterior whose density is given. `batch_kind`: which of graph.batches makes a batch."""

    task = "given_posterior"
    defaults = GIVEN_DEFAULTS
    sections_of_kind = {"avb": (models.GivenAVBModelConfig, training.GivenAVBTrainingConfig),
                        "avb_ac": (models.GivenAVBACModelConfig, training.GivenAVBTrainingConfig),
                        "gaussian": (models.GaussianModelConfig, training.GaussianTrainingConfig),
                        "sivi": (models.GivenSIVIModelConfig, training.GivenTrainingConfig)}

    problem: ProblemConfig = key("The given posterior that the model approximates.", discriminator="kind")
    evaluation: training.GivenEvaluationConfig = training.GivenEvaluationConfig(**GIVEN_DEFAULTS["evaluation"])
    runtime: training.RuntimeConfig
    model: models.ModelConfig
    training: training.TrainingConfig

    @property
    def batch_kind(self):
        return "each_x" if self.problem.x == "observed" else "joint"

    @property
    def batch_size(self):
        return self.problem.batch_size

    @property
    def python_file(self):
        return self.problem.path if self.problem.kind == "python" else None

    def tree(self, with_defaults=False):
        tree = super().tree(with_defaults)
        if self.python_file is not None:
            tree["problem"]["path"] = {"sha256": self.python_file.sha256[:12]}
        return tree

    @pydantic.validator("problem")
    def _batch_can_be_shared_out(cls, problem):
        n_shares = given_posterior(problem).n_x if problem.x == "observed" else 1
        if problem.batch_size % n_shares:
            raise error_at(cls, "batch_size", "must be a multiple of %d, the number of x" % n_shares)
        return problem

    @pydantic.validator("model")
    def _latent_dim_is_the_problems(cls, model, values):
        problem = values.get("problem")
        if problem is not None and model.latent_dim != given_posterior(problem).dim:
            name = problem.path.path if problem.kind == "python" else problem.kind
            raise error_at(cls, "latent_dim", "must be %d for %s" % (given_posterior(problem).dim, name))
        return model

    @pydantic.validator("model")
    def _moments_are_of_two_samples(cls, model, values):
        problem = values.get("problem")
        if problem is not None and model.kind == "avb_ac" and problem.batch_size < 2 * given_posterior(problem).n_x:
            raise error_at(cls, "kind", "must not be avb_ac with a problem.batch_size of one sample for each x: no variance")
        return model

    @pydantic.validator("model")
    def _model_takes_x(cls, model, values):
        problem = values.get("problem")
        if problem is None or problem.x in model.takes_x:
            return model
        if model.kind == "gaussian":
            raise error_at(cls, "encoder", "must be null if problem.x is observed, a section if it is joint")
        raise error_at(cls, "kind", "must be avb or gaussian if problem.x is joint")


EXPERIMENTS = (KnownImagesExperiment, GivenPosteriorExperiment, DatasetExperiment)
Config = Union[EXPERIMENTS]


def experiment_of(tree):
    """Return the one of EXPERIMENTS that nested dicts, as read from a file, are a config of; a class, whatever they are."""
    if "problem" in tree:
        return GivenPosteriorExperiment
    data = tree.get("data")
    return DatasetExperiment if isinstance(data, dict) and data.get("kind") in KINDS else KnownImagesExperiment


def require_config(config):
    """Raise TypeError unless this is what load_config returns."""
    if type(config) not in EXPERIMENTS:
        raise TypeError("config must be what load_config returns, not %r" % (config,))
