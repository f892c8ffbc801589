"""Which device a journal belongs to, see `protocol.identity`: the table `lineage`, one row per journal."""

from typing import Any

from collector.store.dialect import Tables


class Lineage:
    """Reads and writes the rows, by journal id. A device whose last total is not older than `here_ms` is online."""

    def __init__(self, tables: Tables, *, here_ms: int) -> None:
        self._tables = tables
        self._here_ms = here_ms

    def doubt(self, journal_id: int | None, number: int, *, others: int, now_ms: int) -> None:
        """Another device may have numbered in it: `others` reports came under numbers that other reports have."""
        self._change(
            "others, other_ms, doubt",
            "others = lineage.others + excluded.others, doubt = excluded.doubt,"
            " other_ms = coalesce(excluded.other_ms, lineage.other_ms)",
            (journal_id, others, now_ms if others else None, number),
        )

    def doubtful(self, journal_id: int) -> int | None:
        """The number to compare; None: there is no doubt."""
        rows = self._tables.rows("SELECT doubt FROM lineage WHERE journal_id = ?", (journal_id,))
        return None if not rows or rows[0][0] is None else int(rows[0][0])

    def settle(self, journal_id: int) -> None:
        """The device that numbers in it has compared: all numbers are its own."""
        self._tables.many("UPDATE lineage SET doubt = NULL WHERE journal_id = ?", [(journal_id,)])

    def left(self, journal_id: int | None, *, number: int | None = None) -> None:
        """The device that answered numbers in another journal. If a total under this one comes later, another device
        sent it, which is asked, too: about `number`, if given, which the first device gave."""
        self._tables.many(
            "UPDATE lineage SET told_ms = NULL, begun_ms = coalesce(begun_ms, other_ms), doubt = coalesce(?, doubt)"
            " WHERE journal_id = ?",
            [(number, journal_id)],
        )

    def begins(self, journal_id: int, first: int) -> None:
        """It begins with this number."""
        self._change("first", "first = excluded.first", (journal_id, first))

    def told(self, journal_id: int, *, now_ms: int) -> None:
        """A total under it arrived."""
        self._change(
            "begun_ms, told_ms",
            "begun_ms = coalesce(lineage.begun_ms, excluded.begun_ms), told_ms = excluded.told_ms",
            (journal_id, now_ms, now_ms),
        )

    def is_here(self, journal_id: int | None, now_ms: int) -> bool:
        """Whether the device that numbers in it is online, though another one of its name answers."""
        rows = self._tables.rows("SELECT told_ms FROM lineage WHERE journal_id = ?", (journal_id,))
        return bool(rows) and rows[0][0] is not None and now_ms - self._here_ms < rows[0][0] <= now_ms

    def was_another_told(self, device_id: int, journal_id: int) -> bool:
        """Whether a total under another journal of the device arrived after the last one under this."""
        rows = self._tables.rows(
            "SELECT journal_id, told_ms FROM lineage JOIN journal ON journal.id = journal_id"
            " WHERE device_id = ? AND told_ms IS NOT NULL ORDER BY told_ms DESC LIMIT 1",
            (device_id,),
        )
        return bool(rows) and rows[0][0] != journal_id

    def _change(self, columns: str, changes: str, row: tuple[Any, ...]) -> None:
        marks = ", ".join("?" * len(row))
        self._tables.many(
            f"INSERT INTO lineage (journal_id, {columns}) VALUES ({marks})"
            f" ON CONFLICT (journal_id) DO UPDATE SET {changes}",
            [row],
        )
