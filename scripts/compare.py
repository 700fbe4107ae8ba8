#!/usr/bin/env python
"""Print runs beside the published numbers: one table, runs that differ in the seed only taken together."""

import os
import signal
import sys

if __name__ == "__main__":  # held back until command_line.begin takes them
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

from avb_tf1.ground import command_line

if __name__ == "__main__":
    command_line.begin()


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("runs", metavar="RUN_DIR", nargs="+", help="run folders, as scripts/train.py leaves them")
    args = parser.parse_args()
    from avb_tf1.report import comparison  # not for --help: it takes a while
    print(comparison.markdown(comparison.read_runs(args.runs)))


if __name__ == "__main__":
    command_line.run(main)
