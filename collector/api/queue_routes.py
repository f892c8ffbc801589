"""Route of the queues."""

import msgspec
from fastapi import APIRouter, Depends

from collector.api.access import Needs
from collector.api.answers import share_of, zone_in
from collector.api.context import Context
from collector.api.models import (
    Queues,
    ZoneSeries,
)
from collector.api.parameters import Limit
from collector.api.spans import Every, From, Name, NameQuery, To, page, span
from collector.store import Reading
from collector.views.queue import queues
from collector.views.results import Scope


def routes(context: Context) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["counts"])
    sites = context.sites
    counted = Depends(Needs(context, "read", public=True))

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
                unfinished=axis_.unfinished_i,
                next_from_ms=axis_.edges_ms[-1] if axis_.edges_ms[-1] < to_ms else None,
                queues=[
                    ZoneSeries(
                        **msgspec.structs.asdict(one),
                        share=[share_of(w, axis_.span_ms(i)) for i, w in enumerate(one.watched_ms)],
                    )
                    for one in queues(reading, scope, axis_).queues
                ],
            )

        return await context.desk.ask(question)

    return router
