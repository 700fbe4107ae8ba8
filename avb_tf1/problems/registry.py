"""The problems that a config can name, and which one it is about."""

from avb_tf1.problems import four_images, python_posterior
from avb_tf1.problems.given_posteriors import GIVEN_POSTERIORS
from avb_tf1.problems.image_datasets import dataset_of

__all__ = ["GIVEN_POSTERIORS", "IMAGE_PROBLEMS", "given_posterior", "problem_of"]

# By what data.images calls them.
IMAGE_PROBLEMS = {"four_images": four_images.PROBLEM}


def problem_of(config):
    """Return the ImageProblem, the ImageDataset or the GivenPosterior of a config; raises InputError as dataset_of."""
    if config.is_of_dataset:
        return dataset_of(config.data)
    if config.model.is_of_images:
        return IMAGE_PROBLEMS[config.data.images]
    return given_posterior(config.problem)


def given_posterior(section):
    """Return the GivenPosterior that a config's problem section names; raises python_file.ModelError if it is a bad file's."""
    if section.kind == "python":
        return python_posterior.load(section.path.source, section.path.path)
    return GIVEN_POSTERIORS[section.kind]
