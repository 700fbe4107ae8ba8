"""What the pages of all kinds of runs have in common: how one is put together and written. Knows no TensorFlow."""

import base64
import hashlib
import json
import os
import re
import shlex

import jinja2
import markupsafe
from plotly.offline import get_plotlyjs, get_plotlyjs_version

from avb_tf1 import __version__
from avb_tf1.config.loading import to_yaml
from avb_tf1.ground import files
from avb_tf1.page import numbers
from avb_tf1.runs import contents, run_folder

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_TASKS = os.path.join(os.path.dirname(_FOLDER), "tasks")


def rendered(task, data, **context):
    """Return a page as text.

    Args:
        task: str, the name of a task: its folder has the template page.j2, which extends base.j2, and the script
            page.js, which is one with shared.js before it. None: base.j2 alone, of a sweep of which no run is done.
        data: what the scripts draw, for JSON; empty for a page without pictures, which then has no script.
        context: what the template needs besides.
    """
    folders = [_FOLDER] if task is None else [os.path.join(_TASKS, task), _FOLDER]
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(folders), autoescape=True, undefined=jinja2.StrictUndefined)

    def file(name):
        return markupsafe.Markup(environment.loader.get_source(environment, name)[0])

    # Without "<" the JSON can stand inside a script element.
    script_data = markupsafe.Markup(json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))
    return environment.get_template("base.j2" if task is None else "page.j2").render(
        data=data, script_data=script_data, version=__version__, plotly_version=get_plotlyjs_version(),
        plotly=markupsafe.Markup(get_plotlyjs()), file=file, number=numbers.number, breakable=breakable, **context)


def write(folder, text):
    """Write a page into the folder of its run or sweep; returns its path. Raises OSError, naming the path, if it can't be."""
    path = os.path.join(folder, run_folder.REPORT)
    try:
        files.write_text(path, text)
    except OSError as error:
        raise OSError("%s: can't be written: %s" % (path, error.strerror))
    return path


def how_to_repeat(config):
    """Return what base.j2 tells of repeating and citing the run of a config."""
    python_file = config.python_file
    return dict(
        command="python scripts/train.py --config config.yaml --out %s" % shlex.quote("%s_again" % config.name),
        config_base64=base64.b64encode(to_yaml(config).encode()).decode(),
        cited="seed %d, SHA-256 of config.yaml %s%s" % (config.seed, digest(config), "" if python_file is None else (
            ", of %s %s" % (run_folder.MODEL, python_file.sha256))))


def made_with(timings):
    """Return what of the runs' timing.json a reader wants to know, each different value once: [(term, text)].

    Of machines those of all stretches of training.
    """
    legs = [leg for timing in timings for leg in timing.get("legs", [timing])]
    texts = [("machine", ["%(cpu_model)s (%(instruction_set)s, %(n_cpus)d cores)" % leg for leg in legs])]
    texts += [(name, [timing[name] for timing in timings]) for name in contents.VERSIONS]
    return [(name, ", ".join(sorted(set(different)))) for name, different in texts]


def digest(config):
    """Return the SHA-256 of a run's config.yaml, in hexadecimal."""
    return hashlib.sha256(to_yaml(config).encode()).hexdigest()


def breakable(label):
    """Return a label as Markup that may be broken after the words of its keys, not inside of them."""
    return markupsafe.Markup("<wbr>").join(re.split(r"(?<=\w=)|(?<=[a-z]\.)", label))
