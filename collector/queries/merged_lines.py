"""Counts in which lines that several devices watch are one place; they do not depend on the length of intervals."""

from collections.abc import Sequence

import msgspec

from collector.domain.calendar import DAY_MS, Interval, starts
from collector.domain.scope import Scope
from collector.queries.axis import index_of
from collector.queries.counts import Sites, counts, places, with_estimates
from collector.queries.results import Axis, Flow, Flows, Numbers, sum_known
from collector.queries.schemes import OWN
from collector.store.interface import Reading

HOURS_DAYS_MAX = 62
"""For longer spans days are read instead of hours: a year takes a twentieth of the time."""
_SHORT: frozenset[str] = frozenset(("minute", "5min", "15min", "hour"))


def step_of(from_ms: int, to_ms: int) -> Interval:
    """The steps in which a span is read where the watched time of parts matters."""
    return "day" if to_ms - from_ms > HOURS_DAYS_MAX * DAY_MS else "hour"


def merged(
    reading: Reading,
    scope: Scope,
    axis: Axis,
    sites: Sites,
    *,
    scheme: str = OWN,
    estimate: bool = False,
    named_as: Axis | None = None,
) -> Flows:
    """`places` of `counts`, with the device chosen hour by hour, or day by day over long spans, also in longer
    intervals.

    So a camera that was blind for a week is replaced for that week only, and a month is the sum of its days. InputError
    as in `counts`. `named_as` as in `counts`: an axis of as many intervals.
    """
    has_places = any(told.same_lines for name, told in sites.items() if scope.site in (None, name))
    if not has_places or axis.interval in _SHORT:
        return places(counts(reading, scope, axis, scheme=scheme, named_as=named_as), sites, estimate=estimate)
    from_ms, to_ms = axis.edges_ms[0], axis.edges_ms[-1]
    inner = (at_ms for at_ms in starts(step_of(from_ms, to_ms), axis.time_zone, from_ms, to_ms) if at_ms > from_ms)
    steps = msgspec.structs.replace(axis, interval=None, edges_ms=tuple(sorted({*axis.edges_ms, *inner})))
    pieces: list[list[int]] = [[] for _ in range(len(axis))]
    for i, start_ms in enumerate(steps.edges_ms[:-1]):
        pieces[index_of(axis.edges_ms, start_ms)].append(i)
    alike = counts(reading, scope, steps, scheme=scheme, named_as=_stepped(named_as, axis, steps))
    flows = [joined(flow, pieces) for flow in places(alike, sites).flows]
    if estimate:
        flows = [with_estimates(flow, axis) for flow in flows]
    return Flows(axis=axis, flows=tuple(flows), scheme=scheme)


def _stepped(named_as: Axis | None, axis: Axis, steps: Axis) -> Axis | None:
    """The times of another axis for the steps of this one: of each step those of the interval that holds it."""
    if named_as is None:
        return None
    ends = [named_as.edges_ms[index_of(axis.edges_ms, start_ms) + 1] for start_ms in steps.edges_ms[:-1]]
    return msgspec.structs.replace(named_as, interval=None, edges_ms=(named_as.edges_ms[0], *ends))


def joined(flow: Flow, pieces: Sequence[Sequence[int]]) -> Flow:
    """The flow over longer intervals: of each, which of its intervals are in it."""
    return Flow(
        site=flow.site,
        device=flow.device,
        line=flow.line,
        direction=flow.direction,
        watched_ms=tuple(sum(flow.watched_ms[i] for i in of) for of in pieces),
        counts={label: _sums(numbers, pieces) for label, numbers in flow.counts.items()},
    )


def _sums(numbers: Numbers, pieces: Sequence[Sequence[int]]) -> Numbers:
    return tuple(sum_known(numbers[i] for i in of) for of in pieces)
