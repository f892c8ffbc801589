"""The first vehicle of a class after a number of days without one that were watched. Pure."""

import msgspec

from collector.alerts.alert import Subject
from collector.alerts.rules.finding import Finding
from collector.alerts.settings import Rules
from collector.alerts.wording import DAY_MS, many, moment, percent, span, way
from collector.queries.schemes import UNCLASSIFIED


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """The first bucket with a vehicle of a class, after the last one with any.

    `before_ms` is the start of that last bucket; None if there was none since the site's first report at `begun_ms`.
    `watched_ms` of the time in between was watched.
    """

    site: str
    label: str
    at_ms: int
    end_ms: int
    before_ms: int | None
    begun_ms: int
    watched_ms: int
    device: str = ""
    line: str = ""
    direction: str = ""

    @property
    def since_ms(self) -> int:
        """Since when there was none."""
        return self.begun_ms if self.before_ms is None else self.before_ms


def subject_of(site: str, label: str) -> Subject:
    """The subject of such an alert: a class at a site, over any line."""
    return Subject(site=site, label=label)


def may_be_news(label: str, since_ms: int, at_ms: int, rules: Rules) -> bool:
    """Whether the time without one is long enough for an alert. Unclassified vehicles raise none."""
    rule = rules.first
    if label == UNCLASSIFIED:
        return False
    return rule.enabled and (not rule.labels or label in rule.labels) and at_ms - since_ms >= rule.days * DAY_MS


def evaluate(seen: Sighting, rules: Rules, time_zone: str) -> Finding | None:
    """A finding, if the time without one is long enough and enough of it was watched; else None."""
    without_ms = seen.at_ms - seen.since_ms
    share = seen.watched_ms / without_ms if without_ms > 0 else 0.0
    if not may_be_news(seen.label, seen.since_ms, seen.at_ms, rules) or share < rules.first.watched_share_min:
        return None
    subject = subject_of(seen.site, seen.label)
    where = Subject(site=seen.site, device=seen.device, line=seen.line, direction=seen.direction)
    if seen.before_ms is None:
        before = f"since watching began on {moment(seen.begun_ms, time_zone)}"
    else:
        before = f"since {moment(seen.before_ms, time_zone)}"
    return Finding(
        kind="first",
        subject=subject,
        at_ms=seen.at_ms,
        reason=f"The first {many(seen.label, 1)} {before}, {way(where)} at {moment(seen.at_ms, time_zone)}:"
        f" {span(without_ms)} without one, {percent(min(1.0, share))} of them watched.",
        figures={
            "without_ms": without_ms,
            "watched_ms": seen.watched_ms,
            "watched_share": round(min(1.0, share), 3),
            "before_ms": seen.before_ms,
            "device": seen.device,
            "line": seen.line,
            "direction": seen.direction,
        },
        from_ms=seen.at_ms,
        to_ms=seen.end_ms,
        device=seen.device,
    )
