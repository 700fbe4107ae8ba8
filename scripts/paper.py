#!/usr/bin/env python
"""Make the paper's Figure 5, its Table 1, the comparison of all published recipes, that of quality with training time, what the
paper's VAE finds seed by seed, what goes wrong where one thing is changed, or the tables of given posteriors, digits or
diagnostics; trains the runs that are missing."""

import importlib
import os
import signal
import sys

if __name__ == "__main__":  # held back until command_line.begin takes them
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir)
sys.path.insert(0, ROOT)

from avb_tf1.ground import command_line

if __name__ == "__main__":
    command_line.begin()  # first: what follows takes time

from avb_tf1.ground import errors, stopping

# What is made -> its module in avb_tf1/reproduction, the function, the file ("": several), and where the runs are, below runs.
_MADE = {
    "figure": ("paper", "make_figure", "figure_5.png", "table"),
    "table": ("paper", "make_table", "table_1.md", "table"),
    "vae": ("paper", "make_vae_seeds", "paper_vae_seeds.png", "table"),
    "recipes": ("recipes", "make_comparison", "", "table"),
    "time": ("time_to_quality", "make", "", "table"),
    "pitfalls": ("pitfalls", "make", "", "table"),
    "posteriors": ("posteriors", "make", "", "posteriors"),
    "digits": ("digits", "make", "", "digits"),
    "diagnostics": ("diagnostics", "make", "", "diagnostics")}


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("what", choices=list(_MADE))
    parser.add_argument("--runs", metavar="DIR",
                        help="where the runs are, or will be made (default: runs/table; of posteriors, digits and "
                        "diagnostics runs/ and that name)")
    parser.add_argument("--out", metavar="PATH",
                        help="the file to write (default: docs/figure_5.png, docs/table_1.md or docs/paper_vae_seeds.png); for "
                        "all others the folder to write theirs into (default: docs)")
    parser.add_argument("--seeds", metavar="SEEDS", help="of digits: fewer than five, for a draft of the page, e.g. 0 or 0-1")
    args = parser.parse_args()
    if args.seeds is not None and args.what != "digits":
        raise errors.InputError("--seeds: of digits only")
    module, function, name, runs_name = _MADE[args.what]
    make = getattr(importlib.import_module("avb_tf1.reproduction." + module), function)
    out = args.out or os.path.normpath(os.path.join(ROOT, "docs", name))
    if not name and not os.path.isdir(out):
        raise errors.InputError("%s: not a folder" % out)
    if name and os.path.isdir(out):
        raise errors.InputError("%s: a folder; give a file's name" % out)
    if not os.path.isdir(os.path.dirname(out) or "."):
        raise errors.InputError("%s: its folder doesn't exist" % out)
    if name.endswith(".png") and not out.endswith(".png"):
        raise errors.InputError("%s: the figure is written as PNG; the name must end in .png" % out)
    more = {}
    if args.seeds is not None:
        from avb_tf1.sweep.plan import parse_seeds
        more["seeds"] = tuple(parse_seeds(args.seeds))
    runs = args.runs or os.path.join("runs", runs_name)
    with stopping.hint("to go on: %s" % command_line.again("paper.py", sys.argv[1:])):
        make(os.path.join(ROOT, "configs"), runs, out, **more)


if __name__ == "__main__":
    command_line.run(main)
