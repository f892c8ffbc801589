"""Convoys with enough vehicles for an alert; each is an alert of its own, closed at once. Pure."""

import msgspec

from collector.alerts.alert import Subject
from collector.alerts.rules.finding import Finding
from collector.alerts.settings import Rules
from collector.alerts.wording import HOUR_MS, hours, many, span, way
from collector.store.convoys import StoredConvoy

_CUT = {"unwatched": "was not watched", "limit": "has more of it"}


def evaluate(convoy: StoredConvoy, rules: Rules, time_zone: str, *, now_ms: int) -> Finding | None:
    """A finding, if the convoy is long enough and not ahead of the collector's clock (by a wrong clock); else None."""
    rule = rules.convoy
    if not rule.enabled or convoy.vehicles < rule.vehicles_min or convoy.until_ms > now_ms + HOUR_MS:
        return None
    labels = sorted(convoy.by_class, key=lambda label: (-convoy.by_class[label], label))
    where = Subject(site=convoy.site, device=convoy.device, line=convoy.line, direction=convoy.direction)
    cuts = [
        f"the time {side} it {_CUT[edge]}"
        for side, edge in (("before", convoy.began), ("after", convoy.ended))
        if edge in _CUT
    ]
    cut = f"; {' and '.join(cuts)}, so it may be longer" if cuts else ""
    named = [f"{convoy.by_class[label]} {many(label, convoy.by_class[label])}" for label in labels]
    vehicles = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return Finding(
        kind="convoy",
        subject=msgspec.structs.replace(where, label=labels[0] if len(labels) == 1 else ""),
        at_ms=convoy.since_ms,
        reason=f"A convoy of {vehicles}, {way(where)}, {hours(convoy.since_ms, convoy.until_ms, time_zone)}: half of"
        f" the headways up to {span(convoy.gap_p50_ms)}, the longest {span(convoy.gap_max_ms)}{cut}.",
        figures={
            "vehicles": convoy.vehicles,
            **{f"by_class.{label}": convoy.by_class[label] for label in labels},
            "lasted_ms": convoy.until_ms - convoy.since_ms,
            "gap_min_ms": convoy.gap_min_ms,
            "gap_p50_ms": convoy.gap_p50_ms,
            "gap_max_ms": convoy.gap_max_ms,
            "headway_ms": convoy.headway_ms,
            "began": convoy.began,
            "ended": convoy.ended,
        },
        from_ms=convoy.since_ms,
        to_ms=convoy.until_ms + 1,
        device=convoy.device,
    )
