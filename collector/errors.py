"""The two ways a command of the collector ends badly: the input is wrong, or the work failed."""


class CollectorError(Exception):
    """The work failed; the message is one sentence for a person."""

    exit_code = 1


class InputError(CollectorError):
    """What the user gave (a file, a key, a value) is wrong; nothing was done."""

    exit_code = 2
