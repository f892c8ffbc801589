"""The answer to `crossing-edge status`, as data and as text."""

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from edge.delivery.failure import Cause
from edge.delivery.failure_log import duration_of
from edge.delivery.outbox import Outbox
from edge.wire.device_messages import Live
from edge.wire.report import Lines, Report, decode
from edge.wire.times import milliseconds_of

STALE_MS = 10_000
"""A service whose state is older than this hangs."""
PAGE = 500


class CameraStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`reason`: why it is not open; `blind`: why nothing can be seen. Empty while all is well."""

    open: bool
    reason: str
    blind: str
    frames_per_second: float
    last_frame_age_ms: int | None
    """None: there was no frame yet."""


class ClockStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the system's clock is synchronised, and how far it is ahead of that of the frames."""

    synced: bool
    offset_ms: int


class OutboxStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`unsent` entries wait, the oldest is of the time `oldest`; numbers are null where the outbox cannot be read."""

    unsent: int | None = None
    oldest: str | None = None
    held: int | None = None
    forgotten: int | None = None
    """Reports that were sent, and are held no more."""
    dropped: int | None = None
    """Reports that will never be sent."""
    lost_before: int = 0
    """Of them, those that waited in memory when the process before this one ended."""
    unjudged_lost: int = 0
    """Crossings since the start that were never checked for rare classes, see DeviceHealth."""
    waiting_in_memory: int
    """Reports that no disk takes at the moment."""
    failure: str


class BrokerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`address` is empty where no broker is configured; `cause` and `reason` say what is wrong, empty: nothing is."""

    address: str
    connected: bool
    cause: Cause | Literal[""]
    reason: str
    report_acknowledged_age_ms: int | None
    """Since a broker acknowledged a report; None: none was since the start."""


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted since midnight in the site's time zone, the open interval included."""

    date: str
    time_zone: str
    watched_ms: int
    lines: Lines


class ServiceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer. `as_of_age_ms` is the age of the state, updated once a second."""

    schema: int = 1
    site: str
    device: str
    version: str
    run: str
    process: int
    since: str
    uptime_ms: int
    as_of_age_ms: int
    today: Today
    camera: CameraStatus
    clock: ClockStatus
    outbox: OutboxStatus
    broker: BrokerStatus
    troubles: dict[str, str]

    @property
    def delivering(self) -> bool:
        """Whether the service is alive and connected to a broker, without a failure."""
        return self.as_of_age_ms < STALE_MS and self.broker.connected and not self.broker.cause


class _Dated(msgspec.Struct):
    start: str = ""
    at: str = ""


def today_of(outbox: Outbox | None, time_zone: str, now_ms: int, *, live: Live | None) -> Today:
    """Sum up the reports of today that the outbox holds, if one is given, and the open interval.

    May take a while on a slow board: not for the thread that counts.
    """
    zone = ZoneInfo(time_zone)
    midnight = datetime.fromtimestamp(now_ms / 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    from_ms = round(midnight.timestamp() * 1000)
    lines: Lines = {}
    watched_ms = 0
    for report in _reports_since(outbox, from_ms) if outbox is not None else ():
        if live is not None and (report.run, report.start) == (live.run, live.start):
            live = None  # it was closed meanwhile
        _add(lines, report.lines)
        watched_ms += report.watched_ms
    if live is not None and milliseconds_of(live.start) >= from_ms:
        _add(lines, live.lines)
        watched_ms += live.watched_ms
    return Today(date=f"{midnight:%Y-%m-%d}", time_zone=time_zone, watched_ms=watched_ms, lines=lines)


def _reports_since(outbox: Outbox, from_ms: int) -> list[Report]:
    """Newest first; the outbox is held for some hundred reports at a time only."""
    found: list[Report] = []
    before: int | None = None
    while page := outbox.reports_before(before, limit=PAGE):
        reports = [decode(entry.payload) for entry in page]
        found += [report for report in reports if report.start_ms >= from_ms]
        before = page[-1].number
        if len(page) < PAGE or all(report.start_ms < from_ms for report in reports):
            break
    return found


def _add(lines: Lines, more: Lines | None) -> None:
    for line, ways in (more or {}).items():
        for way, classes in ways.items():
            sums = lines.setdefault(line, {}).setdefault(way, {})
            for label, number in classes.items():
                sums[label] = sums.get(label, 0) + number


def oldest_of(outbox: Outbox) -> str | None:
    """The time of the oldest pending entry."""
    for entry in outbox.pending(1):
        dated = msgspec.json.decode(entry.payload, type=_Dated)
        return dated.start or dated.at or None
    return None


def text_of(status: ServiceStatus) -> str:
    """The status as text."""
    head = f"{status.site}/{status.device}: running since {status.since} ({duration_of(status.uptime_ms)})"
    if status.as_of_age_ms >= STALE_MS:
        head = f"{status.site}/{status.device}: hangs, no sign of life for {duration_of(status.as_of_age_ms)}"
    rows = [(head, f"version {status.version}, run {status.run}, process {status.process}")]
    rows += [("today", _text_of_today(status.today)), ("camera", _text_of_camera(status.camera))]
    clock = "synchronised" if status.clock.synced else "not synchronised: reports are marked so"
    rows.append(("clock", f"{clock}, {status.clock.offset_ms} ms from that of the frames"))
    rows += [("outbox", _text_of_outbox(status.outbox)), ("broker", _text_of_broker(status.broker))]
    rows += [(what, sentence) for what, sentence in status.troubles.items() if sentence]
    (head, detail), *rest = rows
    return "\n".join([head, f"  {detail}", *(f"{name + ':':<15} {text}" for name, text in rest)])


def _text_of_today(today: Today) -> str:
    parts = [f"{today.date} ({today.time_zone}), watched {duration_of(today.watched_ms)}"]
    for line, ways in today.lines.items():
        for way, classes in ways.items():
            counted = ", ".join(f"{label} {number}" for label, number in sorted(classes.items()) if number)
            parts.append(f"{line} {way}: {sum(classes.values())}{f' ({counted})' if counted else ''}")
    return f"\n{'':<16}".join(parts)


def _text_of_camera(camera: CameraStatus) -> str:
    age_ms = camera.last_frame_age_ms
    last = "no frame yet" if age_ms is None else f"last frame {age_ms / 1000:.1f} s ago"
    state = "open" if camera.open else f"not open: {camera.reason}"
    blind = f", blind: {camera.blind}" if camera.blind else ""
    return f"{state}, {camera.frames_per_second:.1f} frames/s, {last}{blind}"


def _text_of_outbox(outbox: OutboxStatus) -> str:
    if outbox.unsent is None:
        text = "cannot be read"
    else:
        oldest = f", the oldest of {outbox.oldest}" if outbox.oldest else ""
        text = f"{outbox.unsent} letters wait{oldest}; {outbox.held} held; {outbox.dropped} dropped"
        text += f" ({outbox.lost_before} of them when the last process ended)" if outbox.lost_before else ""
        text += f"; {outbox.forgotten} sent and held no more" if outbox.forgotten else ""
    if outbox.waiting_in_memory:
        text += f"; {outbox.waiting_in_memory} reports wait in memory"
    if outbox.unjudged_lost:
        text += f"; {outbox.unjudged_lost} crossings were never checked for rare classes"
    return text + (f"; {outbox.failure}" if outbox.failure else "")


def _text_of_broker(broker: BrokerStatus) -> str:
    if not broker.address:
        return "none is configured (mqtt:), so nothing is delivered"
    state = f"connected to {broker.address}" if broker.connected else f"not connected to {broker.address}"
    reason = f": {broker.reason}" if broker.reason else ""
    age_ms = broker.report_acknowledged_age_ms
    last = "none since the start" if age_ms is None else f"{duration_of(age_ms)} ago"
    return f"{state}{reason}\n{'':<16}last report acknowledged: {last}"
