"""VAEs, flows, AVB and AVB + AC on MNIST and on patches of photographs: for each a page of tables and pictures."""

import itertools
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
from avb_tf1.report.comparison import markdown_page, markdown_table, paragraph
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
_TOLERANCE = 0.05             # nats, the largest error of an estimate that is to confirm another
# Of a Record: log p(x) of each of some images, the same ones for all models of a group. Where it was annealed, its mean over
# the annealed images by each of two ways and, with _ERROR, how far that may be off by what was drawn for these images.
_PER_IMAGE = "log_likelihood_of_each"
_WAYS, _OF_ANNEALED, _ERROR = ("log_likelihood", "log_likelihood_importance"), "_of_annealed", "_error"
# What is kept of a run, and with which errors.
_VALUES = (*METRICS, "test_importance_effective_sample_size", "test_ais_acceptance", "n_annealed_images", "n_test_images")
_ERRORS = ("_standard_error", "_numerical_error", "_bias_left")


class Group(NamedTuple):
    """Models of the same images in as many latent dimensions, which are held against each other.

    Attributes:
        labels: tuple of str, what it is, by the columns of its ImagePage.
        name: str, of the runs, with %s for the key in MODELS; config: likewise, of the file in configs/images.
        seeds: tuple of int, 0 the first.
        lengths: key in MODELS -> tuple of float, times the length of the model's config: further runs, of seed 0.
        overrides: tuple of str, KEY=VALUE, of all its models.
    """

    labels: Tuple[str, ...]
    name: str
    config: str
    seeds: Tuple[int, ...]
    lengths: Mapping[str, Tuple[float, ...]] = MappingProxyType({})
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
annealed importance sampling of 250 of the images, the same for all models, and the ELBO (of AVB by T) of all %d, which varies
with it. ±: how far the mean over these %d may be off, a standard error, or where it is by quadrature about a bound; the
largest over seeds. Too low: about how far the estimate is biased downwards. ELBO: by q's density; of AVB by nearest neighbours
of 300 of the images, or "by T" where only the discriminator tells it, no bound. KL: of q(z|x) from p(z|x), log p(x) less the
ELBO. CPU seconds: of one training, on one thread, with others on the other cores."""
_CURVES = """\
A line joins runs of a model of several lengths, each with its own falling rates; other lengths than the config's are of seed 0
alone. Bars reach from the smallest to the largest seed."""
_COMPARED = """\
Mean over seeds and images: of the annealed ones or, where log p(x) is exact, of at most %d, evenly spaced among the test
images, each under both models. A difference is one that is more than %d of both its standard errors plus the larger bias of the
two; of one seed more than %d of the error over images plus that bias, which tells nothing of other seeds."""
_AGREED = """\
Means over the annealed images alone, the same ones by both; ± leaves the choice of images out. They agree if the difference is
at most %d times its error plus the larger of both biases; that is not said where an error or a bias is above %g nats. AVB's q
has no density, so that nothing confirms its annealing. A quarter of the samples are of q, the others about the states that
annealing ended in, so that an exact q has fewer that count than %d, too. Neither estimate takes the other's value; a part of
p(z|x) that q and the chains miss is missing from both."""
_SHOWN = """\
Seed 0. Test images, what the decoder makes of a code of each, and images of samples of the prior; with two latent dimensions
its images at the prior's quantiles."""

MNIST = ImagePage(
    "mnist", "# MNIST on a desk", """\
`configs/images/mnist_*.yaml`, binarised MNIST: a pixel is on with its intensity as probability, drawn afresh in each batch;
the 10,000 test images are drawn once, the same for all models and seeds. In eight dimensions alone models are trained for
fewer iterations, too, so that there are curves: AVB for .4 of its iterations and AVB + AC for .6 take about the CPU seconds of
the VAE. AVB + AC's 36,000 iterations were not chosen fairly: it had 60,000 until seed 0, measured on these test images, went
astray. Paper: Mescheder, Nowozin, Geiger 2017, other networks and 2.5 million iterations on a GPU; quoted from memory of it,
those of 32 dimensions also from the README of another project.""",
    ("latent dimensions",), (
        Group(("2",), "mnist_2_%s", "mnist_2_%s", (0,)),
        Group(("8",), "mnist_8_%s", "mnist_8_%s", (0, 1, 2), {
            "vae": (0.25, 0.5), "flow": (0.25, 0.5), "avb": (0.2, 0.4), "avb_ac": (0.3, 0.6)}),
        Group(("32",), "mnist_32_%s", "mnist_32_%s", (0,))), "configs/images/mnist_8_avb_ac.yaml",
    # By AIS, the main table of binarised MNIST; AVB + AC (32) and VAE (32) in README of
    # fangleai/Variational-inference-on-MNIST 1b05a5f, too.
    {(1, "vae"): "-90.9", (1, "avb"): "-91.2", (1, "avb_ac"): "-89.6", (2, "vae"): "-81.9", (2, "avb_ac"): "-80.2"})

_ANNEALED = "evaluation.ais={n_images: 250, n_chains: 4, n_steps: 500}"
PATCHES = ImagePage(
    "patches", "# Patches of photographs", """\
`configs/images/patches_*.yaml`: 8x8 patches of two photographs, of grey (64 values) or colour (192), real values in [0, 1]
with uniform noise; 20,000 to train with, 1000 to test, of other parts of the photographs, the same for all models. p(x|z) is
Gaussian with one learned standard deviation, so p(x) is a density, whose log may be above 0; bits a dimension are those of
the uint8 values (uniform noise has 8). Networks are those of the digits' models of two latent dimensions, in eight dimensions,
too; all rates are a third of theirs but that of AVB + AC's encoder, which is the same. None was searched here. VAE
and flow are trained for about as many CPU seconds as AVB and AVB + AC, too.""", ("patches", "latent dimensions"), tuple(
        Group((of, "%d" % dim), "patches_%s_%d_%%s" % (of, dim), "patches_%s", (0,), {"vae": (5, 9), "flow": (4, 7)}, (
            "data.color=%s" % ("true" if of == "colour" else "false"), "model.latent_dim=%d" % dim, _ANNEALED))
        for of in ("grey", "colour") for dim in (2, 8)),
    "configs/images/patches_avb_ac.yaml --set data.color=false --set model.latent_dim=8 --set '%s'" % _ANNEALED)
PAGES = {page.name: page for page in (MNIST, PATCHES)}


class Wanted(NamedTuple):
    """A run: of the group of a number, a model in MODELS and a seed, of `length` times its config's iterations."""

    group: int
    model: str
    seed: int
    length: float = 1


class ImageRuns:
    """The runs of an ImagePage: in folders, and as its CSV file has them."""

    def __init__(self, page, configs_folder, runs_folder, out):
        """`runs_folder` is where scripts/sweep.py leaves the runs, `out` the folder of the page; InputError as of Records."""
        self.page = page
        self._configs_folder, self._runs_folder = configs_folder, runs_folder
        self._path = os.path.join(out, page.name + ".csv")
        self.records = Records(self._path, _values)

    def wanted(self, seeds=None):
        """Return the Wanted runs of the page; of some seeds only if `seeds` is given."""
        found = [Wanted(number, model, seed, length) for number, group in enumerate(self.page.groups) for model in MODELS
                 for seed in group.seeds for length in (1, *(group.lengths.get(model, ()) if seed == 0 else ()))]
        return [own for own in found if seeds is None or own.seed in seeds]

    def config(self, own):
        """Return the config of a Wanted run, on one thread, called as its group has it and, if need be, by its iterations."""
        group = self.page.groups[own.group]
        path = os.path.join(self._configs_folder, "images", group.config % own.model + ".yaml")
        config = load_config(path, ["seed=%d" % own.seed, "runtime.inter_op_threads=1", *group.overrides])
        config = config.copy(update={"name": group.name % own.model})
        if own.length == 1:
            return config
        n = round(own.length * config.training.n_iterations)
        return config.copy(update={"name": "%s_%d" % (config.name, n),
                                   "training": config.training.copy(update={"n_iterations": n})})

    def configs(self):
        """Return the configs of all runs of the page, a list."""
        return [self.config(own) for own in self.wanted()]

    def find(self, own):
        """Return the config of a Wanted run, and its Record; None if it isn't made yet.

        Raises InputError if a file of the run is damaged, or its line in the CSV file lacks a number.
        """
        config = self.config(own)
        folder = os.path.join(self._runs_folder, run_folder.name_with_seed(config.name, config.seed))
        record = self.records.find(config, [folder])
        if record is not None and not record.has_diverged and not _is_whole(record.values):
            raise InputError("%s: the line of %s, seed %d, lacks numbers; without that line it is made again" % (
                self._path, record.run, record.seed))
        return config, record


def _values(_, folder, metrics):
    values = {name: METRICS[name].value(metrics[name]) if name in METRICS else metrics[name] for name in _VALUES
              if name in metrics}
    values.update({name + error: metrics[name + error] for name in _VALUES for error in _ERRORS
                   if metrics.get(name + error) is not None})
    ways = [way for way in _WAYS if "test_" + way in metrics] if "n_annealed_images" in metrics else []
    arrays = contents.read_part(folder, TEST_IMAGES, [_WAYS[0], *(way + _ERROR for way in ways), *ways])
    taken = np.flatnonzero(~np.isnan(arrays[_WAYS[0]]))
    contents.require_fit(len(taken) > 1 and all(array.shape == (metrics["n_test_images"],) for array in arrays.values())
                         and not any(np.isnan(arrays[way + _ERROR][taken]).any() for way in ways), folder, TEST_IMAGES)
    values[_PER_IMAGE] = tuple(arrays[_WAYS[0]][taken[::-(-len(taken) // _N_IMAGES)]])
    for way in ways:
        errors = arrays[way + _ERROR][taken]
        values[way + _OF_ANNEALED] = float(arrays[way][taken].mean())
        values[way + _OF_ANNEALED + _ERROR] = float(np.sqrt((errors**2).sum()) / len(errors))
    return values


def _is_whole(values):
    """Whether a Record's values, which may come from a file that was edited, have what those of each model have."""
    return {"test_log_likelihood", "n_test_images"} <= set(values) and isinstance(values.get(_PER_IMAGE), tuple)


def write_configs(runs, seed, out):
    """Write the configs of a seed that are still to be run into the folder `out`, for scripts/sweep.py; `runs`: ImageRuns."""
    runs.records.still_to_run([runs.find(own) for own in runs.wanted((seed,))], out)


def make(runs, out):
    """Write the page of ImageRuns, its picture and its models' pictures into the folder `out`, as far as there are runs.

    Raises:
        InputError: there is no finished run, or a file of one is damaged.
    """
    page, found, diverged = runs.page, {}, []
    for own in runs.wanted():
        config, record = runs.find(own)
        if record is not None and record.has_diverged:
            diverged.append("%s, seed %d (%s)" % (config.name, own.seed, record.values["diverged"]))
        elif record is not None:
            found[own] = record
    if not found:
        raise InputError("no run for %s.md came to its end; make %s makes what is missing%s" % (
            page.name, page.name, "; diverged: " + "; ".join(diverged) if diverged else ""))
    os.makedirs(os.path.join(out, page.name), exist_ok=True)
    for own, record in found.items():
        if _is_shown(own) and record.folder is not None:
            for name in _FIGURES:
                path, copy = os.path.join(record.folder, name), os.path.join(out, _picture(page, own, name))
                if os.path.isfile(path):
                    with files.replacing(copy) as temporary:
                        shutil.copyfile(path, temporary)
                elif os.path.isfile(copy):  # of another config than this
                    os.remove(copy)
    runs.records.write()
    paths = [os.path.join(out, name) for name in (page.name + ".md", page.name + ".png", page.name)]
    figures.quality_against_time(paths[1], [
        (page.title_of(number), METRICS["test_log_likelihood"],
         {title: points for title, points in ((MODELS[model], _points(found, number, model)) for model in MODELS) if points})
        for number in range(len(page.groups)) if any(own.group == number for own in found)])
    files.write_text(paths[0], _page(page, found, diverged, runs.configs(), out))
    print("Written to %s, %s and %s" % tuple(paths))


def _is_shown(own):
    """Whether the page shows pictures of a Wanted run."""
    return own.length == 1 and own.seed == 0


def _picture(page, own, name):
    """The path of a model's picture, from the page's folder."""
    return os.path.join(page.name, "%s_%s" % (page.groups[own.group].name % own.model, name))


def _of_seeds(found, number, model, length):
    """The Records of a model of a group, by seed, that were trained for so many times its config's iterations."""
    return {own.seed: record for own, record in found.items() if own[:2] == (number, model) and own.length == length}


def _lengths(found, number, model):
    """For how many times its config's iterations a model was trained, sorted."""
    return sorted({own.length for own in found if own[:2] == (number, model)})


def _points(found, number, model):
    """What figures.quality_against_time draws of a model: mean CPU seconds -> mean, smallest and largest log p(x)."""
    points = {}
    for length in _lengths(found, number, model):
        records = _of_seeds(found, number, model, length).values()
        values = [record.values["test_log_likelihood"] for record in records]
        points[float(np.mean([record.cpu_seconds for record in records]))] = (np.mean(values), min(values), max(values))
    return points


def _page(page, found, diverged, configs, out):
    n_wanted = len(configs)
    n_missing, n_images = n_wanted - len(found) - len(diverged), next(iter(found.values())).values["n_test_images"]
    return markdown_page(
        page.heading,
        "**A draft: %d of %d runs are missing.**" % (n_missing, n_wanted) if n_missing else
        "All of its %d runs are made." % n_wanted,
        *[paragraph("Diverged, and so in no table: %s." % "; ".join(diverged))] * bool(diverged),
        paragraph(page.legend),
        paragraph(_LEGEND % (n_images, n_images)),
        provenance.made_by_text([record.made_by for record in found.values()], configs),
        _table(page, found),
        "![log p(x) against CPU time](%s.png)" % page.name,
        paragraph(_CURVES),
        "## AVB with adaptive contrast beside the others",
        _comparison(page, found),
        paragraph(_COMPARED % (_N_IMAGES, _N_ERRORS, _N_ERRORS)),
        "## Annealing beside importance sampling",
        _agreement(page, found),
        paragraph(_AGREED % (_N_ERRORS, _TOLERANCE, N_IMPORTANCE_SAMPLES)),
        "## Pictures",
        paragraph(_SHOWN),
        *_pictures(page, found, out),
        ["Written by `make %s`, which trains a run on each core; [%s.csv](%s.csv) has every run, and what stands there is" % (
            (page.name,) * 3),
         "not run again. One of them alone, with the same bits:",
         "`python scripts/train.py --config %s --set seed=N`." % page.example])


def _cell(records, name, form="%.2f"):
    """Mean and range of a number, as text; of an infinite one just that, and nothing if none has it."""
    values = [record.values[name] for record in records if name in record.values]
    return mean_and_range(values, form) if values else ""


def _title(model, length):
    return MODELS[model] + ("" if length == 1 else ", %g times as long" % length)


def _table(page, found):
    rows = []
    for number, group in enumerate(page.groups):
        for model in MODELS:
            for length in _lengths(found, number, model):
                records = list(_of_seeds(found, number, model, length).values())
                errors, biases = ([record.values.get("test_log_likelihood" + suffix) for record in records]
                                  for suffix in ("_numerical_error", "_bias_left"))
                elbo, by_t = _cell(records, "test_elbo"), _cell(records, "test_elbo_discriminator")
                rows.append([
                    *group.labels, _title(model, length), _cell(records, "test_log_likelihood"),
                    "" if None in errors else "%.3f" % max(errors), "" if None in biases else "%.3f" % max(biases),
                    _cell(records, "test_bits_per_dimension", "%.3f"), elbo or "by T: " + by_t,
                    _cell(records, "test_inference_gap"), "%d" % records[0].n_iterations, "%d" % len(records),
                    mean_and_range([record.cpu_seconds for record in records], "%.0f"),
                    page.published.get((number, model), "") if length == 1 else ""])
    columns = [*page.columns, "model", "log p(x)", "±", "too low", "bits a dimension", "ELBO", "KL(q || p(z|x))", "iterations",
               "seeds", "CPU seconds", "paper"]
    kept = [number for number in range(len(columns)) if any(row[number] for row in rows)]
    return markdown_table([columns[number] for number in kept], [[row[number] for number in kept] for row in rows])


def differences(first, second):
    """Return the mean over seeds and images of first - second, and two standard errors of it.

    Args:
        first, second: float [n_seeds, n_images], log p(x) of the same images under two models.

    Returns:
        floats: the mean; its standard error with the images as a sample, by the mean over seeds of each; and with the seeds as
        a sample, NaN of a single one.
    """
    of_each = np.subtract(first, second)
    return (*mean_and_error(of_each.mean(axis=0)), mean_and_error(of_each.mean(axis=1))[1])


def _comparison(page, found):
    rows = []
    for number, group in enumerate(page.groups):
        held = [(length, _of_seeds(found, number, _HELD, length)) for length in _lengths(found, number, _HELD)]
        others = [(_title(model, length), _of_seeds(found, number, model, length)) for model in MODELS if model != _HELD
                  for length in _lengths(found, number, model) if length >= 1]
        for (length, own), (title, other) in itertools.product(held, others):
            pairs = [(own[seed], other[seed]) for seed in own if seed in other]
            if pairs:
                of_each = [[record.values[_PER_IMAGE] for record in records] for records in zip(*pairs)]
                mean, over_images, over_seeds = differences(*of_each)
                seconds = np.array([[record.cpu_seconds for record in pair] for pair in pairs]).mean(axis=0)
                bias = max(record.values.get("test_log_likelihood_bias_left", 0.0) for pair in pairs for record in pair)
                counts = abs(mean) > _N_ERRORS * np.nanmax([over_images, over_seeds]) + bias
                rows.append([*group.labels, _title(_HELD, length), title, "%.2f" % (seconds[0] / seconds[1]), "%d" % len(pairs),
                             "%+.2f" % mean, "%.2f" % over_images, "" if np.isnan(over_seeds) else "%.2f" % over_seeds,
                             "%.3f" % bias if bias else "", "yes" if counts else "no"])
    return markdown_table([*page.columns, "model", "beside", "CPU seconds, as a multiple", "seeds",
                           "difference of log p(x), nats", "error over images", "error over seeds", "larger bias",
                           "is a difference"], rows)


def _agreement(page, found):
    rows = []
    for own, record in found.items():
        values = record.values
        if own.length == 1 and all(way + _OF_ANNEALED in values and "test_%s_bias_left" % way in values for way in _WAYS):
            means, errors, biases = ([values[form % way] for way in _WAYS] for form in (
                "%s" + _OF_ANNEALED, "%s" + _OF_ANNEALED + _ERROR, "test_%s_bias_left"))
            difference, error = means[1] - means[0], np.hypot(*errors)
            agree = abs(difference) <= _N_ERRORS * error + max(biases)
            rows.append([*page.groups[own.group].labels, MODELS[own.model], "%d" % own.seed,
                         *("%.2f ± %.3f" % pair for pair in zip(means, errors)),
                         "%+.2f ± %.3f" % (difference, error), *("%.3f" % bias for bias in biases),
                         "too uncertain" if max(*errors, *biases) > _TOLERANCE else "yes" if agree else "no",
                         "%.0f" % values["test_importance_effective_sample_size"]])
    return markdown_table([*page.columns, "model", "seed", "AIS", "importance sampling", "difference", "AIS too low",
                           "importance sampling too low", "agree", "samples of %d that count" % N_IMPORTANCE_SAMPLES], rows)


def _pictures(page, found, out):
    for own in filter(_is_shown, found):
        names = [_picture(page, own, name) for name in _FIGURES]
        shown = [name for name in names if os.path.isfile(os.path.join(out, name))]
        if shown:
            yield ["%s, %s:" % (MODELS[own.model], page.title_of(own.group)), "",
                   *("![%s](%s)" % (MODELS[own.model], name.replace(os.sep, "/")) for name in shown)]
