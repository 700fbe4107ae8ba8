#!/usr/bin/env python
"""Train a model from a config and leave its figures and numbers in a run folder; or go on with a run that was interrupted."""

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
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", metavar="FILE", help="the experiment, e.g. configs/synthetic.yaml")
    what.add_argument("--resume", metavar="DIR", help="go on with the run in this folder, from its last good checkpoint; with "
                      "--set training.n_iterations=N to another length, if its rates are constant")
    parser.add_argument("--out", metavar="DIR", help="the run folder (default: runs/<name in the config>)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
                        help="override a key of the config, e.g. --set seed=3 --set training.n_iterations=500")
    parser.add_argument("--overwrite", action="store_true", help="replace the run that the folder holds")
    parser.add_argument("--no-progress", action="store_true", help="show no progress while training")
    args = parser.parse_args()
    from avb_tf1.config import loading  # not for --help: it takes a while
    from avb_tf1.runs import run_folder
    if args.resume is not None:
        if args.out is not None or args.overwrite:
            parser.error("--resume takes no --out or --overwrite: the run goes on in its folder, as its config says")
        out = args.resume
        if args.overrides:
            run_folder.config_path(out)  # refuses what is no run folder before TensorFlow is loaded
            from avb_tf1.experiment.run import extend
            extend(out, args.overrides)
        folder = run_folder.reclaimed(out)
    else:
        from avb_tf1.tasks.registry import FILES
        config = loading.load_config(args.config, args.overrides)
        out = args.out if args.out is not None else os.path.join("runs", config.name)
        folder = run_folder.claimed(out, run_folder.texts_of(config), args.overwrite, FILES)
    with folder:
        if args.resume is not None:
            config = loading.load_config(run_folder.config_path(out))
        from avb_tf1.experiment.run import run_and_report  # loads TensorFlow: after the input is known to be good
        run_and_report(config, out, show_progress=not args.no_progress)


if __name__ == "__main__":
    command_line.run(main)
