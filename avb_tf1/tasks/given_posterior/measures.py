"""The metrics of a model of a given posterior, beside what is exactly true of it. All values are in nats unless told."""

import math

import numpy as np

from avb_tf1.estimation import quadrature, squares, wasserstein
from avb_tf1.estimation.densities import mean_and_error
from avb_tf1.estimation.entropy import Estimate, kl_from
from avb_tf1.estimation.metric import Metric, flat, sample_mean
from avb_tf1.estimation.trained_networks import in_chunks
from avb_tf1.ground import progress
from avb_tf1.ground.threads import timed_part
from avb_tf1.tasks import diagnostics
from avb_tf1.tasks.trained import by_neighbours, draw_codes
from avb_tf1.tasks.views import labels_of_codes, sample_posterior, spread_out

N_COMPARED = 20000            # samples whose distance from the exact posterior is taken
NO_REFERENCE = "the exact posterior is not known"
NO_EVIDENCE = "log p(x) is not known: there are but draws of the exact posterior"
NO_HMC = "the exact posterior is not known, and HMC's chains have not come to one distribution (R-hat %.3f)"
NO_DENSITY = "q(z|x) is implicit, and nearest neighbours estimate its density for latent_dim 1 or 2 only"

# By their names in metrics.json, in the order of a table; each a mean over x. All are absent where they can't be had.
METRICS = {
    # log p(x).
    "log_evidence": Metric("log evidence", is_higher_better=True),
    # The mean of log p(x, z) - log q(z|x): by the entropy of a Gaussian, by nearest neighbours, or as elbo_discriminator.
    "elbo": Metric("ELBO", is_higher_better=True),
    # The same with the discriminator's log q(z|x): no bound.
    "elbo_discriminator": Metric("ELBO by the discriminator", (), True, " (no bound)"),
    # log_evidence - elbo, KL(q(z|x) || p(z|x)), where elbo is one of the first two kinds.
    "inference_gap": Metric("KL(q(z|x) || p(z|x))", least=-1),
    # The mean over coordinates of the Wasserstein-1 distance between the marginals of q(z|x) and p(z|x), in the latter's
    # standard deviations.
    "wasserstein": Metric("mean Wasserstein-1 of the marginals", least=0),
    # What samples of the exact posterior have there.
    "wasserstein_noise_floor": Metric("the same of exact samples", least=0),
}
DIAGNOSTICS = dict(diagnostics.TWO_SAMPLES, **diagnostics.CALIBRATED, **diagnostics.of_weights("log_evidence_importance"),
                   **diagnostics.SQUARES)
_MAX_SEED = 2**31 - 1
LARGEST_R_HAT = 1.05         # of chains that are taken to agree
_LARGEST = {"k_hat", "k_hat" + diagnostics.BY_T}  # of several x the largest is told, not the mean
N_LATENTS = 4096              # samples of each q(z|x) in latents.npz
N_EXACT = 5000                # draws of each exact posterior in exact.npz
N_AXIS = 161                  # points along each axis of its density, and of each marginal's
_N_BINS = 60                  # of a marginal that is a histogram of draws
_REACH = 0.0005               # of exact draws, to either side, that the density's axes leave out


@timed_part("the exact posterior")
def references(trained):
    """Return the PosteriorReferences of the problem, or None, and why there are none: of reference.references_if_known."""
    from avb_tf1.tasks.given_posterior.reference import references_if_known  # it takes TensorFlow

    return references_if_known(trained.problem)


def latents(trained):
    """Return samples of each q(z|x), as in latents.npz: z float32 [n_x * 4096, dim] and labels int64 [n_x * 4096].

    Raises:
        trainer.DivergenceError: a sample is not finite.
    """
    return draw_codes(trained, N_LATENTS * trained.problem.n_x)


def exact(trained):
    """Return exact_arrays of a Trained, by its own random stream."""
    return exact_arrays(trained.problem, trained.once(references)[0], trained.stream("exact"))


def exact_arrays(problem, known, random_state):
    """Return what exact.npz holds: draws of the exact posteriors, and of two coordinates their densities.

    Args:
        problem: GivenPosterior; known: its PosteriorReferences or None.
        random_state: numpy RandomState.

    Returns:
        dict: draws float32 [n_x, 5000, k], of measures.quantities; of these marginal_ends and marginal_density, as of
        marginal_lines; if z has two coordinates and the density is known, axes float32 [n_x, 2, m] and density float32
        [n_x, m, m], first coordinate first. Empty without a reference.
    """
    if known is None:
        return {}
    draws = [reference.draws(N_EXACT, random_state) for reference in known]
    of_quantities = np.array([quantities(problem, of_x) for of_x in draws], np.float32)
    arrays = dict(marginal_lines(of_quantities, [reference.marginals for reference in known]), draws=of_quantities)
    if problem.dim == 2 and all(reference.log_density is not None for reference in known):
        axes, densities = [], []
        for of_x, reference in zip(draws, known):
            axes.append([np.linspace(*ends, N_AXIS) for ends in _reach(of_x)])
            points = np.stack(np.meshgrid(*axes[-1], indexing="ij"), axis=-1).reshape(-1, 2)
            densities.append(np.exp(reference.log_density(points)).reshape(N_AXIS, N_AXIS))
        arrays.update(axes=np.array(axes, np.float32), density=np.array(densities, np.float32))
    return arrays


def marginal_lines(draws, densities=None):
    """Return the marginal densities of exact posteriors, as lines: each at points at equal distances, from end to end.

    Args:
        draws: float [n_x, n, k], exact draws of k quantities; they tell how far each line goes.
        densities: for each x the function PosteriorReference.marginals, or None: then a line is a histogram of the draws.

    Returns:
        dict: marginal_ends float32 [n_x, k, 2], marginal_density float32 [n_x, k, m], which integrates to about 1.
    """
    ends = np.stack([_reach(of_x) for of_x in draws.astype(np.float64)])
    n_points = N_AXIS if densities and all(densities) else _N_BINS
    points = np.linspace(*np.moveaxis(ends, 2, 0), n_points, axis=2)
    if n_points == N_AXIS:
        lines = [of_x(axes) for of_x, axes in zip(densities, points)]
    else:
        lines = [[_histogram(values, axis) for values, axis in zip(of_x.T, axes)] for of_x, axes in zip(draws, points)]
    return {"marginal_ends": np.float32(ends), "marginal_density": np.float32(lines)}


def _histogram(values, middles):
    """The density of values [n], a histogram with bins about the middles [m]."""
    half = (middles[1] - middles[0]) / 2
    counts, _ = np.histogram(values.astype(np.float64), len(middles), (middles[0] - half, middles[-1] + half))
    return counts / (len(values) * 2 * half)


def _reach(draws):
    """From where to where a density of draws [n, k] is drawn, float64 [k, 2]."""
    low, high = np.quantile(draws, [_REACH, 1 - _REACH], axis=0)
    margin = np.where(high > low, 0.25 * (high - low), 0.5)  # of a quantity that has but one value
    return np.stack([low - margin, high + margin], axis=1)


def evaluate(networks, problem, references, random_state, n_samples, why_not=""):
    """Return the metrics of a trained model.

    Args:
        networks: trained_networks.Networks of a given posterior.
        problem: GivenPosterior.
        references: the PosteriorReferences of its observations, or None.
        random_state: numpy RandomState that the samples' noise is drawn from.
        n_samples: int, samples of q(z|x), of each x.
        why_not: str, why there are no references.

    Returns:
        dict: name in METRICS or of a diagnostic of importance weights -> float, with `<name>_standard_error` where it is
        sampled and `<name>_bias_left` where it is biased; an infinite value has neither;
        "methods": name -> how it was found; "not_computed": name -> why; "marginals": name of a coordinate or derived
        quantity -> {mean, standard_deviation} and, with a reference, {exact_mean, exact_standard_deviation, wasserstein,
        wasserstein_noise_floor}; "modes": name -> {share, exact_share} and, where that is of draws, its
        exact_share_standard_error, where the problem has modes. For several x, "per_x": a list with all that for each, under
        "x" its name, and no "marginals" of all.
    """
    z, labels, log_density = sample_posterior(networks, problem, n_samples, random_state)
    per_x = []
    for label, name in enumerate(progress.through(problem.observation_names, "x, q(z|x) measured")):
        reference = None if references is None else references[label]
        why_unknown = ": ".join([NO_REFERENCE] + [why_not] * bool(why_not)) if reference is None else NO_EVIDENCE
        rows = labels == label
        per_x.append(dict({"x": name}, **_of_one(
            networks, problem, reference, why_unknown, problem.inputs[[label]], z[rows],
            None if log_density is None else log_density[rows], random_state)))
    if len(per_x) == 1:
        del per_x[0]["x"]
        return _flat(per_x[0])
    estimates = {}
    for name in per_x[0]["estimates"]:
        of_each = [own["estimates"][name] for own in per_x]
        estimates[name] = diagnostics.largest(of_each) if name in _LARGEST else _mean(of_each)
    return dict(_flat({"estimates": estimates, "not_computed": per_x[0]["not_computed"]}), per_x=[_flat(own) for own in per_x])


def _mean(estimates):
    """The Estimate of the mean of some that are independent."""
    n = len(estimates)
    error, bias = ([own[i] for own in estimates if own[i] is not None] for i in (2, 3))
    return Estimate(float(np.mean([own.value for own in estimates])), estimates[0].method,
                    math.sqrt(sum(own**2 for own in error)) / n if error else None, sum(bias) / n if bias else None)


def _flat(parts):
    """What `evaluate` returns, from the estimates of a dict and the rest of it."""
    rest = {key: value for key, value in parts.items() if key != "estimates" and value}
    return dict(flat(parts["estimates"]), **rest)


def _of_one(networks, problem, reference, why_unknown, x, z, log_density, random_state):
    """The estimates and the rest, for one x, as the networks see it, [1, d], and samples z of q(z|x).

    `why_unknown`: why there is no reference, or no evidence of it; `log_density`: log q(z|x) at z, as of views.encoded.
    """
    rows = np.repeat(x, len(z), axis=0)
    log_joint = in_chunks(networks.log_joint, rows, z).astype(np.float64)
    estimates, not_computed = {}, {}
    evidence = None if reference is None else reference.log_evidence
    if evidence is not None:
        estimates["log_evidence"] = Estimate(evidence, "quadrature")
    by_discriminator = None
    if networks.log_ratio is not None:
        log_ratio = in_chunks(networks.log_ratio, rows, z)[:, 0].astype(np.float64)
        log_prior = in_chunks(networks.log_prior, z).astype(np.float64)
        log_weights = log_joint - log_prior - log_ratio
        by_discriminator = sample_mean(log_weights)._replace(method="discriminator")
        estimates.update(diagnostics.by_t(diagnostics.weighed(log_weights, "log_evidence_importance")))
    if log_density is None and networks.log_posterior is not None:
        log_density = in_chunks(networks.log_posterior, rows, z)
    if log_density is not None:
        log_weights = log_joint - log_density.astype(np.float64)
        estimates.update(diagnostics.weighed(log_weights, "log_evidence_importance"))
    if networks.gaussian is not None:
        scale = networks.gaussian(x)[1][0].astype(np.float64)
        log_scales = np.log(np.diag(scale)) if scale.ndim == 2 else scale / 2  # a triangular scale, or log-variances
        entropy = log_scales.sum() + len(scale) / 2 * (1 + math.log(2 * math.pi))
        elbo = sample_mean(log_joint)
        elbo = elbo._replace(value=elbo.value + float(entropy))
    elif log_density is not None:
        elbo = sample_mean(log_weights)._replace(method=networks.density_method)
    elif quadrature.has_grid(networks.latent_dim):
        with timed_part("neighbours"):
            kl = kl_from(z, log_joint, random_state)
        elbo = kl._replace(value=-kl.value)
    else:
        elbo = by_discriminator
    estimates["elbo"] = elbo
    if by_discriminator is not None:
        estimates["elbo_discriminator"] = by_discriminator
    if evidence is None:
        not_computed.update(dict.fromkeys(("inference_gap", "log_evidence"), why_unknown))
    elif elbo is by_discriminator:
        not_computed["inference_gap"] = NO_DENSITY
    else:
        estimates["inference_gap"] = elbo._replace(value=evidence - elbo.value)
    marginals = _marginals(problem, reference, z[:N_COMPARED].astype(np.float64), random_state)
    if reference is None:
        not_computed.update(dict.fromkeys(("wasserstein", "wasserstein_noise_floor"), why_unknown))
    else:
        estimates.update({name: Estimate(value, "samples") for name, value in _distances(problem, marginals).items()})
        if reference.uniforms is not None:
            with timed_part("squares"):
                u = reference.uniforms(z.astype(np.float64))
                estimates.update({name: squares.kl_from_uniform(u, n_bins)
                                  for name, n_bins in zip(diagnostics.SQUARES, squares.N_BINS)})
    return {"estimates": estimates, "not_computed": not_computed, "marginals": marginals,
            "modes": _modes(problem, reference, z, random_state)}


def did_it_work(networks, problem, references, random_state, n_samples, hmc=None):
    """Return further diagnostics of a trained model, metrics as in metrics.json.

    They are on whether its samples can be told from exact ones or, without references, from HMC's; and, of an amortised
    problem, a calibration.

    Args:
        networks, problem, references, random_state, n_samples: as of evaluate.
        hmc: config.training.HMCConfig, or None: without references there is no comparison then.
    """
    found = calibrated(networks, problem, random_state)
    n = min(diagnostics.n_compared(problem.n_x), n_samples)
    if references is not None:
        exact = np.concatenate([reference.draws(n, random_state) for reference in references])
    elif hmc is not None:
        exact, found["hmc_r_hat"] = _drawn_by_hmc(problem, hmc, n, random_state)
        if not found["hmc_r_hat"] <= LARGEST_R_HAT:
            return found
        n = len(exact) // problem.n_x
    else:
        return found
    z, labels, _ = sample_posterior(networks, problem, n, random_state)
    return dict(found, **diagnostics.told_apart(np.column_stack([z, problem.inputs[labels]]),
                                                np.column_stack([exact, problem.inputs[labels]]), random_state))


def calibrated(networks, problem, random_state, n=diagnostics.N_SIMULATED):
    """Return the metrics of diagnostics.calibrated for n draws of the joint density; {} if the problem isn't amortised."""
    if not problem.is_amortised:
        return {}
    from avb_tf1.tasks.given_posterior.reference import joint_draws  # it takes TensorFlow

    z, x = joint_draws(problem, n, random_state.randint(_MAX_SEED))
    return diagnostics.calibrated(networks, x, z, problem.coordinates, random_state)


@timed_part("HMC")
def _drawn_by_hmc(problem, settings, n, random_state):
    """About n draws of each exact posterior by HMC, spread over its chains' own, [n_x * n, dim], and the largest R-hat."""
    from avb_tf1.estimation import samplers  # it takes TensorFlow

    draws, r_hats = [], []
    for label in progress.through(range(problem.n_x), "x sampled by HMC, for want of the exact posterior"):
        drawn = samplers.sample("hmc", problem, label, settings, random_state.randint(_MAX_SEED))
        z = drawn.z.reshape(-1, problem.dim)
        draws.append(z[spread_out(len(z), n)])
        r_hats.append(drawn.r_hat.max())
    return np.concatenate(draws), float(np.max(r_hats))  # NaN if a chain never moved


def quantities(problem, z):
    """Return the coordinates and the derived quantities of z float64 [n, dim], float64 [n, k], in the order of their names."""
    return np.column_stack([z] + [function(z) for function in problem.derived.values()])


def quantities_of_each_x(problem, z, labels):
    """Return the quantities of z [n_x * n, dim], whose x the labels [n_x * n] tell, float64 [n_x, n, k]."""
    return np.stack([quantities(problem, z[labels == label].astype(np.float64)) for label in range(problem.n_x)])


def names_of_quantities(problem):
    """Return what quantities returns, by name."""
    return (*problem.coordinates, *problem.derived)


@timed_part("marginals")
def _marginals(problem, reference, z, random_state):
    names, values = names_of_quantities(problem), quantities(problem, z)
    columns = {"mean": values.mean(axis=0), "standard_deviation": values.std(axis=0)}
    if reference is not None:
        derived = [reference.derived[name] for name in problem.derived]
        deviations = np.append(reference.standard_deviation, [own.standard_deviation for own in derived])

        def draw(n, random_state):
            return quantities(problem, reference.draws(n, random_state))

        units = np.where(deviations > 0, deviations, 1)  # a derived quantity may have but one value
        columns.update({
            "exact_mean": np.append(reference.mean, [own.mean for own in derived]), "exact_standard_deviation": deviations,
            "wasserstein": wasserstein.distances(values, draw(len(z), random_state), units),
            "wasserstein_noise_floor": wasserstein.noise_floor(draw, len(z), len(z), units, random_state)})
    return {name: {key: float(column[k]) for key, column in columns.items()} for k, name in enumerate(names)}


def _distances(problem, marginals):
    """The means over the coordinates of what _marginals found of each, by name."""
    return {name: float(np.mean([marginals[coordinate][name] for coordinate in problem.coordinates]))
            for name in ("wasserstein", "wasserstein_noise_floor")}


@timed_part("modes")
def _modes(problem, reference, z, random_state):
    """The share of each mode in q and in the posterior: by its grid or, with an error, of N_COMPARED * 10 draws."""
    found = {name: {"share": float(np.mean(is_in(z)))} for name, is_in in problem.modes.items()}
    if reference is None or not problem.modes:
        return found
    if reference.share is not None:
        return {name: dict(found[name], exact_share=reference.share(is_in)) for name, is_in in problem.modes.items()}
    draws = reference.draws(10 * N_COMPARED, random_state)
    for name, is_in in problem.modes.items():
        share, error = mean_and_error(is_in(draws))
        found[name].update(exact_share=share, exact_share_standard_error=error)
    return found


def of_samples(problem, reference, z, compared, random_state):
    """Return what can be said of samples alone, whatever they come from: a sampler's, say.

    Args:
        problem, random_state: as of evaluate.
        reference: a PosteriorReference or None.
        z: float [n, dim], of one x; compared: [m, dim], those of them whose distance from the exact posterior is taken.

    Returns:
        dict: "marginals", "modes" and, with a reference, "wasserstein" and "wasserstein_noise_floor", as of evaluate.
    """
    marginals = _marginals(problem, reference, compared.astype(np.float64), random_state)
    modes = _modes(problem, reference, z.astype(np.float64), random_state)
    return dict({} if reference is None else _distances(problem, marginals), marginals=marginals, modes=modes)


def gap_over_training(snapshots, problem, references):
    """Return how far q is from the exact posterior at each of s snapshots; nats, means over x.

    Args:
        snapshots: name -> [s, ...], what given_posterior.view.View and training.snapshots have.
        problem: GivenPosterior.
        references: the PosteriorReferences of its observations, or None.

    Returns:
        dict: inference_gap [s] and inference_gap_standard_error [s], KL(q(z|x) || p(z|x)) by nearest neighbours, where z has
        one or two dimensions and p(x) is known; else empty. NaN or infinite where training went astray.
    """
    if references is None or references[0].log_evidence is None or not quadrature.has_grid(problem.dim):
        return {}
    labels, n_x = labels_of_codes(problem), problem.n_x
    rows = [[by_neighbours(kl_from, z[labels == k], log_joint[labels == k] - references[k].log_evidence) for k in range(n_x)]
            for z, log_joint in progress.through(list(zip(snapshots["z"], snapshots["log_joint"])), "snapshots' KL")]
    gaps, errors = np.moveaxis(np.array(rows, np.float64), 2, 0)
    return {"inference_gap": gaps.mean(axis=1), "inference_gap_standard_error": np.sqrt((errors**2).sum(axis=1)) / n_x}
