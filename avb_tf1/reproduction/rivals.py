"""AVB beside methods whose q(z|x) has a density, on every problem: at equal iterations and at equal CPU time."""

import os
from typing import Any, Dict, NamedTuple, Optional, Tuple

import numpy as np

from avb_tf1.config.baselines import load_baselines
from avb_tf1.estimation import samplers
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.page.numbers import mean_and_range
from avb_tf1.problems.registry import problem_of
from avb_tf1.report.comparison import markdown_page, markdown_table, paragraph
from avb_tf1.reproduction import figures, posterior_comparison
from avb_tf1.reproduction.records import Record
from avb_tf1.reproduction.rivals_search import (
    BY_T,
    ITERATIONS,
    LARGEST,
    LARGEST_OF,
    NOISE,
    RATE_FACTORS,
    SEARCHED,
    SEED,
    TIME,
    values_of,
)
from avb_tf1.runs import provenance, run_folder
from avb_tf1.tasks.given_posterior import measures
from avb_tf1.tasks.given_posterior.reference import references_if_known
from avb_tf1.tasks.registry import task_of

SEEDS = tuple(range(5))       # of a page that is no draft
TITLES = {"vae": "VAE", "vae_weighted": "VAE, weighted KL", "full_rank": "full-rank Gaussian", "iaf": "IAF",
          "coupling": "coupling flow", "spline": "spline flow", "iwae": "IWAE", "avb": "AVB", "avb_ac": "AVB + AC",
          "sivi": "SIVI", "auxiliary_vae": "auxiliary VAE", "auxiliary_reconstruction": "auxiliary VAE by x drawn",
          "maximum_likelihood": "maximum likelihood", **samplers.TITLES}
_HEADINGS = {ITERATIONS: "At equal iterations", TIME: "At equal CPU time"}
_AT = {ITERATIONS: "iterations", TIME: "CPU time"}
_KL = "KL(q || p(z|x))"
_NEAR = 3                     # times what exact samples have: a largest W1 up to which a method is as near as they are
# Of each task, in a table's order: metric -> its title and the form of its numbers.
_COLUMNS = {
    "known_images": {"log_likelihood": ("log p(x)", "%.4f"), "elbo": ("ELBO", "%.4f"), "inference_gap": (_KL, "%.4f")},
    "given_posterior": {"log_evidence": ("log p(x)", "%.4f"), "elbo": ("ELBO", "%.4f"), "inference_gap": (_KL, "%.4f"),
                        "wasserstein": ("mean W1", "%.3f")},
    "data_set": {"test_log_likelihood": ("log p(x)", "%.3f"), "test_elbo": ("ELBO", "%.3f"),
                 "test_inference_gap": (_KL, "%.3f")}}
_QUALITY = {"known_images": "log_likelihood", "given_posterior": "wasserstein", "data_set": "test_log_likelihood"}
# What a reader may have, and the problem in which it is seen.
_SITUATIONS = {
    "One mode, smooth": "logistic_regression", "One mode, bent": "banana", "One for each x": "explaining_away",
    "Fat tails": "stan_gauss", "A heavy-tailed slope": "your_own_model", "A long tail": "eight_schools", "A hole": "donut",
    "Two modes": "stan_eight_schools"}
_OF_IMAGES = ("four_images", "digits", "digits_8")
_DRAWN = {"explaining_away": 2, "banana": 1, "donut": 1, "stan_eight_schools": 1}  # problems, and how many x of each
_DRAWN_METHODS = ("full_rank", "iaf", "coupling", "spline", "avb", "hmc")
_NO_Q = ("maximum_likelihood",)  # no approximate posterior: not ranked among those
_LEGEND = """\
- Mean over seeds (smallest to largest), nats. log p(x): of test images, of all four images, or the evidence of a posterior.
- ELBO and KL(q || p(z|x)), of q from the exact posterior: by q's density. AVB's are by nearest neighbours, with an error: of
  given posteriors a KL of a single run below .03 says no more than that, and one below 0 is such an error. SIVI's and the
  auxiliary VAEs' are bounds: their ELBO is at least, their KL at most what stands here. "By T": the discriminator's word alone,
  no bound.
- W1: Wasserstein-1 of the coordinates' marginals in exact standard deviations, their mean and the largest (of derived
  quantities, too); in the row "exact" what as many exact samples have. Images have none: no exact samples are drawn there.
- Where a table has no row of AVB without adaptive contrast, our config of AVB for that problem has it.
- CPU seconds: of one training, or sampling with its warm-up, on one thread; an AVB row that was made by `make posteriors` or
  `make digits` has those of all its threads. Compare them within one table only.
- IWAE: trained by the bound of 16 samples; ELBO, KL and W1 are of q as it is, not weighted. Maximum likelihood: the decoder
  alone, by 2048 samples of the prior. AVB + AC*: the known density is a part of T, which the paper doesn't have."""


def _title(method):
    """What tables call a method: its name in rivals.yaml if it is one of the reader's own."""
    return TITLES.get(method, method)


class _Result(NamedTuple):
    """What a method made of a problem.

    Attributes:
        method: str.
        title: str, what tables call it.
        values: of each run, as of rivals_search.values_of; cpu_seconds: floats, of each.
        records: of each run; () of a sampler.
        samples: of a sampler, float64 [n_x, n, k], quantities, as of posterior_comparison.Method; else None.
        is_doubted: bool, a sampler's chains don't agree.
    """

    method: str
    title: str
    values: Tuple[Dict, ...]
    cpu_seconds: Tuple[float, ...]
    records: Tuple[Record, ...] = ()
    samples: Optional[np.ndarray] = None
    is_doubted: bool = False

    def of_all(self, name):
        """A value of each run, a list; None where a run lacks it."""
        return [own[name] for own in self.values] if all(name in own for own in self.values) else None


class _Compared(NamedTuple):
    """A problem, its tasks.task.Task, and the _Results of each comparison; floor: mean W1 of exact samples, or None."""

    problem: Any
    task: Any
    title: str
    results: Dict[str, list]
    floor: Optional[float] = None

    @property
    def last(self):
        """The last comparison that there is, its name and _Results."""
        return next(((name, self.results[name]) for name in reversed(list(_HEADINGS)) if self.results.get(name)), (None, []))


def make(runs, others_folder, run_seeds, out):
    """Write rivals.md, rivals.png and rivals_posteriors.png into the folder `out`, from finished runs, as far as there are.

    Args:
        runs: rivals_search.RivalsRuns.
        others_folder: str, where `make posteriors` leaves a sampler's draws, and they are kept.
        run_seeds: sequence of int, the seeds of each run; with fewer than SEEDS the page is called a draft.
        out: str. rivals_posteriors.png is drawn where all folders are that it is drawn from; else the one that is there stays.

    Raises:
        InputError: there is no finished run.
    """
    baselines = load_baselines(os.path.join(runs.configs_folder, "posteriors", "baselines.yaml"))
    n_wanted = len(_HEADINGS) * sum(map(len, runs.rivals.values())) * len(run_seeds)
    compared, n_missing, diverged = {}, 0, []
    for name, of_problem in runs.rivals.items():
        results = {}
        for comparison in _HEADINGS:
            of_all = [(rival, _found(runs, rival, comparison, run_seeds)) for rival in of_problem.values()]
            n_missing += sum(len(run_seeds) - len(records) for _, records in of_all)
            diverged += ["%s on %s at equal %s, seed %d" % (_title(rival.method), rival.problem, _AT[comparison], record.seed)
                         for rival, records in of_all for record in records if record.has_diverged]
            results[comparison] = [_result(rival, records) for rival, records in of_all if len(records) == len(
                run_seeds) and not any(record.has_diverged for record in records)]
        first = next(iter(of_problem.values())).config()
        floor = None
        if first.task == "given_posterior" and any(results.values()):
            sampled, floor = _sampled(name, first, baselines, run_seeds, others_folder)
            results = {comparison: own and [*own, *sampled] for comparison, own in results.items()}
        problem = problem_of(first)
        title = "%s, %d dimensions" % (problem.title, first.model.latent_dim)
        compared[name] = _Compared(problem, task_of(first), title, results, floor)
    runs.records.write()
    if not any(own.last[1] for own in compared.values()):
        raise InputError("no finished run with seeds %s; scripts/sweep.py makes them" % ", ".join(map(str, run_seeds)))
    paths = [os.path.join(out, name) for name in ("rivals.md", "rivals.png", "rivals_posteriors.png")]
    figures.quality_against_time(paths[1], [_panel(own) for own in compared.values() if own.last[1]])
    drawn = {name: _drawn(compared[name]) for name in _DRAWN if name in compared and compared[name].last[1]}
    if all(result.samples is not None or result.records[0].folder for own in drawn.values() for result in own):
        figures.compared_on_given_posteriors(paths[2], [
            _picture(compared[name], own, _DRAWN[name]) for name, own in drawn.items()])
    else:
        print("%s stays: the folders of its runs are not here" % paths.pop())
    files.write_text(paths[0], _page(compared, n_missing, n_wanted, diverged, run_seeds, configs(runs, run_seeds)))
    print("Written to %s" % ", ".join(paths))


def _found(runs, rival, comparison, run_seeds):
    """The Records of a Rival's runs that are there, a tuple."""
    found = (runs.find(rival, config) for config in runs.configs(rival, comparison, run_seeds))
    return tuple(record for record in found if record is not None)


def _result(rival, records):
    mark = "*" if getattr(rival.config().model, "known_density", False) else ""
    return _Result(rival.method, _title(rival.method) + mark, tuple(record.values for record in records),
                   tuple(record.cpu_seconds for record in records), records)


def _sampled(name, config, baselines, run_seeds, others_folder):
    """The _Results of the samplers on a config's problem, and the mean W1 of as many exact samples.

    Their draws are kept where make posteriors keeps them.
    """
    folder = os.path.join(others_folder, "posteriors", name)
    os.makedirs(folder, exist_ok=True)
    problem, results, floors = problem_of(config), [], []
    known = references_if_known(problem)[0]
    for sampler in samplers.suited_to(problem):
        method = posterior_comparison.sampled(sampler, problem, posterior_comparison.identity(config), known,
                                              getattr(baselines, sampler), run_seeds, folder)
        metrics = method.group.metrics
        is_doubted = not posterior_comparison.has_converged(metrics)
        results.append(_Result(
            sampler, _title(sampler) + ", not converged" * is_doubted,
            tuple(values_of(task_of(config), own) for own in metrics), tuple(own["cpu_seconds"] for own in metrics),
            samples=method.samples, is_doubted=is_doubted))
        floors += [own["wasserstein_noise_floor"] for own in metrics]
    return results, float(np.mean(floors))


def _table(own, results):
    columns, is_given, rows = _COLUMNS[own.task.name], own.task.name == "given_posterior", []
    if is_given:
        evidence = next((result.values[0]["log_evidence"] for result in results if "log_evidence" in result.values[0]), None)
        exact = "" if evidence is None else "%.4f" % evidence
        rows.append(["*exact*", exact, exact, "0", "%.3f" % own.floor, "", "", ""])
    for result in results:
        cells = []
        for name, (_, form) in columns.items():
            values, by_t = result.of_all(name), result.of_all(name + BY_T)
            cells.append(mean_and_range(values, form) if values else "by T: " + mean_and_range(by_t, form) if by_t else "")
        if is_given:
            values = result.of_all(LARGEST)
            cells.append("%s %s" % (posterior_comparison.one_or_various(result.of_all(LARGEST_OF)), mean_and_range(
                values, "%.3f")) if values else "")
        rows.append([result.title, *cells, "%d" % result.records[0].n_iterations if result.records else "",
                     mean_and_range(result.cpu_seconds, "%.0f")])
    titles = [title for title, _ in columns.values()] + ["largest W1"] * is_given
    return markdown_table(["method", *titles, "iterations", "CPU seconds"], rows)


def _panel(own):
    """What figures.quality_against_time draws of a problem."""
    points = {}
    for results in own.results.values():
        for result in results:
            values = result.of_all(_QUALITY[own.task.name])
            title = result.title if result.samples is None else _title(result.method)  # converged or not, of one colour
            points.setdefault(title, {})[float(np.mean(result.cpu_seconds))] = (
                float(np.mean(values)), min(values), max(values))
    return own.title, own.task.metrics[_QUALITY[own.task.name]], points


def _drawn(own):
    """The _Results of a problem that figures.compared_on_given_posteriors draws."""
    results = own.last[1]
    has_avb = any(result.method == "avb" for result in results)
    drawn = [method if has_avb or method != "avb" else "avb_ac" for method in _DRAWN_METHODS]
    return [result for result in results if result.method in drawn]


def _picture(own, drawn, n_x):
    """What figures.compared_on_given_posteriors draws of a problem: the first runs' samples, of its last n_x x."""
    problem, samples = own.problem, {}
    for result in drawn:
        values = result.samples
        if values is None:
            latents = files.read_arrays(os.path.join(result.records[0].folder, run_folder.LATENTS))
            values = measures.quantities_of_each_x(problem, latents["z"], latents["label"])
        samples[_title(result.method)] = values[-n_x:]
    random_state = np.random.RandomState(0)
    exact = {name: array[-n_x:] for name, array in measures.exact_arrays(
        problem, references_if_known(problem)[0], random_state).items()}
    return problem.title, problem.observation_names[-n_x:], problem.coordinates, samples, exact


def _told(scored, form):
    return ", ".join("%s %s" % (title, form % value) for value, title in scored) or "none"


def _advice_on_given(compared):
    """The lines of a table: of each situation the methods that are as near as exact samples, cheapest first, and the others."""
    rows = []
    for situation, own in ((situation, compared[name]) for situation, name in _SITUATIONS.items() if name in compared):
        comparison, results = own.last
        if not results:
            continue
        near, far = [], []
        for result in results:
            distance, seconds = np.mean(result.of_all(LARGEST)), np.mean(result.cpu_seconds)
            if distance <= _NEAR * own.floor and not result.is_doubted:
                near.append((seconds, result.title))
            else:
                far.append((distance, result.title))
        rows.append([situation, own.title, _AT[comparison], _told(sorted(near), "%.0f"), _told(sorted(far), "%.3f")])
    return markdown_table(["posterior", "seen in", "at equal", "as near as exact samples, by CPU seconds",
                           "farther, by their largest W1"], rows)


def _advice_on_images(compared):
    """The lines of a table: of each problem of images the methods by log p(x), those first that none is better than, and by KL.

    A method is better than another if all its runs are; of single runs that can't be said.
    """
    rows = []
    for own in (compared[name] for name in _OF_IMAGES if name in compared):
        comparison, results = own.last
        if not results:
            continue
        scored = sorted(((np.array(result.of_all(_QUALITY[own.task.name])), result.title) for result in results
                         if result.method not in _NO_Q), key=lambda pair: -pair[0].mean())
        best = [title for values, title in scored if not any(other.min() > values.max() for other, _ in scored)]
        in_order = [(values.mean(), title) for values, title in scored]
        kl = next(name for name in ("inference_gap", "test_inference_gap") if name in _COLUMNS[own.task.name])
        gaps = sorted((np.mean(result.of_all(kl)), result.title) for result in results if result.of_all(kl))
        is_one = len(scored[0][0]) == 1
        rows.append([own.title, _AT[comparison], "one seed: can't be said" if is_one else ", ".join(best),
                     _told(in_order, "%.3f"), _told(gaps, "%.3f")])
    return markdown_table(["images", "at equal", "no other is better in log p(x)", "by log p(x), largest first",
                           "by KL(q || p(z|x)), smallest first"], rows)


def configs(runs, run_seeds=SEEDS):
    """Return the configs of all runs of the page, a list; `runs`: rivals_search.RivalsRuns."""
    return [config for of_problem in runs.rivals.values() for rival in of_problem.values() for comparison in _HEADINGS
            for config in runs.configs(rival, comparison, run_seeds)]


def _told_of_seconds(compared):
    """A sentence on how unlike the CPU seconds are that trainings at equal time took; "" if there are none."""
    shares = []
    for own in compared.values():
        seconds = [result.cpu_seconds for result in own.results[TIME] if result.records]
        shares += [of_one / np.median(np.concatenate(seconds)) for of_run in seconds for of_one in of_run]
    return " Their seconds came to %.2f to %.2f times the median on the problem." % (min(shares), max(shares)) if shares else ""


def _page(compared, n_missing, n_wanted, diverged, run_seeds, configs):
    seeds_text = "seed %d alone" % run_seeds[0] if len(run_seeds) == 1 else "seeds %s" % ", ".join(map(str, run_seeds))
    is_draft = n_missing or len(run_seeds) < len(SEEDS)
    missing = "; %d of %d trainings are missing" % (n_missing, n_wanted) if n_missing else ""
    origins = {name: [record.made_by for results in own.results.values() for result in results for record in result.records]
               for name, own in compared.items()}
    of_all = [made_by for of_problem in origins.values() for made_by in of_problem]
    has_several_cpus = len(provenance.cpus_of(of_all)) > 1
    sections = []
    for name, own in compared.items():
        if own.last[1]:
            sections.append("## %s" % (own.title[0].upper() + own.title[1:]))
            if has_several_cpus:
                sections.append("Trained on %s." % " and ".join(provenance.cpus_of(origins[name])))
            for comparison, heading in _HEADINGS.items():
                if own.results[comparison]:
                    sections += ["### %s" % heading, _table(own, own.results[comparison])]
    return markdown_page(
        "# AVB beside its rivals",
        "**A draft: %s%s.**" % (seeds_text, missing) if is_draft else "%s." % seeds_text.capitalize(),
        _LEGEND,
        paragraph(
            "At equal iterations each method has its config's rates, and all methods on a problem the same number of "
            "iterations, of whatever cost. At equal CPU time each trains for about the same seconds (`cpu_seconds` in "
            "`configs/rivals/rivals.yaml`, as the search counted them; on another CPU they come to more or less), with its "
            "rates times %s, whichever is best with seed %d: of the digits by log p(x) of validation images, of the four "
            "images by that of all, of a posterior by KL or W1 (of equally good ones, to %g nats, that nearest to 1). That "
            "was searched on %s; the other problems take the factor that was found on the one that `settings_of` names "
            "there.%s" % (
                " or ".join("%g" % factor for factor in RATE_FACTORS), SEED, NOISE, ", ".join(SEARCHED),
                _told_of_seconds(compared))),
        *[paragraph("Diverged, and so in no table: %s." % "; ".join(diverged))] * bool(diverged),
        provenance.made_by_text(of_all, configs),
        "## Which method for which posterior",
        paragraph(
            "At equal CPU time or, where that was not run, at equal iterations. A method is as near as exact samples if its "
            "largest W1, mean over seeds, is at most %d times the mean W1 that as many exact samples have. Samplers have no "
            "time limit and no q; one whose chains don't agree counts as farther." % _NEAR),
        _advice_on_given(compared),
        paragraph(
            "A method is better than another if its worst run is better than the other's best. Maximum likelihood, which has "
            "no q, is left out."),
        _advice_on_images(compared),
        "![Quality against CPU seconds](rivals.png)",
        ["A line joins a method's runs at equal iterations and at equal CPU time, where both were made; of several seeds a bar",
         "reaches from the smallest to the largest."],
        "![Samples](rivals_posteriors.png)",
        paragraph(
            "Samples of six methods on four problems, first seed, in the plane of the first two coordinates; dark, what is "
            "exact: lines that enclose 50 and 95 % of the posterior or, in ten dimensions, draws of it."),
        *sections,
        ["Written by `make rivals`; `make rivals-search` chooses the settings. A run alone: the config that",
         "`configs/rivals/rivals.yaml` names, with its changes as `--set KEY=VALUE`. [rivals.csv](rivals.csv) has every",
         "training, those of the search among them; what stands there with the same config isn't run again."])
