"""What a rule says: something is so, or is so no more."""

import msgspec

from collector.alerts.alert import Figures, Kind, Subject
from collector.alerts.settings import Rules


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """It may be said again, with newer figures: whether that is an alert already is not for the rule to know.

    `at_ms` is when it began, or, where `over`, when it ended; `reason` says why in one sentence. `[from_ms, to_ms)` is
    where its evidence lies, in reports of `device` (empty: of all devices of the site).
    """

    kind: Kind
    subject: Subject
    at_ms: int
    reason: str
    over: bool = False
    withdrawn: bool = False
    """Together with `over`: reports that came later show that it was never so."""
    figures: Figures = {}
    from_ms: int = 0
    to_ms: int = 0
    device: str = ""


class About(msgspec.Struct, frozen=True):
    """What a rule judges, by which settings, and in which zone it names hours."""

    subject: Subject
    rules: Rules
    time_zone: str
