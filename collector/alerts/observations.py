"""The input of the rules, read from the store: hours of a station, slots of a zone, devices, first sightings."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from statistics import median
from typing import Any

import msgspec

from collector.alerts.alert import Subject
from collector.alerts.rules.device import SEES_MS, DeviceNow
from collector.alerts.rules.first_vehicle import Sighting
from collector.alerts.rules.flow import Hour, PastHour
from collector.alerts.rules.queue import Slot
from collector.alerts.rules.station import StationHour
from collector.alerts.settings import History
from collector.alerts.wording import ALL, DAY_MS, HOUR_MS
from collector.domain.calendar import floor, local, zone_of
from collector.domain.scope import Scope
from collector.domain.sites import Site
from collector.protocol.delays import Lateness
from collector.protocol.device_messages import DeviceHealth, Info, Status, Total, decode_device_message
from collector.protocol.identity import findings, newest_sign_ms
from collector.queries.axis import axis
from collector.queries.counts import counts, coverage, places
from collector.queries.devices import journals_in
from collector.queries.queue import queues
from collector.queries.results import Axis, Flow
from collector.store.ahead import with_ahead
from collector.store.interface import Reading
from edge.wire.report import ReportError
from edge.wire.times import milliseconds_of

SLOT_MS = 300_000
HOURS_MAX = 48
"""Hours of a station, or slots of a zone, that are evaluated in one round."""
GRACE_MS = HOUR_MS
"""An hour with gaps is settled when the device has a report that begins this long after it."""
SLOT_GRACE_MS = SLOT_MS
SETTLED_MS = 24 * HOUR_MS
"""After this time every hour is settled."""
AWAY_MS = HOUR_MS
"""A device that was not heard for this long does not delay the others of its station."""
BLIND_MS_MAX = 7 * DAY_MS
"""How far back the beginning of blindness is searched."""
Sites = Mapping[str, Site]


class DeviceRow(msgspec.Struct, frozen=True):
    """A device in the tables."""

    id: int
    device: str
    heard_ms: int | None
    newest_start_ms: int | None
    newest_width_ms: int | None
    late_ms: int | None
    clock_synced: int | None

    @property
    def newest_end_ms(self) -> int | None:
        """The end of its newest bucket."""
        return None if self.newest_start_ms is None else self.newest_start_ms + (self.newest_width_ms or 0)


def devices_at(reading: Reading, site: str, *, now_ms: int) -> list[DeviceRow]:
    """All devices of a site, each with its newest report that is not ahead of the collector's clock."""
    rows = reading.rows(
        "SELECT id, device, heard_ms, newest_start_ms, newest_width_ms, late_ms, clock_synced FROM device"
        " WHERE site = :site ORDER BY device",
        {"site": site},
    )
    found = []
    for id_, device, heard_ms, start_ms, width_ms, late_ms, synced in rows:
        lateness, _ = with_ahead(reading, id_, Lateness(heard_ms, start_ms, width_ms, late_ms), now_ms=now_ms)
        newest = (lateness.newest_start_ms, lateness.newest_width_ms, lateness.late_ms)
        found.append(DeviceRow(id_, device, heard_ms, *newest, synced))
    return found


def stations_of(devices: Sequence[str], site: Site) -> list[tuple[str, ...]]:
    """The stations of a site: devices that watch the same lines together, and each other device by itself."""
    station_of = {device: {device} for device in devices}
    for lines in site.same_lines.values():
        together: set[str] = set()
        for device in {line.split("/")[0] for line in lines} & set(devices):
            together |= station_of[device]
        for device in together:
            station_of[device] = together
    return sorted({tuple(sorted(station)) for station in station_of.values()})


def settled(
    reading: Reading, site: str, post: Sequence[DeviceRow], from_ms: int, now_ms: int, *, step_ms: int = HOUR_MS
) -> list[int]:
    """The edges of the hours (or slots) from `from_ms` on that may be evaluated now; fewer than two edges: none.

    An hour is settled when all of its time was reported; or when its device has a report an hour later (for a slot: a
    slot later), so that what is missing is not just late; or a day after its end. Of several devices at least one must
    have settled it, and all others that were heard within the last hour.
    """
    last = (now_ms - from_ms) // step_ms
    edges = tuple(range(from_ms, from_ms + (min(last, HOURS_MAX) + 1) * step_ms, step_ms))
    if len(edges) < 2:
        return []
    whole = Axis(interval=None, time_zone="UTC", edges_ms=edges)
    reported = {}
    for row in post:
        covers = coverage(reading, Scope(site=site, device=row.device), whole).covers
        reported[row.device] = covers[0].reported_ms if covers else (0,) * len(whole)
    grace_ms = GRACE_MS if step_ms == HOUR_MS else SLOT_GRACE_MS
    n = 0
    for i, end_ms in enumerate(edges[1:]):
        ready = [
            row for row in post if reported[row.device][i] >= step_ms or (row.newest_start_ms or 0) >= end_ms + grace_ms
        ]
        away = [row for row in post if row not in ready and now_ms - (row.heard_ms or 0) >= AWAY_MS]
        if now_ms - end_ms < SETTLED_MS and not (ready and len(ready) + len(away) == len(post)):
            break
        n = i + 1
    return list(edges[: n + 1]) if n else []


def hours_of(
    reading: Reading,
    site: str,
    post: Sequence[str],
    edges_ms: Sequence[int],
    *,
    sites: Sites,
    history: History,
    zone: str,
) -> tuple[list[StationHour], list[Flow]]:
    """The hours of a station with the same hours of past weeks, and the flows that they are made of."""
    now = Axis(interval=None, time_zone=zone, edges_ms=tuple(edges_ms))
    flows = _flows(reading, site, post, now, sites)
    pasts = []
    for week in range(1, history.weeks + 1):
        edges = _increasing([weeks_before(edge_ms, week, zone) for edge_ms in edges_ms])
        past = Axis(interval=None, time_zone=zone, edges_ms=edges)
        of_week = {
            (one.device, one.line, one.direction): one for one in _flows(reading, site, post, past, sites, named_as=now)
        }
        pasts.append((past, of_week))
    holidays = frozenset(history.holidays)
    hours = []
    for i, (start_ms, end_ms) in enumerate(zip(edges_ms, edges_ms[1:], strict=False)):
        of_hour = []
        for flow in flows:
            for label in (ALL, *history.labels):
                before = tuple(
                    _past(
                        of_week.get((flow.device, flow.line, flow.direction)),
                        label,
                        i,
                        past,
                        history=history,
                        holidays=holidays,
                    )
                    for past, of_week in pasts
                )
                subject = Subject(site=site, device=flow.device, line=flow.line, direction=flow.direction, label=label)
                if label == ALL or label in flow.counts:
                    number = number_of(flow, label, i)
                    holiday = local_date(start_ms, zone) in holidays
                    hour = Hour(start_ms, end_ms, number, flow.share(i, now) if number is not None else 0.0, before)
                    of_hour.append((subject, msgspec.structs.replace(hour, holiday=True) if holiday else hour))
        hours.append(StationHour(start_ms, end_ms, floor("day", zone, start_ms), of_hour))
    return hours, flows


def number_of(flow: Flow, label: str, i: int) -> int | None:
    """Vehicles of a class, or of all, in interval i; None if not watched."""
    if label == ALL:
        return flow.all(i)
    return flow.counts[label][i] if label in flow.counts else None


def _flows(
    reading: Reading, site: str, post: Sequence[str], span: Axis, sites: Sites, *, named_as: Axis | None = None
) -> list[Flow]:
    scope = Scope(site=site, device=post[0]) if len(post) == 1 else Scope(site=site)
    found = counts(reading, scope, span, named_as=named_as)
    if len(post) == 1:
        return [flow for flow in found.flows if flow.line]
    of_post = msgspec.structs.replace(found, flows=tuple(flow for flow in found.flows if flow.device in post))
    return [flow for flow in places(of_post, sites).flows if flow.line]


def _past(
    flow: Flow | None, label: str, i: int, span: Axis, *, history: History, holidays: frozenset[date]
) -> PastHour | None:
    number = None if flow is None else number_of(flow, label, i)
    if flow is None or number is None or local_date(span.edges_ms[i], span.time_zone) in holidays:
        return None
    share = flow.share(i, span)
    return PastHour(number, share) if share >= max(history.watched_share_min, 0.01) else None


def local_date(time_ms: int, zone: str) -> date:
    """The date by the site's clocks."""
    return local(time_ms, zone).date()


def weeks_before(time_ms: int, weeks: int, zone: str) -> int:
    """The same time by the site's clocks, so many weeks earlier."""
    then = local(time_ms, zone).replace(tzinfo=None) - timedelta(weeks=weeks)
    fold = local(time_ms, zone).fold
    return int(then.replace(tzinfo=zone_of(zone), fold=fold).timestamp()) * 1_000 + time_ms % 1_000


def _increasing(edges_ms: Sequence[int]) -> tuple[int, ...]:
    """Edges that do not decrease: where the clocks were changed, an hour may not exist, and two edges meet."""
    found = [edges_ms[0]]
    for edge_ms in edges_ms[1:]:
        found.append(max(edge_ms, found[-1]))
    return tuple(found)


def slots_of(reading: Reading, site: str, device: str, edges_ms: Sequence[int]) -> dict[str, list[Slot]]:
    """The slots of every zone that a device reported in the span."""
    span = Axis(interval=None, time_zone="UTC", edges_ms=tuple(edges_ms))
    found: dict[str, list[Slot]] = {}
    for queue in queues(reading, Scope(site=site, device=device), span).queues:
        found[queue.zone] = [
            Slot(
                start_ms=start_ms,
                end_ms=end_ms,
                standing=queue.standing_mean[i],
                most=queue.standing_max[i] or 0,
                watched_ms=queue.watched_ms[i],
                wait_p90_ms=queue.wait_p90_ms[i],
            )
            for i, (start_ms, end_ms) in enumerate(zip(edges_ms, edges_ms[1:], strict=False))
        ]
    return found


def device_now(
    reading: Reading, site: str, row: DeviceRow, *, now_ms: int, listening_ms: int, weeks: int, zone: str, minutes: int
) -> DeviceNow:
    """The state of a device. The usual watched share is only read after `minutes` of blindness."""
    said = reading.rows(
        "SELECT channel, received_ms, payload FROM said WHERE device_id = :id AND channel IN ('status', 'health')",
        {"id": row.id},
    )
    words = {channel: (received_ms, bytes(payload)) for channel, received_ms, payload in said}
    health_ms, health = _decoded(words.get("health"), DeviceHealth)
    _, status = _decoded(words.get("status"), Status)
    fresh = health is not None and health_ms is not None and health_ms >= now_ms - SEES_MS
    blind_since_ms, sees_ms = _blindness(reading, row, now_ms)
    usual = None
    if blind_since_ms is not None and (row.newest_end_ms or 0) - blind_since_ms >= minutes * 60_000:
        usual = _usual_share(reading, site, row, blind_since_ms, weeks=weeks, zone=zone)
    ahead_ms = 0
    if not fresh and row.late_ms is not None and (row.newest_end_ms or 0) >= now_ms - SEES_MS:
        ahead_ms = max(0, -row.late_ms)
    journals = journals_in(reading, site=site, device=row.device).get(row.id, [])
    ((overlapping, overlapping_ms),) = reading.rows(
        "SELECT count(*), max(aside_ms) FROM set_aside WHERE device_id = :id AND counted_run_id IS NOT NULL",
        {"id": row.id},
    )
    return DeviceNow(
        site=site,
        device=row.device,
        now_ms=now_ms,
        listening_ms=listening_ms,
        heard_ms=row.heard_ms,
        state=status.state if status is not None else "",
        newest_end_ms=row.newest_end_ms,
        blind_since_ms=blind_since_ms,
        sees_ms=sees_ms,
        usual_share=usual,
        blind_reason=(health.blind or health.camera) if health is not None and fresh else "",
        synced=None if row.clock_synced is None else bool(row.clock_synced),
        ahead_ms=ahead_ms,
        health_ms=health_ms,
        offset_ms=None if health is None or health_ms is None else health.as_of_ms - health_ms,
        unsent=None if health is None else health.outbox_unsent,
        dropped=0 if health is None else health.outbox_dropped or 0,
        identity=" ".join(findings(row.device, journals, now_ms=now_ms, overlapping=overlapping)),
        identity_ms=newest_sign_ms(journals, now_ms=now_ms, overlapping_ms=overlapping_ms),
        overlapping=overlapping,
    )


def _decoded(word: tuple[int, bytes] | None, kind: Any) -> tuple[int | None, Any]:
    if word is None:
        return None, None
    try:
        return word[0], decode_device_message(word[1], kind)
    except ReportError:
        return None, None


def _blindness(reading: Reading, row: DeviceRow, now_ms: int) -> tuple[int | None, int]:
    """Since when the newest reports have no watched time, or None; and how much of the last ten minutes was watched."""
    if row.newest_start_ms is None or row.newest_end_ms is None or row.newest_end_ms > now_ms + HOUR_MS:
        return None, 0
    lately = {"id": row.id, "from": row.newest_end_ms - SEES_MS, "to": row.newest_end_ms}
    ((watched_ms, of_newest_ms),) = reading.rows(
        "SELECT CAST(coalesce(sum(watched_ms), 0) AS BIGINT),"
        f" CAST(coalesce(sum(CASE WHEN start_ms = {int(row.newest_start_ms)} THEN watched_ms ELSE 0 END), 0) AS BIGINT)"
        " FROM report WHERE device_id = :id AND start_ms >= :from AND start_ms < :to",
        lately,
    )
    if 10 * of_newest_ms >= (row.newest_width_ms or 1):
        return None, watched_ms
    far = {"id": row.id, "from": row.newest_end_ms - BLIND_MS_MAX, "to": row.newest_end_ms}
    ((saw_ms,),) = reading.rows(
        "SELECT max(start_ms) FROM report WHERE device_id = :id AND start_ms >= :from AND start_ms < :to"
        " AND 10 * watched_ms >= width_ms",
        far,
    )
    ((since_ms,),) = reading.rows(
        "SELECT min(start_ms) FROM report WHERE device_id = :id AND start_ms > :from AND start_ms < :to",
        far if saw_ms is None else far | {"from": saw_ms},
    )
    return since_ms, watched_ms


def _usual_share(reading: Reading, site: str, row: DeviceRow, since_ms: int, *, weeks: int, zone: str) -> float | None:
    """The median watched share of the same hours in past weeks; None if there are too few."""
    end_ms = row.newest_end_ms or since_ms
    first_ms = max(since_ms, end_ms - 6 * HOUR_MS)
    shares = []
    for week in range(1, weeks + 1):
        edges = (weeks_before(first_ms, week, zone), weeks_before(end_ms, week, zone))
        if edges[0] >= edges[1]:
            continue
        span = Axis(interval=None, time_zone=zone, edges_ms=edges)
        covers = coverage(reading, Scope(site=site, device=row.device), span).covers
        if covers and covers[0].reported_ms[0] > 0:
            shares.append(min(1.0, covers[0].watched_ms[0] / (edges[1] - edges[0])))
    return median(shares) if len(shares) >= 2 else None


def series_at(reading: Reading, site: str) -> dict[str, dict[int, tuple[str, str, str]]]:
    """By class: the series of a site, by id, with device, line and direction."""
    rows = reading.rows(
        "SELECT class, series.id, device, line, direction FROM series JOIN device ON device.id = device_id"
        " WHERE site = :site ORDER BY series.id",
        {"site": site},
    )
    found: dict[str, dict[int, tuple[str, str, str]]] = {}
    for label, series_id, *names in rows:
        found.setdefault(label, {})[series_id] = (names[0], names[1], names[2])
    return found


def rare_at(reading: Reading, site: str) -> dict[str, frozenset[str]]:
    """By device of a site: the classes for which it raises alerts itself."""
    found = {}
    for device, payload in _said_at(reading, site, "info"):
        with suppress(ReportError):
            found[device] = frozenset(decode_device_message(payload, Info).rare)
    return found


def last_seen(reading: Reading, site: str, label: str, *, but: str, until_ms: int) -> int | None:
    """When other devices of a site last saw a vehicle of a class for certain before `until_ms`, by their totals."""
    times = []
    for device, payload in _said_at(reading, site, "total"):
        if device != but:
            with suppress(ReportError):
                at = decode_device_message(payload, Total).last_seen.get(label)
                times += [] if at is None else [milliseconds_of(at)]
    return max((at_ms for at_ms in times if at_ms < until_ms), default=None)


def _said_at(reading: Reading, site: str, channel: str) -> list[tuple[str, bytes]]:
    rows = reading.rows(
        "SELECT device, payload FROM said JOIN device ON device.id = device_id"
        " WHERE site = :site AND channel = :channel",
        {"site": site, "channel": channel},
    )
    return [(device, bytes(payload)) for device, payload in rows]


def seen_between(
    reading: Reading, series: Mapping[int, object], after_ms: int, before_ms: int
) -> tuple[int | None, int | None]:
    """The first and the last start, between two times, of a bucket with a vehicle of these series."""
    ids = ", ".join(map(str, series))
    ((first_ms, last_ms),) = reading.rows(
        f"SELECT min(start_ms), max(start_ms) FROM vehicles WHERE series_id IN ({ids})"
        " AND start_ms > :after AND start_ms < :before",
        {"after": after_ms, "before": before_ms},
    )
    return first_ms, last_ms


def sighting(
    reading: Reading,
    site: str,
    label: str,
    series: Mapping[int, tuple[str, str, str]],
    *,
    at_ms: int,
    before_ms: int | None,
    begun_ms: int,
    zone: str,
) -> Sighting:
    """A bucket with a vehicle of a class, and how much of the time without one was watched."""
    ids = ", ".join(map(str, series))
    rows = reading.rows(
        f"SELECT series_id FROM vehicles WHERE series_id IN ({ids}) AND start_ms = :at ORDER BY series_id LIMIT 1",
        {"at": at_ms},
    )
    device, line, direction = series[rows[0][0]] if rows else ("", "", "")
    since_ms = begun_ms if before_ms is None else before_ms
    watched_ms = 0
    if at_ms > since_ms:
        days = axis("day", zone, since_ms, at_ms)
        flows = [flow for flow in counts(reading, Scope(site=site), days).flows if label in flow.counts]
        for i in range(len(days)):
            watched = [flow.watched_ms[i] for flow in flows if flow.counts[label][i] is not None]
            watched_ms += min(days.span_ms(i), max(watched, default=0))
    ends = reading.rows(
        "SELECT max(start_ms + width_ms) FROM report JOIN device ON device.id = device_id"
        " WHERE site = :site AND device = :device AND start_ms = :at",
        {"site": site, "device": device, "at": at_ms},
    )
    return Sighting(
        site=site,
        label=label,
        at_ms=at_ms,
        end_ms=ends[0][0] if ends and ends[0][0] is not None else at_ms + 60_000,
        before_ms=before_ms,
        begun_ms=begun_ms,
        watched_ms=watched_ms,
        device=device,
        line=line,
        direction=direction,
    )
