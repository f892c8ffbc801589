"""What a device says about itself on its retained topics, as far as the collector reads it.

Fields of a newer device are passed over. The texts are for people: bounded, and without control characters.
"""

from typing import Annotated, Literal, TypeVar

import msgspec

from edge.delivery.report import SCHEMA, Amount, Lines, Milliseconds, Name, ReportError, milliseconds_of

SAID_BYTES_MAX = 65_536

_Line = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`status`, and the last will: a broker that loses the device says `offline` in its place."""

    schema: Literal[1]
    state: Literal["online", "degraded", "offline"]
    run: _Line
    since: _Line
    reason: _Line = ""


class LineWords(msgspec.Struct, frozen=True, kw_only=True):
    """What people call the two directions over a line."""

    a_to_b: _Line = "a_to_b"
    b_to_a: _Line = "b_to_a"


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """`info`: with what the device counts."""

    schema: Literal[1]
    run: _Line
    version: _Line
    model: _Line = ""
    time_zone: _Line = "UTC"
    lines: dict[str, LineWords] = {}


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """`total`: of the reports that `journal` numbered, a broker has acknowledged all up to `sent_through`."""

    schema: Literal[1]
    journal: Name | msgspec.UnsetType = msgspec.UNSET
    sent_through: Amount = 0
    dropped: Amount = 0
    """Reports that the device had no room to keep until they could be sent."""


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """`live`: the open bucket, a few seconds old: a look, no count. Where nothing is seen `lines` is null."""

    schema: Literal[1]
    start: str
    width_ms: Milliseconds
    as_of: str
    watched_ms: Milliseconds
    lines: Lines | None
    in_view: Amount
    standing: dict[Name, Amount] = {}
    blind: _Line = ""

    def __post_init__(self) -> None:
        """Hold what no single field can say."""
        milliseconds_of(self.start)
        milliseconds_of(self.as_of)


_Said = TypeVar("_Said", Status, Info, Total, Live)


def decode_said(payload: bytes, kind: type[_Said]) -> _Said:
    """A status, a birth, a total or an open bucket in `payload`, or ReportError."""
    assert SCHEMA == 1, "the schema that these structs name is the one of the wire"
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(f"not the {kind.__name__.lower()} of a device: {error}") from error
