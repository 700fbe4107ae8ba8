#!/usr/bin/env python
"""Tell which pages of docs are not of this state of the code, or make them again: `make documents-check`, `make documents`.

It goes on where it was interrupted: what is trained is kept, and a page that is good isn't made again.
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

from avb_tf1.ground import errors


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("what", choices=["check", "make", "train"], help="train: the runs that are missing, and no page")
    parser.add_argument("--pages", nargs="+", metavar="FILE", help="these alone, e.g. table_1.md (default: all)")
    parser.add_argument("--runs", default="runs", metavar="DIR", help="the folder of all runs (default: runs); make has them in"
                        " a folder of it, of_code_ and the training code's digest")
    parser.add_argument("--docs", default=os.path.normpath(os.path.join(ROOT, "docs")), metavar="DIR",
                        help="of check: where the pages are (default: docs)")
    args = parser.parse_args()
    from avb_tf1.ground import cpu
    from avb_tf1.reproduction import documents
    configs = os.path.join(ROOT, "configs")
    if args.what == "check":
        return documents.check(args.docs, configs)
    if args.docs != parser.get_default("docs"):
        raise errors.InputError("--docs: of check only; the others write into %s" % parser.get_default("docs"))
    known = {page.file: page for page in documents.PAGES}
    for name in args.pages or ():
        if name not in known:
            raise errors.InputError("--pages %s: must be among %s" % (name, ", ".join(known)))
    wanted, runs_folder = args.pages or known, os.path.abspath(args.runs)
    if args.what == "train":
        for page in map(known.get, wanted):
            for command in documents.trainings(page, configs, runs_folder, sys.executable):
                run(page, command)
        return None
    pages = [page for page in documents.faults(args.docs, configs) if page.file in wanted]
    runs_folder = documents.runs_folder_of(runs_folder)
    for number, page in enumerate(pages):
        print("%s, page %d of %d; about %s left, were nothing there" % (
            page.file, number + 1, len(pages), documents.forecast(pages[number:], cpu.n_cpus())), flush=True)
        with documents.of_this_code_alone(page, args.docs):
            for command in documents.commands(page, configs, runs_folder, sys.executable):
                run(page, command)
    return documents.check(args.docs, configs)


def run(page, command):
    from avb_tf1.reproduction import documents
    if documents.run(command, ROOT):
        raise errors.OneLineError("%s: not made: this failed: %s" % (page.file, errors.shortened(" ".join(command))))


if __name__ == "__main__":
    command_line.run(main)
