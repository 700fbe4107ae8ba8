"""What is written for readers: the README stays one page, and every link leads somewhere."""

import glob
import os
import re
import subprocess
import sys

import pytest
from helpers import ROOT

DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] + sorted(
    os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "docs", "*.md")))
_LINK = re.compile(r"\]\(([^)\s]+)\)|\b(?:src|href)=\"([^\"]+)\"")


def lines_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read().splitlines()


def text_lines(path):
    """The lines of a Markdown file, those of code blocks as empty ones."""
    lines, in_code = [], False
    for line in lines_of(path):
        fence = line.lstrip().startswith("```")
        lines.append("" if fence or in_code else line)
        in_code ^= fence
    assert not in_code
    return lines


def links(path):
    """What a Markdown file links to or shows, but not what it shows in backquotes."""
    text = re.sub(r"`[^`]*`", "`code`", "\n".join(text_lines(path)))
    return [target or source for target, source in _LINK.findall(text)]


def anchors(path):
    """The anchors that GitHub gives a Markdown file's headings."""
    found = []
    for line in text_lines(path):
        if re.match("#{1,6} ", line):
            words = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
            count = sum(re.fullmatch(re.escape(words) + r"(-\d+)?", other) is not None for other in found)
            found.append(words if not count else "%s-%d" % (words, count))
    return found


def paragraphs(path):
    """A Markdown file's paragraphs as lists of lines, each item of a list one of them; without tables, headings and code."""
    found, open_one = [], False
    for line in text_lines(path):
        if not line.strip() or line.startswith(("|", "#", "![", "<")):
            open_one = False
        elif open_one and not re.match(r"\s*([-*]|\d+\.) ", line):
            found[-1].append(line)
        else:
            found.append([line])
            open_one = True
    return found


@pytest.mark.parametrize("path", DOCUMENTS)
def test_links_lead_somewhere(path):
    for target in links(path):
        if re.match("[a-z]+:", target):
            continue  # elsewhere; tests ask for nothing from the network
        name, _, anchor = target.partition("#")
        file = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        assert os.path.exists(os.path.join(ROOT, file)), target
        assert not file.startswith(os.pardir), target
        assert not anchor or anchor in anchors(file), target


def test_every_page_is_linked_from_the_readme():
    linked = {os.path.normpath(target.partition("#")[0]) for target in links("README.md")}
    # These are linked from docs/results.md, docs/choosing.md, docs/given_posteriors.md and docs/images.md.
    generated = {os.path.join("docs", name) for name in (
        "table_1.md", "recipes.md", "time_to_quality.md", "pitfalls.md", "posteriors.md", "digits.md", "mnist.md",
        "patches.md")}
    assert set(DOCUMENTS) - generated - {"README.md"} <= linked


def test_the_readme_is_one_page():
    assert len(lines_of("README.md")) <= 130
    for paragraph in paragraphs("README.md"):
        assert len(paragraph) <= 4, paragraph[0]
        assert max(map(len, paragraph)) <= 128, paragraph[0]


def test_each_item_of_the_glossary_is_two_lines():
    items = [paragraph for paragraph in paragraphs("docs/glossary.md") if paragraph[0].startswith("- ")]
    assert len(items) > 30
    for item in items:
        assert re.match(r"- \*\*[^*]+\*\*", item[0]) and len(item) <= 2 and max(map(len, item)) <= 128, item[0]


def test_the_model_of_ones_own_is_the_one_that_is_shipped():
    """The page has the whole Python file, and the config's problem section."""
    texts = []
    for path in ("docs/your_own_model.md", "configs/posteriors/your_own_model.py", "configs/posteriors/your_own_model.yaml"):
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            texts.append(file.read())
    page, python_file, config = texts
    blocks = re.findall(r"```(python|yaml)\n(.*?)```", page, re.DOTALL)
    assert [kind for kind, _ in blocks] == ["python", "yaml"]
    assert blocks[0][1] == python_file
    assert "\n" + blocks[1][1] in config


@pytest.mark.slow
def test_the_readmes_python_runs(tmp_path):
    code, = re.findall(r"(?s)```python\n(.*?)```", "\n".join(lines_of("README.md")))
    (tmp_path / "configs").symlink_to(os.path.join(ROOT, "configs"))
    assert "n_iterations=500" in code
    result = subprocess.run([sys.executable, "-c", code.replace("n_iterations=500", "n_iterations=20")], cwd=str(tmp_path),
                            env=dict(os.environ, PYTHONPATH=ROOT), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    *_, decoded, log_likelihoods = result.stdout.splitlines()
    assert len(decoded.strip("[]").split()) == 4 and len(log_likelihoods.split("]")[0].strip("[").split()) == 4


@pytest.mark.parametrize("name", ["five_seeds.py", "knn_bias.py"])
def test_scripts_beside_the_documents_find_the_package(name):
    text = "\n".join(lines_of(os.path.join("docs", name)))
    assert 0 < text.index("sys.path.insert") < text.index("from avb_tf1")


def test_each_number_of_the_advice_stands_in_a_table():
    tables = lines_of("docs/rivals.md") + lines_of("docs/pitfalls.md")
    numbers = re.findall(r"(?<![\d.])\d+\.\d{3,4}(?!\d)", "\n".join(lines_of("docs/choosing.md")))
    assert len(numbers) > 20
    for number in numbers:
        assert any(re.search(r"(?<![\d.])%s(?!\d)" % re.escape(number), line) for line in tables), number
