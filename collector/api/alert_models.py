"""Answers of the API about alerts. Times are milliseconds since 1970 UTC."""

from collector.api.models import Model, ReportRange
from collector.api.verdict_models import VerdictInfo


class Acknowledged(Model):
    """Who took note of an alert, when, and what they wrote."""

    by: str
    at_ms: int
    note: str


class AlertInfo(Model):
    """Something new, and why. It lasts until `closed_ms`; `picture` says whether there is one and it may be seen."""

    id: int
    site: str
    device: str
    line: str
    direction: str
    label: str
    zone: str
    kind: str
    at_ms: int
    until_ms: int | None
    opened_ms: int
    updated_ms: int
    closed_ms: int | None
    open: bool
    reason: str
    ending: str
    figures: dict[str, float | int | bool | str | None]
    evidence: list[ReportRange]
    times: int
    fate: str
    acknowledged: Acknowledged | None
    picture: bool
    time_zone: str
    verdicts: list[VerdictInfo]
    """What people say of its vehicle: of each person what holds."""


class Alerts(Model):
    """Newest first; `next` is the `before` of the next page."""

    now_ms: int
    alerts: list[AlertInfo]
    next: int | None


class Note(Model):
    """What somebody writes who takes note of an alert."""

    note: str = ""
