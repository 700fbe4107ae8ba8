"""The errors that a command reports in one line; every other exception is a bug or the machine's fault."""


class OneLineError(Exception):
    """An error whose message says all that the user needs."""

    exit_code = 1  # of a command that it ends

    def _render_traceback_(self):
        """What IPython, and so a notebook, shows of it in the place of a traceback: a list of lines."""
        return ["%s: %s" % (type(self).__name__, self)]


class InputError(OneLineError):
    """Something that the user gave (a file, a key, a folder) can't be used."""

    exit_code = 2


def reason(error):
    """Return an exception's message; an OSError's as "file: what is wrong", without its number."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return "%s: %s" % (error.filename, error.strerror)
    return what_is_wrong(error) or type(error).__name__


def printable(text):
    """Return a text with what can't be printed, such as what steers a terminal, by its codes."""
    return "".join(own if own.isprintable() else own.encode("unicode_escape").decode() for own in text)


def shortened(text):
    """Return a text as it stands in a line on what is wrong with it: 60 characters of it at most."""
    return text if len(text) <= 60 else text[:57] + "..."


def what_is_wrong(error):
    """Return an exception's message without the name of the file, which the caller tells."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
