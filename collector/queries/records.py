"""Flows as rows for other programs, one per flow, class and interval; a piece of the span at a time."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import msgspec

from collector.domain.calendar import local
from collector.domain.scope import Scope
from collector.domain.sites import UNCONFIGURED
from collector.queries.counts import with_tonnes
from collector.queries.merged_lines import merged
from collector.queries.models import ModelTimeline
from collector.queries.places import Sites
from collector.queries.results import Axis, Flow, State
from collector.queries.schemes import OWN
from collector.store.interface import Reading
from edge.wire.times import rfc3339

PIECE = 500
"""Intervals in memory at a time."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One count with everything needed to read it. `vehicles` is None, and `state` blind, if no time was watched.

    `start` and `end` are RFC 3339 in UTC, `local_start` is the same in the site's time with its offset. `estimate` and
    `tonnes` (of this class) are None unless asked for. `device` is empty for a place that several devices watch.
    """

    site: str
    device: str
    line: str
    direction: str
    label: str = msgspec.field(name="class")
    start: str
    end: str
    local_start: str
    vehicles: int | None
    state: State
    watched_ms: int
    span_ms: int
    watched_share: float
    estimate: float | None = None
    tonnes: float | None = None
    models: str = ""
    """The models that classified in this interval, as far as known; other models may classify differently."""


def records(
    reading: Reading,
    scope: Scope,
    sites: Sites,
    whole: Axis,
    *,
    scheme: str = OWN,
    estimate: bool = False,
    load: bool = False,
    merge: bool = False,
) -> Iterator[Record]:
    """The rows of one site (`scope.site`) over an axis of its calendar, piece by piece.

    In each piece they are sorted by device, line, direction, class and time. A flow of which nothing is known in a
    piece has a row per interval with an empty class, so that blind time is there.
    `merge` takes lines that several devices watch as one, see `merged_lines.merged`.
    """
    site, named = sites.get(scope.site or "", UNCONFIGURED), ModelTimeline(reading, scope)
    for piece in pieces(whole):
        found = merged(reading, scope, piece, sites if merge else {}, scheme=scheme, estimate=estimate)
        for flow in found.flows:
            yield from rows_of(with_tonnes(flow, site) if load else flow, piece, site.tonnes if load else {}, named)


def pieces(whole: Axis) -> Iterator[Axis]:
    """The axis in pieces of at most PIECE intervals."""
    for at in range(0, len(whole), PIECE):
        yield msgspec.structs.replace(whole, edges_ms=whole.edges_ms[at : at + PIECE + 1])


def rows_of(flow: Flow, piece: Axis, tonnes: Mapping[str, float], named: ModelTimeline) -> Iterator[Record]:
    """The rows of one flow by class and time; with the tonnes of a vehicle by class, and none of what is to come."""
    n = len(piece)
    models = [named.by(flow.site, flow.device, piece.edges_ms[i], piece.edges_ms[i + 1]) for i in range(n)]
    for label, numbers in (flow.counts or {"": (None,) * n}).items():
        estimates = (flow.estimates or {}).get(label)
        for i, number in enumerate(numbers):
            if piece.span_ms(i) == 0:
                break
            start_ms = piece.edges_ms[i]
            yield Record(
                site=flow.site,
                device=flow.device,
                line=flow.line,
                direction=flow.direction,
                label=label,
                start=rfc3339(start_ms),
                end=rfc3339(piece.edges_ms[i + 1]),
                local_start=local(start_ms, piece.time_zone).isoformat(timespec="seconds"),
                vehicles=number,
                state="blind" if number is None else flow.state(i, piece),
                watched_ms=flow.watched_ms[i],
                span_ms=piece.span_ms(i),
                watched_share=round(flow.share(i, piece), 4),
                estimate=None if estimates is None else _rounded(estimates[i]),
                tonnes=number * tonnes[label] if number is not None and label in tonnes else None,
                models=models[i],
            )


def name_of(axis_: Axis, i: int) -> str:
    """The name of interval i in the site's time; with the offset only if the clocks show this time twice."""
    start = local(axis_.edges_ms[i], axis_.time_zone)
    match axis_.interval:
        case "year":
            return f"{start:%Y}"
        case "month":
            return f"{start:%Y-%m}"
        case "week":
            return f"{start:%G-W%V}"
        case "day":
            return f"{start:%Y-%m-%d}"
    twice = start.replace(fold=0).utcoffset() != start.replace(fold=1).utcoffset()
    seconds = ":%S" if start.second else ""
    return start.strftime(f"%Y-%m-%d %H:%M{seconds}") + (f" {_offset(start.utcoffset())}" if twice else "")


def _offset(offset: timedelta | None) -> str:
    minutes = (offset or timedelta()) // timedelta(minutes=1)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)
