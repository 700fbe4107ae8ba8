"""MNIST on a desk: VAEs, flows, AVB and AVB + AC beside the paper's numbers, a page of tables and pictures."""

import os
import shutil
from typing import NamedTuple

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

DIMS = (2, 8, 32)
KINDS = {"vae": "VAE", "flow": "coupling flow", "avb": "AVB", "avb_ac": "AVB + AC"}
SEEDS = {2: (0,), 8: (0, 1, 2), 32: (0,)}    # by latent dimensions
PARTS = (0.25, 0.5)                          # of the length, runs of eight dimensions, seed 0, for the learning curves
KEPT, FOLDER = "mnist.csv", "mnist"          # in docs: the Records, and the pictures of each model
_CURVES = 8                                  # the dimensions of which lengths are compared
_FIGURES = ("reconstructions.png", "manifold.png")  # of a run's folder, which the page shows
_N_ERRORS = 3
# Of a Record above two dimensions, of the annealed images alone: log p(x) of each, in their order; the mean by each of two ways
# and, with _ERROR, how far that may be off by the samples of these images, not by their choice.
_PER_IMAGE = "log_likelihood_of_each"
_WAYS, _OF_ANNEALED, _ERROR = ("log_likelihood", "log_likelihood_importance"), "_of_annealed", "_error"
# What is kept of a run, and with which errors.
_VALUES = ("test_log_likelihood", "test_log_likelihood_importance", "test_importance_effective_sample_size", "test_elbo",
           "test_elbo_discriminator", "test_inference_gap", "test_ais_acceptance", "n_annealed_images", "n_test_images")
_ERRORS = ("_standard_error", "_numerical_error", "_bias_left")
# log p(x) of test images in Mescheder, Nowozin, Geiger 2017, by AIS, its main table of binarised MNIST: quoted from memory of
# the paper, but AVB + AC (32) and VAE (32), which README of fangleai/Variational-inference-on-MNIST 1b05a5f quotes, too.
PUBLISHED = {(8, "vae"): "-90.9", (8, "avb"): "-91.2", (8, "avb_ac"): "-89.6", (32, "vae"): "-81.9", (32, "avb_ac"): "-80.2"}


_LEGEND = """\
`configs/images/mnist_*.yaml`, binarised MNIST: a pixel is on with its intensity as probability, drawn afresh in each batch;
the 10,000 test images are drawn once, the same for all models and seeds. log p(x) of a test image in nats, mean over seeds
(smallest to largest): by quadrature with two latent dimensions; above, by annealed importance sampling of 250 of the
images, the same for all models, and the ELBO of all 10,000, which varies with it. ±: how far the mean over these 10,000 may
be off, the largest over seeds; too low: about how far the estimate is biased downwards. ELBO: by q's density, or by nearest
neighbours; "by T" where only the discriminator tells it, no bound. KL: of q(z|x) from p(z|x). CPU seconds: of one training,
on one thread. Paper: Mescheder, Nowozin, Geiger 2017, other networks and 2.5 million iterations on a GPU; quoted from
memory of it, two of 32 dimensions also second-hand."""


class Wanted(NamedTuple):
    """A run: of a model and a seed, at a part of its config's length (1: the whole)."""

    dim: int
    kind: str
    seed: int
    part: float = 1

    def config(self, configs_folder):
        """Return its config: configs/images/mnist_*.yaml on one thread, its name the file's and, of a part, the iterations."""
        path = os.path.join(configs_folder, "images", "mnist_%d_%s.yaml" % (self.dim, self.kind))
        config = load_config(path, ["seed=%d" % self.seed, "runtime.inter_op_threads=1"])
        if self.part == 1:
            return config
        n = round(self.part * config.training.n_iterations)
        return config.copy(update={"name": "%s_%d" % (config.name, n),
                                   "training": config.training.copy(update={"n_iterations": n})})


def wanted(seeds=None):
    """Return the Wanted runs of the page; of some seeds only if `seeds` is given."""
    whole = [Wanted(dim, kind, seed) for dim in DIMS for kind in KINDS for seed in SEEDS[dim]]
    parts = [Wanted(_CURVES, kind, 0, part) for part in PARTS for kind in KINDS]
    return [own for own in whole + parts if seeds is None or own.seed in seeds]


class MnistRuns:
    """The configs, and the runs of them: in folders, and as KEPT has them."""

    def __init__(self, configs_folder, runs_folder, out):
        """`runs_folder` is where scripts/sweep.py leaves the runs, `out` the folder of the page; InputError as of Records."""
        self._configs_folder, self._runs_folder = configs_folder, runs_folder
        self.records = Records(os.path.join(out, KEPT), _values)

    def find(self, own):
        """Return the config of a Wanted run, and its Record; None if it isn't made yet."""
        config = own.config(self._configs_folder)
        folder = os.path.join(self._runs_folder, run_folder.name_with_seed(config.name, config.seed))
        return config, self.records.find(config, [folder])


def _values(_, folder, metrics):
    names = [name + suffix for name in _VALUES for suffix in ("", *_ERRORS)]
    values = {name: metrics[name] for name in names if metrics.get(name) is not None}
    if "n_annealed_images" in metrics:
        ways = [way for way in _WAYS if "test_" + way in metrics]
        arrays = contents.read_part(folder, TEST_IMAGES, [way + suffix for way in ways for suffix in ("", _ERROR)])
        taken = ~np.isnan(arrays["log_likelihood"])
        values[_PER_IMAGE] = tuple(arrays["log_likelihood"][taken])
        for way in ways:
            errors = arrays[way + _ERROR][taken]
            values[way + _OF_ANNEALED] = float(arrays[way][taken].mean())
            values[way + _OF_ANNEALED + _ERROR] = float(np.sqrt((errors**2).sum()) / len(errors))
    return values


def write_configs(runs, seed, out):
    """Write the configs of a seed that are still to be run into the folder `out`, for scripts/sweep.py; `runs`: MnistRuns."""
    runs.records.still_to_run([runs.find(own) for own in wanted((seed,))], out)


def make(runs, out):
    """Write mnist.md, mnist.png and the models' pictures into the folder `out`, as far as there are runs.

    Raises:
        InputError: there is no finished run, or a file of one is damaged.
    """
    found = {own: record for own, record in ((own, runs.find(own)[1]) for own in wanted()) if record is not None}
    if not found:
        raise InputError("no run of MNIST is finished; make mnist makes them")
    os.makedirs(os.path.join(out, FOLDER), exist_ok=True)
    for own, record in found.items():
        if own.part == 1 and own.seed == 0 and record.folder is not None:
            for name in _FIGURES:
                path = os.path.join(record.folder, name)
                if os.path.isfile(path):
                    shutil.copyfile(path, os.path.join(out, _picture(own, name)))
    runs.records.write()
    figures.quality_against_time(os.path.join(out, "mnist.png"), [
        ("MNIST, %d latent dimensions" % dim, METRICS["test_log_likelihood"],
         {title: points for title, points in ((KINDS[kind], _points(found, dim, kind)) for kind in KINDS) if points})
        for dim in DIMS if any(own.dim == dim for own in found)])
    files.write_text(os.path.join(out, "mnist.md"), _page(found, out))
    print("Written to %s, %s and %s" % tuple(os.path.join(out, name) for name in ("mnist.md", "mnist.png", FOLDER)))


def _picture(own, name):
    """The path of a model's picture, from the page's folder."""
    return os.path.join(FOLDER, "mnist_%d_%s_%s" % (own.dim, own.kind, name))


def _of_seeds(found, dim, kind, part=1):
    """The Records of a model at a part of its length, by seed."""
    return {own.seed: record for own, record in found.items() if own[:2] == (dim, kind) and own.part == part}


def _points(found, dim, kind):
    """What figures.quality_against_time draws of a model: mean CPU seconds -> mean, smallest and largest log p(x)."""
    points = {}
    for part in (*PARTS, 1):
        records = _of_seeds(found, dim, kind, part).values()
        values = [record.values["test_log_likelihood"] for record in records]
        if values:
            points[float(np.mean([record.cpu_seconds for record in records]))] = (np.mean(values), min(values), max(values))
    return points


def _page(found, out):
    n_missing, n_wanted = len(wanted()) - len(found), len(wanted())
    return markdown_page(
        "# MNIST on a desk",
        "**A draft: %d of %d runs are missing.**" % (n_missing, n_wanted) if n_missing else
        "All of its %d runs are made." % n_wanted,
        _LEGEND,
        provenance.made_by_text([record.made_by for record in found.values()]),
        _table(found),
        "![log p(x) against CPU time](mnist.png)",
        ["A line joins runs of a quarter, a half and the whole of a config's length, each with its own falling rates; bars",
         "reach from the smallest to the largest seed."],
        "## AVB with adaptive contrast beside the VAE",
        _comparison(found),
        "## Annealing beside importance sampling",
        _agreement(found),
        "## Pictures",
        ["Seed 0. Test images, what the decoder makes of a code of each, and images of samples of the prior; with two latent",
         "dimensions what it makes of the prior's quantiles."],
        *_pictures(found, out),
        ["Written by `make mnist`, which trains a run on each core; [mnist.csv](mnist.csv) has every run, and what stands",
         "there is not run again. One of them alone, with the same bits:",
         "`python scripts/train.py --config configs/images/mnist_8_avb_ac.yaml --set seed=N`."])


def _cell(records, name, form="%.2f"):
    values = [record.values.get(name) for record in records]
    return "" if None in values else mean_and_range(values, form)


def _table(found):
    rows = []
    for dim, kind in ((dim, kind) for dim in DIMS for kind in KINDS):
        records = list(_of_seeds(found, dim, kind).values())
        if records:
            elbo, by_t = _cell(records, "test_elbo"), _cell(records, "test_elbo_discriminator")
            errors, biases = ([record.values.get("test_log_likelihood" + suffix) for record in records]
                              for suffix in ("_numerical_error", "_bias_left"))
            rows.append([
                "%d" % dim, KINDS[kind], _cell(records, "test_log_likelihood"), "%.3f" % max(errors),
                "" if None in biases else "%.3f" % max(biases), elbo or "by T: " + by_t, _cell(records, "test_inference_gap"),
                PUBLISHED.get((dim, kind), ""), "%d" % records[0].n_iterations, "%d" % len(records),
                mean_and_range([record.cpu_seconds for record in records], "%.0f")])
    return markdown_table(["latent dimensions", "model", "log p(x)", "±", "too low", "ELBO", "KL(q || p(z|x))", "paper",
                           "iterations", "seeds", "CPU seconds"], rows)


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


def _comparison(found):
    rows = []
    for dim in DIMS[1:]:
        pairs = [(own.values[_PER_IMAGE], other.values[_PER_IMAGE]) for own, other in (
            (record, _of_seeds(found, dim, "vae").get(seed)) for seed, record in _of_seeds(found, dim, "avb_ac").items())
            if other is not None]
        if pairs:
            mean, over_images, over_seeds = differences(*zip(*pairs))
            counts = abs(mean) > _N_ERRORS * np.nanmax([over_images, over_seeds])
            rows.append(["%d" % dim, "%d" % len(pairs), "%+.2f" % mean, "%.2f" % over_images,
                         "" if np.isnan(over_seeds) else "%.2f" % over_seeds, "yes" if counts else "no"])
    return [*markdown_table(["latent dimensions", "seeds", "AVB + AC over VAE, nats an image", "error over images",
                             "error over seeds", "is a difference"], rows), "",
            "Of the annealed images, each under both models; a difference is one that is more than %d of both its standard" %
            _N_ERRORS, "errors. CPU seconds, in the table above, are not equal: the picture has log p(x) at any time."]


def _agreement(found):
    rows = []
    for own, record in found.items():
        values = record.values
        if own.part == 1 and all("test_%s_bias_left" % way in values for way in _WAYS) and own.dim > 2:
            means, errors, biases = ([values[form % way] for way in _WAYS] for form in (
                "%s" + _OF_ANNEALED, "%s" + _OF_ANNEALED + _ERROR, "test_%s_bias_left"))
            difference, error = means[1] - means[0], np.hypot(*errors)
            rows.append(["%d" % own.dim, KINDS[own.kind], "%d" % own.seed,
                         *("%.2f ± %.3f" % pair for pair in zip(means, errors)),
                         "%+.2f ± %.3f" % (difference, error), *("%.3f" % bias for bias in biases),
                         "yes" if abs(difference) <= _N_ERRORS * error + max(biases) else "no",
                         "%.0f" % values["test_importance_effective_sample_size"]])
    return [*markdown_table(["latent dimensions", "model", "seed", "AIS", "importance sampling", "difference", "AIS too low",
                             "importance sampling too low", "agree",
                             "samples of %d that count" % N_IMPORTANCE_SAMPLES], rows), "",
            "Means over the annealed images alone, the same ones by both, so that ± has no choice of images. They agree if the",
            "difference is at most %d of its errors and the larger bias. Importance sampling with a q that misses a part of" %
            _N_ERRORS, "p(z|x) is lower than its error and its bias tell."]


def _pictures(found, out):
    for own in found:
        names = [_picture(own, name) for name in _FIGURES]
        shown = [name for name in names if os.path.isfile(os.path.join(out, name))]
        if own.part == 1 and own.seed == 0 and shown:
            yield ["%s, %d latent dimensions:" % (KINDS[own.kind], own.dim), "",
                   *("![%s](%s)" % (KINDS[own.kind], name.replace(os.sep, "/")) for name in shown)]
