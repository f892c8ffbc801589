"""The state of the queue zones, from the last report of every device."""

from dataclasses import dataclass

import msgspec

from collector.domain.plausible_time import SKEW_MS
from collector.store.interface import CHOSEN, Reading, Store
from collector.store.messages import Key, messages_of
from edge.wire.report import Report, ReportError, ZoneReport, decode


@dataclass(frozen=True, slots=True)
class ZoneState:
    """One zone over the last bucket that its device reported; `said` is None if the device was blind.

    Such a report does not name the zones: `zone` is then empty.
    """

    site: str
    device: str
    zone: str
    start_ms: int
    width_ms: int
    said: ZoneReport | None
    pictures: int | None = None
    """How many stills the report is based on; None: a video."""


def last_zones(
    store: Store, *, site: str | None = None, device: str | None = None, now_ms: int | None = None
) -> list[ZoneState]:
    """The zones of every device, sorted by name, without devices whose last message was deleted.

    Reports ahead of the collector's clock are ignored; without a clock (`now_ms` None) none is ahead.
    """
    with store.reading() as reading:
        return last_zones_in(reading, site=site, device=device, now_ms=now_ms)


def last_zones_in(
    reading: Reading, *, site: str | None = None, device: str | None = None, now_ms: int | None = None
) -> list[ZoneState]:
    """The same in a reading that is open."""
    newest = "SELECT max(start_ms) FROM report WHERE device_id = device.id AND start_ms <= :until"
    rows = reading.rows(
        "SELECT device.id, run_id, seq, start_ms FROM device JOIN report ON report.device_id = device.id"
        f" WHERE report.start_ms = ({newest}) AND {CHOSEN} ORDER BY site, device, received_ms, seq",
        {"site": site, "device": device, "until": 2**62 if now_ms is None else now_ms + SKEW_MS},
    )
    last = {row[0]: Key(*row) for row in rows}  # of two runs in one bucket, the one that came last
    messages = messages_of(lambda query: reading.rows(query, {}), last.values())
    found = [messages.get((key.run_id, key.seq)) for key in last.values()]
    return [state for payload in found if payload is not None for state in _states_in(payload)]


def _states_in(payload: bytes) -> list[ZoneState]:
    """The zones in a message; none if an older collector stored what is refused today."""
    try:
        return _states_of(decode(payload))
    except ReportError:
        return []


def _states_of(report: Report) -> list[ZoneState]:
    who = (report.site, report.device)
    when = (report.start_ms, report.width_ms)
    pictures = None if report.pictures is msgspec.UNSET else report.pictures
    if report.zones is None:
        return [ZoneState(*who, "", *when, None, pictures)]
    return [ZoneState(*who, zone, *when, said, pictures) for zone, said in sorted((report.zones or {}).items())]
