"""Which rows to add up for the intervals of an axis: days where they fit, else hours, else reports. Pure.

A roll-up row may be used if it lies within one interval and before the mark up to which its device is summed up. This
rule also holds for ragged ends, for days of any length, and for an axis in another time zone than the roll-ups.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from collector.domain.calendar import starts
from collector.queries.results import Axis
from collector.store.rollups import DAY, HOUR, RollupMarks

RAW = 0
"""The level of the reports themselves; HOUR and DAY are those of the roll-ups."""

Span = tuple[int, int]


class Part(NamedTuple):
    """Rows of one level whose start lies in one of the spans; these are disjoint, and in order."""

    level: int
    spans: list[Span]


def parts(axis: Axis, marks: RollupMarks) -> list[Part]:
    """Parts that hold every report of the axis that begins before its `until_ms` once."""
    edges = axis.edges_ms
    to_ms = edges[-1] if axis.until_ms is None else min(edges[-1], axis.until_ms)
    rest: list[Span] = [(edges[0], to_ms)] if edges[0] < to_ms else []
    found = []
    for level, mark_ms in ((DAY, marks.days_ms), (HOUR, marks.hours_ms)):
        if mark_ms is None or marks.time_zone is None or _is_finer(axis, level):
            continue
        used: list[Span] = []
        left: list[Span] = []
        for span in rest:
            of_span = _whole(level, marks.time_zone, edges, (span[0], min(span[1], mark_ms)))
            used += of_span
            left += _without(span, of_span)
        rest = left
        if used:
            found.append(Part(level, used))
    if rest:
        found.append(Part(RAW, rest))
    return found


def _is_finer(axis: Axis, level: int) -> bool:
    """Whether hardly any row of that level would lie within one interval: not worth looking for them."""
    return axis.interval in ("minute", "5min", "15min") or (axis.interval == "hour" and level == DAY)


def _whole(level: int, time_zone: str, edges: Sequence[int], within: Span) -> list[Span]:
    """The hours or days that lie in `within` and have no edge inside, neighbours joined."""
    found: list[Span] = []
    for first, last in _periods(level, time_zone, within):
        if edges[min(bisect_left(edges, first + 1), len(edges) - 1)] < last:
            continue
        if found and found[-1][1] == first:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def _periods(level: int, time_zone: str, within: Span) -> Iterator[Span]:
    """Those that lie in `within` whole; its end, where it is the mark, is the end of one."""
    before: int | None = None
    if within[0] >= within[1]:
        return
    for start_ms in starts("day" if level == DAY else "hour", time_zone, within[0], within[1] + 1):
        if before is not None:
            yield before, start_ms
        before = start_ms if start_ms >= within[0] else None


def _without(span: Span, used: Sequence[Span]) -> list[Span]:
    """What is left of a span."""
    found = []
    at = span[0]
    for first, last in used:
        if at < first:
            found.append((at, first))
        at = last
    if at < span[1]:
        found.append((at, span[1]))
    return found
