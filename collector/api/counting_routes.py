"""Routes of what crossed: sites, counts, what is usual, balance, queue, coverage, day and night, head to head."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query

from collector.api.access import Needs, Visitor
from collector.api.answers import answer, by_role, percentiles, roles_of, series, usual, zone_in
from collector.api.context import Context
from collector.api.models import (
    Balances,
    Counts,
    Coverages,
    CoverSeries,
    DayNight,
    HeadsToHeads,
    HeadToHead,
    LineBalance,
    OneBalance,
    Overview,
    Queues,
    Role,
    SiteInfo,
    SiteLine,
    Sites,
    SiteToday,
    Usual,
    UsualBand,
    Worst,
    ZoneNow,
    ZoneSeries,
)
from collector.api.spans import Earlier, Every, From, Name, NameQuery, To, earlier, page, span, today
from collector.calendar import Interval
from collector.devices import DeviceState, devices_in
from collector.sites import NOWHERE, Site
from collector.store import Reading
from collector.views.axis import axis
from collector.views.balance import balance
from collector.views.compare import agreements
from collector.views.counts import counts, coverage, places
from collector.views.daylight import day_split
from collector.views.places import directions_of, extent, sites_of, time_zone_of
from collector.views.queue import queues
from collector.views.results import ClassBalance, Flow, Flows, Queue, Scope
from collector.views.schemes import OWN, SCHEMES

INTERVALS_MAX = 10_000
"""Of one answer; the rest is on its next page."""
PAST_DAYS_MAX = 366
NOW_MS = 15 * 60_000
"""A queue that was last reported longer ago is not how it is now."""

Merged = Annotated[
    Literal["site", "place", "device"],
    Query(
        description="The lines of the site added up; or per line, where several devices watch it once; or per device."
    ),
]
Scheme = Annotated[str, Query(max_length=40, description="The classes: `own`, or a scheme that `/sites` names.")]
Limit = Annotated[int, Query(ge=1, le=INTERVALS_MAX, description="Intervals in one answer.")]
After = Annotated[str | None, Query(max_length=200, description="What `next` said.")]


def routes(context: Context) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["counts"])
    sites = context.sites
    counted = Depends(Needs(context, "read", public=True))

    @router.get("/sites", dependencies=[counted])
    async def all_sites(after: After = None, limit: Annotated[int, Query(ge=1, le=1_000)] = 200) -> Sites:
        """Every site that has been heard of, and its lines."""

        def question(reading: Reading) -> Sites:
            names = [name for name in sites_of(reading, Scope()) if after is None or name > after]
            return Sites(
                sites=[_site_info(reading, name, sites) for name in names[:limit]],
                schemes=[OWN, *SCHEMES],
                next=names[limit - 1] if len(names) > limit else None,
            )

        return await context.desk.ask(question)

    @router.get("/overview")
    async def overview(
        visitor: Annotated[Visitor, counted], after: After = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
    ) -> Overview:
        """All sites at a glance: today by the hour, the queues, how the devices are."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> Overview:
            names = [name for name in sites_of(reading, Scope()) if after is None or name > after]
            states: dict[str, list[DeviceState]] = {}
            if "read" in visitor.scopes:
                for state in devices_in(reading):
                    states.setdefault(state.site, []).append(state)
            return Overview(
                now_ms=now_ms,
                sites=[_site_today(reading, name, sites, states.get(name), now_ms) for name in names[:limit]],
                next=names[limit - 1] if len(names) > limit else None,
            )

        return await context.desk.ask(question)

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
        compare: Annotated[Earlier | None, Query(description="Answer for an earlier span as well.")] = None,
        whole: Annotated[bool, Query(description="One interval over all of the span.")] = False,
        limit: Limit = 5_000,
    ) -> Counts:
        """How many crossed, per direction, class and interval; with the watched share of each."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> Counts:
            zone = zone_in(reading, site, sites)
            scope = Scope(site=site, device=device, line=None if by == "place" else line)
            from_ms, to_ms = span(reading, scope, zone, from_, to, now_ms=now_ms)

            def one(from_ms: int, to_ms: int) -> Counts:
                axis_ = page(None if whole else interval, zone, from_ms, to_ms, limit=limit, now_ms=now_ms)
                flows = counts(reading, scope, axis_, scheme=scheme)
                found: list[tuple[Flow, Role | None]]
                if by != "device":
                    flows = places(flows, sites)
                roles = roles_of(reading, site, sites, flows.flows)
                if by == "site":
                    found = list(by_role(flows, site, roles))
                else:
                    found = [
                        (flow, roles.get((flow.device, flow.line, flow.direction)))
                        for flow in flows.flows
                        if line in (None, flow.line)
                    ]
                return answer(found, axis_, to_ms, scheme=scheme, sites=sites, estimate=estimate)

            now = one(from_ms, to_ms)
            if compare is not None:
                axis_ = page(None, zone, from_ms, to_ms, limit=1, now_ms=now_ms)
                now.earlier = one(*earlier(axis_, compare, to_ms))
            return now

        return await context.desk.ask(question)

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

        return await context.desk.ask(question)

    @router.get("/sites/{site}/balance", dependencies=[counted])
    async def site_balance(site: Name, from_: From = None, to: To = None, scheme: Scheme = OWN) -> Balances:
        """Out minus back, per line and class: what is over there; and how far unseen time may have moved it."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> Balances:
            zone = zone_in(reading, site, sites)
            from_ms, to_ms = span(reading, Scope(site=site), zone, from_, to, now_ms=now_ms)
            found = balance(reading, site, sites, from_ms, min(to_ms, max(now_ms, from_ms + 1)), scheme=scheme)
            return Balances(
                time_zone=zone,
                balances=[
                    LineBalance(
                        site=one.site,
                        device=one.device,
                        line=one.line,
                        out=one.out,
                        back=one.back,
                        from_ms=one.from_ms,
                        to_ms=one.to_ms,
                        watched_ms=one.watched_ms,
                        share=round(one.watched_ms / max(1, one.to_ms - one.from_ms), 4),
                        classes={label: _balance(of) for label, of in one.classes.items()},
                        all=_balance(one.all),
                    )
                    for one in found
                ],
            )

        return await context.desk.ask(question)

    @router.get("/sites/{site}/queue", dependencies=[counted])
    async def site_queue(
        site: Name,
        from_: From = None,
        to: To = None,
        interval: Every = "15min",
        device: NameQuery = None,
        limit: Limit = 5_000,
    ) -> Queues:
        """How many stand in each zone, and how long those that left had waited."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> Queues:
            zone = zone_in(reading, site, sites)
            scope = Scope(site=site, device=device)
            from_ms, to_ms = span(reading, scope, zone, from_, to, now_ms=now_ms)
            axis_ = page(interval, zone, from_ms, to_ms, limit=limit, now_ms=now_ms)
            return Queues(
                time_zone=zone,
                interval=interval,
                now_ms=now_ms,
                edges_ms=list(axis_.edges_ms),
                next_from_ms=axis_.edges_ms[-1] if axis_.edges_ms[-1] < to_ms else None,
                queues=[
                    ZoneSeries(
                        **msgspec.structs.asdict(one),
                        share=[_share(w, axis_.span_ms(i)) for i, w in enumerate(one.watched_ms)],
                    )
                    for one in queues(reading, scope, axis_).queues
                ],
            )

        return await context.desk.ask(question)

    @router.get("/sites/{site}/coverage")
    async def site_coverage(
        visitor: Annotated[Visitor, counted],
        site: Name,
        from_: From = None,
        to: To = None,
        interval: Every = "day",
        device: NameQuery = None,
        limit: Limit = 5_000,
    ) -> Coverages:
        """Who watched, who was blind, and from whom nothing came."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> Coverages:
            zone = zone_in(reading, site, sites)
            scope = Scope(site=site, device=device)
            from_ms, to_ms = span(reading, scope, zone, from_, to, now_ms=now_ms)
            axis_ = page(interval, zone, from_ms, to_ms, limit=limit, now_ms=now_ms)
            spans = [axis_.span_ms(i) for i in range(len(axis_))]
            inside = "read" in visitor.scopes
            return Coverages(
                time_zone=zone,
                interval=interval,
                now_ms=now_ms,
                edges_ms=list(axis_.edges_ms),
                next_from_ms=axis_.edges_ms[-1] if axis_.edges_ms[-1] < to_ms else None,
                covers=[
                    CoverSeries(
                        site=one.site,
                        device=one.device,
                        watched=[_share(w, ms) for w, ms in zip(one.watched_ms, spans, strict=True)],
                        blind=[_share(one.blind_ms(i), ms) for i, ms in enumerate(spans)],
                        silent=[_share(one.silent_ms(i, axis_), ms) for i, ms in enumerate(spans)],
                        reports=list(one.reports),
                        missing=one.missing if inside else None,
                        gone=one.gone if inside else None,
                    )
                    for one in coverage(reading, scope, axis_).covers
                ],
            )

        return await context.desk.ask(question)

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
            split = day_split(reading, Scope(site=site), axis_, sites.get(site, NOWHERE), scheme=scheme)

            def part(flows: Flows) -> Counts:
                merged = places(flows, sites)
                found = by_role(merged, site, roles_of(reading, site, sites, merged.flows))
                return answer(found, axis_, to_ms, scheme=scheme, sites=sites)

            return DayNight(day=part(split.day), night=part(split.night))

        return await context.desk.ask(question)

    @router.get("/sites/{site}/head-to-head", dependencies=[Depends(Needs(context, "read"))])
    async def head_to_head(
        site: Name, from_: From = None, to: To = None, interval: Interval = "hour", limit: Limit = 5_000
    ) -> HeadsToHeads:
        """Devices that watch the same line, where both watched: how far they agree, and where they do not."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> HeadsToHeads:
            zone = zone_in(reading, site, sites)
            from_ms, to_ms = span(reading, Scope(site=site), zone, from_, to, now_ms=now_ms)
            axis_ = page(interval, zone, from_ms, to_ms, limit=limit, now_ms=now_ms)
            return HeadsToHeads(
                time_zone=zone,
                interval=interval,
                pairs=[
                    HeadToHead(
                        **{
                            name: value
                            for name, value in msgspec.structs.asdict(one).items()
                            if name not in ("site", "worst")
                        },
                        worst=[
                            Worst(from_ms=axis_.edges_ms[i], to_ms=axis_.edges_ms[i + 1], first=a, second=b)
                            for i, a, b in one.worst
                        ],
                    )
                    for one in agreements(reading, site, sites, axis_)
                ],
            )

        return await context.desk.ask(question)

    return router


def _site_info(reading: Reading, site: str, sites: Mapping[str, Site]) -> SiteInfo:
    told = sites.get(site, NOWHERE)
    known = extent(reading, Scope(site=site))
    return SiteInfo(
        site=site,
        time_zone=time_zone_of(reading, site, sites),
        first_ms=known[0] if known else None,
        last_ms=known[1] if known else None,
        lines=[
            SiteLine(device=device, line=line, out=words.out, back=words.back)
            for (device, line), words in sorted(directions_of(reading, site, sites).items())
        ],
        places=sorted(told.same_lines),
        tonnes=dict(told.tonnes),
        sun=told.latitude is not None and told.longitude is not None,
    )


def _site_today(
    reading: Reading, site: str, sites: Mapping[str, Site], states: list[DeviceState] | None, now_ms: int
) -> SiteToday:
    zone = time_zone_of(reading, site, sites)
    axis_ = axis("hour", zone, *today(zone, now_ms), now_ms=now_ms)
    flows = places(counts(reading, Scope(site=site), axis_), sites)
    found = by_role(flows, site, roles_of(reading, site, sites, flows.flows))
    lately = axis(None, zone, now_ms - NOW_MS, now_ms, now_ms=now_ms)
    words = None if states is None else [one.status.state if one.status else None for one in states]
    ends = [
        one.lateness.newest_start_ms + (one.lateness.newest_width_ms or 0)
        for one in states or []
        if one.lateness.newest_start_ms is not None
    ]
    return SiteToday(
        site=site,
        time_zone=zone,
        from_ms=axis_.edges_ms[0],
        to_ms=axis_.edges_ms[-1],
        edges_ms=list(axis_.edges_ms),
        series=[series(flow, axis_, role, sites.get(site, NOWHERE)) for flow, role in found],
        zones=[_zone_now(one, now_ms) for one in queues(reading, Scope(site=site), lately).queues],
        devices=None if words is None else len(words),
        online=None if words is None else words.count("online"),
        degraded=None if words is None else words.count("degraded"),
        offline=None if words is None else words.count("offline"),
        missing=None if states is None else sum(one.missing for one in states),
        last_ms=max(ends, default=None),
    )


def _zone_now(one: Queue, now_ms: int) -> ZoneNow:
    return ZoneNow(
        device=one.device, zone=one.zone, until_ms=now_ms, standing=one.standing_end[0], wait_p50_ms=one.wait_p50_ms[0]
    )


def _balance(one: ClassBalance) -> OneBalance:
    return OneBalance(
        out=one.out,
        back=one.back,
        balance=one.balance,
        unseen_out=_rounded(one.unseen_out),
        unseen_back=_rounded(one.unseen_back),
        low=_rounded(one.low),
        high=_rounded(one.high),
    )


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)


def _share(part_ms: int, of_ms: int) -> float:
    return round(part_ms / of_ms, 4) if of_ms else 0.0
