"""Routes of the alerts: list, acknowledge, picture."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Path, Query
from fastapi.responses import Response

from collector.alerts.alert import KINDS, Alert
from collector.alerts.repository import acknowledge, alert, alerts, picture
from collector.api.access import Needs, Visitor
from collector.api.alert_models import Acknowledged, AlertInfo, Alerts, Note
from collector.api.context import Context
from collector.api.models import ReportRange
from collector.api.spans import From, NameQuery, To, parse_time
from collector.api.verdict_routes import info
from collector.domain.scope import Scope
from collector.queries.places import time_zone_of
from collector.store.interface import Reading
from collector.store.verdicts import LIMIT_MAX, verdicts
from edge.wire.commands import Verdict

PAGE_MAX = 500
AlertId = Annotated[int, Path(ge=1, lt=2**53)]


def routes(context: Context) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["alerts"])
    read = Needs(context, "read")

    def said(one: Alert, visitor: Visitor, zone: str, judged: Sequence[Verdict]) -> AlertInfo:
        values = msgspec.structs.asdict(one)
        for name in ("subject", "evidence", "acknowledged", "has_picture"):
            del values[name]
        return AlertInfo(
            **values,
            **msgspec.structs.asdict(one.subject),
            open=one.open,
            evidence=[ReportRange(**msgspec.structs.asdict(of)) for of in one.evidence],
            acknowledged=None if one.acknowledged is None else Acknowledged(**msgspec.structs.asdict(one.acknowledged)),
            picture=one.has_picture and "pictures" in visitor.scopes,
            time_zone=zone,
            verdicts=[info(of) for of in judged if of.alert == one.id],
        )

    @router.get("/alerts")
    async def all_alerts(
        visitor: Annotated[Visitor, Depends(read)],
        site: NameQuery = None,
        device: NameQuery = None,
        kind: Annotated[str | None, Query(max_length=40, description=f"One of {', '.join(KINDS)}.")] = None,
        open_: Annotated[bool, Query(alias="open", description="Only those that are not over.")] = False,
        pending: Annotated[bool, Query(description="Only those that are open, or that nobody has noted.")] = False,
        from_: From = None,
        to: To = None,
        before: Annotated[int | None, Query(ge=1, lt=2**53)] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
    ) -> Alerts:
        """What is new, newest first: each says why, with its figures and the reports behind them."""

        def question(reading: Reading) -> Alerts:
            zone = time_zone_of(reading, site, context.sites) if site else "UTC"
            found = alerts(
                reading,
                Scope(site=site, device=device),
                open_only=open_,
                pending_only=pending,
                kinds=KINDS if kind is None else [kind],
                from_ms=None if from_ is None else parse_time(from_, zone, "from"),
                to_ms=None if to is None else parse_time(to, zone, "to"),
                before_id=before,
                limit=limit + 1,
            )
            zones = {name: time_zone_of(reading, name, context.sites) for name in {one.subject.site for one in found}}
            judged = verdicts(reading, alert_ids=[one.id for one in found], limit=LIMIT_MAX)
            return Alerts(
                now_ms=context.clock.real_ms(),
                alerts=[said(one, visitor, zones[one.subject.site], judged) for one in found[:limit]],
                next=found[limit - 1].id if len(found) > limit else None,
            )

        return await context.pool.read(question)

    @router.post("/alerts/{number}/acknowledge")
    async def take_note(
        visitor: Annotated[Visitor, Depends(Needs(context, "acknowledge"))], number: AlertId, note: Note
    ) -> AlertInfo:
        """Somebody has taken note: in the name of the token, with a note of theirs."""
        if await context.pool.read(lambda reading: alert(reading, number)) is None:
            raise HTTPException(404, "there is no such alert")
        now_ms = context.clock.real_ms()
        one = await context.pool.write(
            lambda store: acknowledge(store, number, by=visitor.name, note=note.note, now_ms=now_ms)
        )

        def answer(reading: Reading) -> AlertInfo:
            zone = time_zone_of(reading, one.subject.site, context.sites)
            return said(one, visitor, zone, verdicts(reading, alert_ids=[number], limit=LIMIT_MAX))

        return await context.pool.read(answer)

    @router.get(
        "/alerts/{number}/picture",
        dependencies=[Depends(Needs(context, "pictures"))],
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}},
    )
    async def evidence_picture(number: AlertId) -> Response:
        """The small picture that the device sent with it."""
        found = await context.pool.read(lambda reading: picture(reading, number))
        if found is None:
            raise HTTPException(404, "there is no picture of it")
        return Response(found, media_type="image/jpeg")

    return router
