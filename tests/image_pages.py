"""Runs of the four images that pages are made of, and a sweep of them."""

from helpers import INNER_PRODUCT, small, vae_config
from pages import metrics_of
from shared_runs import finished

from avb_tf1.config.fingerprint import digest_of_fingerprint
from avb_tf1.config.loading import load_config
from avb_tf1.ground import files
from avb_tf1.report import sweep_page

SHORT = ["training.n_iterations=60", "training.snapshot_every=20", "model.encoder.n_units=32"]
SETTINGS = {"first": "generator.learning_rate=0.0001, discriminator.learning_rate=0.001", "line": "line"}


def run_in(folder):
    """The folder once it holds a small run."""
    return finished(folder, small(*SHORT, *INNER_PRODUCT))


def line_in(folder):
    """The folder once it holds a small VAE's run with a latent space of one dimension."""
    return finished(folder, vae_config("model.latent_dim=1", "training.n_iterations=60"))


def sweep_in(folder):
    """The folder once it holds a sweep: two seeds of a setting, a run of another, one that failed and one that is waiting."""
    folder.mkdir()
    run_in(folder / "first_seed_0"), line_in(folder / "line_seed_0")
    finished(folder / "first_seed_1", small("seed=1", *SHORT, *INNER_PRODUCT))
    write_sweep(folder, [("first_seed_0", "done", ""), ("first_seed_1", "done", ""), ("line_seed_0", "done", ""),
                         ("line_seed_1", "failed", "a <b> is not finite"), ("line_seed_2", "waiting", "")])
    sweep_page.write_sweep_page(str(folder))
    return folder


def write_sweep(out, records):
    """Write a sweep.json of (folder's name, status, reason); settings are called as in SETTINGS."""
    files.write_json(str(out / "sweep.json"), {
        "command": "python scripts/sweep.py --seeds 0-2", "written": "2001-02-03 04:05 UTC", "runs": [
            {"run": name, "setting": SETTINGS.get(name.partition("_seed_")[0], name), "config": "synthetic",
             "seed": int(name.rpartition("_")[2]), "status": status, "reason": reason,
             "fingerprint": digest_of_fingerprint(load_config(str(out / name / "config.yaml"))) if status == "done" else "",
             "metrics": _measured(out / name) if status == "done" else {}}
            for name, status, reason in records]})


def _measured(folder):
    metrics = metrics_of(folder)
    del metrics["made_by"]
    return metrics
