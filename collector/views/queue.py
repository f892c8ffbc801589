"""How long the queue was and how long they waited: the zones of reports, per interval."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from collector.store import Reading
from collector.views.axis import index_of
from collector.views.results import Axis, Queue, Queues, Scope
from collector.views.tallies import devices_of
from edge.delivery.report import ZoneReport


def queues(reading: Reading, scope: Scope, axis: Axis) -> Queues:
    """The zones of every device in the scope that reported some in the span (`scope.line` is passed over).

    A zone is None in an interval where its device was blind, silent, or did not watch that zone.
    """
    names = {device.id: device for device in devices_of(reading, scope)}
    found: dict[tuple[str, str, str], _Sums] = {}
    if names:
        rows = reading.rows(
            "SELECT device_id, start_ms, watched_ms, payload FROM report"
            f" WHERE device_id IN ({', '.join(map(str, names))})"
            " AND layout_id IS NOT NULL AND start_ms >= :from AND start_ms < :to ORDER BY start_ms, received_ms, seq",
            {"from": axis.edges_ms[0], "to": axis.edges_ms[-1]},
        )
        for device_id, start_ms, watched_ms, payload in rows:
            if zones := msgspec.json.decode(payload, type=_Zones).zones:
                device = names[device_id]
                i = index_of(axis.edges_ms, start_ms)
                for zone, said in zones.items():
                    name = (device.site, device.device, zone)
                    sums = found.get(name)
                    if sums is None:
                        sums = found[name] = _Sums(len(axis))
                    sums.add(i, said, watched_ms)
    return Queues(axis=axis, queues=tuple(sums.queue(*name) for name, sums in sorted(found.items())))


class _Zones(msgspec.Struct):
    """Of a report that intake took, all that is read here; the rest is passed over."""

    zones: dict[str, ZoneReport] | None = None


@dataclass(slots=True)
class _Bin:
    reports: int = 0
    watched_ms: int = 0
    standing: float = 0.0  # vehicles times milliseconds
    standing_max: int = 0
    standing_end: int = 0
    parked_end: int = 0
    entered: int = 0
    left: int = 0
    waited: int = 0
    p50: float = 0.0  # milliseconds times vehicles
    p90: float = 0.0
    wait_max_ms: int = 0
    queue_m: float | None = None


@dataclass(slots=True)
class _Sums:
    n: int
    bins: list[_Bin] = field(init=False)

    def __post_init__(self) -> None:
        self.bins = [_Bin() for _ in range(self.n)]

    def add(self, i: int, said: ZoneReport, watched_ms: int) -> None:
        """One bucket; they come in the order of time."""
        one = self.bins[i]
        one.reports += 1
        one.watched_ms += watched_ms
        one.standing += said.standing.mean * watched_ms
        one.standing_max = max(one.standing_max, said.standing.max)
        one.standing_end, one.parked_end = said.standing.end, said.parked
        one.entered += said.entered
        one.left += said.left
        if said.wait_ms is not None and said.waited:
            one.waited += said.waited
            one.p50 += said.wait_ms.p50 * said.waited
            one.p90 += said.wait_ms.p90 * said.waited
            one.wait_max_ms = max(one.wait_max_ms, said.wait_ms.max)
        if said.queue_m is not None:
            one.queue_m = max(one.queue_m or 0.0, said.queue_m.max)

    def queue(self, site: str, device: str, zone: str) -> Queue:
        """The answer."""
        bins = self.bins

        def known(values: Sequence[int]) -> tuple[int | None, ...]:
            return tuple(value if one.reports else None for value, one in zip(values, bins, strict=True))

        return Queue(
            site=site,
            device=device,
            zone=zone,
            watched_ms=tuple(one.watched_ms for one in bins),
            standing_mean=tuple(one.standing / one.watched_ms if one.watched_ms else None for one in bins),
            standing_max=known([one.standing_max for one in bins]),
            standing_end=known([one.standing_end for one in bins]),
            parked_end=known([one.parked_end for one in bins]),
            entered=known([one.entered for one in bins]),
            left=known([one.left for one in bins]),
            waited=known([one.waited for one in bins]),
            wait_p50_ms=tuple(one.p50 / one.waited if one.waited else None for one in bins),
            wait_p90_ms=tuple(one.p90 / one.waited if one.waited else None for one in bins),
            wait_max_ms=tuple(one.wait_max_ms if one.waited else None for one in bins),
            queue_m_max=tuple(one.queue_m for one in bins),
        )
