"""The result of a rule: a condition holds, or has ended."""

import msgspec

from collector.alerts.alert import Figures, Kind, Subject
from collector.alerts.settings import Rules


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A rule may return the same finding again with newer figures; it does not know which alerts exist.

    `at_ms` is when the condition began, or, with `over`, when it ended; `reason` is one sentence. The evidence is in
    reports of `device` (empty: all devices of the site) in `[from_ms, to_ms)`.
    """

    kind: Kind
    subject: Subject
    at_ms: int
    reason: str
    over: bool = False
    withdrawn: bool = False
    """With `over`: later reports show that the finding was wrong."""
    figures: Figures = {}
    from_ms: int = 0
    to_ms: int = 0
    device: str = ""


class About(msgspec.Struct, frozen=True):
    """What a rule evaluates, by which settings, and the time zone for its sentences."""

    subject: Subject
    rules: Rules
    time_zone: str
