"""Evaluating a finished run again, from its checkpoint and config alone."""

import contextlib
import os

from avb_tf1 import outputs
from avb_tf1.config.loading import load_config
from avb_tf1.estimation import ais
from avb_tf1.experiment import opened_run, outputs_of
from avb_tf1.graph import networks
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError, OneLineError
from avb_tf1.problems.registry import problem_of
from avb_tf1.report import run_summary
from avb_tf1.runs import metrics_file, run_folder
from avb_tf1.training import checkpoint

N_AIS_CHAINS, N_AIS_STEPS = 50000, 8  # with sharp decoders more chains help more than more steps


class OtherNumbers(OneLineError):
    """A run's metrics.json doesn't have the numbers of its evaluation."""


def evaluate_run(folder, with_ais, write):
    """Evaluate a finished run again and tell the numbers on standard output.

    Args:
        folder: str, the run folder.
        with_ais: bool; whether to check log p(x) by annealed importance sampling.
        write: bool; whether to replace the run's metrics.json and its page.

    Raises:
        InputError: the folder holds no finished run, or is in use and was to be written into; not to be written into, it has no
            metrics.json that can be read.
        OtherNumbers: metrics.json was to be kept and has other numbers.
    """
    path = os.path.join(folder, run_folder.METRICS)
    own = load_config(run_folder.config_path(folder))  # first, as what holds no run has nothing to go on with
    if with_ais and not own.model.is_of_images:
        raise InputError("%s: a run of a given posterior, whose evidence is known; --ais is for runs of images" % folder)
    if with_ais and own.is_of_dataset:
        raise InputError("%s: a run of a data set; --ais is for runs of a few known images" % folder)
    with run_folder.reclaimed(folder) if write else contextlib.nullcontext():
        if not run_folder.is_complete(folder):
            raise InputError("%s: its evaluation is not finished; go on with scripts/train.py --resume" % folder)
        if not write:
            there, _ = metrics_file.read_metrics(folder, own)
        with opened_run(folder) as (config, found, trained):
            problem, kind = problem_of(config), outputs_of(config)
            metrics = kind.evaluate(trained, problem, found.monitors, config)
        print(run_summary.summary(metrics, config))
        if write:
            files.write_json(path, metrics_file.with_made_by(metrics, config, found.legs))
            print("Written to %s" % path)
            try:
                outputs.write_report(folder)
            except InputError as error:
                print("%s still has the numbers of before: %s" % (os.path.join(folder, run_folder.REPORT), error))
    if with_ais:
        print("Annealed importance sampling, %d chains an image ..." % N_AIS_CHAINS, flush=True)
        estimates, errors = ais.log_likelihood(
            lambda z: networks.decoder(z, problem.n_pixels, config.model),
            lambda session, saver: checkpoint.restore(session, saver, found.path),
            problem.images, config.model.latent_dim, config.seed, N_AIS_CHAINS, N_AIS_STEPS)
        by_quadrature = " (by quadrature: %.4f)" % metrics["log_likelihood"] if "log_likelihood" in metrics else ""
        print("log_likelihood by annealed importance sampling: %.4f, standard error %.4f%s" % (
            problem.mean(estimates), problem.error_of_mean(errors), by_quadrature))
    if not write:
        require_same_numbers(path, there, metrics)


def require_same_numbers(path, found, metrics):
    """Say that the metrics `found` in the file `path` are those of an evaluation, or raise OtherNumbers."""
    for name in sorted(set(found) | set(metrics)):
        if name not in found or name not in metrics or found[name] != metrics[name]:
            there, here = (metrics_file.json_value(own[name]) if name in own else "missing" for own in (found, metrics))
            raise OtherNumbers("%s: %s is %s there and %s here; scripts/evaluate.py --write replaces it" % (
                path, name, there, here))
    print("%s has the same numbers" % path)
