"""Methods of inference side by side on one given posterior: AVB, Gaussians and samplers, each beside what is exact."""

import hashlib
import json
import os
import time
from typing import Dict, NamedTuple, Tuple

import numpy as np

from avb_tf1.config import baselines as baselines_config
from avb_tf1.config.loading import load_config
from avb_tf1.estimation import samplers
from avb_tf1.experiment.run import ensure_finished
from avb_tf1.ground import files, progress, seeds
from avb_tf1.ground.errors import InputError
from avb_tf1.ground.threads import one_blas_thread
from avb_tf1.page.numbers import RunGroup, mean_and_range
from avb_tf1.problems.given_posterior.problem import GivenPosterior
from avb_tf1.problems.registry import problem_of
from avb_tf1.report.comparison import markdown_page, markdown_table, paragraph
from avb_tf1.reproduction import figures
from avb_tf1.reproduction.paper import Runs, over_seeds
from avb_tf1.runs import provenance, run_folder
from avb_tf1.tasks.given_posterior import measures
from avb_tf1.tasks.given_posterior.contents import parts_of_each_x
from avb_tf1.tasks.given_posterior.figures import marginals
from avb_tf1.tasks.given_posterior.measures import LARGEST_R_HAT, METRICS, exact_arrays
from avb_tf1.tasks.given_posterior.reference import references_if_known
from avb_tf1.tasks.registry import task_of
from avb_tf1.tasks.trained import without_infinity
from avb_tf1.tasks.views import spread_out

COMPARISON, PAIRS, MARGINALS = "comparison.md", "pairs.png", "marginals.png"
_BASELINES = ("mean_field", "full_rank", *samplers.TITLES.values())
_N_SHOWN = 4096               # samples of a sampler that figures show


class Method(NamedTuple):
    """What one method made of a problem.

    Attributes:
        group: its runs, a RunGroup called as the method.
        cpu_seconds: float, of one run's training or sampling, on average.
        samples: float64 [n_x, n, k], quantities (measures.quantities) under the first run's q(z|x).
    """

    group: RunGroup
    cpu_seconds: float
    samples: np.ndarray


class Comparison(NamedTuple):
    """The Methods of one problem, and what is exact of it.

    Attributes:
        problem: its GivenPosterior.
        methods: Methods, the given configs' first.
        exact: as of given_posterior.measures.exact_arrays.
        made_by: of each run, as of metrics_file.read_metrics.
    """

    problem: GivenPosterior
    methods: Tuple[Method, ...]
    exact: Dict[str, np.ndarray]
    made_by: Tuple[Dict, ...]

    @property
    def samples(self):
        """Those of each Method, by its label."""
        return {method.group.label: method.samples for method in self.methods}


@one_blas_thread()
def compare(config_paths, baselines_path, run_seeds, out, fewer_seeds=None, overrides=()):
    """Train each config and both Gaussians on the configs' problem, let samplers draw, and write how near each comes.

    Finished runs are kept, as of experiment.ensure_finished, and so are a sampler's draws with the same settings. Written into
    `out`: comparison.md, pairs.png, marginals.png, and a folder for each run, <config's name>_seed_<n>.

    Args:
        config_paths: sequence of str, configs of given posteriors, all of one problem.
        baselines_path: str, as of config.baselines.load_baselines.
        run_seeds: sequence of int, the seeds of each method.
        out: str, a folder; made if need be.
        fewer_seeds: a config's name -> the seeds of it, if not run_seeds.
        overrides: sequence of "KEY=VALUE", of every config, as of load_config; the baselines' own settings stay.

    Returns:
        Comparison.

    Raises:
        InputError: a config is of images, of another problem, or its name is another's. Nothing was trained then.
    """
    settings = baselines_config.load_baselines(baselines_path)
    runs = runs_of_methods(config_paths, settings, run_seeds, out, fewer_seeds, overrides)
    first = runs[0][0][0]
    problem = problem_of(first)
    try:
        os.makedirs(out, exist_ok=True)
    except OSError as error:
        raise InputError("%s: can't be made: %s" % (out, error.strerror))
    in_turn = [run for own in runs for run in own]
    for number, (config, folder) in enumerate(in_turn, 1):
        if not run_folder.is_finished(folder, config):
            print("Run %d of %d" % (number, len(in_turn)), flush=True)
        ensure_finished(config, folder)
    known, _ = references_if_known(problem)
    methods, made_by = [], []
    for own in (Runs.read(own) for own in runs):
        made_by += own.made_by
        latents = next(own.arrays(run_folder.LATENTS))
        methods.append(Method(own.group, float(np.mean(own.cpu_seconds)),
                              measures.quantities_of_each_x(problem, latents["z"], latents["label"])))
    methods += [sampled(name, problem, identity(first), known, getattr(settings, name), run_seeds, out)
                for name in samplers.suited_to(problem)]
    exact = exact_arrays(problem, known, seeds.stream(run_seeds[0], "exact"))
    comparison = Comparison(problem, tuple(methods), exact, tuple(made_by))
    files.write_text(os.path.join(out, COMPARISON), markdown_page(
        "# %s: methods compared" % problem.title, table(comparison), LEGEND, "![Pairs](%s)" % PAIRS,
        "![Marginals](%s)" % MARGINALS))
    draw_pairs(os.path.join(out, PAIRS), [comparison])
    draw_marginals(os.path.join(out, MARGINALS), comparison)
    return comparison


def runs_of_methods(config_paths, settings, run_seeds, out, fewer_seeds=None, overrides=()):
    """Return the runs of each config and of both Gaussians: a list of lists of (config, folder).

    Arguments and what it raises are those of compare; `settings`: config.baselines.BaselinesConfig.
    """
    if len(set(run_seeds)) < len(run_seeds):
        raise InputError("--seeds %s: each of them once" % " ".join(map(str, run_seeds)))
    own_seeds = fewer_seeds or {}
    first_runs = [load_config(path, overrides) for path in config_paths]
    _require_one_problem(first_runs, config_paths)
    runs = [[load_config(path, [*overrides, "seed=%d" % seed]) for seed in own_seeds.get(config.name, run_seeds)]
            for config, path in zip(first_runs, config_paths)]
    for covariance in ("diagonal", "full"):
        of_seeds = (load_config(config_paths[0], [*overrides, "seed=%d" % seed]) for seed in run_seeds)
        runs.append([baselines_config.gaussian_config(config, settings, covariance) for config in of_seeds])
    return [[(config, os.path.join(out, run_folder.name_with_seed(config.name, config.seed))) for config in own]
            for own in runs]


def _require_one_problem(configs, paths):
    names = {}
    for config, path in zip(configs, paths):
        if task_of(config).name != "given_posterior":
            raise InputError("%s: a model of images; only models of given posteriors can be compared so" % path)
        if identity(config) != identity(configs[0]):
            raise InputError("%s: its problem is %s, that of %s %s; one comparison is of one problem" % (
                path, _called(config), paths[0], _called(configs[0])))
        if config.name in _BASELINES:
            raise InputError("%s: the name %s is a baseline's; give the config another" % (path, config.name))
        if config.name in names:
            raise InputError("%s: has the name of %s, %s; give it another" % (path, names[config.name], config.name))
        names[config.name] = path


def identity(config):
    """Return what tells the problem of a config of a given posterior from others, for JSON."""
    return task_of(config).identity(config, problem_of(config))


def _called(config):
    return config.problem.kind if config.python_file is None else "%s (SHA-256 %s)" % (
        config.python_file.path, config.python_file.sha256[:12])


def sampled(name, problem, identity, known, settings, run_seeds, out):
    """Return the Method of a sampler; what it drew is kept in `out`, and used again with the same problem, settings and code.

    Args:
        name: str, the sampler's in samplers.TITLES; settings: as of samplers.sample.
        problem: GivenPosterior; identity: what tells it from others.
        known: its PosteriorReferences, or None.
        run_seeds: sequence of int; out: str, a folder.
    """
    title = samplers.TITLES[name]
    paths = [os.path.join(out, run_folder.name_with_seed(name, seed)) for seed in run_seeds]
    for seed, path in zip(run_seeds, paths):
        wanted = dict(problem=identity, settings=settings.dict(), seed=seed,
                      evaluation_code=provenance.code()["evaluation_code"])
        if not _is_kept(path, wanted):
            print("Sampling with %s, seed %d" % (title, seed), flush=True)
            metrics, z = _sample(name, problem, known, settings, seed)
            metrics = without_infinity(metrics)
            files.write_arrays(path + ".npz", z=z)
            files.write_json(path + ".json", dict(metrics, made_by=wanted, sha256=_digest(metrics, z)))
    runs, z = tuple(files.read_json(path + ".json") for path in paths), files.read_arrays(paths[0] + ".npz")["z"]
    return Method(RunGroup(title, None, tuple(run_seeds), runs), float(np.mean([metrics["cpu_seconds"] for metrics in runs])),
                  np.stack([measures.quantities(problem, own.astype(np.float64)) for own in z]))


def _is_kept(path, wanted):
    """Whether the draws and numbers of a sampler, made as is `wanted`, are there, as they were written: tuples as lists."""
    try:
        metrics, z = files.read_json(path + ".json"), files.read_arrays(path + ".npz")["z"]
        made_by, digest = metrics.pop("made_by"), metrics.pop("sha256")
        return made_by == json.loads(json.dumps(wanted)) and digest == _digest(metrics, z)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _digest(metrics, z):
    content = json.dumps(metrics, sort_keys=True).encode() + repr((z.dtype.str, z.shape)).encode() + z.tobytes()
    return hashlib.sha256(content).hexdigest()


def _sample(name, problem, known, settings, seed):
    per_x, shown = [], []
    for label, name_of_x in enumerate(progress.through(problem.observation_names, "x sampled")):
        start = time.process_time()
        drawn = samplers.sample(name, problem, label, settings, seed)
        cpu_seconds = time.process_time() - start
        z = drawn.z.reshape(-1, problem.dim)
        found = measures.of_samples(
            problem, known and known[label], z, z[spread_out(len(z), measures.N_COMPARED)],
            seeds.stream(seed, "%s evaluation %d" % (name, label)))
        per_x.append(dict(
            found, x=name_of_x, cpu_seconds=cpu_seconds, acceptance=drawn.acceptance, kept_acceptance=drawn.kept_acceptance,
            r_hat=float(drawn.r_hat.max()), n_effective=float(drawn.n_effective.min())))
        if drawn.exchanged is not None:
            per_x[-1]["exchanged"] = drawn.exchanged
        shown.append(z[spread_out(len(z), _N_SHOWN)])
    metrics = {"per_x": per_x, "cpu_seconds": sum(own["cpu_seconds"] for own in per_x)}
    for metric in ("wasserstein", "wasserstein_noise_floor"):
        if metric in per_x[0]:
            metrics[metric] = float(np.mean([own[metric] for own in per_x]))
    return metrics, np.array(shown, np.float32)


def draw_pairs(path, comparisons):
    """Write figures.compared_on_given_posteriors of some Comparisons."""
    figures.compared_on_given_posteriors(path, [
        (own.problem.title, own.problem.observation_names, own.problem.coordinates, own.samples, own.exact)
        for own in comparisons])


def draw_marginals(path, comparison):
    """Write given_posterior's figures.marginals of a Comparison."""
    problem = comparison.problem
    # A baseline has one colour in the figures of all problems, however many configs stand before it.
    first, *others = (name for name in comparison.samples if name not in _BASELINES)
    colors = {name: number for number, name in enumerate([first, *_BASELINES, *others])}
    marginals(path, comparison.samples, measures.names_of_quantities(problem), comparison.exact, problem.observation_names,
              colors)


LEGEND = ("Mean over the seeds (smallest to largest). KL: of q from the posterior, nats, mean over x, where it is known. ELBO: "
          "by T where only the discriminator gives it: no bound. W1: Wasserstein-1 of the coordinates' marginals in exact "
          "standard deviations, their mean and the largest (of derived quantities, too); in the row \"exact\" what exact "
          "samples have. Shares of modes: of the first x. CPU seconds: of one run's training or sampling.")


def table(comparison):
    """Return the lines of a Markdown table, what is exact, and a row for each Method; and of sentences on the samplers."""
    problem, first = comparison.problem, comparison.methods[0].group.metrics[0]
    shares = [own.get("exact_share") for own in parts_of_each_x(first)[0].get("modes", {}).values()]
    rows = [["*exact*", "", "0", _text(first.get("log_evidence"), "%.4f"), _text(first.get("wasserstein_noise_floor"), "%.3f"),
             "", *(_text(share, "%.2f") for share in shares), ""]]
    for method in comparison.methods:
        group = method.group
        elbo = over_seeds(group, METRICS, "elbo", "%.3f")
        by_discriminator = group.metrics[0].get("methods", {}).get("elbo") == "discriminator"
        doubt = ", not converged" if _is_sampler(group) and not has_converged(group.metrics) else ""
        rows.append([
            group.label + doubt, _seeds_text(group.seeds), over_seeds(group, METRICS, "inference_gap", "%.4f"),
            "by T: " + elbo if elbo and by_discriminator else elbo, over_seeds(group, METRICS, "wasserstein", "%.3f"),
            largest(group),
            *(mean_and_range([parts_of_each_x(own)[0]["modes"][name]["share"] for own in group.metrics], "%.2f")
              for name in problem.modes),
            "%.0f" % method.cpu_seconds])
    lines = markdown_table(["method", "seeds", "KL(q || posterior)", "ELBO", "mean W1", "largest W1",
                           *("share of %s" % name for name in problem.modes), "CPU seconds"], rows)
    words = [_how_exact([own for method in comparison.methods for own in method.group.metrics]),
             *(_how_it_sampled(method.group) for method in comparison.methods if _is_sampler(method.group))]
    return lines + ["", paragraph(" ".join(filter(None, words)))]


def _how_exact(runs):
    """A sentence on the errors of the KLs of some runs, metrics as in metrics.json; "" where there are none."""
    errors, biases = ([own["inference_gap" + suffix] for own in runs if own.get("inference_gap" + suffix) is not None]
                      for suffix in ("_standard_error", "_bias_left"))
    if not errors:
        return ""
    words = "The KL of each run has a standard error of up to %.4f" % max(errors)
    return words + (" and, if by nearest neighbours, may be off by up to %.4f besides." % max(biases) if biases else ".")


def _is_sampler(group):
    return group.label in samplers.TITLES.values()


def _how_it_sampled(group):
    """A sentence on a sampler's runs, their metrics as of _sample after JSON: None is what could not be told."""
    def over_all(name, of_values, form):
        values = [part[name] for own in group.metrics for part in own["per_x"]]
        return "not known" if None in values else form % of_values(values)

    title = group.label[0].upper() + group.label[1:]
    varies = group.label in [samplers.TITLES[name] for name in samplers.VARYING]
    words = "%s accepts %s of its steps at the step size that its warm-up comes to; of the kept draws%s %s" % (
        title, over_all("acceptance", np.mean, "%.2f"),
        ", whose step sizes are %.1f to 1 times that," % samplers.SHORTEST if varies else "",
        over_all("kept_acceptance", np.mean, "%.2f"))
    if "exchanged" in group.metrics[0]["per_x"][0]:
        words += "; of exchanges between neighbours %s" % over_all("exchanged", np.mean, "%.2f")
    words += ". The largest R-hat is %s, the smallest effective sample size %s." % (
        over_all("r_hat", max, "%.3f"), over_all("n_effective", min, "%.0f"))
    return words if has_converged(group.metrics) else words + (
        " Its chains have not come to one distribution (R-hat above %.2f, or a chain that never moved): its row can't be "
        "trusted." % LARGEST_R_HAT)


def has_converged(runs):
    """Return whether all chains of a sampler's runs agree, a sequence of the metrics of its RunGroup."""
    values = [part["r_hat"] for own in runs for part in own["per_x"]]
    return None not in values and max(values) <= LARGEST_R_HAT


def _text(value, form):
    return "" if value is None else form % value


def _seeds_text(own):
    if len(own) > 1 and own == tuple(range(own[0], own[0] + len(own))):
        return "%d to %d" % (own[0], own[-1])
    return ", ".join(map(str, own))


def largest(group):
    """Return, as text, the largest distance of a marginal, over x and quantities, on average over a RunGroup's seeds, and which
    it is, if it is the same in all; "" without a reference.
    """
    found = [largest_distance(own) for own in group.metrics]
    if None in found:
        return ""
    return "%s %s" % (one_or_various([name for _, name in found]), mean_and_range([value for value, _ in found], "%.3f"))


def one_or_various(names):
    """Return the name of some that are equal; "various" of others."""
    return names[0] if len(set(names)) == 1 else "various"


def largest_distance(metrics):
    """Return the largest distance of a marginal, over x and quantities, a float, and which it is; None without a reference."""
    return max(((values["wasserstein"], name) for part in parts_of_each_x(metrics)
                for name, values in part["marginals"].items() if "wasserstein" in values), default=None)
