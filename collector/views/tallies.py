"""What the tables hold per interval of an axis: watched time by layout, vehicles by series. All views stand on it.

A *layout* is the set of lines, directions and classes that a report watched; a *series* is one of them.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collector.rollups import DAY, HOUR, Marks
from collector.store import CHOSEN, Reading
from collector.views.cover import RAW, Part, parts
from collector.views.results import Axis, Scope

IDS_MAX = 10_000
"""Of one query."""
SPANS_FEW = 4
"""Up to so many intervals are looked up one by one."""
Names = tuple[str, str, str]
"""Line, direction, class."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device that has been heard, by its id in the tables, and how far its roll-ups go."""

    id: int
    site: str
    device: str
    marks: Marks


@dataclass(slots=True)
class Watched:
    """Per interval, of one layout of one device."""

    watched_ms: list[int]
    reported_ms: list[int]
    reports: list[int]


@dataclass(slots=True)
class Tally:
    """Of one device. `watched` is by layout (None: blind); `numbers` by series and interval, where vehicles came."""

    watched: dict[int | None, Watched] = field(default_factory=dict)
    numbers: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))

    def add(self, layout_id: int | None, i: int, sums: Sequence[int], n: int) -> None:
        """Time watched, time reported and reports of interval i of n."""
        of = self.watched.get(layout_id)
        if of is None:
            of = self.watched[layout_id] = Watched([0] * n, [0] * n, [0] * n)
        of.watched_ms[i] += sums[0]
        of.reported_ms[i] += sums[1]
        of.reports[i] += sums[2]


def devices_of(reading: Reading, scope: Scope) -> list[Device]:
    """The devices in question, sorted by name."""
    rows = reading.rows(
        f"SELECT id, site, device, time_zone, hours_ms, days_ms FROM device WHERE {CHOSEN} ORDER BY site, device",
        {"site": scope.site, "device": scope.device},
    )
    return [Device(id_, site, device, Marks(*marks)) for id_, site, device, *marks in rows]


def series_of(reading: Reading, device_ids: Sequence[int]) -> dict[int, tuple[int, Names]]:
    """All that these devices ever watched: series id -> device id, and the names."""
    query = "SELECT id, device_id, line, direction, class FROM series WHERE device_id IN ({ids})"
    return {row[0]: (row[1], (row[2], row[3], row[4])) for row in _rows(reading, query, device_ids)}


def layouts_of(reading: Reading, layout_ids: Sequence[int]) -> dict[int, set[int]]:
    """The series of each layout."""
    found: dict[int, set[int]] = {layout_id: set() for layout_id in layout_ids}
    query = "SELECT layout_id, series_id FROM layout_series WHERE layout_id IN ({ids})"
    for layout_id, series_id in _rows(reading, query, layout_ids):
        found[layout_id].add(series_id)
    return found


def tallies(
    reading: Reading, devices: Sequence[Device], axis: Axis, series: Mapping[int, tuple[int, Names]]
) -> Mapping[int, Tally]:
    """By device id, of each device: the time it watched, and the vehicles of these series."""
    found: dict[int, Tally] = {device.id: Tally() for device in devices}
    alike: dict[tuple[str | None, int | None, int | None], list[Device]] = defaultdict(list)
    for device in devices:
        alike[device.marks.time_zone, device.marks.hours_ms, device.marks.days_ms].append(device)
    for of_these in alike.values():
        ids = {device.id for device in of_these}
        series_ids = [series_id for series_id, (device_id, _) in series.items() if device_id in ids]
        for part in parts(axis, of_these[0].marks):
            spans, index = _spans(part, axis)
            watched = _WATCHED[part.level].format(spans=spans, index=index, ids="{ids}")
            for device_id, layout_id, i, *sums in _rows(reading, watched, sorted(ids)):
                found[device_id].add(layout_id or None, i, sums, len(axis))
            vehicles = _VEHICLES[part.level].format(spans=spans, index=index, ids="{ids}")
            for series_id, i, number in _rows(reading, vehicles, series_ids):
                found[series[series_id][0]].numbers[series_id][i] += number
    return found


def _watched_query(level: int) -> str:
    if level == RAW:
        sums, table = "sum(watched_ms), sum(width_ms), count(*)", "report WHERE"
    else:
        sums, table = "sum(watched_ms), sum(reported_ms), sum(reports)", f"rollup_watched WHERE level = {level} AND"
    columns = ", ".join(f"CAST({one} AS BIGINT)" for one in sums.split(", "))
    return (
        f"{{spans}} SELECT device_id, layout_id, {{index}}, {columns} FROM span CROSS JOIN {table}"
        " device_id IN ({ids}) AND start_ms >= first AND start_ms < last GROUP BY 1, 2, 3"
    )


def _vehicles_query(level: int) -> str:
    table = "vehicles WHERE" if level == RAW else f"rollup_vehicles WHERE level = {level} AND"
    return (
        f"{{spans}} SELECT series_id, {{index}}, CAST(sum(number) AS BIGINT) FROM span CROSS JOIN {table}"
        " series_id IN ({ids}) AND start_ms >= first AND start_ms < last GROUP BY 1, 2"
    )


_WATCHED = {level: _watched_query(level) for level in (RAW, HOUR, DAY)}
_VEHICLES = {level: _vehicles_query(level) for level in (RAW, HOUR, DAY)}


def _spans(part: Part, axis: Axis) -> tuple[str, str]:
    """The table `span` (i, first, last) of a query, and the expression that names the interval of a row."""
    edges = axis.edges_ms
    steps = {after - before for before, after in zip(edges[1:-2], edges[2:-1], strict=True)}
    if len(edges) > SPANS_FEW and len(steps) == 1:  # all of one length: few spans, and a division
        (step_ms,) = steps
        origin_ms = edges[1] - step_ms
        if origin_ms <= edges[0] and edges[-1] - edges[-2] <= step_ms:
            index = f"CAST((start_ms - {_big(origin_ms)}) / {step_ms} AS INT)"
            return _values((0, *span) for span in part.spans), index
    return _values(_cut(part.spans, edges)), "i"


def _cut(spans: Sequence[tuple[int, int]], edges: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """The spans cut at the edges, each with its interval."""
    for first, last in spans:
        i, at = bisect_right(edges, first) - 1, first
        while at < last:
            end = min(last, edges[i + 1])
            yield i, at, end
            i, at = i + 1, end


def _values(rows: Iterable[tuple[int, int, int]]) -> str:
    written = ", ".join(f"({i}, {_big(first)}, {_big(last)})" for i, first, last in rows)
    return f"WITH span (i, first, last) AS (VALUES {written})"


def _big(number: int) -> str:
    return f"CAST({number} AS BIGINT)"


def _rows(reading: Reading, query: str, ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """For all these ids, so many at a time that no query grows beyond what a database takes."""
    for at in range(0, len(ids), IDS_MAX):
        yield from reading.rows(query.format(ids=", ".join(map(str, ids[at : at + IDS_MAX]))), {})
