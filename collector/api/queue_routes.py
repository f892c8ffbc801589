"""Route of the queues."""

import msgspec
from fastapi import APIRouter, Depends

from collector.api.access import Needs
from collector.api.answers import axis_fields, share_of, zone_in
from collector.api.context import Context
from collector.api.models import (
    Queues,
    ZoneSeries,
    ZoneWait,
)
from collector.api.parameters import Limit
from collector.api.spans import Every, From, Name, NameQuery, To, page, span
from collector.domain.scope import Scope
from collector.queries.queue import queues
from collector.queries.zones import ZoneState, last_zones_in
from collector.store.interface import Reading


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
        """How many stand in each zone, how long those that left had waited, and what who comes now is to wait."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> Queues:
            zone = zone_in(reading, site, sites)
            scope = Scope(site=site, device=device)
            from_ms, to_ms = span(reading, scope, zone, from_, to, now_ms=now_ms)
            axis_ = page(interval, zone, from_ms, to_ms, limit=limit, now_ms=now_ms)
            return Queues(
                **axis_fields(axis_, to_ms),
                queues=[
                    ZoneSeries(
                        **msgspec.structs.asdict(one),
                        share=[share_of(w, axis_.span_ms(i)) for i, w in enumerate(one.watched_ms)],
                    )
                    for one in queues(reading, scope, axis_).queues
                ],
                last=[
                    _waits(one) for one in last_zones_in(reading, site=site, device=device, now_ms=now_ms) if one.zone
                ],
            )

        return await context.pool.read(question)

    return router


def _waits(state: ZoneState) -> ZoneWait:
    said = state.said
    wait_ms, expected = (None, None) if said is None else (said.wait_ms, said.expected_ms)
    hidden = None if said is None else said.hidden_likely
    return ZoneWait(
        device=state.device,
        zone=state.zone,
        until_ms=state.start_ms + state.width_ms,
        inside=None if said is None else said.inside.end,
        standing=None if said is None or said.standing is None else said.standing.end,
        wait_p50_ms=None if wait_ms is None else wait_ms.p50,
        wait_p90_ms=None if wait_ms is None else wait_ms.p90,
        expected_p10_ms=None if expected is None else expected.p10,
        expected_p50_ms=None if expected is None else expected.p50,
        expected_p90_ms=None if expected is None else expected.p90,
        hidden_likely_mean=None if hidden is None else hidden.mean,
        hidden_likely_p10=None if hidden is None else hidden.p10,
        hidden_likely_p90=None if hidden is None else hidden.p90,
        pictures=state.pictures,
    )
