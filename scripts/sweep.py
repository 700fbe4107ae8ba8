#!/usr/bin/env python
"""Run the product of configs, seeds and values on Ray, each run in a folder of its own; started again, it goes on."""

import os
import signal
import sys

if __name__ == "__main__":  # held back until command_line.begin takes them
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

from avb_tf1.ground import command_line

if __name__ == "__main__":
    command_line.begin()  # first: what follows takes time


from avb_tf1.ground import errors
from avb_tf1.sweep import plan


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("--config", nargs="+", action="append", required=True, metavar="FILE")
    parser.add_argument("--seeds", required=True, metavar="SEEDS", help="e.g. 0-19, or 0,3,8-9")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=V1,V2,...", dest="settings",
                        help="a key of the configs and the values to run it with")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder for the run folders, sweep.json, summary.csv "
                        "and report.html")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--address", metavar="HOST:PORT",
                       help="an existing Ray cluster, which must answer in %d s (default: a local one is started)"
                       % plan.ADDRESS_SECONDS)
    where.add_argument("--workers", type=command_line.integer, default=0, metavar="N",
                       help="runs at once on the local cluster (default: one a core)")
    parser.add_argument("--no-progress", action="store_true", help="show no progress")
    args = parser.parse_args()
    if args.workers < 0:
        raise errors.InputError("--workers must be at least 0")
    runs = plan.plan(sum(args.config, []), args.seeds, args.settings)
    try:
        from avb_tf1.sweep import driver
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise errors.InputError("Ray is not installed; pip install -r requirements-sweep.lock, or run make setup-sweep")
    command = command_line.again("sweep.py", sys.argv[1:])
    driver.run_sweep(runs, args.out, command, args.address, args.workers, show_progress=not args.no_progress)


if __name__ == "__main__":
    command_line.run(main)
