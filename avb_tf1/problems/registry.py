"""The problems that a config can name, and which one it is about."""

from avb_tf1.problems import four_images
from avb_tf1.problems.given_posteriors import GIVEN_POSTERIORS
from avb_tf1.problems.image_datasets import dataset_of

__all__ = ["GIVEN_POSTERIORS", "IMAGE_PROBLEMS", "problem_of"]

# By what data.images calls them.
IMAGE_PROBLEMS = {"four_images": four_images.PROBLEM}


def problem_of(config):
    """Return the ImageProblem, the ImageDataset or the GivenPosterior of a config; raises InputError as dataset_of."""
    if config.is_of_dataset:
        return dataset_of(config.data)
    if config.model.is_of_images:
        return IMAGE_PROBLEMS[config.data.images]
    return GIVEN_POSTERIORS[config.problem.kind]
