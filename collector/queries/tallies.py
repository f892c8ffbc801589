"""Sums per interval of an axis, read from the tables: watched time by layout, vehicles by series.

A *layout* is the set of lines, directions and classes that a report watched; a *series* is one of them.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collector.domain.scope import Scope
from collector.queries.results import Axis
from collector.queries.rollup_levels import RAW, Part, parts
from collector.store.interface import CHOSEN, Reading, Store
from collector.store.rollups import DAY, HOUR, RollupMarks

IDS_MAX = 10_000
"""Of one query."""
SPANS_MAX = 100
"""Of one query, each in a part of its own."""
SPANS_FEW = 4
"""Up to so many intervals are looked up one by one."""
SeriesNames = tuple[str, str, str]
"""Line, direction, class."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device with its id in the tables, and up to where its roll-ups go."""

    id: int
    site: str
    device: str
    marks: RollupMarks


@dataclass(slots=True)
class LayoutSums:
    """Watched and reported time and reports per interval, of one layout of one device."""

    watched_ms: list[int]
    reported_ms: list[int]
    reports: list[int]


@dataclass(slots=True)
class DeviceSums:
    """Of one device. `watched` is by layout (None: blind), `numbers` by series and interval, without zeros."""

    watched: dict[int | None, LayoutSums] = field(default_factory=dict)
    numbers: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))

    def add(self, layout_id: int | None, i: int, sums: Sequence[int], n: int) -> None:
        """Time watched, time reported and reports of interval i of n."""
        of = self.watched.get(layout_id)
        if of is None:
            of = self.watched[layout_id] = LayoutSums([0] * n, [0] * n, [0] * n)
        of.watched_ms[i] += sums[0]
        of.reported_ms[i] += sums[1]
        of.reports[i] += sums[2]


def devices_of(reading: Reading, scope: Scope) -> list[Device]:
    """The devices in the scope, sorted by name."""
    rows = reading.rows(
        f"SELECT id, site, device, time_zone, hours_ms, days_ms FROM device WHERE {CHOSEN} ORDER BY site, device",
        {"site": scope.site, "device": scope.device},
    )
    return [Device(id_, site, device, RollupMarks(*marks)) for id_, site, device, *marks in rows]


def device_ids(store: Store, scope: Scope) -> list[int]:
    """The ids of the devices in the scope, in the order of their names."""
    with store.reading() as reading:
        return [one.id for one in devices_of(reading, scope)]


def series_of(reading: Reading, device_ids: Sequence[int]) -> dict[int, tuple[int, SeriesNames]]:
    """All series of these devices: series id -> device id, and the names."""
    query = "SELECT id, device_id, line, direction, class FROM series WHERE device_id IN ({ids})"
    return {row[0]: (row[1], (row[2], row[3], row[4])) for row in _rows(reading, query, device_ids)}


def layouts_of(reading: Reading, layout_ids: Sequence[int]) -> dict[int, set[int]]:
    """The series of each layout."""
    found: dict[int, set[int]] = {layout_id: set() for layout_id in layout_ids}
    query = "SELECT layout_id, series_id FROM layout_series WHERE layout_id IN ({ids})"
    for layout_id, series_id in _rows(reading, query, layout_ids):
        found[layout_id].add(series_id)
    return found


def interval_sums(
    reading: Reading, devices: Sequence[Device], axis: Axis, series: Mapping[int, tuple[int, SeriesNames]]
) -> Mapping[int, DeviceSums]:
    """By device id: the time that the device watched, and the vehicles of these series."""
    found: dict[int, DeviceSums] = {device.id: DeviceSums() for device in devices}
    alike: dict[tuple[str | None, int | None, int | None], list[Device]] = defaultdict(list)
    for device in devices:
        alike[device.marks.time_zone, device.marks.hours_ms, device.marks.days_ms].append(device)
    for of_these in alike.values():
        ids = {device.id for device in of_these}
        series_ids = [series_id for series_id, (device_id, _) in series.items() if device_id in ids]
        for part in parts(axis, of_these[0].marks):
            for query, some in _queries(reading, _WATCHED, part, axis, sorted(ids)):
                for device_id, layout_id, i, *sums in reading.rows(query.format(ids=some), {}):
                    found[device_id].add(layout_id or None, i, sums, len(axis))
            for query, some in _queries(reading, _VEHICLES, part, axis, series_ids):
                for series_id, i, number in reading.rows(query.format(ids=some), {}):
                    found[series[series_id][0]].numbers[series_id][i] += number
    return found


def _watched_query(level: int) -> str:
    if level == RAW:
        sums, table = "sum(watched_ms), sum(width_ms), count(*)", "report WHERE"
    else:
        sums, table = "sum(watched_ms), sum(reported_ms), sum(reports)", f"rollup_watched WHERE level = {level} AND"
    columns = ", ".join(f"CAST({one} AS BIGINT)" for one in sums.split(", "))
    return (
        f"SELECT device_id, layout_id, {{index}}, {columns} FROM {{span}} {table} device_id IN ({{ids}})"
        " AND start_ms >= {first} AND start_ms < {last} GROUP BY 1, 2, 3"
    )


def _vehicles_query(level: int) -> str:
    table = "vehicles WHERE" if level == RAW else f"rollup_vehicles WHERE level = {level} AND"
    return (
        f"SELECT series_id, {{index}}, CAST(sum(number) AS BIGINT) FROM {{span}} {table} series_id IN ({{ids}})"
        " AND start_ms >= {first} AND start_ms < {last} GROUP BY 1, 2"
    )


_WATCHED = {level: _watched_query(level) for level in (RAW, HOUR, DAY)}
_VEHICLES = {level: _vehicles_query(level) for level in (RAW, HOUR, DAY)}


def _queries(
    reading: Reading, by_level: Mapping[int, str], part: Part, axis: Axis, ids: Sequence[int]
) -> Iterator[tuple[str, str]]:
    """Queries that together add up a part, each with its ids.

    Planners use constants well and joins with a table of spans badly: PostgreSQL would compare every row of these ids
    with every span. So it gets a LATERAL query per span; SQLite joins the roll-ups, where it always uses the key, and
    gets one query per span for the reports.
    """
    index = _index(axis)
    spans = list(_cut(part.spans, axis.edges_ms)) if index is None else [(0, *span) for span in part.spans]
    query = by_level[part.level]
    for at in range(0, len(ids), IDS_MAX):
        some = ids[at : at + IDS_MAX]
        written = ", ".join(map(str, some))
        if len(spans) > 1 and reading.has_lateral:
            of_span = query.format(index=index or "i", span="", first="first", last="last", ids="{ids}")
            yield f"{_table(spans)} SELECT found.* FROM span CROSS JOIN LATERAL ({of_span}) AS found", written
        elif len(spans) > 1 and part.level != RAW:
            joined = query.format(index=index or "i", span="span CROSS JOIN", first="first", last="last", ids="{ids}")
            yield f"{_table(spans)} {joined}", written
        else:
            together = max(1, min(SPANS_MAX, IDS_MAX // len(some)))
            for of in range(0, len(spans), together):
                each = (
                    query.format(index=index or _big(i), span="", first=first, last=last, ids="{ids}")
                    for i, first, last in spans[of : of + together]
                )
                yield " UNION ALL ".join(each), written


def _index(axis: Axis) -> str | None:
    """The expression that names the interval of a row; None where they are not all of one length, or few."""
    edges = axis.edges_ms
    steps = {after - before for before, after in zip(edges[1:-2], edges[2:-1], strict=True)}
    if len(edges) > SPANS_FEW and len(steps) == 1:
        (step_ms,) = steps
        origin_ms = edges[1] - step_ms
        if origin_ms <= edges[0] and edges[-1] - edges[-2] <= step_ms:
            return f"CAST((start_ms - {_big(origin_ms)}) / {step_ms} AS INT)"
    return None


def _cut(spans: Sequence[tuple[int, int]], edges: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """The spans cut at the edges, each with its interval."""
    for first, last in spans:
        i, at = bisect_right(edges, first) - 1, first
        while at < last:
            end = min(last, edges[i + 1])
            yield i, at, end
            i, at = i + 1, end


def _table(spans: Sequence[tuple[int, int, int]]) -> str:
    rows = (f"({i}, {_big(first_ms)}, {_big(last_ms)})" for i, first_ms, last_ms in spans)
    return f"WITH span (i, first, last) AS (VALUES {', '.join(rows)})"


def _big(number: int) -> str:
    return f"CAST({number} AS BIGINT)"


def _rows(reading: Reading, query: str, ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """For all these ids, so many at a time that no query grows beyond what a database takes."""
    for at in range(0, len(ids), IDS_MAX):
        yield from reading.rows(query.format(ids=", ".join(map(str, ids[at : at + IDS_MAX]))), {})
