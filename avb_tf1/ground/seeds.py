"""The random streams of an experiment: each has a name, and follows from the config's one seed and that name alone."""

import zlib

import numpy as np


def op_seed(name):
    """Return the op seed, 0 to 2**31 - 1, of the random op or initialiser called `name`.

    With the graph seed (the config's seed) it fixes the op's stream, however many ops were built before it.
    """
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


def stream(seed, name):
    """Return a random stream of the experiment's, by the config's seed and a name; apart from all that training draws."""
    return np.random.RandomState([seed, op_seed(name)])
