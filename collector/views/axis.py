"""The intervals over which a view answers. Pure."""

from bisect import bisect_right

from collector.calendar import Interval, starts
from collector.errors import InputError
from collector.views.results import INTERVALS_MAX, Axis


def axis(interval: Interval | None, time_zone: str, from_ms: int, to_ms: int, *, now_ms: int | None = None) -> Axis:
    """The intervals that cover `[from_ms, to_ms)`, the first and the last one cut to it; None: one over all of it.

    `now_ms`: what lies after it is not held against anybody, see `Axis.span_ms`. InputError where the span is empty, or
    holds more than INTERVALS_MAX intervals.
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
    return Axis(interval=interval, time_zone=time_zone, edges_ms=(from_ms, *inner, to_ms), now_ms=now_ms)


def index_of(edges_ms: tuple[int, ...], time_ms: int) -> int:
    """The interval that holds a time of the axis."""
    return bisect_right(edges_ms, time_ms) - 1
