"""Build the TensorFlow graph of an experiment: networks, graph_replace, losses and optimisers, in that order.

The order matters: graph_replace copies the operations between two tensors, so it has to come before any gradient is taken.
Every random op has an explicit op seed, so that the config's one seed fixes all streams. The steps are public functions: called
as _build calls them, in a tf.Graph that has the config's seed, they make the same model as build_graph.
"""

from avb_tf1.config.experiments import require_config
from avb_tf1.graph import batches, divergences, likelihoods, objectives, posteriors, speed, updates
from avb_tf1.graph.model_graph import ModelGraph
from avb_tf1.graph.noise import Noise
from avb_tf1.ground import seeds
from avb_tf1.ground.tensorflow import require_version_1, tf
from avb_tf1.problems.registry import problem_of


def build_graph(config, problem=None, is_trained=False):
    """Return the ModelGraph of an experiment, whose graph is finalized.

    `config` is what config.loading.load_config returns; of anything else TypeError is raised. `problem` is its problem; None:
    problems.registry.problem_of finds it. InputError is raised if the problem's file is damaged, or is not there, and under
    TensorFlow 2's behaviour.
    `is_trained`: whether the graph is to be without steps and optimisers, half of the time that it takes; the saver is then of
    the networks' variables only.
    """
    require_config(config)
    require_version_1()
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(config.seed)
        with speed.faster_gradients(config.runtime):
            model = _build(config, problem_of(config) if problem is None else problem, is_trained)
    graph.finalize()
    return model


def _build(config, problem, is_trained):
    """The tutorial's sections "Encoder" to "Optimization" (paper, Algorithm 1), with what the config has in their places."""
    batch = batches.batch(config, problem)
    noise = Noise(batch, config)
    eps = noise.for_batch("eps", config.model.noise_dim)
    q = posteriors.approximate_posterior(batch.x, eps, noise.drawn_anew, config, problem)
    z_prior = divergences.prior_sample(q, noise, config, problem)
    # Where z's gradient has many terms, as of a given posterior with adaptive contrast, TensorFlow's arithmetic optimiser adds
    # them in an order that depends on the order of these two, and so do the last bits.
    kl = divergences.divergence(batch.x, q, z_prior, config, problem)
    p = None if q is None else likelihoods.likelihood(batch.x, q.z, config, problem, z_prior)
    parts = objectives.Parts(config, problem, batch, noise, q, p, kl)
    objective = objectives.objective(parts)
    variables = variables_by_scope(config.model.network_sections, config.model.further_variables)
    iteration = updates.NO_ITERATION if is_trained else updates.iteration(parts, objective, variables)
    return model_graph(parts, objective, variables, iteration)


def endpoints(parts, variables):
    """Return a ModelGraph's endpoints, of objectives.Parts and variables_by_scope.

    What q needs besides eps, as for moments or a mixture's other components, is drawn from the config's seed, always the same,
    so that all of them are functions.
    """
    config, problem, kl, model = parts.config, parts.problem, parts.divergence, parts.config.model
    x, z, eps = (None if dim is None else tf.placeholder(tf.float32, [None, dim], "endpoints/" + name) for name, dim in (
        ("x", parts.batch.x.shape[1].value), ("z", model.latent_dim), ("eps", model.noise_dim)))

    def fixed_draws(name, n, dim):
        name, n = "endpoints/" + name, max(n or 0, posteriors.N_DRAWS)
        return tf.random.stateless_normal([n, dim], seed=[config.seed, seeds.op_seed(name)], name=name)

    q = posteriors.approximate_posterior(x, eps, fixed_draws, config, problem) or posteriors.ApproximatePosterior(None, None)
    p = likelihoods.likelihood(x, z, config, problem)
    is_given = "decoder" not in model.network_sections  # all of p(x, z): there is nothing in it that is learned
    log_prior = likelihoods.prior(config, problem).log_prob(z) if is_given else None
    outputs = {
        "encode": (q.z, x, eps), "encode_with_density": (None if q.log_prob is None else (q.z, q.log_prob), x, eps),
        "log_posterior": (q.log_prob_at and q.log_prob_at(z), x, z), "gaussian": (q.gaussian, x),
        **{name: (output, z) for name, output in p.parameters.items()}, "log_prior": (log_prior, z),
        "log_joint": (p.log_prob + log_prior if is_given else None, x, z),
        "log_ratio": (kl and kl.log_ratio and kl.log_ratio(x, z, q.moments), x, z),
        "decoder_weights": ({weights.op.name: weights for weights in variables.get("decoder", ())} or None,)}
    return {name: (output, inputs) for name, (output, *inputs) in outputs.items() if output is not None}


def variables_by_scope(networks_by_scope, further=()):
    """Return scope -> the trainable variables in it, a tuple, for scope -> the network's section (model.network_sections).

    `further`: scope -> how many variables it has besides those that the section tells of (model.further_variables).

    Raises AssertionError if the scopes don't cover the trainable variables once each, or a network has others than its section
    says.
    """
    # The slash matters: without it "encoder" would also be the beginning of "encoder_2/...".
    by_scope = {scope: tuple(tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope + "/")) for scope in networks_by_scope}
    collected = sorted(variable.name for variables in by_scope.values() for variable in variables)
    assert collected == sorted(variable.name for variable in tf.trainable_variables()), (
        "the scopes %s don't cover the trainable variables once each" % ", ".join(by_scope))
    for scope, variables in by_scope.items():
        section = networks_by_scope[scope]
        n_layers, n_further = section.n_layers, getattr(section, "n_further_variables", 0) + dict(further).get(scope, 0)
        assert len(variables) == 2 * n_layers + n_further, "%s should have weights and biases of %d layers%s" % (
            scope, n_layers, " and %d more" % n_further if n_further else "")
    return by_scope


def model_graph(parts, objective, variables, iteration):
    """Return the ModelGraph of the default graph, of Parts, Objective, variables_by_scope and updates.iteration."""
    return ModelGraph(
        graph=tf.get_default_graph(), parts=parts, objective=objective, variables=variables, **iteration,
        endpoints=endpoints(parts, variables),
        # These two come last, when all variables exist.
        initialize=tf.global_variables_initializer(), saver=tf.train.Saver(max_to_keep=None))
