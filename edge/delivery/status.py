"""What a device says beside its reports: `status` (alive or not), `info` (its birth), `total` (all it counted), which
are retained, and `crossing`."""

from typing import Annotated, Literal

import msgspec

from edge.delivery.report import SCHEMA, Amount, Name, Word


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Retained, and the last will: a broker that loses the device says `offline` in its place."""

    schema: int = SCHEMA
    state: Literal["online", "degraded", "offline"]
    run: str
    since: str
    reason: str = ""


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """All that was counted since the device was installed: never falls, and never is a 0 that nobody counted.

    `since` and `as_of` are the start of the first bucket and the end of the last one, RFC 3339 in UTC; `reports` is
    the number of buckets, `watched_ms` how much of their time was watched. `dropped` reports are in these sums, and the
    device had no room to keep them until they could be sent. Of the reports that `journal` numbered, a broker has
    acknowledged all up to `sent_through`: what of them did not arrive was lost on the way, and can be asked for.
    """

    schema: int = SCHEMA
    journal: Name
    sent_through: Amount
    since: str
    as_of: str
    reports: Amount
    watched_ms: Amount
    dropped: Amount
    lines: dict[Name, dict[Word, dict[Word, Amount]]]


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """One vehicle over one line, on the topic `crossing`; `(run, track, line, at)` names it, should it come twice.

    `at` is RFC 3339 in UTC, interpolated on the line; `label` the class with its `share` of the vote; `along` where on
    the line, 0 to 1 from its first point.
    """

    schema: int = SCHEMA
    run: Name
    at: str
    line: Name
    direction: Word
    label: Word = msgspec.field(name="class")
    share: Annotated[float, msgspec.Meta(ge=0, le=1)]
    along: Annotated[float, msgspec.Meta(ge=0, le=1)]
    track: Amount


class LineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The user's words for the two directions over a line."""

    a_to_b: str = "a_to_b"
    b_to_a: str = "b_to_a"


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a reader needs to know before the first report; retained, said on every connection."""

    schema: int = SCHEMA
    run: str
    journal: str = ""
    """The file that numbers the reports; see Report."""
    version: str
    model: str
    configuration_sha256: str = ""
    lines: dict[str, LineInfo]
    zones: list[str] = []
    classes: list[str]
    bucket_ms: int
    time_zone: str = "UTC"
    commands: list[str] = []
    """The verbs that it obeys on `command/<verb>`."""


def encode_self(said: Status | Info | Total | Passage) -> bytes:
    """JSON with sorted keys, as everything on the wire."""
    return msgspec.json.encode(said, order="sorted")
