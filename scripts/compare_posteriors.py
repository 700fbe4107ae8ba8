#!/usr/bin/env python
"""Compare methods of inference on one given posterior: configs' AVB, mean-field and full-rank Gaussians, and samplers.

Trains what is missing, writes comparison.md and figures, and prints the table.
"""

import os
import signal
import sys

if __name__ == "__main__":  # held back until command_line.begin takes them
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir)
sys.path.insert(0, ROOT)

from avb_tf1.ground import command_line

if __name__ == "__main__":
    command_line.begin()  # first: what follows takes time


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("--config", metavar="FILE", nargs="+", required=True,
                        help="configs of given posteriors, all of one problem")
    parser.add_argument("--baselines", metavar="FILE",
                        default=os.path.normpath(os.path.join(ROOT, "configs", "posteriors", "baselines.yaml")),
                        help="settings of Gaussians and samplers (default: configs/posteriors/baselines.yaml)")
    parser.add_argument("--seeds", metavar="N", type=command_line.integer, nargs="+", default=[0],
                        help="seeds of each method (default: 0)")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], dest="overrides",
                        help="override a value of all configs, e.g. --set training.n_iterations=500")
    parser.add_argument("--out", metavar="DIR", help="the folder to write into (default: runs/compared/<first config's name>)")
    args = parser.parse_args()
    from avb_tf1.config.loading import load_config
    from avb_tf1.ground import progress, stopping
    from avb_tf1.reproduction import posterior_comparison
    out = args.out or os.path.join("runs", "compared", load_config(args.config[0], args.overrides).name)
    with stopping.hint("to go on: %s" % command_line.again("compare_posteriors.py", sys.argv[1:])), progress.shown():
        comparison = posterior_comparison.compare(args.config, args.baselines, args.seeds, out, overrides=args.overrides)
    print("\n".join(posterior_comparison.table(comparison)))
    print("Written to %s" % os.path.join(out, posterior_comparison.COMPARISON))


if __name__ == "__main__":
    command_line.run(main)
