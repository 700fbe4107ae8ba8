"""Run the update ops of a graph in a Session (tutorial, "Training")."""

import dataclasses
import time
from dataclasses import dataclass
from typing import Dict

import numpy as np

from avb_tf1.estimation.likelihoods import LIKELIHOODS
from avb_tf1.estimation.trained_networks import Networks
from avb_tf1.ground.errors import OneLineError


class DivergenceError(OneLineError):
    """A loss or a gradient became NaN or infinite."""


@dataclass(frozen=True)
class TrainingResult:
    """What training leaves behind besides the session's weights.

    Attributes:
        monitors: name -> float32 [n_iterations], nats, batch means, each taken before the update of its own network:
            "generator_loss" and, by the objective, "reconstruction_log_likelihood", "kl_discriminator" or
            "kl_posterior_prior"; with a discriminator "discriminator_loss".
        seconds: wall time of the loop.
        cpu_seconds: CPU time of the process in the loop, of all threads.
        n_trained: int, iterations that this call ran.
    """

    monitors: Dict[str, np.ndarray]
    seconds: float
    cpu_seconds: float
    n_trained: int


def train(session, model, training, observers, done=None, save=None, is_stop_requested=lambda: False):
    """Train up to training.n_iterations iterations; return a TrainingResult, with fewer monitors if a stop was requested.

    Args:
        session: tf.Session on the graph of the ModelGraph `model`, its variables initialised or restored.
        training: the config's training section.
        observers: functions called after each iteration with its number, from 1, and a dict of its monitors (floats).
        done: None, or the monitors (name -> [n_done]) of the iterations that the session's weights have behind them; the
            session must be new then, its noise not yet drawn from.
        save: None, or a function that saves a checkpoint; called with the TrainingResult so far every
            training.checkpoint_every iterations, at the end, and before a stop.
        is_stop_requested: function; once it returns true, training ends after the iteration.

    Raises DivergenceError if a loss or a gradient became NaN or infinite; names it and the iteration.
    """
    batch = model.parts.batch
    values_of_inputs = {
        model.learning_rate_factor: lambda iteration: learning_rate_factor(iteration, training),
        model.objective.kl_factor: lambda iteration: kl_factor(iteration, training.kl_warm_up),
        batch.iteration: lambda iteration: iteration}
    if batch.of_iteration is not None:
        values_of_inputs[batch.x] = batch.of_iteration
    values_of_inputs.pop(None, None)
    # make_callable does once what session.run does on each call: parse the fetches and find the pruned graph.
    steps = [session.make_callable([step.train_op, step.gradient_sum] + list(step.monitors.values()),
                                   list(values_of_inputs))
             for step in model.steps]
    names = [name for step in model.steps for name in step.monitors]
    history = np.zeros([len(names), training.n_iterations], np.float32)
    n_done = 0
    if done is not None:
        n_done = len(done[names[0]])
        history[:, :n_done] = [done[name] for name in names]
        if n_done < training.n_iterations:
            _skip_noise(session, model, n_done)

    def result():
        return TrainingResult(dict(zip(names, history[:, :iteration])), time.perf_counter() - start,
                              time.process_time() - cpu_start, iteration - n_done)

    start, cpu_start = time.perf_counter(), time.process_time()
    iteration = n_done
    for iteration in range(n_done + 1, training.n_iterations + 1):
        feeds = [value(iteration) for value in values_of_inputs.values()]
        results = [step(*feeds) for step in steps]
        values = [value for result in results for value in result[2:]]
        if not np.isfinite(values + [result[1] for result in results]).all():
            raise DivergenceError(_describe_divergence(session, model, iteration, dict(zip(names, values))))
        history[:, iteration - 1] = values
        for observe in observers:
            observe(iteration, dict(zip(names, values)))
        stop = is_stop_requested()
        if save is not None and (iteration % training.checkpoint_every == 0 or iteration == training.n_iterations or stop):
            save(result())
        if stop:
            break
    return result()


def learning_rate_factor(iteration, training):
    """Return what the learning rates are multiplied by in an iteration (counted from 1), a float in [0, 1].

    1 until the fraction `begin` of the run, then linear down to `end_factor` at the last iteration.
    """
    decay = training.linear_decay
    progress = iteration / training.n_iterations
    if decay is None or progress <= decay.begin:
        return 1.0
    return 1.0 - (1.0 - decay.end_factor) * (progress - decay.begin) / (1.0 - decay.begin)


def kl_factor(iteration, warm_up):
    """Return what the KL divergence is taken times in an iteration (counted from 1), a float in [0, 1], by training.kl_warm_up.

    `begin` in the first, then linear up to 1 in the one after `n_iterations`: LMescheder's step over anneal_steps.
    """
    return min(1.0, warm_up.begin + (1.0 - warm_up.begin) * (iteration - 1) / warm_up.n_iterations)


def array_functions(session, model):
    """Return the trained networks of a ModelGraph as functions of arrays (trained_networks.Networks), run in `session`."""
    functions = {name: session.make_callable(output, inputs) for name, (output, inputs) in model.endpoints.items()}
    config = model.parts.config.model
    is_bound = getattr(config, "density_is_bound", False)
    kind = LIKELIHOODS.get(config.likelihood.kind)
    likelihood = kind and kind(**{field.name: functions.pop(field.name, None) for field in dataclasses.fields(kind)})
    return Networks(config.latent_dim, config.noise_dim, likelihood=likelihood, density_is_bound=is_bound, **functions)


def _skip_noise(session, model, n_iterations):
    """Draw and drop the noise of iterations that are done: a random op's position in its stream is in no checkpoint."""
    draws = [session.make_callable([tensor.op for tensor in step.noise]) for step in model.steps if step.noise]
    for _ in range(n_iterations):
        for draw in draws:
            draw()


def _describe_divergence(session, model, iteration, monitors):
    what = [name for name, value in monitors.items() if not np.isfinite(value)]
    # The update has been applied: the optimiser's slot holds what was wrong with the gradient.
    what = what or ["the gradient of " + name for name, slot in model.gradient_slots.items()
                    if not np.isfinite(session.run(slot)).all()] or ["a gradient"]
    has_margin = "probabilities" in model.endpoints and "logits" not in model.endpoints
    return ("%s is not finite at iteration %d; a lower learning_rate in the config's training section%s may help" % (
        what[0], iteration, " or a larger model.decoder.probability_margin" if has_margin else ""))
