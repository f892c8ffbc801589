"""Routes of the devices: their state, which reports are missing, and requests to send them again."""

from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Query

from collector.api.access import Needs
from collector.api.context import Context
from collector.api.device_models import (
    DeviceInfo,
    Devices,
    FaultInfo,
    Faults,
    GapInfo,
    Gaps,
    RefusalCount,
    RefusalInfo,
    RefusalInfos,
    Wish,
    Wished,
)
from collector.api.parameters import After
from collector.api.spans import Name, NameQuery
from collector.mqtt.subscriber import HEARD_WITHIN_S
from collector.protocol.items import Gap, ResendUrged
from collector.queries.devices import DeviceState, devices_in, gaps_in, identity_of
from collector.queries.places import time_zone_of
from collector.queries.refusals import refusals_in
from collector.store.interface import CHOSEN, Reading
from edge.errors import InputError

PAGE = 1_000
_UTC_MS_MAX = 253_402_300_799_000  # what a calendar has


def routes(context: Context) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["devices"])
    read = Depends(Needs(context, "read"))

    @router.get("/devices", dependencies=[read])
    async def all_devices(
        site: NameQuery = None,
        device: NameQuery = None,
        after: After = None,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
    ) -> Devices:
        """How they fare: what each last said of itself, how late it reports, and how many reports are missing."""

        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> Devices:
            found = [
                one
                for one in devices_in(reading, site=site, device=device, now_ms=now_ms)
                if after is None or f"{one.site}/{one.device}" > after
            ]
            words = _health(reading, site, device)
            zones = {name: time_zone_of(reading, name, context.sites) for name in {one.site for one in found[:limit]}}
            return Devices(
                now_ms=now_ms,
                devices=[
                    _device(one, zones[one.site], words.get((one.site, one.device)), now_ms=now_ms)
                    for one in found[:limit]
                ],
                next=f"{found[limit - 1].site}/{found[limit - 1].device}" if len(found) > limit else None,
            )

        return await context.pool.read(question)

    @router.get("/gaps", dependencies=[read])
    async def all_gaps(
        site: NameQuery = None,
        device: NameQuery = None,
        after: Annotated[int, Query(ge=0, le=2**31)] = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
    ) -> Gaps:
        """Which reports have not come, which were asked for, and which the devices hold no more."""

        def question(reading: Reading) -> Gaps:
            found = gaps_in(reading, site=site, device=device)
            return Gaps(
                gaps=[_gap(one) for one in found[after : after + limit]],
                next=after + limit if len(found) > after + limit else None,
            )

        return await context.pool.read(question)

    @router.get("/refusals", dependencies=[read])
    async def all_refusals(
        site: NameQuery = None, device: NameQuery = None, limit: Annotated[int, Query(ge=1, le=PAGE)] = 50
    ) -> RefusalInfos:
        """Which messages were refused, from whom, and why."""
        found = await context.pool.read(lambda reading: refusals_in(reading, site=site, device=device, limit=limit))
        return RefusalInfos(
            refusals=[RefusalInfo.model_validate(one) for one in found.newest],
            counts=[
                RefusalCount(site=of_site, device=of_device, reason=reason, times=times)
                for of_site, of_device, reason, times in found.counts
            ],
            looked_at=found.looked_at,
        )

    @router.get("/faults", dependencies=[read])
    async def all_faults() -> Faults:
        """What fails now in the collector itself: its store, the alerts of a site, a channel, the pages."""
        return Faults(faults=[FaultInfo.model_validate(one) for one in context.faults.now])

    @router.post("/devices/{site}/{device}/resend", status_code=202, dependencies=[Depends(Needs(context, "operate"))])
    async def resend(site: Name, device: Name, wish: Wish) -> Wished:
        """Ask the device for missing reports as soon as it can be asked, and not when it would be their turn."""
        if not 1 <= wish.first <= wish.last < 2**53:
            raise InputError("first and last are numbers of reports, from 1 on, the smaller one first")
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> tuple[list[Gap], list[DeviceState]]:
            return gaps_in(reading, site=site, device=device), devices_in(
                reading, site=site, device=device, now_ms=now_ms
            )

        gaps, states = await context.pool.read(question)
        ranges = [
            (max(gap.missing.first, wish.first), min(gap.missing.last, wish.last))
            for gap in gaps
            if gap.journal == wish.journal
            and not gap.missing.gone
            and gap.missing.first <= wish.last
            and gap.missing.last >= wish.first
        ]
        if not ranges:
            raise HTTPException(404, "none of these reports is missing, or the device holds them no more")
        context.urge_resend(ResendUrged(site, device, wish.journal, tuple(ranges)))
        heard_ms = states[0].lateness.heard_ms if states else None
        return Wished(
            reports=sum(last - first + 1 for first, last in ranges),
            heard=heard_ms is not None and heard_ms > now_ms - int(1_000 * HEARD_WITHIN_S),
        )

    return router


def _health(reading: Reading, site: str | None, device: str | None) -> dict[tuple[str, str], tuple[int, Any]]:
    """The last `health` message of each device, and when it arrived."""
    rows = reading.rows(
        "SELECT site, device, received_ms, payload FROM said JOIN device ON device.id = device_id"
        f" WHERE channel = 'health' AND {CHOSEN}",
        {"site": site, "device": device},
    )
    return {(row[0], row[1]): (row[2], msgspec.json.decode(bytes(row[3]))) for row in rows}


def _device(state: DeviceState, time_zone: str, health: tuple[int, Any] | None, *, now_ms: int) -> DeviceInfo:
    lateness = state.lateness
    return DeviceInfo(
        site=state.site,
        device=state.device,
        time_zone=time_zone,
        state=state.status.state if state.status else None,
        since=state.status.since if state.status else None,
        reason=state.status.reason if state.status else None,
        version=state.info.version if state.info else None,
        model=state.info.model if state.info else None,
        last_report_end_ms=(
            None
            if lateness.newest_start_ms is None
            else min(_UTC_MS_MAX, lateness.newest_start_ms + (lateness.newest_width_ms or 0))
        ),
        heard_ms=lateness.heard_ms,
        late_ms=lateness.late_ms,
        worst_late_ms=lateness.worst_ms,
        clock_ahead_ms=state.ahead_ms,
        clock_synced=None if lateness.clock_synced is None else bool(lateness.clock_synced),
        ahead=state.ahead.number,
        ahead_to_ms=None if state.ahead.end_ms is None else min(_UTC_MS_MAX, state.ahead.end_ms),
        early=state.early.number,
        early_from_ms=state.early.first_ms,
        set_aside=state.set_aside.number,
        overlapping=state.overlapping.number,
        dropped=state.total.dropped if state.total else None,
        forgotten=state.total.forgotten if state.total else None,
        letters_lost=state.total.letters_lost if state.total else None,
        missing=state.missing,
        gone=state.gone,
        identity=identity_of(state, now_ms=now_ms),
        health=None if health is None else health[1],
        health_ms=None if health is None else health[0],
    )


def _gap(gap: Gap) -> GapInfo:
    missing = gap.missing
    return GapInfo(site=gap.site, device=gap.device, journal=gap.journal, reports=missing.reports, **asdict(missing))
