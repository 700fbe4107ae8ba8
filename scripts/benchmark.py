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
    parser.add_argument("--time-to-pass", nargs="+", metavar="CONFIG",
                        help="instead, measure how long these train until they are better than the paper's AVB in every column")
    parser.add_argument("--seeds", type=command_line.integer, nargs="+", default=range(5), metavar="N",
                        help="of --time-to-pass (default: 0 1 2 3 4)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
                        help="override a key of configs/synthetic.yaml on this package's side, whose length --iterations "
                        "decides, or of --time-to-pass")
    parser.add_argument("--measure", help=argparse.SUPPRESS)  # what one of the processes is started with
    args = parser.parse_args()
    from avb_tf1.reproduction import benchmark  # not for --help: it takes a while
    if args.measure:
        benchmark.measure(args.measure, (args.time_to_pass or [CONFIG])[0], args.iterations, args.overrides)
    elif args.time_to_pass:
        benchmark.run_time_to_pass(CONFIG, args.time_to_pass, args.seeds, args.overrides)
    else:
        benchmark.run(CONFIG, FAST, args.turns, args.iterations, args.overrides)


if __name__ == "__main__":
    command_line.run(main)
