#!/usr/bin/env python
"""Run docs/tutorial.ipynb from its first cell to its last, and write it again with what it puts out (about 2 minutes):

    .venv/bin/python docs/run_tutorial.py

The notebook is edited in Jupyter or as the JSON that it is; there is no other source of it. What it trains into run folders is
thrown away.
"""

import html
import os
import re
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

import nbformat
from nbclient import NotebookClient

from avb_tf1.ground import cpu, files

NOTEBOOK = os.path.join(ROOT, "docs", "tutorial.ipynb")
_SECONDS = 1800               # that a cell may take, on a busy machine
_WIDGET = "application/vnd.jupyter.widget-view+json"
_TIME = re.compile(r"\[[0-9:?]+<[0-9:?]+, *[0-9.?]+(it/s|s/it), *")  # that a bar took, and its rate, before the losses


def executed(notebook):
    """Run the cells of a notebook of nbformat's in a new kernel, in place, as if it lay in docs/ of another checkout.

    Its outputs are as they should be kept: no times and ids of this process, and a progress bar as the text that it ends with,
    since only a notebook whose kernel runs can show a widget. What another run may print otherwise, such as times, comes from
    cells with the tag "varies"; the rest is the same on the kind of CPU that the metadata name under "avb_tf1".

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised an exception.
    """
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "docs"))
        os.symlink(os.path.join(ROOT, "configs"), os.path.join(folder, "configs"))
        client = NotebookClient(notebook, timeout=_SECONDS, record_timing=False,
                                resources={"metadata": {"path": os.path.join(folder, "docs")}})
        client.execute(env=dict(os.environ, PYTHONPATH=ROOT, IPYTHONDIR=os.path.join(folder, "ipython")))
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    notebook.metadata.avb_tf1 = {name: cpu.facts()[name] for name in ("cpu_model", "instruction_set")}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined([_without_widget(output, client.widget_state) for output in cell.outputs])
    return notebook


def _without_widget(output, states):
    """An output, in the place of a progress bar that stays the text of its end, and of one that was taken away None."""
    if _WIDGET not in output.get("data", {}):
        return output
    box = states[output.data[_WIDGET]["model_id"]]
    left, bar, right = (states[name.replace("IPY_MODEL_", "")] for name in box["children"])
    if bar["bar_style"] != "success":
        return None
    text = html.unescape("%s|%s|%s\n" % (left["value"], 10 * "\u2588", right["value"])).replace("\u2007", " ")
    return nbformat.v4.new_output("stream", name="stdout", text=_TIME.sub("[", text))


def _joined(outputs):
    """Outputs without None, what was printed in a row as one."""
    joined = []
    for output in filter(None, outputs):
        if joined and output.output_type == joined[-1].output_type == "stream" and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def main():
    notebook = executed(nbformat.read(NOTEBOOK, as_version=4))
    files.write_text(NOTEBOOK, nbformat.writes(notebook) + "\n")
    print("Written to %s: %d cells, %d kB" % (NOTEBOOK, len(notebook.cells), os.path.getsize(NOTEBOOK) // 1000))


if __name__ == "__main__":
    main()
