"""The table of five seeds in docs/results.md: trains the tutorial's config with each, two to four minutes of CPU time.

    .venv/bin/python docs/five_seeds.py
"""

import os
import sys

import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir)
sys.path.insert(0, ROOT)

from avb_tf1.config.loading import load_config
from avb_tf1.estimation.metric import N_FINAL
from avb_tf1.experiment.run import Experiment, opened_model
from avb_tf1.problems.known_images.four_images import PROBLEM
from avb_tf1.tasks.known_images.measures import classification_accuracy
from avb_tf1.tasks.registry import task_of
from avb_tf1.tasks.trained import Trained
from avb_tf1.tasks.views import sample_posterior
from avb_tf1.training import trainer

METRICS = ("generator_loss", "discriminator_loss", "classification_accuracy", "log_likelihood", "elbo", "kl_marginal_prior")


def trained(seed):
    """Train with this seed.

    Returns:
        The metrics, as in metrics.json, and the classification accuracy on 5120 fresh codes after each of the last iterations,
        [N_FINAL].
    """
    config = load_config(os.path.join(ROOT, "configs", "synthetic.yaml"), ["seed=%d" % seed])
    accuracies = []
    with opened_model(Experiment.of(config)) as (session, model):
        session.run(model.initialize)
        networks = trainer.array_functions(session, model)

        def observe(iteration, _):
            if iteration > config.training.n_iterations - N_FINAL:
                z, labels, _ = sample_posterior(networks, PROBLEM, 1280, np.random.RandomState(iteration))
                accuracies.append(classification_accuracy(networks, PROBLEM, z, labels))

        result = trainer.train(session, model, config.training, [observe])
        metrics, _ = task_of(config).measure(Trained(config, PROBLEM, networks, result.monitors))
    return metrics, np.array(accuracies)


for seed in range(5):
    metrics, accuracies = trained(seed)
    losses, final = (["%.4f" % metrics[name] for name in names] for names in (METRICS[:2], METRICS[2:]))
    print("| %d | %s |" % (seed, " | ".join(losses + ["%.4f (%.4f to %.4f)" % (
        accuracies.mean(), accuracies.min(), accuracies.max())] + final)), flush=True)
