"""What an alert is. Times are milliseconds UTC, as everywhere."""

from typing import Literal, get_args

import msgspec

from collector.queries.results import Evidence

Kind = Literal[
    "first",
    "likely",
    "surge",
    "drop",
    "cessation",
    "resumption",
    "queue",
    "convoy",
    "balance",
    "blind",
    "silent",
    "clock",
    "outbox",
    "identity",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
NEWS = ("first", "likely", "resumption", "convoy")
"""Kinds that are closed as soon as they are opened; the others last."""
EVENTS = ("convoy",)
"""Kinds of which each finding is a separate alert, however soon it comes after another one."""
Fate = Literal["told", "suppressed", "late", "withdrawn"]
EVIDENCE_MAX = 20
"""Ranges of reports that an alert names."""
Figures = dict[str, float | int | bool | str | None]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The subject of an alert: a direction over a line and a class (`all`: all classes), a zone, a device.

    Fields that do not apply are empty; `device` is empty if several devices watch the line.
    """

    site: str
    device: str = ""
    line: str = ""
    direction: str = ""
    label: str = ""
    zone: str = ""

    @property
    def key(self) -> str:
        """Identifies the subject within its site."""
        return "/".join((self.device, self.line, self.direction, self.label, self.zone))


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """Who acknowledged an alert, when, and their note."""

    by: str
    at_ms: int
    note: str


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert. There is at most one open for a kind and subject.

    It is open while `closed_ms` is None. `at_ms` to `until_ms` is when it happened (until None: it lasts), `opened_ms`,
    `updated_ms` and `closed_ms` are when the collector noticed. `fate`: `told` (sent); `suppressed`, because the site
    had reached its number of messages per hour (a digest counts it); `late`, because its reports came too late for a
    message; `withdrawn`, because later reports show that it was wrong.
    """

    id: int
    kind: Kind
    subject: Subject
    at_ms: int
    until_ms: int | None
    opened_ms: int
    updated_ms: int
    closed_ms: int | None
    reason: str
    """One sentence with its figures."""
    ending: str
    """One sentence that says why it is closed; empty while it is open."""
    figures: Figures
    """The figures in the sentence, by name; the unit ends the name. `time_zone`: of the times in it."""
    evidence: tuple[Evidence, ...]
    """The reports, by device, run and seq."""
    times: int
    """How often it was opened: one that comes again soon after it was closed is the same."""
    fate: Fate
    acknowledged: Acknowledgement | None
    has_picture: bool

    @property
    def time_zone(self) -> str:
        """The time zone of the times in its sentences."""
        return str(self.figures.get("time_zone") or "UTC")

    @property
    def open(self) -> bool:
        """Whether it is open."""
        return self.closed_ms is None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one notification in one channel.

    `state`: `waiting` (until `due_ms`), `sending`, `sent`, `failed` (no more attempts, see `error`), or `unsure` (the
    collector ended while sending it, and does not send it twice).
    """

    event: str
    """`opened` or `closed`."""
    channel: str
    state: str
    attempts: int
    due_ms: int
    done_ms: int | None
    error: str
