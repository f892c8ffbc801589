"""How many vehicles crossed, per line and direction, and how much of the time somebody watched."""

from collections import defaultdict
from dataclasses import dataclass

from collector.store import CHOSEN, Reading, Store

_Way = tuple[str, str]  # line, direction


@dataclass(frozen=True, slots=True)
class Selection:
    """Which reports to add up; None means all. A bucket belongs to the span in which it starts."""

    site: str | None = None
    device: str | None = None
    line: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """One direction over one line. `counts` (class -> vehicles) is None where nobody watched: blind is not 0.

    `span_ms` is the span asked for or, where an end is open, as far as the device's reports go; several runs
    over the same time can watch more than the whole of it.
    """

    site: str
    device: str
    line: str
    direction: str
    counts: dict[str, int] | None
    watched_ms: int
    span_ms: int

    @property
    def watched_share(self) -> float:
        """Of the span, the share that somebody watched."""
        return self.watched_ms / self.span_ms if self.span_ms else 0.0


def totals(store: Store, selection: Selection) -> list[Total]:
    """The totals of every line that was watched or blind in the selection, sorted by name."""
    span = {
        "from": -(2**63) if selection.from_ms is None else selection.from_ms,
        "to": 2**63 - 1 if selection.to_ms is None else selection.to_ms,
    }
    with store.reading() as reading:
        devices = reading.rows(
            "SELECT device.id, site, device, min(start_ms), max(start_ms + width_ms)"
            " FROM device JOIN report ON report.device_id = device.id"
            " WHERE start_ms >= :from AND start_ms < :to"
            f" AND {CHOSEN} GROUP BY device.id ORDER BY site, device",
            {**span, "site": selection.site, "device": selection.device},
        )
        found = []
        for device_id, site, device, first_ms, last_ms in devices:
            from_ms = first_ms if selection.from_ms is None else selection.from_ms
            to_ms = last_ms if selection.to_ms is None else selection.to_ms
            watched_ms, counts = _sums(reading, {**span, "id": device_id})
            for line, direction in sorted(counts) or _known_ways(reading, device_id):
                way = (line, direction)
                if selection.line in (None, line):
                    found.append(Total(site, device, *way, counts.get(way), watched_ms[way], to_ms - from_ms))
    return found


def _sums(reading: Reading, where: dict[str, int]) -> tuple[defaultdict[_Way, int], dict[_Way, dict[str, int]]]:
    """Of one device, the time that each direction over a line was watched, and its counts."""
    watched_ms: defaultdict[_Way, int] = defaultdict(int)
    counts: defaultdict[_Way, dict[str, int]] = defaultdict(dict)
    layouts = reading.rows(
        "SELECT layout_id, CAST(sum(watched_ms) AS BIGINT) FROM report WHERE device_id = :id AND layout_id IS NOT NULL"
        " AND start_ms >= :from AND start_ms < :to GROUP BY layout_id",
        where,
    )
    for layout_id, layout_watched_ms in layouts:
        series = reading.rows(
            "SELECT line, direction, class FROM layout_series JOIN series ON series.id = series_id"
            " WHERE layout_id = :layout",
            {"layout": layout_id},
        )
        for line, direction, label in series:
            counts[line, direction].setdefault(label, 0)
        for way in {(line, direction) for line, direction, _ in series}:
            watched_ms[way] += layout_watched_ms
    numbers = reading.rows(
        "SELECT line, direction, class, CAST(sum(number) AS BIGINT) FROM series JOIN vehicles ON series_id = series.id"
        " WHERE device_id = :id AND start_ms >= :from AND start_ms < :to GROUP BY series.id",
        where,
    )
    for line, direction, label, number in numbers:
        counts[line, direction][label] = number
    return watched_ms, counts


def _known_ways(reading: Reading, device_id: int) -> list[_Way]:
    """The lines of a device that was blind all the time; one without a name where it never saw any."""
    query = "SELECT DISTINCT line, direction FROM series WHERE device_id = :id ORDER BY line, direction"
    return [(line, direction) for line, direction in reading.rows(query, {"id": device_id})] or [("", "")]
