"""Short trainings in this process, and what they leave."""

import numpy as np

from avb_tf1.graph.builder import build_graph
from avb_tf1.ground.tensorflow import open_session
from avb_tf1.training import trainer

# Numerical gradients need networks without kinks.
SMOOTH = ["model.%s.activation=tanh" % name for name in ("encoder", "decoder", "discriminator")]


def weights_of(session, model):
    """All trainable weights, float64, by name without ":0"; what starts at zero is moved off it first, so that it counts."""
    random_state = np.random.RandomState(0)
    weights, moved = {}, {}
    variables = {variable.op.name: variable for variables in model.variables.values() for variable in variables}
    for name, value in session.run(variables).items():
        if not value.any():
            value = random_state.standard_normal(value.shape).astype(np.float32) / np.float32(np.sqrt(value.shape[0]))
            moved[name] = value
        weights[name] = value.astype(np.float64)
    initializers = {name: variables[name].initializer for name in moved}
    session.run(initializers, {op.inputs[1]: moved[name] for name, op in initializers.items()})
    return weights


def moved_by_each_step(session, model):
    """Run an iteration; return for each step the scopes of the networks that it changes."""
    moved = []
    for step in model.steps:
        before = session.run(model.variables)
        session.run(step.train_op)
        after = session.run(model.variables)
        moved.append({scope for scope in before
                      if any(not np.array_equal(a, b) for a, b in zip(before[scope], after[scope]))})
    return moved


def assert_same(a, b):
    assert list(a[0]) == list(b[0])
    for name in a[0]:
        np.testing.assert_array_equal(a[0][name], b[0][name])
    for left, right in zip(a[1], b[1]):
        np.testing.assert_array_equal(left, right)


def trained(config, inter_op_threads=1, model=None):
    """Train and return the monitors, the final weights and what an observer saw; on a graph of its own unless one is given."""
    model, observed = model or build_graph(config), []
    with open_session(model.graph, 1, inter_op_threads) as session:
        session.run(model.initialize)
        result = trainer.train(session, model, config.training, [lambda *args: observed.append(args)])
        weights = [value for values in session.run(model.variables).values() for value in values]
    return result.monitors, weights, observed


def assert_goes_on_to_the_bit(config, tmp_path):
    """Training repeats itself, with two inter-op threads and when it is gone on with after seven iterations."""
    model = build_graph(config)
    whole = trained(config, model=model)[:2]
    assert_same(whole, trained(config, inter_op_threads=2, model=model)[:2])
    assert_same(whole, trained_in_pieces(config, (7,), tmp_path, model))


def trained_in_pieces(config, stops, tmp_path, model=None):
    """Train in several sessions, each from what the one before saved; return the monitors and the final weights."""
    model = model or build_graph(config)
    path = str(tmp_path / "model")
    done = None
    for stop_after in [*stops, None]:
        observed = []
        with open_session(model.graph, 1, 1) as session:
            model.saver.restore(session, path) if done else session.run(model.initialize)
            result = trainer.train(session, model, config.training, [lambda i, _, observed=observed: observed.append(i)], done,
                                   lambda *_, session=session: model.saver.save(session, path),
                                   lambda observed=observed, stop_after=stop_after: observed[-1] == stop_after)
            weights = [value for values in session.run(model.variables).values() for value in values]
        done = result.monitors
        assert all(len(values) == (stop_after or config.training.n_iterations) for values in done.values())
    return done, weights
