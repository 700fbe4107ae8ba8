"""What an iteration does to the weights: optimisers, and the order in which gradients are computed and applied."""

import functools
from dataclasses import dataclass
from typing import Dict, NamedTuple, Tuple

from avb_tf1.graph import batch_norm, shared_backward
from avb_tf1.ground.tensorflow import tf, tfc


@dataclass(frozen=True)
class UpdateStep:
    """One session.run of an iteration. An iteration runs its steps in turn; each draws fresh noise.

    Attributes:
        train_op: applies the step's updates, after all of its gradients were computed, and averages the moments of the batches
            that batch normalisation saw for them.
        gradient_sum: float32 scalar, sum of all entries of the weights' gradients: not finite if one of all gradients isn't.
            A bias's gradient adds up what is a factor of its layer's weights'; to look at these, too, takes 4% longer.
        monitors: name -> float32 scalar, its value before the update; names are unique within an iteration.
        noise: the random tensors that the step draws.
    """

    train_op: tf.Operation
    gradient_sum: tf.Tensor
    monitors: Dict[str, tf.Tensor]
    noise: Tuple[tf.Tensor, ...]


class Update(NamedTuple):
    """What one optimiser does in a step; `scope` names its variables (powers of beta), `noise` is what it may draw.

    The scope begins with a network's, so that each name in a checkpoint does.
    """

    scope: str
    optimizer: tf.train.Optimizer
    loss: tf.Tensor
    variables: Tuple[tf.Variable, ...]
    noise: Tuple[tf.Tensor, ...]
    monitors: Dict[str, tf.Tensor]


NO_ITERATION = {"steps": (), "gradient_slots": {}, "learning_rate_factor": None}  # of a graph that isn't trained


def iteration(parts, objective, variables):
    """Return a ModelGraph's steps, gradient_slots and learning_rate_factor, a dict, by a config's training section.

    graph_replace can't be used any more after it.

    Args:
        parts: objectives.Parts; their divergence's loss, if it has one, is minimised by the variables in "discriminator".
        objective: objectives.Objective, whose loss all other variables minimise.
        variables: scope -> its trainable variables, as of builder.variables_by_scope.
    """
    training, kl = parts.config.training, parts.divergence
    factor = None if training.linear_decay is None else tf.placeholder(tf.float32, [], "learning_rate_factor")
    of_generator = {scope: variables[scope] for scope in variables if scope != "discriminator"}
    generator = Update(
        "%s/%s" % (next(iter(of_generator)), training.generator.optimizer), generator_optimizer(training, factor, of_generator),
        training.generator_loss_scale * objective.loss, sum(of_generator.values(), ()), parts.noise.tensors,
        dict({"generator_loss": objective.loss}, **objective.monitors))
    its_updates = (generator,)
    if kl is None or kl.loss is None:
        its_steps = (step(generator),)
    else:
        shared = training.discriminator.optimizer == "shared"
        discriminator = Update(
            "discriminator/" + training.discriminator.optimizer,
            generator.optimizer if shared else optimizer(training.discriminator, factor),
            kl.loss, variables["discriminator"], parts.noise.tensors, {"discriminator_loss": kl.loss})
        of_both = separate_gradients
        if training.shared_backward:
            of_both = functools.partial(shared_backward.gradients, logits=kl.logits_posterior)
        its_steps = steps(training.update, generator, discriminator, training.n_discriminator_updates, of_both)
        its_updates += (discriminator,)
    slots = {variable.op.name: update.optimizer.get_slot(variable, update.optimizer.get_slot_names()[0])
             for update in its_updates for variable in update.variables}
    return {"steps": its_steps, "gradient_slots": slots, "learning_rate_factor": factor}


def optimizer(config, factor):
    """Return the optimiser of a config section, its rate multiplied by `factor`, a scalar tensor or None."""
    rate = config.learning_rate if factor is None else config.learning_rate * factor
    if config.optimizer == "rmsprop":
        return _RMSProp(rate, decay=config.decay, epsilon=config.epsilon)
    return tf.train.AdamOptimizer(rate, beta1=config.beta1, beta2=config.beta2, epsilon=config.epsilon)


def generator_optimizer(training, factor, variables):
    """Return the optimiser of encoder and decoder, whose rates may differ; `variables` are theirs, by scope."""
    if training.decoder_learning_rate is None:
        return optimizer(training.generator, factor)
    of_decoder = training.generator.copy(update={"learning_rate": training.decoder_learning_rate})
    return _ByNetwork([(optimizer(of_decoder if scope == "decoder" else training.generator, factor), variables[scope])
                       for scope in variables])


class _ByNetwork:
    """What the code here needs of a tf.train.Optimizer, done by one optimiser for each of some groups of variables."""

    def __init__(self, groups):
        self._groups = groups
        self.get_slot_names = groups[0][0].get_slot_names

    def apply_gradients(self, pairs):
        gradients = {variable: gradient for gradient, variable in pairs}
        return tf.group(*[optimizer.apply_gradients([(gradients[variable], variable) for variable in variables])
                          for optimizer, variables in self._groups])

    def get_slot(self, variable, name):
        return next(optimizer.get_slot(variable, name) for optimizer, variables in self._groups if variable in variables)


class _RMSProp(tf.train.RMSPropOptimizer):
    """TensorFlow's, but with a mean square that starts at 0, as in Keras, instead of 1."""

    def _create_slots(self, var_list):
        for variable in var_list:
            self._zeros_slot(variable, "rms", self._name)
        super()._create_slots(var_list)


def separate_gradients(*updates):
    """Return the gradients of each Update's loss with regard to its variables, a list of float32 tensors for each Update."""
    return [tf.gradients(update.loss, update.variables, gate_gradients=True) for update in updates]


def steps(order, generator, discriminator, n_discriminator_updates, of_both=separate_gradients):
    """Return an iteration's UpdateSteps.

    Args:
        order: "simultaneous", the generator's and the first discriminator update in one step; "generator_first" or
            "discriminator_first", each update in a step of its own.
        generator, discriminator: Update. The discriminator's monitors are those of its first update.
        n_discriminator_updates: int, at least 1.
        of_both: the function that gives the gradients of both Updates where they are in one step.
    """
    first = {"simultaneous": [(generator, discriminator)], "generator_first": [(generator,), (discriminator,)],
             "discriminator_first": [(discriminator,)]}[order]
    its_steps = [step(*its_updates, gradients=separate_gradients if len(its_updates) == 1 else of_both)
                 for its_updates in first]
    if n_discriminator_updates > 1:
        its_steps += [step(discriminator._replace(monitors={}))] * (n_discriminator_updates - 1)
    if order == "discriminator_first":
        its_steps.append(step(generator))
    return tuple(its_steps)


def step(*updates, gradients=separate_gradients):
    """Return the UpdateStep that computes the gradients of all updates, and only then applies them.

    Without that order an update could change weights that a gradient or a loss is still being computed from: they would then
    depend on how the threads happen to run. For the same reason updates by one optimiser are applied in turn.

    Args:
        updates: Updates.
        gradients: function of them that returns the gradients of each.
    """
    computed = [list(zip(of_update, update.variables)) for update, of_update in zip(updates, gradients(*updates))]
    all_gradients = [gradient for pairs in computed for gradient, _ in pairs]
    monitors = {name: tensor for update in updates for name, tensor in update.monitors.items()}
    applied = []
    for update, pairs in zip(updates, computed):
        earlier = [op for op, other in zip(applied, updates) if other.optimizer is update.optimizer]
        # The name scope is absolute, whatever scope this is called in.
        with tf.control_dependencies(all_gradients + list(monitors.values()) + earlier), tf.name_scope(update.scope + "/"):
            applied.append(update.optimizer.apply_gradients(pairs))
    of_weights = [gradient for gradient in all_gradients if gradient.shape.ndims > 1] or all_gradients
    train_op = tf.group(*applied, *batch_norm.average(all_gradients))
    gradient_sum = tf.add_n([tf.reduce_sum(gradient) for gradient in of_weights])
    needed = tfc.graph_editor.get_backward_walk_ops([train_op, gradient_sum.op], control_inputs=True)
    noise = {tensor: None for update in updates for tensor in update.noise if tensor.op in needed}
    return UpdateStep(train_op, gradient_sum, monitors, tuple(noise))
