"""The problems that a config can name, and which one it is about."""

import dataclasses

from avb_tf1.problems.data_set.datasets import dataset_of
from avb_tf1.problems.given_posterior import python_posterior
from avb_tf1.problems.given_posterior.eight_schools import EIGHT_SCHOOLS, STAN_EIGHT_SCHOOLS
from avb_tf1.problems.given_posterior.plane_posteriors import BANANA, DONUT, EXPLAINING_AWAY, LOGISTIC_REGRESSION, STAN_GAUSS
from avb_tf1.problems.known_images import four_images

# By what data.images calls them.
IMAGE_PROBLEMS = {"four_images": four_images.PROBLEM}
# By what problem.kind calls them.
GIVEN_POSTERIORS = {
    "stan_eight_schools": STAN_EIGHT_SCHOOLS,
    "eight_schools": EIGHT_SCHOOLS,
    "explaining_away": EXPLAINING_AWAY,
    "logistic_regression": LOGISTIC_REGRESSION,
    "stan_gauss": STAN_GAUSS,
    "banana": BANANA,
    "donut": DONUT,
}


def problem_of(config):
    """Return the ImageProblem, the ImageDataset or the GivenPosterior of a config; raises InputError as dataset_of."""
    return _PROBLEM_OF[config.task](config)


def given_posterior(section):
    """Return the GivenPosterior that a config's problem section names; raises python_file.ModelError if it is a bad file's."""
    if section.kind == "python":
        return python_posterior.load(section.path.source, section.path.path)
    problem = GIVEN_POSTERIORS[section.kind]
    return dataclasses.replace(problem, is_amortised=True) if section.x == "joint" else problem


# By a config's task.
_PROBLEM_OF = {
    "known_images": lambda config: IMAGE_PROBLEMS[config.data.images],
    "given_posterior": lambda config: given_posterior(config.problem),
    "data_set": lambda config: dataset_of(config.data),
}
