"""The collector's memory, as the rest sees it: every report once, and what is missing. Two kinds of it exist.

A report is identified by (site, device, run, seq). The same report again changes nothing; another report under
the same key is a refusal, and the first one stays.
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
    """The store works, and cannot hold these values: to try the same again is of no use."""


class StatementError(WorkError):
    """The store works, and refuses a statement of ours: a permission, a missing table, a rule of the tables.

    The fault is in the collector or in the database, never in the message: that has to be kept and tried again.
    """


class TooLongError(WorkError):
    """A question was given up because its time was over; the store is well."""


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
class Retention:
    """How long messages stay as they came, and how long they stay at all; whole UTC days, None: for ever."""

    pack_after_days: int = 3
    messages_days: int | None = None


CHOSEN = "(CAST(:site AS TEXT) IS NULL OR site = :site) AND (CAST(:device AS TEXT) IS NULL OR device = :device)"
"""The condition of a query that may be about one site or device only."""


class Reading(Protocol):
    """One consistent view of a store. Parameters are named in the query: `:from`."""

    has_lateral: bool
    """Whether a query may stand beside a table, and be answered for every row of it (LATERAL)."""
    keys: str
    """The table with the key (run_id, seq) of every report, and its start."""

    def rows(self, query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]: ...  # noqa: D102


class Store(Protocol):
    """Owned by one thread. All raise WorkError where the store fails; then nothing was changed."""

    def commit(self, batch: Sequence[Item], *, now_ms: int) -> CommitCounts:
        """Store a batch in one transaction: all of it is on disk when this returns, none when it raises.

        UnstorableError where the values cannot be stored, StatementError where the store refuses our statements.
        """

    def due(self, *, now_ms: int, heard_after_ms: int, limit: int) -> list[Gap]:
        """The ranges to ask for, longest due first, of devices that were heard since `heard_after_ms`."""

    def doubts(self, *, heard_after_ms: int, limit: int, resting: Container[JournalName] = ()) -> list[JournalDoubt]:
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

    def pack(self, retention: Retention, *, now_ms: int) -> bool:
        """Pack or delete some old messages, in one small transaction; False where none are left."""

    def close(self) -> None:
        """Let go of it; everything that was committed stays."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
