"""Routes of counts: per interval, usual counts, by day and by night."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from collector.api.access import Needs
from collector.api.answers import answer, by_role, compared, likely_names, percentiles, roles_of, usual, zone_in
from collector.api.context import Context
from collector.api.models import (
    Counts,
    DayNight,
    Role,
    Usual,
    UsualBand,
)
from collector.api.parameters import Limit, Merged, Scheme, WithLikely
from collector.api.spans import Every, From, Name, NameQuery, To, before, page, span, today
from collector.domain.scope import Scope
from collector.domain.sites import UNCONFIGURED
from collector.queries.axis import axis
from collector.queries.compare import Earlier, comparable_axes, days_before
from collector.queries.daylight import day_split
from collector.queries.merged_lines import merged
from collector.queries.models import NAMED_OTHERWISE, names_changed
from collector.queries.results import Axis, Flow, Flows
from collector.queries.schemes import OWN
from collector.store.interface import Reading

PAST_DAYS_MAX = 366


def routes(context: Context) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["counts"])
    sites = context.sites
    counted = Depends(Needs(context, "read", public=True))

    @router.get("/sites/{site}/counts", dependencies=[counted])
    async def site_counts(
        site: Name,
        from_: From = None,
        to: To = None,
        interval: Every = "hour",
        by: Merged = "place",
        device: NameQuery = None,
        line: NameQuery = None,
        scheme: Scheme = OWN,
        estimate: bool = False,
        likely: WithLikely = False,
        compare: Annotated[Earlier | None, Query(description="Answer for an earlier span as well.")] = None,
        against: Annotated[NameQuery, Query(description="Answer for another site as well, over all its lines.")] = None,
        whole: Annotated[bool, Query(description="One interval over all of the span.")] = False,
        limit: Limit = 5_000,
    ) -> Counts:
        """How many crossed, per direction, class and interval; with the watched share of each."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> Counts:
            zone = zone_in(reading, site, sites)
            scope = Scope(site=site, device=device, line=None if by == "place" else line)
            from_ms, to_ms = span(reading, scope, zone, from_, to, now_ms=now_ms)

            def chosen(of: str, axis_: Axis, named_as: Axis | None = None) -> list[tuple[Flow, Role | None]]:
                within = scope if of == site else Scope(site=of)
                told = {} if by == "device" else sites
                flows = merged(reading, within, axis_, told, scheme=scheme, named_as=named_as)
                roles = roles_of(reading, of, sites, flows.flows)
                if by == "site" or of != site:
                    return list(by_role(flows, of, roles))
                return [
                    (flow, roles.get((flow.device, flow.line, flow.direction)))
                    for flow in flows.flows
                    if line in (None, flow.line)
                ]

            def one(of: str, from_ms: int, to_ms: int) -> Counts:
                axis_ = page(None if whole else interval, zone, from_ms, to_ms, limit=limit, now_ms=now_ms)
                told = answer(chosen(of, axis_), axis_, to_ms, scheme=scheme, sites=sites, estimate=estimate)
                if likely:
                    for series in told.series:
                        series.likely = likely_names(reading, series, scheme)
                return told

            now = one(site, from_ms, to_ms)
            if compare is None and against is None:
                return now
            if against is not None:
                zone_in(reading, against, sites)
            days = 0 if compare is None else days_before(zone, from_ms, to_ms, compare)
            other = site if against is None else against
            now.earlier = one(other, *(before(zone, from_ms, to_ms, days) if days else (from_ms, to_ms)))
            if (hours := comparable_axes(zone, from_ms, to_ms, now_ms=now_ms, days=days)) is not None:
                then = chosen(other, hours[1], hours[0] if other == site else None)
                now.comparison = compared(chosen(site, hours[0]), then, *hours)
                if other == site and names_changed(reading, scope, hours[1], hours[0]):
                    for one_of in now.comparison:
                        one_of.reason = one_of.reason and NAMED_OTHERWISE
            return now

        return await context.pool.read(question)

    @router.get("/sites/{site}/usual", dependencies=[counted])
    async def site_usual(
        site: Name,
        date: Annotated[str | None, Query(max_length=40, description="The day; default: today.")] = None,
        interval: Literal["15min", "hour"] = "hour",
        days: Annotated[int, Query(ge=3, le=PAST_DAYS_MAX, description="Past days to look at.")] = 28,
        weekday: Annotated[bool, Query(description="Only days of the same weekday.")] = False,
    ) -> Usual:
        """What is usual for each hour of a day, out and back over the whole site: p10, median and p90 of past days."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> Usual:
            zone = zone_in(reading, site, sites)
            at_ms = now_ms if date is None else span(reading, Scope(site=site), zone, date, None, now_ms=2**43)[0]
            day = axis(interval, zone, *today(zone, at_ms), now_ms=now_ms)
            found = usual(reading, site, sites, day, days=days, weekday=weekday)
            return Usual(
                time_zone=zone,
                interval=interval,
                edges_ms=list(day.edges_ms),
                unfinished=day.unfinished_i,
                days=days,
                bands=[
                    UsualBand(
                        role=role,
                        days=[len(of) for of in samples],
                        p10=percentiles(samples, 0.1),
                        p50=percentiles(samples, 0.5),
                        p90=percentiles(samples, 0.9),
                    )
                    for role, samples in found
                ],
            )

        return await context.pool.read(question)

    @router.get("/sites/{site}/daylight", dependencies=[counted])
    async def site_daylight(
        site: Name, from_: From = None, to: To = None, interval: Every = "day", scheme: Scheme = OWN, limit: Limit = 400
    ) -> DayNight:
        """The counts of the whole site by day and by night apart, by the sun where it lies."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> DayNight:
            zone = zone_in(reading, site, sites)
            from_ms, to_ms = span(reading, Scope(site=site), zone, from_, to, now_ms=now_ms)
            axis_ = page(interval, zone, from_ms, to_ms, limit=min(limit, 1_000), now_ms=now_ms)
            told = sites.get(site, UNCONFIGURED)
            split = day_split(reading, Scope(site=site), axis_, told, scheme=scheme, sites=sites)

            def part(flows: Flows) -> Counts:
                found = by_role(flows, site, roles_of(reading, site, sites, flows.flows))
                return answer(found, axis_, to_ms, scheme=scheme, sites=sites)

            return DayNight(day=part(split.day), night=part(split.night))

        return await context.pool.read(question)

    return router
