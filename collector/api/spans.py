"""The span of a request: its parameters `from`, `to` and `interval`, in the time zone of the site."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Path, Query

from collector.domain.calendar import DAY_MS, FROM_MS, TO_MS, Interval, day_of, start_of_day, starts, zone_of
from collector.domain.scope import Scope
from collector.queries.axis import axis, until
from collector.queries.extent import open_span
from collector.queries.results import Axis
from collector.store.interface import Reading
from edge.errors import InputError
from edge.wire.names import NAME

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHEN = "A date (its first instant in the site's time zone), an RFC 3339 time, or milliseconds since 1970 UTC."
_NOW = "now, or the last report's end of a device that hands in a recording or a backlog"
Name = Annotated[str, Path(pattern=f"^{NAME}$")]
NameQuery = Annotated[str | None, Query(pattern=f"^{NAME}$")]
From = Annotated[str | None, Query(alias="from", max_length=40, description=f"{_WHEN} Default: as far as there is.")]
To = Annotated[
    str | None,
    Query(
        max_length=40,
        description=f"{_WHEN} Not included. Default: {_NOW}.",
    ),
]
Every = Annotated[Interval, Query(description="How long an interval is, in the site's calendar.")]


def parse_time(text: str, time_zone: str, name: str) -> int:
    """A parameter as milliseconds UTC; InputError if it is not a date, a time or a number."""
    problem = InputError(f"{name} is {text!r}; it must be a date, a time such as 2026-11-22T06:00:00Z, or milliseconds")
    try:
        if text.lstrip("-").isdigit() and text.isascii() and len(text) < 16:
            time_ms = int(text)
        else:
            time = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign may not have been escaped
            if len(text) == 10:
                time_ms = start_of_day((time.date() - _EPOCH.date()).days, zone_of(time_zone))
            else:
                zoned = time if time.tzinfo else time.replace(tzinfo=zone_of(time_zone))
                time_ms = (zoned - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise problem from None
    if not FROM_MS <= time_ms <= TO_MS:
        raise InputError(f"{name} lies outside of the years 1971 to 2199")
    return time_ms


def span(
    reading: Reading, scope: Scope, time_zone: str, from_text: str | None, to_text: str | None, *, now_ms: int
) -> tuple[int, int]:
    """The span, with open ends as in `open_span`; InputError if it is empty."""
    from_ms = None if from_text is None else parse_time(from_text, time_zone, "from")
    to_ms = None if to_text is None else parse_time(to_text, time_zone, "to")
    known = open_span(reading, scope, from_ms, to_ms, now_ms=now_ms)
    if from_ms is None:
        limit_ms = to_ms if to_ms is not None else known[1] if known else now_ms
        from_ms = max(FROM_MS, min(known[0] if known else limit_ms - DAY_MS, limit_ms - 1))
    if to_ms is None:
        to_ms = max(known[1] if known else now_ms, from_ms + 1)
    if from_ms >= to_ms:
        raise InputError("from must be before to")
    return from_ms, to_ms


def page(interval: Interval | None, time_zone: str, from_ms: int, to_ms: int, *, limit: int, now_ms: int) -> Axis:
    """An axis of the first `limit` intervals of the span; the rest begins at its end."""
    if interval is None:
        return axis(None, time_zone, from_ms, to_ms, now_ms=now_ms)
    edges: list[int] = [from_ms]
    for start_ms in starts(interval, time_zone, from_ms, to_ms):
        if start_ms > from_ms:
            edges.append(start_ms)
        if len(edges) > limit:
            break
    else:
        edges.append(to_ms)
    until_ms = until(time_zone, from_ms, to_ms, now_ms=now_ms)
    return Axis(interval=interval, time_zone=time_zone, edges_ms=tuple(edges), now_ms=now_ms, until_ms=until_ms)


def before(time_zone: str, from_ms: int, to_ms: int, days: int) -> tuple[int, int]:
    """The span so many days earlier, at the same local times."""
    zone = zone_of(time_zone)

    def moved(time_ms: int) -> int:
        day = day_of(time_ms, zone)
        return max(FROM_MS, start_of_day(day - days, zone) + time_ms - start_of_day(day, zone))

    earlier_from_ms = moved(from_ms)
    return earlier_from_ms, max(earlier_from_ms + 1, moved(to_ms))


def today(time_zone: str, now_ms: int) -> tuple[int, int]:
    """The local day that holds a time: its first instant, and that of the next day."""
    zone = zone_of(time_zone)
    day = day_of(now_ms, zone)
    return start_of_day(day, zone), start_of_day(day + 1, zone)
