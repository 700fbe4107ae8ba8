#!/usr/bin/env python
"""Evaluate a run again, from its checkpoint and config alone, and say whether its metrics.json has the same numbers."""

import os
import signal
import sys

if __name__ == "__main__":  # held back until command_line.begin takes them
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

from avb_tf1.ground import command_line

if __name__ == "__main__":
    command_line.begin()  # first: what follows takes time


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("run", metavar="RUN_DIR", help="a run folder, as scripts/train.py leaves it")
    parser.add_argument("--ais", action="store_true",
                        help="also estimate log p(x) by annealed importance sampling (a minute or two)")
    parser.add_argument("--calibration", type=command_line.integer, metavar="N",
                        help="only calibrate q(z|x) with N simulated pairs of x and z, and print the histograms of ranks")
    parser.add_argument("--part", choices=("test", "validation"), default="test",
                        help="of a data set, the images to measure on: settings are to be chosen on the validation images")
    parser.add_argument("--write", action="store_true",
                        help="write what is measured to the run's metrics.json (and test_images.npz), and its page; of the "
                             "validation images to validation.json alone")
    parser.add_argument("--timing", action="store_true", help="tell how long each part of the evaluation took")
    args = parser.parse_args()
    if args.ais and args.part != "test":
        parser.error("--ais is for the images of metrics.json, not for --part %s" % args.part)
    if args.timing and args.part != "test":
        parser.error("--timing is for the evaluation of metrics.json, not for --part %s" % args.part)
    if args.calibration is not None and (args.ais or args.write or args.timing or args.part != "test"):
        parser.error("--calibration takes no other option")
    if args.calibration is not None and not 100 <= args.calibration <= 1000000:
        parser.error("argument --calibration: must be from 100 to 1000000")
    from avb_tf1.experiment import reevaluation
    if args.calibration is not None:
        return reevaluation.calibrate(args.run, args.calibration)
    if args.part == "test":
        reevaluation.evaluate_run(args.run, with_ais=args.ais, write=args.write, with_timing=args.timing)
    else:
        reevaluation.evaluate_part(args.run, args.part, write=args.write)


if __name__ == "__main__":
    command_line.run(main)
