"""What both kinds of store do alike, over the tables that they have in common; the contract is `interface.Store`."""

from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Self

from collector.domain.plausible_time import EARLIEST_MS
from collector.protocol.intake import Refusal
from collector.protocol.items import CommitCounts, Gap, Item, JournalDoubt, JournalName
from collector.store.dialect import Tables
from collector.store.interface import Reading, Retention, RollupState
from collector.store.journals import DUE, due_parameters
from collector.store.packing import pack_step
from collector.store.writer import BatchWriter


class TableStore(ABC):
    """A subclass makes `_writer`, opens the connection, and begins and ends transactions."""

    _writer: BatchWriter

    @abstractmethod
    def close(self) -> None:
        """Close the connection; everything that was committed stays."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[Tables]:
        """One transaction that may write: committed when it is left, rolled back where an error leaves it."""

    @abstractmethod
    def reading(self, *, seconds_max: float | None = None) -> AbstractContextManager[Reading]:
        """One consistent view of the store. TooLongError for a query that is not done by `seconds_max`."""

    @abstractmethod
    def _connected(self) -> AbstractContextManager[object]:
        """The open connection; errors of the database leave it as CrossingError."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def commit(self, batch: Sequence[Item], *, now_ms: int) -> CommitCounts:
        """Store a batch in one transaction: all of it is on disk when this returns, none when it raises."""
        with self._changing() as writer:
            return writer.write(batch, now_ms=now_ms)

    def rebuild(self, device_id: int) -> None:
        """Sum up all reports of a device anew, in one transaction."""
        with self._changing() as writer:
            writer.rebuild(device_id)

    def set_aside(self, device_id: int, *, now_ms: int, before_ms: int = EARLIEST_MS) -> int:
        """Set aside the reports of a device that are ahead or begin before `before_ms`; returns how many."""
        with self._changing() as writer:
            return writer.set_aside(device_id, now_ms=now_ms, before_ms=before_ms)

    def take_back(self, device_id: int, *, overlapping: bool = False) -> int:
        """Store again the reports of a device that were set aside; returns how many.

        Those that were ahead of the centre's clock or too early, or those that another run overlapped.
        """
        with self._changing() as writer:
            return writer.take_back(device_id, overlapping=overlapping)

    def pack(self, retention: Retention, *, now_ms: int) -> bool:
        """Pack or delete some old messages, in one small transaction; False where none are left."""
        with self.writing() as tables:
            return pack_step(tables, retention, now_ms=now_ms)

    def rollups(self) -> list[RollupState]:
        """How far the roll-ups of every device go, and in which zone, sorted by name."""
        with self._connected():
            return self._writer.rollups()

    def due(self, *, now_ms: int, heard_after_ms: int, limit: int) -> list[Gap]:
        """The ranges to ask for, longest due first, of devices that were heard since `heard_after_ms`."""
        parameters = due_parameters(now_ms=now_ms, heard_after_ms=heard_after_ms, limit=limit)
        with self.reading() as reading:
            return [Gap.of(row) for row in reading.rows(DUE, parameters)]

    def doubts(self, *, heard_after_ms: int, limit: int, resting: Container[JournalName] = ()) -> list[JournalDoubt]:
        """What devices that were heard since then are to compare: one journal of each, none of those `resting`."""
        with self._connected():
            return self._writer.doubts(heard_after_ms=heard_after_ms, limit=limit, resting=resting)

    def refusals(self) -> list[Refusal]:
        """The refusals kept, oldest first."""
        with self.reading() as reading:
            rows = reading.rows("SELECT topic, payload, reason FROM refusal ORDER BY id", {})
            return [Refusal(topic, bytes(payload), reason) for topic, payload, reason in rows]

    @contextmanager
    def _changing(self) -> Iterator[BatchWriter]:
        """One transaction for the writer; if it is rolled back, the ids that the writer has cached are cleared."""
        try:
            with self.writing():
                yield self._writer
        except BaseException:
            self._writer.forget()
            raise
