"""graph_replace: a network once more on the same weights, for another input (tutorial, "Discriminator")."""

from avb_tf1.graph import batch_norm
from avb_tf1.ground.tensorflow import tf, tfc


def on_other_input(tensor, old, new):
    """Return what `tensor` is with `new` in the place of `old`: the operations between them are copied, their variables aren't.

    `tensor` is one, or tensors in a structure, such as a tuple. `old`, which all of them are made from, and `new` are of one
    shape and type. It has to come before any gradient is taken, since it would copy those operations too. Raises ValueError if
    no tensor is made from `old`, AssertionError if the copy has variables of its own.
    """
    n_variables, moments = len(tf.global_variables()), batch_norm.between(old, tensor)
    result, *copied = tfc.graph_editor.graph_replace(
        [tensor, *(value for own in moments for value in (own.mean, own.variance))], {old: new})
    assert len(tf.global_variables()) == n_variables, "graph_replace made new variables"
    batch_norm.record(own._replace(mean=mean, variance=variance)
                      for own, mean, variance in zip(moments, copied[::2], copied[1::2]))
    return result
