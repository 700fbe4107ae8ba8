#!/usr/bin/env python
"""Write the page of a run or a sweep again, with what its folder holds now; with --config, train the run first if need be."""

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
    parser.add_argument("folder", metavar="DIR", help="a run's folder, or a sweep's")
    parser.add_argument("--config", metavar="FILE", help="the run's config; what isn't finished of it is trained first")
    args = parser.parse_args()
    from avb_tf1.config import loading  # not for --help: it takes a while
    from avb_tf1.report import sweep_page
    if args.config is not None:
        config = loading.load_config(args.config)
        from avb_tf1.experiment.run import ensure_finished  # loads TensorFlow: after the input is known to be good
        ensure_finished(config, args.folder)
    path, n_left_out = sweep_page.write_page(args.folder)
    print("Written to %s%s" % (path, sweep_page.left_out(n_left_out)))


if __name__ == "__main__":
    command_line.run(main)
