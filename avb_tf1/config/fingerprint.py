"""What of a config decides a run's bits: by this it is told whether two runs are one."""

import hashlib
import json

from avb_tf1.config.experiments import experiment_of
from avb_tf1.config.yaml_input import nodes
from avb_tf1.ground.errors import InputError


class OtherConfig(InputError):
    """What was to go on with a config was made by another."""


def fingerprint(config, with_defaults=False):
    """Return the part of a config that decides every bit of a trained model and its metrics.

    All but its name, what only matters to speed, how often the run is saved and looked at, and where a file of images is: its
    digest stands for it. `with_defaults` as of a config's tree: without them a key that is new changes no fingerprint.
    """
    tree = config.tree(with_defaults)
    if config.task == "data_set" and config.data.sha256 is not None:
        tree["data"].pop("path", None)
    del tree["name"], tree["training"]["checkpoint_every"], tree["training"]["snapshot_every"]
    tree["runtime"] = {"intra_op_threads": config.runtime.intra_op_threads}
    return tree


def digest_of_fingerprint(config):
    """Return 12 hexadecimal digits that stand for a config's fingerprint."""
    return _digest(fingerprint(config))


def digest_of_configs(configs):
    """Return 12 hexadecimal digits that stand for the fingerprints of some configs, in any order."""
    return _digest(sorted(set(map(digest_of_fingerprint, configs))))


def _digest(tree):
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:12]


def fingerprint_of_weights(config):
    """Return what of a config decides every bit of the weights after so many iterations: not, with constant rates, how many."""
    tree = fingerprint(config)
    tree.pop("evaluation", None)
    if config.training.linear_decay is None:
        del tree["training"]["n_iterations"]
    return tree


def require_same(found, wanted, path):
    """Raise OtherConfig, naming `path` and the first key that differs, unless two fingerprints are equal."""
    found, wanted = (dict(_flat(experiment_of(tree).defaults), **_flat(tree)) for tree in (found, wanted))
    for key in sorted(set(found) | set(wanted)):
        if found.get(key) != wanted.get(key):
            raise OtherConfig("%s: made by another config: %s is %s there and %s here" % (
                path, key, json.dumps(found.get(key)), json.dumps(wanted.get(key))))


def _flat(tree):
    return {".".join(path): value for path, value in nodes(tree) if not isinstance(value, dict)}
