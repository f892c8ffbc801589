"""A queue above a number of vehicles for a time. Pure."""

import msgspec

from collector.alerts.rules.finding import About, Finding
from collector.alerts.wording import hours, number, percent, span

FORGET_MS = 3_600_000
"""After this time without watching a zone begins again."""


class Slot(msgspec.Struct, frozen=True):
    """Five minutes of a zone; `standing` (the mean) is None if they were not watched."""

    start_ms: int
    end_ms: int
    standing: float | None
    most: int = 0
    watched_ms: int = 0
    wait_p90_ms: float | None = None


class QueueState(msgspec.Struct, kw_only=True):
    """The state of the rule for a zone."""

    on: bool = False
    since_ms: int = 0
    """When it went above the limit, or below it, which may not last yet."""
    lasted_ms: int = 0
    watched_ms: int = 0
    most: int = 0
    seen_ms: int = 0


def evaluate(state: QueueState, slot: Slot, about: About) -> list[Finding]:
    """Evaluate one more slot."""
    rule, subject = about.rules.queue, about.subject
    if not rule.enabled or slot.standing is None:
        return []
    if slot.start_ms - state.seen_ms > FORGET_MS:
        state.lasted_ms = state.watched_ms = 0
    state.seen_ms = slot.end_ms
    towards = slot.standing >= rule.vehicles if not state.on else slot.standing < rule.over_share * rule.vehicles
    if not towards:
        state.lasted_ms = state.watched_ms = 0
        state.most = max(state.most, slot.most) if state.on else 0
        return [_long(state, slot, about)] if state.on and slot.most == state.most else []
    if state.lasted_ms == 0:
        state.since_ms = slot.start_ms
    state.lasted_ms += slot.end_ms - slot.start_ms
    state.watched_ms += slot.watched_ms
    if not state.on:
        state.most = max(state.most, slot.most)
    if state.lasted_ms < rule.minutes * 60_000:
        return []
    if not state.on:
        state.on = True
        found = _long(state, slot, about)
    else:
        state.on = False
        found = Finding(
            kind="queue",
            subject=subject,
            at_ms=state.since_ms,
            over=True,
            reason=f"{number(slot.standing)} stand in {subject.zone} now, fewer than"
            f" {number(rule.over_share * rule.vehicles)} for {span(state.lasted_ms)}; the most were {state.most}.",
        )
        state.most = 0
    state.lasted_ms = state.watched_ms = 0
    return [found]


def _long(state: QueueState, slot: Slot, about: About) -> Finding:
    subject, limit = about.subject, about.rules.queue.vehicles
    lasted_ms = max(1, slot.end_ms - state.since_ms)
    share = (
        min(1.0, state.watched_ms / lasted_ms) if state.watched_ms else slot.watched_ms / (slot.end_ms - slot.start_ms)
    )
    wait = (
        ""
        if slot.wait_p90_ms is None
        else f"; nine in ten of those that left had waited up to {span(slot.wait_p90_ms)}"
    )
    return Finding(
        kind="queue",
        subject=subject,
        at_ms=state.since_ms,
        reason=f"{number(slot.standing or 0)} vehicles stand in {subject.zone} ({subject.device}), {limit}"
        f" or more from {hours(state.since_ms, slot.end_ms, about.time_zone)} ({percent(share)} watched), at most"
        f" {state.most}{wait}.",
        figures={
            "standing": round(slot.standing or 0, 1),
            "most": state.most,
            "limit": limit,
            "lasted_ms": lasted_ms,
            "watched_share": round(share, 3),
            "wait_p90_ms": None if slot.wait_p90_ms is None else round(slot.wait_p90_ms),
        },
        from_ms=state.since_ms,
        to_ms=slot.end_ms,
        device=subject.device,
    )
