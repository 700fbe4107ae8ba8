import os
import shutil

import numpy as np
import pytest
from helpers import ROOT
from pictures import pixels

from avb_tf1.config.loading import load_config, to_yaml
from avb_tf1.config.rivals import load_rivals
from avb_tf1.ground import files
from avb_tf1.reproduction import digits
from avb_tf1.reproduction.paper import Runs
from avb_tf1.reproduction.records import Record
from avb_tf1.tasks.data_set import task

SMALL = ["training.n_iterations=2", "data.batch_size=32", "evaluation.n_samples=16", "evaluation.ais.n_chains=2",
         "evaluation.ais.n_steps=2"]


def runs(folder, log_likelihood):
    """Runs of a config in a folder each, of which nothing is known but log p(x) of each test image."""
    config = load_config(os.path.join(ROOT, "configs", "images", "digits_vae.yaml"))
    for number, values in enumerate(log_likelihood):
        (folder / str(number)).mkdir(parents=True)
        files.write_arrays(str(folder / str(number) / "test_images.npz"), log_likelihood=np.array(values, np.float64))
    n = len(log_likelihood)
    return Runs(tuple(str(folder / str(number)) for number in range(n)), (config,) * n, ({},) * n, ({},) * n)


def test_differences_are_taken_image_by_image(tmp_path):
    vae = runs(tmp_path / "vae", [[-20, -30, -25, -22], [-20, -30, -25, -22]])
    avb = runs(tmp_path / "avb", [[-19, -29, -24, -21.2], [-21, -29, -26, -20]])
    row = digits._difference_row("digits_avb", "digits_vae", "AVB", {"digits_vae": vae, "digits_avb": avb})
    differences = np.array([[1, 1, 1, 0.8], [-1, 1, -1, 2]])
    errors = differences.std(axis=1, ddof=1) / 2
    assert row == "| AVB over VAE | 2 | %+.3f (+0.250 to +0.950) | %.3f | 1 of 2 |" % (differences.mean(), errors.mean())


@pytest.mark.parametrize("n_errors, counts", [(1.5, 0), (2.5, 0), (2.99, 0), (3.01, 1)])
def test_a_difference_counts_from_three_of_its_errors(tmp_path, n_errors, counts):
    vae, steps = runs(tmp_path / "vae", [[-20, -30, -25, -22]]), np.array([0.75**0.5, -0.75**0.5] * 2)  # of error 1/2
    avb = runs(tmp_path / "avb", [np.array([-20, -30, -25, -22]) + n_errors / 2 + steps])
    row = digits._difference_row("digits_avb", "digits_vae", "AVB", {"digits_vae": vae, "digits_avb": avb})
    assert row.endswith("| 0.500 | %d of 1 |" % counts)


def test_at_equal_time_a_model_has_what_was_made_of_it(tmp_path):
    def record(seconds, **values):
        return Record("", 0, "", "", "", 900, seconds, values)

    own = runs(tmp_path, [[-20]])
    good = [record(118, test_log_likelihood=-22.0, test_inference_gap=0.5), record(122, test_log_likelihood=-21.5)]
    section = digits._at_equal_time({
        ("digits", "vae"): [*good, None], ("digits_8", "coupling"): [record(9, diverged="NaN"), None],
        ("digits", "avb"): [record(120, test_log_likelihood=-22.25)] * 3}, {"digits_vae": own, "digits_avb": own})
    assert section[0] == "## At equal CPU time" and "3 of 8 runs are missing or diverged." in " ".join(section[1].split())
    assert section[2][2:] == ["| VAE | 2 | -21.750 (-22.000 to -21.500) | 0.500 | 900 | 120 (118 to 122) | 2 |",
                              "| AVB | 2 | -22.250 (-22.250 to -22.250) |  | 900 | 120 (120 to 120) | 3 |"]
    assert digits._at_equal_time({("digits", "vae"): [None], ("digits", "avb"): []}, {}) == []


def test_all_methods_have_adam_with_one_beta1():
    rivals, found = load_rivals(os.path.join(ROOT, "configs")), set()
    for problem, methods in digits.METHODS.items():
        for method in methods:
            training = rivals[problem][method].config().training
            found |= {(own.optimizer, own.beta1, own.beta2) for own in (
                training.generator, getattr(training, "discriminator", training.generator))}
    assert found == {("adam", 0.5, 0.999)}


def test_all_test_images_are_measured():
    rivals = load_rivals(os.path.join(ROOT, "configs"))
    assert task.N_DENSE_IMAGES >= 300  # by nearest neighbours
    assert {rivals["digits_8"][method].config().evaluation.ais.n_images for method in digits.METHODS["digits_8"]} == {None}


@pytest.mark.long
def test_all_models_are_trained_tabled_and_drawn(tmp_path, monkeypatch, capsys):
    (tmp_path / "images").mkdir()
    monkeypatch.setattr(digits, "METHODS", {"digits": ("vae", "coupling", "avb", "avb_ac"), "digits_8": ("vae", "avb_ac")})
    for name in ("digits_vae", "digits_avb", "digits_avb_ac", "digits_8_vae", "digits_8_avb_ac"):
        path = os.path.join(ROOT, "configs", "images", name + ".yaml")
        (tmp_path / "images" / (name + ".yaml")).write_text(to_yaml(load_config(path, SMALL)))
    (tmp_path / "rivals").mkdir()
    shutil.copy(os.path.join(ROOT, "configs", "rivals", "rivals.yaml"), str(tmp_path / "rivals"))
    (tmp_path / "docs").mkdir()
    digits.make(str(tmp_path), str(tmp_path / "runs"), str(tmp_path / "docs"), (0,))
    assert pixels(str(tmp_path / "docs" / "digits.png")).std() > 0
    page = (tmp_path / "docs" / "digits.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    settings = [row for row in rows if row[2:] == [""] * 3]  # that were not looked for
    assert len(settings) == 6
    rows = [row for row in rows if row[1] in ("2", "8") and " over " not in row[0] and row not in settings]
    assert [row[:2] for row in rows] == [
        ["VAE", "2"], ["coupling flow", "2"], ["AVB", "2"], ["AVB + AC", "2"], ["VAE", "8"], ["AVB + AC", "8"]]
    assert all(row[2] for row in rows) and not rows[0][4] and rows[2][4]
    assert "**A draft: seed 0 alone; 18 of 18 runs of the choice of settings are missing.**" in page
    told = " ".join(page.split()).partition("latent dimensions in brackets: ")[2].partition(". log p(x): by")[0].split("; ")
    assert told == ["%s (%s) %s with %s in %s" % (*row[:3], *row[5:]) for row in rows if row[5]] and len(told) >= 5
    assert "of the test images. Seed 0." in page and "AVB + AC over VAE | 8 |" in page
    capsys.readouterr()
    digits.make(str(tmp_path), str(tmp_path / "runs"), str(tmp_path / "docs"), (0,))
    assert "Training" not in capsys.readouterr().out
    assert (tmp_path / "docs" / "digits.md").read_text() == page
