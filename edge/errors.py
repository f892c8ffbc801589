"""The two ways a command ends badly: the input is wrong, or the work failed."""


class CrossingError(Exception):
    """One clear sentence for a person: what, where, what is allowed."""

    exit_code = 1


class InputError(CrossingError):
    """What the user gave (a file, a key, a value) is wrong; nothing was done. Exit code 2."""

    exit_code = 2


class WorkError(CrossingError):
    """The input was right and the work failed all the same (a video breaks off, a broker refuses). Exit code 1."""
