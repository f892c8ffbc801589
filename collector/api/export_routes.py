"""The route that exports counts as a file, streamed: each piece is read, formatted and sent before the next one."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from collector.api.access import Needs
from collector.api.answers import by_role, roles_of, zone_in
from collector.api.context import Context
from collector.api.parameters import Merged, Scheme
from collector.api.spans import Every, From, Name, NameQuery, To, page, span
from collector.domain.scope import Scope
from collector.queries.balance import balance
from collector.queries.export import Format, writer
from collector.queries.merged_lines import merged
from collector.queries.models import ModelTimeline
from collector.queries.records import Record, rows_of
from collector.queries.results import Axis, Flow
from collector.queries.schemes import OWN
from collector.queries.sums import BalanceRecord, TotalRecord, balance_rows, total_rows
from collector.store.convoys import CONVOYS_MAX, ConvoyRecord, convoys, record_of
from collector.store.interface import Reading
from edge.errors import InputError

KINDS: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
}
Rows = Literal["intervals", "totals", "balance", "convoys"]
ROWS: dict[Rows, type[msgspec.Struct]] = {
    "intervals": Record,
    "totals": TotalRecord,
    "balance": BalanceRecord,
    "convoys": ConvoyRecord,
}
PIECE = 1_000
"""Intervals read at a time."""
INTERVALS_MAX = 1_200_000
"""Of one export: two years of minutes and more."""


def routes(context: Context) -> APIRouter:
    """The one."""
    router = APIRouter(tags=["export"])
    sites = context.sites

    @router.get(
        "/sites/{site}/export",
        dependencies=[Depends(Needs(context, "read", public=True))],
        response_class=StreamingResponse,
        responses={200: {"content": {kind: {"schema": {"type": "string"}} for kind in KINDS.values()}}},
    )
    async def export(
        site: Name,
        kind: Annotated[Format, Query(alias="format")] = "csv",
        from_: From = None,
        to: To = None,
        interval: Every = "hour",
        by: Merged = "place",
        device: NameQuery = None,
        line: NameQuery = None,
        scheme: Scheme = OWN,
        label: Annotated[str | None, Query(alias="class", max_length=64, description="only this class")] = None,
        mark: Annotated[bool, Query(description="begin CSV with a byte order mark, for Excel")] = False,
        rows: Annotated[
            Rows, Query(description="one sum over the span, balances or convoys instead of intervals")
        ] = "intervals",
    ) -> Response:
        """A file with a row per interval, direction and class. Pieces of it are read one after the other.

        With `class`, rows without one stay as well: they tell that nobody watched. `rows` asks for sums or convoys
        instead; `interval` is then of no account, nor is `by` for balances and convoys.
        """
        now_ms = context.clock.real_ms()
        scope = Scope(site=site, device=device, line=None if by == "place" else line)

        def first(reading: Reading) -> tuple[str, int, int]:
            zone = zone_in(reading, site, sites)
            from_ms, to_ms = span(reading, scope, zone, from_, to, now_ms=now_ms)
            to_ms = min(to_ms, max(now_ms, from_ms + 1))
            if len(page(interval, zone, from_ms, to_ms, limit=INTERVALS_MAX + 1, now_ms=now_ms)) > INTERVALS_MAX:
                raise InputError(f"an export has at most {INTERVALS_MAX} intervals; ask for a shorter span")
            piece(reading, page(interval, zone, from_ms, to_ms, limit=1, now_ms=now_ms))  # errors before the response
            return zone, from_ms, to_ms

        def chosen(reading: Reading, axis_: Axis) -> list[Flow]:
            flows = merged(reading, scope, axis_, {} if by == "device" else sites, scheme=scheme)
            if by == "site":
                roles = roles_of(reading, site, sites, flows.flows)
                return [flow for flow, _ in by_role(flows, site, roles)]
            return [flow for flow in flows.flows if line in (None, flow.line)]

        def piece(reading: Reading, axis_: Axis) -> list[Record]:
            named = ModelTimeline(reading, scope)
            return [
                row
                for flow in chosen(reading, axis_)
                for row in rows_of(flow, axis_, {}, named)
                if label in (None, row.label) or not row.label
            ]

        def sums(reading: Reading) -> list[TotalRecord] | list[BalanceRecord] | list[ConvoyRecord]:
            zone = zone_in(reading, site, sites)
            from_ms, to_ms = span(reading, scope, zone, from_, to, now_ms=now_ms)
            to_ms = min(to_ms, max(now_ms, from_ms + 1))
            if rows == "convoys":
                if label is not None:
                    raise InputError("class is for counts; a convoy has its classes in one row")
                found = convoys(
                    reading, site=site, device=device, line=line, from_ms=from_ms, to_ms=to_ms, limit=CONVOYS_MAX + 1
                )
                if len(found) > CONVOYS_MAX:
                    raise InputError(f"an export has at most {CONVOYS_MAX} convoys; ask for a shorter span")
                return [record_of(one) for one in found]
            if rows == "balance":
                return [
                    row
                    for one in balance(reading, site, sites, from_ms, to_ms, scheme=scheme, merge=by != "device")
                    if line in (None, one.line) and device in (None, one.device)
                    for row in balance_rows(reading, one, scheme=scheme)
                    if label in (None, row.label)
                ]
            whole, named = page(None, zone, from_ms, to_ms, limit=1, now_ms=now_ms), ModelTimeline(reading, scope)
            return [
                row
                for flow in chosen(reading, whole)
                for row in total_rows(reading, flow, whole, {}, named, scheme=scheme)
                if label in (None, row.label) or not row.label
            ]

        out = writer(kind, ROWS[rows], mark=mark)
        if rows != "intervals":
            found = await context.pool.read(sums)
            return Response(
                await run_in_threadpool(lambda: out.piece(found) + out.end()),
                media_type=KINDS[kind],
                headers={"Content-Disposition": f'attachment; filename="{site}-{rows}.{kind}"'},
            )
        zone, from_ms, to_ms = await context.pool.read(first)

        async def stream() -> AsyncIterator[bytes]:
            at_ms = from_ms
            while at_ms < to_ms:
                if context.stopping.is_set():  # an error, so that the part is not taken for the whole
                    raise ConnectionAbortedError(f"the collector ends: an export of {site} is not finished")
                axis_ = page(interval, zone, at_ms, to_ms, limit=PIECE, now_ms=now_ms)
                rows = await context.pool.read(partial(piece, axis_=axis_))
                if content := await run_in_threadpool(out.piece, rows):  # a workbook takes long
                    yield content
                at_ms = axis_.edges_ms[-1]
            yield await run_in_threadpool(out.end)

        return StreamingResponse(
            stream(),
            media_type=KINDS[kind],
            headers={"Content-Disposition": f'attachment; filename="{site}-{interval}.{kind}"'},
        )

    return router
