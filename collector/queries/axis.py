"""The intervals over which a view answers. Pure."""

from bisect import bisect_right

from collector.domain.calendar import Interval, end_of, starts
from collector.domain.plausible_time import SKEW_MS
from collector.queries.results import INTERVALS_MAX, Axis
from edge.errors import InputError


def axis(interval: Interval | None, time_zone: str, from_ms: int, to_ms: int, *, now_ms: int | None = None) -> Axis:
    """The intervals that cover `[from_ms, to_ms)`, the first and the last one cut to it; None: one over all of it.

    `now_ms`: time after it is not expected to be watched, see `Axis.span_ms` and `until`. InputError if the span is
    empty, or has more than INTERVALS_MAX intervals.
    """
    if from_ms >= to_ms:
        raise InputError("a span must begin before it ends")
    inner: list[int] = []
    if interval is not None:
        for start_ms in starts(interval, time_zone, from_ms, to_ms):
            if start_ms > from_ms:
                inner.append(start_ms)
            if len(inner) >= INTERVALS_MAX:
                raise InputError(
                    f"more than {INTERVALS_MAX} intervals of a {interval}; choose a longer interval or a shorter span"
                )
    return Axis(
        interval=interval,
        time_zone=time_zone,
        edges_ms=(from_ms, *inner, to_ms),
        now_ms=now_ms,
        until_ms=until(time_zone, from_ms, to_ms, now_ms=now_ms),
    )


def until(time_zone: str, from_ms: int, to_ms: int, *, now_ms: int | None) -> int | None:
    """The `Axis.until_ms` of a span: reports that are ahead of the collector's clock are not part of an unfinished day.

    None for a span that is over, that begins after now, or that ends after today: these include such reports.
    """
    if now_ms is None or not from_ms < now_ms < to_ms or to_ms > end_of("day", time_zone, now_ms):
        return None
    return now_ms + SKEW_MS


def index_of(edges_ms: tuple[int, ...], time_ms: int) -> int:
    """The interval that holds a time of the axis."""
    return bisect_right(edges_ms, time_ms) - 1
