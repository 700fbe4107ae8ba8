"""docs/tutorial.ipynb: what is kept in it, and that a kernel comes to it again."""

import importlib.util
import json
import os
import re
import socket

import nbformat
import numpy as np
import pytest
from helpers import ROOT, synthetic

from avb_tf1.experiment.run import run_experiment
from avb_tf1.ground import cpu

PATH = os.path.join(ROOT, "docs", "tutorial.ipynb")


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(PATH, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts_of(cell):
    """What a cell puts out, but for pictures: names of streams and types with their texts."""
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            texts.append((output.name, output.text))
        else:
            texts += [(kind, text) for kind, text in output.data.items() if kind in ("text/html", "text/markdown")]
    return texts


def test_it_is_a_small_valid_notebook(notebook):
    nbformat.validate(notebook)
    assert len(notebook.cells) <= 60
    assert os.path.getsize(PATH) < 1000000
    for cell in notebook.cells:
        assert max(map(len, cell.source.splitlines())) <= 128, cell.source


def test_it_was_run_from_its_first_cell_to_its_last_without_an_error(notebook):
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert kinds == {"stream", "display_data", "execute_result"}
    assert {output.name for cell in cells for output in cell.outputs if output.output_type == "stream"} == {"stdout"}
    assert sum("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs) == 4


def test_nothing_in_it_is_of_one_machine(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            output.get("data", {}).pop("image/png", None)
    text = nbformat.writes(notebook)
    assert not re.search(r"/(home|root|tmp|usr|opt|var|work|mnt|Users)/|site-packages|[A-Z]:\\\\", text)
    assert socket.gethostname() not in text
    assert "widget" not in text


def test_its_links_lead_somewhere(notebook):
    targets = [target for cell in notebook.cells if cell.cell_type == "markdown"
               for target in re.findall(r"\]\(([^)\s]+)\)", cell.source)]
    assert len(targets) > 3
    headings = {line.lstrip("# ").replace(" ", "-") for cell in notebook.cells if cell.cell_type == "markdown"
                for line in cell.source.splitlines() if line.startswith("#")}
    for target in targets:
        path, _, heading = target.partition("#")
        assert os.path.exists(os.path.join(ROOT, "docs", path)), target
        assert not heading or path or heading in headings, target


def test_it_asks_before_it_answers(notebook):
    """The cells between two pieces of text that ask are never more than two."""
    since = 0
    n_questions = 0
    for cell in notebook.cells:
        if "**Question.**" in cell.source:
            since, n_questions = 0, n_questions + 1
        elif cell.cell_type == "code":
            since += 1
        assert since <= 3, cell.source
    assert n_questions >= 12


@pytest.mark.slow
def test_a_kernel_comes_to_the_same_numbers_as_the_config(notebook, tmp_path):
    """What it builds by hand has the bits of the config's run, and what is kept in it is what a kernel puts out again."""
    spec = importlib.util.spec_from_file_location("run_tutorial", os.path.join(ROOT, "docs", "run_tutorial.py"))
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    again = nbformat.read(PATH, as_version=4)
    again.cells.append(nbformat.v4.new_code_cell(
        "import json\n"
        "np.savez(%r, z=z, **result.monitors)\n"
        "with open(%r, 'w') as file:\n"
        "    json.dump(metrics, file)" % (str(tmp_path / "arrays.npz"), str(tmp_path / "metrics.json"))))
    script.executed(again)

    out = tmp_path / "run"
    run_experiment(synthetic(), str(out))
    metrics = json.loads((out / "metrics.json").read_text())
    del metrics["made_by"]
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    losses = np.genfromtxt(str(out / "losses.csv"), delimiter=",", names=True)
    with np.load(str(tmp_path / "arrays.npz")) as by_hand, np.load(str(out / "latents.npz")) as latents:
        np.testing.assert_array_equal(by_hand["z"], latents["z"])
        for name in ("generator_loss", "discriminator_loss"):
            assert len(by_hand[name]) == 2000
            np.testing.assert_array_equal(by_hand[name], np.float32(losses[name]))

    if notebook.metadata.avb_tf1 == {name: cpu.facts()[name] for name in ("cpu_model", "instruction_set")}:
        kept = [(cell.source, texts_of(cell)) for cell in code_cells(notebook) if "varies" not in cell.metadata.get("tags", ())]
        assert len(kept) > 20
        found = dict((cell.source, texts_of(cell)) for cell in code_cells(again))
        for source, texts in kept:
            assert found[source] == texts
