#!/usr/bin/env python
"""Compare the speed of this package's training with the tutorial's loop, in whole processes that take turns."""

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

CONFIG = os.path.join(ROOT, "configs", "synthetic.yaml")


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("--pairs", type=command_line.integer, default=5, metavar="N",
                        help="pairs of processes, A B A B ... (default: 5)")
    parser.add_argument("--iterations", type=command_line.integer, default=1000, metavar="N",
                        help="iterations to time in each process, after 100 to warm up (default: 1000)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
                        help="override a key of configs/synthetic.yaml for this package's side; --iterations decides how long "
                        "it is")
    parser.add_argument("--sweep", action="store_true",
                        help="measure the throughput of a sweep of one run a core instead (needs Ray: make setup-sweep)")
    parser.add_argument("--measure", help=argparse.SUPPRESS)  # what one of the processes is started with
    args = parser.parse_args()
    from avb_tf1.reproduction import benchmark  # not for --help: it takes a while
    if args.measure:
        benchmark.SIDES[args.measure](args.iterations, CONFIG, args.overrides)
    elif args.sweep:
        benchmark.run_sweep(CONFIG, args.pairs, args.iterations, args.overrides)
    else:
        benchmark.run(CONFIG, args.pairs, args.iterations, args.overrides)


if __name__ == "__main__":
    command_line.run(main)
