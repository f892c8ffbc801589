"""How many vehicles crossed, per line and direction, and how much of the time somebody watched: one sum over a span."""

from dataclasses import dataclass

from collector.store import CHOSEN, Store
from collector.views.axis import axis
from collector.views.counts import counts
from collector.views.results import Scope


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
    mine = "FROM report WHERE device_id = device.id AND start_ms >= :from AND start_ms < :to"
    newest = "SELECT max(start_ms) FROM report WHERE device_id = device.id AND start_ms < :to"
    found = []
    with store.reading() as reading:
        devices = reading.rows(
            f"SELECT site, device, (SELECT min(start_ms) {mine}),"
            f" (SELECT max(start_ms + width_ms) {mine} AND start_ms = ({newest}))"
            f" FROM device WHERE {CHOSEN} ORDER BY site, device",
            {**span, "site": selection.site, "device": selection.device},
        )
        for site, device, first_ms, last_ms in devices:
            if first_ms is None:
                continue
            from_ms = first_ms if selection.from_ms is None else selection.from_ms
            to_ms = last_ms if selection.to_ms is None else selection.to_ms
            scope = Scope(site=site, device=device, line=selection.line)
            for flow in counts(reading, scope, axis(None, "UTC", from_ms, to_ms)).flows:
                numbers = {label: number for label, (number,) in flow.counts.items() if number is not None}
                found.append(
                    Total(site, device, flow.line, flow.direction, numbers or None, flow.watched_ms[0], to_ms - from_ms)
                )
    return found
