#!/usr/bin/env python
"""Compare this package's speed with the tutorial's loop, its own bare graph, JAX and PyTorch, in processes that take turns."""

import os
import signal
import sys

if __name__ == "__main__":  # held back until command_line.begin takes them
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir)
sys.path.insert(0, ROOT)

from avb_tf1.ground import command_line

if __name__ == "__main__":
    command_line.begin()

import argparse

CONFIGS = os.path.join(ROOT, "configs")
CONFIG, FAST = os.path.join(CONFIGS, "synthetic.yaml"), os.path.join(CONFIGS, "fast_avb.yaml")


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("--turns", type=command_line.integer, default=8, metavar="N",
                        help="how often everything is measured, in turn (default: 8)")
    parser.add_argument("--iterations", type=command_line.integer, default=600, metavar="N",
                        help="iterations to time in each process, after 100 to warm up (default: 600)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
                        help="override a key of configs/synthetic.yaml for this package's side; --iterations decides how long "
                        "it is")
    parser.add_argument("--measure", help=argparse.SUPPRESS)  # what one of the processes is started with
    args = parser.parse_args()
    from avb_tf1.reproduction import benchmark  # not for --help: it takes a while
    if args.measure:
        benchmark.measure(args.measure, CONFIG, args.iterations, args.overrides)
    else:
        benchmark.run(CONFIG, FAST, args.turns, args.iterations, args.overrides)


if __name__ == "__main__":
    command_line.run(main)
