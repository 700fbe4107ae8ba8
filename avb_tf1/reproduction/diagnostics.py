"""Which diagnostic sees which fault: cases whose truth is known, as a table, and their ranks as a picture.

Of x ~ N(z, I) the posterior is N(x / 2, I / 2), which a wrong q can be made from; of x ~ N(z1^2, 1/4), N(z2, 1/4) it has two
modes that mirror each other, one of which q leaves out; z ~ N(0, I) in the plane. AVB's q is trained, as it is and with a tenth
of T's rate.
"""

import math
import os

import numpy as np
from scipy.special import ndtr

from avb_tf1.estimation.densities import log_prior
from avb_tf1.estimation.metric import CALIBRATION
from avb_tf1.estimation.psis import TRUSTED
from avb_tf1.estimation.trained_networks import Networks
from avb_tf1.ground import files, seeds
from avb_tf1.ground.tensorflow import tf
from avb_tf1.page.numbers import number
from avb_tf1.problems.given_posterior.problem import GivenPosterior, gaussian_prior, log_gaussian
from avb_tf1.report.comparison import markdown_page, markdown_table, paragraph
from avb_tf1.reproduction import figures
from avb_tf1.reproduction.paper import Wanted, ensure_runs, made_by_text
from avb_tf1.tasks.given_posterior import measures
from avb_tf1.tasks.given_posterior.reference import exact_references

_N_SAMPLES = 65536
_SPREAD = 0.5                 # of x about z1**2 and z2
_AXIS = np.linspace(0, 4, 2001)  # of z1**2's root, where it has a density
_CONFIG = "posteriors/explaining_away_amortised"
_AVB = {"AVB": (), "AVB, T at a tenth of its rate": ("training.discriminator.learning_rate=1e-4",)}
_LEAST = 1e-4                 # nats: a KL below it is none, whatever its error
_N_ERRORS = 3                 # that a fault is seen by
_COLUMNS = ("true KL(q || p)", "k-hat", "log p(x) by weights, less log p(x)", "classifier", "ranks", "KL on 128² squares",
            "KL(q || p), as told", "mean W1", "k-hat by T", "ELBO by T, less log p(x)")
_SAMPLE_PRIOR, _LOG_PRIOR = gaussian_prior(2, 1.0)


_INTRODUCTION = """\
A run says how good its q(z|x) is: on the console, on its page and in `metrics.json`, where `good_values` has a sentence on each
number. Some of it needs the exact posterior, some doesn't. Here is each diagnostic on five cases whose truth is known, and on
two trained q, seed 0."""
_RULE = """\
**Bold**: the diagnostic sees a fault. The rule: k-hat above %g; the classifier's accuracy above 1/2 by more than %d standard
errors; a distance of the ranks that exact ones exceed in 1 of 100 cases; a KL, or an ELBO by T less log p(x), above 0 by more
than %d standard errors and its remaining bias; a W1 of more than twice what exact samples have."""
_OF_T = """\
Is k-hat by T of use? With T's rate as it is it comes to %s, where KL(q || p) is %s; with a tenth of that rate to %s, where the
KL is %s: one run each. It can warn of a T, or a q, that fell behind. But of q it knows what T knows: a small value proves
nothing. The ELBO by T, less log p(x), comes to %s and %s there: it need not see such a fault at all."""
_WHAT = """\
- **k-hat**: the shape of the tail of the weights p(x, z) / q(z|x) (Vehtari et al. 2024), the largest over x. It needs q's
  density and no reference. A q that is too narrow has a heavy tail; one that is too wide has none, and of a mode without
  samples of q there are no weights. It says whether the weights can be used, not whether q is right: a small k-hat is no proof.
- **log p(x) by weights**: the log of their mean. Too low where q misses a part of the posterior, which its error doesn't tell;
  so no rule stands for it.
- **classifier**: how often gradient-boosted trees tell samples of q from exact ones, in cross-validation: 1/2 where they are
  alike. It needs exact draws; where there are none it has HMC's, if the chains agree.
- **ranks**: simulation-based calibration (Talts et al. 2018), the largest distance of the ranks' cdf from the uniform's. It
  needs an encoder that takes any x, and draws of p(x, z), but no reference. It is a mean over p(x): a fault at a rare x hardly
  counts, and the prior in the place of q passes. `evaluate.py RUN_DIR --calibration N` does it with N pairs.
- **KL on squares**: samples of q go through the exact cdfs F(z1) and F(z2|z1), and a histogram of what comes out has a KL, less
  its bias, about (bins - 1) / 2n: a lower bound, without neighbours. It needs the density on a grid in the plane.
- **KL, W1**: as on every page, by q's density or nearest neighbours, and of the marginals. They need the exact posterior.
- **k-hat and ELBO by T**: with T in the place of log q(z|x) - log p(z). They need no reference, but are as good as T is."""


def _problem(title, mean_of, spread, x):
    """The GivenPosterior of x ~ N(mean_of(z), spread**2 I), z ~ N(0, I), amortised; mean_of: function of tensors."""
    def sample_likelihood(z, seed, name):
        return mean_of(z) + spread * tf.random.normal(tf.shape(z), seed=seed, name=name)

    return GivenPosterior(
        title=title, introduction="", coordinates=("z1", "z2"), observations=np.float32([x]), observation_names=("x",),
        sample_prior=_SAMPLE_PRIOR, log_prior=_LOG_PRIOR, sample_likelihood=sample_likelihood, is_amortised=True,
        log_likelihood=lambda x, z: log_gaussian(x, mean_of(z), spread), sources="")


_LINE = _problem("a line", lambda z: z, 1.0, (1.0, -0.5))
_MIRRORED = _problem("two modes", lambda z: tf.concat([tf.square(z[:, :1]), z[:, 1:]], 1), _SPREAD, (1.5, 0.5))


def _log_normal(values, mean, deviation):
    """log N(values; mean, deviation**2 I), float64 [n], for values [n, d]."""
    return log_prior((values - mean) / deviation) - values.shape[1] * math.log(deviation)


def _networks(encode, mean_of, spread):
    """The Networks of a q, by encode(x, eps) -> z and log q(z|x); mean_of: as of _problem, of arrays."""
    return Networks(
        2, 2, encode=lambda x, eps: encode(x, eps)[0].astype(np.float32), log_prior=log_prior,
        encode_with_density=lambda x, eps: tuple(part.astype(np.float32) for part in encode(x, eps)),
        log_joint=lambda x, z: _log_normal(x, mean_of(z.astype(np.float64)), spread) + log_prior(z))


def gaussian(scale, shift):
    """Return the Networks of q(z|x) = N(x / 2 + shift d, (scale d)**2 I) where N(x / 2, d**2 I) is the posterior."""
    def encode(x, eps):
        mean, deviation = x / 2 + shift * math.sqrt(0.5), scale * math.sqrt(0.5)
        z = mean + deviation * eps
        return z, _log_normal(z, mean, deviation)

    return _networks(encode, lambda z: z, 1.0)


def one_mode():
    """Return the Networks of the posterior of _MIRRORED without its half below z1 = 0."""
    def encode(x, eps):
        z = np.empty(x.shape)
        log_density = np.empty(len(x))
        for value in np.unique(x[:, 0]):
            rows = x[:, 0] == value
            log_p = -0.5 * _AXIS**2 - 0.5 * ((value - _AXIS**2) / _SPREAD)**2
            p = np.exp(log_p - log_p.max())
            below = np.append(0, np.cumsum((p[1:] + p[:-1]) / 2))
            own = z[rows, 0] = np.interp(ndtr(eps[rows, 0]), below / below[-1], _AXIS)
            log_density[rows] = np.interp(own, _AXIS, log_p - log_p.max()) - math.log(below[-1] * _AXIS[1])
        deviation = _SPREAD / math.sqrt(1 + _SPREAD**2)
        mean = x[:, 1:] / (1 + _SPREAD**2)
        z[:, 1:] = mean + deviation * eps[:, 1:]
        return z, log_density + _log_normal(z[:, 1:], mean, deviation)

    return _networks(encode, lambda z: np.stack([z[:, 0]**2, z[:, 1]], axis=1), _SPREAD)


# Of each case its problem, its Networks, and the true KL(q || p).
_CASES = {
    "exact": (_LINE, gaussian(1, 0), 0.0),
    "too narrow by a third": (_LINE, gaussian(2 / 3, 0), 4 / 9 - 1 - 2 * math.log(2 / 3)),
    "too wide by a third": (_LINE, gaussian(4 / 3, 0), 16 / 9 - 1 - 2 * math.log(4 / 3)),
    "shifted by half a standard deviation": (_LINE, gaussian(1, 0.5), 0.25),
    "one mode of two": (_MIRRORED, one_mode(), math.log(2)),
}


def measured(problem, networks, n_samples=_N_SAMPLES):
    """Return the metrics of Networks of a GivenPosterior, as in metrics.json, with seed 0."""
    known = exact_references(problem)
    metrics = measures.evaluate(networks, problem, known, seeds.stream(0, "evaluation"), n_samples)
    return dict(metrics, **measures.did_it_work(networks, problem, known, seeds.stream(0, "diagnostics"), n_samples))


def make(configs_folder, runs_folder, out):
    """Write diagnostics.md and diagnostics.png into the folder `out`. Arguments as of paper.make_table."""
    runs = ensure_runs(configs_folder, runs_folder, wanted_runs())
    found = {title: (truth, measured(problem, networks)) for title, (problem, networks, truth) in _CASES.items()}
    found.update({title: (None, own.metrics[0]) for title, own in zip(_AVB, runs.values())})
    paths = [os.path.join(out, name) for name in ("diagnostics.md", "diagnostics.png")]
    figures.rank_histograms(paths[1], {title: metrics[CALIBRATION] for title, (_, metrics) in found.items()})
    files.write_text(paths[0], _page(found, made_by_text(runs)))
    print("Written to %s" % " and ".join(paths))


def wanted_runs():
    """Return the runs of the page, a list of paper.Wanted."""
    return [Wanted("avb_%d" % number, _CONFIG, (0,), overrides) for number, overrides in enumerate(_AVB.values())]


def cells(truth, metrics):
    """Return a row of the table: of each of _COLUMNS its text, bold where the diagnostic sees a fault by the page's rule."""
    def told(name, is_seen, less=0.0):
        if metrics.get(name) is None:
            return ""
        error = metrics.get(name + "_standard_error")
        text = number(round(metrics[name] - less, 4) + 0.0) + ("" if error is None else " ± %s" % number(error))
        return "**%s**" % text if is_seen else text

    def error(name):
        return _LEAST + _N_ERRORS * metrics.get(name + "_standard_error", 0.0) + metrics.get(name + "_bias_left", 0.0)

    def exceeds(name, what):
        return metrics.get(name, -math.inf) > what

    evidence = metrics["log_evidence"]
    return [
        "" if truth is None else number(truth), told("k_hat", exceeds("k_hat", TRUSTED)),
        told("log_evidence_importance", False, evidence),
        told("two_sample_accuracy", exceeds("two_sample_accuracy", 0.5 + error("two_sample_accuracy"))),
        told("calibration_distance", exceeds("calibration_distance", metrics[CALIBRATION]["limit"])),
        told("kl_128_squares", exceeds("kl_128_squares", error("kl_128_squares"))),
        told("inference_gap", exceeds("inference_gap", error("inference_gap"))),
        told("wasserstein", exceeds("wasserstein", 2 * metrics["wasserstein_noise_floor"])),
        told("k_hat_discriminator", exceeds("k_hat_discriminator", TRUSTED)),
        told("elbo_discriminator", exceeds("elbo_discriminator", evidence + error("elbo_discriminator")), evidence)]


def _page(found, origin):
    return markdown_page(
        "# Did it work? Which diagnostic sees which fault",
        _INTRODUCTION,
        origin,
        markdown_table(["q(z|x)", *_COLUMNS], [[title, *cells(*own)] for title, own in found.items()]),
        _RULE % (TRUSTED, _N_ERRORS, _N_ERRORS),
        "![Ranks](diagnostics.png)",
        ["Ranks of the z that made x among samples of q(z|x), first coordinate, of 2,000 pairs; grey: the band that holds all",
         "bars in 99 of 100 histograms of exact ranks."],
        "## What each is",
        _WHAT,
        paragraph(_OF_T % (*(number(found[title][1][name]) for title in _AVB
                             for name in ("k_hat_discriminator", "inference_gap")),
                           *(number(metrics["elbo_discriminator"] - metrics["log_evidence"])
                             for metrics in (found[title][1] for title in _AVB)))),
        "Written by `make diagnostics`; AVB's q is `configs/posteriors/explaining_away_amortised.yaml`'s.")
