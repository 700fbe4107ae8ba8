"""One backward pass through the discriminator on the encoder's samples, for the generator's gradients and for its own.

Both losses depend on T(x, z) at the samples of q(z|x), each with a factor of its own for each row: the generator's mean of T
has the same for all rows, the discriminator's cross-entropy minus the sigmoid of -T, the Fenchel dual -1. T treats each row on
its own, so what flows back through its layers for one loss is, row by row, a multiple of what flows back for the other. The
generator's is computed as ever; the discriminator's weights get its multiple, layer by layer, where they enter.
"""

from avb_tf1.ground.tensorflow import tf, tfc


def gradients(generator, discriminator, logits):
    """Return the gradients of two updates.Updates that see the same samples, a list of float32 tensors for each.

    Args:
        generator, discriminator: updates.Update; their losses' gradients with regard to their variables are what is returned.
        logits: float32 [batch, 1], T at the encoder's samples, the only thing that the generator's variables and the
            discriminator's meet in. T's layers must treat each row on its own, and each row's T must count in the generator's
            loss: the discriminator's gradient has it as a divisor.
    """
    entries = _entries(generator.variables, discriminator.variables, logits)
    n_variables = len(generator.variables)
    of_generator = tf.gradients(generator.loss, [*generator.variables, *(op.outputs[0] for op, _ in entries)])
    own_factor, factor = (tf.gradients(loss, logits)[0] for loss in (discriminator.loss, generator.loss))
    multiple = own_factor / factor
    entering, of_entering = [], []
    for (op, inputs), flowing in zip(entries, of_generator[n_variables:]):
        of_rows = flowing * tf.reshape(multiple, [-1] + [1] * (flowing.shape.ndims - 1))
        entering += inputs
        of_entering += tf.gradients(
            op.outputs[0], inputs, of_rows, stop_gradients=[tensor for tensor in op.inputs if tensor not in inputs])
    # What enters is a weight, or what a network made of x alone; the samples of the prior come on top.
    of_discriminator = tf.gradients(
        [discriminator.loss, *entering], discriminator.variables, [None, *of_entering], stop_gradients=[logits])
    return of_generator[:n_variables], of_discriminator


def _entries(generator_variables, discriminator_variables, logits):
    """Where the discriminator's variables come into what `logits` is made of.

    (operation on the way from the generator's variables, its inputs that depend on the discriminator's variables alone), in the
    order in which the operations were made.
    """
    def on_the_way_from(variables):
        return set(tfc.graph_editor.get_walks_intersection_ops([variable.op for variable in variables], [logits.op]))

    on_way = on_the_way_from(generator_variables)
    own, found = on_the_way_from(discriminator_variables) - on_way, []
    for op in logits.graph.get_operations():
        inputs = [tensor for tensor in op.inputs if tensor.op in own] if op in on_way else ()
        if inputs:
            assert len(op.outputs) == 1, "%s has several outputs" % op.name
            found.append((op, inputs))
    return found
