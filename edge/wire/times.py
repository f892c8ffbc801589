"""Times of the wire contract: RFC 3339 in UTC, with milliseconds where they are not 0."""

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_START = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", re.ASCII)


def rfc3339(time_ms: int) -> str:
    """`2026-11-22T02:46:00Z`; the milliseconds are written only where there are any."""
    time = _EPOCH + timedelta(milliseconds=time_ms)
    precision = "milliseconds" if time_ms % 1000 else "seconds"
    return time.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def milliseconds_of(time: str) -> int:
    """The inverse of `rfc3339`. ValueError where the text is not exactly what `rfc3339` writes."""
    problem = f"{time[:40]!r} is not a time such as 2026-11-22T02:46:00Z"
    if not _START.fullmatch(time):
        raise ValueError(problem)
    try:
        time_ms = (datetime.fromisoformat(time) - _EPOCH) // timedelta(milliseconds=1)
    except ValueError as error:
        raise ValueError(problem) from error
    if rfc3339(time_ms) != time:
        raise ValueError(problem)
    return time_ms
