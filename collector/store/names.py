"""The ids of devices, runs, journals, series, layouts and zones by their names: looked up or inserted, and cached.

Only the journals of replays are ever deleted, so all other cached ids stay valid until a transaction that inserted some
is rolled back.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from collector.domain.limits import DEFAULTS, Limits, RowLimit
from collector.store.dialect import Tables
from edge.wire.names import REPLAY
from edge.wire.report import Lines, Report

REMEMBERED_MAX = 500_000
"""Names and series whose ids are cached; beyond it the caches are cleared."""
SHAPES_MAX = 8
"""Orders of lines, directions and classes that are cached of one device; a correct device has one at a time."""
JOURNALS_MAX = 64
"""Of one device, which begins a new journal if its disk lost the old one. Reports of a journal beyond the bound are
stored, but gaps in it are not tracked. Replays under the device's name have as many of their own: for a new one, the
oldest without missing reports is deleted."""

Layout = tuple[int, list[int]]
"""The id of a report's layout, and its series in the order of its counts."""


class _Vocabulary:
    """The names of a device in the tables: series ids by line, direction and class; digests of layouts; zones."""

    def __init__(self, tables: Tables, device_id: int) -> None:
        query = "SELECT line, direction, class, id FROM series WHERE device_id = ?"
        rows = tables.rows(query, (device_id,))
        self.series = {(line, way, label): int(id_) for line, way, label, id_ in rows}
        rows = tables.rows("SELECT digest FROM layout WHERE device_id = ?", (device_id,))
        self.layouts = {digest for (digest,) in rows}
        self.zones = {name for (name,) in tables.rows("SELECT name FROM zone WHERE device_id = ?", (device_id,))}

    @property
    def size(self) -> int:
        return len(self.series) + len(self.layouts) + len(self.zones)


class NameIds:
    """Ids by name. A report's lines, directions and classes are its layout, their order in the report is its shape."""

    def __init__(self, tables: Tables, limits: Limits = DEFAULTS) -> None:
        self._tables = tables
        self._limits = limits
        self._ids: dict[tuple[Any, ...], int] = {}
        self._shapes: dict[int, dict[tuple[Any, ...], Layout]] = {}
        self._vocabularies: dict[int, _Vocabulary] = {}
        self._runs = RowLimit(self._count_runs, limits.runs)
        self._remembered = 0

    def forget(self) -> None:
        """Clear the caches."""
        self._ids.clear()
        self._shapes.clear()
        self._vocabularies.clear()
        self._runs.forget()
        self._remembered = 0

    def too_many(self, device_id: int, report: Report) -> str:
        """Why a report would take its device beyond a bound; empty if it does not. The device's row must be locked."""
        return self._too_many_series(device_id, report) or self._too_many_zones(device_id, report)

    def _too_many_series(self, device_id: int, report: Report) -> str:
        lines, watched = report.lines or {}, report.watched_ms > 0
        if (watched, _shape(lines)) in self._shapes.get(device_id, ()):
            return ""
        names = set(_names(lines))
        known = self._vocabularies.get(device_id)
        if known is not None and (reason := self._beyond(known, names, watched=watched)):
            return reason  # the tables never have fewer names than the cache
        return self._beyond(self._look_up(device_id), names, watched=watched)

    def _beyond(self, known: _Vocabulary, names: set[tuple[str, str, str]], *, watched: bool) -> str:
        limits = self._limits
        for i, (what, at_most) in enumerate(
            [("lines", limits.lines), ("directions", limits.directions), ("classes", limits.classes)]
        ):
            before = {name[i] for name in known.series}
            if reason := _over(what, len(before), len({name[i] for name in names} - before), at_most):
                return reason
        new = len(names - known.series.keys())
        if reason := _over("series", len(known.series), new, limits.series):
            return reason
        if not new and _digest(sorted(known.series[name] for name in names) if watched else []) in known.layouts:
            return ""
        return _over("layouts", len(known.layouts), 1, limits.layouts)

    def _too_many_zones(self, device_id: int, report: Report) -> str:
        zones = report.zones or {}
        for name, zone in zones.items():
            if reason := _over(f"classes in zone {name}", 0, len(zone.by_class), self._limits.classes):
                return reason
        new = [name for name in zones if ("zone", (device_id, name)) not in self._ids]
        if not new:
            return ""
        known = self._look_up(device_id).zones
        return _over("zones", len(known), len(set(new) - known), self._limits.zones)

    def _look_up(self, device_id: int) -> _Vocabulary:
        """Read the names of a device again: another collector may have inserted some."""
        before = self._vocabularies.get(device_id)
        known = self._vocabularies[device_id] = _Vocabulary(self._tables, device_id)
        self._remembered += known.size - (before.size if before is not None else 0)
        return known

    def begin_batch(self) -> None:
        """A new transaction begins; the caches are kept within their bound."""
        self._runs.begin_batch()
        if self._remembered > REMEMBERED_MAX:
            self.forget()

    def id_of(self, table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> int:
        """The id of a name, inserted if it is new."""
        found = self._ids.get((table, values))
        return found if found is not None else self._find(table, columns, values)

    def run_id(self, device_id: int, name: str) -> int | None:
        """The id of a run; None if it is not stored."""
        values = (device_id, name)
        found = self._ids.get(("run", values))
        if found is None and (rows := self._tables.rows("SELECT id FROM run WHERE device_id = ? AND name = ?", values)):
            found = self._ids["run", values] = int(rows[0][0])
            self._remembered += 1
        return found

    def take_run(self, device_id: int, name: str) -> int | str:
        """The id of a run, inserted if it is new; or why it would be one too many. The device's row must be locked."""
        found = self.run_id(device_id, name)
        if found is not None:
            return found
        if not self._runs.take(device_id):
            return _over("runs", self._runs.known(device_id), 1, self._runs.at_most)
        return self._find("run", ("device_id", "name"), (device_id, name))

    def _count_runs(self, device_id: int) -> int:
        return int(self._tables.rows("SELECT count(*) FROM run WHERE device_id = ?", (device_id,))[0][0])

    def _find(self, table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> int:
        query = f"SELECT id FROM {table} WHERE {' = ? AND '.join(columns)} = ?"
        if not (found := self._tables.rows(query, values)):
            marks = ", ".join("?" * len(values))
            added = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING"
            self._tables.many(added, [values])  # waits if another collector is inserting the same name
            found = self._tables.rows(query, values)
        self._ids[table, values] = found[0][0]
        self._remembered += 1
        return int(found[0][0])

    def journal_id(self, device_id: int, name: str) -> int | None:
        """The id of a journal, inserted if it is new; None for one beyond the bound."""
        values = (device_id, name)
        is_replay = name.startswith(REPLAY)
        if is_replay or ("journal", values) not in self._ids:
            self._ids.pop(("journal", values), None)  # any collector may have deleted that of a replay
            rows = self._tables.rows("SELECT name FROM journal WHERE device_id = ?", (device_id,))
            kept = {other for (other,) in rows if other.startswith(REPLAY) == is_replay}
            if name not in kept and len(kept) >= JOURNALS_MAX and not (is_replay and self._delete_replay(device_id)):
                return None
        return self.id_of("journal", ("device_id", "name"), values)

    def _delete_replay(self, device_id: int) -> bool:
        """Delete the journal of the oldest complete replay; False if each has missing reports."""
        complete = "NOT EXISTS (SELECT 1 FROM missing WHERE journal_id = journal.id)"
        oldest = f"SELECT min(id) FROM journal WHERE device_id = ? AND substr(name, 1, ?) = ? AND {complete}"
        values = (device_id, len(REPLAY), REPLAY)
        return bool(self._tables.rows(f"DELETE FROM journal WHERE id = ({oldest}) RETURNING id", values))

    def shape(self, device_id: int, lines: Lines, *, watched: bool) -> Layout:
        """The layout of these lines, inserted if new; empty for a report without watched time, which has no zeros."""
        shape = (watched, _shape(lines))
        shapes = self._shapes.setdefault(device_id, {})
        found = shapes.get(shape)
        if found is None:
            names = list(_names(lines))
            ids = self._series(device_id, names)
            series = [ids[name] for name in names]
            if len(shapes) >= SHAPES_MAX:
                del shapes[next(iter(shapes))]
            else:
                self._remembered += len(series)
            found = shapes[shape] = (self._layout_id(device_id, sorted(series) if watched else []), series)
        return found

    def _series(self, device_id: int, names: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], int]:
        """The ids of lines, directions and classes."""
        known = self._vocabularies.get(device_id) or self._look_up(device_id)
        if any(name not in known.series for name in names):
            known = self._look_up(device_id)
            if new := [(device_id, *name) for name in names if name not in known.series]:
                self._tables.many("INSERT INTO series (device_id, line, direction, class) VALUES (?, ?, ?, ?)", new)
                known = self._look_up(device_id)
        return known.series

    def _layout_id(self, device_id: int, series: Sequence[int]) -> int:
        digest = _digest(series)
        layout_id = self._find("layout", ("device_id", "digest"), (device_id, digest))
        known = self._vocabularies.get(device_id)
        if known is None or digest not in known.layouts:
            rows = [(layout_id, series_id) for series_id in series]
            if rows:
                self._tables.many("INSERT INTO layout_series VALUES (?, ?) ON CONFLICT DO NOTHING", rows)
            if known is not None:
                known.layouts.add(digest)
        return layout_id


def _names(lines: Lines) -> Iterator[tuple[str, str, str]]:
    return ((line, way, label) for line, ways in lines.items() for way, labels in ways.items() for label in labels)


def _shape(lines: Lines) -> tuple[Any, ...]:
    return tuple([(line, way, *labels) for line, ways in lines.items() for way, labels in ways.items()])


def _digest(series: Sequence[int]) -> str:
    """A digest of the sorted ids of a layout: up to 2,048 of them would be too long for a key."""
    return hashlib.sha256(",".join(map(str, series)).encode()).hexdigest()[:32]


def _over(what: str, known: int, new: int, at_most: int) -> str:
    if not new or known + new <= at_most:
        return ""
    return f"too many {what} of one device: {known} are known, {new} would be new, at most {at_most} are taken"
