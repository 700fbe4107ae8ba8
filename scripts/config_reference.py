#!/usr/bin/env python
"""Write docs/config.md: every key of a config with what it may be, its default and its meaning, from what checks them."""

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

from avb_tf1.ground import errors


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("--out", metavar="PATH", help="the file to write (default: docs/config.md)")
    args = parser.parse_args()
    from avb_tf1.reproduction import config_reference
    out = args.out or os.path.normpath(os.path.join(ROOT, "docs", "config.md"))
    if os.path.isdir(out) or not os.path.isdir(os.path.dirname(out) or "."):
        raise errors.InputError("%s: must be a file's name, in a folder that exists" % out)
    config_reference.make(os.path.join(ROOT, "configs"), out)


if __name__ == "__main__":
    command_line.run(main)
