"""Intervals of a site's calendar: minutes to years in its own time zone, days of 23 and 25 hours included. Pure.

A day begins at the first instant of its date. Whatever is shorter is counted from the start of the day in elapsed time,
so each is as long as its name says (only the last of a day may be cut short, where a zone moves by half an hour), and
all intervals of a kind follow each other without gap or overlap, however the clocks are changed. Times before 1971 and
after 2199 (a clock that was never set) are in UTC.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge.errors import InputError

Interval = Literal["minute", "5min", "15min", "hour", "day", "week", "month", "year"]
INTERVALS: tuple[Interval, ...] = get_args(Interval)
STEPS_MS: dict[str, int] = {"minute": 60_000, "5min": 300_000, "15min": 900_000, "hour": 3_600_000}
"""The intervals that are shorter than a day."""
DAY_MS = 86_400_000
FROM_MS, TO_MS = 365 * DAY_MS, 84_006 * DAY_MS
"""1971-01-01 and 2200-01-01: outside of these a calendar is that of UTC."""
_EPOCH = date(1970, 1, 1).toordinal()


@lru_cache(maxsize=1_024)
def zone_of(name: str) -> ZoneInfo:
    """The IANA zone of that name; InputError where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"there is no time zone {name[:80]!r}; it must be one such as Asia/Shanghai or UTC") from None


def starts(interval: Interval, time_zone: str, from_ms: int, to_ms: int) -> Iterator[int]:
    """Where the intervals begin that hold a part of `[from_ms, to_ms)`, the first at `from_ms` or before it."""
    zone = zone_of(time_zone)
    step_ms = STEPS_MS.get(interval)
    day = day_of(from_ms, zone)
    if step_ms is None:
        day = _first_day(day, interval)
    last_ms = None
    while True:
        start_ms = start_of_day(day, zone)
        if start_ms >= to_ms:
            return
        after = day + 1 if step_ms is not None else _next_first_day(day, interval)
        if start_ms != last_ms:  # a date that a zone left out takes no time
            if step_ms is None:
                yield start_ms
            else:
                end_ms = min(start_of_day(after, zone), to_ms)
                skipped = max(0, (from_ms - start_ms) // step_ms)
                yield from range(start_ms + skipped * step_ms, end_ms, step_ms)
            last_ms = start_ms
        day = after


def floor(interval: Interval, time_zone: str, time_ms: int) -> int:
    """The start of the interval that holds a time."""
    return max(starts(interval, time_zone, time_ms, time_ms + 1))


def end_of(interval: Interval, time_zone: str, time_ms: int) -> int:
    """The end of the interval that holds a time: the start of the next one."""
    zone = zone_of(time_zone)
    start_ms = floor(interval, time_zone, time_ms)
    step_ms = STEPS_MS.get(interval)
    day = day_of(start_ms, zone)
    if step_ms is not None:
        return min(start_ms + step_ms, _end_of_day(day, zone))
    after = _next_first_day(_first_day(day, interval), interval)
    while start_of_day(after, zone) == start_ms:
        after = _next_first_day(after, interval)
    return start_of_day(after, zone)


def day_of(time_ms: int, zone: ZoneInfo) -> int:
    """The day that holds a time, as days since 1970-01-01; the later one where a date takes no time."""
    day = time_ms // DAY_MS
    if FROM_MS - DAY_MS <= time_ms < TO_MS + DAY_MS:
        day += 2  # no zone is further from UTC
        while start_of_day(day, zone) > time_ms:
            day -= 1
    return day


@lru_cache(maxsize=65_536)
def start_of_day(day: int, zone: ZoneInfo) -> int:
    """The first instant of the date that many days after 1970-01-01, in milliseconds UTC."""
    utc_ms = day * DAY_MS
    if not FROM_MS < utc_ms < TO_MS:
        return utc_ms
    local = datetime.fromordinal(_EPOCH + day).replace(tzinfo=zone)  # fold=0: the first of two midnights
    return int(local.timestamp()) * 1_000


def local(time_ms: int, time_zone: str) -> datetime:
    """A time as the site's clocks show it."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)).astimezone(zone_of(time_zone))


def _end_of_day(day: int, zone: ZoneInfo) -> int:
    start_ms, after = start_of_day(day, zone), day + 1
    while (end_ms := start_of_day(after, zone)) == start_ms:
        after += 1
    return end_ms


def _first_day(day: int, interval: Interval) -> int:
    """The first day of the week (Monday), month or year that holds it."""
    if interval == "week":
        return day - (day + 3) % 7
    if interval in ("month", "year"):
        year, month = _month_of(day)
        return _ordinal(year, month if interval == "month" else 1)
    return day


def _next_first_day(day: int, interval: Interval) -> int:
    if interval in ("month", "year"):
        year, month = _month_of(day)
        return _ordinal(year + 1, 1) if interval == "year" else _ordinal(year + month // 12, month % 12 + 1)
    return day + (7 if interval == "week" else 1)


def _month_of(day: int) -> tuple[int, int]:
    """Year and month, in a calendar that goes on before year 1 and after 9999 as it is within."""
    cycles, within = divmod(day + _EPOCH - 1, 146_097)  # 400 years
    found = date.fromordinal(within + 1)
    return found.year + 400 * cycles, found.month


def _ordinal(year: int, month: int) -> int:
    cycles, within = divmod(year - 1, 400)
    return date(within + 1, month, 1).toordinal() + 146_097 * cycles - _EPOCH
