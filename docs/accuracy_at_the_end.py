"""Classification accuracy after each of the last 200 iterations of the tutorial's config, for the table in README.

    .venv/bin/python docs/accuracy_at_the_end.py
"""

import os
import sys

import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir)
sys.path.insert(0, ROOT)

from avb_tf1 import evaluation, experiment, trainer
from avb_tf1.config import load_config

N_LAST = 200


def accuracies(seed):
    """Train with this seed; return the accuracy on 5120 fresh latents after each of the last iterations, [N_LAST]."""
    config = load_config(os.path.join(ROOT, "configs", "synthetic.yaml"), ["seed=%d" % seed])
    found = []
    with experiment.opened_model(config) as (session, model):
        session.run(model.initialize)
        networks = trainer.array_functions(session, model)

        def observe(iteration, _):
            if iteration > config.training.n_iterations - N_LAST:
                z, labels = evaluation.sample_posterior(networks, 1280, np.random.RandomState(iteration))
                found.append(evaluation.classification_accuracy(networks, z, labels))

        trainer.train(session, model, config.training, [observe])
    return np.array(found)


for seed in range(5):
    values = accuracies(seed)
    print("seed %d: mean %.4f, min %.4f, max %.4f" % (seed, values.mean(), values.min(), values.max()), flush=True)
