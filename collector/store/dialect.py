"""What writing needs of a database, and what differs between the kinds of store."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from collector.store.zone_sums import ZoneSums


class ReportRow(NamedTuple):
    """A new report, with its counts above zero as (series id, vehicles), and its zones by their ids."""

    device_id: int
    run_id: int
    seq: int
    start_ms: int
    width_ms: int
    watched_ms: int
    layout_id: int | None
    received_ms: int
    payload: bytes
    counts: list[tuple[int, int]]
    zones: list[tuple[int, ZoneSums]]


class StoredReport(NamedTuple):
    """A report that is stored; `payload` is empty if the message is packed or deleted."""

    device_id: int
    run_id: int
    seq: int
    start_ms: int
    width_ms: int
    watched_ms: int
    payload: bytes


class Tables(Protocol):
    """What differs between the kinds of store. In a query `?` is a parameter."""

    keys: str
    """The table with the key (run_id, seq) of every report."""
    holding: str
    """The clause that locks the rows of a SELECT until the end of the transaction."""

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...  # noqa: D102
    def many(self, query: str, rows: Sequence[Sequence[Any]]) -> None: ...  # noqa: D102

    def rows_of(self, query: str, numbers: Sequence[int]) -> list[tuple[Any, ...]]:
        """A query with one `{numbers}`, the set in which a column must be."""

    def fill(self, statement: str, numbers: Sequence[int]) -> None:
        """A statement with one `{numbers}` that returns no rows."""

    def known(self, wanted: dict[int, list[int]]) -> list[StoredReport]:
        """What is stored of these runs and numbers."""

    def numbers(self, run_id: int, first: int, last: int) -> list[int]:
        """Which numbers from `first` to `last` of a run are stored."""

    def add(self, reports: Sequence[ReportRow]) -> None:
        """Insert them, their counts and their zones."""

    def take_out(self, device_id: int, starts: tuple[int, int], keys: Sequence[tuple[int, int]]) -> None:
        """Remove the messages of these reports (run id, seq), which are packed now; the reports stay.

        `starts`: the first and the last of their starts.
        """

    def remove(self, reports: Sequence[ReportRow]) -> None:
        """Delete these reports, their counts, their zones, and those of their messages that are not packed."""
