"""Routes of verdicts on crossings: to read and to store them."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Query

from collector.alerts.judged_crossing import crossing_of
from collector.alerts.repository import alert
from collector.api.access import Needs, Visitor
from collector.api.context import Context
from collector.api.spans import From, NameQuery, To, parse_time
from collector.api.verdict_models import Said, VerdictInfo, Verdicts
from collector.domain.scope import Scope
from collector.queries.places import time_zone_of
from collector.store.interface import Reading, Store
from collector.store.verdicts import LIMIT_MAX, Crossing, record, verdicts
from edge.wire.commands import Verdict
from edge.wire.times import milliseconds_of


def info(one: Verdict) -> VerdictInfo:
    """A verdict as the API's model."""
    values = msgspec.structs.asdict(one)
    del values["schema"]
    return VerdictInfo(**values, truth=one.truth)


def routes(context: Context) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["verdicts"])

    @router.get("/verdicts", dependencies=[Depends(Needs(context, "read"))])
    async def all_verdicts(
        site: NameQuery = None,
        device: NameQuery = None,
        line: NameQuery = None,
        from_: From = None,
        to: To = None,
        history: Annotated[bool, Query(description="Also those that hold no more.")] = False,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 1_000,
    ) -> Verdicts:
        """What people say of crossings in the span, the last said first: of each person and crossing the last."""

        def question(reading: Reading) -> Verdicts:
            zone = time_zone_of(reading, site, context.sites) if site else "UTC"
            found = verdicts(
                reading,
                Scope(site=site, device=device, line=line),
                from_ms=None if from_ is None else parse_time(from_, zone, "from"),
                to_ms=None if to is None else parse_time(to, zone, "to"),
                history=history,
                limit=limit,
            )
            return Verdicts(now_ms=context.clock.real_ms(), verdicts=[info(one) for one in found])

        return await context.pool.read(question)

    @router.post("/verdicts")
    async def say(visitor: Annotated[Visitor, Depends(Needs(context, "acknowledge"))], said: Said) -> VerdictInfo:
        """Say what a vehicle was, in the name of the token: of an alert, or of a crossing. The last one holds."""
        now_ms = context.clock.real_ms()
        if said.alert is not None:
            number = said.alert
            if await context.pool.read(lambda reading: alert(reading, number)) is None:
                raise HTTPException(404, "there is no such alert")

        def write(store: Store) -> Verdict:
            if said.alert is not None:
                with store.reading() as reading:
                    crossing = crossing_of(reading, said.alert)
            else:
                assert said.at is not None, "the model holds that all of a crossing is told"
                crossing = Crossing(
                    *(said.site or "", said.device or "", said.run or "", said.line or "", milliseconds_of(said.at)),
                    seq=said.seq,
                )
            return record(store, crossing, said=said.said, by=visitor.name, now_ms=now_ms)

        return info(await context.pool.write(write))

    return router
