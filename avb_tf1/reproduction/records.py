"""What docs keep of the runs of a page, a line of a CSV file for each: it can be made where their folders are no more."""

import contextlib
import csv
import io
import os
from typing import Any, Dict, NamedTuple, Optional

from avb_tf1.config.fingerprint import digest_of_fingerprint
from avb_tf1.config.loading import MODEL_FILE, to_yaml
from avb_tf1.ground import files
from avb_tf1.ground.errors import InputError, what_is_wrong
from avb_tf1.reproduction.paper import Runs
from avb_tf1.runs import run_folder
from avb_tf1.runs.provenance import code

_DIVERGED = "diverged"
_TEXTS = ("run", "config", "training_code", "evaluation_code")
_NUMBERS = {"seed": int, "n_iterations": int, "cpu_seconds": float}
_CPUS = "cpus"       # a column that files of earlier versions lack
_MARK = "# Written for scripts/sweep.py, and removed where the run is made or no longer wanted.\n"
_SECONDS = "%.8g"  # so rounded in a Record, too, that a run's folder and its line say the same


class Record(NamedTuple):
    """A finished run.

    Attributes:
        run: str, the config's name; seed: int.
        config: 12 hexadecimal digits that stand for the config, with its seed.
        training_code, evaluation_code: str, what made it; training by several codes has "+" between them.
        n_iterations: int.
        cpu_seconds: float, of the whole training, all its threads.
        values: name -> float, tuple of several floats, or text: what was measured, as far as the page tells it. Of a run that
            came to no end, as a loss was not finite any more or what was trained can't be measured, just "diverged" -> why.
        folder: str, where the run is; None if it is no more.
        cpus: the kinds of CPU that it was trained on, with "+" between them; "" if it doesn't say.
    """

    run: str
    seed: int
    config: str
    training_code: str
    evaluation_code: str
    n_iterations: int
    cpu_seconds: float
    values: Dict[str, Any]
    folder: Optional[str] = None
    cpus: str = ""

    @property
    def has_diverged(self):
        return _DIVERGED in self.values

    @property
    def made_by(self):
        """What provenance.made_by_text takes of a run."""
        return {"training_code": self.training_code.split("+"), "evaluation_code": self.evaluation_code,
                "cpus": self.cpus.split("+") if self.cpus else []}


class Records:
    """The Records of a page: of finished runs, as they are found, and of those that its CSV file has.

    A run's folder counts before the file's line, and a line counts for the very config that it is of.
    """

    def __init__(self, path, values_of):
        """Read the file at `path`, a str, if there is one.

        Args:
            values_of: function (config, folder, metrics) -> a Record's values, of a finished run.

        Raises:
            InputError: the file can't be read, or isn't as `write` leaves it.
        """
        self._path, self._values_of, self._known, self._folders = path, values_of, {}, {}
        self._to_measure_again = set()  # keys of runs that other evaluation code than this measured, where a sweep finds them
        if not os.path.lexists(path):
            return
        try:
            with open(path, encoding="utf-8", newline="") as file:
                for record in map(_record, csv.DictReader(file, strict=True)):
                    self._known[record.run, record.config] = record
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise InputError("%s: can't be read: %s; without it all its runs are made again" % (path, what_is_wrong(error)))

    def find(self, config, folders):
        """Return the Record of a config's run, from the first of some folders that has it finished; else as the file has it.

        The first folder is where scripts/sweep.py makes it. None if neither has it. Raises InputError if a file there is
        damaged.
        """
        key = config.name, digest_of_fingerprint(config)
        folder = next((folder for folder in folders if _is_finished(folder, config)), None)
        if folder is not None and self._folders.get(key) != folder:
            found = Runs.read([(config, folder)])
            made_by, = found.made_by
            self._known[key] = Record(
                config.name, config.seed, key[1], "+".join(made_by["training_code"]), made_by["evaluation_code"],
                config.training.n_iterations, float(_SECONDS % found.cpu_seconds[0]),
                self._values_of(config, folder, found.metrics[0]), folder, "+".join(made_by["cpus"]))
            self._folders[key] = folder
            if folder == folders[0] and made_by["evaluation_code"] != code()["evaluation_code"]:
                self._to_measure_again.add(key)
        if folder is None:
            own = next(filter(None, (_diverged(config, key[1], folder) for folder in folders)), None)
            known = self._known.get(key)
            if own is not None and (known is None or known.has_diverged or known.training_code != own.training_code):
                self._known[key] = own
            elif own is None and known is not None and known.has_diverged and known.training_code != code()["training_code"]:
                return None  # what made it diverge may be mended
        return self._known.get(key)

    def still_to_run(self, wanted, out):
        """Write those of some configs whose run isn't found, or is to be measured again, for scripts/sweep.py.

        A config is written once, into a folder below `out` that is called as its missing seeds, such as "0,1,2": those are what
        a sweep of that folder is to have. What this left there before is removed, also of runs that are no longer wanted. The
        CSV file is written, too, so that what was found stays.

        Args:
            wanted: sequence of pairs of a config and its run's Record, or None.
            out: str, made if need be.
        """
        missing = {}
        for config, record in wanted:
            if record is None or (record.run, record.config) in self._to_measure_again:
                missing.setdefault(config.name, []).append(config)
        os.makedirs(out, exist_ok=True)
        for folder in filter(os.path.isdir, (os.path.join(out, name) for name in os.listdir(out))):
            for path in filter(_is_written_here, (os.path.join(folder, name) for name in os.listdir(folder))):
                os.remove(path)
            with contextlib.suppress(OSError):  # something of another's is in it
                os.rmdir(folder)
        for configs in missing.values():
            write_config(configs[0], os.path.join(out, ",".join(str(config.seed) for config in configs)))
        self.write()
        n_new = sum(record is None for _, record in wanted)
        n_again = sum(map(len, missing.values())) - n_new
        print("%d of %d runs are still to be made, by the configs in %s%s" % (
            n_new, len(wanted), out, ", and %d to be measured again" % n_again if n_again else ""))

    def drop_other_code(self):
        """Forget the runs that other code than this trained, or measured; return their Records, a list."""
        here = code()
        others = [key for key, record in self._known.items() if (record.training_code, record.evaluation_code) != (
            here["training_code"], here["evaluation_code"])]
        return [self._known.pop(key) for key in others]

    def add(self, records):
        """Take Records of runs of which none is known, by name and seed."""
        known = {(record.run, record.seed) for record in self._known.values()}
        self._known.update(((record.run, record.config), record) for record in records
                           if (record.run, record.seed) not in known)

    def write(self):
        """Write the file: what it had, and what was found. Of a run of another config than it had, the new line stays."""
        latest = {(record.run, record.seed): record for record in self._known.values() if record.folder is None}
        latest.update({(record.run, record.seed): record for record in self._known.values() if record.folder is not None})
        records = [latest[key] for key in sorted(latest)]
        if not records and not os.path.lexists(self._path):
            return
        columns = list(dict.fromkeys(name for record in records for name in record.values))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*_TEXTS, *_NUMBERS, _CPUS, *columns])
        for record in records:
            writer.writerow([*(getattr(record, name) for name in _TEXTS), record.seed, record.n_iterations,
                             _SECONDS % record.cpu_seconds, record.cpus, *(_text(record.values.get(name)) for name in columns)])
        files.write_text(self._path, text.getvalue())


def write_config(config, out):
    """Write a config into the folder `out`, which is made if need be, for scripts/sweep.py; return the path of the file."""
    os.makedirs(out, exist_ok=True)
    path = os.path.join(out, config.name + ".yaml")
    files.write_text(path, _MARK + to_yaml(config))
    if config.python_file is not None:
        files.write_text(os.path.join(out, MODEL_FILE), config.python_file.source)
    return path


def _is_written_here(path):
    """Whether write_config wrote a file."""
    if os.path.basename(path) == MODEL_FILE:
        return True
    with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
        return path.endswith(".yaml") and file.readline() == _MARK
    return False


def _record(line):
    """The Record of a line of the file, by its columns."""
    if None in line or None in line.values():
        raise ValueError("a line has another number of columns than the first")
    values = {name: _value(text) for name, text in line.items() if name not in (*_TEXTS, *_NUMBERS, _CPUS) and text.strip()}
    return Record(values=values, cpus=line.get(_CPUS, ""), **{name: line[name] for name in _TEXTS},
                  **{name: kind(line[name]) for name, kind in _NUMBERS.items()})


def _value(text):
    with contextlib.suppress(ValueError):
        numbers = tuple(map(float, text.split()))
        return numbers if len(numbers) > 1 else numbers[0]
    return text


def _text(value):
    if value is None or isinstance(value, str):
        return value or ""
    return " ".join("%.8g" % number for number in value) if isinstance(value, tuple) else "%.8g" % value


def _diverged(config, digest, folder):
    """The Record of a run in a folder that a diverged.json tells of; None if there is none of this config and this code."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        told = files.read_json(os.path.join(folder, run_folder.DIVERGED))
        here = code()
        if told["config"] == digest and told["training_code"] == here["training_code"] and (
                told.get("stage") != "evaluation" or told["evaluation_code"] == here["evaluation_code"]):
            return Record(config.name, config.seed, digest, told["training_code"], told["evaluation_code"],
                          config.training.n_iterations, float(_SECONDS % told["cpu_seconds"]), {_DIVERGED: told["reason"]},
                          folder)
    return None


def _is_finished(folder, config):
    with contextlib.suppress(InputError):  # of another config
        return run_folder.is_finished(folder, config)
    return False
