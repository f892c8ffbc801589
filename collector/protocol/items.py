"""What the subscriber hands to the store, and what the store says is missing: frozen values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from collector.protocol.gaps import Missing
from collector.protocol.intake import Called, Followed, Received, Refusal, Said
from edge.wire.names import RANGES_MAX

SEQ_MAX = 2**53 - 1
"""The highest number that a report may have."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the messages of one or more commits."""

    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    said: int = 0
    """Statuses, births, totals, healths, alerts and convoys taken."""
    asked: int = 0
    """Requests noted, to be sent now."""
    overlapping: int = 0
    """Reports set aside because another device of the same name had watched the same time."""

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.stored + other.stored,
            self.duplicates + other.duplicates,
            self.refused + other.refused,
            self.said + other.said,
            self.asked + other.asked,
            self.overlapping + other.overlapping,
        )


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
class Asked:
    """A device is asked for these ranges. Noted before it is sent; all of them must still be due."""

    site: str
    device: str
    journal: str
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Gone:
    """A device has answered that it holds these no more."""

    site: str
    device: str
    journal: str
    ranges: tuple[tuple[int, int], ...]
    stranger: bool = False
    """It never numbered anything in that journal: another device of this name may hold them."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Somebody else may have numbered in a journal of a device: what is to be compared with what the device knows."""

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
        """As it is asked: numbers, each with a run that has it."""
        doubtful = [(self.number, run) for run in self.runs[:RANGES_MAX]]
        return [*doubtful, *self.ends[max(0, len(self.ends) - RANGES_MAX + len(doubtful)) :]]


@dataclass(frozen=True, slots=True)
class Compared:
    """A device has compared a journal with its own; it numbers in `begun` from `first` on, if it had to begin one.

    `present`: it numbers in the journal that was asked about, and what it was asked `about` is its own.
    """

    site: str
    device: str
    journal: str
    begun: str = ""
    first: int = 1
    runs: tuple[tuple[int, str], ...] = ()
    """The runs in the new journal, each with its first number."""
    about: Doubt | None = None
    present: bool = False

    @property
    def spans(self) -> list[tuple[str, int, int]]:
        """The runs in the new journal, each with the first and the last number that it may have."""
        ends = [*(first - 1 for first, _ in self.runs[1:]), SEQ_MAX]
        return [(run, first, last) for (first, run), last in zip(self.runs, ends, strict=False)]


@dataclass(frozen=True, slots=True)
class Heeded:
    """A device has taken note of a verdict, by its id."""

    site: str
    device: str
    verdict: int


@dataclass(frozen=True, slots=True)
class Hurried:
    """Somebody wants these asked for at once, whenever they would be due; ranges that are not missing mean nothing."""

    site: str
    device: str
    journal: str
    ranges: tuple[tuple[int, int], ...]


Item = Received | Said | Called | Followed | Asked | Gone | Compared | Heeded | Hurried | Refusal
