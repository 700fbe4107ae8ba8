"""What an iteration does to the weights: optimisers, and the order in which gradients are computed and applied."""

from dataclasses import dataclass
from typing import Dict, NamedTuple, Tuple

from avb_tf1.quiet_tensorflow import tf


@dataclass(frozen=True)
class UpdateStep:
    """One session.run of an iteration. An iteration runs its steps in turn; each draws fresh noise.

    Attributes:
        train_op: applies the step's updates, after all of its gradients were computed.
        gradient_sum: float32 scalar, the sum of all entries of these gradients: not finite if one of them isn't.
        monitors: name -> float32 scalar, its value before the update; names are unique within an iteration.
        noise: the random tensors that the step draws.
    """

    train_op: tf.Operation
    gradient_sum: tf.Tensor
    monitors: Dict[str, tf.Tensor]
    noise: Tuple[tf.Tensor, ...]


class Update(NamedTuple):
    """What one optimiser does in a step; `scope` names its own variables (powers of beta), `noise` is what the loss draws.

    The scope begins with a network's, so that each name in a checkpoint does.
    """

    scope: str
    optimizer: tf.train.Optimizer
    loss: tf.Tensor
    variables: Tuple[tf.Variable, ...]
    noise: Tuple[tf.Tensor, ...]
    monitors: Dict[str, tf.Tensor]


def learning_rate_factor(training):
    """The placeholder that multiplies the learning rates, or None if they are constant."""
    if training.linear_decay is None:
        return None
    return tf.placeholder(tf.float32, [], "learning_rate_factor")


def adam(config, factor):
    rate = config.learning_rate if factor is None else config.learning_rate * factor
    return tf.train.AdamOptimizer(rate, beta1=config.beta1, beta2=config.beta2, epsilon=config.epsilon)


def step(*updates):
    """Return the UpdateStep that computes the gradients of all updates, and only then applies them.

    Without that order an update could change weights that a gradient or a loss is still being computed from: they would then
    depend on how the threads happen to run.
    """
    computed = [update.optimizer.compute_gradients(update.loss, update.variables) for update in updates]
    gradients = [gradient for pairs in computed for gradient, _ in pairs]
    monitors = {name: tensor for update in updates for name, tensor in update.monitors.items()}
    applied, noise = [], ()
    with tf.control_dependencies(gradients + list(monitors.values())):
        for update, pairs in zip(updates, computed):
            with tf.name_scope(update.scope + "/"):  # absolute, whatever scope this is called in
                applied.append(update.optimizer.apply_gradients(pairs))
            noise += tuple(tensor for tensor in update.noise if tensor not in noise)
    return UpdateStep(tf.group(*applied), tf.add_n([tf.reduce_sum(gradient) for gradient in gradients]), monitors, noise)


def gradient_slots(*updates):
    """Variable name -> the optimiser's running mean of its gradient."""
    return {variable.op.name: update.optimizer.get_slot(variable, "m")
            for update in updates for variable in update.variables}
