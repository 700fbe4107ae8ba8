"""What a built graph offers to the trainer and to the evaluation: its tensors and ops, by name."""

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from avb_tf1.graph.objectives import Objective, Parts
from avb_tf1.graph.updates import UpdateStep
from avb_tf1.ground.tensorflow import tf


@dataclass(frozen=True)
class ModelGraph:
    """What the trainer and the evaluation need of a finalized graph, whichever the model. All tensors are float32.

    Attributes:
        graph: the tf.Graph.
        parts: Parts of the training graph; a fed batch.x is fed with the same array in all steps of an iteration, as is
            batch.iteration.
        objective: Objective, which all networks but the discriminator minimise.
        variables: scope -> its trainable variables; the scopes are "encoder", "flow", "auxiliary", "reverse", "decoder" and
            "discriminator", as far as the model has them.
        steps: the UpdateSteps of one iteration.
        gradient_slots: variable name -> a slot of its optimiser's that is not finite once a gradient was not.
        learning_rate_factor: scalar placeholder to feed in each step, or None if the rates are constant.
        endpoints: the trained networks on any number of inputs, for evaluation, on the same weights: the name of a function of
            trained_networks.Networks, or of its likelihood, -> what it returns, tensors in any structure, and its arguments, a
            list of placeholders; what the model hasn't is left out.
        initialize: op that draws all initial weights.
        saver: tf.train.Saver of all variables.
    """

    graph: tf.Graph
    parts: Parts
    objective: Objective
    variables: Dict[str, Tuple[tf.Variable, ...]]
    steps: Tuple[UpdateStep, ...]
    gradient_slots: Dict[str, tf.Variable]
    learning_rate_factor: Optional[tf.Tensor]
    endpoints: Dict[str, Tuple[Any, List[tf.Tensor]]]
    initialize: tf.Operation
    saver: tf.train.Saver
