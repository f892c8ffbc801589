"""What the tables hold per interval of an axis: watched time by layout, vehicles by series. All views stand on it.

A *layout* is the set of lines, directions and classes that a report watched; a *series* is one of them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collector.store import CHOSEN, Reading
from collector.views.results import Axis, Scope

SERIES = tuple[str, str, str]  # line, direction, class


@dataclass(frozen=True, slots=True)
class Device:
    """A device that has reported, by its id in the tables."""

    id: int
    site: str
    device: str


@dataclass(slots=True)
class Watched:
    """Per interval, of one layout (None: blind) of one device."""

    watched_ms: list[int]
    reported_ms: list[int]
    reports: list[int]


@dataclass(slots=True)
class Tally:
    """Of one device. `numbers` holds only vehicles that were counted: series id -> interval -> vehicles."""

    watched: dict[int | None, Watched] = field(default_factory=dict)
    numbers: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))


def devices_of(reading: Reading, scope: Scope) -> list[Device]:
    """The devices in question, sorted by name."""
    rows = reading.rows(
        f"SELECT id, site, device FROM device WHERE {CHOSEN} ORDER BY site, device",
        {"site": scope.site, "device": scope.device},
    )
    return [Device(*row) for row in rows]


def series_of(reading: Reading, device_ids: Sequence[int]) -> dict[int, tuple[int, SERIES]]:
    """All that these devices ever watched: series id -> device id, (line, direction, class)."""
    if not device_ids:
        return {}
    rows = reading.rows(
        f"SELECT id, device_id, line, direction, class FROM series WHERE device_id IN ({numbers(device_ids)})", {}
    )
    return {row[0]: (row[1], (row[2], row[3], row[4])) for row in rows}


def layouts_of(reading: Reading, layout_ids: Sequence[int]) -> dict[int, set[int]]:
    """The series of each layout."""
    found: dict[int, set[int]] = {layout_id: set() for layout_id in layout_ids}
    if layout_ids:
        query = f"SELECT layout_id, series_id FROM layout_series WHERE layout_id IN ({numbers(layout_ids)})"
        for layout_id, series_id in reading.rows(query, {}):
            found[layout_id].add(series_id)
    return found


def tallies(reading: Reading, devices: Sequence[Device], axis: Axis) -> Mapping[int, Tally]:
    """By device id, of each device."""
    found: dict[int, Tally] = {device.id: Tally() for device in devices}
    if not devices:
        return found
    ids = numbers([device.id for device in devices])
    spans, index = _spans(axis)
    rows = reading.rows(
        f"{spans} SELECT device_id, layout_id, {index}, CAST(sum(watched_ms) AS BIGINT), CAST(sum(width_ms) AS BIGINT),"
        " count(*) FROM span CROSS JOIN report"
        f" WHERE device_id IN ({ids}) AND start_ms >= first AND start_ms < last GROUP BY 1, 2, 3",
        {},
    )
    for device_id, layout_id, i, *sums in rows:
        _add_watched(found[device_id], layout_id, i, sums, len(axis))
    rows = reading.rows(
        f"{spans} SELECT device_id, series_id, {index}, CAST(sum(number) AS BIGINT)"
        f" FROM span CROSS JOIN series CROSS JOIN vehicles WHERE device_id IN ({ids})"
        " AND series_id = series.id AND start_ms >= first AND start_ms < last GROUP BY 1, 2, 3",
        {},
    )
    for device_id, series_id, i, number in rows:
        found[device_id].numbers[series_id][i] += number
    return found


def numbers(values: Sequence[int]) -> str:
    """Ids of our own, as a list in a query."""
    return ", ".join(map(str, values))


def _add_watched(tally: Tally, layout_id: int | None, i: int, sums: Sequence[Any], n: int) -> None:
    watched = tally.watched.get(layout_id)
    if watched is None:
        watched = tally.watched[layout_id] = Watched([0] * n, [0] * n, [0] * n)
    watched.watched_ms[i] += sums[0]
    watched.reported_ms[i] += sums[1]
    watched.reports[i] += sums[2]


def _spans(axis: Axis) -> tuple[str, str]:
    """The table `span` (interval, first, last) of a query, and the expression that names a row's interval."""
    edges = axis.edges_ms
    steps = {after - before for before, after in zip(edges[1:-2], edges[2:-1], strict=True)}
    if len(edges) > 3 and len(steps) == 1:  # all of one length: one span, and a division
        (step_ms,) = steps
        origin_ms = edges[1] - step_ms
        if origin_ms <= edges[0] and edges[-1] - edges[-2] <= step_ms:
            return (
                f"WITH span (i, first, last) AS (VALUES (0, {_big(edges[0])}, {_big(edges[-1])}))",
                f"CAST((start_ms - {_big(origin_ms)}) / {step_ms} AS INT)",
            )
    rows = ", ".join(
        f"({i}, {_big(first)}, {_big(last)})" for i, (first, last) in enumerate(zip(edges, edges[1:], strict=False))
    )
    return f"WITH span (i, first, last) AS (VALUES {rows})", "i"


def _big(number: int) -> str:
    return f"CAST({number} AS BIGINT)"
