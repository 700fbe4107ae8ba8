"""The errors that a command reports in one line; every other exception is a bug or the machine's fault."""


class InputError(Exception):
    """Something that the user gave (a file, a key, a folder) can't be used. Commands print it and exit with 2."""
