"""Numbers, times and names as the sentences of alerts say them."""

from collector.alerts.alert import Subject
from collector.domain.calendar import local

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ALL = "all"
_MANY = {"bus": "buses", "bicycle": "bicycles", "person": "people", "unclassified": "unclassified vehicles"}


def span(ms: float) -> str:
    """With the unit in which people say it."""
    for unit, unit_ms in (("days", DAY_MS), ("h", HOUR_MS), ("min", 60_000)):
        if ms >= 2 * unit_ms:
            return f"{ms / unit_ms:.0f} {unit}"
    return f"{ms / 1000:.0f} s"


def percent(share: float) -> str:
    """A share of 0 to 1 and more."""
    return f"{100 * share:.0f}%"


def number(value: float) -> str:
    """With as many digits as matter."""
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.1f}"


def many(label: str, count: float | None = None) -> str:
    """A class, as many of it are called; `1 truck`, where it is one."""
    word = "vehicle" if label == ALL else label
    plural = _MANY.get(word, f"{word}s" if word.isalpha() and word.isascii() else word)
    return word if count == 1 else plural


def way(subject: Subject) -> str:
    """A direction over a line."""
    where = f"over {subject.line}" if subject.line else ""
    device = f" ({subject.device})" if subject.device else ""
    return f"{subject.direction} {where}{device}".strip()


def moment(time_ms: int, time_zone: str) -> str:
    """Date and time as the site's clocks show it."""
    return f"{local(time_ms, time_zone):%Y-%m-%d %H:%M}"


def hours(from_ms: int, to_ms: int, time_zone: str) -> str:
    """From when to when."""
    first, last = local(from_ms, time_zone), local(to_ms, time_zone)
    until = f"{last:%H:%M}" if last.date() == first.date() else f"{last:%Y-%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M} to {until}"
