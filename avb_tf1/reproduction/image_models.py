"""VAEs, flows, AVB and AVB + AC on MNIST and on patches of photographs: for each a page of tables and pictures."""

import os
import shutil
from types import MappingProxyType
from typing import Mapping, NamedTuple, Tuple

import numpy as np

from avb_tf1.config.loading import load_config
from avb_tf1.estimation.densities import mean_and_error
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError
from avb_tf1.page.numbers import mean_and_range
from avb_tf1.report.comparison import markdown_page, markdown_table
from avb_tf1.reproduction import figures
from avb_tf1.reproduction.records import Records
from avb_tf1.runs import contents, provenance, run_folder
from avb_tf1.tasks.data_set.contents import TEST_IMAGES
from avb_tf1.tasks.data_set.measures import METRICS, N_IMPORTANCE_SAMPLES

MODELS = {"vae": "VAE", "flow": "coupling flow", "avb": "AVB", "avb_ac": "AVB + AC"}  # in names of configs -> as a page has it
_HELD = "avb_ac"              # of MODELS, against all others
_FIGURES = ("reconstructions.png", "manifold.png")  # of a run's folder, which the page shows
_N_ERRORS = 3
_N_IMAGES = 250               # at most, whose log p(x) is kept one by one
# Of a Record: log p(x) of each of some images, the same for all models of a page; and, where it was annealed, the mean over the
# annealed images by each of two ways and, with _ERROR, how far that may be off by the samples of these images, not by their
# choice.
_PER_IMAGE = "log_likelihood_of_each"
_WAYS, _OF_ANNEALED, _ERROR = ("log_likelihood", "log_likelihood_importance"), "_of_annealed", "_error"
# What is kept of a run, and with which errors.
_VALUES = ("test_log_likelihood", "test_bits_per_dimension", "test_log_likelihood_importance",
           "test_importance_effective_sample_size", "test_elbo", "test_elbo_discriminator", "test_inference_gap",
           "test_ais_acceptance", "n_annealed_images", "n_test_images")
_ERRORS = ("_standard_error", "_numerical_error", "_bias_left")


class Group(NamedTuple):
    """Models of the same images in as many latent dimensions, which are held against each other.

    Attributes:
        labels: tuple of str, what it is, by the columns of its ImagePage.
        name: str, of the runs, with %s for the key in MODELS; config: likewise, of the file in configs/images.
        seeds: tuple of int.
        parts: key in MODELS -> tuple of float, of the length of the model's config: runs of the first seed that are shorter, or
            longer, than the others.
        overrides: tuple of str, KEY=VALUE, of all its models.
    """

    labels: Tuple[str, ...]
    name: str
    config: str
    seeds: Tuple[int, ...]
    parts: Mapping[str, Tuple[float, ...]] = MappingProxyType({})
    overrides: Tuple[str, ...] = ()


class ImagePage(NamedTuple):
    """A page of docs.

    Attributes:
        name: str, of the page, its table, picture and folder of pictures, and the target of make.
        heading: str; legend: str, under it.
        columns: tuple of str, what a Group's labels are.
        groups: tuple of Group.
        example: str, the config of a run alone, and what has to be set beside the seed.
        published: (number of a group, key in MODELS) -> log p(x) in the paper, as text.
    """

    name: str
    heading: str
    legend: str
    columns: Tuple[str, ...]
    groups: Tuple[Group, ...]
    example: str
    published: Mapping[Tuple[int, str], str] = MappingProxyType({})

    def title_of(self, number):
        """What a group is, as text."""
        return ", ".join("%s: %s" % pair for pair in zip(self.columns, self.groups[number].labels))


_LEGEND = """\
log p(x) of a test image in nats, mean over seeds (smallest to largest): by quadrature with two latent dimensions; above, by
annealed importance sampling of 250 of the images, the same for all models, and the ELBO of all %d, which varies with it.
±: how far the mean over these %d may be off, the largest over seeds; too low: about how far the estimate is biased
downwards. ELBO: by q's density, or by nearest neighbours; "by T" where only the discriminator tells it, no bound. KL: of
q(z|x) from p(z|x). CPU seconds: of one training, on one thread, another beside it."""

MNIST = ImagePage(
    "mnist", "# MNIST on a desk", """\
`configs/images/mnist_*.yaml`, binarised MNIST: a pixel is on with its intensity as probability, drawn afresh in each batch;
the 10,000 test images are drawn once, the same for all models and seeds. Paper: Mescheder, Nowozin, Geiger 2017, other
networks and 2.5 million iterations on a GPU; quoted from memory of it, two of 32 dimensions also second-hand.""",
    ("latent dimensions",), (
        Group(("2",), "mnist_2_%s", "mnist_2_%s", (0,)),
        Group(("8",), "mnist_8_%s", "mnist_8_%s", (0, 1, 2), {model: (0.25, 0.5) for model in MODELS}),
        Group(("32",), "mnist_32_%s", "mnist_32_%s", (0,))), "configs/images/mnist_8_avb_ac.yaml",
    # By AIS, the main table of binarised MNIST; AVB + AC (32) and VAE (32) in README of
    # fangleai/Variational-inference-on-MNIST 1b05a5f, too.
    {(1, "vae"): "-90.9", (1, "avb"): "-91.2", (1, "avb_ac"): "-89.6", (2, "vae"): "-81.9", (2, "avb_ac"): "-80.2"})

_ANNEALED = "evaluation.ais={n_images: 250, n_chains: 4, n_steps: 500}"
PATCHES = ImagePage(
    "patches", "# Patches of photographs", """\
`configs/images/patches_*.yaml`: 8x8 patches of two photographs, of grey (64 values) or colour (192), real values in [0, 1]
with uniform noise; 20,000 to train with, 1000 to test, of other parts of the photographs, the same for all models. A decoder
of Gaussians, of one learned scale, so that log p(x) is a density and may be above 0; bits a dimension are those of the uint8
values, 8 of uniform noise. Networks and rates are the digits', those of decoder and T a third; none was searched here. VAE
and flow are trained for about as many CPU seconds as AVB and AVB + AC, too.""", ("patches", "latent dimensions"), tuple(
        Group((of, "%d" % dim), "patches_%s_%d_%%s" % (of, dim), "patches_%s", (0,), {"vae": (5, 9), "flow": (4, 7)}, (
            "data.color=%s" % ("true" if of == "colour" else "false"), "model.latent_dim=%d" % dim,
            *[_ANNEALED] * (dim > 2)))
        for of in ("grey", "colour") for dim in (2, 8)),
    "configs/images/patches_avb_ac.yaml --set data.color=false --set model.latent_dim=8 --set '%s'" % _ANNEALED)
PAGES = {page.name: page for page in (MNIST, PATCHES)}


class Wanted(NamedTuple):
    """A run: of the group of a number, a model in MODELS and a seed, at a part of its config's length (1: the whole)."""

    group: int
    model: str
    seed: int
    part: float = 1


class ImageRuns:
    """The runs of an ImagePage: in folders, and as its CSV file has them."""

    def __init__(self, page, configs_folder, runs_folder, out):
        """`runs_folder` is where scripts/sweep.py leaves the runs, `out` the folder of the page; InputError as of Records."""
        self.page = page
        self._configs_folder, self._runs_folder = configs_folder, runs_folder
        self.records = Records(os.path.join(out, page.name + ".csv"), _values)

    def wanted(self, seeds=None):
        """Return the Wanted runs of the page; of some seeds only if `seeds` is given."""
        found = [Wanted(number, model, seed, part) for number, group in enumerate(self.page.groups) for model in MODELS
                 for seed in group.seeds for part in (1, *(group.parts.get(model, ()) if seed == group.seeds[0] else ()))]
        return [own for own in found if seeds is None or own.seed in seeds]

    def config(self, own):
        """Return the config of a Wanted run, on one thread, called as its group has it and, of a part, by its iterations."""
        group = self.page.groups[own.group]
        path = os.path.join(self._configs_folder, "images", group.config % own.model + ".yaml")
        config = load_config(path, ["seed=%d" % own.seed, "runtime.inter_op_threads=1", *group.overrides])
        config = config.copy(update={"name": group.name % own.model})
        if own.part == 1:
            return config
        n = round(own.part * config.training.n_iterations)
        return config.copy(update={"name": "%s_%d" % (config.name, n),
                                   "training": config.training.copy(update={"n_iterations": n})})

    def find(self, own):
        """Return the config of a Wanted run, and its Record; None if it isn't made yet."""
        config = self.config(own)
        folder = os.path.join(self._runs_folder, run_folder.name_with_seed(config.name, config.seed))
        return config, self.records.find(config, [folder])


def _values(_, folder, metrics):
    names = [name + suffix for name in _VALUES for suffix in ("", *_ERRORS)]
    values = {name: metrics[name] for name in names if metrics.get(name) is not None}
    ways = [way for way in _WAYS if "test_" + way in metrics]
    arrays = contents.read_part(folder, TEST_IMAGES, [way + suffix for way in ways for suffix in ("", _ERROR)])
    taken = np.flatnonzero(~np.isnan(arrays["log_likelihood"]))
    values[_PER_IMAGE] = tuple(arrays["log_likelihood"][taken[::-(-len(taken) // _N_IMAGES)]])
    for way in ways if "n_annealed_images" in metrics else ():
        errors = arrays[way + _ERROR][taken]
        values[way + _OF_ANNEALED] = float(arrays[way][taken].mean())
        values[way + _OF_ANNEALED + _ERROR] = float(np.sqrt((errors**2).sum()) / len(errors))
    return values


def write_configs(runs, seed, out):
    """Write the configs of a seed that are still to be run into the folder `out`, for scripts/sweep.py; `runs`: ImageRuns."""
    runs.records.still_to_run([runs.find(own) for own in runs.wanted((seed,))], out)


def make(runs, out):
    """Write the page of ImageRuns, its picture and its models' pictures into the folder `out`, as far as there are runs.

    Raises:
        InputError: there is no finished run, or a file of one is damaged.
    """
    page = runs.page
    found = {own: record for own, record in ((own, runs.find(own)[1]) for own in runs.wanted()) if record is not None}
    if all(record.has_diverged for record in found.values()):
        raise InputError("no run for %s.md is finished; make %s makes them" % (page.name, page.name))
    os.makedirs(os.path.join(out, page.name), exist_ok=True)
    for own, record in found.items():
        if own.part == 1 and own.seed == 0 and record.folder is not None:
            for name in _FIGURES:
                path = os.path.join(record.folder, name)
                if os.path.isfile(path):
                    shutil.copyfile(path, os.path.join(out, _picture(page, own, name)))
    runs.records.write()
    paths = [os.path.join(out, name) for name in (page.name + ".md", page.name + ".png", page.name)]
    figures.quality_against_time(paths[1], [
        (page.title_of(number), METRICS["test_log_likelihood"],
         {title: points for title, points in ((MODELS[model], _points(found, number, model)) for model in MODELS) if points})
        for number, group in enumerate(page.groups) if any(own.group == number for own in found)])
    files.write_text(paths[0], _page(page, found, len(runs.wanted()), out))
    print("Written to %s, %s and %s" % tuple(paths))


def _picture(page, own, name):
    """The path of a model's picture, from the page's folder."""
    return os.path.join(page.name, "%s_%s" % (page.groups[own.group].name % own.model, name))


def _of_seeds(found, number, model, part=1):
    """The Records of a model of a group at a part of its length, by seed; those that diverged left out."""
    return {own.seed: record for own, record in found.items()
            if own[:2] == (number, model) and own.part == part and not record.has_diverged}


def _parts(found, number, model):
    """Those parts of its length at which there are runs of a model, the whole among them."""
    return sorted({own.part for own in found if own[:2] == (number, model)})


def _points(found, number, model):
    """What figures.quality_against_time draws of a model: mean CPU seconds -> mean, smallest and largest log p(x)."""
    points = {}
    for part in _parts(found, number, model):
        records = _of_seeds(found, number, model, part).values()
        values = [record.values["test_log_likelihood"] for record in records]
        if values:
            points[float(np.mean([record.cpu_seconds for record in records]))] = (np.mean(values), min(values), max(values))
    return points


def _page(page, found, n_wanted, out):
    n_missing = n_wanted - len(found)
    return markdown_page(
        page.heading,
        "**A draft: %d of %d runs are missing.**" % (n_missing, n_wanted) if n_missing else
        "All of its %d runs are made." % n_wanted,
        page.legend,
        _LEGEND % ((next(record.values["n_test_images"] for record in found.values() if not record.has_diverged),) * 2),
        provenance.made_by_text([record.made_by for record in found.values()]),
        _table(page, found),
        "![log p(x) against CPU time](%s.png)" % page.name,
        ["A line joins runs of a model at parts of its config's length, each with its own falling rates; bars reach from the",
         "smallest to the largest seed."],
        "## AVB with adaptive contrast beside the others",
        _comparison(page, found),
        "## Annealing beside importance sampling",
        _agreement(page, found),
        "## Pictures",
        ["Seed 0. Test images, what the decoder makes of a code of each, and images of samples of the prior; with two latent",
         "dimensions what it makes of the prior's quantiles."],
        *_pictures(page, found, out),
        ["Written by `make %s`, which trains a run on each core; [%s.csv](%s.csv) has every run, and what stands there is" % (
            (page.name,) * 3),
         "not run again. One of them alone, with the same bits:",
         "`python scripts/train.py --config %s --set seed=N`." % page.example])


def _cell(records, name, form="%.2f"):
    values = [record.values.get(name) for record in records]
    return "" if None in values else mean_and_range(values, form)


def _title(model, part):
    """A model as a page has it, if it wasn't trained for its config's length with how many times that."""
    return MODELS[model] + ("" if part == 1 else ", %g times as long" % part)


def _table(page, found):
    rows = []
    for number, group in enumerate(page.groups):
        for model in MODELS:
            for part in _parts(found, number, model):
                records = list(_of_seeds(found, number, model, part).values())
                start = [*group.labels, _title(model, part)]
                rows.append([*start, *_cells(records), page.published.get((number, model), "") if part == 1 else ""]
                            if records else [*start, "diverged"])
    columns = [*page.columns, "model", "log p(x)", "±", "too low", "bits a dimension", "ELBO", "KL(q || p(z|x))", "iterations",
               "seeds", "CPU seconds", "paper"]
    rows = [row + [""] * (len(columns) - len(row)) for row in rows]
    kept = [number for number in range(len(columns)) if any(row[number] for row in rows)]
    return markdown_table([columns[number] for number in kept], [[row[number] for number in kept] for row in rows])


def _cells(records):
    elbo, by_t = _cell(records, "test_elbo"), _cell(records, "test_elbo_discriminator")
    errors, biases = ([record.values.get("test_log_likelihood" + suffix) for record in records]
                      for suffix in ("_numerical_error", "_bias_left"))
    return [_cell(records, "test_log_likelihood"), "" if None in errors else "%.3f" % max(errors),
            "" if None in biases else "%.3f" % max(biases), _cell(records, "test_bits_per_dimension", "%.3f"),
            elbo or "by T: " + by_t, _cell(records, "test_inference_gap"), "%d" % records[0].n_iterations,
            "%d" % len(records), mean_and_range([record.cpu_seconds for record in records], "%.0f")]


def differences(first, second):
    """Return the mean over seeds and images of first - second, and two standard errors of it.

    Args:
        first, second: float [n_seeds, n_images], log p(x) of the same images under two models.

    Returns:
        floats: the mean; its standard error with the images as a sample, by the mean over seeds of each; and with the seeds as
        a sample, NaN of a single one.
    """
    of_each = np.subtract(first, second)
    n_seeds = len(of_each)
    of_seeds = of_each.mean(axis=1)
    over_seeds = float(of_seeds.std(ddof=1) / np.sqrt(n_seeds)) if n_seeds > 1 else float("nan")
    return (*mean_and_error(of_each.mean(axis=0)), over_seeds)


def _comparison(page, found):
    rows = []
    for number, group in enumerate(page.groups):
        held = _of_seeds(found, number, _HELD)
        for model, part in ((other, part) for other in MODELS if other != _HELD for part in _parts(found, number, other)):
            others = _of_seeds(found, number, model, part)
            pairs = [(held[seed].values[_PER_IMAGE], others[seed].values[_PER_IMAGE]) for seed in held if seed in others]
            if pairs:
                mean, over_images, over_seeds = differences(*zip(*pairs))
                counts = abs(mean) > _N_ERRORS * np.nanmax([over_images, over_seeds])
                seconds = [np.mean([record.cpu_seconds for record in own.values()]) for own in (held, others)]
                rows.append([*group.labels, _title(model, part), "%.2f" % (seconds[1] / seconds[0]), "%d" % len(pairs),
                             "%+.2f" % mean, "%.2f" % over_images, "" if np.isnan(over_seeds) else "%.2f" % over_seeds,
                             "yes" if counts else "no"])
    return [*markdown_table([*page.columns, "beside", "its CPU seconds over AVB + AC's", "seeds",
                             "log p(x) of AVB + AC less its, nats an image", "error over images", "error over seeds",
                             "is a difference"], rows), "",
            "Of the annealed images or, where log p(x) is exact, of %d, each under both models; a difference is one that is" %
            _N_IMAGES, "more than %d of both its standard errors." % _N_ERRORS]


def _agreement(page, found):
    rows = []
    for own, record in found.items():
        values = record.values
        if own.part == 1 and all(way + _OF_ANNEALED in values and "test_%s_bias_left" % way in values for way in _WAYS):
            means, errors, biases = ([values[form % way] for way in _WAYS] for form in (
                "%s" + _OF_ANNEALED, "%s" + _OF_ANNEALED + _ERROR, "test_%s_bias_left"))
            difference, error = means[1] - means[0], np.hypot(*errors)
            rows.append([*page.groups[own.group].labels, MODELS[own.model], "%d" % own.seed,
                         *("%.2f ± %.3f" % pair for pair in zip(means, errors)),
                         "%+.2f ± %.3f" % (difference, error), *("%.3f" % bias for bias in biases),
                         "yes" if abs(difference) <= _N_ERRORS * error + max(biases) else "no",
                         "%.0f" % values["test_importance_effective_sample_size"]])
    return [*markdown_table([*page.columns, "model", "seed", "AIS", "importance sampling", "difference", "AIS too low",
                             "importance sampling too low", "agree",
                             "samples of %d that count" % N_IMPORTANCE_SAMPLES], rows), "",
            "Means over the annealed images alone, the same ones by both, so that ± has no choice of images. They agree if the",
            "difference is at most %d of its errors and the larger bias. Importance sampling with a q that misses a part of" %
            _N_ERRORS, "p(z|x) is lower than its error and its bias tell."]


def _pictures(page, found, out):
    for own in found:
        names = [_picture(page, own, name) for name in _FIGURES]
        shown = [name for name in names if os.path.isfile(os.path.join(out, name))]
        if own.part == 1 and own.seed == 0 and shown:
            yield ["%s, %s:" % (MODELS[own.model], page.title_of(own.group)), "",
                   *("![%s](%s)" % (MODELS[own.model], name.replace(os.sep, "/")) for name in shown)]
