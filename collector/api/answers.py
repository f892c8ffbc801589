"""Converts results of queries to models of the API: with roles of directions, and states of intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from collector.api.models import Changed, Comparison, Counts, Likely, Role, Series, State
from collector.domain.calendar import day_of, start_of_day, zone_of
from collector.domain.scope import Scope
from collector.domain.sites import UNCONFIGURED, Site
from collector.queries.axis import axis, index_of
from collector.queries.compare import like_for_like, percentile
from collector.queries.counts import counts, places, site_total, with_estimates, with_tonnes
from collector.queries.likely import likely, naming_of
from collector.queries.places import Directions, directions_of, of_place, sites_of, time_zone_of
from collector.queries.results import Axis, CountChange, Flow, Flows, sum_known
from collector.store.interface import Reading
from edge.errors import InputError

OUT: Role = "out"
BACK: Role = "back"
SAMPLES_MIN = 3
USUAL_SHARE_MIN = 0.9
"""Hours that were watched less are not used for usual counts."""


class UnknownError(InputError):
    """A name that does not exist: status 404."""


def zone_in(reading: Reading, site: str, sites: Mapping[str, Site]) -> str:
    """The time zone of a site; UnknownError if none of its devices ever sent anything."""
    if not sites_of(reading, Scope(site=site)):
        raise UnknownError(f"there is no site {site}")
    return time_zone_of(reading, site, sites)


def roles_of(
    reading: Reading, site: str, sites: Mapping[str, Site], flows: Sequence[Flow]
) -> dict[tuple[str, str, str], Role]:
    """By (device, line, direction): out or back, for the directions of which that is known."""
    directions = directions_of(reading, site, sites)
    found: dict[tuple[str, str, str], Role] = {}
    for flow in flows:
        words: Directions | None = of_place(directions, flow, sites.get(site, UNCONFIGURED))
        if words is not None and flow.direction in words:
            found[flow.device, flow.line, flow.direction] = OUT if flow.direction == words.out else BACK
    return found


def by_role(flows: Flows, site: str, roles: Mapping[tuple[str, str, str], Role]) -> list[tuple[Flow, Role]]:
    """All lines of a site added up, out and back; other directions are left out."""
    named = [
        msgspec.structs.replace(flow, direction=role)
        for flow in flows.flows
        if (role := roles.get((flow.device, flow.line, flow.direction))) is not None
    ]
    total = {flow.direction: flow for flow in site_total(msgspec.structs.replace(flows, flows=tuple(named)), site)}
    return [(total[role], role) for role in (OUT, BACK) if role in total]


def series(flow: Flow, axis_: Axis, role: Role | None, site: Site, *, estimate: bool = False) -> Series:
    """One flow, with shares, states and sums."""
    if estimate:
        flow = with_tonnes(with_estimates(flow, axis_), site)
    n = len(axis_)
    spans = [axis_.span_ms(i) for i in range(n)]
    everything = [flow.all(i) for i in range(n)]
    elapsed_ms = sum(spans)
    return Series(
        site=flow.site,
        device=flow.device,
        line=flow.line,
        direction=flow.direction,
        role=role,
        watched_ms=list(flow.watched_ms),
        share=[round(flow.share(i, axis_), 4) for i in range(n)],
        state=[_state(flow, i, axis_, everything[i]) for i in range(n)],
        all=everything,
        counts={label: list(of) for label, of in flow.counts.items()},
        estimates=_rounded(flow.estimates) if flow.estimates is not None else None,
        tonnes=None if flow.tonnes is None else [None if t is None else round(t, 1) for t in flow.tonnes],
        total=sum_known(everything),
        total_counts={label: sum_known(of) for label, of in flow.counts.items()},
        total_share=share_of(sum(map(min, flow.watched_ms, spans)), elapsed_ms),
    )


def answer(
    flows: Sequence[tuple[Flow, Role | None]],
    axis_: Axis,
    to_ms: int,
    *,
    scheme: str,
    sites: Mapping[str, Site],
    estimate: bool = False,
) -> Counts:
    """Flows as the API's model; `to_ms` is the end of the span that was requested."""
    assert axis_.now_ms is not None, "axes of the API have the current time"
    return Counts(
        **axis_fields(axis_, to_ms),
        scheme=scheme,
        series=[
            series(flow, axis_, role, sites.get(flow.site, UNCONFIGURED), estimate=estimate) for flow, role in flows
        ],
    )


def axis_fields(axis_: Axis, to_ms: int) -> dict[str, Any]:
    """The fields that answers over an axis have in common; `to_ms` is the end of the span that was requested."""
    return {
        "time_zone": axis_.time_zone,
        "interval": axis_.interval,
        "now_ms": axis_.now_ms,
        "edges_ms": list(axis_.edges_ms),
        "unfinished": axis_.unfinished_i,
        "next_from_ms": axis_.edges_ms[-1] if axis_.edges_ms[-1] < to_ms else None,
    }


def likely_names(reading: Reading, told: Series, scheme: str) -> Likely:
    """Intervals for the true numbers of a series, by the classifier of its device, or of all devices of the site."""
    found = likely(told.total_counts, naming_of(reading, told.site, told.device, scheme=scheme))
    return Likely(model=found.model, reason=found.reason, classes=found.classes)


def compared(
    now: Sequence[tuple[Flow, Role | None]], then: Sequence[tuple[Flow, Role | None]], now_axis: Axis, then_axis: Axis
) -> list[Comparison]:
    """Each flow compared with the one of the same names; with another site, or a whole site, that of the same role."""

    def change(of: CountChange) -> Changed:
        numbers = [None if x is None else round(x, 2) for x in (of.now, of.then)]
        return Changed(now=numbers[0], then=numbers[1], change=None if of.change is None else round(of.change, 4))

    by_names = {(flow.site, flow.device, flow.line, flow.direction): flow for flow, _ in then}
    by_roles = {role: flow for flow, role in then if role is not None}
    found = []
    for flow, role in now:
        other = by_names.get((flow.site, flow.device, flow.line, flow.direction))
        if other is None and not any(flow.site == one.site for one, _ in then):
            other = by_roles.get(role) if role is not None else None
        if other is None:
            continue
        like = like_for_like(flow, now_axis, other, then_axis)
        found.append(
            Comparison(
                site=like.site,
                device=like.device,
                line=like.line,
                direction=like.direction,
                role=role,
                share_now=round(like.share_now, 4),
                share_then=round(like.share_then, 4),
                reason=like.reason,
                all=change(like.all),
                classes={label: change(of) for label, of in like.classes.items()},
            )
        )
    return found


def usual(
    reading: Reading, site: str, sites: Mapping[str, Site], today: Axis, *, days: int, weekday: bool
) -> list[tuple[Role, list[list[float]]]]:
    """For out and back: counts at the same local time on past days, per interval of `today`, scaled to all of it."""
    zone = zone_of(today.time_zone)
    from_ms = today.edges_ms[0]
    first_day = day_of(from_ms, zone)
    past = axis(
        "hour" if today.interval == "hour" else "15min",
        today.time_zone,
        start_of_day(first_day - days, zone),
        from_ms,
    )
    flows = places(counts(reading, Scope(site=site), past, named_as=today.edges_ms[-1]), sites)
    found = []
    for flow, role in by_role(flows, site, roles_of(reading, site, sites, flows.flows)):
        samples: list[list[float]] = [[] for _ in range(len(today))]
        for i, start_ms in enumerate(past.edges_ms[:-1]):
            day = day_of(start_ms, zone)
            if weekday and (first_day - day) % 7:
                continue
            at_ms = from_ms + start_ms - start_of_day(day, zone)
            number, share = flow.all(i), flow.share(i, past)
            if number is not None and share >= USUAL_SHARE_MIN and at_ms < today.edges_ms[-1]:
                samples[index_of(today.edges_ms, at_ms)].append(number / share)
        found.append((role, samples))
    return found


def percentiles(samples: Sequence[Sequence[float]], share: float) -> list[float | None]:
    """A quantile for each interval; None with too few samples."""
    return [round(percentile(of, share), 2) if len(of) >= SAMPLES_MIN else None for of in samples]


def share_of(part_ms: int, of_ms: int) -> float:
    """The share with four digits; 0 of an empty span."""
    return round(part_ms / of_ms, 4) if of_ms else 0.0


def _state(flow: Flow, i: int, axis_: Axis, number: int | None) -> State:
    if number is None:
        return "to come" if axis_.is_to_come(i) else "blind"
    return flow.state(i, axis_)


def _rounded(columns: Mapping[str, Sequence[float | None]]) -> dict[str, list[float | None]]:
    return {label: [None if x is None else round(x, 2) for x in of] for label, of in columns.items()}
