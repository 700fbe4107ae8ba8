#!/usr/bin/env python
"""Write the page of a run or a sweep again, with what its folder holds now; with --config, train the run first if need be."""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

from avb_tf1 import command_line, config, errors, html_report, run_folder


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", metavar="DIR", help="a run's folder, or a sweep's")
    parser.add_argument("--config", metavar="FILE", help="the run's config; what isn't finished of it is trained first")
    args = parser.parse_args()
    if args.config is not None:
        experiment_config = config.load_config(args.config)
        if not run_folder.is_finished(args.folder, experiment_config):
            with run_folder.begun_or_gone_on_with(args.folder, config.to_yaml(experiment_config)):
                from avb_tf1 import experiment
                experiment.run_and_report(experiment_config, args.folder, show_progress=True)
    if os.path.isfile(os.path.join(args.folder, run_folder.CONFIG)):
        path = html_report.write_run_report(args.folder)
    elif os.path.isfile(os.path.join(args.folder, run_folder.SWEEP_STATE)):
        path = html_report.write_sweep_report(args.folder)
    else:
        raise errors.InputError("%s: neither a run folder (it has no %s) nor a sweep's (it has no %s)" % (
            args.folder, run_folder.CONFIG, run_folder.SWEEP_STATE))
    print("Written to %s" % path)


if __name__ == "__main__":
    command_line.run(main)
