"""What each diagnostic says of a q whose fault is known."""

import math

import numpy as np
import pytest
from pictures import pixels

from avb_tf1.estimation.metric import CALIBRATION
from avb_tf1.reproduction import diagnostics, figures

pytestmark = pytest.mark.slow  # seconds for the cases, which all tests share

COLUMNS = dict(zip(diagnostics._COLUMNS, range(100)))
FAULTS = [title for title in diagnostics._CASES if title != "exact"]


@pytest.fixture(scope="module")
def found():
    return {title: (truth, diagnostics.measured(problem, networks, 16384))
            for title, (problem, networks, truth) in diagnostics._CASES.items()}


def seen(found, title):
    """The columns in which a case's fault is seen."""
    row = diagnostics.cells(*found[title])
    return {column for column, number in COLUMNS.items() if row[number].startswith("**")}


@pytest.mark.parametrize("title", list(diagnostics._CASES))
def test_the_kl_is_the_one_on_paper(found, title):
    truth, metrics = found[title]
    error = 5 * metrics["inference_gap_standard_error"] + 1e-4
    assert metrics["inference_gap"] == pytest.approx(truth, abs=error)
    assert metrics["kl_128_squares"] < truth + 4 * metrics["kl_128_squares_standard_error"]
    assert metrics["kl_64_squares"] > 0.8 * truth - 4 * metrics["kl_64_squares_standard_error"]


def test_nothing_is_seen_of_an_exact_q(found):
    assert seen(found, "exact") == set()
    assert found["exact"][1]["k_hat"] == 0


@pytest.mark.parametrize("title", FAULTS)
def test_two_samples_ranks_and_divergences_see_every_fault(found, title):
    assert {"classifier", "ranks", "KL on 128² squares", "KL(q || p), as told", "mean W1"} <= seen(found, title)
    assert "k-hat" not in seen(found, title)


def test_weights_do_not_see_the_mode_that_is_missing(found):
    _, metrics = found["one mode of two"]
    assert metrics["k_hat"] < 0.1
    assert metrics["log_evidence_importance"] - metrics["log_evidence"] == pytest.approx(-math.log(2), abs=1e-3)
    counts = metrics[CALIBRATION]["counts"]["z1"]
    assert counts[0] > 0.45 * sum(counts)  # the lower mode's z lie below all samples


def test_ranks_tell_which_fault_it_is(found):
    narrow, wide, shifted = (np.array(found[title][1][CALIBRATION]["counts"]["z1"]) for title in FAULTS[:3])
    assert narrow[[0, -1]].min() > 2 * narrow[9:11].max() and wide[9:11].min() > 2 * wide[[0, -1]].max()
    assert shifted[0] > 3 * shifted[-1]


def test_the_picture_has_a_panel_for_each_case(found, tmp_path):
    path = tmp_path / "ranks.png"
    figures.rank_histograms(str(path), {title: metrics[CALIBRATION] for title, (_, metrics) in found.items()})
    assert pixels(path).std() > 1
