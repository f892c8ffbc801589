"""Queue lengths and waits per interval, from the zones of reports."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from collector.domain.scope import Scope
from collector.queries.axis import index_of
from collector.queries.results import Axis, Queue, Queues
from collector.queries.rollup_levels import RAW, Part, parts
from collector.queries.tallies import IDS_MAX, SPANS_MAX, devices_of
from collector.store.interface import Reading
from collector.store.rollups import RollupMarks
from collector.store.zone_rollups import COLUMNS, OF_REPORT
from collector.store.zone_sums import ZoneSums

_One = TypeVar("_One")
ZoneNames = tuple[str, str, str]
"""Site, device, zone."""


def queues(reading: Reading, scope: Scope, axis: Axis) -> Queues:
    """The zones that the devices in the scope reported in the span; `scope.line` is ignored.

    A zone is None in an interval in which its device was blind, sent no report, or did not watch that zone.
    """
    devices = {device.id: device for device in devices_of(reading, scope)}
    names: dict[int, ZoneNames] = {}
    alike: dict[tuple[str | None, int | None, int | None], list[int]] = defaultdict(list)
    for ids in _some(sorted(devices), IDS_MAX):
        query = f"SELECT id, device_id, name FROM zone WHERE device_id IN ({', '.join(map(str, ids))})"
        for zone_id, device_id, zone in reading.rows(query, {}):
            device = devices[device_id]
            names[zone_id] = (device.site, device.device, zone)
            alike[device.marks.time_zone, device.marks.hours_ms, device.marks.days_ms].append(zone_id)
    found: dict[ZoneNames, list[ZoneSums | None]] = {}
    for marks, zone_ids in alike.items():
        for part in parts(axis, RollupMarks(*marks)):
            for zone_id, start_ms, *sums in _rows(reading, part, zone_ids):
                bins = found.setdefault(names[zone_id], [None] * len(axis))
                i, more = index_of(axis.edges_ms, start_ms), ZoneSums(*sums)
                bins[i] = more if (before := bins[i]) is None else before.plus(more)
    return Queues(axis=axis, queues=tuple(_queue(name, bins) for name, bins in sorted(found.items())))


def _rows(reading: Reading, part: Part, zone_ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """Rows of the level of the part: zone, start, and its sums."""
    if part.level == RAW:
        query = f"SELECT zone_id, start_ms, {OF_REPORT} FROM zone_report WHERE"
    else:
        query = f"SELECT zone_id, start_ms, {COLUMNS} FROM rollup_zone WHERE level = {part.level} AND"
    for ids in _some(zone_ids, IDS_MAX):
        mine = f"{query} zone_id IN ({', '.join(map(str, ids))})"
        for spans in _some(part.spans, max(1, min(SPANS_MAX, IDS_MAX // len(ids)))):
            within = [f"{mine} AND start_ms >= {first} AND start_ms < {last}" for first, last in spans]
            yield from reading.rows(" UNION ALL ".join(within), {})


def _some(ones: Sequence[_One], most: int) -> Iterator[Sequence[_One]]:
    for at in range(0, len(ones), most):
        yield ones[at : at + most]


def _queue(name: ZoneNames, bins: Sequence[ZoneSums | None]) -> Queue:
    site, device, zone = name

    def numbers(of: str) -> tuple[int | None, ...]:
        return tuple(None if one is None else getattr(one, of) for one in bins)

    def ends(of: str) -> tuple[int | None, ...]:
        return tuple(None if number == -1 else number for number in numbers(of))

    def followed(of: str) -> tuple[int | None, ...]:
        return tuple(None if one is None or one.pictures is not None else getattr(one, of) for one in bins)

    def wait(of: str) -> tuple[float | None, ...]:
        return tuple(getattr(one, of) / one.waited if one is not None and one.waited else None for one in bins)

    return Queue(
        site=site,
        device=device,
        zone=zone,
        watched_ms=tuple(0 if one is None else one.watched_ms for one in bins),
        standing_mean=tuple(
            one.standing_ms / one.watched_ms if one is not None and one.watched_ms else None for one in bins
        ),
        standing_max=tuple(
            None if one is None or (one.pictures is not None and not one.watched_ms) else one.standing_max
            for one in bins
        ),
        standing_end=ends("standing_end"),
        parked_end=ends("parked_end"),
        entered=followed("entered"),
        left=followed("departed"),
        waited=followed("waited"),
        wait_p50_ms=wait("wait_p50_ms"),
        wait_p90_ms=wait("wait_p90_ms"),
        wait_max_ms=tuple(one.wait_max_ms if one is not None and one.waited else None for one in bins),
        queue_m_max=tuple(None if one is None else one.queue_m for one in bins),
        pictures=tuple(None if one is None else one.pictures for one in bins),
    )
