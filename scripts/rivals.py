#!/usr/bin/env python
"""Write the configs of AVB's rivals, choose their settings from a finished search, or make the page and the picture of them.

`make rivals` and `make rivals-search` call it in turn with scripts/sweep.py, which trains what is missing.
"""

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

from avb_tf1.ground import errors


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("what", choices=["equal_iterations", "equal_time", "search", "settings", "choose", "page"],
                        help="the configs of a comparison, of a search, or of that of the digits' own settings; what a search "
                        "found; the page")
    parser.add_argument("--runs", default=os.path.join("runs", "rivals"), metavar="DIR",
                        help="where scripts/sweep.py leaves the runs (default: runs/rivals); configs are written below it")
    parser.add_argument("--others", default="runs", metavar="DIR",
                        help="where runs/posteriors and runs/digits are, as far as they were made (default: runs)")
    parser.add_argument("--seeds", default="0-4", metavar="SEEDS", help="of a comparison, e.g. 0-4 or 0,3 (default: 0-4)")
    parser.add_argument("--out", default=os.path.normpath(os.path.join(ROOT, "docs")), metavar="DIR",
                        help="where the page and rivals.csv are, which has the runs whose folders are no more (default: docs)")
    args = parser.parse_args()
    from avb_tf1.reproduction import rivals, rivals_search
    from avb_tf1.sweep.plan import parse_seeds
    seeds = tuple(parse_seeds(args.seeds))
    if not os.path.isdir(args.out):
        raise errors.InputError("%s: not a folder" % args.out)
    runs = rivals_search.RivalsRuns(os.path.join(ROOT, "configs"), args.runs, args.others, args.out)
    if args.what == "choose":
        rivals_search.choose(runs)
    elif args.what == "page":
        rivals.make(runs, args.others, seeds, args.out)
    else:
        rivals_search.write_configs(runs, args.what, seeds, os.path.join(args.runs, "configs", args.what))


if __name__ == "__main__":
    command_line.run(main)
