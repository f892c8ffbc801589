"""If all devices of a site are silent, or blind, at once: one alert for the site instead of one per device. Pure.

1. The alert is for the site if none of its devices works and two or more failed together.
2. Until that is known, findings of single devices wait: while all others may still follow, and for TOGETHER_MS at most.
3. A device that had an alert of its own before keeps it, and is not part of that of the site.
4. The alert of the site ends as soon as one device works. The others have TOGETHER_MS to follow before each gets its
   own.
"""

from collections.abc import Mapping, Sequence

import msgspec

from collector.alerts.alert import Figures, Kind, Subject
from collector.alerts.rules.device import DeviceMemory, DeviceNow
from collector.alerts.rules.finding import Finding
from collector.alerts.settings import Rules
from collector.alerts.wording import HOUR_MS, moment

TOGETHER_MS = 900_000
NAMES_MAX = 20
"""Devices that an alert names, with their figures; the others are counted."""
_ALL = {
    "silent": "All of {site} is silent: nothing is heard of its {number} devices",
    "blind": "All of {site} is blind: its {number} devices report and see nothing",
}
_WELL = {"silent": "heard again", "blind": "seeing again"}


class DeviceCondition(msgspec.Struct, frozen=True, kw_only=True):
    """The condition of a device for one kind of alert."""

    device: str
    unwell: bool
    """Its rule has found a fault."""
    soon: bool
    """Its rule may find one within TOGETHER_MS."""
    since_ms: int
    """Since when the condition lasts."""


class SiteMemory(msgspec.Struct, kw_only=True):
    """The state of the rule for a site and one kind of alert."""

    alone: list[str] | None = None
    """Devices with an alert of their own; None: there was no evaluation yet."""
    together: list[str] = []
    """The devices in the alert of the site, while there is one."""
    held_ms: dict[str, int] = {}
    """Since when the finding of a device waits."""
    over_ms: int | None = None
    """When the alert of the site ended."""


def silence_of(memory: DeviceMemory, now: DeviceNow, rules: Rules) -> DeviceCondition | None:
    """The condition for `silent`; None for a device that was never heard."""
    if now.heard_ms is None:
        return None
    quiet_ms = now.now_ms - max(now.heard_ms, now.listening_ms)
    soon = quiet_ms >= _soon_ms(rules.silent.minutes)
    return DeviceCondition(device=now.device, unwell=memory.silent_on, soon=soon, since_ms=now.heard_ms)


def blindness_of(memory: DeviceMemory, now: DeviceNow, rules: Rules) -> DeviceCondition | None:
    """The condition for `blind`; None for a device that sends no reports."""
    if now.newest_end_ms is None or (memory.silent_on and not memory.blind_on):
        return None
    since_ms = now.newest_end_ms if now.blind_since_ms is None else now.blind_since_ms
    soon = now.newest_end_ms - since_ms >= max(1, _soon_ms(rules.blind.minutes))
    return DeviceCondition(device=now.device, unwell=memory.blind_on, soon=soon, since_ms=since_ms)


def _soon_ms(minutes: int) -> int:
    return max(minutes * 30_000, minutes * 60_000 - TOGETHER_MS)


def evaluate(
    memory: SiteMemory,
    kind: Kind,
    site: str,
    fares: Sequence[DeviceCondition],
    found: Mapping[str, Sequence[Finding]],
    *,
    now_ms: int,
    time_zone: str,
) -> list[Finding]:
    """The findings that replace those of the devices (`found`, by device, all of this kind)."""
    unwell = {one.device: one for one in fares if one.unwell}
    well = [one for one in fares if not one.unwell]
    memory.alone = [device for device in (unwell if memory.alone is None else memory.alone) if device in unwell]
    said: list[Finding] = []
    if memory.together and well:
        still = [one for one in memory.together if one in unwell]
        said.append(_over(kind, site, well, still, found=found, now_ms=now_ms))
        memory.together, memory.held_ms, memory.over_ms = [], {}, now_ms
    fresh = [device for device in unwell if device not in memory.alone]
    memory.held_ms = {device: memory.held_ms.get(device, now_ms) for device in fresh}
    if memory.together or (len(fresh) >= 2 and not well):
        memory.together = fresh
        said += _all_of(
            kind, site, [unwell[one] for one in fresh], found, before=len(memory.alone), time_zone=time_zone
        )
    else:
        follows = memory.over_ms is not None and now_ms - memory.over_ms < TOGETHER_MS
        waits = follows or (bool(well) and all(one.soon for one in well))
        memory.alone += [one for one in fresh if not waits or now_ms - memory.held_ms[one] >= TOGETHER_MS]
    said += [one for device, ones in found.items() for one in ones if one.over or device in memory.alone]
    return said


def _all_of(
    kind: Kind,
    site: str,
    fares: Sequence[DeviceCondition],
    found: Mapping[str, Sequence[Finding]],
    *,
    before: int,
    time_zone: str,
) -> list[Finding]:
    """One finding for all; none if the rule of a device has no finding in this round: the alert stays as it is."""
    by_device = {device: one for device, ones in found.items() for one in ones if not one.over}
    if any(one.device not in by_device for one in fares):
        return []
    named = sorted(fares, key=lambda one: (one.since_ms, one.device))[:NAMES_MAX]
    figures: Figures = {"devices": len(fares), "devices_before": before}
    for one in named:
        figures |= {f"{one.device}.{name}": value for name, value in by_device[one.device].figures.items()}
    names = [f"{one.device} since {moment(one.since_ms, time_zone)}" for one in named]
    names += [f"{len(fares) - len(named)} more"] if len(fares) > len(named) else []
    lasted_ms = max(one.to_ms for one in by_device.values())
    also = f"; {before} more had ceased before" if before else ""
    heads = _ALL[kind].format(site=site, number=len(fares))
    since_ms = min(one.since_ms for one in fares)
    return [
        Finding(
            kind=kind,
            subject=Subject(site=site),
            at_ms=since_ms,
            reason=f"{heads}, {', '.join(names)}{also}.",
            figures=figures,
            from_ms=since_ms - HOUR_MS,
            to_ms=lasted_ms,
        )
    ]


def _over(
    kind: Kind,
    site: str,
    well: Sequence[DeviceCondition],
    still: Sequence[str],
    *,
    found: Mapping[str, Sequence[Finding]],
    now_ms: int,
) -> Finding:
    at_ms = min((one.at_ms for ones in found.values() for one in ones if one.over), default=now_ms)
    names = ", ".join(one.device for one in well[:NAMES_MAX])
    yet = f"; not yet: {', '.join(still[:NAMES_MAX])}" if still else ""
    verb = "is" if len(well) == 1 else "are"
    return Finding(
        kind=kind, subject=Subject(site=site), at_ms=at_ms, reason=f"{names} {verb} {_WELL[kind]}{yet}.", over=True
    )
