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
    parser.add_argument("what", choices=["equal_iterations", "equal_time", "search", "choose", "page"],
                        help="the configs of a comparison, or of a search; what a search found; the page")
    parser.add_argument("--runs", default=os.path.join("runs", "rivals"), metavar="DIR",
                        help="where scripts/sweep.py leaves the runs (default: runs/rivals)")
    parser.add_argument("--others", default="runs", metavar="DIR",
                        help="where runs/posteriors and runs/digits are, as far as they were made (default: runs)")
    parser.add_argument("--seeds", type=command_line.integer, nargs="+", default=range(5), metavar="N",
                        help="of the page (default: 0 1 2 3 4)")
    parser.add_argument("--out", metavar="DIR", help="the folder to write into (default: configs below --runs; docs)")
    args = parser.parse_args()
    from avb_tf1.reproduction import rivals, rivals_search
    configs = os.path.join(ROOT, "configs")
    if args.what == "choose":
        rivals_search.choose(configs, args.runs)
    elif args.what == "page":
        out = args.out or os.path.normpath(os.path.join(ROOT, "docs"))
        if not os.path.isdir(out):
            raise errors.InputError("%s: not a folder" % out)
        rivals.make(configs, args.runs, args.others, tuple(args.seeds), out)
    else:
        rivals_search.write_configs(configs, args.runs, args.what, args.out or os.path.join(args.runs, "configs", args.what))


if __name__ == "__main__":
    command_line.run(main)
