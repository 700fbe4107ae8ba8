"""One experiment, from config to run folder: graph, training, evaluation, figures."""

import contextlib
import io
import math
import os
import platform
import shlex
import time

import numpy as np

from avb_tf1 import (
    __version__,
    ais,
    checkpoint,
    evaluation,
    files,
    report,
    run_folder,
    snapshots,
    speed,
    stopping,
    trainer,
)
from avb_tf1.config import load_config
from avb_tf1.data import one_hot_images
from avb_tf1.errors import InputError
from avb_tf1.graph import build_graph
from avb_tf1.networks import op_seed
from avb_tf1.progress import Progress
from avb_tf1.published import OPTIMUM
from avb_tf1.quiet_tensorflow import n_cpus, open_session, tf, tfp
from avb_tf1.summaries import SummaryLog

N_LATENTS = 5120  # the tutorial's 10 batches of 512
N_PRIOR_IMAGES = 16
N_AIS_CHAINS, N_AIS_STEPS = 50000, 8  # with sharp decoders more chains help more than more steps
PLANE_AXIS = np.linspace(-4, 4, 161)  # coordinates along each axis at which the decoder is looked at in the end
N_MOVIE_FRAMES = 41  # at most
N_FINAL = 100     # iterations whose mean is the final loss


def run_experiment(config, out, show_progress, observers=()):
    """Train and evaluate one model and leave its figures and numbers in a run folder.

    Goes on from the newest good checkpoint in the folder, if there is one; the result has the same bits either way.

    Args:
        config: as of config.load_config.
        out: str, the run folder with its config.yaml, held by this process (run_folder.claimed or reclaimed).
        show_progress: bool.
        observers: functions called after each iteration, as of trainer.train.

    Returns:
        The metrics and the timing, as in metrics.json and timing.json.

    Raises:
        trainer.DivergenceError: a loss or a gradient is not finite.
        stopping.Stopped: SIGINT or SIGTERM came; a checkpoint was saved.
        evaluation.GridError: the trained decoder can't be integrated exactly.
        InputError: the folder's checkpoints are damaged or belong to another config.
        OSError: the folder can't be written to.
    """
    def in_folder(name):
        return os.path.join(out, name)

    found = checkpoint.latest(in_folder(run_folder.CHECKPOINT), config)
    with opened_model(config) as (session, model):
        result, seen = train(session, model, config, out, found, show_progress, observers)
        start = time.perf_counter()
        write_losses(in_folder(run_folder.LOSSES), result.monitors)
        networks = trainer.array_functions(session, model)
        z, labels = sample_latents(networks, config.seed)
        files.write_arrays(in_folder(run_folder.LATENTS), z=z, label=labels)
        files.write_arrays(in_folder(run_folder.SNAPSHOTS), label=snapshots.LABELS, **seen, **snapshots.kl_over_training(seen))
        log_likelihoods = evaluation.log_likelihood(networks.decode, networks.latent_dim, one_hot_images())
        files.write_arrays(in_folder(run_folder.LATENT_PLANE), **latent_plane(networks, log_likelihoods))
        draw_figures(out, networks, result.monitors, seen, z, labels, config.seed)
        metrics = measure(networks, result.monitors, z, labels, config.seed, log_likelihoods)
        timing = dict(_machine(config.runtime), seconds=result.seconds, cpu_seconds=result.cpu_seconds,
                      n_trained=result.n_trained,
                      iterations_per_second=result.n_trained / result.seconds,
                      evaluation_seconds=time.perf_counter() - start)
        if result.n_trained or not os.path.exists(in_folder(run_folder.TIMING)):
            files.write_json(in_folder(run_folder.TIMING), timing)
        write_report(out, metrics)
        files.write_json(in_folder(run_folder.METRICS), metrics)  # the last: a folder that has it is complete
    return metrics, timing


def train(session, model, config, out, found, show_progress, observers=()):
    """Train with checkpoints and event files in `out`, from the Checkpoint `found` or, if that is None, from the start.

    Returns what trainer.train does and the arrays of snapshots.Snapshots; raises as trainer.train does, further
    stopping.Stopped.
    """
    if found is None:
        session.run(model.initialize)
    else:
        checkpoint.restore(session, model.saver, found.path)
    n_done = 0 if found is None else found.iteration
    seen = snapshots.Snapshots(trainer.array_functions(session, model), _stream(config.seed, "snapshots"), config.training,
                               found and found.snapshots)

    def save(iteration, monitors):
        checkpoint.save(session, model.saver, os.path.join(out, run_folder.CHECKPOINT), iteration, monitors, seen.arrays(),
                        config)

    progress = Progress(config.training.n_iterations, show_progress, n_done)
    log = SummaryLog(os.path.join(out, run_folder.TENSORBOARD), model.graph, n_done)
    with contextlib.closing(progress), contextlib.closing(log), stopping.on_signals() as request:
        result = trainer.train(session, model, config.training, [progress, log, seen, *observers],
                               found and found.monitors, save, lambda: request.signal_number is not None)
    if request.signal_number is not None:
        raise stopping.Stopped(request.signal_number, "stopped after iteration %d; go on with --resume %s" % (
            n_done + result.n_trained, shlex.quote(out)))
    return result, seen.arrays()


def run_and_report(config, out, show_progress):
    """run_experiment, telling on standard output what is trained, and at the end what came of it and where it is."""
    print("Training %s (%s, seed %d) for %d iterations of batch %d into %s" % (
        config.name, config.model.kind.upper().replace("_", "-"), config.seed, config.training.n_iterations,
        config.data.batch_size, out), flush=True)
    metrics, timing = run_experiment(config, out, show_progress)
    print(report.summary(metrics, timing))
    print("\n".join(["Figures:"] + ["  " + os.path.join(out, name) for name in run_folder.FIGURES]))
    print("All of it on one page, to open in a browser:\n  " + os.path.join(out, run_folder.REPORT))


@contextlib.contextmanager
def opened_run(folder):
    """Give the config, the checkpoint and the trained networks (evaluation.Networks) of a finished run.

    Raises:
        InputError: the folder holds no finished training.
    """
    config = load_config(run_folder.config_path(folder))
    found = checkpoint.latest(os.path.join(folder, run_folder.CHECKPOINT), config)
    if found is None or found.iteration < config.training.n_iterations:
        raise InputError("%s: its training is not finished; go on with scripts/train.py --resume" % folder)
    with opened_model(config) as (session, model):
        checkpoint.restore(session, model.saver, found.path)
        yield config, found, trainer.array_functions(session, model)


def evaluate_run(folder, with_ais, write):
    """Evaluate a finished run again and tell the numbers on standard output.

    Args:
        folder: str, the run folder.
        with_ais: bool; whether to check log p(x) by annealed importance sampling.
        write: bool; whether to replace the run's metrics.json.
    """
    path = os.path.join(folder, run_folder.METRICS)
    with run_folder.reclaimed(folder) if write else contextlib.nullcontext():
        if write and not run_folder.is_complete(folder):
            raise InputError("%s: its evaluation is not finished; go on with scripts/train.py --resume" % folder)
        with opened_run(folder) as (config, found, networks):
            metrics = measure(networks, found.monitors, *sample_latents(networks, config.seed), config.seed)
        if write:
            write_report(folder, metrics)
            files.write_json(path, metrics)
    print(report.summary(metrics))
    if write:
        print("Written to %s" % path)
    else:
        try:
            with open(path, encoding="utf-8") as file:
                same = file.read() == files.json_text(metrics)
            print("%s %s" % (path, "has the same numbers" if same else "has other numbers; --write replaces them"))
        except (OSError, ValueError) as error:
            print("%s can't be read: %s" % (path, error))
    if with_ais:
        estimates, errors = ais.log_likelihood(config, found.path, N_AIS_CHAINS, N_AIS_STEPS)
        print("log_likelihood by annealed importance sampling: %.4f, standard error %.4f (by quadrature: %.4f)" % (
            np.mean(estimates), np.sqrt(np.sum(errors**2)) / len(errors), metrics["log_likelihood"]))


@contextlib.contextmanager
def opened_model(config):
    """Give a session and the config's ModelGraph, its variables not yet initialised."""
    if config.runtime.keep_freed_memory:
        speed.keep_freed_memory()
    model = build_graph(config)
    with open_session(model.graph, config.runtime.intra_op_threads, config.runtime.inter_op_threads) as session:
        yield session, model


def sample_latents(networks, seed):
    """Return the latents of latents.npz: z float32 [5120, latent_dim] and labels int64 [5120].

    Raises:
        trainer.DivergenceError: a latent is not finite, since the last update spoilt the weights.
    """
    z, labels = evaluation.sample_posterior(networks, N_LATENTS // len(one_hot_images()), _stream(seed, "latents"))
    if not np.isfinite(z).all():
        raise trainer.DivergenceError("the encoder's output is not finite after the last iteration")
    return z, labels


def latent_plane(networks, log_likelihoods):
    """Return what the decoder makes of the latent space, and the exact posteriors, as in latent_plane.npz.

    Args:
        networks: evaluation.Networks.
        log_likelihoods: what evaluation.log_likelihood returns for the four images.

    Returns:
        dict: axis float32 [161]; on the points of evaluation.grid(axis, latent_dim): probabilities float32
        [161**latent_dim, 4], those of p(x|z), and posterior_density float32 [4, 161**latent_dim], p(z|x) for each image.
    """
    points = evaluation.grid(PLANE_AXIS, networks.latent_dim).astype(np.float32)
    density = evaluation.posterior_density(networks.decode, PLANE_AXIS, networks.latent_dim, one_hot_images(),
                                           log_likelihoods)
    return {"axis": PLANE_AXIS.astype(np.float32), "probabilities": evaluation.in_chunks(networks.decode, points),
            "posterior_density": density.astype(np.float32)}


def measure(networks, monitors, z, labels, seed, log_likelihoods=None):
    """Return the metrics of a trained model, as in metrics.json.

    The same networks, monitors and seed give the same numbers: the noise is drawn here, from a stream of its own.

    Args:
        networks: evaluation.Networks.
        monitors: as in trainer.TrainingResult.
        z, labels: as of sample_latents.
        seed: int, the config's.
        log_likelihoods: as of evaluation.evaluate.

    Returns:
        dict: name -> number, or None where it is infinite.
    """
    metrics = {name: float(np.mean(values[-N_FINAL:], dtype=np.float64)) for name, values in losses_of(monitors).items()}
    metrics["classification_accuracy"] = evaluation.classification_accuracy(networks, z, labels)
    metrics.update(evaluation.evaluate(networks, _stream(seed, "evaluation"), log_likelihoods))
    # JSON has no infinity.
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def losses_of(monitors):
    """Return those of the monitors that an optimiser minimises, in the order of losses.csv."""
    return {name: monitors[name] for name in ("generator_loss", "discriminator_loss") if name in monitors}


def write_losses(path, monitors):
    """Write losses.csv: a row an iteration, from 1, with the 9 significant digits that a float32 needs."""
    losses = losses_of(monitors)
    text = io.StringIO()
    text.write(",".join(["iteration"] + list(losses)) + "\n")
    for iteration, values in enumerate(zip(*losses.values()), 1):
        text.write("%d,%s\n" % (iteration, ",".join("%.9g" % value for value in values)))
    files.write_text(path, text.getvalue())


def draw_figures(out, networks, monitors, seen, z, labels, seed):
    """Write the run folder's figures; `seen` is as of snapshots.Snapshots.arrays."""
    from avb_tf1 import plotting  # matplotlib takes most of a second to load: not before training

    images = one_hot_images()
    plotting.training_curve(
        os.path.join(out, run_folder.TRAINING_CURVE), losses_of(monitors),
        {name: optimum.value for name, optimum in OPTIMUM.items()})
    plotting.latent_space(os.path.join(out, run_folder.LATENT_SPACE), z, labels, images)
    probabilities = evaluation.in_chunks(networks.decode, z)
    prior_samples = _stream(seed, "prior images").standard_normal((N_PRIOR_IMAGES, networks.latent_dim)).astype(np.float32)
    plotting.reconstructions(
        os.path.join(out, run_folder.RECONSTRUCTIONS), images,
        np.stack([probabilities[labels == label].mean(axis=0) for label in range(len(images))]),
        networks.decode(prior_samples))
    shown = snapshots.spread_out(len(seen["iteration"]), N_MOVIE_FRAMES)
    plotting.latent_movie(os.path.join(out, run_folder.LATENT_MOVIE), seen["z"][shown], snapshots.LABELS,
                          seen["iteration"][shown], images)


def write_report(out, metrics):
    """Write the run folder's page, as html_report.write_run_report."""
    from avb_tf1 import html_report  # not before training either

    html_report.write_run_report(out, metrics)


def _stream(seed, name):
    """A random stream of the experiment's, by the config's seed and a name; apart from all that training draws."""
    return np.random.RandomState([seed, op_seed(name)])


def _machine(runtime):
    return {
        "cpu_model": _cpu_model(),
        "n_cpus": n_cpus(),
        "intra_op_threads": runtime.intra_op_threads,
        "inter_op_threads": runtime.inter_op_threads or n_cpus(),
        "avb_tf1": __version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "tensorflow_probability": tfp.__version__,
        "numpy": np.__version__,
    }


def _cpu_model():
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
