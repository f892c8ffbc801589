"""The commands `crossing-collector devices` and `gaps`: devices and missing reports as a table or as JSON."""

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

from collector.cli.answer import print_answer
from collector.cli.terminal_table import aligned
from collector.protocol.items import Gap
from collector.queries.devices import DeviceState, devices, gaps, identity_of
from collector.queries.places import Sites
from collector.store.interface import Store
from edge.clock import SystemClock
from edge.wire.times import rfc3339


def show_devices(store: Store, _sites: Sites, given: argparse.Namespace) -> None:
    """The status of every device, and when and how late it reports."""
    now_ms = SystemClock().real_ms()
    found = devices(store, site=given.site, device=given.device, now_ms=now_ms)
    print_answer(
        given,
        found,
        partial(devices_as_json, now_ms=now_ms),
        partial(devices_as_table, now_ms=now_ms),
        nothing="no device has said anything yet",
    )


def show_gaps(store: Store, _sites: Sites, given: argparse.Namespace) -> None:
    """Which reports are missing or gone, and the devices of whose identity there is doubt."""
    found = gaps(store, site=given.site, device=given.device)
    states = devices(store, site=given.site, device=given.device)
    identity = identity_lines(states, now_ms=SystemClock().real_ms())
    print_answer(
        given,
        found or identity,
        lambda _: {**gaps_as_json(found), "identity": identity},
        lambda _: "\n".join([*([gaps_as_table(found)] if found else []), *identity]),
        nothing="nothing is missing",
    )


def devices_as_table(states: Sequence[DeviceState], *, now_ms: int) -> str:
    """A row per device, with the reason of its status last; below it sentences about identities and losses."""
    rows = [
        [
            "site",
            "device",
            "state",
            "last report",
            "heard",
            "late",
            "worst",
            "clock",
            "ahead",
            "missing",
            "gone",
            "reason",
        ]
    ]
    for state in states:
        lateness = state.lateness
        rows.append(
            [
                state.site,
                state.device,
                state.status.state if state.status else "-",
                _end_of(lateness.newest_start_ms, lateness.newest_width_ms) or "-",
                "-" if lateness.heard_ms is None else f"{_span(now_ms - lateness.heard_ms)} ago",
                _span(lateness.late_ms),
                _span(lateness.worst_ms),
                _clock(state),
                str(state.ahead.number),
                str(state.missing),
                str(state.gone),
                (state.status.reason if state.status else "") or "-",
            ]
        )
    table = aligned(rows, names=4, shared=1)
    return "\n".join([table, *identity_lines(states, now_ms=now_ms), *_lost_lines(states)])


def _lost_lines(states: Sequence[DeviceState]) -> list[str]:
    """A sentence for each device that has lost messages, or can no longer send some again."""
    lines = []
    for state in states:
        total = state.total
        if total is None:
            continue
        lost = {"report": total.dropped, **total.letters_lost}
        found = [f"{kind} {number}" for kind, number in lost.items() if number]
        parts = [f"lost unsent: {', '.join(found)}"] if found else []
        if total.forgotten:
            parts.append(f"reports sent and held no more: {total.forgotten}")
        if parts:
            lines.append(f"{state.site}/{state.device}: {'; '.join(parts)}")
    return lines


def identity_lines(states: Sequence[DeviceState], *, now_ms: int) -> list[str]:
    """The sentences about other devices or outboxes under the names of these devices."""
    return [f"{state.site}: {sentence}" for state in states for sentence in identity_of(state, now_ms=now_ms)]


def devices_as_json(states: Sequence[DeviceState], *, now_ms: int) -> dict[str, Any]:
    """One object; null for what a device has not sent."""
    return {
        "now": rfc3339(now_ms),
        "devices": [
            {
                "site": state.site,
                "device": state.device,
                "state": state.status.state if state.status else None,
                "since": state.status.since if state.status else None,
                "reason": state.status.reason if state.status else None,
                "version": state.info.version if state.info else None,
                "last_report_end": _end_of(state.lateness.newest_start_ms, state.lateness.newest_width_ms),
                "heard": time_text(state.lateness.heard_ms),
                "late_ms": state.lateness.late_ms,
                "worst_late_ms": state.lateness.worst_ms,
                "clock_ahead_ms": state.ahead_ms,
                "clock_synced": None if state.lateness.clock_synced is None else bool(state.lateness.clock_synced),
                "dropped": state.total.dropped if state.total else None,
                "forgotten": state.total.forgotten if state.total else None,
                "letters_lost": state.total.letters_lost if state.total else None,
                "reports_ahead": state.ahead.number,
                "reports_ahead_to": time_text(state.ahead.end_ms),
                "reports_too_early": state.early.number,
                "reports_too_early_from": time_text(state.early.first_ms),
                "reports_set_aside": state.set_aside.number,
                "reports_overlapping": state.overlapping.number,
                "missing": state.missing,
                "gone": state.gone,
                "identity": identity_of(state, now_ms=now_ms),
            }
            for state in states
        ],
    }


def gaps_as_table(found: Sequence[Gap]) -> str:
    """A row per range."""
    rows = [["site", "device", "journal", "state", "first", "last", "reports", "since", "asked", "last asked"]]
    for gap in found:
        one = gap.missing
        rows.append(
            [
                gap.site,
                gap.device,
                gap.journal or "-",
                "gone" if one.gone else "missing",
                *map(str, (one.first, one.last, one.reports)),
                rfc3339(one.since_ms),
                str(one.asked),
                time_text(one.asked_ms) or "-",
            ]
        )
    return aligned(rows, shared=2)


def gaps_as_json(found: Sequence[Gap]) -> dict[str, Any]:
    """One object."""
    return {
        "gaps": [
            {
                "site": gap.site,
                "device": gap.device,
                "journal": gap.journal,
                "gone": gap.missing.gone,
                "first": gap.missing.first,
                "last": gap.missing.last,
                "reports": gap.missing.reports,
                "since": rfc3339(gap.missing.since_ms),
                "asked": gap.missing.asked,
                "last_asked": time_text(gap.missing.asked_ms),
            }
            for gap in found
        ]
    }


def _clock(state: DeviceState) -> str:
    if state.lateness.clock_synced == 0:
        return "not set"
    return f"{_span(state.ahead_ms)} ahead" if state.ahead_ms else "-"


def _end_of(start_ms: int | None, width_ms: int | None) -> str | None:
    return time_text(None if start_ms is None else start_ms + (width_ms or 0))


def time_text(time_ms: int | None) -> str | None:
    """A time as RFC 3339; None for None, and for a time outside of the calendar."""
    try:
        return None if time_ms is None else rfc3339(time_ms)
    except OverflowError:
        return None


def _span(span_ms: int | None) -> str:
    """A duration with one unit."""
    if span_ms is None or span_ms < 0:
        return "-"
    for unit, unit_ms in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if span_ms >= 2 * unit_ms:
            return f"{span_ms / unit_ms:.0f} {unit}"
    return f"{span_ms / 1000:.0f} s"
