"""The contract of a store: every report once, and which are missing. There are two kinds, in SQLite and PostgreSQL.

The key of a report is (site, device, run, seq). The same report again changes nothing; a different report under
the same key is refused, and the first one stays.
"""

from collections.abc import Container, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, Self

from collector.domain.plausible_time import EARLIEST_MS
from collector.protocol.intake import Refusal
from collector.protocol.items import CommitCounts, Gap, Item, JournalDoubt, JournalName
from collector.store.dialect import Tables
from edge.errors import WorkError

TOO_LONG = "the question takes too long; ask for a shorter span or for longer intervals"


class UnstorableError(WorkError):
    """The store works, but cannot hold these values: trying again is useless."""


class StatementError(WorkError):
    """The store works, but refuses a statement: a missing permission or table, a constraint.

    The fault is in the collector or in the database, never in the message, which must be kept and tried again.
    """


class TooLongError(WorkError):
    """A query was ended because it took too long; the store works."""


@dataclass(frozen=True, slots=True)
class RollupState:
    """The roll-ups of one device: `time_zone` is the zone they are in, None if there are none; `wanted` the site's."""

    device_id: int
    site: str
    device: str
    time_zone: str | None
    wanted: str
    complete: bool
    """False for a device of an older store whose reports were never summed up."""


@dataclass(frozen=True, slots=True)
class Retention:
    """After how many whole UTC days messages are packed, and after how many they are deleted; None: never."""

    pack_after_days: int = 3
    messages_days: int | None = None


CHOSEN = "(CAST(:site AS TEXT) IS NULL OR site = :site) AND (CAST(:device AS TEXT) IS NULL OR device = :device)"
"""The condition of a query for the parameters `site` and `device`, of which either may be null."""


class Reading(Protocol):
    """One consistent view of a store. Parameters are named in the query: `:from`."""

    has_lateral: bool
    """Whether the database has LATERAL joins."""
    keys: str
    """The table with the key (run_id, seq) of every report, and its start."""

    def rows(self, query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]: ...  # noqa: D102


class Store(Protocol):
    """Used by one thread only. All methods raise WorkError if the store fails; then nothing was changed."""

    def commit(self, batch: Sequence[Item], *, now_ms: int) -> CommitCounts:
        """Store a batch in one transaction: all of it is on disk when this returns, none when it raises.

        UnstorableError if the values cannot be stored, StatementError if the store refuses a statement.
        """

    def due(self, *, now_ms: int, heard_after_ms: int, limit: int) -> list[Gap]:
        """The ranges to ask for, longest due first, of devices that were heard since `heard_after_ms`."""

    def doubts(self, *, heard_after_ms: int, limit: int, resting: Container[JournalName] = ()) -> list[JournalDoubt]:
        """What devices that were heard since then are to compare: one journal of each, none of those `resting`."""

    def refusals(self) -> list[Refusal]:
        """The refusals kept, oldest first."""

    def reading(self, *, seconds_max: float | None = None) -> AbstractContextManager[Reading]:
        """One consistent view of the store. TooLongError for a query that is not done by `seconds_max`."""

    def writing(self) -> AbstractContextManager[Tables]:
        """One transaction that may write: committed when it is left, rolled back where an error leaves it.

        For everything except reports, which are stored by `commit` only.
        """

    def rollups(self) -> list[RollupState]:
        """How far the roll-ups of every device go, and in which zone, sorted by name."""

    def rebuild(self, device_id: int) -> None:
        """Sum up all reports of a device again, in the time zone of its site, in one transaction."""

    def set_aside(self, device_id: int, *, now_ms: int, before_ms: int = EARLIEST_MS) -> int:
        """Set aside the reports of a device that are ahead or begin before `before_ms`; returns how many.

        They count in no sum, and are duplicates if they come again. Reports whose message was deleted are left alone.
        """

    def take_back(self, device_id: int, *, overlapping: bool = False) -> int:
        """Store again the reports of a device that were set aside, in one transaction; returns how many.

        Those that were ahead of the centre's clock or too early, or those that another run overlapped.
        """

    def settle(self) -> None:
        """Clean up after the last of several `rebuild`; may take long."""

    def pack(self, retention: Retention, *, now_ms: int) -> bool:
        """Pack or delete some old messages, in one small transaction; False where none are left."""

    def close(self) -> None:
        """Close the connection; everything that was committed stays."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
