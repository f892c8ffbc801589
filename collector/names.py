"""What devices, runs, journals, series and layouts are called in the tables: found or made, and remembered.

Only the journals of replays are ever deleted, so what is remembered of the others stays true until a transaction that
made some is rolled back.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from collector.tables import Tables
from edge.delivery.report import REPLAY, Lines

REMEMBERED_MAX = 500_000
"""Names and series whose ids are remembered; beyond it all are looked up anew."""
JOURNALS_MAX = 64
"""Of one device. A device begins a new journal where its disk lost the old one; the reports of a further one are
stored, and nobody looks for gaps in it. Replays under the device's name have as many of their own: for a new one, the
oldest that misses nothing is given up."""


class Names:
    """Ids by name. A report's lines, directions and classes are its layout; its shape is their order in the report."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._ids: dict[tuple[Any, ...], int] = {}
        self._shapes: dict[tuple[Any, ...], tuple[int, list[int]]] = {}
        self._remembered = 0

    def forget(self) -> None:
        """Look every name up anew."""
        self._ids.clear()
        self._shapes.clear()
        self._remembered = 0

    def keep_bound(self) -> None:
        """Between batches."""
        if self._remembered > REMEMBERED_MAX:
            self.forget()

    def id_of(self, table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> int:
        """The id of a name, made where there is none."""
        found = self._ids.get((table, values))
        return found if found is not None else self._find(table, columns, values)

    def _find(self, table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> int:
        query = f"SELECT id FROM {table} WHERE {' = ? AND '.join(columns)} = ?"
        if not (found := self._tables.rows(query, values)):
            marks = ", ".join("?" * len(values))
            added = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING"
            self._tables.many(added, [values])  # another collector may be doing just that: then we wait for it
            found = self._tables.rows(query, values)
        self._ids[table, values] = found[0][0]
        self._remembered += 1
        return int(found[0][0])

    def journal_id(self, device_id: int, name: str) -> int | None:
        """None for a journal beyond the bound."""
        values = (device_id, name)
        is_replay = name.startswith(REPLAY)
        if is_replay or ("journal", values) not in self._ids:
            self._ids.pop(("journal", values), None)  # that of a replay may have been given up, by anyone
            rows = self._tables.rows("SELECT name FROM journal WHERE device_id = ?", (device_id,))
            kept = {other for (other,) in rows if other.startswith(REPLAY) == is_replay}
            if name not in kept and len(kept) >= JOURNALS_MAX and not (is_replay and self._give_up_replay(device_id)):
                return None
        return self.id_of("journal", ("device_id", "name"), values)

    def _give_up_replay(self, device_id: int) -> bool:
        """Make room for the journal of a new replay; False where every one misses something."""
        complete = "NOT EXISTS (SELECT 1 FROM missing WHERE journal_id = journal.id)"
        oldest = f"SELECT min(id) FROM journal WHERE device_id = ? AND substr(name, 1, ?) = ? AND {complete}"
        values = (device_id, len(REPLAY), REPLAY)
        return bool(self._tables.rows(f"DELETE FROM journal WHERE id = ({oldest}) RETURNING id", values))

    def shape(self, device_id: int, lines: Lines) -> tuple[int, list[int]]:
        """The layout of a report, and its series in the order of its counts."""
        shape = (device_id, *((line, way, *labels) for line, ways in lines.items() for way, labels in ways.items()))
        found = self._shapes.get(shape)
        if found is None:
            names = [
                (line, way, label) for line, ways in lines.items() for way, labels in ways.items() for label in labels
            ]
            ids = self._series(device_id, names) if names else {}
            series = [ids[name] for name in names]
            found = self._shapes[shape] = (self._layout_id(device_id, sorted(series)), series)
            self._remembered += len(series)
        return found

    def _series(self, device_id: int, names: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], int]:
        """The ids of lines, directions and classes; all at once, for a new device has many."""
        marks = ", ".join(["(?, ?, ?)"] * len(names))
        query = (
            "SELECT line, direction, class, id FROM series"
            f" WHERE device_id = ? AND (line, direction, class) IN (VALUES {marks})"
        )
        values = (device_id, *(word for name in names for word in name))
        found = {(line, way, label): id_ for line, way, label, id_ in self._tables.rows(query, values)}
        if new := [(device_id, *name) for name in names if name not in found]:
            self._tables.many("INSERT INTO series (device_id, line, direction, class) VALUES (?, ?, ?, ?)", new)
            found = {(line, way, label): id_ for line, way, label, id_ in self._tables.rows(query, values)}
        return found

    def _layout_id(self, device_id: int, series: Sequence[int]) -> int:
        # a digest, because 2,048 ids are too long for a key
        digest = hashlib.sha256(",".join(map(str, series)).encode()).hexdigest()[:32]
        layout_id = self._find("layout", ("device_id", "digest"), (device_id, digest))
        rows = [(layout_id, series_id) for series_id in series]
        if rows:
            self._tables.many("INSERT INTO layout_series VALUES (?, ?) ON CONFLICT DO NOTHING", rows)
        return layout_id
