"""The collector's memory, as the rest sees it: every report once, and what is missing. Two kinds of it exist.

A report is identified by (site, device, run, seq). The same report again changes nothing; another report under
the same key is a refusal, and the first one stays.
"""

import re
from collections.abc import Container, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, Self

from collector.errors import CollectorError, InputError
from collector.gaps import WAIT_MS_MAX, Missing
from collector.ingest import Called, Followed, Received, Refusal, Said
from collector.limits import DEFAULTS, Limits
from collector.tables import Tables
from collector.views.axis import EARLIEST_MS
from edge.delivery.report import RANGES_MAX

SEQ_MAX = 2**53 - 1
"""The highest number that a report may have."""
TOO_LONG = "the question takes too long; ask for a shorter span or for longer intervals"
POSTGRES = re.compile(r"postgres(ql)?://")


class UnstorableError(CollectorError):
    """The store works, and cannot hold these values: to try the same again is of no use."""


class StatementError(CollectorError):
    """The store works, and refuses a statement of ours: a permission, a missing table, a rule of the tables.

    The fault is in the collector or in the database, never in the message: that has to be kept and tried again.
    """


class TooLongError(CollectorError):
    """A question was given up because its time was over; the store is well."""


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


@dataclass(frozen=True, slots=True)
class RollupState:
    """Of one device; `wanted` is the zone that it is to have, `time_zone` the one of its roll-ups, if it has any."""

    device_id: int
    site: str
    device: str
    time_zone: str | None
    wanted: str
    complete: bool
    """False for a device of an older store whose reports were never summed up."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long messages stay as they came, and how long they stay at all; whole UTC days, None: for ever."""

    pack_after_days: int = 3
    messages_days: int | None = None


Item = Received | Said | Called | Followed | Asked | Gone | Compared | Heeded | Hurried | Refusal

CHOSEN = "(CAST(:site AS TEXT) IS NULL OR site = :site) AND (CAST(:device AS TEXT) IS NULL OR device = :device)"
"""The condition of a query that may be about one site or device only."""

DUE = """
SELECT site, device, name, first, last, since_ms, due_ms, asked, asked_ms, gone
FROM missing JOIN journal ON journal.id = journal_id JOIN device ON device.id = device_id
WHERE gone = 0 AND (due_ms <= :now OR due_ms > :far) AND heard_ms > :heard
ORDER BY due_ms, journal_id, first LIMIT :limit
"""


def due_parameters(*, now_ms: int, heard_after_ms: int, limit: int) -> dict[str, int]:
    """For the query DUE; a time that lies too far ahead was set by a clock that has been put back since."""
    return {"now": now_ms, "far": now_ms + WAIT_MS_MAX, "heard": heard_after_ms, "limit": limit}


class Reading(Protocol):
    """One consistent view of a store. Parameters are named in the query: `:from`."""

    has_lateral: bool
    """Whether a query may stand beside a table, and be answered for every row of it (LATERAL)."""
    keys: str
    """The table with the key (run_id, seq) of every report, and its start."""

    def rows(self, query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]: ...  # noqa: D102


class Store(Protocol):
    """Owned by one thread. All raise CollectorError where the store fails; then nothing was changed."""

    def commit(self, batch: Sequence[Item], *, now_ms: int) -> Tally:
        """Store a batch in one transaction: all of it is on disk when this returns, none when it raises.

        UnstorableError where the values cannot be stored, StatementError where the store refuses our statements.
        """

    def due(self, *, now_ms: int, heard_after_ms: int, limit: int) -> list[Gap]:
        """The ranges to ask for, longest due first, of devices that were heard since `heard_after_ms`."""

    def doubts(self, *, heard_after_ms: int, limit: int, resting: Container[tuple[str, str, str]] = ()) -> list[Doubt]:
        """What devices that were heard since then are to compare: one journal of each, none that rests."""

    def refusals(self) -> list[Refusal]:
        """The refusals kept, oldest first."""

    def reading(self, *, seconds_max: float | None = None) -> AbstractContextManager[Reading]:
        """Whatever is written meanwhile is not seen in it. TooLongError for a query not done by `seconds_max`."""

    def writing(self) -> AbstractContextManager[Tables]:
        """One transaction that may write: committed when it is left, rolled back where an error leaves it.

        For what is kept beside the reports; reports come in by `commit` only.
        """

    def rollups(self) -> list[RollupState]:
        """How far the roll-ups of every device go, and in which zone, sorted by name."""

    def rebuild(self, device_id: int) -> None:
        """Sum up all reports of a device anew, in the zone that it is to have, in one transaction."""

    def set_aside(self, device_id: int, *, now_ms: int, before_ms: int = EARLIEST_MS) -> int:
        """Set aside what a device reported that is ahead or begins before `before_ms`, in one transaction; how many.

        They are out of all sums, and known if they come again. One whose message is kept no more stays where it is.
        """

    def take_back(self, device_id: int, *, overlapping: bool = False) -> int:
        """Store again the reports of a device that were set aside, in one transaction; how many.

        Those that were ahead of the centre's clock or too early, or those that another run overlapped.
        """

    def settle(self) -> None:
        """After the last of several `rebuild`: clear away what they left behind, for as long as it takes."""

    def pack(self, keeping: Keeping, *, now_ms: int) -> bool:
        """Pack or delete some old messages, in one small transaction; False where none are left."""

    def close(self) -> None:
        """Let go of it; everything that was committed stays."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


def open_store(
    where: str | Path,
    *,
    write: bool = True,
    refusals_max: int = 1_000,
    password_file: Path | None = None,
    time_zones: Mapping[str, str] = MappingProxyType({}),
    limits: Limits = DEFAULTS,
) -> Store:
    """The store at a path (SQLite) or at a `postgresql://` URL, made where there is none and `write` is true.

    `time_zones`: by site, in which days are summed up; the rest as their devices tell. `limits`: of each device.
    """
    if isinstance(where, str) and POSTGRES.match(where):
        try:
            from collector.postgres_store import PostgresStore  # noqa: PLC0415  # an extra that few need
        except ModuleNotFoundError as error:
            needs = "a store in PostgreSQL needs psycopg: pip install 'crossing-monitor[postgres]'"
            raise InputError(f"{needs} ({error})") from error
        return PostgresStore(
            where,
            write=write,
            refusals_max=refusals_max,
            password_file=password_file,
            time_zones=time_zones,
            limits=limits,
        )
    from collector.sqlite_store import SqliteStore  # noqa: PLC0415  # the one that is asked for

    return SqliteStore(Path(where), write=write, refusals_max=refusals_max, time_zones=time_zones, limits=limits)
