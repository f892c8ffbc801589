"""Routes of the sites: the list of sites, and an overview."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from collector.api.access import Needs, Visitor
from collector.api.answers import by_role, roles_of, series
from collector.api.context import Context
from collector.api.models import (
    Overview,
    SiteInfo,
    SiteLine,
    Sites,
    SiteToday,
    ZoneNow,
)
from collector.api.parameters import After
from collector.api.spans import NameQuery, today
from collector.domain.scope import Scope
from collector.domain.sites import UNCONFIGURED, Site
from collector.queries.axis import axis
from collector.queries.counts import counts, places
from collector.queries.devices import DeviceState, devices_in
from collector.queries.extent import extent
from collector.queries.places import directions_of, sites_of, time_zone_of, widest
from collector.queries.queue import queues
from collector.queries.results import Queue
from collector.queries.schemes import OWN, SCHEMES
from collector.store.interface import Reading

NOW_MS = 15 * 60_000
"""Queues reported longer ago are not shown as current."""


def routes(context: Context) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["sites"])
    sites = context.sites
    counted = Depends(Needs(context, "read", public=True))

    @router.get("/sites", dependencies=[counted])
    async def all_sites(
        site: NameQuery = None, after: After = None, limit: Annotated[int, Query(ge=1, le=1_000)] = 200
    ) -> Sites:
        """Every site that has been heard of, and its lines."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> Sites:
            names = [name for name in sites_of(reading, Scope(site=site)) if after is None or name > after]
            return Sites(
                now_ms=now_ms,
                sites=[_site_info(reading, name, sites, now_ms) for name in names[:limit]],
                schemes=[OWN, *SCHEMES],
                next=names[limit - 1] if len(names) > limit else None,
            )

        return await context.pool.read(question)

    @router.get("/overview")
    async def overview(
        visitor: Annotated[Visitor, counted], after: After = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
    ) -> Overview:
        """All sites at a glance: today by the hour, the queues, how the devices are."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> Overview:
            everything = sites_of(reading, Scope())
            names = [name for name in everything if after is None or name > after]
            states: dict[str, list[DeviceState]] = {}
            if "read" in visitor.scopes:
                for state in devices_in(reading, now_ms=now_ms):
                    states.setdefault(state.site, []).append(state)
            return Overview(
                now_ms=now_ms,
                sites=[_site_today(reading, name, sites, states.get(name), now_ms) for name in names[:limit]],
                before=len(everything) - len(names),
                total=len(everything),
                next=names[limit - 1] if len(names) > limit else None,
            )

        return await context.pool.read(question)

    return router


def _site_info(reading: Reading, site: str, sites: Mapping[str, Site], now_ms: int) -> SiteInfo:
    told = sites.get(site, UNCONFIGURED)
    known = extent(reading, Scope(site=site), now_ms=now_ms)
    reports = widest(reading, Scope(site=site))
    return SiteInfo(
        site=site,
        time_zone=time_zone_of(reading, site, sites),
        first_ms=known.first_ms if known else None,
        last_ms=known.last_ms if known else None,
        width_ms=reports[2] if reports else None,
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
        series=[series(flow, axis_, role, sites.get(site, UNCONFIGURED)) for flow, role in found],
        zones=[_zone_now(one, now_ms) for one in queues(reading, Scope(site=site), lately).queues],
        devices=None if words is None else len(words),
        online=None if words is None else words.count("online"),
        degraded=None if words is None else words.count("degraded"),
        offline=None if words is None else words.count("offline"),
        missing=None if states is None else sum(one.missing for one in states),
        ahead=None if states is None else sum(one.ahead.number for one in states),
        early=None if states is None else sum(one.early.number for one in states),
        last_ms=max(ends, default=None),
    )


def _zone_now(one: Queue, now_ms: int) -> ZoneNow:
    return ZoneNow(
        device=one.device, zone=one.zone, until_ms=now_ms, standing=one.standing_end[0], wait_p50_ms=one.wait_p50_ms[0]
    )
