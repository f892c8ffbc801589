"""Sums per hour and per day, updated in the transaction that stores the reports, so that they always agree with them.

The roll-ups of a device include every report whose bucket starts before a mark, and none after it: `hours_ms` for
hours, `days_ms` for days, in the calendar of `time_zone`. Stored reports do not change, so:
1. A report before the mark (late, sent again, of a clock that was set back) is added to its hour and its day.
2. A report in a later hour than any before moves the mark to that hour, and the time in between is summed up once:
   hours from the reports, days from the hours. So most reports cost nothing here.
A reader takes the reports after the mark from the tables of reports: an hour of them at most.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from collector.domain.calendar import end_of, floor, zone_of
from collector.protocol.device_messages import Info, decode_device_message
from collector.store.dialect import ReportRow, Tables
from collector.store.zone_rollups import Place, add_late_zones, forget_zones, sum_up_zones
from collector.store.zone_sums import ZoneSums
from edge.errors import InputError
from edge.wire.report import ReportError

HOUR, DAY = 1, 2
"""The levels of the tables `rollup_watched`, `rollup_vehicles` and `rollup_zone`."""
BLIND = 0
"""The layout of reports that watched nothing."""
HOUR_MS = 3_600_000

Span = tuple[int, int]
Closing = dict[Span, list[int]]
"""The devices to sum up, by hour or day."""


@dataclass(slots=True)
class RollupMarks:
    """Up to where the roll-ups of a device go; None: there are none yet."""

    time_zone: str | None = None
    hours_ms: int | None = None
    days_ms: int | None = None


class Rollups:
    """Updates the roll-ups, in the transaction of `tables`. `time_zones`: the configured ones, by site."""

    def __init__(self, tables: Tables, time_zones: Mapping[str, str]) -> None:
        self._tables = tables
        self._time_zones = time_zones

    def advance(self, reports: Sequence[ReportRow], marks: Mapping[int, RollupMarks], sites: Mapping[int, str]) -> None:
        """Include reports that have been added; the rows of their devices must be locked."""
        by_device: dict[int, list[ReportRow]] = defaultdict(list)
        for report in reports:
            by_device[report.device_id].append(report)
        late: list[tuple[ReportRow, str, int]] = []
        hours: Closing = defaultdict(list)
        days: Closing = defaultdict(list)
        fresh: dict[int, int] = {}
        moved: list[int] = []
        for device_id, of_device in by_device.items():
            mark = marks[device_id]
            zone = mark.time_zone = mark.time_zone or self._time_zones.get(sites[device_id], "UTC")
            starts = [report.start_ms for report in of_device]
            newest_ms = max(starts)
            if mark.hours_ms is None or mark.days_ms is None:
                fresh[device_id] = hour_of(zone, newest_ms)[0]
                continue
            if min(starts) < mark.hours_ms:
                late += [(report, zone, mark.days_ms) for report in of_device if report.start_ms < mark.hours_ms]
            open_hour = hour_of(zone, mark.hours_ms)
            if newest_ms < open_hour[1]:
                continue  # the usual case
            hour_ms = hour_of(zone, newest_ms)[0]
            ended = {hour_of(zone, start_ms) for start_ms in starts if mark.hours_ms <= start_ms < hour_ms} | {
                open_hour
            }
            for span in ended:
                hours[span].append(device_id)
            mark.hours_ms, day_ms = hour_ms, day_of(zone, hour_ms)[0]
            if day_ms > mark.days_ms:
                for span in {day_of(zone, start_ms) for start_ms in (mark.days_ms, *(hour[0] for hour in ended))}:
                    if span[0] < day_ms:
                        days[span].append(device_id)
                mark.days_ms = day_ms
            moved.append(device_id)
        self._add_late(late)
        self._sum_up(hours, days)
        self._fill(fresh, marks)
        self._note([*moved, *fresh], marks)

    def wanted(self, site: str, info: bytes | None) -> str:
        """The time zone of a device: as configured for its site, or as its `info` says, or UTC."""
        time_zone = self._time_zones.get(site)
        if time_zone is None and info is not None:
            try:
                time_zone = decode_device_message(bytes(info), Info).time_zone
                zone_of(time_zone)
            except (ReportError, InputError):  # a wrong zone is no reason to refuse the device's counts
                time_zone = None
        return time_zone or "UTC"

    def take_zone(self, device_id: int, time_zone: str, marks: RollupMarks) -> None:
        """Change the zone of a device, unless days were summed up in another one: that stays until a rebuild."""
        if time_zone == marks.time_zone:
            return
        query = f"SELECT 1 FROM rollup_watched WHERE level = {DAY} AND device_id = ? LIMIT 1"
        if self._tables.rows(query, (device_id,)):
            return
        marks.time_zone = time_zone
        self.rebuild(device_id, marks)

    def rebuild(self, device_id: int, marks: RollupMarks) -> None:
        """Delete the roll-ups of a device, whose row must be locked, and sum up all its reports again."""
        self.forget(device_id)
        marks.hours_ms = marks.days_ms = None
        newest = self._tables.rows("SELECT max(start_ms) FROM report WHERE device_id = ?", (device_id,))
        if newest and newest[0][0] is not None:
            zone = marks.time_zone = marks.time_zone or "UTC"
            self._fill({device_id: hour_of(zone, newest[0][0])[0]}, {device_id: marks})
        self._note([device_id], {device_id: marks})

    def forget(self, device_id: int) -> None:
        """Delete the roll-ups of a device."""
        mine = "SELECT id FROM series WHERE device_id = ?"
        for level in (HOUR, DAY):
            query = f"DELETE FROM rollup_watched WHERE level = {level} AND device_id = ?"
            self._tables.many(query, [(device_id,)])
            query = f"DELETE FROM rollup_vehicles WHERE level = {level} AND series_id IN ({mine})"
            self._tables.many(query, [(device_id,)])
        forget_zones(self._tables, device_id)

    def _fill(self, fresh: Mapping[int, int], marks: Mapping[int, RollupMarks]) -> None:
        """Sum up all reports of these devices before the hour given for each, day by day, skipping empty days."""
        if not fresh:
            return
        rows = self._tables.rows_of(
            "SELECT device_id, min(start_ms) FROM report WHERE device_id IN {numbers} GROUP BY device_id", list(fresh)
        )
        for device_id, first_ms in rows:
            mark, to_ms = marks[device_id], fresh[device_id]
            assert mark.time_zone is not None
            mark.hours_ms, mark.days_ms = to_ms, day_of(mark.time_zone, to_ms)[0]
            next_ms = first_ms
            while next_ms is not None and next_ms < to_ms:
                day = day_of(mark.time_zone, next_ms)
                self._sum_hours_of_day(device_id, day, min(day[1], to_ms))
                if day[0] < mark.days_ms:
                    self._sum_up({}, {day: [device_id]})
                ((next_ms,),) = self._tables.rows(
                    "SELECT min(start_ms) FROM report WHERE device_id = ? AND start_ms >= ?", (device_id, day[1])
                )

    def _sum_hours_of_day(self, device_id: int, day: Span, to_ms: int) -> None:
        day_ms = f"CAST({day[0]} AS BIGINT)"
        hour = f"{day_ms} + (start_ms - {day_ms}) / {HOUR_MS} * {HOUR_MS}"
        self._insert([device_id], (day[0], to_ms), HOUR, hour, ", 3")

    def _sum_up(self, hours: Mapping[Span, list[int]], days: Mapping[Span, list[int]]) -> None:
        for span, device_ids in hours.items():
            self._insert(device_ids, span, HOUR, f"CAST({span[0]} AS BIGINT)")
        for span, device_ids in days.items():
            self._insert(device_ids, span, DAY, f"CAST({span[0]} AS BIGINT)")

    def _insert(self, device_ids: Sequence[int], span: Span, level: int, start: str, by_start: str = "") -> None:
        """Sum up what starts in a span. `by_start` is grouped by only where it varies: a constant would cost a sort."""
        within = f"start_ms >= {span[0]} AND start_ms < {span[1]}"
        if level == HOUR:
            watched = f"coalesce(layout_id, {BLIND}), sum(watched_ms), sum(width_ms), count(*) FROM report WHERE"
            vehicles = "FROM vehicles WHERE"
        else:
            sums = "layout_id, sum(watched_ms), sum(reported_ms), sum(reports)"
            watched = f"{sums} FROM rollup_watched WHERE level = {HOUR} AND"
            vehicles = f"FROM rollup_vehicles WHERE level = {HOUR} AND"
        self._tables.fill(
            "INSERT INTO rollup_watched (level, device_id, start_ms, layout_id, watched_ms, reported_ms, reports)"
            f" SELECT {level}, device_id, {start}, {watched} device_id IN {{numbers}} AND {within}"
            f" GROUP BY device_id{by_start}, layout_id",
            device_ids,
        )
        self._tables.fill(
            "INSERT INTO rollup_vehicles (level, series_id, start_ms, number)"
            f" SELECT {level}, series_id, {start}, sum(number) {vehicles}"
            f" series_id IN (SELECT id FROM series WHERE device_id IN {{numbers}}) AND {within}"
            f" GROUP BY series_id{by_start}",
            device_ids,
        )
        sum_up_zones(self._tables, device_ids, level, start, within)

    def _add_late(self, late: Sequence[tuple[ReportRow, str, int]]) -> None:
        """Add reports before the mark; each with the zone of its device and the mark of its days."""
        watched: dict[tuple[int, int, int, int], list[int]] = {}
        vehicles: dict[tuple[int, int, int], int] = defaultdict(int)
        zones: dict[Place, ZoneSums] = {}
        for report, zone, days_ms in late:
            places = [(HOUR, hour_of(zone, report.start_ms)[0])]
            if report.start_ms < days_ms:
                places.append((DAY, day_of(zone, report.start_ms)[0]))
            for level, start_ms in places:
                sums = watched.setdefault((level, report.device_id, start_ms, report.layout_id or BLIND), [0, 0, 0])
                sums[0] += report.watched_ms
                sums[1] += report.width_ms
                sums[2] += 1
                for series_id, number in report.counts:
                    vehicles[level, series_id, start_ms] += number
                for zone_id, said in report.zones:
                    before = zones.get(place := (level, zone_id, start_ms))
                    zones[place] = said if before is None else before.plus(said)
        if watched:
            self._tables.many(
                "INSERT INTO rollup_watched (level, device_id, start_ms, layout_id, watched_ms, reported_ms, reports)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (level, device_id, start_ms, layout_id) DO UPDATE SET"
                " watched_ms = rollup_watched.watched_ms + excluded.watched_ms,"
                " reported_ms = rollup_watched.reported_ms + excluded.reported_ms,"
                " reports = rollup_watched.reports + excluded.reports",
                [(*key, *sums) for key, sums in watched.items()],
            )
        if vehicles:
            self._tables.many(
                "INSERT INTO rollup_vehicles (level, series_id, start_ms, number) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (level, series_id, start_ms) DO UPDATE SET"
                " number = rollup_vehicles.number + excluded.number",
                [(*key, number) for key, number in vehicles.items()],
            )
        add_late_zones(self._tables, zones)

    def _note(self, device_ids: Sequence[int], marks: Mapping[int, RollupMarks]) -> None:
        rows = [
            (marks[device_id].time_zone, marks[device_id].hours_ms, marks[device_id].days_ms, device_id)
            for device_id in device_ids
        ]
        if rows:
            self._tables.many("UPDATE device SET time_zone = ?, hours_ms = ?, days_ms = ? WHERE id = ?", rows)


@lru_cache(maxsize=8_192)  # devices report the same minutes
def hour_of(time_zone: str, time_ms: int) -> Span:
    """The hour of the zone's calendar that holds a time."""
    return floor("hour", time_zone, time_ms), end_of("hour", time_zone, time_ms)


@lru_cache(maxsize=8_192)
def day_of(time_zone: str, time_ms: int) -> Span:
    """The day of the zone's calendar that holds a time."""
    return floor("day", time_zone, time_ms), end_of("day", time_zone, time_ms)
