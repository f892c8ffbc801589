"""Faults of a device: blind, silent, clock, outbox, another device under its name. Pure; called once a minute.

Time in which the collector was not subscribed does not count as silence. What takes time to show (a clock, an outbox)
is kept in the state of the rule, so the store needs no history of `health` messages.
"""

import msgspec

from collector.alerts.alert import Figures, Kind, Subject
from collector.alerts.rules.finding import Finding
from collector.alerts.settings import Rules
from collector.alerts.wording import HOUR_MS, moment, number, percent, span

USUALLY_DARK = 0.2
"""A device whose usual watched share of these hours is lower is not reported as blind in them."""
SEES_MS = 600_000
"""The span whose watched time decides that a camera sees again."""
FRESH_MS = 600_000
"""An older `health` message is ignored."""


class DeviceNow(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a device. None: not known. Times are milliseconds UTC."""

    site: str
    device: str
    now_ms: int
    listening_ms: int
    """Since when the collector has been subscribed without a break."""
    heard_ms: int | None = None
    state: str = ""
    """The state in its status: online, degraded or offline."""
    newest_end_ms: int | None = None
    """The end of the newest bucket that it reported."""
    blind_since_ms: int | None = None
    """The start of the newest reports without watched time; None: the newest report has some."""
    sees_ms: int = 0
    """Watched time of the last SEES_MS of reports."""
    usual_share: float | None = None
    """The watched share of the same hours in past weeks."""
    blind_reason: str = ""
    synced: bool | None = None
    ahead_ms: int = 0
    """By how much a report came before its bucket had ended."""
    health_ms: int | None = None
    """When its last `health` message arrived."""
    offset_ms: int | None = None
    """The time of that message by the device's clock, minus the time of its arrival."""
    unsent: int | None = None
    dropped: int = 0
    identity: str = ""
    """Sentences about other devices under its name (collector.protocol.identity); empty: one device, one outbox."""
    identity_ms: int | None = None
    """When the newest evidence for them arrived."""
    overlapping: int = 0
    """Reports set aside because another device of this name had watched the same time."""


class DeviceMemory(msgspec.Struct, kw_only=True):
    """The state of the rules for a device."""

    wrong_ms: int | None = None
    """Since when its clock is wrong."""
    right_ms: int | None = None
    clock_on: bool = False
    points: list[tuple[int, int]] = []
    """Time and number of waiting reports, an hour apart, the newest last."""
    outbox_on: bool = False
    outbox_most: int = 0
    blind_on: bool = False
    silent_on: bool = False
    identity_since_ms: int | None = None
    """The first evidence of another device under its name; None: there is no alert."""


def evaluate(memory: DeviceMemory, now: DeviceNow, rules: Rules, time_zone: str) -> list[Finding]:
    """Evaluate all rules about the device."""
    found: list[Finding] = []
    if rules.silent.enabled:
        found += _silent(memory, now, rules, time_zone)
    if rules.blind.enabled:
        found += _blind(memory, now, rules, time_zone)
    if rules.clock.enabled:
        found += _clock(memory, now, rules)
    if rules.outbox.enabled:
        found += _outbox(memory, now, rules)
    if rules.identity.enabled:
        found += _identity(memory, now, rules)
    return found


def _silent(memory: DeviceMemory, now: DeviceNow, rules: Rules, time_zone: str) -> list[Finding]:
    if now.heard_ms is None:
        return []
    quiet_ms = now.now_ms - max(now.heard_ms, now.listening_ms)
    if quiet_ms >= rules.silent.minutes * 60_000:
        memory.silent_on = True
        said = f"; the broker says that it is {now.state}" if now.state else ""
        reason = (
            f"Nothing was heard of {now.device} since {moment(now.heard_ms, time_zone)}{said}:"
            f" {span(now.now_ms - now.heard_ms)}, of which we listened for {span(quiet_ms)}."
        )
        figures: Figures = {"quiet_ms": now.now_ms - now.heard_ms, "listened_ms": quiet_ms, "state": now.state}
        return [_found("silent", now, now.heard_ms, reason, figures, seen=(now.heard_ms - HOUR_MS, now.heard_ms))]
    if memory.silent_on and now.heard_ms >= now.listening_ms:
        memory.silent_on = False
        return [_over("silent", now, now.heard_ms, f"{now.device} is heard again.")]
    return []


def _blind(memory: DeviceMemory, now: DeviceNow, rules: Rules, time_zone: str) -> list[Finding]:
    if now.newest_end_ms is None:
        return []
    if now.blind_since_ms is None:
        if memory.blind_on and now.sees_ms >= SEES_MS // 2:
            memory.blind_on = False
            return [_over("blind", now, now.newest_end_ms, f"{now.device} sees again.")]
        return []
    lasted_ms = now.newest_end_ms - now.blind_since_ms
    usually = now.usual_share is None or now.usual_share >= USUALLY_DARK
    if lasted_ms < rules.blind.minutes * 60_000 or not (usually or memory.blind_on):
        return []
    memory.blind_on = True
    why = f" ({now.blind_reason})" if now.blind_reason else ""
    usual = "" if now.usual_share is None else f"; in past weeks {percent(now.usual_share)} of these hours was watched"
    reason = (
        f"{now.device} reports and sees nothing{why} since {moment(now.blind_since_ms, time_zone)}: none of"
        f" {span(lasted_ms)} was watched{usual}."
    )
    figures: Figures = {"blind_ms": lasted_ms, "usual_share": now.usual_share, "watched_share": 0.0}
    return [_found("blind", now, now.blind_since_ms, reason, figures, seen=(now.blind_since_ms, now.newest_end_ms))]


def _clock(memory: DeviceMemory, now: DeviceNow, rules: Rules) -> list[Finding]:
    limit_ms = rules.clock.seconds * 1_000
    fresh = now.health_ms is not None and now.now_ms - now.health_ms < FRESH_MS
    offset_ms = (now.offset_ms or 0) if fresh else 0
    ahead_ms = max(now.ahead_ms, offset_ms)
    if ahead_ms >= limit_ms:
        how = f"is ahead of ours by {span(ahead_ms)}"
    elif -offset_ms >= limit_ms:
        how = f"is behind ours by {span(-offset_ms)}"
    elif now.synced is False:
        how = "was not set since it started"
    else:
        how = ""
    if not fresh and now.heard_ms is not None and now.now_ms - now.heard_ms >= FRESH_MS:
        return []  # nothing new is known
    if how:
        memory.wrong_ms = memory.wrong_ms if memory.wrong_ms is not None else now.now_ms
        memory.right_ms = None
    else:
        memory.right_ms = memory.right_ms if memory.right_ms is not None else now.now_ms
        if not memory.clock_on:
            memory.wrong_ms = None
    lasts_ms = rules.clock.minutes * 60_000
    if how and memory.wrong_ms is not None and (memory.clock_on or now.now_ms - memory.wrong_ms >= lasts_ms):
        memory.clock_on = True
        reason = (
            f"The clock of {now.device} {how}, for {span(now.now_ms - memory.wrong_ms)}: its counts may belong to other"
            " hours than they say."
        )
        figures: Figures = {"ahead_ms": ahead_ms if ahead_ms else offset_ms, "synced": now.synced}
        return [_found("clock", now, memory.wrong_ms, reason, figures, seen=(memory.wrong_ms - HOUR_MS, now.now_ms))]
    if memory.clock_on and memory.right_ms is not None and now.now_ms - memory.right_ms >= lasts_ms:
        memory.clock_on, memory.wrong_ms = False, None
        return [_over("clock", now, memory.right_ms, f"The clock of {now.device} is right again.")]
    return []


def _outbox(memory: DeviceMemory, now: DeviceNow, rules: Rules) -> list[Finding]:
    if now.unsent is None or now.health_ms is None or now.now_ms - now.health_ms >= FRESH_MS:
        return []
    rule = rules.outbox
    if not memory.points or now.now_ms - memory.points[-1][0] >= HOUR_MS:
        memory.points = [*memory.points, (now.now_ms, now.unsent)][-(rule.hours + 1) :]
    elif now.now_ms < memory.points[-1][0]:  # the collector's clock was set back
        memory.points = [(now.now_ms, now.unsent)]
    numbers = [number_ for _, number_ in memory.points]
    spanned_ms = now.now_ms - memory.points[0][0]
    grew = len(numbers) > rule.hours and all(a < b for a, b in zip(numbers, numbers[1:], strict=False))
    grew = grew and spanned_ms < 2 * rule.hours * HOUR_MS + HOUR_MS
    memory.outbox_most = max(memory.outbox_most, now.unsent) if memory.outbox_on else 0
    if memory.outbox_on and (now.unsent < rule.reports // 2 or 2 * now.unsent < memory.outbox_most):
        memory.outbox_on = False
        return [_over("outbox", now, now.now_ms, f"{number(now.unsent)} reports wait in {now.device}, at most it were"
                      f" {number(memory.outbox_most)}.")]  # fmt: skip
    if (grew and now.unsent >= rule.reports) or memory.outbox_on:
        since_ms, began = memory.points[0]
        memory.outbox_on, memory.outbox_most = True, max(memory.outbox_most, now.unsent)
        lost = f"; it had to drop {number(now.dropped)} so far" if now.dropped else ""
        reason = (
            f"{number(now.unsent)} reports wait in {now.device} and become ever more: {number(began)}"
            f" {span(now.now_ms - since_ms)} ago{lost}; its link takes less than it counts."
        )
        figures: Figures = {
            "unsent": now.unsent,
            "before": began,
            "over_ms": now.now_ms - since_ms,
            "dropped": now.dropped,
        }
        return [_found("outbox", now, since_ms, reason, figures, seen=(since_ms, now.now_ms))]
    return []


def _identity(memory: DeviceMemory, now: DeviceNow, rules: Rules) -> list[Finding]:
    quiet_ms = rules.identity.hours * HOUR_MS
    sign_ms = now.identity_ms
    if sign_ms is not None and now.identity and now.now_ms - sign_ms < quiet_ms:
        since_ms = memory.identity_since_ms = sign_ms if memory.identity_since_ms is None else memory.identity_since_ms
        figures: Figures = {"overlapping": now.overlapping}
        return [_found("identity", now, since_ms, now.identity, figures, seen=(since_ms - HOUR_MS, now.now_ms))]
    if memory.identity_since_ms is not None:
        memory.identity_since_ms = None
        reason = f"No further sign of another device or outbox under the name {now.device} for {span(quiet_ms)}."
        return [_over("identity", now, now.now_ms, reason)]
    return []


def _subject(now: DeviceNow) -> Subject:
    return Subject(site=now.site, device=now.device)


def _found(kind: Kind, now: DeviceNow, at_ms: int, reason: str, figures: Figures, *, seen: tuple[int, int]) -> Finding:
    return Finding(
        kind=kind,
        subject=_subject(now),
        at_ms=at_ms,
        reason=reason,
        figures=figures,
        from_ms=seen[0],
        to_ms=seen[1],
        device=now.device,
    )


def _over(kind: Kind, now: DeviceNow, at_ms: int, reason: str) -> Finding:
    return Finding(kind=kind, subject=_subject(now), at_ms=at_ms, reason=reason, over=True)
