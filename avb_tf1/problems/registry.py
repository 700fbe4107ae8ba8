"""Which problem a config is about."""

from avb_tf1.problems import four_images


def problem_of(config):
    """Return the ImageProblem of a config; today that is the same for all."""
    return four_images.PROBLEM
