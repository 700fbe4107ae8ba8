"""Run the update ops of a graph in a Session (tutorial, "Training")."""

import time
from dataclasses import dataclass
from typing import Dict

import numpy as np

from avb_tf1.evaluation import Networks


@dataclass(frozen=True)
class TrainingResult:
    """What training leaves behind besides the session's weights.

    Attributes:
        monitors: name -> float32 [n_iterations], each value taken before its iteration's update: "generator_loss",
            "reconstruction_log_likelihood" and, by the model, "discriminator_loss", "kl_discriminator" or
            "kl_posterior_prior"; nats per example.
        seconds: wall time of the loop.
    """

    monitors: Dict[str, np.ndarray]
    seconds: float


def train(session, model, training, observers):
    """Train for training.n_iterations iterations.

    Args:
        session: tf.Session on model.graph, its variables initialised.
        model: ModelGraph.
        training: the config's training section.
        observers: functions called after each iteration with its number, from 1, and a dict of its monitors (floats).

    Returns:
        TrainingResult.

    Raises:
        FloatingPointError: a monitor became NaN or infinite; names it and the iteration.
    """
    feed_list = [] if model.learning_rate_factor is None else [model.learning_rate_factor]
    # make_callable does once what session.run does on each call: parse the fetches and find the pruned graph.
    steps = [session.make_callable([step.train_op] + list(step.monitors.values()), feed_list) for step in model.steps]
    names = [name for step in model.steps for name in step.monitors]
    history = np.zeros([len(names), training.n_iterations], np.float32)
    start = time.perf_counter()
    for iteration in range(1, training.n_iterations + 1):
        feeds = [learning_rate_factor(iteration, training)] if feed_list else []
        values = [value for step in steps for value in step(*feeds)[1:]]
        history[:, iteration - 1] = values
        if not np.isfinite(values).all():
            bad = next(name for name, value in zip(names, values) if not np.isfinite(value))
            raise FloatingPointError("%s is not finite at iteration %d" % (bad, iteration))
        for observe in observers:
            observe(iteration, dict(zip(names, values)))
    return TrainingResult(dict(zip(names, history)), time.perf_counter() - start)


def learning_rate_factor(iteration, training):
    """Return what the learning rates are multiplied by in an iteration (counted from 1), a float in [0, 1].

    1 until the fraction `begin` of the run, then linear down to `end_factor` at the last iteration.
    """
    decay = training.linear_decay
    progress = iteration / training.n_iterations
    if decay is None or progress <= decay.begin:
        return 1.0
    return 1.0 - (1.0 - decay.end_factor) * (progress - decay.begin) / (1.0 - decay.begin)


def array_functions(session, model):
    """Return the trained networks as functions of arrays (evaluation.Networks), run in `session`."""
    ends = model.endpoints
    return Networks(
        latent_dim=ends.z.shape[1].value,
        noise_dim=ends.eps.shape[1].value,
        encode=session.make_callable(ends.z_posterior, [ends.x, ends.eps]),
        decode=session.make_callable(ends.probabilities, [ends.z]),
        discriminate=(None if ends.discriminator_logits is None else
                      session.make_callable(ends.discriminator_logits, [ends.x, ends.z])),
        posterior_parameters=(None if ends.mean is None else
                              session.make_callable([ends.mean, ends.log_variance], [ends.x])))
