"""The problems that a config can name, and which one it is about."""

from avb_tf1.problems import four_images
from avb_tf1.problems.given_posteriors import GIVEN_POSTERIORS

__all__ = ["GIVEN_POSTERIORS", "IMAGE_PROBLEMS", "problem_of"]

# By what data.images calls them.
IMAGE_PROBLEMS = {"four_images": four_images.PROBLEM}


def problem_of(config):
    """Return the ImageProblem or the GivenPosterior of a config."""
    if config.model.is_of_images:
        return IMAGE_PROBLEMS[config.data.images]
    return GIVEN_POSTERIORS[config.problem.kind]
