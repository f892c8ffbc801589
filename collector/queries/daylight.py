"""Day and night by the sun at the site: a span is cut at sunrise and sunset."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec
from astral import Observer
from astral.sun import elevation, sunrise, sunset

from collector.domain.scope import Scope
from collector.domain.sites import Site
from collector.queries.axis import index_of
from collector.queries.counts import Sites, with_estimates
from collector.queries.merged_lines import joined, merged
from collector.queries.results import Axis, Daylight, DaySplit, Flows
from collector.queries.schemes import OWN
from collector.store.interface import Reading
from edge.errors import InputError

HORIZON_DEGREES = -0.833
"""The centre of the sun when its upper edge is at the horizon, refraction included: what sunrise means."""
MINUTE_MS = 60_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def daylight(site: Site, axis: Axis) -> Daylight:
    """The axis cut at every sunrise and sunset too, to the minute; its edges stay edges.

    Within the polar circles a day may have neither. InputError where the site has no coordinates.
    """
    if site.latitude is None or site.longitude is None:
        raise InputError("day and night need `latitude` and `longitude` of every site in question in the configuration")
    observer = Observer(site.latitude, site.longitude)
    from_ms, to_ms = axis.edges_ms[0], axis.edges_ms[-1]
    turns = [turn for turn in sorted(_turns(observer, from_ms, to_ms)) if from_ms < turn[0] < to_ms]
    by_day = _is_up(observer, from_ms)
    edges = sorted({*axis.edges_ms, *(at_ms for at_ms, _ in turns)})
    after = dict(turns)
    states = []
    for start_ms in edges[:-1]:
        by_day = after.get(start_ms, by_day)
        states.append(by_day)
    cut = msgspec.structs.replace(axis, interval=None, edges_ms=tuple(edges))
    return Daylight(axis=cut, by_day=tuple(states))


def day_split(
    reading: Reading,
    scope: Scope,
    axis: Axis,
    site: Site,
    *,
    scheme: str = OWN,
    estimate: bool = False,
    sites: Sites | None = None,
) -> DaySplit:
    """The counts of `counts.counts`, or of `merged_lines.merged` if `sites` are given, by day and by night separately.

    An interval that is all night has no day: there `day` is None and `day_ms` is 0, as for unwatched time.
    """
    cut = daylight(site, axis)
    found = merged(reading, scope, cut.axis, sites or {}, scheme=scheme)
    spans = [cut.axis.span_ms(i) for i in range(len(cut.axis))]
    parts: dict[bool, Flows] = {}
    for by_day in (True, False):
        pieces: list[list[int]] = [[] for _ in range(len(axis))]
        for i, start_ms in enumerate(cut.axis.edges_ms[:-1]):
            if cut.by_day[i] is by_day:
                pieces[index_of(axis.edges_ms, start_ms)].append(i)
        of_part = msgspec.structs.replace(axis, spans_ms=tuple(sum(spans[i] for i in of) for of in pieces))
        flows = [joined(flow, pieces) for flow in found.flows]
        if estimate:
            flows = [with_estimates(flow, of_part) for flow in flows]
        parts[by_day] = Flows(axis=of_part, flows=tuple(flows), scheme=scheme)
    day_ms, night_ms = parts[True].axis.spans_ms, parts[False].axis.spans_ms
    assert day_ms is not None
    assert night_ms is not None
    return DaySplit(day=parts[True], night=parts[False], day_ms=day_ms, night_ms=night_ms)


def _turns(observer: Observer, from_ms: int, to_ms: int) -> Iterator[tuple[int, bool]]:
    """Every sunrise (true) and sunset (false) of the span, and some around it."""
    day = _date(from_ms) - timedelta(days=1)
    while day <= _date(to_ms) + timedelta(days=1):
        for turn, up in ((sunrise, True), (sunset, False)):
            try:
                at = turn(observer, day, tzinfo=UTC)
            except ValueError:  # it does not on this day
                continue
            yield round((at - _EPOCH) / timedelta(milliseconds=MINUTE_MS)) * MINUTE_MS, up
        day += timedelta(days=1)


def _is_up(observer: Observer, time_ms: int) -> bool:
    return elevation(observer, _EPOCH + timedelta(milliseconds=time_ms)) > HORIZON_DEGREES


def _date(time_ms: int) -> date:
    return (_EPOCH + timedelta(milliseconds=time_ms)).date()
