"""What goes wrong with AVB on the four images when one thing of a good config is changed: a page with a table and a picture."""

import os

import numpy as np

from avb_tf1.ground import files
from avb_tf1.page.numbers import mean_and_range
from avb_tf1.problems.known_images import four_images
from avb_tf1.report.comparison import markdown_page, markdown_table
from avb_tf1.reproduction import figures
from avb_tf1.reproduction.paper import Wanted, ensure_runs, made_by_text, over_seeds
from avb_tf1.runs import run_folder
from avb_tf1.tasks.known_images.measures import METRICS

SEEDS = tuple(range(5))
# What a row and a panel are called -> the runs' name, their config and what is changed in it.
CASES = {
    "`fast_avb` as it is": ("fast_avb", "fast_avb", ()),
    "T at a tenth of its rate": ("fast_avb_slow_t", "fast_avb", ("training.discriminator.learning_rate=4.0e-4",)),
    "noise of 2 dimensions, not 4": ("fast_avb_noise_2", "fast_avb", ("model.encoder.noise_dim=2",)),
    "noise of 16": ("fast_avb_noise_16", "fast_avb", ("model.encoder.noise_dim=16",)),
    "noise of 64": ("fast_avb_noise_64", "fast_avb", ("model.encoder.noise_dim=64",)),
    "rates that never fall": ("fast_avb_constant_rates", "fast_avb", ("training.linear_decay=null",)),
    "a Gaussian, as many iterations": ("fast_vae", "rivals/fast_vae", ()),
    "a Gaussian, four times as many": ("fast_vae_longer", "rivals/fast_vae", ("training.n_iterations=16800",))}
_COLUMNS = ("log_likelihood", "elbo", "inference_gap")


def make(configs_folder, runs_folder, out):
    """Write pitfalls.md and pitfalls.png into the folder `out`. Arguments as of paper.make_table."""
    wanted = wanted_runs()
    runs = ensure_runs(configs_folder, runs_folder, wanted)
    text_path, picture_path = (os.path.join(out, name) for name in ("pitfalls.md", "pitfalls.png"))
    figures.latent_spaces(picture_path, [_panel(title, runs[name]) for title, (name, _, _) in CASES.items()],
                          four_images.PROBLEM.drawn(four_images.PROBLEM.images), n_columns=3)
    files.write_text(text_path, _page(runs, wanted))
    print("Written to %s and %s" % (text_path, picture_path))


def wanted_runs():
    """Return the runs of the page, a list of paper.Wanted."""
    return [Wanted(name, config, SEEDS, changes) for name, config, changes in CASES.values()]


def _elbo_by_t(metrics):
    """Return the ELBO with T in the place of the log ratio, no bound, from metrics as in metrics.json; None of a VAE."""
    if "kl_discriminator" not in metrics:
        return None
    n_pixels = four_images.PROBLEM.images.shape[1]
    return -n_pixels * metrics["reconstruction_error"] - metrics["kl_discriminator"]


def _panel(title, own):
    """What figures.latent_spaces draws of a case: its first seed."""
    latents, metrics = next(own.arrays(run_folder.LATENTS)), own.metrics[0]
    by_t = _elbo_by_t(metrics)
    numbers = "ELBO %.4f" % METRICS["elbo"].value(metrics["elbo"]) + ("" if by_t is None else ", by T %.4f" % by_t)
    return "%s\n%s" % (title.replace("`", ""), numbers), latents["z"], latents["label"]


def _page(runs, wanted):
    rows = []
    for title, (name, _, _) in CASES.items():
        own = runs[name]
        by_t = [_elbo_by_t(metrics) for metrics in own.metrics]
        cells = [over_seeds(own.group, METRICS, column, "%.4f") for column in _COLUMNS]
        cells.insert(2, "" if None in by_t else mean_and_range(by_t, "%.4f"))
        rows.append([title, *cells, "%d" % own.configs[0].training.n_iterations, "%.0f" % np.mean(own.cpu_seconds)])
    return markdown_page(
        "# One thing changed: what AVB's numbers are worth",
        ["The four images, nats an image: mean over seeds %s (smallest to largest). The best log p(x) and ELBO" % (
            ", ".join(map(str, SEEDS))),
         "are -1.3863, the best KL(q || p(z|x)) is 0. ELBO and KL are by nearest neighbours, of a Gaussian by its density.",
         "\"By T\" has the discriminator in the place of log q(z|x) - log p(z): no bound. CPU seconds: of one training."],
        made_by_text(runs),
        markdown_table(["what", "log p(x)", "ELBO", "ELBO by T, no bound", "KL(q || p(z|x))", "iterations", "CPU seconds"],
                       rows),
        "![Codes of each case](pitfalls.png)",
        "Codes of the four images, seed 0, one colour an image. [choosing.md](choosing.md#five-pitfalls) says what follows.",
        "Written by `make pitfalls`; the runs are made by",
        [own.command for own in wanted])
