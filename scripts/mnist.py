#!/usr/bin/env python
"""Write the configs of the runs of MNIST that are still to be made, or the page of those that are.

`make mnist` calls it in turn with scripts/sweep.py, which trains what is missing.
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
    parser.add_argument("what", choices=["configs", "page"], help="the configs of a seed's runs; the page")
    parser.add_argument("--runs", default=os.path.join("runs", "mnist"), metavar="DIR",
                        help="where scripts/sweep.py leaves the runs (default: runs/mnist); configs are written below it")
    parser.add_argument("--seed", type=command_line.integer, default=0, metavar="N", help="of the configs (default: 0)")
    parser.add_argument("--out", default=os.path.normpath(os.path.join(ROOT, "docs")), metavar="DIR",
                        help="where the page and mnist.csv are, which has the runs whose folders are no more (default: docs)")
    args = parser.parse_args()
    from avb_tf1.reproduction import mnist
    if not os.path.isdir(args.out):
        raise errors.InputError("%s: not a folder" % args.out)
    runs = mnist.MnistRuns(os.path.join(ROOT, "configs"), args.runs, args.out)
    if args.what == "configs":
        mnist.write_configs(runs, args.seed, os.path.join(args.runs, "configs", "seed_%d" % args.seed))
    else:
        mnist.make(runs, args.out)


if __name__ == "__main__":
    command_line.run(main)
