"""The gradients of one backward pass for both losses beside those of a pass for each."""

import numpy as np
import posterior_configs
import pytest
from helpers import ALL_PAIRS, DUAL, INNER_PRODUCT, recipe, slow, small
from trainings import trained

from avb_tf1.config.loading import load_config
from avb_tf1.graph import shared_backward, updates
from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.errors import InputError
from avb_tf1.ground.tensorflow import open_session, tf

SHARED = "training.shared_backward=true"
RESIDUAL = ("model.discriminator={kind: residual, center_input: false, n_blocks: 2, n_units: 8, activation: tanh, "
            "block_activation: relu, squared_norm_factor: 0.5}")
SUM = "model.discriminator={kind: sum, center_input: true, n_hidden_layers: 2, n_units: [5, 7], activation: leaky_relu}"
BASIS = "model.encoder.basis={n_vectors: 2, noise_dim: 2, n_hidden_layers: 1, n_units: 4, activation: relu}"
SIMULTANEOUS = "training.update=simultaneous"
CONFIGS = {
    "concat": lambda: small(SHARED),
    "inner_product": lambda: small(SHARED, *INNER_PRODUCT),
    "offset_inner_product": lambda: small(SHARED, ALL_PAIRS[0].replace("all_pairs: true", "all_pairs: false")),
    "all_pairs": lambda: small(SHARED, *ALL_PAIRS),
    "residual": lambda: small(SHARED, RESIDUAL),
    "sum": lambda: small(SHARED, SUM),
    "several updates": lambda: small(SHARED, "training.n_discriminator_updates=3", "training.generator_loss_scale=2"),
    "plain gradients of layers": lambda: small(
        SHARED, "runtime.product_relu_gradient=false", "runtime.narrow_weight_gradient=false"),
    "adaptive contrast": lambda: recipe(
        "gdikov_avb_ac", SHARED, SIMULTANEOUS, BASIS, "model.encoder.gradient_through_moments=false"),
    "gradient through moments": lambda: recipe(
        "gdikov_avb_ac", SHARED, SIMULTANEOUS, BASIS, "model.encoder.gradient_through_moments=true"),
    "noise drawn once": lambda: recipe("kumada_avb", SHARED, SIMULTANEOUS),
    "moments of the batch": lambda: recipe(
        "gdikov_avb_ac", SHARED, SIMULTANEOUS, BASIS, "model.encoder.n_moment_samples=null"),
    "given posterior": lambda: posterior_configs.avb(SHARED),
    "given posterior, adaptive contrast": lambda: posterior_configs.avb_ac(SHARED, SIMULTANEOUS),
    "known density": lambda: posterior_configs.avb(SHARED, "model.known_density=true"),
    "known density, adaptive contrast": lambda: posterior_configs.avb_ac(
        SHARED, SIMULTANEOUS, "model.known_density=true"),
    "Fenchel dual": lambda: small(SHARED, *DUAL),
    "Fenchel dual of all pairs": lambda: small(SHARED, *DUAL, *ALL_PAIRS),
    "Fenchel dual, adaptive contrast": lambda: posterior_configs.avb_ac(SHARED, SIMULTANEOUS, *DUAL),
}


def in_double(graph):
    """The tf.Graph once more, with float64 in the place of float32."""
    definition, single = graph.as_graph_def(), tf.float32.as_datatype_enum
    for node in definition.node:
        for value in node.attr.values():
            if value.type == single:
                value.type = tf.float64.as_datatype_enum
            elif value.HasField("list"):
                value.list.type[:] = [tf.float64.as_datatype_enum if own == single else own for own in value.list.type]
            elif value.HasField("tensor") and value.tensor.dtype == single:
                value.tensor.CopyFrom(tf.make_tensor_proto(tf.make_ndarray(value.tensor).astype(np.float64)))
    double = tf.Graph()
    with double.as_default():
        tf.import_graph_def(definition, name="")
    return double


def gradients_of(config, monkeypatch, is_double):
    """The gradients of generator and discriminator, by one pass and by separate ones, in one run on random weights."""
    found, of_both = {}, shared_backward.gradients

    def both_ways(generator, discriminator, logits):
        found["shared"] = of_both(generator, discriminator, logits)
        found["separate"] = updates.separate_gradients(generator, discriminator)
        return found["shared"]

    monkeypatch.setattr(shared_backward, "gradients", both_ways)
    model = build_graph(config)
    graph = in_double(model.graph) if is_double else model.graph
    random_state = np.random.RandomState(0)
    with graph.as_default(), tf.Session() as session:
        weights = {}
        for variable in (variable for variables in model.variables.values() for variable in variables):
            shape = variable.shape.as_list()
            weights[graph.get_operation_by_name(variable.op.name + "/Assign")] = (
                random_state.standard_normal(shape) / np.sqrt(shape[0] if len(shape) > 1 else 1))
        session.run(list(weights), {op.inputs[1]: value for op, value in weights.items()})
        names = {way: [[tensor.name for tensor in own] for own in both] for way, both in found.items()}
        batch, feeds = model.parts.batch, {}
        if batch.iteration is not None:
            feeds[batch.iteration.name] = 1
        return session.run(names, feeds)


def largest_difference(gradients):
    """Of one pass from separate ones, over the largest entry of each tensor."""
    return [np.max([np.abs(one - other).max() / np.abs(other).max() for one, other in zip(*own)])  # NaN if one is
            for own in zip(gradients["shared"], gradients["separate"])]


FAST = ("concat", "several updates")


@pytest.mark.parametrize("name", [name if name in FAST else slow(name) for name in CONFIGS])
def test_one_pass_has_the_gradients_of_two(name, monkeypatch):
    config = CONFIGS[name]()
    assert np.max(largest_difference(gradients_of(config, monkeypatch, is_double=True))) < 1e-10


@pytest.mark.parametrize("name", ["concat", "given posterior, adaptive contrast"])
def test_in_single_precision_as_far_as_it_goes(name, monkeypatch):
    assert np.max(largest_difference(gradients_of(CONFIGS[name](), monkeypatch, is_double=False))) < 1e-5


def test_the_discriminators_layers_are_passed_once():
    """Products of matrices in a run of the step: two less are those by which a loss flows back through T's two layers."""
    def n_products(*overrides):
        model, seen = build_graph(small(*overrides)), tf.RunMetadata()
        with open_session(model.graph, 1, 1) as session:
            session.run(model.initialize)
            session.run(model.steps[0].train_op, options=tf.RunOptions(output_partition_graphs=True), run_metadata=seen)
        return sum(node.op.endswith("MatMul") for graph in seen.partition_graphs for node in graph.node)

    assert n_products() - n_products(SHARED) == 2


def test_it_is_off_unless_asked_for_and_part_of_what_a_run_is():
    assert small() == small("training.shared_backward=false") != small(SHARED)
    one, other = (trained(small(*own, "training.n_iterations=4")) for own in ([], [SHARED]))
    for name, values in one[0].items():
        np.testing.assert_allclose(other[0][name], values, rtol=1e-4)
    assert any(not np.array_equal(a, b) for a, b in zip(one[1], other[1]))


@pytest.mark.parametrize("order", ["generator_first", "discriminator_first"])
def test_networks_that_see_other_samples_share_no_pass(order):
    with pytest.raises(InputError, match="training.shared_backward must be false unless update is simultaneous"):
        load_config("configs/synthetic.yaml", [SHARED, "training.update=" + order])
