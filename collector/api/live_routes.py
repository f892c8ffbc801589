"""Routes of the live state: the open buckets, once or as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import StreamingResponse

from collector.api.access import Needs, visitor_of
from collector.api.context import Context
from collector.api.live_board import LiveEntry, LiveUpdate
from collector.api.models import LiveAll, LiveNow
from collector.api.spans import NameQuery

LOOK_EVERY_S = 0.5
"""How often a stream checks for changes; of several changes of one device in between only the last is sent."""
WORD_EVERY_S = 15.0
"""How often an idle stream sends a comment, so that a dead connection is noticed, and checks its authorization."""


def routes(context: Context) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["live"])
    read = Depends(Needs(context, "read"))
    watchers: set[object] = set()

    @router.get("/live", dependencies=[read])
    async def live(site: NameQuery = None) -> LiveAll:
        """The open bucket of every device that said one in the last minute."""
        news = context.board.news(site=site)
        return LiveAll(change=news.change, stored=news.stored, live=[live_now(one) for one in news.seen])

    @router.get(
        "/live/events",
        dependencies=[read],
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    async def events(request: Request, site: NameQuery = None) -> StreamingResponse:
        """Server-sent events: `live` (an open bucket, as of `/live`) and `stored` (there is more to read)."""
        if len(watchers) >= context.http.watchers_max:
            raise HTTPException(503, f"{context.http.watchers_max} pages watch already, and no more are let in")
        # nginx would hold events back until its buffer is full
        unbuffered = {"X-Accel-Buffering": "no"}
        return StreamingResponse(_stream(request, site), media_type="text/event-stream", headers=unbuffered)

    async def _stream(request: Request, site: str | None) -> AsyncIterator[str]:
        me = object()
        watchers.add(me)
        try:
            yield "retry: 3000\n\n"
            change, stored, quiet_s = 0, -1, 0.0
            while not context.stopping.is_set():
                news = context.board.news(change, site=site)
                said = _events(news, stored)
                change, stored = news.change, news.stored
                quiet_s = 0.0 if said else quiet_s + LOOK_EVERY_S
                if said:
                    yield said
                elif quiet_s >= WORD_EVERY_S:
                    quiet_s = 0.0
                    if visitor_of(context, request) is None:
                        return
                    yield ": still here\n\n"
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            watchers.discard(me)

    return router


def live_now(seen: LiveEntry) -> LiveNow:
    """An open bucket as the API's model."""
    values = msgspec.structs.asdict(seen.live)
    del values["schema"]
    return LiveNow(site=seen.site, device=seen.device, received_ms=seen.received_ms, **values)


def _events(news: LiveUpdate, stored: int) -> str:
    events = [f"event: live\ndata: {live_now(one).model_dump_json()}\n\n" for one in news.seen]
    if news.stored != stored:
        events.append(f"event: stored\ndata: {json.dumps({'stored': news.stored})}\n\n")
    return "".join(events)
