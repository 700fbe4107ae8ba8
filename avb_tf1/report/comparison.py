"""Finished runs beside each other and beside the published numbers, as a Markdown table. Knows no TensorFlow."""

import os
import textwrap
from typing import List

from avb_tf1.config.fingerprint import fingerprint
from avb_tf1.config.loading import load_config
from avb_tf1.config.setting_names import setting_names
from avb_tf1.ground.errors import InputError
from avb_tf1.page.numbers import RULE, RunGroup, number, obtained, published_number
from avb_tf1.problems.registry import problem_of
from avb_tf1.runs import run_folder
from avb_tf1.runs.metrics_file import read_metrics
from avb_tf1.tasks.registry import task_of


def read_runs(folders):
    """Return the finished runs in `folders` as RunGroups, in the order in which their configs first appear.

    Raises:
        InputError: a folder holds no finished run, or one of another task than the first, or two folders hold the same config
            and seed.
    """
    groups: List[List] = []
    for folder in folders:
        config, metrics = _read(folder)
        if groups and task_of(config) is not task_of(groups[0][1][0][1]):
            raise InputError("%s: a run of another kind of problem than %s: their numbers can't stand in one table" % (
                folder, groups[0][1][0][0]))
        key = dict(fingerprint(config), seed=None, name=config.name)
        group = next((group for group in groups if group[0] == key), None)
        if group is None:
            group = [key, []]
            groups.append(group)
        for other_folder, other, _ in group[1]:
            if os.path.realpath(folder) == os.path.realpath(other_folder):
                raise InputError("%s: given twice" % folder)
            if config.seed == other.seed:
                raise InputError("%s: %s holds a run of %s with seed %d too" % (folder, other_folder, config.name, config.seed))
        group[1].append((folder, config, metrics))
    return [RunGroup(label, runs[0][1], tuple(config.seed for _, config, _ in runs), tuple(metrics for _, _, metrics in runs))
            for label, (_, runs) in zip(setting_names([runs[0][1] for _, runs in groups]), groups)]


def _read(folder):
    if not os.path.isdir(folder):
        raise InputError("%s: %s" % (folder, "not a folder" if os.path.lexists(folder) else "no such folder"))
    if os.path.isfile(os.path.join(folder, run_folder.SWEEP_STATE)):
        raise InputError("%s: a sweep's folder; give the folders of its runs" % folder)
    if not run_folder.is_file(os.path.join(folder, run_folder.CONFIG)) or not run_folder.is_complete(folder):
        raise InputError("%s: not a finished run (it needs %s and %s)" % (folder, run_folder.CONFIG, run_folder.METRICS))
    config = load_config(run_folder.config_path(folder))
    return config, read_metrics(folder, config, task_of(config))[0]


def markdown(groups):
    """Return one table with a row for each config and metric, the rule of its verdicts, and a line with each config's own.

    Args:
        groups: sequence of RunGroup, of one task. Where nothing is published and no optimum known, these have no columns.
    """
    task = task_of(groups[0].config)
    rows = task.rows(groups)
    columns = {
        "config": [row.group.label for row in rows],
        "metric": [row.title for row in rows],
        "published": [published_number(row.published) for row in rows],
        "optimum": ["" if row.optimum is None else number(row.optimum) for row in rows],
        "obtained": [obtained(row.mean, row.spread) for row in rows],
        "worst seed": ["" if row.worst is None else number(row.worst) for row in rows],
        "seeds": ["%d" % len(row.group.seeds) for row in rows],
        "in words": [row.verdict for row in rows]}
    if not any(row.published or row.optimum is not None for row in rows):
        columns = {title: columns[title] for title in ("config", "metric", "obtained", "seeds")}
    lines = markdown_table(columns, zip(*columns.values()))
    if any(row.standing for row in rows):
        lines += ["", paragraph(RULE)]
    if not _can_be_compared(task, groups):
        lines += ["", "The configs are of different problems: their numbers can't be compared."]
    verdicts = ["- %s: %s." % (group.label, task.verdict(group)) for group in groups if task.verdict(group)]
    return "\n".join(lines + [""] * bool(verdicts) + verdicts)


def are_of_one_problem(task, configs_and_problems):
    """Return whether (config, its problem) of a Task, all of them, have the same data or density; a sequence, not empty."""
    first, *others = (task.identity(*own) for own in configs_and_problems)
    return all(own == first for own in others)


def _can_be_compared(task, groups):
    """Whether groups are of one problem; also if that can't be told, as images aren't there any more."""
    try:
        return are_of_one_problem(task, [(group.config, problem_of(group.config)) for group in groups])
    except InputError:
        return True


def markdown_table(titles, rows):
    """Return the lines of a table, of rows of texts; a "|" in them is escaped."""
    lines = ["| %s |" % " | ".join(cell.replace("|", "\\|") for cell in cells) for cells in (titles, *rows)]
    return [lines[0], "|---" * len(titles) + "|", *lines[1:]]


def markdown_page(*blocks):
    """Return the text of a page of blocks with an empty line between them, each a text or a sequence of lines."""
    return "\n\n".join(block if isinstance(block, str) else "\n".join(block) for block in blocks) + "\n"


def paragraph(text):
    """Return a text in lines of at most 118 characters, as the source of a page has them."""
    return textwrap.fill(text, 118, break_on_hyphens=False)
