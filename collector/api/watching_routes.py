"""Routes of coverage: watched time, devices on one line compared, changes of models."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends

from collector.api.access import Needs, Visitor
from collector.api.answers import axis_fields, share_of, zone_in
from collector.api.context import Context
from collector.api.models import (
    Coverages,
    CoverSeries,
    HeadsToHeads,
    HeadToHead,
    ModelChange,
    ModelChanges,
    Worst,
)
from collector.api.parameters import Limit
from collector.api.spans import Every, From, Name, NameQuery, To, page, span
from collector.domain.calendar import Interval
from collector.domain.scope import Scope
from collector.queries.compare import agreements
from collector.queries.counts import coverage
from collector.queries.models import changes
from collector.store.interface import Reading


def routes(context: Context) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["counts"])
    sites = context.sites
    counted = Depends(Needs(context, "read", public=True))

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
                **axis_fields(axis_, to_ms),
                covers=[
                    CoverSeries(
                        site=one.site,
                        device=one.device,
                        watched=[share_of(w, ms) for w, ms in zip(one.watched_ms, spans, strict=True)],
                        blind=[share_of(one.blind_ms(i), ms) for i, ms in enumerate(spans)],
                        silent=[share_of(one.silent_ms(i, axis_), ms) for i, ms in enumerate(spans)],
                        reports=list(one.reports),
                        missing=one.missing if inside else None,
                        gone=one.gone if inside else None,
                    )
                    for one in coverage(reading, scope, axis_).covers
                ],
            )

        return await context.pool.read(question)

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

        return await context.pool.read(question)

    @router.get("/sites/{site}/models", dependencies=[Depends(Needs(context, "read", public=True))])
    async def site_models(site: Name, device: NameQuery = None) -> ModelChanges:
        """Which model and configuration counted since when."""

        def question(reading: Reading) -> ModelChanges:
            zone_in(reading, site, context.sites)
            found = changes(reading, Scope(site=site, device=device))
            values = [msgspec.structs.asdict(one) for one in found]
            for one in values:
                del one["site"]
            return ModelChanges(changes=[ModelChange(**one) for one in values])

        return await context.pool.read(question)

    return router
