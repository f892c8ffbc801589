"""Route of the convoys that devices reported."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query

from collector.api.access import Needs
from collector.api.answers import zone_in
from collector.api.context import Context
from collector.api.models import ConvoyInfo, Convoys
from collector.api.spans import From, Name, NameQuery, To, span
from collector.domain.scope import Scope
from collector.store.convoys import convoys
from collector.store.interface import Reading

PAGE_MAX = 5_000


def routes(context: Context) -> APIRouter:
    """The one."""
    router = APIRouter(tags=["counts"])
    sites = context.sites

    @router.get("/sites/{site}/convoys", dependencies=[Depends(Needs(context, "read", public=True))])
    async def site_convoys(
        site: Name,
        from_: From = None,
        to: To = None,
        device: NameQuery = None,
        line: NameQuery = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 1_000,
    ) -> Convoys:
        """Vehicles that crossed a line one soon after the other, by when the first of them did."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> Convoys:
            zone = zone_in(reading, site, sites)
            from_ms, to_ms = span(reading, Scope(site=site, device=device), zone, from_, to, now_ms=now_ms)
            found = convoys(reading, site=site, device=device, line=line, from_ms=from_ms, to_ms=to_ms, limit=limit + 1)
            return Convoys(
                time_zone=zone,
                now_ms=now_ms,
                from_ms=from_ms,
                to_ms=to_ms,
                convoys=[ConvoyInfo(**msgspec.structs.asdict(one)) for one in found[:limit]],
                more=len(found) > limit,
            )

        return await context.pool.read(question)

    return router
