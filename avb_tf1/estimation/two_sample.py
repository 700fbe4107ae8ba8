"""Whether two samples can be told apart: the accuracy of a classifier that is trained to (Lopez-Paz and Oquab 2017)."""

import numpy as np

from avb_tf1.ground.threads import one_openmp_thread

_N_FOLDS = 5
_N_TREES, _N_LEAVES = 60, 8


def classifier_accuracy(first, second, random_state):
    """Return the share of samples that gradient-boosted trees assign rightly, and its standard error, floats.

    By cross-validation: each fifth is judged by what was learned from the others. Two samples of one distribution have 1/2 but
    for that error; samples that never overlap have 1. It is a lower bound, on average, on what the best classifier would reach,
    (1 + total variation distance) / 2. Trees see what shows in single coordinates sooner than what hides in many.

    Args:
        first, second: [n, k] each, as many.
        random_state: numpy RandomState, which the fifths are chosen with.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # here: it takes a second
    from sklearn.ensemble._hist_gradient_boosting import _gradient_boosting
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    values, labels = np.concatenate([first, second]), np.repeat([0, 1], [len(first), len(second)])
    folds = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=random_state.randint(2**31 - 1))
    trees = HistGradientBoostingClassifier(max_iter=_N_TREES, max_leaf_nodes=_N_LEAVES, early_stopping=False, random_state=0)
    with one_openmp_thread(_gradient_boosting.__file__):  # more threads wait for each other, where others work, too
        accuracy = float(np.mean(cross_val_predict(trees, values, labels, cv=folds) == labels))
    return accuracy, float(np.sqrt(accuracy * (1 - accuracy) / len(labels)))
