"""What an alert is, for whoever lists, shows and acknowledges them. Times are milliseconds UTC, as everywhere."""

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
"""Kinds that are told and over at once; the others last."""
EVENTS = ("convoy",)
"""Of them, kinds of which each is an alert by itself, however soon it comes after another one."""
Fate = Literal["told", "suppressed", "late", "withdrawn"]
EVIDENCE_MAX = 20
"""Ranges of reports that an alert names."""
Figures = dict[str, float | int | bool | str | None]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What an alert is about: a direction over a line and a class of it (`all` for all of them), a zone, a device.

    What does not apply is empty; `device` is empty where several watch the same line.
    """

    site: str
    device: str = ""
    line: str = ""
    direction: str = ""
    label: str = ""
    zone: str = ""

    @property
    def key(self) -> str:
        """Tells the subjects of a site apart."""
        return "/".join((self.device, self.line, self.direction, self.label, self.zone))


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """Who took note, when, and what they wrote."""

    by: str
    at_ms: int
    note: str


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert. There is at most one open for a kind and subject.

    It is open while `closed_ms` is None. `at_ms` to `until_ms` is when it was so in the world (until None: still),
    `opened_ms`, `updated_ms` and `closed_ms` are when the collector noticed. `fate`: `told`; `suppressed`, because the
    site had its number of messages for the hour (a digest counts it); `late`, because it was no news any more when its
    reports came; `withdrawn`, because reports that came later show that it was not so.
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
    """One sentence that says why it is over; empty while it is not."""
    figures: Figures
    """What the sentence is made of, by name; the unit ends the name. `time_zone`: of the times in it."""
    evidence: tuple[Evidence, ...]
    """The reports, by device, run and seq."""
    times: int
    """How often it was opened: one that comes again soon after it was over is the same."""
    fate: Fate
    acknowledged: Acknowledgement | None
    has_picture: bool

    @property
    def time_zone(self) -> str:
        """Of the times in its sentences."""
        return str(self.figures.get("time_zone") or "UTC")

    @property
    def open(self) -> bool:
        """Whether it is not over."""
        return self.closed_ms is None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one message in one channel.

    `state`: `waiting` (until `due_ms`), `sending`, `sent`, `failed` (given up, see `error`), or `unsure` (the collector
    died in the middle of sending it, and does not say it twice).
    """

    event: str
    """`opened` or `closed`."""
    channel: str
    state: str
    attempts: int
    due_ms: int
    done_ms: int | None
    error: str
