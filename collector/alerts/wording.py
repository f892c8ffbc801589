"""Formats numbers, times and names for the sentences of alerts."""

from collector.alerts.alert import Subject
from collector.domain.calendar import local

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ALL = "all"
_MANY = {"bus": "buses", "bicycle": "bicycles", "person": "people", "unclassified": "unclassified vehicles"}


def span(ms: float) -> str:
    """A duration with a suitable unit."""
    for unit, unit_ms in (("days", DAY_MS), ("h", HOUR_MS), ("min", 60_000)):
        if ms >= 2 * unit_ms:
            return f"{ms / unit_ms:.0f} {unit}"
    return f"{ms / 1000:.0f} s"


def percent(share: float) -> str:
    """A share as a percentage."""
    return f"{100 * share:.0f}%"


def number(value: float) -> str:
    """A number, with one decimal if it is small."""
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.1f}"


def many(label: str, count: float | None = None) -> str:
    """The plural of a class, or its singular for a count of 1."""
    word = "vehicle" if label == ALL else label
    plural = _MANY.get(word, f"{word}s" if word.isalpha() and word.isascii() else word)
    return word if count == 1 else plural


def way(subject: Subject) -> str:
    """The direction, line and device of a subject."""
    where = f"over {subject.line}" if subject.line else ""
    device = f" ({subject.device})" if subject.device else ""
    return f"{subject.direction} {where}{device}".strip()


def moment(time_ms: int, time_zone: str) -> str:
    """Date and time by the site's clocks."""
    return f"{local(time_ms, time_zone):%Y-%m-%d %H:%M}"


def hours(from_ms: int, to_ms: int, time_zone: str) -> str:
    """A span by the site's clocks; the end without its date if that is the same."""
    first, last = local(from_ms, time_zone), local(to_ms, time_zone)
    until = f"{last:%H:%M}" if last.date() == first.date() else f"{last:%Y-%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M} to {until}"
