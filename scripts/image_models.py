#!/usr/bin/env python
"""Write the configs of a page's runs that are still to be made, or the page of those that are: of MNIST, or of patches.

`make mnist` and `make patches` call it in turn with scripts/sweep.py, which trains what is missing.
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
    parser.add_argument("images", choices=["mnist", "patches"], help="which page it is for")
    parser.add_argument("what", choices=["configs", "page"], help="the configs of a seed's runs; the page")
    parser.add_argument("--runs", metavar="DIR", help="where scripts/sweep.py leaves the runs (default: runs/mnist or "
                        "runs/patches); configs are written below it")
    parser.add_argument("--seed", type=command_line.integer, default=0, metavar="N", help="of the configs (default: 0)")
    parser.add_argument("--out", default=os.path.normpath(os.path.join(ROOT, "docs")), metavar="DIR",
                        help="where the page is, and its CSV file, which has runs whose folders are no more (default: docs)")
    args = parser.parse_args()
    from avb_tf1.reproduction import image_models
    if not os.path.isdir(args.out):
        raise errors.InputError("%s: not a folder" % args.out)
    folder = args.runs or os.path.join("runs", args.images)
    runs = image_models.ImageRuns(image_models.PAGES[args.images], os.path.join(ROOT, "configs"), folder, args.out)
    if args.what == "configs":
        image_models.write_configs(runs, args.seed, os.path.join(folder, "configs", "seed_%d" % args.seed))
    else:
        image_models.make(runs, args.out)


if __name__ == "__main__":
    command_line.run(main)
