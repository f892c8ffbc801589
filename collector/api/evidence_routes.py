"""Routes of the reports behind a count, and of a single report."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Path, Query

from collector.api.access import Needs
from collector.api.answers import zone_in
from collector.api.context import Context
from collector.api.models import EvidenceOf, Raw, ReportLine, ReportRange
from collector.api.spans import From, Name, NameQuery, To, span
from collector.domain.calendar import DAY_MS
from collector.domain.scope import Scope
from collector.queries.evidence import evidence, raw_report, raw_reports
from collector.queries.results import RawReport
from collector.store.interface import Reading
from edge.errors import InputError
from edge.wire.report import ReportError, decode

PAGE_MAX = 500
RANGES_MAX = 500
DAYS_MAX = 400
Word = Annotated[str | None, Query(max_length=64, description="Only vehicles of this direction, or of this class.")]


def routes(context: Context) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["evidence"])
    read = Depends(Needs(context, "read"))
    sites = context.sites

    @router.get("/sites/{site}/evidence", dependencies=[read])
    async def behind(
        site: Name,
        from_: From = None,
        to: To = None,
        device: NameQuery = None,
        line: NameQuery = None,
        direction: Word = None,
        label: Annotated[str | None, Query(alias="class", max_length=64)] = None,
        after: Annotated[int, Query(ge=0, le=2**31)] = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
    ) -> EvidenceOf:
        """Which reports stand behind the numbers of a span: ranges, and a page of them with what each counted."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> EvidenceOf:
            zone = zone_in(reading, site, sites)
            scope = Scope(site=site, device=device)
            from_ms, to_ms = span(reading, scope, zone, from_, to, now_ms=now_ms)
            if to_ms - from_ms > DAYS_MAX * DAY_MS:
                raise InputError(f"evidence is shown for {DAYS_MAX} days at a time; ask for a shorter span")
            ranges = evidence(reading, scope, from_ms, to_ms)
            page = raw_reports(reading, scope, from_ms, to_ms, after=after, limit=limit)
            reports = sum(one.reports for one in ranges)
            return EvidenceOf(
                time_zone=zone,
                from_ms=from_ms,
                to_ms=to_ms,
                reports=reports,
                watched_ms=sum(one.watched_ms for one in ranges),
                ranges=[ReportRange(**msgspec.structs.asdict(one)) for one in ranges[:RANGES_MAX]],
                page=[_line(one, line, direction, label) for one in page],
                next=after + limit if reports > after + limit else None,
            )

        return await context.pool.read(question)

    @router.get("/reports/{site}/{device}/{run}/{seq}", dependencies=[read])
    async def report(site: Name, device: Name, run: Name, seq: Annotated[int, Path(ge=1, lt=2**53)]) -> Raw:
        """One report, as it came."""
        found = await context.pool.read(lambda reading: raw_report(reading, site, device, run, seq))
        if found is None:
            raise HTTPException(404, "there is no such report")
        return Raw(
            site=found.site,
            device=found.device,
            run=found.run,
            seq=found.seq,
            start_ms=found.start_ms,
            received_ms=found.received_ms,
            report=None if found.payload is None else msgspec.json.decode(found.payload, type=dict[str, object]),
        )

    return router


def _line(raw: RawReport, line: str | None, direction: str | None, label: str | None) -> ReportLine:
    counted: int | None = None
    state = "blind" if raw.blind else "ok" if raw.watched_ms == raw.width_ms else "partial"
    if raw.payload is not None:
        try:
            report = decode(raw.payload)
        except ReportError as error:  # stored by another version
            raise InputError(f"report {raw.run}/{raw.seq} cannot be read: {error}") from error
        state = report.state
        numbers = [
            number
            for of_line, ways in (report.lines or {}).items()
            if line in (None, of_line)
            for way, classes in ways.items()
            if direction in (None, way)
            for of_class, number in classes.items()
            if label in (None, of_class)
        ]
        counted = sum(numbers) if numbers else None
    return ReportLine(
        site=raw.site,
        device=raw.device,
        run=raw.run,
        seq=raw.seq,
        start_ms=raw.start_ms,
        width_ms=raw.width_ms,
        watched_ms=raw.watched_ms,
        state=state,
        received_ms=raw.received_ms,
        kept=raw.payload is not None,
        counted=counted,
    )
