#!/usr/bin/env python
"""Train a model from a config and leave its figures and numbers in a run folder."""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

from avb_tf1 import command_line, config, run_folder


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, metavar="FILE", help="the experiment, e.g. configs/synthetic.yaml")
    parser.add_argument("--out", metavar="DIR", help="the run folder (default: runs/<name in the config>)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
                        help="override a key of the config, e.g. --set seed=3 --set training.n_iterations=500")
    parser.add_argument("--overwrite", action="store_true", help="replace the run that the folder holds")
    parser.add_argument("--no-progress", action="store_true", help="show no progress while training")
    args = parser.parse_args()
    experiment_config = config.load_config(args.config, args.overrides)
    out = args.out if args.out is not None else os.path.join("runs", experiment_config.name)
    with run_folder.claimed(out, args.overwrite):
        from avb_tf1 import experiment  # loads TensorFlow, which takes seconds: after the input is known to be good
        experiment.run_and_report(experiment_config, out, show_progress=not args.no_progress)


if __name__ == "__main__":
    command_line.run(main)
