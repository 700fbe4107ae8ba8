"""The given posteriors by the names that a config calls them."""

from avb_tf1.problems.eight_schools import EIGHT_SCHOOLS, STAN_EIGHT_SCHOOLS
from avb_tf1.problems.plane_posteriors import BANANA, DONUT, EXPLAINING_AWAY, LOGISTIC_REGRESSION

GIVEN_POSTERIORS = {
    "stan_eight_schools": STAN_EIGHT_SCHOOLS,
    "eight_schools": EIGHT_SCHOOLS,
    "explaining_away": EXPLAINING_AWAY,
    "logistic_regression": LOGISTIC_REGRESSION,
    "banana": BANANA,
    "donut": DONUT,
}
