"""Commands to a device, and its response."""

from typing import Annotated

import msgspec

from edge.wire.names import (
    _END,
    SCHEMA,
    UNSEEN,
    Amount,
    MaybeWord,
    Name,
    Numbered,
    Ranges,
    SequenceNumber,
    Transaction,
    Word,
)
from edge.wire.times import milliseconds_of

YES, NO, NOTHING_THERE = "yes", "no", "nothing-there"
"""What a person can say of a crossing, beside the name of a class; see Verdict."""


class Resend(msgspec.Struct, frozen=True, kw_only=True):
    """`command/resend`: send these reports of a journal again. Without `journal`: of whichever the device keeps now."""

    id: Transaction
    ranges: Ranges
    journal: Name | msgspec.UnsetType = msgspec.UNSET


class JournalCommand(msgspec.Struct, frozen=True, kw_only=True):
    """`command/journal`: what the collector knows of a journal of the device, for the device to compare with its own.

    `high` is the highest number that was given in it, and `known` are some numbers with the run that has each: several
    runs under one number were counted by copies of one card. A device that did not give all of these begins a new
    journal.
    """

    id: Transaction
    journal: Name
    high: Amount
    known: Numbered = []


class PlainCommand(msgspec.Struct, frozen=True, kw_only=True):
    """`command/snapshot`, `command/reload`: nothing but to do it."""

    id: Transaction


class StripCommand(msgspec.Struct, frozen=True, kw_only=True):
    """`command/strip`: the strip of a line and of the bucket that starts then."""

    id: Transaction
    line: Name
    start: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says of one crossing, known by `(site, device, run, line, at)`.

    `said` is `yes` or `no` (whether it is of the class as which it was counted), the name of the class that it is, or
    `nothing-there`. It is kept beside the report `seq`, whose counts it never changes; `seq` is null where that report
    had not come. `class` and `direction` are as counted, empty where unknown; `alert` is the number of the collector's
    alert that the person looked at. Of several verdicts of one person on one crossing the last one (`when`) holds.
    """

    schema: int = SCHEMA
    site: Name
    device: Name
    run: Name
    seq: SequenceNumber | None = None
    line: Name
    direction: MaybeWord = ""
    at: str
    label: MaybeWord = msgspec.field(default="", name="class")
    said: Word
    by: Annotated[str, msgspec.Meta(pattern=f"^[^{UNSEEN}]{{1,100}}{_END}")]
    when: str
    alert: SequenceNumber | None = None

    def __post_init__(self) -> None:
        """Hold the rules that no single field can say."""
        if self.schema != SCHEMA:
            raise ValueError(f"schema {self.schema} is not known here, only {SCHEMA} is")
        milliseconds_of(self.at)
        milliseconds_of(self.when)

    @property
    def truth(self) -> str | None:
        """The class that it is, `nothing-there`, or None: all that is known is which class it is not."""
        if self.said == YES:
            return self.label or None
        return None if self.said == NO else self.said

    @property
    def confirms(self) -> bool:
        """Whether it is of the class as which it was counted."""
        return self.said in (YES, self.label)


class VerdictCommand(msgspec.Struct, frozen=True, kw_only=True):
    """`command/verdict`: a person said something of a crossing; when its class was last seen may depend on it."""

    id: Transaction
    verdict: Verdict


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command, by its `id`. `ok` is false where it was not done, and `reason` says why.

    To a `resend`: `resent` reports of `journal` are on their way, and those in `gone` the device holds no more (it had
    to drop them at its bound, or they are older than it keeps): nobody need ask for them again. A `stranger` never
    numbered anything in that journal: another device of this name may hold them.

    To `journal`: `journal` is the one in which the device numbers now. If it has just begun, its numbers go on from
    `first`, and `runs` are the runs in it, each with its first number.
    """

    id: Transaction
    verb: Word
    ok: bool
    reason: str = ""
    journal: Name | msgspec.UnsetType = msgspec.UNSET
    resent: Amount = 0
    gone: Ranges = []
    stranger: bool | msgspec.UnsetType = msgspec.UNSET
    first: SequenceNumber | msgspec.UnsetType = msgspec.UNSET
    runs: Numbered | msgspec.UnsetType = msgspec.UNSET
    jpeg: str | msgspec.UnsetType = msgspec.UNSET
    """A picture that was asked for, in base64."""
