"""The problems that a config can name, and which one it is about."""

from avb_tf1.problems import four_images

# By what data.images calls them.
IMAGE_PROBLEMS = {"four_images": four_images.PROBLEM}


def problem_of(config):
    """Return the ImageProblem of a config."""
    return IMAGE_PROBLEMS[config.data.images]
