"""Vehicles per line and direction, and the share of the time that was watched: one sum over a span."""

from dataclasses import dataclass

from collector.domain.scope import Scope
from collector.queries.axis import axis
from collector.queries.counts import counts
from collector.queries.extent import open_span, reports_in
from collector.store.interface import CHOSEN, Store


@dataclass(frozen=True, slots=True)
class Selection:
    """Which reports to add up; None means all. A bucket belongs to the span in which it begins."""

    site: str | None = None
    device: str | None = None
    line: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LineTotal:
    """One direction over one line. `counts` (class -> vehicles) is None if no time was watched, which is not 0.

    `span_ms` is the span up to now, with open ends as in `extent.open_span`; several runs over the same time can watch
    more than all of it.
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
        """The watched share of the span."""
        return self.watched_ms / self.span_ms if self.span_ms else 0.0


def totals(store: Store, selection: Selection, *, now_ms: int | None = None) -> list[LineTotal]:
    """The totals of every line with reports in the selection, sorted by name.

    Without a clock (`now_ms` None) an open end is the end of the device's last report.
    """
    found = []
    with store.reading() as reading:
        devices = reading.rows(
            f"SELECT site, device FROM device WHERE {CHOSEN} ORDER BY site, device",
            {"site": selection.site, "device": selection.device},
        )
        for site, device in devices:
            scope = Scope(site=site, device=device, line=selection.line)
            span = open_span(reading, scope, selection.from_ms, selection.to_ms, now_ms=now_ms)
            if span is None or not reports_in(reading, scope, *span):
                continue
            whole = axis(None, "UTC", *span, now_ms=None if now_ms is None or span[0] >= now_ms else now_ms)
            for flow in counts(reading, scope, whole).flows:
                numbers = {label: number for label, (number,) in flow.counts.items() if number is not None}
                found.append(
                    LineTotal(
                        site, device, flow.line, flow.direction, numbers or None, flow.watched_ms[0], whole.span_ms(0)
                    )
                )
    return found
