"""What the subscriber hands to the store, and what the store says is missing: frozen values.

Times are milliseconds UTC, numbers are `seq` of reports within their journal.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from operator import add
from typing import Any

from collector.protocol.gaps import Missing
from collector.protocol.intake import DeviceMessage, ReceivedAlert, ReceivedConvoy, ReceivedReport, Refusal
from edge.wire.names import RANGES_MAX

SEQ_MAX = 2**53 - 1
"""The highest number that a report may have."""
JournalName = tuple[str, str, str]
"""Site, device, and the name of the journal."""


@dataclass(frozen=True, slots=True)
class CommitCounts:
    """What became of the messages of one or more commits."""

    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    said: int = 0
    """Device messages (status, info, total, health), alerts and convoys taken."""
    asked: int = 0
    """Requests noted, to be sent now."""
    overlapping: int = 0
    """Reports set aside because another device of the same name had watched the same time."""

    def __add__(self, other: "CommitCounts") -> "CommitCounts":
        return CommitCounts(*map(add, astuple(self), astuple(other)))


@dataclass(frozen=True, slots=True)
class Gap:
    """A range that is missing in a journal of a device."""

    site: str
    device: str
    journal: str
    missing: Missing

    @classmethod
    def of(cls, row: Sequence[Any]) -> "Gap":
        """From the names, and then the columns of the range."""
        site, device, journal, *missing = row
        return cls(site, device, journal, Missing.of(missing))


@dataclass(frozen=True, slots=True)
class _JournalRanges:
    """Ranges of numbers in a journal of a device, first and last included."""

    site: str
    device: str
    journal: str
    ranges: tuple[tuple[int, int], ...]


class ResendRequested(_JournalRanges):
    """A device is asked for these ranges. Stored before it is sent; all of them must still be due."""

    __slots__ = ()


class ResendUrged(_JournalRanges):
    """A person wants these requested now, whenever they would be due; ranges that are not missing are ignored."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ReportsGone(_JournalRanges):
    """A device has answered that it no longer has these."""

    stranger: bool = False
    """It never numbered anything in that journal: another device of this name may have them."""


@dataclass(frozen=True, slots=True)
class JournalDoubt:
    """Another device may have numbered in a journal: what the device is asked to compare with what it knows."""

    site: str
    device: str
    journal: str
    high: int
    number: int
    runs: tuple[str, ...]
    """Those that have a report under the doubtful number."""
    ends: tuple[tuple[int, str], ...] = ()
    """Of the newest runs the first number and the last, by number."""

    @property
    def known(self) -> list[tuple[int, str]]:
        """The numbers to compare, each with a run that has it; at most RANGES_MAX."""
        doubtful = [(self.number, run) for run in self.runs[:RANGES_MAX]]
        return [*doubtful, *self.ends[max(0, len(self.ends) - RANGES_MAX + len(doubtful)) :]]


@dataclass(frozen=True, slots=True)
class JournalCompared:
    """A device has compared a journal with its own; if it had to begin a new one, that is `begun`, from `first` on.

    `present`: it numbers in the journal that was asked about, and what it was asked `about` is its own.
    """

    site: str
    device: str
    journal: str
    begun: str = ""
    first: int = 1
    runs: tuple[tuple[int, str], ...] = ()
    """The runs in the new journal, each with its first number."""
    about: JournalDoubt | None = None
    present: bool = False

    @property
    def spans(self) -> list[tuple[str, int, int]]:
        """The runs in the new journal, each with the first and the last number that it may have."""
        ends = [*(first - 1 for first, _ in self.runs[1:]), SEQ_MAX]
        return [(run, first, last) for (first, run), last in zip(self.runs, ends, strict=False)]


@dataclass(frozen=True, slots=True)
class VerdictAcknowledged:
    """A device has acknowledged a verdict, by its id."""

    site: str
    device: str
    verdict: int


JournalEvent = DeviceMessage | ResendRequested | ReportsGone | JournalCompared | ResendUrged
"""What changes the state of a journal: a total that tells what was sent, a request, an answer, a person's request."""
Item = ReceivedReport | ReceivedAlert | ReceivedConvoy | VerdictAcknowledged | Refusal | JournalEvent
